"""The invariants that ``st-deltek verify`` checks, and what is said where one does not hold.

Each is judged by a pure function of ``chain_check``, ``verified_files``, ``verified_documents`` or ``verified_sources``; what
they judge is read by ``store.verification``.
"""

from dataclasses import dataclass
from enum import StrEnum


class Invariant(StrEnum):
    """What always holds; scripts read the names, so one never changes its meaning."""

    HASH_CHAIN = "hash_chain"
    PAYLOADS = "payloads"
    ONE_OUTCOME = "one_outcome"
    FILES_BALANCE = "files_balance"
    DOCUMENT_TOTALS = "document_totals"
    POSTED_ONCE = "posted_once"
    OPEN_PERIODS = "open_periods"
    CURSORS = "cursors"
    EVENTS_AND_ROWS = "events_and_rows"
    LEDGER = "ledger"


MEANINGS = {
    Invariant.HASH_CHAIN: "every event is as it was recorded",
    Invariant.PAYLOADS: "every payload version, every frozen body and every close is as it was stored",
    Invariant.ONE_OUTCOME: "every document has one outcome, and it fits what is under way",
    Invariant.FILES_BALANCE: "every transaction file balances, and its postings are what its frozen body says",
    Invariant.DOCUMENT_TOTALS: "what is posted and what is outside the ledger make the document's total, to the cent",
    Invariant.POSTED_ONCE: "nothing of ours stands twice",
    Invariant.OPEN_PERIODS: "nothing was posted in a closed period, or moved to another one without a recorded permission",
    Invariant.CURSORS: "no cursor and no staged row is ahead of the stored records",
    Invariant.EVENTS_AND_ROWS: "every state has its event, and every event its row",
    Invariant.LEDGER: "Vantagepoint's ledger shows every posted line once, with its amount",
}
"""What each says, in one line."""

RESTORE = "Stop posting, keep a copy of the database, and compare with the last backup."
_REPORT = "Stop posting for this connection and look at the document: st-deltek audit show"


@dataclass(frozen=True)
class Violation:
    """Something that does not hold.

    Attributes:
        subject: What it is about: a document (``invoice:123``), a transaction file, an event, a feed.
        words: What is wrong with it.
        advice: What a person does about it.
    """

    invariant: Invariant
    subject: str
    words: str
    advice: str


def look_at(document: str) -> str:
    """Say where to look when a document is not as it should be.

    Args:
        document: ``invoice:123``.
    """
    return f"{_REPORT} {document}"
