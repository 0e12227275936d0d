"""Telling ServiceTitan that a document was exported: what is told of it, and how far that has come.

Only the vocabulary lives here; telling is ``services.write_back``.
"""

from dataclasses import dataclass
from enum import StrEnum

from st_deltek_pipeline.domain.documents import DocumentKey


class ExportState(StrEnum):
    """How far a revision's write-back has come; stored, so a value never changes its meaning."""

    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    EXPORTED = "exported"
    REFUSED = "refused"


UNCLEAR_STATES = frozenset({ExportState.SENDING, ExportState.IN_DOUBT})
"""ServiceTitan may have been told, and nobody knows: its status is read before it is told again."""


@dataclass(frozen=True)
class DueExport:
    """A posted revision that ServiceTitan does not know as exported yet.

    Attributes:
        batch, period, post_sequence: Where the ledger shows it last.
        state: How far an earlier write-back came; ``None`` when there was none.
    """

    document: DocumentKey
    revision: int
    revision_hash: str
    batch: str
    period: int
    post_sequence: int | None
    state: ExportState | None

    @property
    def message(self) -> str:
        """What people read in ServiceTitan."""
        sequence = "" if self.post_sequence is None else f", post sequence {self.post_sequence}"
        return f"Posted in Vantagepoint in period {self.period}{sequence}."


@dataclass(frozen=True)
class RefusedExport:
    """A document that ServiceTitan does not take as exported, with its own words."""

    document: DocumentKey
    words: str
