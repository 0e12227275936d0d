"""Aligning a business day: code every staged document of a kind, and say what does not exist in Vantagepoint."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.alignment import Alignment, AlignmentRules
from st_deltek_pipeline.domain.bill_alignment import align_ap_credit, align_bill
from st_deltek_pipeline.domain.bills import ApCredit, Bill
from st_deltek_pipeline.domain.coding import fold
from st_deltek_pipeline.domain.credit_memo_alignment import align_credit_memo
from st_deltek_pipeline.domain.credit_memos import CreditMemo
from st_deltek_pipeline.domain.documents import Document, Kind
from st_deltek_pipeline.domain.firm_links import FirmLinks, PartyKey, PartyKind
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.invoice_alignment import align_invoice
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.opening_invoices import redated_words
from st_deltek_pipeline.domain.payment_alignment import PostedInvoices, align_payment
from st_deltek_pipeline.domain.payments import Payment
from st_deltek_pipeline.domain.receivables import OpenItem, OpenPlace
from st_deltek_pipeline.domain.reference import ReferenceData
from st_deltek_pipeline.services.day_documents import documents_of
from st_deltek_pipeline.services.opening_invoices import OpeningPositions, opening_positions
from st_deltek_pipeline.services.tax_zones import tax_zones_to_split_by
from st_deltek_pipeline.store.firm_mappings import load_firm_links
from st_deltek_pipeline.store.mapping import alignments_of, lock_alignments, replace_alignments
from st_deltek_pipeline.store.receivables import InvoiceHeader, invoice_headers, open_items, received_at
from st_deltek_pipeline.store.reference import load_reference

_NOT_ASKED = "Vantagepoint's ledger has not been asked yet whether it stands there."


@dataclass(frozen=True)
class AlignmentResult:
    """What aligning a day found.

    Attributes:
        held: Reason code to number of documents.
        held_totals: Reason code to the sum of their totals.
    """

    documents: int
    aligned: int
    held: Mapping[str, int]
    held_totals: Mapping[str, Decimal]
    total: Decimal

    @property
    def held_total(self) -> Decimal:
        """Sum of the held documents' totals."""
        return total(self.held_totals.values())


def alignment_rules(engine: Engine, settings: ConnectionSettings) -> AlignmentRules:
    """Read the alignment rules from a connection's settings.

    Args:
        engine: The database, read only where sales tax is split by the rates of tax zones.
        settings: The connection.
    """
    posting = settings.posting
    return AlignmentRules(
        coding=settings.rules,
        customer_firm_required=posting.customer_firm == "required",
        one_line_per_item=posting.invoice_lines == "item",
        longest_invoice_number=settings.vantagepoint.longest_invoice_number,
        code_zero_documents=posting.zero_documents == "post",
        tax_zones=tax_zones_to_split_by(engine, settings),
        unapplied=posting.unapplied,
        bills_as=posting.bills_as,
        bill_extras=posting.bill_extras,
        longest_vendor_invoice=settings.vantagepoint.longest_vendor_invoice,
        journal_entry_types=journal_entry_types(settings),
    )


def journal_entry_types(settings: ConnectionSettings) -> frozenset[str]:
    """Return the payment types that move no money, folded for comparison."""
    return frozenset(map(fold, settings.posting.journal_entry_payment_types))


