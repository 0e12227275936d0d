"""Outcomes: where each document stands, so that every cent is posted, held or ignored with a reason."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from st_deltek_pipeline.domain.documents import DocumentKey


class OutcomeKind(StrEnum):
    """The four places a document can stand; stored."""

    POSTED = "posted"
    HELD = "held"
    IGNORED = "ignored"
    IN_FLIGHT = "in_flight"


@dataclass(frozen=True)
class DocumentOutcome:
    """Where one document stands.

    Attributes:
        business_day: ``None`` for a record without a readable date.
        reason: A reason code of ``domain.holds``; empty for posted.
        words: Vantagepoint's own text, when it refused.
        amount: What is not in the ledger although the revision says it should be; 0.00 once posted.
        project: Project the document belongs to, empty while none is known.
    """

    document: DocumentKey
    revision: int
    revision_hash: str
    business_day: date | None
    outcome: OutcomeKind
    reason: str
    message: str
    words: str
    amount: Decimal
    project: str
