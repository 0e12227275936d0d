"""What customers owe on each invoice in Vantagepoint by our own journal, and how much more may be received on it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import CENT, ZERO, allocate, total
from st_deltek_pipeline.domain.numbers import invoice_number_key
from st_deltek_pipeline.domain.postings import Posting

ReceivableKey = tuple[str, str]
"""Project and folded invoice number: receivables are per project (vantagepoint.md section 8)."""


OpenPlace = tuple[str, str, str, str]
"""WBS1, WBS2, WBS3 and invoice number."""


@dataclass(frozen=True)
class OpenItem:
    """Where a posted invoice stands.

    Attributes:
        wbs1, wbs2, wbs3: Its project; empty for a level it has not.
        number: Its number as it was posted.
        amount: What it was posted with there, without what was received or credited since.
        own: What the payment that is being aligned has received there before.
        others: What other payments have, those under way included.
    """

    wbs1: str
    wbs2: str
    wbs3: str
    number: str
    amount: Decimal
    own: Decimal = ZERO
    others: Decimal = ZERO

    @property
    def place(self) -> OpenPlace:
        """Where it stands."""
        return (self.wbs1, self.wbs2, self.wbs3, self.number)


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


def over_applications(
    changes: Sequence[Mapping[ReceivableKey, Decimal]], receivables: Mapping[ReceivableKey, Receivable]
) -> Mapping[int, OverApplication]:
    """Find the documents that must wait, so that no invoice is over-applied by the others.

    What is received on an invoice lies between nothing and what it is for, whatever the sign of either; a change that
    leads back towards that range is always right. All changes count together, since one may make room for another: money
    moved from one invoice to a second, whose own money was moved to the first.

    Args:
        changes: What each document changes (``applications_of``), in the order in which they came: later ones wait.
        receivables: What stands before them.

    Returns:
        By position in ``changes``, why that document waits.
    """
    net: dict[ReceivableKey, Decimal] = {}
    for change in changes:
        _add(net, change)
    waiting: dict[int, OverApplication] = {}
    while (key := _first_over(net, receivables)) is not None:
        last = max(
            position
            for position, change in enumerate(changes)
            if position not in waiting and change.get(key, ZERO) * net[key] > ZERO
        )
        own = changes[last][key]
        before = receivables.get(key, Receivable())
        others = replace(before, received=before.received + net[key] - own)
        waiting[last] = OverApplication(*key, others, own)
        _add(net, changes[last], sign=-1)
    # A smaller one that came later may fit where an earlier one did not.
    for position in sorted(waiting):
        _add(net, changes[position])
        if any(_is_over(net[key], receivables.get(key, Receivable())) for key in changes[position]):
            _add(net, changes[position], sign=-1)
        else:
            del waiting[position]
    return waiting


def _add(net: dict[ReceivableKey, Decimal], change: Mapping[ReceivableKey, Decimal], *, sign: int = 1) -> None:
    for key, amount in change.items():
        net[key] = net.get(key, ZERO) + sign * amount


def _first_over(
    net: Mapping[ReceivableKey, Decimal], receivables: Mapping[ReceivableKey, Receivable]
) -> ReceivableKey | None:
    return next((key for key in sorted(net) if _is_over(net[key], receivables.get(key, Receivable()))), None)


def _is_over(change: Decimal, receivable: Receivable) -> bool:
    low, high = min(ZERO, receivable.billed), max(ZERO, receivable.billed)
    after = receivable.received + change
    return (change > ZERO and after > high) or (change < ZERO and after < low)


def spread_over_items(amount: Decimal, items: Sequence[OpenItem]) -> list[Decimal]:
    """Spread money for an invoice over the projects it stands on, by weight; the last takes the remainder.

    Instalments are rounded together: what all payments make of a project is its share of all of them, so that the last
    one pays every project to the cent. What stands and is fair stays as it is.

    Args:
        amount: What a payment has for the invoice in all.
        items: Where the invoice stands; at least one, and their amounts do not sum to zero.

    Returns:
        One part per item; they sum to the amount.
    """
    weights = share_of_items(items)
    fair = _within(allocate(amount, weights), weights)
    own = [item.own for item in items]
    if total(own) == amount and _is_fair(own, fair):
        return own
    others = [item.others for item in items]
    if any(others):
        together = _within(allocate(amount + total(others), weights), weights)
        rest = [part - other for part, other in zip(together, others, strict=True)]
        if _is_fair(rest, fair):
            return rest
    return fair


def _is_fair(parts: Sequence[Decimal], fair: Sequence[Decimal]) -> bool:
    """Say whether parts differ from fair ones by no more than rounding, and not because the invoice has moved."""
    most = CENT * max(2, len(fair))
    return all(abs(part - other) <= most for part, other in zip(parts, fair, strict=True))


def _within(parts: Sequence[Decimal], weights: Sequence[Decimal]) -> list[Decimal]:
    """Keep rounding from giving a project more than it is owed, where all are owed enough."""
    kept = list(parts)
    sign = 1 if total(weights) > ZERO else -1
    if any(sign * weight < ZERO for weight in weights) or not ZERO <= sign * total(parts) <= sign * total(weights):
        return kept
    for place, weight in enumerate(weights):
        excess = sign * (kept[place] - weight)
        for other in range(len(kept)):
            room = sign * (weights[other] - kept[other])
            moved = min(excess, room)
            if moved > ZERO:
                kept[place] -= sign * moved
                kept[other] += sign * moved
                excess -= moved
    return kept


def share_of_items(items: Sequence[OpenItem]) -> list[Decimal]:
    """Return the weights by which money for an invoice is spread over the projects it stands on."""
    return [item.amount for item in items]
