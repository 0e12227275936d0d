"""Small builders for payments, credit memos, bills and AP credits; every default is a case that can be posted."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from st_deltek_pipeline.domain.bills import ApCredit, Bill, BillLine
from st_deltek_pipeline.domain.coded_amounts import CodedAmount
from st_deltek_pipeline.domain.coding import Rule
from st_deltek_pipeline.domain.credit_memos import CreditMemo, CreditSplit
from st_deltek_pipeline.domain.deposits import BankDeposit
from st_deltek_pipeline.domain.documents import DocumentKey, Kind, SyncStatus
from st_deltek_pipeline.domain.firm_links import FirmLinks, LinkState, VendorAccounting, VendorLink
from st_deltek_pipeline.domain.invoices import InvoiceLine
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.payment_alignment import PostedInvoices
from st_deltek_pipeline.domain.payments import Application, Payment
from st_deltek_pipeline.domain.receivables import OpenItem
from st_deltek_pipeline_tests.domain.builders import ALIGNMENT_RULES, DAY, LINKS, RULES

_FOR_BILLS = {"document": frozenset({"bill", "ap_credit"})}

RULES_OF_ALL_KINDS = (
    Rule("cards", {"payment_type": frozenset({"credit card"})}, {"bank": "MERC"}),
    Rule("money", {"payment_type": frozenset({"check", "cash", "refund (check)"})}, {"bank": "OPER"}),
    Rule("freight", {**_FOR_BILLS, "line": frozenset({"shipping"})}, {"account": "509.00"}),
    Rule("stock", {**_FOR_BILLS, "purpose": frozenset({"stock"})}, {"account": "120.00"}),
    Rule("job cost", _FOR_BILLS, {"account": "501.00"}),
    *RULES,
)

RULES_FOR_ALL_KINDS = replace(ALIGNMENT_RULES, coding=RULES_OF_ALL_KINDS)

ACCOUNTING = VendorAccounting(liability="AP", bank="OPER", terms="Next")
VENDOR = VendorLink(901, "Front Range Supply", LinkState.LINKED, firm_id="V1", vendor="000901", accounting=ACCOUNTING)
ALL_LINKS = FirmLinks(LINKS.customers, {901: VENDOR})


def item(amount: str, *, wbs1: str = "HVAC", wbs2: str = "", number: str = "104417") -> OpenItem:
    """Where an invoice stands."""
    return OpenItem(wbs1, wbs2, "", number, Decimal(amount))


def posted(**amounts: str | Sequence[OpenItem]) -> PostedInvoices:
    """Posted invoices by id (``i7001="108.00"``), each on project HVAC with a number of its own unless items are given."""
    items = {
        int(name[1:]): (item(what, number=f"N{name[1:]}"),) if isinstance(what, str) else tuple(what)
        for name, what in amounts.items()
    }
    return PostedInvoices(items, frozenset(items))


def payment(
    *applied: tuple[int, str], unapplied: str = "0.00", total_of: str | None = None, **changes: object
) -> Payment:
    """A posted check of customer Alder Dental; ``applied`` are invoice ids and amounts."""
    applications = tuple(
        Application(8000 + place, invoice_id, f"N{invoice_id}", Decimal(amount), DAY)
        for place, (invoice_id, amount) in enumerate(applied, start=1)
    )
    amount = total(each.amount for each in applications) + Decimal(unapplied)
    made = Payment(
        key=DocumentKey("acme", Kind.PAYMENT, 5001),
        revision=1,
        revision_hash="d" * 64,
        number="1187",
        document_date=DAY,
        due_date=None,
        business_day=DAY,
        sync_status=SyncStatus.POSTED,
        active=True,
        business_unit_id=3,
        business_unit_name="HVAC Service",
        total=amount if total_of is None else Decimal(total_of),
        customer_id=11,
        customer_name="Alder Dental",
        billing_customer_id=None,
        type_id=2,
        type_name="Check",
        is_journal_entry=False,
        deposit_id=None,
        deposit_date=None,
        refunded_payment_id=None,
        memo="",
        unapplied=Decimal(unapplied),
        applications=applications,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def bank_deposit(gross: str, *, fees: str = "0.00", net: str | None = None, fee_account: str = "6420") -> BankDeposit:
    """A deposit that is at the bank."""
    kept = Decimal(fees)
    return BankDeposit(
        key=DocumentKey("acme", Kind.BANK_DEPOSIT, 8701),
        revision=1,
        revision_hash="e" * 64,
        number="2026-10-07 Checks and cash",
        document_date=DAY,
        due_date=None,
        business_day=DAY,
        sync_status=SyncStatus.POSTED,
        active=True,
        business_unit_id=None,
        business_unit_name="",
        total=Decimal(gross),
        fees=kept,
        net=Decimal(gross) - kept if net is None else Decimal(net),
        fee_account=fee_account,
    )


def memo_line(amount: str, *, line_id: int = 1, taxable: bool = True, item_type: str = "Service") -> InvoiceLine:
    """One item that is credited."""
    return InvoiceLine(
        line_id, item_type, "TUNE-UP", "Second visit", "4010", None, taxable, Decimal(1), Decimal(amount)
    )


def credit_memo(
    *lines: InvoiceLine, tax: str = "0.00", splits: Sequence[tuple[int, str]], **changes: object
) -> CreditMemo:
    """A posted credit memo of customer Alder Dental, wholly applied unless its amounts say otherwise."""
    subtotal = total(line.total for line in lines)
    applied = tuple(
        CreditSplit(8500 + place, invoice_id, f"N{invoice_id}", Decimal(amount))
        for place, (invoice_id, amount) in enumerate(splits, start=1)
    )
    whole = subtotal + Decimal(tax)
    made = CreditMemo(
        key=DocumentKey("acme", Kind.CREDIT_MEMO, 6001),
        revision=1,
        revision_hash="e" * 64,
        number="CM-1",
        document_date=DAY,
        due_date=None,
        business_day=DAY,
        sync_status=SyncStatus.POSTED,
        active=True,
        business_unit_id=3,
        business_unit_name="HVAC Service",
        total=whole,
        customer_id=11,
        customer_name="Alder Dental",
        billing_customer_id=None,
        customer_type="Commercial",
        description="Goodwill",
        subtotal=subtotal,
        sales_tax=Decimal(tax),
        balance=whole - total(each.amount for each in applied),
        lines=lines,
        splits=applied,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def bill_line(amount: str, *, line_id: int = 1, quantity: str = "1", **changes: object) -> BillLine:
    """One bought item."""
    made = BillLine(
        line_id=line_id,
        item_type="Material",
        sku=f"SKU-{line_id}",
        description=f"Copper pipe {line_id}",
        gl_account="4010",
        cost_account="5010",
        asset_account="1210",
        business_unit_id=None,
        business_unit_name="",
        job_number="",
        quantity=Decimal(quantity),
        amount=Decimal(amount),
        allocated_tax=None,
        allocated_shipping=None,
        allocated_other=None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def bill(*lines: BillLine, tax: str = "0.00", shipping: str = "0.00", other: str = "0.00", **changes: object) -> Bill:
    """A posted bill of Front Range Supply for job 88, whose lines sum to its total."""
    made = Bill(
        key=DocumentKey("acme", Kind.BILL, 3001),
        revision=1,
        revision_hash="b" * 64,
        number="B-3001",
        document_date=DAY,
        due_date=None,
        business_day=DAY,
        sync_status=SyncStatus.POSTED,
        active=True,
        business_unit_id=3,
        business_unit_name="HVAC Service",
        total=total(line.amount for line in lines) + Decimal(tax) + Decimal(shipping) + Decimal(other),
        vendor_id=901,
        vendor_name="Front Range Supply",
        vendor_invoice="FR-77120",
        purchase_order_id=440,
        purchase_order="PO-440",
        job_id=88,
        job_number="J88",
        job_type="Install",
        job_status="Completed",
        project_number="P-7",
        tax_zone_id=None,
        tax_zone_name="",
        term_name="Net 30",
        tax=Decimal(tax),
        shipping=Decimal(shipping),
        other=Decimal(other),
        lines=lines,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def ap_credit(amount: str, **changes: object) -> ApCredit:
    """A posted vendor credit of Front Range Supply."""
    made = ApCredit(
        key=DocumentKey("acme", Kind.AP_CREDIT, 3501),
        revision=1,
        revision_hash="c" * 64,
        number="VC-9",
        document_date=DAY,
        due_date=None,
        business_day=DAY,
        sync_status=SyncStatus.POSTED,
        active=True,
        business_unit_id=3,
        business_unit_name="HVAC Service",
        total=Decimal(amount),
        vendor_id=901,
        vendor_name="Front Range Supply",
        vendor_invoice="FR-CR-12",
        job_id=88,
        job_number="J88",
        job_type="Install",
        project_number="P-7",
        memo="Returned pipe",
        splits=(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def amounts_by_invoice(lines: Sequence[CodedAmount]) -> dict[tuple[str, str], Decimal]:
    """Sum coded lines by project and invoice."""
    found: dict[tuple[str, str], Decimal] = {}
    for line in lines:
        place = (line.key.wbs1, line.key.invoice)
        found[place] = found.get(place, ZERO) + line.amount
    return found
