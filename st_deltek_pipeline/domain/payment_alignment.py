"""Aligning payments: which bank the money is in, and which project, invoice and account each part of it is for.

A receipt's line pays a project's invoice through the receivables account (vantagepoint.md section 4.2), so a payment can
be aligned only once the invoices it is applied to are posted. How much may be received on an invoice is decided later,
under the poster's lock (``receivables``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from st_deltek_pipeline.domain.alignment import (
    Alignment,
    AlignmentRules,
    LineToCode,
    find_customer_firm,
    missing_fields,
    no_rule_hold,
)
from st_deltek_pipeline.domain.coded_amounts import RETAINER, CodedAmount, Heading, LineKey, merge_lines
from st_deltek_pipeline.domain.coding import LineFacts, LineKind, code_line
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.firm_links import FirmLink, FirmLinks
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.opening_invoices import OpeningProblem
from st_deltek_pipeline.domain.payments import Payment
from st_deltek_pipeline.domain.posting_keys import reference_of
from st_deltek_pipeline.domain.receivables import OpenItem, spread_over_items
from st_deltek_pipeline.domain.reference import ReferenceData
from st_deltek_pipeline.domain.reference_checks import account_hold, bank_hold, project_hold, project_of

_BEFORE_START = OpeningProblem(HoldReason.INVOICE_BEFORE_START, "which is dated before the connection's start_date.")
_NOT_POSTED = OpeningProblem(HoldReason.WAITING_FOR_INVOICE, "which is not posted yet.")


@dataclass(frozen=True)
class PostedInvoices:
    """The invoices that a day's payments and credit memos are applied to.

    Attributes:
        open_items: Where each posted invoice stands, by ServiceTitan's id; those that others posted before the start too.
        known: Ids of invoices that were taken in, posted or not.
        voided: Those of them that do not count any more in ServiceTitan.
        before_start: Those that are dated before the connection's start: they are never posted from here.
        opening_problems: Why it is not certain where some invoices stand that others posted, or should have.
    """

    open_items: Mapping[int, Sequence[OpenItem]]
    known: frozenset[int]
    voided: frozenset[int] = frozenset()
    before_start: frozenset[int] = frozenset()
    opening_problems: Mapping[int, OpeningProblem] = field(default_factory=dict[int, OpeningProblem])

    def target_hold(self, document: DocumentKey, invoice_id: int, number: str) -> Hold | None:
        """Say why nothing can be applied to an invoice yet; ``None`` when it is posted.

        Args:
            document: For the message.
            invoice_id: ServiceTitan's id.
            number: What the document calls it; may be empty.
        """
        label = f"{document} is applied to invoice {invoice_id}" + (f" ({number})" if number else "")
        if invoice_id not in self.known:
            return Hold(HoldReason.APPLIED_TO_UNKNOWN_INVOICE, f"{label}, which ServiceTitan does not have.")
        if invoice_id in self.voided:
            return Hold(HoldReason.APPLIED_TO_VOIDED_INVOICE, f"{label}, which is voided.")
        items = self.open_items.get(invoice_id, ())
        if total(item.amount for item in items) != ZERO:
            return None
        if items:
            return Hold(HoldReason.OVER_APPLIED, f"{label}, which is for 0.00 in all.")
        problem = self.opening_problems.get(invoice_id)
        if problem is None:
            problem = _BEFORE_START if invoice_id in self.before_start else _NOT_POSTED
        return Hold(problem.reason, f"{label}, {problem.words}")


@dataclass(frozen=True)
class _Receipt:
    """What all lines of a receipt share: its heading, the receivables account, and what decided the bank."""

    heading: Heading
    receivables: str
    decided_by: Mapping[str, str]


def align_payment(
    payment: Payment, rules: AlignmentRules, reference: ReferenceData, links: FirmLinks, invoices: PostedInvoices
) -> Alignment:
    """Code a payment and check everything its receipt would name.

    Args:
        payment: A staged payment, active or not.
        rules: The connection's rules and settings.
        reference: What exists in Vantagepoint.
        links: The firms of customers.
        invoices: Those it is applied to.

    Returns:
        Lines whose amounts sum to the payment's total exactly, or the first hold found; neither for a payment that moves
        no money.
    """
    if payment.moves_no_money(rules.journal_entry_types):
        return Alignment(payment, (), None)
    firm: FirmLink | None = None
    hold = _amounts_hold(payment) or _target_hold(payment, invoices) or _unapplied_hold(payment, rules)
    if hold is None and rules.customer_firm_required:
        firm, hold = find_customer_firm(payment, payment.billing_customer_id or payment.customer_id, links)
    if hold is not None:
        return Alignment(payment, (), hold)
    lines = _lines(payment, rules, reference, invoices)
    if isinstance(lines, Hold):
        return Alignment(payment, (), lines)
    return Alignment(payment, merge_lines(lines), None, firm.firm_id if firm else None)


def payment_lines(payment: Payment, rules: AlignmentRules) -> list[LineToCode]:
    """Return what rules decide about a payment: where its money came to, and whose project unapplied money waits on.

    Args:
        payment: A staged payment.
        rules: The connection's rules and settings.

    Returns:
        The receipt as a whole, then its unapplied money; nothing for a payment that moves no money.
    """
    if payment.moves_no_money(rules.journal_entry_types):
        return []
    lines = [LineToCode(_facts(payment, LineKind.RECEIPT), payment.total, "Receipt", "receipt", ("bank",))]
    if payment.unapplied != ZERO and rules.unapplied != "hold":
        words = "Retainer" if rules.unapplied == "retainer" else "On account"
        facts = _facts(payment, LineKind.UNAPPLIED)
        lines.append(LineToCode(facts, payment.unapplied, words, "unapplied", ("wbs1",)))
    return lines


def _facts(payment: Payment, line: LineKind) -> LineFacts:
    return LineFacts(
        line=line,
        document=Kind.PAYMENT,
        business_unit=payment.business_unit_name,
        business_unit_id="" if payment.business_unit_id is None else str(payment.business_unit_id),
        payment_type=payment.type_name,
    )


def _amounts_hold(payment: Payment) -> Hold | None:
    applied = total(application.amount for application in payment.applications)
    if applied + payment.unapplied == payment.total:
        return None
    message = (
        f"{payment.key}: applied {applied} and unapplied {payment.unapplied} do not make the total {payment.total}."
    )
    return Hold(HoldReason.AMOUNTS_DO_NOT_ADD_UP, message)


def _target_hold(payment: Payment, invoices: PostedInvoices) -> Hold | None:
    holds = (
        invoices.target_hold(payment.key, application.invoice_id, application.invoice_number)
        for application in payment.applications
    )
    return next(filter(None, holds), None)


def _unapplied_hold(payment: Payment, rules: AlignmentRules) -> Hold | None:
    if payment.unapplied == ZERO:
        return None
    if rules.unapplied == "hold":
        return Hold(HoldReason.UNAPPLIED_MONEY, f"{payment.key}: {payment.unapplied} is applied to no invoice.")
    if payment.business_unit_id is None:
        message = f"{payment.key} has no business unit, so nobody knows whose project {payment.unapplied} waits on."
        return Hold(HoldReason.NO_BUSINESS_UNIT, message)
    return None


def _lines(
    payment: Payment, rules: AlignmentRules, reference: ReferenceData, invoices: PostedInvoices
) -> list[CodedAmount] | Hold:
    receivables = reference.receivables_account
    if not receivables:
        message = (
            f"{payment.key}: Vantagepoint names no receivables account for company {reference.company or '(none)'}."
        )
        return Hold(HoldReason.RECEIVABLES_ACCOUNT_UNKNOWN, message)
    receipt, *unapplied = payment_lines(payment, rules)
    coded = code_line(rules.coding, receipt.facts)
    missing = missing_fields(coded.coding, receipt.required)
    hold = no_rule_hold(payment.key, receipt.facts, missing) if missing else None
    hold = (
        hold
        or bank_hold(payment.key, coded.coding.bank or "", reference)
        or account_hold(payment.key, receivables, reference)
    )
    if hold is not None:
        return hold
    heading = Heading(EntryType.RECEIPTS, reference_of(payment.key), bank=coded.coding.bank or "")
    shared = _Receipt(heading, receivables, coded.decided_by)
    lines = [
        line
        for invoice_id, amount in amounts_by_invoice(payment).items()
        for line in _applied(amount, invoices.open_items[invoice_id], shared)
    ]
    for to_code in unapplied:
        line = _unapplied(payment, to_code, shared, rules, reference)
        if isinstance(line, Hold):
            return line
        lines.append(line)
    return lines


def amounts_by_invoice(payment: Payment) -> Mapping[int, Decimal]:
    """Return what a payment has for each invoice in all, by ServiceTitan's id."""
    found: dict[int, Decimal] = {}
    for application in payment.applications:
        found[application.invoice_id] = found.get(application.invoice_id, ZERO) + application.amount
    return found


