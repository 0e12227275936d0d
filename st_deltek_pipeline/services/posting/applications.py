"""Payments among each other: no invoice receives more than it is for, those under way included.

Asked under the poster's lock, when all of a day's payments are decided. The rule is ``domain.receivables``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.decisions import Decision
from st_deltek_pipeline.domain.documents import Document, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.numbers import folded_number
from st_deltek_pipeline.domain.opening_invoices import stands_under_references, with_opening
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.posting_keys import NaturalKey, invoice_natural_key, reference_of
from st_deltek_pipeline.domain.receivables import OverApplication, ReceivableKey, applications_of, over_applications
from st_deltek_pipeline.services.posting.claims import Decided
from st_deltek_pipeline.services.posting.context import posting_target
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.opening_invoices import opening_rows_of
from st_deltek_pipeline.store.receivables import receivables
from st_deltek_pipeline.store.reference import load_reference


def without_over_applications(
    engine: Engine, settings: ConnectionSettings, journal: Journal, decided: Sequence[Decided]
) -> list[Decided]:
    """Hold payments that would receive more on an invoice than it is for; the oldest come first.

    Args:
        engine: The database.
        settings: The connection.
        journal: The connection's.
        decided: Payments, and what was decided about each.
    """
    padded_to = settings.vantagepoint.pad_invoice_numbers_to
    ordered = sorted(decided, key=lambda each: (each[0].document_date, each[0].key.document_id))
    numbers = {
        (line.key.wbs1, line.key.invoice)
        for _, decision in ordered
        for posting in decision.postings
        if posting.heading.entry is EntryType.RECEIPTS
        for line in posting.lines
        if line.key.invoice
    }
    if not numbers:
        return ordered
    others = opening_rows_of(engine, settings.name, numbers)
    account = load_reference(engine, settings.name).receivables_account if others else None
    standing = with_opening(
        receivables(engine, settings.name, sorted(numbers), padded_to=padded_to),
        others,
        receivables_account=account,
        padded_to=padded_to,
    )
    under_references = stands_under_references(others, receivables_account=account, padded_to=padded_to)
    changes = [_change(*each, under_references, padded_to) for each in ordered]
    waiting = over_applications(changes, standing)
    if not waiting:
        return ordered
    unfinished = _unfinished_invoices(settings, journal, list(waiting.values()))
    kept = list(ordered)
    for position, found in waiting.items():
        payment, decision = ordered[position]
        if decision.outcome is not None:
            invoice = unfinished.get(_key(found, padded_to))
            kept[position] = (payment, Decision((), _over_applied(payment, decision.outcome, found, invoice)))
    return kept


def _change(
    document: Document,
    decision: Decision,
    under_references: Mapping[str, Mapping[ReceivableKey, Decimal]],
    padded_to: int,
) -> Mapping[ReceivableKey, Decimal]:
    """Sum up what a payment adds to each invoice, without what stands under its own reference and is taken over."""
    change = dict(applications_of(decision.postings, padded_to))
    for key, amount in under_references.get(folded_number(reference_of(document.key)), {}).items():
        if key in change:
            change[key] -= amount
    return change


def _unfinished_invoices(
    settings: ConnectionSettings, journal: Journal, found: Sequence[OverApplication]
) -> dict[NaturalKey, DocumentOutcome]:
    """Return the invoices of which something is not in the ledger yet: room may still come."""
    padded_to = settings.vantagepoint.pad_invoice_numbers_to
    owners = journal.natural_key_owners(posting_target(settings), [_key(each, padded_to) for each in found])
    ours = [owner.document_id for owner in owners.values() if owner.connection == settings.name]
    outcomes = journal.outcomes(Kind.INVOICE, ours)
    return {
        key: outcomes[owner.document_id]
        for key, owner in owners.items()
        if owner.connection == settings.name
        and owner.kind is Kind.INVOICE
        and owner.document_id in outcomes
        and outcomes[owner.document_id].outcome in {OutcomeKind.HELD, OutcomeKind.IN_FLIGHT}
    }


def _key(found: OverApplication, padded_to: int) -> NaturalKey:
    return invoice_natural_key(found.wbs1, found.invoice, "", padded_to=padded_to)


def _over_applied(
    payment: Document, outcome: DocumentOutcome, found: OverApplication, invoice: DocumentOutcome | None
) -> DocumentOutcome:
    stands = found.receivable
    message = (
        f"{payment.key}: {found.change} more on invoice {found.invoice} of project {found.wbs1}, which is for "
        f"{stands.billed} and of which {stands.received} is received."
    )
    reason = HoldReason.OVER_APPLIED
    if invoice is not None:
        reason = HoldReason.WAITING_FOR_INVOICE
        message += f" Of {invoice.document}, {invoice.amount} is not posted yet."
    return replace(outcome, outcome=OutcomeKind.HELD, reason=reason.value, message=message)
