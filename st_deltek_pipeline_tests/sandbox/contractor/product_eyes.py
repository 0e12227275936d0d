"""Reads and aligns a contractor's rows as the product does, without servers and database."""

import json
from typing import Any

import msgspec

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.domain.alignment import Alignment, AlignmentRules
from st_deltek_pipeline.domain.bill_alignment import align_ap_credit, align_bill, bill_lines, credit_lines
from st_deltek_pipeline.domain.bills import ApCredit, Bill
from st_deltek_pipeline.domain.coding import code_line
from st_deltek_pipeline.domain.credit_memo_alignment import align_credit_memo
from st_deltek_pipeline.domain.credit_memos import CreditMemo
from st_deltek_pipeline.domain.documents import Document, Kind
from st_deltek_pipeline.domain.firm_links import FirmLinks
from st_deltek_pipeline.domain.invoice_alignment import align_invoice
from st_deltek_pipeline.domain.invoices import Invoice, InvoiceLine
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.domain.payment_alignment import PostedInvoices, align_payment
from st_deltek_pipeline.domain.payments import Payment
from st_deltek_pipeline.domain.receivables import OpenItem
from st_deltek_pipeline.domain.reference import (
    Account,
    Bank,
    Firm,
    Organization,
    ProjectLevel,
    ReferenceData,
    TaxCode,
)
from st_deltek_pipeline.domain.reference_checks import reference_hold
from st_deltek_pipeline.sandbox.contractor.world import Row, VantagepointWorld, World
from st_deltek_pipeline.servicetitan.credit_memos import CreditMemoItemRecord, to_memo_line
from st_deltek_pipeline.servicetitan.documents import FORMS
from st_deltek_pipeline.servicetitan.shapes import Unfit
from st_deltek_pipeline.servicetitan.surroundings import CustomerFacts, JobFacts, MemoItems, Surroundings
from st_deltek_pipeline_tests.sandbox.contractor.coded_rows import settings_of


