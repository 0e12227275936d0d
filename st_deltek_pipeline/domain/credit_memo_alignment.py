"""Aligning credit memos: negative lines on the invoices that a memo is split over, on the accounts of its items.

A receivable belongs to an invoice of a project, so every split takes its invoice's project and number; rules say which
account, section and tax code each item takes back.
"""

from collections.abc import Sequence
from decimal import Decimal

from st_deltek_pipeline.domain.alignment import Alignment, AlignmentRules, LineToCode, find_customer_firm
from st_deltek_pipeline.domain.coded_amounts import CodedAmount, invoice_line, merge_lines
from st_deltek_pipeline.domain.coding import CodedLine, LineFacts, LineKind, code_line
from st_deltek_pipeline.domain.credit_memos import CreditMemo
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.firm_links import FirmLink, FirmLinks
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.invoice_alignment import receivable_coding_hold
from st_deltek_pipeline.domain.money import ZERO, allocate, spread, total
from st_deltek_pipeline.domain.payment_alignment import PostedInvoices
from st_deltek_pipeline.domain.posting_keys import reference_of
from st_deltek_pipeline.domain.receivables import OpenItem, share_of_items
from st_deltek_pipeline.domain.reference import ReferenceData
from st_deltek_pipeline.domain.reference_checks import account_hold, tax_code_hold
from st_deltek_pipeline.domain.sales_tax import TaxSplit, TaxZone
from st_deltek_pipeline.domain.tax_lines import split_of, tax_hold, tax_lines, zone_named

# The project is the invoice's; no rule has to give one.
_REQUIRED = ("account", "section")


def align_credit_memo(
    memo: CreditMemo, rules: AlignmentRules, reference: ReferenceData, links: FirmLinks, invoices: PostedInvoices
) -> Alignment:
    """Code a credit memo and check everything its posting would name.

    Args:
        memo: A staged credit memo, active or not.
        rules: The connection's rules and settings.
        reference: What exists in Vantagepoint.
        links: The firms of customers.
        invoices: Those it is split over.

    Returns:
        Negative lines that sum to the memo's total exactly, or the first hold found. A memo that is not wholly applied
        is held: until then nothing says which invoice it takes from.
    """
    firm: FirmLink | None = None
    hold = _amounts_hold(memo) or memo_tax_hold(memo, rules) or _target_hold(memo, invoices)
    if hold is None and rules.customer_firm_required:
        firm, hold = find_customer_firm(memo, memo.billing_customer_id or memo.customer_id, links)
    if hold is not None:
        return Alignment(memo, (), hold)
    coded: list[tuple[LineToCode, CodedLine]] = []
    for line in credit_memo_lines(memo, rules):
        answer = code_line(rules.coding, line.facts)
        hold = _coding_hold(memo, line, answer, reference)
        if hold is not None:
            return Alignment(memo, (), hold)
        coded.append((line, answer))
    return Alignment(memo, merge_lines(_lines(memo, coded, rules, invoices)), None, firm.firm_id if firm else None)


def credit_memo_lines(memo: CreditMemo, rules: AlignmentRules) -> list[LineToCode]:
    """Take a credit memo apart into the amounts that rules decide about, as positive as ServiceTitan states them.

    Args:
        memo: A staged credit memo. One whose items ServiceTitan does not tell is a single amount.
        rules: The connection's rules and settings.
    """

    def facts(line: LineKind, item_type: str = "", sku: str = "", gl_account: str = "") -> LineFacts:
        return LineFacts(
            line=line,
            document=Kind.CREDIT_MEMO,
            business_unit=memo.business_unit_name,
            business_unit_id="" if memo.business_unit_id is None else str(memo.business_unit_id),
            customer_type=memo.customer_type,
            item_type=item_type,
            sku=sku,
            gl_account=gl_account,
            tax_zone=memo.tax_name if line is LineKind.TAX else "",
        )

    lines = [
        LineToCode(
            facts(LineKind.ITEM, line.item_type, line.sku, line.gl_account or ""),
            line.total,
            line.description,
            str(line.line_id),
            _REQUIRED,
        )
        for line in memo.lines
        if line.total != ZERO
    ]
    taxable = total(line.total for line in memo.lines if line.taxable)
    if not memo.lines and memo.subtotal != ZERO:
        taxable = memo.subtotal
        lines.append(LineToCode(facts(LineKind.ITEM), memo.subtotal, memo.description or "Credit", "credit", _REQUIRED))
    lines.extend(tax_lines(_split(memo, rules), memo.sales_tax, taxable, facts(LineKind.TAX), _REQUIRED))
    return lines


