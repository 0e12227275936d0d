"""Bank deposits: which payments reach the bank together, and less which fees."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.money import ZERO, round_to_cents
from st_deltek_pipeline.sandbox.contractor.ledger_accounts import item_account
from st_deltek_pipeline.sandbox.contractor.payment_types import (
    ACH,
    CARD,
    CASH,
    CHECK,
    FINANCING,
    REFUND_BY_CARD,
)
from st_deltek_pipeline.sandbox.contractor.staff import Staff
from st_deltek_pipeline.sandbox.contractor.streams import stream
from st_deltek_pipeline.sandbox.contractor.working_days import days_of, next_business_day, servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row

FIRST_DEPOSIT_ID = 87_000_000


@dataclass(frozen=True)
class _Kind:
    """One way to the bank: its name, the bank's gl account, and the part that the bank keeps."""

    name: str
    account: str
    fee: Decimal


_COUNTER = _Kind("Checks and cash", "1010", Decimal(0))
_ELECTRONIC = _Kind("ACH", "1010", Decimal(0))
_CARDS = _Kind("Card settlement", "1020", Decimal("0.0259"))
_KINDS = {CHECK: _COUNTER, CASH: _COUNTER, ACH: _ELECTRONIC, CARD: _CARDS, FINANCING: _CARDS, REFUND_BY_CARD: _CARDS}
_FEE_ACCOUNT = "6420"
_FIRST_BATCH_ID = 9_600_000_000
_BANKED_AT = 16 * 3600
_TICKS = 7_750_003
_OPEN_LAST = 3
_SHOWN = (
    "id", "syncStatus", "referenceNumber", "date", "type", "typeId", "total", "unappliedAmount", "memo", "customer",
    "businessUnit", "deposit", "batch", "createdBy", "generalLedgerAccount", "appliedTo", "customFields", "authCode",
    "checkNumber", "modifiedOn", "createdOn", "active",
)  # fmt: skip


@dataclass
class BankDeposits:
    """The month's deposits, and the payments in each as its transactions show them."""

    rows: dict[int, Row] = field(default_factory=dict[int, Row])
    transactions: dict[int, list[Row]] = field(default_factory=dict[int, list[Row]])


def bank(seed: int, first: date, closed_days: frozenset[date], payments: Iterable[Row], staff: Staff) -> BankDeposits:
    """Bring posted payments to the bank on the business day after they were entered.

    Args:
        seed: The world's seed.
        first: First day of the month.
        closed_days: Public holidays.
        payments: What may be banked; ``deposit`` and ``modifiedOn`` of what is are changed.
        staff: Who goes to the bank.

    Returns:
        One deposit per day and kind; the last ones are still open, and payments of the last days in none.
    """
    rng = stream(seed, "bank deposits")
    last = days_of(first)[-1]
    grouped: dict[tuple[date, str], list[Row]] = {}
    for payment in payments:
        kind = _KINDS.get(payment["type"])
        if kind is None or not payment["active"] or payment["syncStatus"] == "Pending":
            continue
        day = next_business_day(date.fromisoformat(payment["createdOn"][:10]), closed_days)
        if day <= last:
            grouped.setdefault((day, kind.name), []).append(payment)
    made = BankDeposits()
    deposit_id = FIRST_DEPOSIT_ID
    kinds = {kind.name: kind for kind in _KINDS.values()}
    for place, (day, name) in enumerate(sorted(grouped)):
        deposit_id += rng.randint(1, 40)
        still_open = place >= len(grouped) - _OPEN_LAST
        rows = grouped[day, name]
        deposit = _deposit(deposit_id, kinds[name], day, rows, still_open=still_open)
        deposit["createdBy"] = rng.choice(staff.office).name
        made.rows[deposit_id] = deposit
        for payment in rows:
            payment["deposit"] = {"id": deposit_id, "name": deposit["name"]}
            payment["modifiedOn"] = max(payment["modifiedOn"], deposit["createdOn"])
        made.transactions[deposit_id] = [transaction_row(payment) for payment in rows]
    return made


def transaction_row(payment: Row) -> Row:
    """Return a payment as ``bank-deposits/{id}/transactions`` shows it (servicetitan.md section 3.4)."""
    return {name: payment[name] for name in _SHOWN}


def _deposit(deposit_id: int, kind: _Kind, day: date, payments: list[Row], *, still_open: bool) -> Row:
    gross = sum((Decimal(payment["total"]) for payment in payments), start=ZERO)
    fees = round_to_cents(max(gross, ZERO) * kind.fee) if kind.fee else None
    created = servicetitan_instant(day, _BANKED_AT, _TICKS)
    return {
        "id": deposit_id,
        "name": f"{day.isoformat()} {kind.name}",
        "depositStatus": "Open" if still_open else "Deposited",
        "syncStatus": "Pending" if still_open else "Posted",
        "batch": None
        if still_open
        else {
            "id": _FIRST_BATCH_ID + day.toordinal(),
            "number": str(day.toordinal() % 100_000),
            "name": f"{day.isoformat()} Deposits",
        },
        "createdOn": created,
        "createdBy": None,
        "modifiedOn": created,
        "active": True,
        "importId": None,
        "depositDate": servicetitan_instant(day, 0),
        "reviewStatus": "NeedsReview" if still_open else "Reviewed",
        "reviewedOn": None if still_open else created,
        "grossAmount": gross,
        "netAmount": gross - (fees or ZERO),
        "fees": fees,
        "bankAccount": item_account(kind.account),
        "feeAccount": item_account(_FEE_ACCOUNT) if fees else None,
    }
