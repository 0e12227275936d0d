"""How customers pay: ``accounting/payment-types``, and which bank of Vantagepoint each type arrives at."""

from datetime import date

from st_deltek_pipeline.sandbox.contractor.working_days import servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row

CASH = "Cash"
CHECK = "Check"
CARD = "Credit Card"
ACH = "ACH"
FINANCING = "Financing"
REFUND_BY_CHECK = "Refund (check)"
REFUND_BY_CARD = "Refund (card)"
WRITE_OFF = "Write-off"
RETURNED_CHECK = "NSF (returned check)"
JOURNAL_ENTRY = "Journal Entry"
GIFT_CARD = "Gift Card"

_NAMES = (
    CASH, CHECK, CARD, ACH, FINANCING, REFUND_BY_CHECK, REFUND_BY_CARD, WRITE_OFF, RETURNED_CHECK, JOURNAL_ENTRY,
)  # fmt: skip
_FIRST_ID = 6101

TYPE_IDS = {name: _FIRST_ID + place for place, name in enumerate((*_NAMES, GIFT_CARD))}

BANK_BY_PAYMENT_TYPE = {
    CASH: "OPER",
    CHECK: "OPER",
    ACH: "OPER",
    REFUND_BY_CHECK: "OPER",
    RETURNED_CHECK: "OPER",
    CARD: "MERC",
    FINANCING: "MERC",
    REFUND_BY_CARD: "MERC",
}
"""Vantagepoint's bank of each type that moves money. Nothing is paid by write-off, and nobody knows where a gift
card's money is."""

JOURNAL_ENTRY_TYPES = frozenset({JOURNAL_ENTRY})
"""Types of no money: ``transactionType`` of such a payment is JournalEntry, which only a filter of the API
shows and no field of a row (servicetitan.md section 3.2). That the type tells it is assumed."""


def payment_type_rows(first: date, *, with_unmapped: bool) -> dict[int, Row]:
    """Make the payment types.

    Args:
        first: First day of the month; the types are some years older.
        with_unmapped: Whether gift cards, which have no bank, are among them.

    Returns:
        Rows by id; the two built-in ones have no instants.
    """
    created = servicetitan_instant(date(first.year - 4, 2, 1), 60500, 20)
    names = (*_NAMES, GIFT_CARD) if with_unmapped else _NAMES
    return {
        _FIRST_ID + place: {
            "id": _FIRST_ID + place,
            "name": name,
            "modifiedOn": created if place > 1 else None,
            "createdOn": created if place > 1 else None,
        }
        for place, name in enumerate(names)
    }
