"""Aligning bills and AP credits: the vendor, and which project and account each amount is for.

A bill is entered as a voucher, whose liability code derives the payable, or as a journal entry that balances on a
liability account (vantagepoint.md sections 4.3 and 4.5).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from st_deltek_pipeline.domain.alignment import Alignment, AlignmentRules, LineToCode, missing_fields, no_rule_hold
from st_deltek_pipeline.domain.bills import ApCredit, Bill, BillLine
from st_deltek_pipeline.domain.coded_amounts import CodedAmount, Heading, LineKey, merge_lines
from st_deltek_pipeline.domain.coding import CodedLine, Coding, LineFacts, LineKind, code_line
from st_deltek_pipeline.domain.entry_types import DATED, PAY_TERMS, EntryType
from st_deltek_pipeline.domain.firm_links import FirmLinks, VendorAccounting, VendorLink
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.money import ZERO, allocate, total
from st_deltek_pipeline.domain.posting_keys import reference_of
from st_deltek_pipeline.domain.reference import ReferenceData
from st_deltek_pipeline.domain.reference_checks import account_hold, bank_hold, project_of, reference_hold

_REQUIRED = ("wbs1", "account")
_OWN = "accounting data of the vendor"


@dataclass(frozen=True)
class _Payable:
    """The side of a bill that is owed: its heading and payment terms, and what decided each of them."""

    heading: Heading
    firm_id: str | None
    terms: str = ""
    decided_by: Mapping[str, str] = field(default_factory=dict[str, str])


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
        LineToCode(
            _item_facts(bill, line),
            amount,
            line.description or line.sku,
            str(line.line_id),
            _REQUIRED,
            stands_alone=True,
        )
        for line, amount in zip(bill.lines, amounts, strict=True)
        if amount != ZERO or (bill.is_zero and rules.code_zero_documents)
    ]
    if not allocated:
        lines += [
            LineToCode(_facts(bill, kind), amount, kind.value.capitalize(), kind.value, _REQUIRED, stands_alone=True)
            for kind, amount in extras
            if amount != ZERO
        ]
    return lines


def credit_lines(credit: ApCredit) -> list[LineToCode]:
    """Return the one amount of an AP credit, negative."""
    facts = _facts(credit, LineKind.CREDIT)
    return [LineToCode(facts, credit.effect, credit.memo or "Vendor credit", "credit", _REQUIRED, stands_alone=True)]


def payable_line(document: Bill | ApCredit, rules: AlignmentRules) -> LineToCode:
    """Return what rules decide about a bill or AP credit as a whole.

    Args:
        document: A staged bill or AP credit.
        rules: A journal entry needs an account to balance on; a voucher's codes may be the vendor's own.
    """
    required = ("liability",) if rules.bills_as == "journal_entry" else ()
    return LineToCode(_facts(document, LineKind.PAYABLE), document.effect, "Payable", "payable", required)


def _allocated_extras(bill: Bill) -> list[Decimal]:
    """Spread tax, shipping and other costs over the items: as ServiceTitan did where that sums up, else by amount."""
    amounts = [line.amount for line in bill.lines]
    sums = [ZERO for _ in bill.lines]
    for extra, stated in (
        (bill.tax, [line.allocated_tax for line in bill.lines]),
        (bill.shipping, [line.allocated_shipping for line in bill.lines]),
        (bill.other, [line.allocated_other for line in bill.lines]),
    ):
        sums = [sum_ + part for sum_, part in zip(sums, _shares(extra, stated, amounts), strict=True)]
    return sums


def _shares(extra: Decimal, stated: Sequence[Decimal | None], amounts: Sequence[Decimal]) -> Sequence[Decimal]:
    known = [part for part in stated if part is not None]
    if len(known) < len(stated) or sum(known) != extra or extra == ZERO:
        return allocate(extra, amounts)
    # What ServiceTitan spread over an item may have more decimals than cents; whole cents come out as they are.
    return allocate(extra, known)


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
    header = _facts(bill, LineKind.ITEM)
    facts = replace(
        header,
        item_type=line.item_type,
        sku=line.sku,
        gl_account=line.gl_account or "",
        cost_account=line.cost_account or "",
        asset_account=line.asset_account or "",
    )
    if line.business_unit_id is not None:
        facts = replace(facts, business_unit=line.business_unit_name, business_unit_id=str(line.business_unit_id))
    if line.job_id is not None:
        # An expense for a job of its own: what the bill's job is like says nothing about it.
        facts = replace(facts, purpose="job", job_type=line.job_type, project=line.project_number)
    return facts


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
    payable = _payable(document, rules, reference, links)
    if isinstance(payable, Hold):
        return Alignment(document, (), payable)
    lines: list[CodedAmount] = []
    for line in to_code:
        coded = code_line(rules.coding, line.facts)
        missing = missing_fields(coded.coding, line.required)
        hold = no_rule_hold(document.key, line.facts, missing) if missing else None
        hold = hold or reference_hold(document.key, coded.coding, reference, receivable=False)
        if hold is not None:
            return Alignment(document, (), hold)
        lines.append(_coded_amount(document, line, coded, payable))
    return Alignment(document, merge_lines(lines), None, payable.firm_id, payable.terms)


def _coded_amount(document: Bill | ApCredit, line: LineToCode, coded: CodedLine, payable: _Payable) -> CodedAmount:
    description = line.description
    if payable.heading.entry is EntryType.JOURNAL_ENTRIES:
        # Nothing else of a journal entry says whose bill it is.
        description = " ".join(filter(None, (document.vendor_name.strip(), _vendors_number(document), description)))
    return CodedAmount(
        key=LineKey(payable.heading, *project_of(coded.coding), "", coded.coding.account or "", item=line.item),
        amount=line.amount,
        description=description,
        organization=coded.coding.organization or "",
        purchase_order=document.purchase_order if isinstance(document, Bill) else "",
        decided_by={**payable.decided_by, **coded.decided_by},
    )


def _vendors_number(document: Bill | ApCredit) -> str:
    return document.vendor_invoice.strip() or document.number.strip()


def _find_vendor(document: Bill | ApCredit, links: FirmLinks) -> VendorLink | Hold:
    if document.vendor_id is None:
        return Hold(HoldReason.NO_VENDOR, f"{document.key} has no vendor.")
    link = links.vendors.get(document.vendor_id)
    label = f"{document.key}: vendor {document.vendor_id} {document.vendor_name.strip()!r}"
    if link is None:
        return Hold(HoldReason.VENDOR_WITHOUT_FIRM, f"{label} has not been matched with a firm yet.")
    return link.hold(label) or link


def _payable(
    document: Bill | ApCredit, rules: AlignmentRules, reference: ReferenceData, links: FirmLinks
) -> _Payable | Hold:
    """Decide heading and terms: what a rule gives, else what Vantagepoint's own set-up of the vendor says."""
    line = payable_line(document, rules)
    coded = code_line(rules.coding, line.facts)
    vendor = _find_vendor(document, links)
    if rules.bills_as == "journal_entry" and document.vendor_id is not None:
        # It names no vendor in Vantagepoint, so none has to be there.
        return _journal_entry(document, line, coded, reference, None if isinstance(vendor, Hold) else vendor.firm_id)
    if isinstance(vendor, Hold):
        return vendor
    if not vendor.vendor or vendor.accounting is None:
        message = (
            f"{document.key}: vendor {vendor.party_id} {document.vendor_name.strip()!r} has no accounting data in company "
            f"{reference.company or '(none)'} of Vantagepoint."
        )
        return Hold(HoldReason.VENDOR_WITHOUT_ACCOUNTING, message)
    number = _vendors_number(document)
    if not number or len(number) > rules.longest_vendor_invoice:
        message = (
            f"{document.key} has the vendor's number {number!r}; Vantagepoint takes 1 to "
            f"{rules.longest_vendor_invoice} characters."
        )
        return Hold(HoldReason.INVOICE_NUMBER_UNUSABLE, message)
    coding, decided_by = with_own_codes(coded, vendor.accounting)
    if not coding.liability:
        return no_rule_hold(document.key, line.facts, ("liability",))
    hold = bank_hold(document.key, coded.coding.bank, reference) if coded.coding.bank else None
    if hold is None and coded.coding.terms and coded.coding.terms not in PAY_TERMS:
        message = f"{document.key}: the payment terms {coded.coding.terms!r} are none of Vantagepoint's."
        hold = Hold(HoldReason.TERMS_UNKNOWN, message)
    heading = Heading(
        EntryType.VOUCHERS, number, vendor=vendor.vendor, bank=coding.bank or "", liability=coding.liability
    )
    return hold or _Payable(heading, vendor.firm_id, coding.terms or DATED, decided_by)


