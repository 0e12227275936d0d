"""Aligning bills and AP credits: the vendor, and which project and account each amount is for.

A bill is entered as a voucher, whose liability code derives the payable, or as a journal entry that balances on a
liability account (vantagepoint.md sections 4.3 and 4.5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from st_deltek_pipeline.domain.alignment import Alignment, AlignmentRules, missing_fields, no_rule_hold
from st_deltek_pipeline.domain.bills import ApCredit, Bill, BillLine
from st_deltek_pipeline.domain.coded_amounts import CodedAmount, Heading, LineKey, merge_lines
from st_deltek_pipeline.domain.coding import CodedLine, Coding, LineFacts, LineKind, code_line
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.firm_links import FirmLinks, VendorAccounting, VendorLink
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.invoice_alignment import LineToCode
from st_deltek_pipeline.domain.money import ZERO, allocate, total
from st_deltek_pipeline.domain.posting_keys import reference_of
from st_deltek_pipeline.domain.reference import ReferenceData
from st_deltek_pipeline.domain.reference_checks import account_hold, bank_hold, project_of, reference_hold

_REQUIRED = ("wbs1", "account")
_DATED = "Date"


@dataclass(frozen=True)
class _Payable:
    """The side of a bill that is owed: its heading and payment terms, and which rules decided them."""

    heading: Heading
    terms: str


def align_bill(bill: Bill, rules: AlignmentRules, reference: ReferenceData, links: FirmLinks) -> Alignment:
    """Code a bill and check everything its posting would name.

    Args:
        bill: A staged bill, active or not.
        rules: The connection's rules and settings.
        reference: What exists in Vantagepoint.
        links: The firms of vendors.

    Returns:
        Lines whose amounts sum to the bill's total exactly, or the first hold found.
    """
    hold = _amounts_hold(bill) or _business_unit_hold(bill)
    if hold is not None:
        return Alignment(bill, (), hold)
    return _align(bill, bill_lines(bill, rules), rules, reference, links)


def align_ap_credit(credit: ApCredit, rules: AlignmentRules, reference: ReferenceData, links: FirmLinks) -> Alignment:
    """Code an AP credit; the arguments are those of ``align_bill``.

    Returns:
        A negative line of the credit's whole amount, or the first hold found.
    """
    hold = _business_unit_hold(credit)
    if hold is not None:
        return Alignment(credit, (), hold)
    return _align(credit, credit_lines(credit), rules, reference, links)


def bill_lines(bill: Bill, rules: AlignmentRules) -> list[LineToCode]:
    """Take a bill apart into the amounts that rules decide about; they sum to its total exactly.

    Args:
        bill: A staged bill.
        rules: With ``bill_extras: allocated``, tax, shipping and other costs are part of the items.
    """
    extras = ((LineKind.TAX, bill.tax), (LineKind.SHIPPING, bill.shipping), (LineKind.OTHER, bill.other))
    amounts = [line.amount for line in bill.lines]
    allocated = rules.bill_extras == "allocated" and total(amounts) != ZERO
    if allocated:
        amounts = [amount + extra for amount, extra in zip(amounts, _allocated_extras(bill), strict=True)]
    lines = [
        LineToCode(_item_facts(bill, line), amount, line.description or line.sku, str(line.line_id), stands_alone=True)
        for line, amount in zip(bill.lines, amounts, strict=True)
        if amount != ZERO or (bill.is_zero and rules.code_zero_documents)
    ]
    if not allocated:
        lines += [
            LineToCode(_facts(bill, kind), amount, kind.value.capitalize(), kind.value, stands_alone=True)
            for kind, amount in extras
            if amount != ZERO
        ]
    return lines


def credit_lines(credit: ApCredit) -> list[LineToCode]:
    """Return the one amount of an AP credit, negative."""
    return [LineToCode(_facts(credit, LineKind.CREDIT), credit.effect, credit.memo or "Vendor credit", "credit")]


def _allocated_extras(bill: Bill) -> list[Decimal]:
    """Spread tax, shipping and other costs over the items: as ServiceTitan did where that sums up, else by amount."""
    amounts = [line.amount for line in bill.lines]
    sums = [ZERO for _ in bill.lines]
    for extra, stated in (
        (bill.tax, [line.allocated_tax for line in bill.lines]),
        (bill.shipping, [line.allocated_shipping for line in bill.lines]),
        (bill.other, [line.allocated_other for line in bill.lines]),
    ):
        known = [part for part in stated if part is not None]
        parts = known if len(known) == len(stated) and total(known) == extra else allocate(extra, amounts)
        sums = [sum_ + part for sum_, part in zip(sums, parts, strict=True)]
    return sums


def _facts(document: Bill | ApCredit, line: LineKind) -> LineFacts:
    is_bill = isinstance(document, Bill)
    return LineFacts(
        line=line,
        document=document.key.kind,
        business_unit=document.business_unit_name,
        business_unit_id="" if document.business_unit_id is None else str(document.business_unit_id),
        job_type=document.job_type,
        tax_zone=document.tax_zone_name if is_bill else "",
        project=document.project_number,
        vendor=document.vendor_name,
        purpose="stock" if document.job_id is None else "job",
        terms=document.term_name if is_bill else "",
    )


def _item_facts(bill: Bill, line: BillLine) -> LineFacts:
    own_unit = line.business_unit_id is not None
    header = _facts(bill, LineKind.ITEM)
    return LineFacts(
        line=LineKind.ITEM,
        document=Kind.BILL,
        business_unit=line.business_unit_name if own_unit else header.business_unit,
        business_unit_id=str(line.business_unit_id) if own_unit else header.business_unit_id,
        job_type=header.job_type,
        item_type=line.item_type,
        sku=line.sku,
        gl_account=line.gl_account or "",
        tax_zone=header.tax_zone,
        project=header.project,
        vendor=header.vendor,
        cost_account=line.cost_account or "",
        asset_account=line.asset_account or "",
        purpose="job" if line.job_number else header.purpose,
        terms=header.terms,
    )


def _amounts_hold(bill: Bill) -> Hold | None:
    returned = next((line for line in bill.lines if line.quantity < 0), None)
    if returned is not None:
        message = f"{bill.key}: the quantity of {returned.sku or returned.description!r} is {returned.quantity}."
        return Hold(HoldReason.NEGATIVE_QUANTITY, message)
    items = total(line.amount for line in bill.lines)
    if items + bill.tax + bill.shipping + bill.other == bill.total:
        return None
    message = (
        f"{bill.key}: lines {items}, tax {bill.tax}, shipping {bill.shipping} and other costs {bill.other} do not make "
        f"the total {bill.total}."
    )
    return Hold(HoldReason.AMOUNTS_DO_NOT_ADD_UP, message)


def _business_unit_hold(document: Bill | ApCredit) -> Hold | None:
    if document.business_unit_id is not None:
        return None
    return Hold(HoldReason.NO_BUSINESS_UNIT, f"{document.key} has no business unit.")


def _align(
    document: Bill | ApCredit,
    to_code: Sequence[LineToCode],
    rules: AlignmentRules,
    reference: ReferenceData,
    links: FirmLinks,
) -> Alignment:
    vendor = _find_vendor(document, links)
    if isinstance(vendor, Hold):
        return Alignment(document, (), vendor)
    payable = _payable(document, vendor, rules, reference)
    if isinstance(payable, Hold):
        return Alignment(document, (), payable)
    purchase_order = document.purchase_order if isinstance(document, Bill) else ""
    lines: list[CodedAmount] = []
    for line in to_code:
        coded = code_line(rules.coding, line.facts)
        missing = missing_fields(coded.coding, _REQUIRED)
        hold = no_rule_hold(document.key, line.facts, missing) if missing else None
        hold = hold or reference_hold(document.key, coded.coding, reference, receivable=False)
        if hold is not None:
            return Alignment(document, (), hold)
        lines.append(_coded_amount(line, coded, payable.heading, purchase_order))
    return Alignment(document, merge_lines(lines), None, vendor.firm_id, payable.terms)


def _coded_amount(line: LineToCode, coded: CodedLine, heading: Heading, purchase_order: str) -> CodedAmount:
    return CodedAmount(
        key=LineKey(heading, *project_of(coded.coding), "", coded.coding.account or "", item=line.item),
        amount=line.amount,
        description=line.description,
        organization=coded.coding.organization or "",
        purchase_order=purchase_order,
        decided_by=coded.decided_by,
    )


def _find_vendor(document: Bill | ApCredit, links: FirmLinks) -> VendorLink | Hold:
    if document.vendor_id is None:
        return Hold(HoldReason.NO_VENDOR, f"{document.key} has no vendor.")
    link = links.vendors.get(document.vendor_id)
    label = f"{document.key}: vendor {document.vendor_id} {document.vendor_name.strip()!r}"
    if link is None:
        return Hold(HoldReason.VENDOR_WITHOUT_FIRM, f"{label} has not been matched with a firm yet.")
    return link.hold(label) or link


def _payable(
    document: Bill | ApCredit, vendor: VendorLink, rules: AlignmentRules, reference: ReferenceData
) -> _Payable | Hold:
    """Decide heading and terms: what a rule gives, else what Vantagepoint's own set-up of the vendor says."""
    facts = _facts(document, LineKind.PAYABLE)
    coding = code_line(rules.coding, facts).coding
    if rules.bills_as == "journal_entry":
        return _journal_entry(document, facts, coding, reference)
    if not vendor.vendor or vendor.accounting is None:
        message = (
            f"{document.key}: vendor {vendor.party_id} {document.vendor_name.strip()!r} has no accounting data in company "
            f"{reference.company or '(none)'} of Vantagepoint."
        )
        return Hold(HoldReason.VENDOR_WITHOUT_ACCOUNTING, message)
    number = (document.vendor_invoice or document.number).strip()
    if not number or len(number) > rules.longest_vendor_invoice:
        message = (
            f"{document.key} has the vendor's number {number!r}; Vantagepoint takes 1 to "
            f"{rules.longest_vendor_invoice} characters."
        )
        return Hold(HoldReason.INVOICE_NUMBER_UNUSABLE, message)
    heading = _voucher_heading(vendor, number, coding, vendor.accounting)
    if not heading.liability:
        return no_rule_hold(document.key, facts, ("liability",))
    hold = bank_hold(document.key, heading.bank, reference) if heading.bank else None
    return hold or _Payable(heading, coding.terms or vendor.accounting.terms or _DATED)


def _voucher_heading(vendor: VendorLink, number: str, coding: Coding, own: VendorAccounting) -> Heading:
    return Heading(
        EntryType.VOUCHERS,
        number,
        vendor=vendor.vendor,
        bank=coding.bank or own.bank,
        liability=coding.liability or own.liability,
    )


def _journal_entry(
    document: Bill | ApCredit, facts: LineFacts, coding: Coding, reference: ReferenceData
) -> _Payable | Hold:
    missing = missing_fields(coding, ("liability",))
    hold = no_rule_hold(document.key, facts, missing) if missing else None
    hold = hold or account_hold(document.key, coding.liability or "", reference)
    if hold is not None:
        return hold
    return _Payable(
        Heading(EntryType.JOURNAL_ENTRIES, reference_of(document.key), liability=coding.liability or ""), ""
    )