def align_day(
    engine: Engine, settings: ConnectionSettings, kind: Kind, business_day: date, *, run_id: str
) -> AlignmentResult:
    """Align the staged documents of one kind of a business day and store the result.

    Args:
        engine: The database.
        settings: The connection.
        kind: The kind of document; what payments and credit memos are applied to must be posted before.
        business_day: The partition.
        run_id: Recorded with the alignments.

    Raises:
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    documents = documents_of(engine, settings, kind, business_day).everything
    align = aligner(engine, settings, documents)
    alignments = [align(document) for document in documents]
    with engine.begin() as connection:
        # Two runs of a day would both find nothing stored, and both store it.
        lock_alignments(connection, settings.name, kind)
        stored = alignments_of(
            connection,
            connection_name=settings.name,
            kind=kind,
            document_ids=[document.key.document_id for document in documents],
        )
        changed = [
            alignment
            for alignment in alignments
            if (known := stored.get(alignment.document.key.document_id)) is None or not known.says(alignment)
        ]
        if changed:
            replace_alignments(connection, connection_name=settings.name, kind=kind, alignments=changed, run_id=run_id)
    held: dict[str, list[Decimal]] = {}
    for alignment in alignments:
        if alignment.hold is not None:
            held.setdefault(alignment.hold.reason.value, []).append(alignment.document.total)
    counts = {reason: len(totals) for reason, totals in held.items()}
    return AlignmentResult(
        documents=len(alignments),
        aligned=len(alignments) - sum(counts.values()),
        held=counts,
        held_totals={reason: total(totals) for reason, totals in held.items()},
        total=total(alignment.document.total for alignment in alignments),
    )


def aligner(
    engine: Engine, settings: ConnectionSettings, documents: Sequence[Document]
) -> Callable[[Document], Alignment]:
    """Read all that aligning some documents needs, in bulk, and return what aligns one of them.

    Args:
        engine: The database; only read.
        settings: The connection.
        documents: Those that will be asked about.

    Raises:
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    reference = load_reference(engine, settings.name)
    rules = alignment_rules(engine, settings)
    parties = _parties(documents)
    links = load_firm_links(engine, settings.name, parties) if parties else FirmLinks()
    invoices = _posted_invoices(engine, settings, documents)
    receipts = _Receipts(engine, settings, invoices)
    others = _posted_by_others(engine, settings, documents, reference)

    def align(document: Document) -> Alignment:
        match document:
            case Invoice():
                hold = others.get(document.key.document_id)
                return Alignment(document, (), hold) if hold else align_invoice(document, rules, reference, links)
            case CreditMemo():
                return align_credit_memo(document, rules, reference, links, invoices)
            case Payment():
                aligned = align_payment(document, rules, reference, links, receipts.seen_by(document))
                receipts.remember(aligned)
                return aligned
            case Bill():
                return align_bill(document, rules, reference, links)
            case ApCredit():
                return align_ap_credit(document, rules, reference, links)
            case _:
                message = f"{type(document).__name__} is not a kind of document that is posted"
                raise TypeError(message)

    return align


class _Receipts:
    """What payments have received on invoices that stand on several projects, where rounding decides who gets a cent.

    One of a batch counts what those before it are going to receive.
    """

    def __init__(self, engine: Engine, settings: ConnectionSettings, invoices: PostedInvoices) -> None:
        self._invoices = invoices
        self._several = {invoice_id for invoice_id, items in invoices.open_items.items() if len(items) > 1}
        places = {item.place for invoice_id in self._several for item in invoices.open_items[invoice_id]}
        self._received = received_at(engine, settings.name, sorted(places)) if places else {}

    def seen_by(self, payment: Payment) -> PostedInvoices:
        """Return the invoices with what this payment and the others have received on them."""
        concerned = {each.invoice_id for each in payment.applications} & self._several
        if not concerned:
            return self._invoices
        seen = {
            invoice_id: [self._seen(item, payment.key.document_id) for item in self._invoices.open_items[invoice_id]]
            for invoice_id in concerned
        }
        return replace(self._invoices, open_items={**self._invoices.open_items, **seen})

    def _seen(self, item: OpenItem, payment_id: int) -> OpenItem:
        by_payment = self._received.get(item.place, {})
        own = by_payment.get(payment_id, ZERO)
        return replace(item, own=own, others=item.others + total(by_payment.values()) - own)

    def remember(self, aligned: Alignment) -> None:
        """Let those after it count what a payment is going to receive."""
        if not self._several or aligned.hold is not None:
            return
        document_id, lines = aligned.document.key.document_id, aligned.lines if aligned.document.active else ()
        received: dict[OpenPlace, Decimal] = {}
        for line in lines:
            key = line.key
            place = (key.wbs1, key.wbs2, key.wbs3, key.invoice)
            received[place] = received.get(place, ZERO) + line.amount
        for by_payment in self._received.values():
            by_payment.pop(document_id, None)
        for place, amount in received.items():
            self._received.setdefault(place, {})[document_id] = amount


