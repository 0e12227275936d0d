"""Documents of every kind for tests that hold for each of them: made, edited and voided by the sandbox's users."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline_tests.services.posting.harness import Bench

Row = dict[str, Any]

_AP_FEEDS = ("purchase_orders", "inventory_bills", "ap_credits")


@dataclass(frozen=True)
class Made:
    """A document in ServiceTitan.

    Attributes:
        base: What it stands on: the invoice that is paid or credited, the bill a credit is for.
    """

    row: Row
    base: Row = field(default_factory=dict[str, Any])

    @property
    def id(self) -> int:
        return int(self.row["id"])


@dataclass(frozen=True)
class Flow:
    """One kind of document in one way of being posted.

    Attributes:
        entry: Vantagepoint's type.
        sign: What turns its stated total into what it adds.
        make: Makes one of a stated total on a day and takes it in; what it stands on is posted already.
        edit: Gives it another total.
        void: Voids or cancels it.
        posting: Settings of the way.
    """

    kind: Kind
    entry: str
    sign: int
    make: Callable[[Bench, date, str], Made]
    edit: Callable[[Bench, Made, str], None]
    void: Callable[[Bench, Made], None]
    posting: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def control(self) -> str:
        """The call that enters a file of it."""
        return f"{self.entry}Control"

    def effect(self, total: str) -> Decimal:
        """What a document of a stated total adds."""
        return self.sign * Decimal(total)


_LIABILITY = {
    "name": "payables",
    "when": {"document": ["bill", "ap_credit"], "line": "payable"},
    "give": {"liability": "201.00"},
}


def set_up_for(bench: Bench, flow: Flow) -> Bench:
    """The bench with the settings of a flow."""
    connected = replace(bench)
    if flow.posting:
        plain = connected.settings.model_dump()
        changed = {**plain, "posting": {**plain["posting"], **flow.posting}, "coding": [_LIABILITY, *plain["coding"]]}
        connected.settings = type(connected.settings).model_validate(changed)
    return connected


# --- Invoices --------------------------------------------------------------------------------------------------------


def _make_invoice(bench: Bench, day: date, total: str) -> Made:
    return Made(bench.add(day, PART_A=total))


def _edit_invoice(bench: Bench, made: Made, total: str) -> None:
    bench.change(made.row, PART_A=total)


def _void_invoice(bench: Bench, made: Made) -> None:
    bench.sandbox.void_invoice(made.id)
    bench.take_in_feeds("invoices")


# --- Payments --------------------------------------------------------------------------------------------------------


def posted_invoice(bench: Bench, day: date, total: str = "1000.00") -> Row:
    """An invoice that is posted already."""
    invoice = bench.add(day, PART_A=total)
    bench.run(bench.calendar.business_day(day))
    return invoice


def _make_payment(bench: Bench, day: date, total: str) -> Made:
    invoice = posted_invoice(bench, day)
    return Made(bench.pay((invoice, total), day=day), invoice)


def _edit_payment(bench: Bench, made: Made, total: str) -> None:
    bench.change_payment(made.row, splits=[{"invoiceId": made.base["id"], "amount": total}], total=total)


def _void_payment(bench: Bench, made: Made) -> None:
    bench.change_payment(made.row, "void")


# --- Credit memos ----------------------------------------------------------------------------------------------------


def _make_memo(bench: Bench, day: date, total: str) -> Made:
    invoice = posted_invoice(bench, day)
    wanted = {"invoiceId": invoice["id"], "total": total, "date": day.isoformat()}
    memo = bench.sandbox.admin("POST", "servicetitan/credit-memos", wanted)
    bench.take_in_feeds("credit_memos", "credit_memo_items")
    return Made(memo, invoice)


def _edit_memo(bench: Bench, made: Made, total: str) -> None:
    (split,) = made.row["appliedTo"]
    changed = {"subTotal": total, "total": total, "appliedTo": [{**split, "appliedAmount": total}]}
    bench.sandbox.admin("PATCH", f"servicetitan/rows/accounting/credit-memos/{made.id}", changed)
    bench.take_in_feeds("credit_memos", "credit_memo_items")


def _void_memo(bench: Bench, made: Made) -> None:
    bench.sandbox.admin("POST", f"servicetitan/credit-memos/{made.id}/void")
    bench.take_in_feeds("credit_memos", "credit_memo_items")


# --- Bills and AP credits --------------------------------------------------------------------------------------------


def make_bill(bench: Bench, day: date, total: str, **fields: Any) -> Made:
    """A usual bill of a vendor that Vantagepoint knows."""
    bill = bench.sandbox.add_bill(date=day.isoformat(), total=total, **fields)
    bench.take_in_feeds(*_AP_FEEDS, "jobs", "vendors")
    return Made(bill)


def edit_bill(bench: Bench, made: Made, **fields: Any) -> None:
    """Change a bill, and take it in."""
    bench.sandbox.edit_bill(made.id, **fields)
    bench.take_in_feeds(*_AP_FEEDS)


def _edit_bill(bench: Bench, made: Made, total: str) -> None:
    edit_bill(bench, made, billAmount=total)


def cancel_bill(bench: Bench, made: Made) -> None:
    """Cancel a bill, and take that in."""
    bench.sandbox.bill(made.id, "cancel")
    bench.take_in_feeds(*_AP_FEEDS)


def _make_credit(bench: Bench, day: date, total: str) -> Made:
    bill = make_bill(bench, day, "1000.00")
    credit = bench.sandbox.bill(bill.id, "credit", amount=total, date=day.isoformat())
    bench.take_in_feeds(*_AP_FEEDS)
    return Made(credit, bill.row)


def _edit_credit(bench: Bench, made: Made, total: str) -> None:
    (split,) = made.row["splits"]
    changed = {"amount": total, "appliedAmount": total, "splits": [{**split, "amount": total}]}
    bench.sandbox.admin("PATCH", f"servicetitan/rows/accounting/ap-credits/{made.id}", changed)
    bench.take_in_feeds(*_AP_FEEDS)


def _void_credit(bench: Bench, made: Made) -> None:
    bench.sandbox.admin("PATCH", f"servicetitan/rows/accounting/ap-credits/{made.id}", {"active": False})
    bench.take_in_feeds(*_AP_FEEDS)


FLOWS = {
    "invoice": Flow(Kind.INVOICE, "in", 1, _make_invoice, _edit_invoice, _void_invoice),
    "payment": Flow(Kind.PAYMENT, "cr", 1, _make_payment, _edit_payment, _void_payment),
    "credit_memo": Flow(Kind.CREDIT_MEMO, "in", -1, _make_memo, _edit_memo, _void_memo),
    "voucher": Flow(Kind.BILL, "ap", 1, make_bill, _edit_bill, cancel_bill),
    "journal_entry": Flow(Kind.BILL, "je", 1, make_bill, _edit_bill, cancel_bill, {"bills_as": "journal_entry"}),
    "ap_credit": Flow(Kind.AP_CREDIT, "ap", -1, _make_credit, _edit_credit, _void_credit),
}
