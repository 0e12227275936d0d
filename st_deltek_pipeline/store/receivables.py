"""Where posted invoices stand and what was received on them, by the journal: read in bulk, nothing is decided here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.receivables import OpenItem, OpenPlace, Receivable, ReceivableKey, receivable_key
from st_deltek_pipeline.store.file_states import STANDING, TAKEN


@dataclass(frozen=True)
class InvoiceHeader:
    """What ServiceTitan says of an invoice, whether it could be staged or not.

    Attributes:
        active: False once voided.
        document_date, total: ``None`` when it is not readable.
    """

    active: bool
    document_date: date | None
    total: Decimal | None = None


def invoice_headers(engine: Engine, connection: str, invoice_ids: Sequence[int]) -> Mapping[int, InvoiceHeader]:
    """Read what was taken in of invoices, by ServiceTitan's id; unknown ones are left out.

    Args:
        engine: The database.
        connection: The connection's name.
        invoice_ids: Invoices that payments or credit memos are applied to.
    """
    statement = text(
        """
        SELECT record_id, active, document_date, total FROM raw.latest
        WHERE connection = :connection AND kind = :kind AND record_id = ANY(:ids)
        """
    )
    parameters = {"connection": connection, "kind": Kind.INVOICE.value, "ids": sorted(set(invoice_ids))}
    with engine.connect() as db:
        return {
            row.record_id: InvoiceHeader(row.active, row.document_date, row.total)
            for row in db.execute(statement, parameters)
        }


def open_items(engine: Engine, connection: str, invoice_ids: Sequence[int]) -> Mapping[int, Sequence[OpenItem]]:
    """Read where invoices stand, by ServiceTitan's id; what was taken back wholly, and what is not posted, is left out.

    Args:
        engine: The database.
        connection: The connection's name.
        invoice_ids: Invoices that payments or credit memos are applied to.
    """
    statement = text(
        """
        SELECT posting.document_id, posting.wbs1, posting.wbs2, posting.wbs3, posting.number,
               sum(posting.amount) AS amount
        FROM journal.postings AS posting
        JOIN journal.transaction_files AS file USING (connection, batch)
        WHERE posting.connection = :connection AND posting.kind = :kind AND posting.document_id = ANY(:ids)
          AND file.state = ANY(:standing)
        GROUP BY posting.document_id, posting.wbs1, posting.wbs2, posting.wbs3, posting.number
        HAVING sum(posting.amount) <> 0
        ORDER BY posting.document_id, posting.wbs1, posting.wbs2, posting.wbs3, posting.number
        """
    )
    parameters = {
        "connection": connection,
        "kind": Kind.INVOICE.value,
        "ids": sorted(set(invoice_ids)),
        "standing": STANDING,
    }
    found: dict[int, list[OpenItem]] = {}
    with engine.connect() as db:
        for row in db.execute(statement, parameters):
            item = OpenItem(row.wbs1, row.wbs2, row.wbs3, row.number, row.amount)
            found.setdefault(row.document_id, []).append(item)
    return found


def received_at(engine: Engine, connection: str, places: Sequence[OpenPlace]) -> dict[OpenPlace, dict[int, Decimal]]:
    """Read what each payment has received at some places, receipts under way included: by place, then by payment.

    Args:
        engine: The database.
        connection: The connection's name.
        places: Projects and invoice numbers as they were posted.
    """
    statement = text(
        """
        SELECT line.wbs1, line.wbs2, line.wbs3, line.invoice, line.document_id, sum(line.amount) AS amount
        FROM unnest(CAST(:wbs1 AS text[]), CAST(:wbs2 AS text[]), CAST(:wbs3 AS text[]), CAST(:invoices AS text[]))
            AS asked (wbs1, wbs2, wbs3, invoice)
        JOIN journal.posting_lines AS line
          ON line.invoice = asked.invoice AND line.wbs1 = asked.wbs1 AND line.wbs2 = asked.wbs2
         AND line.wbs3 = asked.wbs3 AND line.connection = :connection AND line.kind = :kind
        JOIN journal.postings AS posting
          ON posting.connection = line.connection AND posting.kind = line.kind
         AND posting.document_id = line.document_id AND posting.posting_no = line.posting_no
        JOIN journal.transaction_files AS file
          ON file.connection = posting.connection AND file.batch = posting.batch
        WHERE line.invoice <> '' AND file.state = ANY(:taken)
        GROUP BY line.wbs1, line.wbs2, line.wbs3, line.invoice, line.document_id
        """
    )
    parameters = {
        "connection": connection,
        "kind": Kind.PAYMENT.value,
        "wbs1": [place[0] for place in places],
        "wbs2": [place[1] for place in places],
        "wbs3": [place[2] for place in places],
        "invoices": [place[3] for place in places],
        "taken": TAKEN,
    }
    found: dict[OpenPlace, dict[int, Decimal]] = {}
    with engine.connect() as db:
        for row in db.execute(statement, parameters):
            found.setdefault((row.wbs1, row.wbs2, row.wbs3, row.invoice), {})[row.document_id] = row.amount
    return found


def receivables(
    engine: Engine, connection: str, numbers: Sequence[tuple[str, str]], *, padded_to: int
) -> Mapping[ReceivableKey, Receivable]:
    """Read what invoices are for and what was received on them, receipts under way included.

    Args:
        engine: The database.
        connection: The connection's name.
        numbers: Project and invoice number as they were posted.
        padded_to: Width of padded AR invoice numbers.
    """
    statement = text(
        """
        SELECT line.wbs1, line.invoice,
               coalesce(sum(line.amount) FILTER (WHERE posting.entry = 'in' AND file.state = ANY(:standing)), 0) AS billed,
               coalesce(sum(line.amount) FILTER (WHERE posting.entry = 'cr'), 0) AS received
        FROM unnest(CAST(:projects AS text[]), CAST(:invoices AS text[])) AS asked (wbs1, invoice)
        JOIN journal.posting_lines AS line
          ON line.invoice = asked.invoice AND line.wbs1 = asked.wbs1 AND line.connection = :connection
        JOIN journal.postings AS posting
          ON posting.connection = line.connection AND posting.kind = line.kind
         AND posting.document_id = line.document_id AND posting.posting_no = line.posting_no
        JOIN journal.transaction_files AS file
          ON file.connection = posting.connection AND file.batch = posting.batch
        WHERE line.invoice <> '' AND file.state = ANY(:taken)
        GROUP BY line.wbs1, line.invoice
        """
    )
    asked = sorted(set(numbers))
    parameters = {
        "connection": connection,
        "projects": [project for project, _ in asked],
        "invoices": [invoice for _, invoice in asked],
        "standing": STANDING,
        "taken": TAKEN,
    }
    sums: dict[ReceivableKey, tuple[Decimal, Decimal]] = {}
    with engine.connect() as db:
        for row in db.execute(statement, parameters):
            key = receivable_key(row.wbs1, row.invoice, padded_to)
            billed, received = sums.get(key, (ZERO, ZERO))
            sums[key] = (billed + row.billed, received + row.received)
    return {key: Receivable(*amounts) for key, amounts in sums.items()}
