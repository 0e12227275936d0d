"""A column as Dagster's UI shows it, and those that many tables have."""

from typing import NamedTuple

from st_deltek_pipeline.domain.documents import POSTING_ORDER


class Column(NamedTuple):
    """A column as people see it: PostgreSQL's type, and what stands in it."""

    type: str
    description: str


CONNECTION = Column("text", "The connection, by its name.")
KIND_OF_DOCUMENT = Column("text", f"Kind of document: {', '.join(kind.value for kind in POSTING_ORDER)}.")
DOCUMENT = Column("bigint", "ServiceTitan's id of the document.")
REVISION = Column("integer", "Counts the versions that differ in what matters for accounting, from 1.")
REVISION_HASH = Column("text", "Hash of the fields that matter for accounting.")
BUSINESS_DAY = Column("date", "The partition: the document's date, or the next business day after a day off.")
RUN = Column("text", "The Dagster run that wrote the row.")
