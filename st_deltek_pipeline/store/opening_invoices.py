"""Rows of ``reference.opening_invoices`` and ``opening_rows``: which old invoices to ask for, and what was answered.

What our own transaction files posted, or took over, is never among the rows that are given out: the journal counts that.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.opening_invoices import OpeningInvoice, OpeningRow
from st_deltek_pipeline.store.copying import copy_rows
from st_deltek_pipeline.store.file_states import STANDING
from st_deltek_pipeline.store.staged_tables import TABLES

_COLUMNS = ("entry", "wbs1", "wbs2", "wbs3", "number", "account", "reference", "batch", "line_key", "amount")

_APPLIED = {
    Kind.PAYMENT: "SELECT document_id, invoice_id FROM staged.payment_applications WHERE connection = :connection",
    Kind.CREDIT_MEMO: "SELECT document_id, invoice_id FROM staged.credit_memo_splits WHERE connection = :connection",
    Kind.INVOICE: "SELECT document_id, document_id AS invoice_id FROM staged.invoices WHERE connection = :connection",
}

_OURS = """
    EXISTS (SELECT FROM journal.transaction_files AS file
            WHERE file.connection = line.connection AND file.batch = line.batch)
    OR EXISTS (SELECT FROM journal.ledger_rows AS taken_over
               WHERE taken_over.connection = line.connection AND taken_over.batch = line.batch
                 AND taken_over.line_key = line.line_key)
