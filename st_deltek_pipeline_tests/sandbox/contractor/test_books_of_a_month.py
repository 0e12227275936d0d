"""A clean month goes into the books of the other twin as a whole, and both then agree on what is owed.

Documents are coded by the contractor's own rules and entered in files of two hundred, as a program would.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from st_deltek_pipeline.domain.coding import Coding, LineKind, Rule, code_line
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import spread, total
from st_deltek_pipeline.sandbox.contractor.generate import generate
from st_deltek_pipeline.sandbox.contractor.payment_types import JOURNAL_ENTRY_TYPES
from st_deltek_pipeline.sandbox.contractor.world import Row, World
from st_deltek_pipeline.sandbox.faults import RequestHooks
from st_deltek_pipeline.sandbox.state import MemoryState
from st_deltek_pipeline.sandbox.vantagepoint.app import build_vantagepoint_app
from st_deltek_pipeline.sandbox.vantagepoint.ar_review import get_balances
from st_deltek_pipeline.sandbox.vantagepoint.calls import Answer, Call
from st_deltek_pipeline.sandbox.vantagepoint.entry import EntryEndpoints
from st_deltek_pipeline.sandbox.vantagepoint.posting import post_files
from st_deltek_pipeline.sandbox.vantagepoint.session_settings import set_active_period
from st_deltek_pipeline.sandbox.vantagepoint.switches import VantagepointSwitches
from st_deltek_pipeline.sandbox.vantagepoint.transaction_types import TYPES
from st_deltek_pipeline_tests.sandbox.contractor.coded_rows import (
    CodedPart,
    bill_parts,
    credit_memo_parts,
    invoice_parts,
    payment_facts,
    purchase_facts,
    settings_of,
)

ZERO = Decimal("0.00")
RECEIVABLES = "121.00"
_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass
class _Document:
    """One document: its master row, its lines, and what names it."""

    key: Row
    master: Row
    lines: list[Row] = field(default_factory=list[Row])


class _Office:
    """Enters and posts files as one user of Vantagepoint."""

    def __init__(self, world: World) -> None:
        self.twin = build_vantagepoint_app(
            world.vantagepoint, switches=VantagepointSwitches(), persistence=MemoryState(), hooks=RequestHooks()
        )
        self._ledger = self.twin._ledger
        self.call(set_active_period, {}, key="202610")

    def call(self, handler: Callable[[Call], Answer], body: object, **path: str) -> Answer:
        content = _encoder.encode(body)
        return handler(Call(self.twin.state, self._ledger, "INTEGRATION", path, (), content))

    def book(self, transtype: str, documents: Sequence[_Document]) -> None:
        kind = TYPES[transtype]
        for start in range(0, len(documents), 200):
            batch = f"{transtype}{start:08d}"
            part = documents[start : start + 200]
            lines = [{**each.key, **line} for each in part for line in each.lines]
            body = {
                "Batch": batch,
                "Total": total(line["Amount"] for line in lines),
                kind.master_name: [{**each.key, **each.master} for each in part],
                kind.detail_name: lines,
            }
            self.call(EntryEndpoints(kind).create_file, body)
            answer = self.call(post_files, {"parms": {"batch": batch, "transtype": transtype}})
            assert '"retList":"1"' in str(answer.content), answer.content

    def balances(self) -> dict[tuple[str, str], Decimal]:
        rows: Any = self.call(get_balances, None).content
        return {(row["WBS1"], row["Invoice"]): row["Balance"] for row in rows}


def _ready(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["active"] and row["syncStatus"] in ("Posted", "Exported")]


def _project(coding: Coding) -> Row:
    return {"WBS1": coding.wbs1, "WBS2": coding.wbs2 or "", "WBS3": coding.wbs3 or ""}


def _coded(rules: Sequence[Rule], parts: Iterable[CodedPart]) -> list[tuple[Coding, Decimal]]:
    return [(code_line(rules, facts).coding, amount) for facts, amount in parts]


def _invoice_line(coding: Coding, amount: Decimal) -> Row:
    return {"InvoiceSection": coding.section, "Account": coding.account, "Amount": amount, "TaxCode": coding.tax_code}


class _Month:
    """A clean month, coded and booked."""

    def __init__(self) -> None:
        self.world = generate(7, "2026-10", invoices=500, scenario="clean")
        self.tenant = self.world.servicetitan
        self.rules = settings_of(self.world).rules
        self.office = _Office(self.world)
        # ServiceTitan's invoice -> the project and number of the AR invoice.
        self.standing: dict[int, Row] = {}
        self.invoices = [row for row in _ready(self.tenant.invoices.values()) if row["total"] != "0.00"]
        self.payments = [row for row in _ready(self.tenant.payments.values()) if row["type"] not in JOURNAL_ENTRY_TYPES]
        self.memos = [row for row in _ready(self.tenant.credit_memos.values()) if row["appliedTo"]]
        self.bills = [row for row in _ready(self.tenant.inventory_bills.values()) if row["billAmount"] != "0.00"]
        self.credits = _ready(self.tenant.ap_credits.values())
        self.office.book("IN", [self._invoice(row) for row in self.invoices])
        self._book_memos()
        self.office.book("CR", [self._receipt(row) for row in self.payments])
        self.office.book("AP", [self._voucher(row) for row in self.bills] + [self._credit(row) for row in self.credits])

    def _invoice(self, row: Row) -> _Document:
        parts = _coded(self.rules, invoice_parts(self.world, row))
        key = {"Invoice": row["referenceNumber"], **_project(parts[0][0])}
        self.standing[row["id"]] = key
        return _Document(
            key,
            {"TransDate": row["invoiceDate"][:10]},
            [_invoice_line(coding, amount) for coding, amount in parts if amount],
        )

    def _book_memos(self) -> None:
        for memo in self.memos:
            parts = _coded(self.rules, credit_memo_parts(self.world, memo))
            splits = memo["appliedTo"]
            shares = spread([amount for _, amount in parts], [split["appliedAmount"] for split in splits])
            for split, amounts in zip(splits, shares, strict=True):
                lines = [
                    {**_invoice_line(coding, -amount), "CreditMemoRefNo": memo["referenceNumber"]}
                    for (coding, _), amount in zip(parts, amounts, strict=True)
                ]
                document = _Document(self.standing[split["appliedTo"]], {"TransDate": memo["date"]}, lines)
                self._book_alone(split["appliedId"], document)

    def _book_alone(self, number: int, document: _Document) -> None:
        kind = TYPES["IN"]
        body = {
            "Batch": f"CM{number}",
            "Total": total(line["Amount"] for line in document.lines),
            "inMaster": [{**document.key, **document.master}],
            "inDetail": [{**document.key, **line} for line in document.lines],
        }
        self.office.call(EntryEndpoints(kind).create_file, body)
        self.office.call(post_files, {"parms": {"batch": f"CM{number}", "transtype": "IN"}})

    def _receipt(self, row: Row) -> _Document:
        coding = code_line(self.rules, payment_facts(row, LineKind.RECEIPT)).coding
        lines = [
            {**self.standing[part["appliedTo"]], "Account": RECEIVABLES, "Amount": Decimal(part["appliedAmount"])}
            for part in row["appliedTo"]
        ]
        unapplied = Decimal(row["unappliedAmount"])
        if unapplied:
            waiting = code_line(self.rules, payment_facts(row, LineKind.UNAPPLIED)).coding
            lines.append({**_project(waiting), "Invoice": "", "Account": RECEIVABLES, "Amount": unapplied})
        return _Document({"RefNo": str(row["id"])}, {"TransDate": row["date"][:10], "BankCode": coding.bank}, lines)

    def _voucher(self, row: Row) -> _Document:
        parts = _coded(self.rules, bill_parts(self.world, row))
        terms = code_line(self.rules, purchase_facts(self.world, row, LineKind.PAYABLE)).coding.terms
        master = self._payable(row, row["vendorNumber"], row["billDate"])
        lines = [{**_project(coding), "Account": coding.account, "Amount": amount} for coding, amount in parts]
        return _Document(
            {"MasterPKey": f"B{row['id']}"}, {**master, "PayTerms": terms or "", "PayDate": row["dueDate"][:10]}, lines
        )

    def _credit(self, row: Row) -> _Document:
        facts = purchase_facts(self.world, row, LineKind.CREDIT, kind=Kind.AP_CREDIT)
        coding = code_line(self.rules, facts).coding
        master = self._payable(row, row["referenceNumber"], row["date"])
        line = {**_project(coding), "Account": coding.account, "Amount": -row["amount"]}
        return _Document({"MasterPKey": f"C{row['id']}"}, {**master, "PayDate": row["date"][:10]}, [line])

    def _payable(self, row: Row, number: str, dated: str) -> Row:
        name = " ".join(row["vendor"]["name"].split()).casefold()
        firms = self.world.vantagepoint.firms.values()
        code = next(
            firm["Vendor"]
            for firm in firms
            if firm["VendorInd"] == "Y" and " ".join(firm["Name"].split()).casefold() == name
        )
        return {"Vendor": code, "Invoice": number, "InvoiceDate": dated[:10], "TransDate": dated[:10]}


@pytest.fixture(scope="module")
def month() -> _Month:
    return _Month()


def test_every_clean_document_of_a_month_is_entered_and_posted(month: _Month) -> None:
    types = month.office.twin.totals()["types"]
    assert {name: kind["documents"]["entered"] - kind["documents"]["posted"] for name, kind in types.items()} == {
        "IN": 0,
        "CR": 0,
        "AP": 0,
    }
    assert types["CR"]["documents"]["posted"] == len(month.payments) > 400
    assert types["AP"]["documents"]["posted"] == len(month.bills) + len(month.credits) > 150
    assert total(row["Amount"] for row in month.office.twin.ledger_dump()) == 0


def test_what_is_owed_on_every_invoice_is_what_servicetitan_says(month: _Month) -> None:
    """Payments that are not posted, write-offs and void invoices apart, which stay out of the books."""
    paid: dict[int, Decimal] = defaultdict(Decimal)
    for row in (*month.payments, *month.memos):
        for part in row["appliedTo"]:
            paid[part["appliedTo"]] += Decimal(part["appliedAmount"])
    balances = month.office.balances()
    seen = 0
    for invoice in month.invoices:
        key = month.standing[invoice["id"]]
        owed = Decimal(invoice["total"]) - paid[invoice["id"]]
        assert balances[key["WBS1"], key["Invoice"].rjust(7, "0")] == owed, invoice["id"]
        seen += owed == Decimal(invoice["balance"])
    assert seen > len(month.invoices) * 9 // 10
    on_account = -total(amount for (_, number), amount in balances.items() if not number)
    assert on_account == total(Decimal(row["unappliedAmount"]) for row in month.payments)


def test_banks_and_payables_hold_exactly_what_was_paid_and_billed(month: _Month) -> None:
    types, accounts = month.office.twin.totals()["types"], month.office.twin.totals()["accounts"]
    received = total(Decimal(row["total"]) for row in month.payments)
    assert Decimal(types["CR"]["other_side"]) == received
    assert Decimal(accounts["101.00"]) + Decimal(accounts["103.00"]) == received
    billed = total(Decimal(row["billAmount"]) for row in month.bills) - total(row["amount"] for row in month.credits)
    assert Decimal(types["AP"]["other_side"]) == -billed
    assert Decimal(accounts["201.00"]) + Decimal(accounts.get("201.10", 0)) == -billed
    assert Decimal(accounts[RECEIVABLES]) == total(month.office.balances().values())
