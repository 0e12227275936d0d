"""Judges documents: one outcome, the total to the cent, nothing twice, every outcome with its event. No input or output."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.journal import EventType
from st_deltek_pipeline.domain.money import ZERO, shown
from st_deltek_pipeline.domain.outcomes import OutcomeKind
from st_deltek_pipeline.domain.verification import RESTORE, Invariant, Violation, look_at

_SAYS = {
    EventType.DOCUMENT_PLANNED.value: frozenset({OutcomeKind.IN_FLIGHT}),
    EventType.DOCUMENT_WAITING.value: frozenset({OutcomeKind.IN_FLIGHT}),
    EventType.DOCUMENT_HELD.value: frozenset({OutcomeKind.HELD}),
    EventType.DOCUMENT_IGNORED.value: frozenset({OutcomeKind.IGNORED}),
    EventType.DOCUMENT_UNCHANGED.value: frozenset({OutcomeKind.POSTED}),
}
"""Events that settle by themselves where a document stands; after the others it depends on its further parts."""

_TWICE = 2


@dataclass(frozen=True)
class DocumentFacts:
    """One document by everything that is recorded of it.

    Attributes:
        document: ``invoice:123``.
        outcome: Its recorded outcome; ``None`` when there is none.
        outside: What the outcome says is not in the ledger.
        standing: What the postings in standing files sum to.
        parts: How many postings stand.
        under_way: How many are in files that are under way or held.
        ledger: What the ledger showed when it was read back; ``None`` when nothing was.
        effect: What the document does by its staged total, when that is the revision decided about; else ``None``.
        last_event: The type of its last event, those about telling ServiceTitan left out; ``None`` when there is none.
    """

    document: str
    outcome: str | None
    outside: Decimal
    standing: Decimal
    parts: int
    under_way: int
    ledger: Decimal | None
    effect: Decimal | None
    last_event: str | None


def document_violations(found: DocumentFacts) -> Iterator[Violation]:
    """Judge one document.

    Yields:
        What does not hold.
    """
    for invariant, words in (*_outcome(found), *_amounts(found)):
        yield Violation(invariant, found.document, words, look_at(found.document))


def _outcome(found: DocumentFacts) -> Iterator[tuple[Invariant, str]]:
    if found.outcome is None:
        if found.parts or found.under_way:
            yield Invariant.ONE_OUTCOME, f"it has {found.parts + found.under_way} postings and no outcome"
        else:
            yield Invariant.EVENTS_AND_ROWS, "it has events and no outcome"
        return
    if found.outcome == OutcomeKind.POSTED and found.under_way:
        yield Invariant.ONE_OUTCOME, "it is posted, and in a transaction file that is under way or held"
    if found.last_event is None:
        yield Invariant.EVENTS_AND_ROWS, f"it is {found.outcome}, and no event says so"
        return
    allowed = _SAYS.get(found.last_event)
    if allowed is not None and found.outcome not in allowed:
        yield Invariant.EVENTS_AND_ROWS, f"it is {found.outcome}, and its last event is {found.last_event}"


def _amounts(found: DocumentFacts) -> Iterator[tuple[Invariant, str]]:
    shown_in_ledger = found.ledger if found.ledger is not None else ZERO
    if found.standing != ZERO and shown_in_ledger == _TWICE * found.standing:
        words = f"it stands twice: the ledger showed {shown(shown_in_ledger)}, the journal says {shown(found.standing)}"
        yield Invariant.POSTED_ONCE, words
    elif shown_in_ledger != found.standing:
        words = f"the ledger showed {shown(shown_in_ledger)}, and the journal says that {shown(found.standing)} stands"
        yield Invariant.DOCUMENT_TOTALS, words
    if found.outcome == OutcomeKind.POSTED and found.outside != ZERO:
        yield Invariant.DOCUMENT_TOTALS, f"it is posted, and {shown(found.outside)} of it is not in the ledger"
    if found.effect is not None and found.standing + found.outside != found.effect:
        words = (
            f"{shown(found.standing)} stands and {shown(found.outside)} does not, which is not its total of "
            f"{shown(found.effect)}"
        )
        yield Invariant.DOCUMENT_TOTALS, words


@dataclass(frozen=True)
class SharedKey:
    """A natural key under which amounts of more than one document stand, or of one that does not own it.

    Attributes:
        documents: Those with amounts there that are not allowed to share it.
        owner: The document that claimed it; empty when none did.
    """

    entry: str
    scope: str
    number: str
    documents: Sequence[str]
    owner: str


def key_violations(found: SharedKey, *, vendors_may_repeat: bool) -> Iterator[Violation]:
    """Judge what stands under one natural key.

    Args:
        found: The key.
        vendors_may_repeat: The connection allows several bills with one vendor's invoice number.

    Yields:
        A violation for each document that should not stand there.
    """
    vouchers = found.entry == EntryType.VOUCHERS.value
    # Without an owner they were entered while the connection allowed it.
    if vouchers and (vendors_may_repeat or not found.owner):
        return
    for document in found.documents:
        if document != found.owner:
            who = f"which {found.owner} owns" if found.owner else "which no document owns"
            words = f"it stands under {found.number} {found.scope}".rstrip() + f" ({found.entry}), {who}"
            yield Violation(Invariant.POSTED_ONCE, document, words, look_at(document))


@dataclass(frozen=True)
class PostedEvents:
    """A posting that stands beside the events that say so.

    Attributes:
        stands: Its posting is in a posted (adopted) file of this batch.
        events: How many events say that it was posted (adopted) there.
    """

    document: str
    batch: str
    posting_no: int | None
    stands: bool
    events: int


def posted_event_violations(found: PostedEvents) -> Iterator[Violation]:
    """Judge whether a standing posting has exactly one event, and the other way round.

    Yields:
        What does not hold.
    """
    number = "" if found.posting_no is None else f" {found.posting_no}"
    if found.events > 1:
        words = f"{found.events} events say that its posting{number} was posted in file {found.batch}"
        yield Violation(Invariant.POSTED_ONCE, found.document, words, look_at(found.document))
    elif not found.stands:
        words = f"an event says that its posting{number} was posted in file {found.batch}, where it does not stand"
        yield Violation(Invariant.EVENTS_AND_ROWS, found.document, words, RESTORE)
    elif not found.events:
        words = f"its posting{number} stands in file {found.batch}, and no event says so"
        yield Violation(Invariant.EVENTS_AND_ROWS, found.document, words, RESTORE)
