"""Aligning invoices and adjustment invoices: which project, account and section each amount belongs to."""

from collections.abc import Iterable

from st_deltek_pipeline.domain.alignment import (
    REQUIRED_FIELDS,
    Alignment,
    AlignmentRules,
    LineToCode,
    find_customer_firm,
    missing_fields,
    no_rule_hold,
)
from st_deltek_pipeline.domain.coded_amounts import CodedAmount, invoice_line, merge_lines
from st_deltek_pipeline.domain.coding import Coding, LineFacts, LineKind, code_line
from st_deltek_pipeline.domain.documents import DocumentKey
from st_deltek_pipeline.domain.firm_links import FirmLink, FirmLinks
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.reference import ReferenceData
from st_deltek_pipeline.domain.reference_checks import project_of, reference_hold
from st_deltek_pipeline.domain.sales_tax import TaxSplit, TaxZone
from st_deltek_pipeline.domain.tax_lines import split_of, tax_hold, tax_lines

# InvoiceSection codes of Vantagepoint (vantagepoint.md section 4.1).
INVOICE_SECTIONS = frozenset("FLCEUATI")


def align_invoice(invoice: Invoice, rules: AlignmentRules, reference: ReferenceData, links: FirmLinks) -> Alignment:
    """Code an invoice and check everything its posting would name.

    Args:
        invoice: A staged invoice, active or not; what was voided is coded like any other.
        rules: The connection's rules and settings.
        reference: What exists in Vantagepoint.
        links: The firms of customers.

    Returns:
        Lines whose amounts sum to the invoice's total exactly, or the first hold found.
    """
    firm: FirmLink | None = None
    hold = _amounts_hold(invoice) or tax_split_hold(invoice, rules) or _header_hold(invoice, rules)
    if hold is None and rules.customer_firm_required:
        firm, hold = find_customer_firm(invoice, invoice.billing_customer_id or invoice.customer_id, links)
    if hold is not None:
        return Alignment(invoice, (), hold)
    lines: list[CodedAmount] = []
    for to_code in invoice_lines(invoice, rules):
        facts = to_code.facts
        coded = code_line(rules.coding, facts)
        hold = receivable_coding_hold(invoice.key, to_code, coded.coding) or reference_hold(
            invoice.key, coded.coding, reference, receivable=True
        )
        if hold is not None:
            return Alignment(invoice, (), hold)
        key = invoice_line(
            project_of(coded.coding),
            invoice.number,
            account=coded.coding.account or "",
            section=coded.coding.section or "",
            tax_code=coded.coding.tax_code or "",
            item=to_code.item if rules.one_line_per_item or to_code.stands_alone else "",
        )
        summed_up = facts.line is LineKind.ITEM and not rules.one_line_per_item
        lines.append(
            CodedAmount(
                key=key,
                amount=to_code.amount,
                description=facts.business_unit if summed_up else to_code.description,
                organization=coded.coding.organization or "",
                tax_basis=to_code.tax_basis,
                decided_by=coded.decided_by,
            )
        )
    return Alignment(invoice, merge_lines(lines), None, firm.firm_id if firm else None)


def receivable_coding_hold(document: DocumentKey, line: LineToCode, coding: Coding) -> Hold | None:
    """Hold a receivable's line that misses something required, or has a section Vantagepoint does not know.

    Args:
        document: For the message.
        line: What rules could match on, and what they must give.
        coding: What they gave.
    """
    missing = missing_fields(coding, line.required)
    if missing:
        return no_rule_hold(document, line.facts, missing)
    if coding.section not in INVOICE_SECTIONS:
        message = f"{document}: the invoice section {coding.section!r} is not one of Vantagepoint's."
        return Hold(HoldReason.SECTION_UNKNOWN, message)
    return None


def invoice_lines(invoice: Invoice, rules: AlignmentRules) -> Iterable[LineToCode]:
    """Take an invoice apart into the amounts that rules decide about, with what they may match on.

    Args:
        invoice: A staged invoice.
        rules: The connection's rules and settings.

    Returns:
        Items in the invoice's order, then its sales tax, by authority where the rules say so; amounts of zero only
        where zeros are posted. They sum to the invoice's items and sales tax exactly.
    """

    # The invoice's own business unit decides for all its lines: a receivable belongs to one project.
    def facts(line: LineKind, item_type: str = "", sku: str = "", gl_account: str = "") -> LineFacts:
        return LineFacts(
            line=line,
            business_unit=invoice.business_unit_name,
            business_unit_id=str(invoice.business_unit_id),
            job_type=invoice.job_type,
            customer_type=invoice.customer_type,
            item_type=item_type,
            sku=sku,
            gl_account=gl_account,
            tax_zone=invoice.tax_zone_name,
            project=invoice.project_number,
        )

    all_zero = invoice.sales_tax == ZERO and all(line.total == ZERO for line in invoice.lines)
    for line in invoice.lines:
        if line.total != ZERO or (all_zero and rules.code_zero_documents):
            item = facts(LineKind.ITEM, line.item_type, line.sku, line.gl_account or "")
            yield LineToCode(item, line.total, line.description, str(line.line_id))
    taxable = total(line.total for line in invoice.lines if line.taxable)
    yield from tax_lines(_split(invoice, rules), invoice.sales_tax, taxable, facts(LineKind.TAX), REQUIRED_FIELDS)


def tax_split_hold(invoice: Invoice, rules: AlignmentRules) -> Hold | None:
    """Hold an invoice whose sales tax is to be split by authority and is not what the zone's rates give.

    Args:
        invoice: A staged invoice.
        rules: The connection's rules and settings.
    """
    return tax_hold(invoice.key, _zone(invoice, rules), _split(invoice, rules), invoice.sales_tax)


def _zone(invoice: Invoice, rules: AlignmentRules) -> TaxZone | None:
    return rules.tax_zones.get(invoice.tax_zone_id or 0)


def _split(invoice: Invoice, rules: AlignmentRules) -> TaxSplit | None:
    return split_of(_zone(invoice, rules), invoice.lines, invoice.sales_tax)


def _amounts_hold(invoice: Invoice) -> Hold | None:
    items = total(line.total for line in invoice.lines)
    if items != invoice.subtotal:
        message = f"{invoice.key}: items sum to {items}, the subtotal says {invoice.subtotal}."
        return Hold(HoldReason.AMOUNTS_DO_NOT_ADD_UP, message)
    if invoice.subtotal + invoice.sales_tax != invoice.total:
        message = (
            f"{invoice.key}: subtotal {invoice.subtotal} and sales tax {invoice.sales_tax} do not make "
            f"the total {invoice.total}."
        )
        return Hold(HoldReason.AMOUNTS_DO_NOT_ADD_UP, message)
    return None


def _header_hold(invoice: Invoice, rules: AlignmentRules) -> Hold | None:
    if invoice.business_unit_id is None:
        return Hold(HoldReason.NO_BUSINESS_UNIT, f"{invoice.key} has no business unit.")
    if not invoice.number or len(invoice.number) > rules.longest_invoice_number:
        message = (
            f"{invoice.key} has the number {invoice.number!r}; Vantagepoint takes 1 to "
            f"{rules.longest_invoice_number} characters."
        )
        return Hold(HoldReason.INVOICE_NUMBER_UNUSABLE, message)
    return None
