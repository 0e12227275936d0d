"""Reading the posted ledger: rows by Batch and by invoice, and PSALedger (vantagepoint.md section 4.7).

Rows are made in ``posting`` and kept with their file in ``state``; here are only the indexes over them.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint.conventions import Query, fold
from st_deltek_pipeline.sandbox.vantagepoint.state import TransactionFile

AUTO_ENTRY = "Y"
"""``AutoEntry`` of the receivable row that posting adds by itself."""


class Ledger:
    """The rows of all posted files, in the order of posting."""

    def __init__(self, files: Iterable[TransactionFile]) -> None:
        self._entries: list[tuple[datetime, list[Row]]] = []
        self._by_batch: dict[str, list[int]] = {}
        self._by_invoice: dict[str, list[int]] = {}
        self._last_sequence: dict[int, int] = {}
        posted = [(file.posting.posted_at, file) for file in files if file.posting is not None]
        for _, file in sorted(posted, key=lambda pair: pair[0]):
            self.add(file)

    def add(self, file: TransactionFile) -> None:
        """Take in a file that has just been posted."""
        posting = file.posting
        if posting is None:
            return
        number = len(self._entries)
        self._entries.append((posting.posted_at, posting.rows))
        self._by_batch.setdefault(fold(file.batch), []).append(number)
        for invoice in {fold(str(row["Invoice"])) for row in posting.rows}:
            self._by_invoice.setdefault(invoice, []).append(number)
        last = self._last_sequence.get(posting.period, 0)
        self._last_sequence[posting.period] = max(last, posting.post_seq)

    def next_sequence(self, period: int) -> int:
        """Return the posting sequence that comes next; it restarts at 1 in each period (section 4.8)."""
        return self._last_sequence.get(period, 0) + 1

    def all_rows(self) -> Iterator[Row]:
        """Yield every posted row, oldest posting first, whether or not it can be read already."""
        for _, rows in self._entries:
            yield from rows

    def visible_rows(self, query: Query, *, now: datetime, lag_seconds: int) -> Iterator[Row]:
        """Yield the rows a reader may see, narrowed by the query's Batch or Invoice but not yet filtered.

        Args:
            query: Its equalities and lists on Batch and Invoice choose the index.
            now: The present.
            lag_seconds: How long a posting takes to become readable.
        """
        newest = now - timedelta(seconds=lag_seconds)
        for number in self._candidates(query):
            posted_at, rows = self._entries[number]
            if lag_seconds == 0 or posted_at <= newest:
                yield from rows

    def _candidates(self, query: Query) -> Iterable[int]:
        for name, index in (("Batch", self._by_batch), ("Invoice", self._by_invoice)):
            wanted = query.equal_to(name)
            if wanted is not None:
                return sorted({number for key in wanted for number in index.get(key, ())})
        return range(len(self._entries))