def memo_tax_hold(memo: CreditMemo, rules: AlignmentRules) -> Hold | None:
    """Hold a memo whose sales tax is to be split by authority and is not what the zone's rates give.

    Args:
        memo: A staged credit memo.
        rules: The connection's rules and settings.
    """
    return tax_hold(memo.key, _zone(memo, rules), _split(memo, rules), memo.sales_tax)


def _zone(memo: CreditMemo, rules: AlignmentRules) -> TaxZone | None:
    # A memo names no zone, but its tax code has the zone's name; and without items nobody knows what was taxable.
    return zone_named(rules.tax_zones, memo.tax_name) if memo.lines else None


def _split(memo: CreditMemo, rules: AlignmentRules) -> TaxSplit | None:
    return split_of(_zone(memo, rules), memo.lines, memo.sales_tax)


def _amounts_hold(memo: CreditMemo) -> Hold | None:
    items = total(line.total for line in memo.lines)
    if memo.lines and items != memo.subtotal:
        message = f"{memo.key}: items sum to {items}, the subtotal says {memo.subtotal}."
        return Hold(HoldReason.AMOUNTS_DO_NOT_ADD_UP, message)
    applied = total(split.amount for split in memo.splits)
    if memo.subtotal + memo.sales_tax != memo.total or applied + memo.balance != memo.total:
        message = (
            f"{memo.key}: subtotal {memo.subtotal}, sales tax {memo.sales_tax}, applied {applied} and balance "
            f"{memo.balance} do not agree with the total {memo.total}."
        )
        return Hold(HoldReason.AMOUNTS_DO_NOT_ADD_UP, message)
    if memo.balance != ZERO:
        return Hold(HoldReason.CREDIT_NOT_APPLIED, f"{memo.key}: {memo.balance} is applied to no invoice yet.")
    return None


def _target_hold(memo: CreditMemo, invoices: PostedInvoices) -> Hold | None:
    holds = (invoices.target_hold(memo.key, split.invoice_id, split.invoice_number) for split in memo.splits)
    return next(filter(None, holds), None)


def _coding_hold(memo: CreditMemo, line: LineToCode, answer: CodedLine, reference: ReferenceData) -> Hold | None:
    coding = answer.coding
    return (
        receivable_coding_hold(memo.key, line, coding)
        or account_hold(memo.key, coding.account or "", reference)
        or tax_code_hold(memo.key, coding.tax_code or "", reference)
    )


def _lines(
    memo: CreditMemo, coded: Sequence[tuple[LineToCode, CodedLine]], rules: AlignmentRules, invoices: PostedInvoices
) -> list[CodedAmount]:
    """Give every split its part of every line, so that both splits and lines sum up exactly."""
    if not memo.splits:
        return []
    shares = spread([line.amount for line, _ in coded], [split.amount for split in memo.splits])
    found: list[CodedAmount] = []
    for place, (line, answer) in enumerate(coded):
        by_split = [parts[place] for parts in shares]
        # What a tax was computed on follows the tax; no line is of nothing.
        bases = allocate(line.tax_basis, by_split)
        for split, part, basis in zip(memo.splits, by_split, bases, strict=True):
            items = invoices.open_items[split.invoice_id]
            weights = share_of_items(items)
            amounts = zip(items, allocate(part, weights), allocate(basis, weights), strict=True)
            found.extend(
                _taken_back(memo, item, line, answer, amount=amount, basis=item_basis, rules=rules)
                for item, amount, item_basis in amounts
                if amount != ZERO
            )
    return found


def _taken_back(
    memo: CreditMemo,
    item: OpenItem,
    line: LineToCode,
    answer: CodedLine,
    *,
    amount: Decimal,
    basis: Decimal,
    rules: AlignmentRules,
) -> CodedAmount:
    key = invoice_line(
        (item.wbs1, item.wbs2, item.wbs3),
        item.number,
        account=answer.coding.account or "",
        section=answer.coding.section or "",
        tax_code=answer.coding.tax_code or "",
        item=line.item if rules.one_line_per_item or line.stands_alone else "",
        credit_memo=reference_of(memo.key),
    )
    return CodedAmount(key, -amount, line.description, "", -basis + ZERO, decided_by=answer.decided_by)
