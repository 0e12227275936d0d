"""Where each case of a real month is: documents in good order that a program must handle all the same.

Documents that cannot be posted are in ``World.awkward``. Cases are looked up in the rows as they are, so what users
have done since is in them too.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.sandbox.contractor.payment_types import JOURNAL_ENTRY_TYPES, RETURNED_CHECK
from st_deltek_pipeline.sandbox.contractor.working_days import first_day, is_business_day, public_holidays
from st_deltek_pipeline.sandbox.contractor.world import Row, ServiceTitanWorld, World

_ONE_DAY = timedelta(days=1)
_READY = ("Posted", "Exported")
_DATE_LENGTH = len("2026-10-05")

_Test = Callable[["_Facts", Row], bool]


@dataclass(frozen=True)
class Case:
    """A case.

    Attributes:
        name: Its key in ``cases_of``.
        table: The attribute of ``ServiceTitanWorld`` with the documents.
        holds: Says whether a document is one.
    """

    name: str
    table: str
    holds: _Test


class _Facts:
    """What more than one case asks of a world."""

    def __init__(self, world: World) -> None:
        self.tenant: ServiceTitanWorld = world.servicetitan
        self._closed = public_holidays(first_day(world.month))
        self.refunded = {row["refundedPaymentId"] for row in self.tenant.payments.values()} - {None}
        self.bills_of_order = Counter(row["purchaseOrderId"] for row in self.tenant.ap_bills.values())
        self.customers_named = {
            row["customer"]["id"]
            for table in (self.tenant.invoices, self.tenant.payments)
            for row in table.values()
            if row["customer"]
        }
        self.vendor_names = {_folded(row["name"]) for row in self.tenant.vendors.values()}
        self.credited = {
            split["inventoryBillId"] for row in self.tenant.ap_credits.values() for split in _rows(row["splits"])
        }

    def targets(self, row: Row) -> Iterator[Row]:
        """Yield the invoices that a payment or credit memo is applied to, those that exist."""
        for part in _rows(row["appliedTo"]):
            found = self.tenant.invoices.get(part["appliedTo"])
            if found is not None:
                yield found

    def business_day(self, instant: str) -> date:
        """Return the business day that a date belongs to: the day itself, or the next one that the office works."""
        day = date.fromisoformat(instant[:_DATE_LENGTH])
        while not is_business_day(day, self._closed):
            day += _ONE_DAY
        return day


def cases_of(world: World) -> dict[str, list[int]]:
    """Return the ids of the documents of each case, troubled ones left out.

    Args:
        world: It is not changed.
    """
    facts = _Facts(world)
    awkward = {key for ids in world.awkward.values() for key in ids}
    found: dict[str, list[int]] = {}
    for case in CASES:
        rows = cast("dict[int, Row]", getattr(facts.tenant, case.table))
        found[case.name] = [key for key, row in rows.items() if key not in awkward and case.holds(facts, row)]
    return found


def _rows(value: Any) -> list[Row]:  # noqa: ANN401 - as it stands in a row
    return cast("list[Row]", value or [])


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _live(row: Row) -> bool:
    return bool(row["active"]) and row["syncStatus"] in _READY


def _amount(row: Row, name: str) -> Decimal:
    # A user may have left something that is no amount.
    try:
        amount = Decimal(str(row[name] or 0))
    except ArithmeticError:
        return ZERO
    return amount if amount.is_finite() else ZERO


def _units(rows: Iterable[Row]) -> int:
    units: set[object] = {(row["businessUnit"] or {}).get("id") for row in rows}
    return len(units)


def _partial(facts: _Facts, row: Row) -> bool:
    return _live(row) and any(0 < _amount(each, "balance") < _amount(each, "total") for each in facts.targets(row))


def _early(facts: _Facts, row: Row) -> bool:
    if not (_live(row) and row["date"]):
        return False
    paid = facts.business_day(row["date"])
    dates = (each["invoiceDate"] for each in facts.targets(row))
    return any(paid < facts.business_day(each) for each in dates if each)


def _is_money(row: Row) -> bool:
    return _live(row) and row["type"] not in JOURNAL_ENTRY_TYPES


_PAYMENTS = (
    Case("partial_payment", "payments", _partial),
    Case(
        "overpayment",
        "payments",
        lambda _, row: _live(row) and bool(row["appliedTo"]) and _amount(row, "unappliedAmount") > 0,
    ),
    Case("payment_of_several_invoices", "payments", lambda _, row: _live(row) and len(_rows(row["appliedTo"])) > 1),
    Case(
        "payment_over_several_business_units",
        "payments",
        lambda facts, row: _live(row) and _units(facts.targets(row)) > 1,
    ),
    Case("payment_before_its_invoice", "payments", _early),
    Case(
        "unapplied_payment",
        "payments",
        lambda _, row: _is_money(row) and not row["appliedTo"] and _amount(row, "unappliedAmount") > 0,
    ),
    Case(
        "payment_applied_later",
        "payments",
        lambda _, row: (
            _live(row) and any((part["appliedOn"] or "") > (row["date"] or "") for part in _rows(row["appliedTo"]))
        ),
    ),
    Case("voided_payment", "payments", lambda _, row: not row["active"]),
    Case(
        "refund",
        "payments",
        lambda _, row: _is_money(row) and row["refundedPaymentId"] is not None and _amount(row, "total") < 0,
    ),
    Case(
        "refund_of_a_refund",
        "payments",
        lambda facts, row: _is_money(row) and row["id"] in facts.refunded and row["refundedPaymentId"] is not None,
    ),
    Case(
        "refund_of_an_adjustment",
        "payments",
        lambda facts, row: (
            _live(row) and _amount(row, "total") < 0 and any(each["adjustmentToId"] for each in facts.targets(row))
        ),
    ),
    Case("returned_check", "payments", lambda _, row: _live(row) and row["type"] == RETURNED_CHECK),
    Case("journal_entry_payment", "payments", lambda _, row: _live(row) and row["type"] in JOURNAL_ENTRY_TYPES),
    Case("payment_in_a_deposit", "payments", lambda _, row: _live(row) and row["deposit"] is not None),
    Case("payment_not_posted_yet", "payments", lambda _, row: bool(row["active"]) and row["syncStatus"] == "Pending"),
)

_CREDITS = (
    Case("credit_memo", "credit_memos", lambda _, row: _live(row) and len(_rows(row["appliedTo"])) == 1),
    Case("credit_memo_over_several_invoices", "credit_memos", lambda _, row: len(_rows(row["appliedTo"])) > 1),
    Case("credit_memo_not_applied_yet", "credit_memos", lambda _, row: _live(row) and not row["appliedTo"]),
    Case("voided_credit_memo", "credit_memos", lambda _, row: not row["active"]),
    Case("deposit_less_fees", "bank_deposits", lambda _, row: bool(row["fees"])),
    Case(
        "deposit_without_fees", "bank_deposits", lambda _, row: row["depositStatus"] == "Deposited" and not row["fees"]
    ),
    Case("open_deposit", "bank_deposits", lambda _, row: row["depositStatus"] == "Open"),
)

_BILLS = (
    Case(
        "two_bills_for_one_order",
        "inventory_bills",
        lambda facts, row: _live(row) and facts.bills_of_order[row["purchaseOrderId"]] > 1,
    ),
    Case("bill_for_a_job", "inventory_bills", lambda _, row: _live(row) and row["jobId"] is not None),
    Case("bill_for_stock", "inventory_bills", lambda _, row: _live(row) and row["jobId"] is None),
    Case("bill_with_shipping", "inventory_bills", lambda _, row: _live(row) and _amount(row, "shippingAmount") > 0),
    Case("bill_with_other_costs", "inventory_bills", lambda _, row: _live(row) and _amount(row, "otherAmount") > 0),
    Case(
        "bill_with_landed_costs",
        "inventory_bills",
        lambda _, row: _live(row) and any(item["allocatedTax"] for item in _rows(row["items"])),
    ),
    Case("zero_bill", "inventory_bills", lambda _, row: _live(row) and _amount(row, "billAmount") == 0),
    Case("canceled_bill", "inventory_bills", lambda _, row: not row["active"]),
    Case("returned_bill", "inventory_bills", lambda facts, row: _live(row) and row["id"] in facts.credited),
    Case("bill_without_an_order", "ap_bills", lambda _, row: row["billType"] == "ApBill"),
    Case("ap_credit", "ap_credits", lambda _, row: _live(row) and bool(row["splits"])),
    Case("ap_credit_not_applied_yet", "ap_credits", lambda _, row: _live(row) and not row["splits"]),
    Case("canceled_ap_credit", "ap_credits", lambda _, row: row["status"] == "Canceled"),
)

_NAMES = (
    Case(
        "merged_customer",
        "customers",
        lambda facts, row: row["mergedToId"] is not None and row["id"] in facts.customers_named,
    ),
    Case("customer_that_is_a_vendor", "customers", lambda facts, row: _folded(row["name"]) in facts.vendor_names),
    Case("name_with_outer_spaces", "customers", lambda _, row: row["name"] != row["name"].strip()),
    Case("name_beyond_ascii", "customers", lambda _, row: not row["name"].isascii()),
)

CASES = (*_PAYMENTS, *_CREDITS, *_BILLS, *_NAMES)
