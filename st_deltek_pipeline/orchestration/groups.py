"""The asset groups of a connection: what Dagster's lineage shows as one box each. They follow each other without a circle."""

from enum import StrEnum


class Group(StrEnum):
    """A stretch of the way of the data; its value ends the group's name.

    Attributes:
        SERVICETITAN: The field's system, and what was read of it.
        VANTAGEPOINT: The books' master data, and which firm there each customer and vendor is.
        STAGED: Typed documents per business day.
        POSTED: Coded documents, and what is posted of them.
        RECONCILED: The ledgers, and the tie-out.
    """

    SERVICETITAN = "servicetitan"
    VANTAGEPOINT = "vantagepoint"
    STAGED = "staged"
    POSTED = "posted"
    RECONCILED = "reconciled"