"""


@dataclass(frozen=True)
class Unstaged:
    """A document that has come since its day was staged.

    Attributes:
        payload: Its JSON as sent.
    """

    document_id: int
    payload: str


def invoices_of_held(engine: Engine, connection: str, kinds: Collection[Kind]) -> set[int]:
    """Return the invoices that documents on hold are applied to; a held invoice itself among them.

    Args:
        engine: The database.
        connection: The connection's name.
        kinds: Of invoices, payments and credit memos.
    """
    found: set[int] = set()
    with engine.connect() as db:
        for kind in kinds:
            statement = f"""
                SELECT applied.invoice_id
                FROM journal.outcomes AS held
                JOIN ({_APPLIED[kind]}) AS applied ON applied.document_id = held.document_id
                WHERE held.connection = :connection AND held.kind = :kind AND held.outcome = 'held'
            """  # noqa: S608 (constants)
            found.update(db.scalars(text(statement), {"connection": connection, "kind": kind.value}))
    return found


def unstaged(engine: Engine, connection: str, kind: Kind, start: date) -> list[Unstaged]:
    """Return the documents of a kind whose newest version came after their day was staged.

    Only dates are looked at on which something came since they were staged; there are few.

    Args:
        engine: The database.
        connection: The connection's name.
        kind: The kind of document.
        start: The connection's; documents dated before it are never staged.
    """
    statement = f"""
        SELECT latest.record_id, CAST(record.payload AS text)
        FROM raw.document_days AS day
        JOIN raw.latest AS latest
          ON latest.document_date = day.document_date AND latest.connection = day.connection AND latest.kind = day.kind
        JOIN raw.records AS record ON record.seq = latest.seq
        LEFT JOIN {TABLES[kind].table} AS staged
          ON staged.connection = latest.connection AND staged.document_id = latest.record_id
        WHERE day.connection = :connection AND day.kind = :kind AND day.document_date >= :start
          AND NOT EXISTS (
              SELECT FROM staged.days AS done
              WHERE done.connection = day.connection AND done.kind = day.kind
                AND day.document_date = ANY(done.document_dates) AND done.raw_seq_high >= day.changed_seq)
          AND staged.raw_seq IS DISTINCT FROM latest.seq
        ORDER BY latest.record_id
    """  # noqa: S608 (constants)
    parameters = {"connection": connection, "kind": kind.value, "start": start}
    with engine.connect() as db:
        return [Unstaged(*row) for row in db.execute(text(statement), parameters)]


def to_ask_for(
    engine: Engine, connection: str, invoice_ids: Collection[int], *, start: date, read_before: datetime
) -> list[int]:
    """Return which of some invoices Vantagepoint has to be asked for.

    They are dated before the start, or were once, stand nowhere by our own journal, and were not asked for lately.

    Args:
        engine: The database.
        connection: The connection's name.
        invoice_ids: ServiceTitan's ids.
        start: The connection's.
        read_before: Ask again for what was read at this instant or before it.
    """
    if not invoice_ids:
        return []
    statement = text(
        f"""
        SELECT latest.record_id
        FROM raw.latest AS latest
        LEFT JOIN reference.opening_invoices AS known
          ON known.connection = latest.connection AND known.invoice_id = latest.record_id
        WHERE latest.connection = :connection AND latest.kind = :kind AND latest.record_id = ANY(:ids)
          AND (known.read_at IS NULL OR known.read_at <= :read_before)
          AND (latest.document_date < :start OR {_dated_before("latest.record_id")})
          AND NOT EXISTS (
              SELECT FROM journal.postings AS posting
              JOIN journal.transaction_files AS file USING (connection, batch)
              WHERE posting.connection = latest.connection AND posting.kind = latest.kind
                AND posting.document_id = latest.record_id AND file.state = ANY(:standing))
        ORDER BY latest.record_id
        """  # noqa: S608 (constants)
    )
    parameters = {
        "connection": connection,
        "kind": Kind.INVOICE.value,
        "ids": sorted(invoice_ids),
        "start": start,
        "read_before": read_before,
        "standing": STANDING,
    }
    with engine.connect() as db:
        return list(db.scalars(statement, parameters))


def once_dated_before(engine: Engine, connection: str, invoice_ids: Collection[int], start: date) -> set[int]:
    """Return which of some invoices had a version that was dated before the start.

    Args:
        engine: The database.
        connection: The connection's name.
        invoice_ids: ServiceTitan's ids.
        start: The connection's.
    """
    if not invoice_ids:
        return set()
    statement = text(
        f"SELECT asked.id FROM unnest(CAST(:ids AS bigint[])) AS asked (id) WHERE {_dated_before('asked.id')}"  # noqa: S608 (constants)
    )
    parameters = {"connection": connection, "kind": Kind.INVOICE.value, "ids": sorted(invoice_ids), "start": start}
    with engine.connect() as db:
        return set(db.scalars(statement, parameters))


def _dated_before(invoice_id: str) -> str:
    return f"""EXISTS (
        SELECT FROM raw.records AS version
        WHERE version.connection = :connection AND version.kind = :kind AND version.record_id = {invoice_id}
          AND version.document_date < :start)"""


def opening_invoices(engine: Engine, connection: str, invoice_ids: Collection[int]) -> Mapping[int, OpeningInvoice]:
    """Read what Vantagepoint said of some invoices; those that it was not asked for are left out.

    Args:
        engine: The database.
        connection: The connection's name.
        invoice_ids: ServiceTitan's ids.
    """
    if not invoice_ids:
        return {}
    statement = text(
        f"""
        SELECT known.invoice_id, known.number AS asked_for, {", ".join(f"line.{name}" for name in _COLUMNS)}
        FROM reference.opening_invoices AS known
        LEFT JOIN reference.opening_rows AS line
          ON line.connection = known.connection AND line.invoice_id = known.invoice_id AND NOT ({_OURS})
        WHERE known.connection = :connection AND known.invoice_id = ANY(:ids)
        ORDER BY known.invoice_id, line.row_no
        """  # noqa: S608 (constants)
    )
    numbers: dict[int, str] = {}
    rows: dict[int, list[OpeningRow]] = {}
    with engine.connect() as db:
        for invoice_id, asked_for, *row in db.execute(
            statement, {"connection": connection, "ids": sorted(invoice_ids)}
        ):
            numbers[invoice_id] = asked_for
            if row[0] is not None:
                rows.setdefault(invoice_id, []).append(OpeningRow(EntryType(row[0]), *row[1:]))
    return {invoice_id: OpeningInvoice(number, rows.get(invoice_id, ())) for invoice_id, number in numbers.items()}


def opening_rows_of(engine: Engine, connection: str, numbers: Collection[tuple[str, str]]) -> list[OpeningRow]:
    """Read what others billed and received on some projects' invoice numbers, each row once, as it was read last.

    Args:
        engine: The database.
        connection: The connection's name.
        numbers: Project and invoice number as Vantagepoint has them.
    """
    statement = text(
        f"""
        SELECT known.invoice_id, {", ".join(f"line.{name}" for name in _COLUMNS)}
        FROM unnest(CAST(:projects AS text[]), CAST(:invoices AS text[])) AS asked (wbs1, number)
        JOIN reference.opening_rows AS line
          ON line.number = asked.number AND line.wbs1 = asked.wbs1 AND line.connection = :connection
        JOIN reference.opening_invoices AS known
          ON known.connection = line.connection AND known.invoice_id = line.invoice_id
        WHERE NOT ({_OURS})
        ORDER BY known.read_at DESC, known.invoice_id, line.row_no
        """  # noqa: S608 (constants)
    )
    asked = sorted(set(numbers))
    parameters = {
        "connection": connection,
        "projects": [project for project, _ in asked],
        "invoices": [number for _, number in asked],
    }
    # Two invoices of ServiceTitan may have one number: both readings then show the same rows.
    read_for: dict[tuple[str, str], int] = {}
    found: list[OpeningRow] = []
    with engine.connect() as db:
        for invoice_id, entry, *row in db.execute(statement, parameters):
            line = OpeningRow(EntryType(entry), *row)
            if read_for.setdefault((line.wbs1, line.number), invoice_id) == invoice_id:
                found.append(line)
    return found


def ours_among(engine: Engine, connection: str, lines: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return which of some rows of the ledger are ours: of our transaction files, or taken over from others.

    Args:
        engine: The database.
        connection: The connection's name.
        lines: Transaction file and line of each row.
    """
    statement = text(
        f"""
        SELECT line.batch, line.line_key
        FROM (
            SELECT CAST(:connection AS text) AS connection, asked.batch, asked.line_key
            FROM unnest(CAST(:batches AS text[]), CAST(:keys AS text[])) AS asked (batch, line_key)
        ) AS line
        WHERE {_OURS}
        """  # noqa: S608 (constants)
    )
    asked = sorted(set(lines))
    parameters = {
        "connection": connection,
        "batches": [batch for batch, _ in asked],
        "keys": [line_key for _, line_key in asked],
    }
    with engine.connect() as db:
        return {(batch, line_key) for batch, line_key in db.execute(statement, parameters)}


