"""Aligning payments: which bank the money is in, and which project, invoice and account each part of it is for.

A receipt's line pays a project's invoice through the receivables account (vantagepoint.md section 4.2), so a payment can
be aligned only once the invoices it is applied to are posted. How much may be received on an invoice is decided later,
under the poster's lock (``receivables``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from st_deltek_pipeline.domain.alignment import (
    Alignment,
    AlignmentRules,
    find_customer_firm,
    missing_fields,
    no_rule_hold,
)
from st_deltek_pipeline.domain.coded_amounts import RETAINER, CodedAmount, Heading, LineKey, merge_lines
from st_deltek_pipeline.domain.coding import CodedLine, LineFacts, LineKind, code_line
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.firm_links import FirmLink, FirmLinks
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.money import ZERO, allocate, total
from st_deltek_pipeline.domain.payments import Application, Payment
from st_deltek_pipeline.domain.posting_keys import reference_of
from st_deltek_pipeline.domain.receivables import OpenItem, share_of_items
from st_deltek_pipeline.domain.reference import ReferenceData
from st_deltek_pipeline.domain.reference_checks import account_hold, bank_hold, project_hold, project_of


@dataclass(frozen=True)
class PostedInvoices:
    """The invoices that a day's payments and credit memos are applied to.

    Attributes:
        open_items: Where each posted invoice stands, by ServiceTitan's id.
        known: Ids of invoices that were taken in, posted or not.
    """

    open_items: Mapping[int, Sequence[OpenItem]]
    known: frozenset[int]

    def target_hold(self, document: str, invoice_id: int, number: str) -> Hold | None:
        """Say why nothing can be applied to an invoice yet; ``None`` when it is posted.

        Args:
            document: For the message.
            invoice_id: ServiceTitan's id.
            number: What the document calls it; may be empty.
        """
        label = f"invoice {invoice_id}" + (f" ({number})" if number else "")
        if invoice_id not in self.known:
            message = f"{document} is applied to {label}, which ServiceTitan does not have."
            return Hold(HoldReason.APPLIED_TO_UNKNOWN_INVOICE, message)
        items = self.open_items.get(invoice_id, ())
        if total(item.amount for item in items) == ZERO:
            return Hold(HoldReason.WAITING_FOR_INVOICE, f"{document} is applied to {label}, which is not posted yet.")
        return None


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
        Lines whose amounts sum to the payment's total exactly, or the first hold found.
    """
    firm: FirmLink | None = None
    hold = _amounts_hold(payment)
    if hold is None and rules.customer_firm_required:
        firm, hold = find_customer_firm(payment, payment.billing_customer_id or payment.customer_id, links)
    if hold is not None:
        return Alignment(payment, (), hold)
    lines = _lines(payment, rules, reference, invoices)
    if isinstance(lines, Hold):
        return Alignment(payment, (), lines)
    return Alignment(payment, merge_lines(lines), None, firm.firm_id if firm else None)


def receipt_facts(payment: Payment, line: LineKind) -> LineFacts:
    """Return what rules may match on of a payment (``line: receipt``) or its unapplied money (``line: unapplied``)."""
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


def _lines(
    payment: Payment, rules: AlignmentRules, reference: ReferenceData, invoices: PostedInvoices
) -> list[CodedAmount] | Hold:
    receivables = reference.receivables_account
    if not receivables:
        message = (
            f"{payment.key}: Vantagepoint names no receivables account for company {reference.company or '(none)'}."
        )
        return Hold(HoldReason.RECEIVABLES_ACCOUNT_UNKNOWN, message)
    facts = receipt_facts(payment, LineKind.RECEIPT)
    coded = code_line(rules.coding, facts)
    missing = missing_fields(coded.coding, ("bank",))
    hold = no_rule_hold(payment.key, facts, missing) if missing else None
    hold = hold or bank_hold(payment.key, coded.coding.bank or "", reference)
    if hold is not None:
        return hold
    heading = Heading(EntryType.RECEIPTS, reference_of(payment.key), bank=coded.coding.bank or "")
    lines: list[CodedAmount] = []
    for application in payment.applications:
        hold = invoices.target_hold(str(payment.key), application.invoice_id, application.invoice_number)
        if hold is not None:
            return hold
        items = invoices.open_items[application.invoice_id]
        lines.extend(_applied(application, items, heading, receivables, coded))
    if payment.unapplied != ZERO:
        unapplied = _unapplied(payment, heading, receivables, rules, reference)
        if isinstance(unapplied, Hold):
            return unapplied
        lines.append(unapplied)
    return lines


def _applied(
    application: Application, items: Sequence[OpenItem], heading: Heading, account: str, coded: CodedLine
) -> list[CodedAmount]:
    """Spread an application over the projects its invoice stands on, by weight; the last takes the remainder."""
    parts = allocate(application.amount, share_of_items(items))
    return [
        CodedAmount(
            key=LineKey(heading, item.wbs1, item.wbs2, item.wbs3, item.number, account),
            amount=part,
            description=f"Invoice {item.number}",
            organization="",
            decided_by={"bank": coded.decided_by.get("bank", "")},
        )
        for item, part in zip(items, parts, strict=True)
        if part != ZERO or len(items) == 1
    ]


def _unapplied(
    payment: Payment, heading: Heading, receivables: str, rules: AlignmentRules, reference: ReferenceData
) -> CodedAmount | Hold:
    """Code money that is applied to no invoice: on the business unit's project, without an invoice number."""
    if rules.unapplied == "hold":
        return Hold(HoldReason.UNAPPLIED_MONEY, f"{payment.key}: {payment.unapplied} is applied to no invoice.")
    if payment.business_unit_id is None:
        message = f"{payment.key} has no business unit, so nobody knows whose project {payment.unapplied} waits on."
        return Hold(HoldReason.NO_BUSINESS_UNIT, message)
    facts = receipt_facts(payment, LineKind.UNAPPLIED)
    coded = code_line(rules.coding, facts)
    missing = missing_fields(coded.coding, ("wbs1",))
    account = coded.coding.account or receivables
    hold = no_rule_hold(payment.key, facts, missing) if missing else None
    hold = (
        hold
        or project_hold(payment.key, coded.coding, reference, receivable=True)
        or account_hold(payment.key, account, reference)
    )
    if hold is not None:
        return hold
    retained = rules.unapplied == "retainer"
    return CodedAmount(
        key=LineKey(heading, *project_of(coded.coding), "", account, RETAINER if retained else ""),
        amount=payment.unapplied,
        description="Retainer" if retained else "On account",
        organization=coded.coding.organization or "",
        decided_by=coded.decided_by,
    )
