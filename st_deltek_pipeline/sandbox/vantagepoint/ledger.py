"""Reading the posted ledger: rows by type, Batch, invoice, reference and vendor; and the open items of the receivables.

Rows are made in ``ledger_lines`` and kept with their file in ``state``; here are only the indexes over them
(vantagepoint.md section 4.7).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint.conventions import Query, fold
from st_deltek_pipeline.sandbox.vantagepoint.schema import ZERO
from st_deltek_pipeline.sandbox.vantagepoint.state import INVOICES, TransactionFile

AUTO_ENTRY = "Y"
"""``AutoEntry`` of the row that posting adds by itself: receivables, bank or liability."""

RECEIPT, RETAINER = "R", "T"
"""``SubType`` of a receipt's line on the receivables account; the one of a retainer is assumed."""

_RECEIPTS = "CR"
_INDEXED = ("Batch", "Invoice", "RefNo", "Vendor")

ItemKey = tuple[str, str]
"""Project and folded invoice number."""


_Posted = tuple[datetime, Row]
"""When a row got into the ledger, and the row."""


class _TypeLedger:
    """The rows of one type in the order of posting, with indexes over them."""

    def __init__(self) -> None:
        self._rows: list[_Posted] = []
        self._by: dict[str, dict[str, list[int]]] = {name: {} for name in _INDEXED}

    def add(self, posted_at: datetime, rows: list[Row]) -> None:
        for position, row in enumerate(rows, start=len(self._rows)):
            for name, index in self._by.items():
                index.setdefault(fold(row[name]), []).append(position)
        self._rows += [(posted_at, row) for row in rows]

    def candidates(self, query: Query) -> list[_Posted]:
        """Return the rows that the narrowest index leaves, in the order of posting."""
        found: list[list[int]] | None = None
        for name, index in self._by.items():
            wanted = query.equal_to(name)
            if wanted is not None:
                own = [index[key] for key in wanted if key in index]
                if found is None or sum(map(len, own)) < sum(map(len, found)):
                    found = own
        if found is None:
            return self._rows
        return [self._rows[position] for position in sorted(chain.from_iterable(found))]


class Ledger:
    """The rows of all posted files, in the order of posting."""

    def __init__(self, files: Iterable[TransactionFile]) -> None:
        self.reload(files)

    def reload(self, files: Iterable[TransactionFile]) -> None:
        """Forget everything, and take in what files say now."""
        self._postings: list[list[Row]] = []
        self._types: dict[str, _TypeLedger] = {}
        self._open_items: dict[ItemKey, Decimal] = {}
        self._last_sequence: dict[int, int] = {}
        posted = [(file.posting, file) for file in files if file.posting is not None]
        for _, file in sorted(posted, key=lambda pair: (pair[0].posted_at, pair[0].period, pair[0].post_seq)):
            self.add(file)

    def add(self, file: TransactionFile) -> None:
        """Take in a file that has just been posted."""
        posting = file.posting
        if posting is None:
            return
        self._postings.append(posting.rows)
        self._types.setdefault(file.transtype, _TypeLedger()).add(posting.posted_at, posting.rows)
        for row in posting.rows:
            if is_receivable(row):
                key = (row["WBS1"], fold(row["Invoice"]))
                self._open_items[key] = self._open_items.get(key, ZERO) + row["Amount"]
        last = self._last_sequence.get(posting.period, 0)
        self._last_sequence[posting.period] = max(last, posting.post_seq)

    def next_sequence(self, period: int) -> int:
        """Return the posting sequence that comes next; it restarts at 1 in each period (section 4.8)."""
        return self._last_sequence.get(period, 0) + 1

    def open_item(self, wbs1: str, invoice: str) -> Decimal | None:
        """Return what is open on an invoice of a project, or ``None`` when nothing of it was ever posted."""
        return self._open_items.get((wbs1, fold(invoice)))

    def all_rows(self) -> Iterator[Row]:
        """Yield every posted row, oldest posting first, whether or not it can be read already."""
        for rows in self._postings:
            yield from rows

    def visible_rows(
        self, query: Query, *, now: datetime, lag_seconds: int, transtype: str = INVOICES
    ) -> Iterator[Row]:
        """Yield the rows of a type that a reader may see, narrowed by an indexed field but not yet filtered.

        Args:
            query: Its equalities and lists on Batch, Invoice, RefNo or Vendor choose the index.
            now: The present.
            lag_seconds: How long a posting takes to become readable.
            transtype: The type of transaction.
        """
        found = self._types.get(transtype)
        if found is None:
            return
        newest = now - timedelta(seconds=lag_seconds)
        for posted_at, row in found.candidates(query):
            if lag_seconds == 0 or posted_at <= newest:
                yield row


def is_receivable(row: Row) -> bool:
    """Say whether a ledger row is part of what customers owe: what an invoice added, or a receipt took off."""
    transtype = row["TransType"]
    if transtype == INVOICES:
        return row["AutoEntry"] == AUTO_ENTRY
    return transtype == _RECEIPTS and row["SubType"] in {RECEIPT, RETAINER}
