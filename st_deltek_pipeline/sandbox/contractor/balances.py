"""What is still owed: balances of invoices and customers from payments and credit memos. It makes no documents."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.sandbox.contractor.world import Row, ServiceTitanWorld

_MIDNIGHT = "T00:00:00Z"
_DATE_LENGTH = len("2026-10-05")


@dataclass(slots=True)
class _Received:
    amount: Decimal = ZERO
    last_day: str = ""
    last_deposit: str = ""
    deposited: bool = True


def settle(tenant: ServiceTitanWorld) -> None:
    """Set the balance, and when it was paid and deposited, of every invoice.

    An invoice's balance is its total less what active payments and credit memos apply to it, whatever their
    sync status. It is paid on the date of the last of them once nothing is owed, and deposited once all its
    payments are in bank deposits. An invoice without a total keeps none.

    Args:
        tenant: Its invoices are changed in place, in ``balance``, ``paidOn`` and ``depositedOn`` only.
    """
    received = _received(tenant)
    for invoice_id, invoice in tenant.invoices.items():
        invoice.update(_settlement(invoice, received.get(invoice_id)))


def customer_balances(tenant: ServiceTitanWorld) -> dict[int, Decimal]:
    """Add up what each customer owes: balances of active invoices, less unapplied payments and credit memos.

    Args:
        tenant: Nothing of it is changed.

    Returns:
        Customer id -> amount; a customer without documents has no entry.
    """
    owed: dict[int, Decimal] = {}
    for customer_id, amount in _balances(tenant):
        owed[customer_id] = owed.get(customer_id, ZERO) + amount
    return owed


def _balances(tenant: ServiceTitanWorld) -> Iterator[tuple[int, Decimal]]:
    for invoice in tenant.invoices.values():
        if invoice["active"] and invoice["balance"] is not None and invoice["customer"] is not None:
            yield invoice["customer"]["id"], Decimal(invoice["balance"])
    for payment in tenant.payments.values():
        if payment["active"] and payment["customer"] is not None:
            yield payment["customer"]["id"], -Decimal(payment["unappliedAmount"] or 0)
    for memo in tenant.credit_memos.values():
        if memo["active"] and memo["customer"] is not None:
            yield memo["customer"]["id"], -memo["balance"]


def _received(tenant: ServiceTitanWorld) -> dict[int, _Received]:
    found: dict[int, _Received] = {}
    for payment in tenant.payments.values():
        if payment["active"]:
            deposit = payment["deposit"]
            deposited_on = tenant.bank_deposits[deposit["id"]]["createdOn"] if deposit else ""
            for part in payment["appliedTo"] or ():
                _add(found, part["appliedTo"], Decimal(part["appliedAmount"]), payment["date"][:_DATE_LENGTH])
                entry = found[part["appliedTo"]]
                entry.deposited = entry.deposited and deposit is not None
                entry.last_deposit = max(entry.last_deposit, deposited_on)
    for memo in tenant.credit_memos.values():
        if memo["active"]:
            for part in memo["appliedTo"] or ():
                _add(found, part["appliedTo"], part["appliedAmount"], part["appliedOn"])
    return found


def _add(found: dict[int, _Received], invoice_id: int, amount: Decimal, day: str) -> None:
    entry = found.get(invoice_id)
    if entry is None:
        entry = found[invoice_id] = _Received()
    entry.amount += amount
    entry.last_day = max(entry.last_day, day)


def _settlement(invoice: Mapping[str, str | None], received: _Received | None) -> Row:
    total = invoice["total"]
    if total is None or received is None:
        return {"balance": total, "paidOn": None, "depositedOn": None}
    balance = Decimal(total) - received.amount
    paid = balance == ZERO
    return {
        "balance": str(balance),
        "paidOn": received.last_day + _MIDNIGHT if paid else None,
        "depositedOn": (received.last_deposit or None) if paid and received.deposited else None,
    }
