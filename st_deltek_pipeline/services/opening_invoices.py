"""Asking Vantagepoint's ledger for invoices from before the connection's start, which somebody else posted.

Payments and credit memos of the first weeks after going live are mostly applied to such invoices. They are asked for in
bulk by number, only those that something waits for, and what was answered is kept as it is; whether it is certain where an
invoice stands is ``domain.opening_invoices``'s question, each time anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.numbers import invoice_number_key, pad_invoice_number
from st_deltek_pipeline.domain.opening_invoices import (
    NOT_READ,
    OpeningInvoice,
    OpeningProblem,
    OpeningRow,
    opening_items,
)
from st_deltek_pipeline.domain.receivables import OpenItem
from st_deltek_pipeline.servicetitan.credit_memos import CreditMemoRecord
from st_deltek_pipeline.servicetitan.documents import FORMS
from st_deltek_pipeline.servicetitan.invoices import InvoiceRecord
from st_deltek_pipeline.servicetitan.payments import PaymentRecord
from st_deltek_pipeline.servicetitan.shapes import plain_text
from st_deltek_pipeline.store import opening_invoices as store
from st_deltek_pipeline.store.changes import note_change
from st_deltek_pipeline.store.raw import latest_payloads
from st_deltek_pipeline.store.receivables import InvoiceHeader
from st_deltek_pipeline.store.reference import load_reference, lock_reference
from st_deltek_pipeline.vantagepoint.rows import LedgerRow

_APPLIED = (Kind.PAYMENT, Kind.CREDIT_MEMO)
_LEDGERS = (EntryType.INVOICES, EntryType.RECEIPTS)


class LedgerClient(Protocol):
    """The part of ``VantagepointClient`` that reading calls."""

    def ledger_rows(self, trans_type: str, *, invoices: Sequence[str] | None = None) -> list[LedgerRow]:
        """Read posted rows of some invoice numbers."""
        ...


@dataclass(frozen=True)
class OpeningReading:
    """What one reading brought.

    Attributes:
        asked: Invoices that Vantagepoint was asked for.
        found: Those of them that somebody has entered there.
        changed: Those of which the answer is new, or another than before.
        problems: What a person should know, in whole sentences.
    """

    asked: int = 0
    found: int = 0
    changed: int = 0
    problems: tuple[str, ...] = ()


def opening_invoices_to_read(
    engine: Engine,
    settings: ConnectionSettings,
    *,
    older_than: timedelta = timedelta(0),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[int]:
    """Return the old invoices that Vantagepoint has to be asked for now, by ServiceTitan's id.

    Those that a held or new payment or credit memo is applied to, and new invoices that were dated before the start once.

    Args:
        engine: The application's database; records have been taken in.
        settings: The connection.
        older_than: Ask again for what was read this long ago.
        now: The clock.
    """
    if settings.posting.opening_invoices != "find":
        return []
    kinds = [kind for kind in (Kind.INVOICE, *_APPLIED) if kind in settings.posting.documents]
    targets = store.invoices_of_held(engine, settings.name, kinds)
    for kind in kinds:
        for document in store.unstaged(engine, settings.name, kind, settings.start_date):
            targets.update(_targets(kind, document))
    return store.to_ask_for(
        engine, settings.name, targets, start=settings.start_date, read_before=now().astimezone(UTC) - older_than
    )


def read_opening_invoices(
    engine: Engine,
    client: LedgerClient,
    settings: ConnectionSettings,
    *,
    run_id: str,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> OpeningReading:
    """Ask Vantagepoint's ledger for every old invoice that something waits for; without any it is not asked.

    Args:
        engine: The application's database; records have been taken in.
        client: Vantagepoint.
        settings: The connection.
        run_id: Recorded with what was answered.
        now: The clock.

    Raises:
        PermissionMissingError: The role may not read the ledger.
        TransientError: Not now. Nothing was changed.
    """
    begun = now().astimezone(UTC)
    ids = opening_invoices_to_read(engine, settings, now=lambda: begun)
    if not ids:
        return OpeningReading()
    answered = _ask(engine, client, settings, _numbers(engine, settings.name, ids))
    problems: list[str] = []
    with engine.begin() as db:
        lock_reference(db, settings.name)
        before = store.opening_invoices(engine, settings.name, ids)
        kept = dict(answered)
        for invoice_id, invoice in answered.items():
            known = before.get(invoice_id)
            # A ledger forgets nothing; a role that lost its access answers like that.
            if known is not None and known.stands and not invoice.stands and known.number == invoice.number:
                problems.append(
                    f"Vantagepoint's ledger shows nothing of invoice {invoice.number} any more; what it showed before is "
                    "kept. Check what the role of the Vantagepoint user may see."
                )
                del kept[invoice_id]
        changed = [invoice_id for invoice_id, invoice in kept.items() if _differs(before.get(invoice_id), invoice)]
        store.store_opening_invoices(db, settings.name, kept, read_at=begun, run_id=run_id)
        if changed:
            note_change(db, settings.name, "opening_invoices", run_id=run_id)
    found = sum(invoice.stands for invoice in answered.values())
    return OpeningReading(len(ids), found, len(changed), tuple(problems))


@dataclass(frozen=True)
class OpeningPositions:
    """Where old invoices stand.

    Attributes:
        items: Of those of which it is certain, by ServiceTitan's id.
        problems: Why it is not, of the others.
        invoices: What Vantagepoint showed of each that it was asked for.
    """

    items: Mapping[int, Sequence[OpenItem]]
    problems: Mapping[int, OpeningProblem]
    invoices: Mapping[int, OpeningInvoice]


def opening_positions(
    engine: Engine, settings: ConnectionSettings, headers: Mapping[int, InvoiceHeader]
) -> OpeningPositions:
    """Say where invoices stand that others posted, by what was read last. Vantagepoint is not asked.

    Args:
        engine: The database.
        settings: The connection.
        headers: What ServiceTitan says of invoices that our own journal knows nowhere.

    Returns:
        Nothing of invoices that are ours to post: those dated since the start that were never dated before it, and
        others that Vantagepoint does not have.
    """
    if settings.posting.opening_invoices != "find" or not headers:
        return OpeningPositions({}, {}, {})
    old = {
        invoice_id
        for invoice_id, header in headers.items()
        if header.document_date is not None and header.document_date < settings.start_date
    }
    moved = store.once_dated_before(engine, settings.name, headers.keys() - old, settings.start_date)
    known = store.opening_invoices(engine, settings.name, old | moved)
    receivables_account = load_reference(engine, settings.name).receivables_account if known else None
    items: dict[int, Sequence[OpenItem]] = {}
    problems: dict[int, OpeningProblem] = {}
    for invoice_id in sorted(old | moved):
        invoice = known.get(invoice_id)
        if invoice is None:
            problems[invoice_id] = NOT_READ
        elif invoice.stands or invoice_id in old:
            found = opening_items(invoice, headers[invoice_id].total, receivables_account)
            if isinstance(found, OpeningProblem):
                problems[invoice_id] = found
            else:
                items[invoice_id] = found
    return OpeningPositions(items, problems, known)


def _targets(kind: Kind, document: store.Unstaged) -> list[int]:
    if kind is Kind.INVOICE:
        return [document.document_id]
    record = FORMS[kind].read(document.payload)
    if not isinstance(record, PaymentRecord | CreditMemoRecord):
        # It is set aside, and applied to nothing until it can be read.
        return []
    return [each.applied_to for each in record.applied_to or ()]


def _numbers(engine: Engine, connection: str, ids: Sequence[int]) -> dict[int, str]:
    payloads = latest_payloads(engine, connection, Kind.INVOICE, ids)
    read = {invoice_id: FORMS[Kind.INVOICE].read(payload) for invoice_id, payload in payloads.items()}
    return {
        invoice_id: _stored(plain_text(record.reference_number)) if isinstance(record, InvoiceRecord) else ""
        for invoice_id, record in sorted(read.items())
    }


def _ask(
    engine: Engine, client: LedgerClient, settings: ConnectionSettings, numbers: Mapping[int, str]
) -> Mapping[int, OpeningInvoice]:
    padded_to = settings.vantagepoint.pad_invoice_numbers_to
    spellings = {
        spelling
        for number in numbers.values()
        if number
        for spelling in (number, pad_invoice_number(number, padded_to))
    }
    rows = [
        (entry, row)
        for entry in _LEDGERS
        for row in (client.ledger_rows(entry.ledger_type, invoices=sorted(spellings)) if spellings else ())
    ]
    shown = [_opening_row(entry, row) for entry, row in rows]
    ours = store.ours_among(engine, settings.name, {(row.batch, row.line_key) for row in shown})
    by_number: dict[str, list[OpeningRow]] = {}
    for row in shown:
        if (row.batch, row.line_key) not in ours:
            by_number.setdefault(invoice_number_key(row.number, padded_to), []).append(row)
    return {
        invoice_id: OpeningInvoice(
            number, sorted(by_number.get(invoice_number_key(number, padded_to), ())) if number else ()
        )
        for invoice_id, number in numbers.items()
    }


def _opening_row(entry: EntryType, row: LedgerRow) -> OpeningRow:
    return OpeningRow(
        entry=entry,
        wbs1=_stored(row.wbs1),
        wbs2=_stored(row.wbs2),
        wbs3=_stored(row.wbs3),
        number=_stored(row.invoice.strip()),
        account=_stored(row.account),
        # An invoice's own reference is its number on some tenants; only a receipt's says anything.
        reference=_stored(row.reference if entry is EntryType.RECEIPTS else row.credit_memo).strip(),
        batch=_stored(row.batch),
        line_key=_stored(row.line_key),
        amount=row.amount * Decimal(entry.ledger_sign),
    )


def _stored(value: str) -> str:
    return value.replace("\x00", "\ufffd")


def _differs(before: OpeningInvoice | None, now: OpeningInvoice) -> bool:
    return before is None or before.number != now.number or sorted(before.rows) != sorted(now.rows)
