"""What customers owe on each invoice in Vantagepoint by our own journal, and how much more may be received on it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.numbers import invoice_number_key
from st_deltek_pipeline.domain.postings import Posting

ReceivableKey = tuple[str, str]
"""Project and folded invoice number: receivables are per project (vantagepoint.md section 8)."""


@dataclass(frozen=True)
class OpenItem:
    """Where a posted invoice stands.

    Attributes:
        wbs1, wbs2, wbs3: Its project; empty for a level it has not.
        number: Its number as it was posted.
        amount: What it was posted with there, without what was received or credited since.
    """

    wbs1: str
    wbs2: str
    wbs3: str
    number: str
    amount: Decimal


@dataclass(frozen=True)
class Receivable:
    """One project's invoice number.

    Attributes:
        billed: What invoices and credit memos make of it.
        received: What receipts on it make, those under way included.
    """

    billed: Decimal = ZERO
    received: Decimal = ZERO


@dataclass(frozen=True)
class OverApplication:
    """More would be received on an invoice than it is for, or less than nothing."""

    wbs1: str
    invoice: str
    receivable: Receivable
    change: Decimal


def receivable_key(wbs1: str, invoice: str, padded_to: int) -> ReceivableKey:
    """Fold project and invoice number."""
    return (wbs1, invoice_number_key(invoice, padded_to))


def applications_of(postings: Iterable[Posting], padded_to: int) -> Mapping[ReceivableKey, Decimal]:
    """Sum up what receipts apply to each invoice; money on account is left out."""
    found: dict[ReceivableKey, Decimal] = {}
    for posting in postings:
        if posting.heading.entry is not EntryType.RECEIPTS:
            continue
        for line in posting.lines:
            if line.key.invoice:
                key = receivable_key(line.key.wbs1, line.key.invoice, padded_to)
                found[key] = found.get(key, ZERO) + line.amount
    return found


def over_application(
    changes: Mapping[ReceivableKey, Decimal], receivables: Mapping[ReceivableKey, Receivable]
) -> OverApplication | None:
    """Find an invoice that a document would over-apply.

    What is received on an invoice lies between nothing and what it is for, whatever the sign of either; a change
    that leads back towards that range is always right.

    Args:
        changes: What the document changes, from ``applications_of``.
        receivables: What stands before it.
    """
    for key, change in sorted(changes.items()):
        receivable = receivables.get(key, Receivable())
        low, high = min(ZERO, receivable.billed), max(ZERO, receivable.billed)
        after = receivable.received + change
        if (change > ZERO and after > high) or (change < ZERO and after < low):
            return OverApplication(*key, receivable, change)
    return None


def over_applied(
    documents: Sequence[Mapping[ReceivableKey, Decimal]], receivables: Mapping[ReceivableKey, Receivable]
) -> Mapping[int, OverApplication]:
    """Find the documents of a plan that would over-apply an invoice.

    All of them are looked at together, since one may make the room that another needs: two payments that change places
    are both right. Of those that compete for an invoice the later ones have to wait.

    Args:
        documents: What each changes, from ``applications_of``; earlier ones first.
        receivables: What stands before them.

    Returns:
        Place in ``documents`` to what is wrong; the others can be posted.
    """
    standing = dict(receivables)
    for changes in documents:
        _apply(standing, changes)
    waiting: set[int] = set()
    while True:
        key = next((key for key, after in sorted(standing.items()) if _excess(receivables.get(key), after)), None)
        if key is None:
            break
        excess = _excess(receivables.get(key), standing[key])
        guilty = max(
            place
            for place, changes in enumerate(documents)
            if place not in waiting and changes.get(key, ZERO) * excess > ZERO
        )
        waiting.add(guilty)
        _apply(standing, documents[guilty], sign=-1)
    found: dict[int, OverApplication] = {}
    for place in sorted(waiting):
        wrong = over_application(documents[place], standing)
        if wrong is not None:
            found[place] = wrong
        else:
            _apply(standing, documents[place])
    return found


def _apply(
    standing: dict[ReceivableKey, Receivable], changes: Mapping[ReceivableKey, Decimal], *, sign: int = 1
) -> None:
    for key, change in changes.items():
        before = standing.get(key, Receivable())
        standing[key] = Receivable(before.billed, before.received + sign * change)


def _excess(before: Receivable | None, after: Receivable) -> Decimal:
    """Return by how much changes led out of the range, with their sign; zero when they did not."""
    change = after.received - (before or Receivable()).received
    low, high = min(ZERO, after.billed), max(ZERO, after.billed)
    if change > ZERO and after.received > high:
        return after.received - high
    if change < ZERO and after.received < low:
        return after.received - low
    return ZERO


def share_of_items(items: Sequence[OpenItem]) -> list[Decimal]:
    """Return the weights by which money for an invoice is spread over the projects it stands on."""
    return [item.amount for item in items]
