"""Aligning credit memos: negative lines on the invoices that a memo is split over, on the accounts of its items.

A receivable belongs to an invoice of a project, so every split takes its invoice's project and number; rules say which
account, section and tax code each item takes back.
"""

from collections.abc import Sequence

from st_deltek_pipeline.domain.alignment import Alignment, AlignmentRules, find_customer_firm
from st_deltek_pipeline.domain.coded_amounts import CodedAmount, invoice_line, merge_lines
from st_deltek_pipeline.domain.coding import CodedLine, LineFacts, LineKind, code_line
from st_deltek_pipeline.domain.credit_memos import CreditMemo
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.firm_links import FirmLink, FirmLinks
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.invoice_alignment import LineToCode, receivable_coding_hold
from st_deltek_pipeline.domain.money import ZERO, allocate, spread, total
from st_deltek_pipeline.domain.payment_alignment import PostedInvoices
from st_deltek_pipeline.domain.posting_keys import reference_of
from st_deltek_pipeline.domain.receivables import share_of_items
from st_deltek_pipeline.domain.reference import ReferenceData
from st_deltek_pipeline.domain.reference_checks import account_hold, tax_code_hold


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
    hold = _amounts_hold(memo)
    if hold is None and rules.customer_firm_required:
        firm, hold = find_customer_firm(memo, memo.billing_customer_id or memo.customer_id, links)
    if hold is None:
        holds = (invoices.target_hold(str(memo.key), split.invoice_id, split.invoice_number) for split in memo.splits)
        hold = next(filter(None, holds), None)
    if hold is not None:
        return Alignment(memo, (), hold)
    coded: list[tuple[LineToCode, CodedLine]] = []
    for line in credit_lines(memo):
        answer = code_line(rules.coding, line.facts)
        # The project is the invoice's; no rule has to give one.
        hold = _coding_hold(memo, line.facts, answer, reference)
        if hold is not None:
            return Alignment(memo, (), hold)
        coded.append((line, answer))
    return Alignment(memo, merge_lines(_lines(memo, coded, rules, invoices)), None, firm.firm_id if firm else None)


def credit_lines(memo: CreditMemo) -> list[LineToCode]:
    """Take a credit memo apart into the amounts that rules decide about, as positive as ServiceTitan states them.

    Args:
        memo: A staged credit memo. One whose items ServiceTitan does not tell is a single amount.
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
        )
        for line in memo.lines
        if line.total != ZERO
    ]
    if not memo.lines and memo.subtotal != ZERO:
        lines.append(LineToCode(facts(LineKind.ITEM), memo.subtotal, memo.description or "Credit", "credit"))
    if memo.sales_tax != ZERO:
        lines.append(LineToCode(facts(LineKind.TAX), memo.sales_tax, "Sales tax", "tax", memo.subtotal))
    return lines


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


def _coding_hold(memo: CreditMemo, facts: LineFacts, answer: CodedLine, reference: ReferenceData) -> Hold | None:
    coding = answer.coding
    return (
        receivable_coding_hold(memo.key, facts, coding, project_is_given=True)
        or account_hold(memo.key, coding.account or "", reference)
        or tax_code_hold(memo.key, coding.tax_code or "", reference)
    )


def _lines(
    memo: CreditMemo, coded: Sequence[tuple[LineToCode, CodedLine]], rules: AlignmentRules, invoices: PostedInvoices
) -> list[CodedAmount]:
    """Give every split its part of every line, so that both splits and lines sum up exactly."""
    shares = spread([line.amount for line, _ in coded], [split.amount for split in memo.splits])
    found: list[CodedAmount] = []
    for split, parts in zip(memo.splits, shares, strict=True):
        items = invoices.open_items[split.invoice_id]
        for (line, answer), part in zip(coded, parts, strict=True):
            for item, amount in zip(items, allocate(part, share_of_items(items)), strict=True):
                if amount == ZERO:
                    continue
                key = invoice_line(
                    (item.wbs1, item.wbs2, item.wbs3),
                    item.number,
                    account=answer.coding.account or "",
                    section=answer.coding.section or "",
                    tax_code=answer.coding.tax_code or "",
                    item=line.item if rules.one_line_per_item else "",
                    credit_memo=reference_of(memo.key),
                )
                found.append(CodedAmount(key, -amount, line.description, "", decided_by=answer.decided_by))
    return found