def _parties(documents: Sequence[Document]) -> list[PartyKey]:
    """Return whose firms some documents ask for: customers as they are after merges, and vendors."""
    found: set[PartyKey] = set()
    for document in documents:
        if isinstance(document, Invoice | CreditMemo | Payment):
            customer = document.billing_customer_id or document.customer_id
            if customer is not None:
                found.add(PartyKey(PartyKind.CUSTOMER, customer))
        elif isinstance(document, Bill | ApCredit) and document.vendor_id is not None:
            found.add(PartyKey(PartyKind.VENDOR, document.vendor_id))
    return sorted(found)


def _posted_invoices(engine: Engine, settings: ConnectionSettings, documents: Sequence[Document]) -> PostedInvoices:
    targets = sorted(
        {
            *(
                each.invoice_id
                for document in documents
                if isinstance(document, Payment)
                for each in document.applications
            ),
            *(
                each.invoice_id
                for document in documents
                if isinstance(document, CreditMemo)
                for each in document.splits
            ),
        }
    )
    if not targets:
        return PostedInvoices({}, frozenset())
    stated = invoice_headers(engine, settings.name, targets)
    items = open_items(engine, settings.name, targets)
    opening = _opening_of(engine, settings, stated, items)
    return PostedInvoices(
        open_items={**opening.items, **items},
        known=frozenset(stated),
        voided=frozenset(invoice_id for invoice_id, header in stated.items() if not header.active),
        before_start=frozenset(
            invoice_id
            for invoice_id, header in stated.items()
            if header.document_date is not None and header.document_date < settings.start_date
        ),
        opening_problems=opening.problems,
    )


def _opening_of(
    engine: Engine,
    settings: ConnectionSettings,
    stated: Mapping[int, InvoiceHeader],
    items: Mapping[int, Sequence[OpenItem]],
) -> OpeningPositions:
    """Look where invoices stand that our journal knows nowhere."""
    unknown = {invoice_id: header for invoice_id, header in stated.items() if invoice_id not in items}
    return opening_positions(engine, settings, unknown)


def _posted_by_others(
    engine: Engine, settings: ConnectionSettings, documents: Sequence[Document], reference: ReferenceData
) -> Mapping[int, Hold]:
    """Hold invoices that were dated before the start once, when they were for others to post, and may stand already."""
    invoices = {document.key.document_id: document for document in documents if isinstance(document, Invoice)}
    if not invoices:
        return {}
    items = open_items(engine, settings.name, sorted(invoices))
    headers = {
        invoice_id: InvoiceHeader(invoice.active, invoice.document_date, invoice.total)
        for invoice_id, invoice in invoices.items()
    }
    opening = _opening_of(engine, settings, headers, items)
    found: dict[int, Hold] = {}
    for invoice_id in opening.items.keys() | opening.problems.keys():
        key, shown = invoices[invoice_id].key, opening.invoices.get(invoice_id)
        if shown is None:
            problem = opening.problems[invoice_id]
            words = f"{key} was moved over the connection's start_date, and {_NOT_ASKED}"
            found[invoice_id] = Hold(problem.reason, words)
        else:
            words = redated_words(shown, reference.receivables_account)
            found[invoice_id] = Hold(HoldReason.ALREADY_IN_VANTAGEPOINT, f"{key}: {words}")
    return found