def with_own_codes(coded: CodedLine, own: VendorAccounting) -> tuple[Coding, Mapping[str, str]]:
    """Fill in what no rule gives from the vendor's own set-up.

    Args:
        coded: What rules give a bill as a whole.
        own: The vendor's accounting data.

    Returns:
        The coding, and what decided each field of it.
    """
    given = {"bank": own.bank, "liability": own.liability, "terms": own.terms}
    filled = {name: value for name, value in given.items() if value and not getattr(coded.coding, name)}
    return replace(coded.coding, **filled), {**coded.decided_by, **dict.fromkeys(filled, _OWN)}


def _journal_entry(
    document: Bill | ApCredit, line: LineToCode, coded: CodedLine, reference: ReferenceData, firm_id: str | None
) -> _Payable | Hold:
    missing = missing_fields(coded.coding, line.required)
    account = coded.coding.liability or ""
    hold = (
        no_rule_hold(document.key, line.facts, missing) if missing else account_hold(document.key, account, reference)
    )
    if hold is not None:
        return hold
    heading = Heading(EntryType.JOURNAL_ENTRIES, reference_of(document.key), liability=account)
    decided_by = {name: rule for name, rule in coded.decided_by.items() if name == "liability"}
    return _Payable(heading, firm_id, decided_by=decided_by)