def _applied(amount: Decimal, items: Sequence[OpenItem], receipt: _Receipt) -> list[CodedAmount]:
    return [
        CodedAmount(
            key=LineKey(receipt.heading, item.wbs1, item.wbs2, item.wbs3, item.number, receipt.receivables),
            amount=part,
            description=f"Invoice {item.number}",
            organization="",
            decided_by=receipt.decided_by,
        )
        for item, part in zip(items, spread_over_items(amount, items), strict=True)
        if part != ZERO
    ]


def _unapplied(
    payment: Payment, to_code: LineToCode, receipt: _Receipt, rules: AlignmentRules, reference: ReferenceData
) -> CodedAmount | Hold:
    """Code money that is applied to no invoice: on the business unit's project, without an invoice number."""
    coded = code_line(rules.coding, to_code.facts)
    missing = missing_fields(coded.coding, to_code.required)
    account = coded.coding.account or receipt.receivables
    hold = no_rule_hold(payment.key, to_code.facts, missing) if missing else None
    hold = (
        hold
        or project_hold(payment.key, coded.coding, reference, receivable=True)
        or account_hold(payment.key, account, reference)
    )
    if hold is not None:
        return hold
    section = RETAINER if rules.unapplied == "retainer" else ""
    return CodedAmount(
        key=LineKey(receipt.heading, *project_of(coded.coding), "", account, section),
        amount=to_code.amount,
        description=to_code.description,
        organization=coded.coding.organization or "",
        decided_by={**receipt.decided_by, **coded.decided_by},
    )
