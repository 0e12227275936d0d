"""What a user of ServiceTitan does with money later: one more payment, a refund, a credit memo, a change of mind.

Rows are only made here; the sandbox's server stores them, moves ``modifiedOn`` and keeps balances
(``balances.settled``). Nothing of the world is changed.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from random import Random

from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.sandbox.contractor.credit_memos import FIRST_CREDIT_MEMO_ID, FIRST_SPLIT_ID, memo_row, split_row
from st_deltek_pipeline.sandbox.contractor.payment_rows import (
    FIRST_APPLICATION_ID,
    FIRST_PAYMENT_ID,
    Application,
    application_row,
    payment_row,
    set_proof,
)
from st_deltek_pipeline.sandbox.contractor.payment_types import (
    CARD,
    CHECK,
    FINANCING,
    REFUND_BY_CARD,
    REFUND_BY_CHECK,
    TYPE_IDS,
)
from st_deltek_pipeline.sandbox.contractor.working_days import servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row, World

_NOON_IN_DENVER = 18 * 3600
_OFFICE = "Office"
_REFUND_TYPES = {CARD: REFUND_BY_CARD, FINANCING: REFUND_BY_CARD}


def new_payment(
    world: World,
    invoice_ids: Sequence[int],
    amounts: Sequence[Decimal],
    day: date,
    rng: Random,
    *,
    type_name: str = CHECK,
    unapplied: Decimal = ZERO,
    customer_id: int | None = None,
    business_unit_id: int | None = None,
    refunded_payment_id: int | None = None,
) -> Row:
    """Make one more posted payment. It is not added to the world.

    Args:
        world: The contractor; the new ids follow its highest ones, so store the row before the next call.
        invoice_ids: What it pays; none for a deposit.
        amounts: What each of them gets, in whole cents; negative ones take money back.
        day: The payment's date; it is created and modified at noon in Denver of that day.
        rng: Decides the number of the check or the card's code.
        type_name: One of the payment types' names.
        unapplied: What is left over.
        customer_id: Who pays; ``None`` takes the first invoice's customer.
        business_unit_id: Whose payment it is; ``None`` takes the first invoice's unit.
        refunded_payment_id: The payment that this one gives back.

    Returns:
        A row as the list and the feed show it.

    Raises:
        ValueError: An invoice, customer, business unit or payment type is unknown, there is not one amount for each
            invoice, or neither an invoice nor a customer says who pays.
    """
    if len(invoice_ids) != len(amounts):
        message = f"{len(invoice_ids)} invoices and {len(amounts)} amounts were given; give one amount for each invoice"
        raise ValueError(message)
    tenant = world.servicetitan
    _known(tenant.payment_types, TYPE_IDS.get(type_name), f"payment type {type_name!r}")
    invoices = [_known(tenant.invoices, invoice_id, f"invoice {invoice_id}") for invoice_id in invoice_ids]
    if not invoices and customer_id is None:
        message = "a payment without an invoice needs a customer; give customer_id"
        raise ValueError(message)
    payment_id = max(tenant.payments, default=FIRST_PAYMENT_ID) + 1
    row = payment_row(payment_id, type_name, day=day, created=servicetitan_instant(day, _NOON_IN_DENVER))
    set_proof(row, type_name, rng.randint(50_000, 99_999))
    row["customer"] = (
        invoices[0]["customer"] if customer_id is None else _named(tenant.customers, customer_id, "customer")
    )
    row["businessUnit"] = (
        _named(tenant.business_units, business_unit_id, "business unit")
        if business_unit_id is not None
        else invoices[0]["businessUnit"]
        if invoices
        else None
    )
    first_id = _next_application_id(world)
    row["appliedTo"] = [
        application_row(Application(invoice, amount, day), first_id + place, _OFFICE)
        for place, (invoice, amount) in enumerate(zip(invoices, amounts, strict=True))
    ]
    row["unappliedAmount"] = str(unapplied)
    row["total"] = str(total(amounts) + unapplied)
    row["refundedPaymentId"] = refunded_payment_id
    row["syncStatus"] = "Posted"
    row["createdBy"] = _OFFICE
    return row


def new_refund(world: World, payment_id: int, day: date, rng: Random, *, amount: Decimal | None = None) -> Row:
    """Make a payment that gives money of another one back. It is not added to the world.

    Args:
        world: The contractor.
        payment_id: The payment to refund; a refund itself may be refunded.
        day: The refund's date.
        rng: Decides the number of the check or the card's code.
        amount: How much of it, positive; ``None`` is all. Unapplied money goes first, then the applied money from
            the last invoice on.

    Returns:
        A posted payment of the opposite sign that names the other one in ``refundedPaymentId``.

    Raises:
        ValueError: There is no such payment, or it has less money than is asked for.
    """
    paid = _known(world.servicetitan.payments, payment_id, f"payment {payment_id}")
    whole = Decimal(paid["total"])
    sign = -1 if whole < 0 else 1
    left = abs(whole) if amount is None else amount
    if left > abs(whole):
        message = f"payment {payment_id} has {abs(whole)} and cannot give back {left}"
        raise ValueError(message)
    unapplied = min(left, abs(Decimal(paid["unappliedAmount"])))
    left -= unapplied
    parts: list[tuple[int, Decimal]] = []
    for part in reversed(paid["appliedTo"]):
        taken = min(left, abs(Decimal(part["appliedAmount"])))
        if taken:
            parts.append((part["appliedTo"], -sign * taken))
        left -= taken
    row = new_payment(
        world,
        [invoice_id for invoice_id, _ in parts],
        [part for _, part in parts],
        day,
        rng,
        type_name=_REFUND_TYPES.get(paid["type"], REFUND_BY_CHECK) if sign > 0 else CHECK,
        unapplied=-sign * unapplied,
        customer_id=paid["customer"]["id"],
        refunded_payment_id=payment_id,
    )
    row["businessUnit"] = paid["businessUnit"]
    return row


def apply_payment(world: World, payment_id: int, invoice_id: int, amount: Decimal, day: date) -> Row:
    """Return a payment of which more is applied: unapplied money goes to an invoice.

    Args:
        world: The contractor.
        payment_id: The payment.
        invoice_id: What it is to pay.
        amount: How much, in whole cents.
        day: When it is applied.

    Raises:
        ValueError: There is no such payment or invoice, or less is unapplied.
    """
    payment = _known(world.servicetitan.payments, payment_id, f"payment {payment_id}")
    invoice = _known(world.servicetitan.invoices, invoice_id, f"invoice {invoice_id}")
    unapplied = Decimal(payment["unappliedAmount"]) - amount
    if unapplied < 0:
        message = f"payment {payment_id} has {payment['unappliedAmount']} unapplied; {amount} cannot be applied"
        raise ValueError(message)
    part = application_row(Application(invoice, amount, day), _next_application_id(world), _OFFICE)
    return {**payment, "appliedTo": [*payment["appliedTo"], part], "unappliedAmount": str(unapplied)}


def move_payment(world: World, payment_id: int, from_invoice_id: int, to_invoice_id: int, day: date) -> Row:
    """Return a payment whose money for one invoice is moved to another.

    Args:
        world: The contractor.
        payment_id: The payment.
        from_invoice_id: Where all of its money is taken from.
        to_invoice_id: Where it goes.
        day: When it is moved.

    Raises:
        ValueError: There is no such payment or invoice, or nothing is applied to the first invoice.
    """
    payment = _known(world.servicetitan.payments, payment_id, f"payment {payment_id}")
    target = _known(world.servicetitan.invoices, to_invoice_id, f"invoice {to_invoice_id}")
    moved = [part for part in payment["appliedTo"] if part["appliedTo"] == from_invoice_id]
    if not moved:
        message = f"payment {payment_id} pays nothing of invoice {from_invoice_id}"
        raise ValueError(message)
    kept = [part for part in payment["appliedTo"] if part["appliedTo"] != from_invoice_id]
    amount = total(Decimal(part["appliedAmount"]) for part in moved)
    part = application_row(Application(target, amount, day), _next_application_id(world), _OFFICE)
    return {**payment, "appliedTo": [*kept, part]}


def new_credit_memo(world: World, invoice_ids: Sequence[int], amounts: Sequence[Decimal], day: date) -> Row:
    """Make one more posted, untaxed credit memo, applied in full. It is not added to the world.

    Args:
        world: The contractor; the new ids follow its highest ones.
        invoice_ids: What it is applied to; at least one, whose customer is credited.
        amounts: What each of them gets, positive.
        day: Its date.

    Returns:
        A row as the list shows it.

    Raises:
        ValueError: An invoice is unknown, none is given, or there is not one amount for each.
    """
    if not invoice_ids or len(invoice_ids) != len(amounts):
        message = "a credit memo needs invoices and one amount for each of them"
        raise ValueError(message)
    tenant = world.servicetitan
    invoices = [_known(tenant.invoices, invoice_id, f"invoice {invoice_id}") for invoice_id in invoice_ids]
    memo_id = max(tenant.credit_memos, default=FIRST_CREDIT_MEMO_ID) + 1
    used = (part["appliedId"] for memo in tenant.credit_memos.values() for part in memo["appliedTo"] or ())
    split_id = max(used, default=FIRST_SPLIT_ID) + 1
    row = memo_row(memo_id, invoices[0], day, _OFFICE)
    row["subTotal"] = row["total"] = total(amounts)
    row["appliedTo"] = [
        split_row(invoice, amount, day, split_id + place, _OFFICE)
        for place, (invoice, amount) in enumerate(zip(invoices, amounts, strict=True))
    ]
    row["createdOn"] = row["modifiedOn"] = servicetitan_instant(day, _NOON_IN_DENVER)
    row["syncStatus"] = "Posted"
    return row


def _next_application_id(world: World) -> int:
    used = (part["appliedId"] for row in world.servicetitan.payments.values() for part in row["appliedTo"] or ())
    return max(used, default=FIRST_APPLICATION_ID) + 1


def _known(rows: dict[int, Row], key: int | None, what: str) -> Row:
    row = None if key is None else rows.get(key)
    if row is None:
        message = f"there is no {what}; choose one of the contractor's"
        raise ValueError(message)
    return row


def _named(rows: dict[int, Row], key: int, what: str) -> Row:
    return {"id": key, "name": _known(rows, key, f"{what} {key}")["name"]}
