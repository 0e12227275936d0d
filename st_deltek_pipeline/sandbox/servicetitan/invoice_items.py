"""The feed of invoice items: those of the invoices that have changed, in the order of the invoices' changes.

How ServiceTitan shows an item that was removed is not known; here it is simply gone (servicetitan.md section 4).
"""

from collections.abc import Iterable
from typing import cast

from st_deltek_pipeline.sandbox.contractor.world import ServiceTitanWorld
from st_deltek_pipeline.sandbox.servicetitan.resource import Resource
from st_deltek_pipeline.sandbox.servicetitan.tables import Table
from st_deltek_pipeline.sandbox.state import Row, encode_row


def _no_rows(_: ServiceTitanWorld) -> dict[int, Row]:
    return {}


INVOICE_ITEMS = Resource("accounting", "invoice-items", "tn.acc.invoiceitems", _no_rows, exported=True)
"""It has an export feed and no list of its own."""


class InvoiceItems:
    """What ``Feeds`` reads: the log of changes of the invoices, with the items in place of the invoices.

    Args:
        invoices: The table of invoices.
    """

    def __init__(self, invoices: Table) -> None:
        self._invoices = invoices
        self.resource = INVOICE_ITEMS

    @property
    def log_length(self) -> int:
        """The position behind the last change."""
        return self._invoices.log_length

    def position_at(self, ticks: int) -> int:
        """Return the position of the first change at or after an instant."""
        return self._invoices.position_at(ticks)

    def changes(self, start: int, count: int, *, not_after: int | None = None) -> tuple[list[int], int, bool]:
        """Return invoices that have changed, as ``Table.changes`` does."""
        return self._invoices.changes(start, count, not_after=not_after)

    def changes_before(self, end: int, count: int) -> list[int]:
        """Return invoices that have changed before, as ``Table.changes_before`` does."""
        return self._invoices.changes_before(end, count)

    def exported(self, ids: Iterable[int]) -> bytes:
        """Return the items of invoices as the inside of a JSON array."""
        rows = (self._invoices.rows[key] for key in ids)
        return b",".join(
            encode_row({**item, "active": row["active"], "invoiceId": row["id"]})
            for row in rows
            for item in cast("list[Row]", row["items"] or [])
        )