class Product:
    """Reads and aligns a world's rows as the product does. Which firm a customer or vendor is has tests of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        settings = settings_of(world)
        self._calendar = business_calendar(settings.calendar, 2026, 2027)
        self._surroundings = _surroundings(world)
        self.rules = AlignmentRules(
            coding=settings.rules,
            customer_firm_required=False,
            one_line_per_item=False,
            longest_invoice_number=settings.vantagepoint.longest_invoice_number,
            code_zero_documents=False,
        )
        self.reference = _reference(world.vantagepoint)
        self._posted = PostedInvoices({}, frozenset(world.servicetitan.invoices))
        self._posted = PostedInvoices(self._open_items(), frozenset(world.servicetitan.invoices))

    def read(self, kind: Kind, row: Row) -> Document | Unfit:
        form = FORMS[kind]
        record: Any = form.read(json.dumps(row, default=str))
        if isinstance(record, Unfit):
            return record
        return form.to_document(
            record, connection="summit_ridge", business_day=self._calendar.business_day, surroundings=self._surroundings
        )

    def see(self, kind: Kind, row: Row) -> Alignment | Unfit:
        document = self.read(kind, row)
        if isinstance(document, Unfit):
            return document
        if isinstance(document, Invoice):
            return align_invoice(document, self.rules, self.reference, FirmLinks())
        if isinstance(document, Payment):
            return align_payment(document, self.rules, self.reference, FirmLinks(), self._posted)
        if isinstance(document, CreditMemo):
            return align_credit_memo(document, self.rules, self.reference, FirmLinks(), self._posted)
        if isinstance(document, Bill):
            return align_bill(document, self.rules, self.reference, FirmLinks())
        assert isinstance(document, ApCredit)
        return align_ap_credit(document, self.rules, self.reference, FirmLinks())

    def trouble(self, kind: Kind, row: Row) -> str:
        seen = self.see(kind, row)
        if isinstance(seen, Unfit):
            return str(seen)
        return "" if seen.hold is None else seen.hold.reason.value

    def trouble_with_lines(self, document: Bill | ApCredit) -> str:
        """Say what is wrong with the lines of a payable, whoever the vendor is."""
        lines = bill_lines(document, self.rules) if isinstance(document, Bill) else credit_lines(document)
        if total(line.amount for line in lines) != document.effect:
            return "amounts_do_not_add_up"
        for line in lines:
            coding = code_line(self.rules.coding, line.facts).coding
            if coding.wbs1 is None or coding.account is None:
                return "no_rule"
            hold = reference_hold(document.key, coding, self.reference, receivable=False)
            if hold is not None:
                return hold.reason.value
        return ""

    def _open_items(self) -> dict[int, tuple[OpenItem, ...]]:
        """Return where every invoice stands that can be posted."""
        found: dict[int, tuple[OpenItem, ...]] = {}
        closed = set(self.world.awkward["closed_period"])
        for key, row in self.world.servicetitan.invoices.items():
            if not row["active"] or row["syncStatus"] == "Pending" or key in closed:
                continue
            seen = self.see(Kind.INVOICE, row)
            if isinstance(seen, Alignment) and seen.hold is None and seen.lines:
                at = seen.lines[0].key
                amount = total(line.amount for line in seen.lines)
                found[key] = (OpenItem(at.wbs1, at.wbs2, at.wbs3, at.invoice, amount),)
        return found


def _surroundings(world: World) -> Surroundings:
    tenant = world.servicetitan
    projects = {key: row["number"] for key, row in tenant.projects.items()}
    return Surroundings(
        customers={key: CustomerFacts(row["type"], row["mergedToId"] or key) for key, row in tenant.customers.items()},
        jobs={
            key: JobFacts(
                tenant.job_types[row["jobTypeId"]]["name"],
                row["jobStatus"],
                row["jobNumber"],
                projects.get(row["projectId"] or 0, ""),
            )
            for key, row in tenant.jobs.items()
        },
        business_units={key: row["name"] for key, row in tenant.business_units.items()},
        projects=projects,
        tax_zones={key: row["name"] for key, row in tenant.tax_zones.items()},
        payment_types={key: row["name"] for key, row in tenant.payment_types.items()},
        purchase_orders={key: row["number"] for key, row in tenant.purchase_orders.items()},
        memo_items={key: MemoItems(tuple(_memo_lines(items))) for key, items in tenant.credit_memo_items.items()},
    )


def _memo_lines(items: list[Row]) -> list[InvoiceLine]:
    lines: list[InvoiceLine] = []
    for item in items:
        line = to_memo_line(msgspec.json.decode(json.dumps(item, default=str), type=CreditMemoItemRecord, strict=False))
        assert isinstance(line, InvoiceLine), line
        lines.append(line)
    return lines


def _reference(office: VantagepointWorld) -> ReferenceData:
    return ReferenceData(
        firms={
            key: Firm(key, row["Client"], row["Name"].strip(), row["Status"] == "A", row["ClientInd"] == "Y",
                      row["VendorInd"] == "Y")
            for key, row in office.firms.items()
        },
        projects={
            key: ProjectLevel(*key, row["Name"], row["Status"] == "A", row["SubLevel"] == "Y", row["ChargeType"],
                              row["Org"], row["BillingClientID"])
            for key, row in office.projects.items()
        },
        organizations={key: Organization(key, row["Name"], row["Status"] == "A")
                       for key, row in office.organizations.items()},
        accounts={key: Account(key, row["Name"], row["Status"] == "A", str(row["Type"]))
                  for key, row in office.accounts.items()},
        tax_codes={key: TaxCode(key, row["Status"] == "A", row["Rate"]) for key, row in office.tax_codes.items()},
        banks={key: Bank(key, row["Description"]) for key, row in office.banks.items()},
        company=office.company,
        receivables_account=office.auto_posting[office.company]["AcctsReceivable"],
    )  # fmt: skip
