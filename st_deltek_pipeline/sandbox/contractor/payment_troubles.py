"""Payments that cannot be posted on purpose, and the rows that show why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from st_deltek_pipeline.domain.money import CENT
from st_deltek_pipeline.sandbox.contractor.payment_rows import Application
from st_deltek_pipeline.sandbox.contractor.payment_types import CHECK, GIFT_CARD
from st_deltek_pipeline.sandbox.contractor.payments import Draft
from st_deltek_pipeline.sandbox.contractor.world import Row


class PaymentTrouble(StrEnum):
    """Why a payment cannot be posted; the value is the key in ``World.awkward``.

    Attributes:
        OVER_APPLIED: The invoice was paid in full before.
        DOES_NOT_ADD_UP: What is applied and unapplied is not the total.
        UNAPPLIED_WITHOUT_UNIT: Nobody knows whose project the money waits on.
    """

    TARGET_MISSING = "payment_target_missing"
    TARGET_HELD = "payment_target_held"
    TARGET_NOT_POSTED = "payment_target_not_posted"
    TYPE_UNKNOWN = "payment_type_unknown"
    THREE_DECIMALS = "payment_three_decimals"
    OVER_APPLIED = "payment_over_applied"
    DOES_NOT_ADD_UP = "payment_does_not_add_up"
    UNAPPLIED_WITHOUT_UNIT = "payment_unapplied_without_business_unit"
    CLOSED_PERIOD = "payment_closed_period"


@dataclass
class Targets:
    """Invoices that troubled payments name.

    Attributes:
        open: Postable ones on which nobody has paid anything.
        paid: Postable ones that one payment has paid in full, those paid first before the others.
        paid_on: When those were paid, by id.
        held: Ones that cannot be posted. pending: Ones that were never posted.
    """

    open: Sequence[Row]
    paid: Sequence[Row]
    paid_on: Mapping[int, date]
    held: Sequence[Row]
    pending: Sequence[Row]


_MISSING_INVOICE_ID = 76_000_001
_UNLISTED_TYPE_ID = "6199"
_UNLISTED_TYPE = "Trade Account"
_WRONG_BY = Decimal("7.00")
_SOON = 5
_KINDS = {
    PaymentTrouble.TARGET_HELD: "held",
    PaymentTrouble.TARGET_NOT_POSTED: "pending",
    PaymentTrouble.OVER_APPLIED: "paid",
}
_ONE_DAY = timedelta(days=1)


def troubled_drafts(
    first: date, business_days: Sequence[date], targets: Targets, troubled: int
) -> dict[PaymentTrouble, list[Draft]]:
    """Make payments in trouble.

    Args:
        first: First day of the month.
        business_days: The month's business days; one payment of each trouble comes within the first five.
        targets: The invoices they name.
        troubled: How many of each trouble.

    Returns:
        Drafts by trouble. ``spoil`` must change their rows.
    """
    waiting = {
        "open": list(targets.open),
        "paid": list(targets.paid),
        "held": list(targets.held),
        "pending": list(targets.pending),
    }
    made: dict[PaymentTrouble, list[Draft]] = {trouble: [] for trouble in PaymentTrouble}
    for place, trouble in enumerate(PaymentTrouble):
        for number in range(troubled):
            position = place % _SOON if number == 0 else _SOON + (place * 5 + number * 4) % (len(business_days) - _SOON)
            row = _target(trouble, waiting)
            # Whoever pays again does so after the first payment.
            day = max(business_days[position], targets.paid_on.get(row["id"], first))
            made[trouble].append(_draft(trouble, number, day, first, row))
    return made


def _target(trouble: PaymentTrouble, waiting: dict[str, list[Row]]) -> Row:
    """Take an invoice of the fitting kind, each once while there are enough."""
    for kind in (_KINDS.get(trouble, "open"), "open", "paid", "held"):
        rows = waiting[kind]
        if rows:
            row = rows.pop(0)
            if not rows:
                rows.append(row)
            return row
    message = "a month with troubles has an invoice that is held"
    raise AssertionError(message)


def _draft(trouble: PaymentTrouble, number: int, day: date, first: date, row: Row) -> Draft:
    dated = first - _ONE_DAY * (number + 1) if trouble is PaymentTrouble.CLOSED_PERIOD else day
    draft = Draft(dated, day, CHECK, row["customer"], row["businessUnit"])
    if trouble is PaymentTrouble.UNAPPLIED_WITHOUT_UNIT:
        draft.unit = None
        draft.unapplied = Decimal(150 + 25 * number).quantize(CENT)
        return draft
    draft.applications.append(Application(row, Decimal(row["total"]), day))
    if trouble is PaymentTrouble.TYPE_UNKNOWN:
        draft.type_name = (GIFT_CARD, _UNLISTED_TYPE)[number % 2]
    elif trouble is PaymentTrouble.OVER_APPLIED:
        draft.memo = "Paid again"
    return draft


def spoil(row: Row, trouble: PaymentTrouble) -> None:
    """Change a troubled payment's row into what nobody can post.

    Args:
        row: The payment's row; it is changed.
        trouble: How to spoil it.
    """
    if trouble is PaymentTrouble.TARGET_MISSING:
        row["appliedTo"][0]["appliedTo"] = _MISSING_INVOICE_ID + row["id"] % 1000
        row["appliedTo"][0]["appliedToReferenceNumber"] = None
    elif trouble is PaymentTrouble.TYPE_UNKNOWN and row["type"] == _UNLISTED_TYPE:
        row["typeId"] = _UNLISTED_TYPE_ID
    elif trouble is PaymentTrouble.THREE_DECIMALS:
        row["total"] += "5"
        row["unappliedAmount"] = "0.005"
    elif trouble is PaymentTrouble.DOES_NOT_ADD_UP:
        row["total"] = str(Decimal(row["total"]) + _WRONG_BY)
