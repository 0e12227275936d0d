"""Releasing a held transaction file: what Vantagepoint shows of it now says how it goes on.

A file is held when Vantagepoint has it, but not as we sent it. A person corrects that there; nothing is ever
believed, everything is compared again. Reading Vantagepoint is ``services.releases``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.reading_back import LedgerLine, file_differences, ledger_differences


@dataclass(frozen=True)
class FoundFile:
    """What Vantagepoint shows of a transaction file.

    Attributes:
        details: Its entered lines; ``None`` when it does not know the Batch.
        posted: The control row says it is posted.
        ledger: The ledger rows of its Batch.
    """

    details: Sequence[Mapping[str, Any]] | None
    posted: bool
    ledger: Sequence[LedgerLine]

    @property
    def absent(self) -> bool:
        """Neither entry nor ledger know it."""
        return self.details is None and not self.ledger


@dataclass(frozen=True)
class Verdict:
    """How a held file goes on.

    Attributes:
        state: refused (it may be planned again), entered, posting, or still held.
        differences: What keeps it held, in words.
    """

    state: FileState
    differences: tuple[str, ...] = ()


def judge(body: Mapping[str, Any], found: FoundFile, *, entry: EntryType, padded_to: int) -> Verdict:
    """Decide how a held file goes on.

    Args:
        body: The request we froze.
        found: What Vantagepoint shows now.
        entry: The file's type.
        padded_to: Width of padded invoice numbers.
    """
    if found.absent:
        return Verdict(FileState.REFUSED)
    differences = tuple(_differences(body, found, entry=entry, padded_to=padded_to))
    if differences:
        return Verdict(FileState.HELD, differences)
    return Verdict(FileState.POSTING if found.ledger else FileState.ENTERED)


def _differences(body: Mapping[str, Any], found: FoundFile, *, entry: EntryType, padded_to: int) -> Sequence[str]:
    if found.ledger:
        if found.details is not None and not found.posted:
            # Told to post, Vantagepoint would post it once more.
            return [f"its entry is not posted, and yet the ledger shows {len(found.ledger)} lines of it"]
        return ledger_differences(body, found.ledger, entry=entry, padded_to=padded_to)
    if found.posted:
        return ["its entry is posted, and yet the ledger shows no line of it"]
    return file_differences(body, found.details or (), entry=entry, padded_to=padded_to)