def store_opening_invoices(
    db: Connection, connection: str, invoices: Mapping[int, OpeningInvoice], *, read_at: datetime, run_id: str
) -> None:
    """Store what was answered in place of what was answered before.

    Args:
        db: An open transaction.
        connection: The connection's name.
        invoices: Each that was asked for, by ServiceTitan's id.
        read_at: When the reading began.
        run_id: Who read.
    """
    if not invoices:
        return
    db.execute(
        text("DELETE FROM reference.opening_invoices WHERE connection = :connection AND invoice_id = ANY(:ids)"),
        {"connection": connection, "ids": sorted(invoices)},
    )
    copy_rows(
        db,
        "reference.opening_invoices",
        ("connection", "invoice_id", "number", "read_at", "run_id"),
        ((connection, invoice_id, invoice.number, read_at, run_id) for invoice_id, invoice in invoices.items()),
    )
    copy_rows(
        db,
        "reference.opening_rows",
        ("connection", "invoice_id", "row_no", *_COLUMNS),
        (
            (connection, invoice_id, row_no, row.entry.value, *_plain(row))
            for invoice_id, invoice in invoices.items()
            for row_no, row in enumerate(invoice.rows, start=1)
        ),
    )


def _plain(row: OpeningRow) -> Sequence[object]:
    return [getattr(row, name) for name in _COLUMNS[1:]]
