"""Payments and credit memos follow their invoices: what was received or credited stands where the invoice stands.

A settled document is left alone, whatever the coding rules say today. These two kinds take their place from another
document, though: an invoice that gets another project or number, or is voided, moves away under them without any change
of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from st_deltek_pipeline.domain.coded_amounts import CodedAmount, LineKey
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.postings import Standing

FOLLOWERS = frozenset({Kind.PAYMENT, Kind.CREDIT_MEMO})

_LOST = frozenset(
    {
        HoldReason.WAITING_FOR_INVOICE,
        HoldReason.APPLIED_TO_VOIDED_INVOICE,
        HoldReason.APPLIED_TO_UNKNOWN_INVOICE,
        HoldReason.OVER_APPLIED,
    }
)

_Place = tuple[str, str, str, str]
"""WBS1, WBS2, WBS3 and invoice number."""


def left_behind(kind: Kind, lines: Sequence[CodedAmount], hold: Hold | None, standing: Standing) -> bool:
    """Say whether the invoices of a settled document are not any more where its amounts stand.

    Args:
        kind: Of the document.
        lines: What should stand by the last alignment; empty when ``hold`` is set.
        hold: What alignment found.
        standing: What stands.
    """
    if kind not in FOLLOWERS:
        return False
    if hold is not None:
        return hold.reason in _LOST and bool(_by_invoice(standing.items()))
    wanted = _by_invoice((("", line.key), line.amount) for line in lines)
    return wanted != _by_invoice(standing.items())


def in_the_same_bank(lines: Sequence[CodedAmount], standing: Standing) -> tuple[CodedAmount, ...]:
    """Keep a receipt's heading: its money is in the bank it came to, whatever rules for the next ones say.

    Args:
        lines: What should stand.
        standing: What stands.
    """
    headings = {key.heading for (_, key), amount in standing.items() if amount != ZERO}
    if len(headings) != 1:
        return tuple(lines)
    (heading,) = headings
    return tuple(replace(line, key=replace(line.key, heading=heading)) for line in lines)


def _by_invoice(amounts: Iterable[tuple[tuple[object, LineKey], Decimal]]) -> Mapping[_Place, Decimal]:
    found: dict[_Place, Decimal] = {}
    for (_, key), amount in amounts:
        if key.invoice:
            place = (key.wbs1, key.wbs2, key.wbs3, key.invoice)
            found[place] = found.get(place, ZERO) + amount
    return {place: amount for place, amount in found.items() if amount != ZERO}
