"""Small builders for invoices and reference data; every default is a case that can be posted."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.alignment import AlignmentRules
from st_deltek_pipeline.domain.coded_amounts import CodedAmount, invoice_line
from st_deltek_pipeline.domain.coding import Rule
from st_deltek_pipeline.domain.documents import DocumentKey, Kind, SyncStatus
from st_deltek_pipeline.domain.firm_links import FirmLink, FirmLinks, LinkState
from st_deltek_pipeline.domain.invoices import Invoice, InvoiceLine
from st_deltek_pipeline.domain.reference import (
    Account,
    Bank,
    Firm,
    FiscalPeriod,
    Organization,
    ProjectLevel,
    ReferenceData,
    TaxCode,
)

DAY = date(2026, 10, 7)

LINKS = FirmLinks({11: FirmLink(11, "Alder Dental", LinkState.LINKED, "F1")})

RULES = (
    Rule("taxes", {"line": frozenset({"tax"})}, {"account": "230.00", "section": "T", "tax_code": "CO"}),
    Rule("materials", {"item_type": frozenset({"material"})}, {"account": "402.00"}),
    Rule("heating", {"business_unit": frozenset({"hvac service"})}, {"wbs1": "HVAC", "wbs2": "", "wbs3": ""}),
    Rule("revenue", {}, {"account": "401.00", "section": "F", "organization": "01:HV"}),
)

ALIGNMENT_RULES = AlignmentRules(
    coding=RULES,
    customer_firm_required=True,
    one_line_per_item=False,
    longest_invoice_number=12,
    code_zero_documents=False,
)

PERIODS = {
    202609: FiscalPeriod(202609, date(2026, 9, 1), date(2026, 9, 30), closed=True),
    202610: FiscalPeriod(202610, date(2026, 10, 1), date(2026, 10, 31), closed=False),
    202611: FiscalPeriod(202611, date(2026, 11, 1), date(2026, 11, 30), closed=False),
}


def _project(wbs1: str, wbs2: str, *, active: bool, has_sublevels: bool, client: str) -> ProjectLevel:
    return ProjectLevel(
        wbs1=wbs1,
        wbs2=wbs2,
        wbs3="",
        name=wbs1.title(),
        active=active,
        has_sublevels=has_sublevels,
        charge_type="R",
        organization="01:HV",
        billing_client_id=client,
    )


REFERENCE = ReferenceData(
    firms={
        "F1": Firm("F1", "1001", "Alder Dental", active=True, is_client=True, is_vendor=False),
        "F2": Firm("F2", "1002", "Residential customers", active=True, is_client=True, is_vendor=False),
        "F3": Firm("F3", "1003", "Closed Ltd", active=False, is_client=True, is_vendor=False),
    },
    projects={
        ("HVAC", "", ""): _project("HVAC", "", active=True, has_sublevels=False, client="F2"),
        ("OLD", "", ""): _project("OLD", "", active=False, has_sublevels=False, client="F2"),
        ("PHASED", "", ""): _project("PHASED", "", active=True, has_sublevels=True, client="F2"),
        ("PHASED", "1", ""): _project("PHASED", "1", active=True, has_sublevels=False, client=""),
        ("ORPHAN", "", ""): _project("ORPHAN", "", active=True, has_sublevels=False, client=""),
        ("DORMANT", "", ""): _project("DORMANT", "", active=True, has_sublevels=False, client="F3"),
    },
    organizations={
        "01:HV": Organization("01:HV", "Heating", active=True),
        "01:PL": Organization("01:PL", "Plumbing", active=True),
    },
    accounts={
        "401.00": Account("401.00", "Service revenue", active=True, account_type="4"),
        "402.00": Account("402.00", "Material revenue", active=True, account_type="4"),
        "409.00": Account("409.00", "Retired revenue", active=False, account_type="4"),
        "230.00": Account("230.00", "Sales tax payable", active=True, account_type="2"),
        "110.00": Account("110.00", "Accounts receivable", active=True, account_type="1"),
        "120.00": Account("120.00", "Inventory", active=True, account_type="1"),
        "202.00": Account("202.00", "Goods received, not vouchered", active=True, account_type="2"),
        "245.00": Account("245.00", "Customer deposits", active=True, account_type="2"),
        "501.00": Account("501.00", "Job materials", active=True, account_type="5"),
        "509.00": Account("509.00", "Freight in", active=True, account_type="5"),
    },
    tax_codes={"CO": TaxCode("CO", active=True, rate=Decimal("4.81"))},
    periods=PERIODS,
    banks={"OPER": Bank("OPER", "Operating"), "MERC": Bank("MERC", "Merchant services")},
    company="01",
    receivables_account="110.00",
)


def line(amount: str, *, line_id: int = 1, item_type: str = "Service", sku: str = "TUNE-UP") -> InvoiceLine:
    """One taxable item."""
    return InvoiceLine(
        line_id=line_id,
        item_type=item_type,
        sku=sku,
        description=f"{item_type} {line_id}",
        gl_account="4010",
        business_unit_id=None,
        taxable=True,
        quantity=Decimal(1),
        total=Decimal(amount),
    )


def invoice(*amounts: str, tax: str = "0.00", number: str = "104417", **changes: object) -> Invoice:
    """A posted invoice of customer Alder Dental with one service line per amount."""
    lines = tuple(line(amount, line_id=position) for position, amount in enumerate(amounts, start=1))
    subtotal = sum((item.total for item in lines), start=Decimal("0.00"))
    made = Invoice(
        key=DocumentKey("acme", Kind.INVOICE, 7001),
        revision=1,
        revision_hash="a" * 64,
        number=number,
        document_date=DAY,
        due_date=None,
        business_day=DAY,
        sync_status=SyncStatus.POSTED,
        review_status="Reviewed",
        active=True,
        customer_id=11,
        customer_name="Alder  Dental ",
        location_id=None,
        business_unit_id=3,
        business_unit_name="HVAC Service",
        job_id=None,
        job_type="",
        project_id=None,
        adjustment_to_id=None,
        tax_zone_id=None,
        subtotal=subtotal,
        sales_tax=Decimal(tax),
        total=subtotal + Decimal(tax),
        lines=lines,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def coded(amount: str, *, account: str = "401.00", wbs1: str = "HVAC", invoice_number: str = "104417") -> CodedAmount:
    """One coded line."""
    key = invoice_line((wbs1, "", ""), invoice_number, account=account, section="F")
    return CodedAmount(key, Decimal(amount), "Heating", "01:HV")
