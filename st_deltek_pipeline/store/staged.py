"""Staged invoices: typed rows by business day, what was set aside, and which days are behind ``raw``.

Tables of schema ``staged``. An invoice has one row here whatever its day; a change moves or rewrites it. A
document whose newest version does not fit keeps the row of its last fitting version and stands in
``staged.set_aside`` as well, so that nothing that may have been posted disappears: posting holds it.
What fits is decided by the staging service.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from st_deltek_pipeline.domain.documents import DocumentKey, Kind, SyncStatus
from st_deltek_pipeline.domain.invoices import Invoice, InvoiceLine
from st_deltek_pipeline.store.copying import copy_rows

SHAPE = 1
"""Raised when payloads are read differently, so that everything is staged again with unchanged raw records."""

INVOICE_COLUMNS = (
    "connection",
    "document_id",
    "revision",
    "revision_hash",
    "business_day",
    "document_date",
    "due_date",
    "number",
    "sync_status",
    "review_status",
    "active",
    "customer_id",
    "customer_name",
    "customer_type",
    "billing_customer_id",
    "location_id",
    "business_unit_id",
    "business_unit_name",
    "job_id",
    "job_type",
    "job_status",
    "project_id",
    "project_number",
    "adjustment_to_id",
    "tax_zone_id",
    "tax_zone_name",
    "subtotal",
    "sales_tax",
    "total",
    "raw_seq",
    "shape",
)
_LINE_COLUMNS = (
    "connection",
    "document_id",
    "line_no",
    "line_id",
    "item_type",
    "sku",
    "description",
    "gl_account",
    "business_unit_id",
    "taxable",
    "quantity",
    "total",
)
_INVOICE = Kind.INVOICE.value
_LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A raw record that staging has to look at.

    Attributes:
        raw_seq: Its latest version.
        document_date: As intake read it.
        payload: That version's JSON.
        staged: The staged row's values in the order of ``INVOICE_COLUMNS``, or ``None``.
        is_set_aside: It stands in ``staged.set_aside`` now.
    """

    record_id: int
    raw_seq: int
    document_date: date | None
    payload: str
    staged: tuple[Any, ...] | None
    is_set_aside: bool

    @property
    def staged_revision(self) -> tuple[int, str] | None:
        """Revision and revision hash of the staged row."""
        return None if self.staged is None else (self.staged[2], self.staged[3])

    @property
    def staged_day(self) -> date | None:
        """Business day of the staged row."""
        return None if self.staged is None else self.staged[4]


@dataclass(frozen=True, slots=True)
class SetAside:
    """A record that does not fit, with the reason.

    Attributes:
        raw_seq: The version that does not fit.
        document_date, business_day: Where it belongs, as far as that is known.
        since: When it was first set aside without a fitting version in between; ``None`` before it is stored.
    """

    kind: str
    record_id: int
    raw_seq: int
    document_date: date | None
    business_day: date | None
    reason: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class StagedDay:
    """A business day as it was last staged.

    Attributes:
        document_dates: The dates that belonged to it.
        raw_seq_high: ``raw.document_days`` of these dates had nothing newer.
        documents, total: The invoices on that day and the sum of their totals.
        set_aside: Records set aside on that day.
        stale: A customer, job or other record that its invoices name has changed since.
        shape: The reading of payloads that was used.
    """

    business_day: date
    document_dates: tuple[date, ...]
    raw_seq_high: int
    documents: int
    set_aside: int
    total: Decimal
    stale: bool
    shape: int


@dataclass(frozen=True, slots=True)
class Lookup:
    """What invoices need to know of another record.

    Attributes:
        name: Name, number of a job or project.
        category: A customer's type, a job's status.
        refers_to: A customer's surviving customer, a job's job type.
    """

    record_id: int
    name: str
    category: str
    refers_to: int | None


def lock_staging(db: Connection, connection: str) -> None:
    """Make stagings of one connection follow each other, until the transaction ends.

    Args:
        db: An open transaction.
        connection: The connection's name.
    """
    db.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"st-deltek staging {connection}"}
    )


def changed_dates(db: Connection, connection: str, first: date) -> dict[date, int]:
    """Return the last raw change of every document date.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        first: Earlier dates are left out.
    """
    found = db.execute(
        text(
            """
            SELECT document_date, changed_seq FROM raw.document_days
            WHERE connection = :connection AND kind = :kind AND document_date >= :first
            ORDER BY document_date
            """
        ),
        {"connection": connection, "kind": _INVOICE, "first": first},
    )
    return {row[0]: row[1] for row in found}


def staged_days(db: Connection, connection: str) -> dict[date, StagedDay]:
    """Return every day that was staged, by business day.

    Args:
        db: A connection to the database.
        connection: The connection's name.
    """
    found = db.execute(
        text(
            """
            SELECT business_day, document_dates, raw_seq_high, documents, set_aside, total, stale, shape
            FROM staged.days WHERE connection = :connection ORDER BY business_day
            """
        ),
        {"connection": connection},
    )
    return {row[0]: StagedDay(row[0], tuple(row[1]), *row[2:]) for row in found}


_STAGED_COLUMNS = ", ".join(f"s.{column}" for column in INVOICE_COLUMNS)

# A document belongs to the day by its date, or because it is staged on it and may have moved away.
_CANDIDATES = f"""
    WITH asked AS (
        SELECT record_id FROM raw.latest
        WHERE connection = :connection AND kind = :kind AND document_date = ANY(CAST(:dates AS date[]))
        UNION
        SELECT document_id FROM staged.invoices WHERE connection = :connection AND business_day = :business_day
    )
    SELECT l.record_id, l.seq, l.document_date, CAST(r.payload AS text), a.record_id IS NOT NULL,
        {_STAGED_COLUMNS}
    FROM asked
    JOIN raw.latest AS l ON l.connection = :connection AND l.kind = :kind AND l.record_id = asked.record_id
    JOIN raw.records AS r ON r.seq = l.seq
    LEFT JOIN staged.invoices AS s ON s.connection = :connection AND s.document_id = asked.record_id
    LEFT JOIN staged.set_aside AS a
        ON a.connection = :connection AND a.kind = :kind AND a.record_id = asked.record_id
    WHERE :everything
        OR CASE WHEN a.record_id IS NOT NULL THEN a.raw_seq <> l.seq OR a.shape <> :shape
           ELSE s.raw_seq IS DISTINCT FROM l.seq OR s.shape <> :shape OR s.business_day <> :business_day END
    ORDER BY l.record_id
"""  # noqa: S608 (column names are constants)

# Documents without a readable date are on no day; each version of one is looked at once.
_UNDATED = f"""
    SELECT l.record_id, l.seq, l.document_date, CAST(r.payload AS text), a.record_id IS NOT NULL,
        {_STAGED_COLUMNS}
    FROM raw.latest AS l
    JOIN raw.records AS r ON r.seq = l.seq
    LEFT JOIN staged.invoices AS s ON s.connection = l.connection AND s.document_id = l.record_id
    LEFT JOIN staged.set_aside AS a
        ON a.connection = l.connection AND a.kind = l.kind AND a.record_id = l.record_id
    WHERE l.connection = :connection AND l.kind = :kind AND l.document_date IS NULL
        AND (a.raw_seq IS DISTINCT FROM l.seq OR a.shape <> :shape)
    ORDER BY l.record_id
"""  # noqa: S608 (column names are constants)


def candidates(
    db: Connection,
    connection: str,
    business_day: date,
    dates: Sequence[date],
    *,
    everything: bool,
    chunk: int,
) -> Iterator[list[Candidate]]:
    """Stream the records of a business day that are not staged as they are now.

    Args:
        db: The staging transaction; rows come through a server-side cursor.
        connection: The connection's name.
        business_day: The day.
        dates: Document dates that belong to it.
        everything: Look at unchanged records too, because what they refer to has changed.
        chunk: Records per list; the most that is held in memory.
    """
    parameters = {
        "connection": connection,
        "kind": _INVOICE,
        "business_day": business_day,
        "dates": list(dates),
        "everything": everything,
        "shape": SHAPE,
    }
    yield from _stream_candidates(db, _CANDIDATES, parameters, chunk)


def has_undated(db: Connection, connection: str) -> bool:
    """Say whether there are invoices without a readable date that have not been looked at yet.

    Args:
        db: A connection to the database.
        connection: The connection's name.
    """
    statement = f"SELECT EXISTS ({_UNDATED})"
    parameters = {"connection": connection, "kind": _INVOICE, "shape": SHAPE}
    return bool(db.execute(text(statement), parameters).scalar_one())


def undated_candidates(db: Connection, connection: str, *, chunk: int) -> Iterator[list[Candidate]]:
    """Stream the invoices without a readable date that have not been looked at yet.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        chunk: Records per list.
    """
    yield from _stream_candidates(db, _UNDATED, {"connection": connection, "kind": _INVOICE, "shape": SHAPE}, chunk)


def _stream_candidates(
    db: Connection, statement: str, parameters: dict[str, Any], chunk: int
) -> Iterator[list[Candidate]]:
    result = db.execute(
        text(statement), parameters, execution_options={"stream_results": True, "max_row_buffer": chunk}
    )
    for rows in result.partitions(chunk):
        yield [_candidate(row) for row in rows]


def _candidate(row: Row[*tuple[Any, ...]]) -> Candidate:
    record_id, raw_seq, document_date, payload, is_set_aside, *staged = row
    # An outer join without a partner gives NULLs, the id included.
    values = None if staged[1] is None else tuple(staged)
    return Candidate(record_id, raw_seq, document_date, payload, values, is_set_aside)


def invoice_values(invoice: Invoice) -> tuple[Any, ...]:
    """Return an invoice's column values in the order of ``INVOICE_COLUMNS``.

    Args:
        invoice: A typed invoice read from a raw record.
    """
    return (
        invoice.key.connection,
        invoice.key.document_id,
        invoice.revision,
        invoice.revision_hash,
        invoice.business_day,
        invoice.document_date,
        invoice.due_date,
        invoice.number,
        invoice.sync_status.value,
        invoice.review_status,
        invoice.active,
        invoice.customer_id,
        invoice.customer_name,
        invoice.customer_type,
        invoice.billing_customer_id,
        invoice.location_id,
        invoice.business_unit_id,
        invoice.business_unit_name,
        invoice.job_id,
        invoice.job_type,
        invoice.job_status,
        invoice.project_id,
        invoice.project_number,
        invoice.adjustment_to_id,
        invoice.tax_zone_id,
        invoice.tax_zone_name,
        invoice.subtotal,
        invoice.sales_tax,
        invoice.total,
        invoice.raw_seq,
        SHAPE,
    )


def write_invoices(db: Connection, connection: str, invoices: Iterable[Invoice], replaced: Sequence[int]) -> int:
    """Write invoices with their lines.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        invoices: New or changed ones; consumed while Postgres is already inserting the first of them.
        replaced: Ids of those that have a staged row now.

    Returns:
        How many there were.
    """
    if replaced:
        for statement in (
            "DELETE FROM staged.invoice_lines WHERE connection = :connection AND document_id = ANY(:ids)",
            "DELETE FROM staged.invoices WHERE connection = :connection AND document_id = ANY(:ids)",
        ):
            db.execute(text(statement), {"connection": connection, "ids": list(replaced)})
    written: list[Invoice] = []

    def lines() -> Iterator[tuple[Any, ...]]:
        for invoice in invoices:
            written.append(invoice)
            for line_no, line in enumerate(invoice.lines, start=1):
                yield (
                    connection,
                    invoice.key.document_id,
                    line_no,
                    line.line_id,
                    line.item_type,
                    line.sku,
                    line.description,
                    line.gl_account,
                    line.business_unit_id,
                    line.taxable,
                    line.quantity,
                    line.total,
                )

    # Lines first: they are most of Postgres' work, and it does it while the invoices are still being made.
    copy_rows(db, "staged.invoice_lines", _LINE_COLUMNS, lines())
    copy_rows(db, "staged.invoices", INVOICE_COLUMNS, map(invoice_values, written))
    return len(written)


def write_set_aside(db: Connection, connection: str, records: Sequence[SetAside]) -> None:
    """Record that records do not fit; one that did not fit before keeps its ``since``.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        records: The records, with the reason.
    """
    if not records:
        return
    db.execute(
        text(
            """
            INSERT INTO staged.set_aside
                (connection, kind, record_id, raw_seq, document_date, business_day, reason, shape)
            VALUES (:connection, :kind, :record_id, :raw_seq, :document_date, :business_day, :reason, :shape)
            ON CONFLICT (connection, kind, record_id) DO UPDATE SET
                raw_seq = excluded.raw_seq, document_date = excluded.document_date,
                business_day = excluded.business_day, reason = excluded.reason, shape = excluded.shape
            """
        ),
        [
            {
                "connection": connection,
                "kind": record.kind,
                "record_id": record.record_id,
                "raw_seq": record.raw_seq,
                "document_date": record.document_date,
                "business_day": record.business_day,
                "reason": record.reason[:_LONGEST_REASON].replace("\x00", "\ufffd"),
                "shape": SHAPE,
            }
            for record in records
        ],
    )


def clear_set_aside(db: Connection, connection: str, kind: str, ids: Sequence[int]) -> None:
    """Take records that fit again out of ``staged.set_aside``.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        kind: Their kind.
        ids: Their ids.
    """
    if ids:
        db.execute(
            text(
                """
                DELETE FROM staged.set_aside
                WHERE connection = :connection AND kind = :kind AND record_id = ANY(:ids)
                """
            ),
            {"connection": connection, "kind": kind, "ids": list(ids)},
        )


def close_day(
    db: Connection, connection: str, business_day: date, dates: Sequence[date], raw_seq_high: int, *, run_id: str
) -> StagedDay:
    """Count what is staged on a day and remember how far it went; an unchanged day is not written.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        business_day: The day.
        dates: The document dates that belong to it.
        raw_seq_high: The last change of these dates that was seen.
        run_id: Who staged it.
    """
    parameters = {
        "connection": connection,
        "kind": _INVOICE,
        "business_day": business_day,
        "dates": list(dates),
        "raw_seq_high": raw_seq_high,
        "shape": SHAPE,
        "run_id": run_id,
    }
    row = db.execute(
        text(
            """
            SELECT count(*), coalesce(sum(total), 0.00), (
                SELECT count(*) FROM staged.set_aside
                WHERE connection = :connection AND kind = :kind AND business_day = :business_day
            )
            FROM staged.invoices WHERE connection = :connection AND business_day = :business_day
            """
        ),
        parameters,
    ).one()
    documents, total, set_aside = row[0], row[1], row[2]
    db.execute(
        text(
            """
            INSERT INTO staged.days AS d (
                connection, business_day, document_dates, raw_seq_high, documents, set_aside, total, shape, run_id
            ) VALUES (
                :connection, :business_day, CAST(:dates AS date[]), :raw_seq_high, :documents, :set_aside, :total,
                :shape, :run_id
            )
            ON CONFLICT (connection, business_day) DO UPDATE SET
                document_dates = excluded.document_dates, raw_seq_high = excluded.raw_seq_high,
                documents = excluded.documents, set_aside = excluded.set_aside, total = excluded.total,
                shape = excluded.shape, stale = false, staged_at = now(), run_id = excluded.run_id
            WHERE d.stale
                OR (d.document_dates, d.raw_seq_high, d.documents, d.set_aside, d.total, d.shape)
                IS DISTINCT FROM (excluded.document_dates, excluded.raw_seq_high, excluded.documents,
                    excluded.set_aside, excluded.total, excluded.shape)
            """
        ),
        {**parameters, "documents": documents, "set_aside": set_aside, "total": total},
    )
    return StagedDay(business_day, tuple(dates), raw_seq_high, documents, set_aside, total, stale=False, shape=SHAPE)


def unread_lookups(db: Connection, connection: str, kinds: Sequence[str]) -> dict[str, int]:
    """Return the kinds with raw records that ``staged.lookups`` has not seen, and how far it has seen each.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        kinds: Kinds of record that invoices refer to.
    """
    found = db.execute(
        text(
            """
            SELECT k.kind, coalesce(p.raw_seq_high, 0)
            FROM unnest(CAST(:kinds AS text[])) AS k (kind)
            LEFT JOIN staged.lookup_progress AS p ON p.connection = :connection AND p.kind = k.kind
            WHERE EXISTS (
                SELECT FROM raw.latest AS l
                WHERE l.connection = :connection AND l.kind = k.kind AND l.document_date IS NULL
                    AND l.seq > coalesce(p.raw_seq_high, 0)
            )
            """
        ),
        {"connection": connection, "kinds": list(kinds)},
    )
    return {row[0]: row[1] for row in found}


def lookup_candidates(
    db: Connection, connection: str, kind: str, seen: int, *, chunk: int
) -> Iterator[list[tuple[int, int, str]]]:
    """Stream latest records that ``staged.lookups`` has not seen: record id, raw sequence number, payload.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        kind: The kind of record.
        seen: Versions up to this number have been seen.
        chunk: Records per list.
    """
    result = db.execute(
        text(
            """
            SELECT l.record_id, l.seq, CAST(r.payload AS text)
            FROM raw.latest AS l JOIN raw.records AS r ON r.seq = l.seq
            WHERE l.connection = :connection AND l.kind = :kind AND l.document_date IS NULL AND l.seq > :seen
            ORDER BY l.seq
            """
        ),
        {"connection": connection, "kind": kind, "seen": seen},
        execution_options={"stream_results": True, "max_row_buffer": chunk},
    )
    for rows in result.partitions(chunk):
        yield [(row[0], row[1], row[2]) for row in rows]


def write_lookups(db: Connection, connection: str, kind: str, lookups: Sequence[Lookup]) -> list[int]:
    """Write what invoices need to know of some records.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        kind: The kind of record.
        lookups: Each record once.

    Returns:
        The ids of those that are new or differ from what was known; the others are not written.
    """
    db.execute(
        text("CREATE TEMPORARY TABLE IF NOT EXISTS lookups_read (LIKE staged.lookups) ON COMMIT DROP"),
    )
    db.execute(text("TRUNCATE lookups_read"))
    copy_rows(
        db,
        "lookups_read",
        ("connection", "kind", "record_id", "name", "category", "refers_to"),
        ((connection, kind, item.record_id, item.name, item.category, item.refers_to) for item in lookups),
    )
    changed = db.execute(
        text(
            """
            INSERT INTO staged.lookups AS l SELECT * FROM lookups_read ORDER BY record_id
            ON CONFLICT (connection, kind, record_id) DO UPDATE SET
                name = excluded.name, category = excluded.category, refers_to = excluded.refers_to
            WHERE (l.name, l.category, l.refers_to)
                IS DISTINCT FROM (excluded.name, excluded.category, excluded.refers_to)
            RETURNING record_id
            """
        )
    )
    return list(changed.scalars())


def move_lookup_progress(db: Connection, connection: str, kind: str, raw_seq_high: int) -> None:
    """Remember how far the raw records of a kind have been seen.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        kind: The kind of record.
        raw_seq_high: The newest version seen.
    """
    db.execute(
        text(
            """
            INSERT INTO staged.lookup_progress (connection, kind, raw_seq_high)
            VALUES (:connection, :kind, :raw_seq_high)
            ON CONFLICT (connection, kind) DO UPDATE SET raw_seq_high = excluded.raw_seq_high
            """
        ),
        {"connection": connection, "kind": kind, "raw_seq_high": raw_seq_high},
    )


# Which column of an invoice names a record of each kind; job types are reached through jobs.
_NAMED_BY = {
    "customer": "customer_id",
    "job": "job_id",
    "business_unit": "business_unit_id",
    "project": "project_id",
    "tax_zone": "tax_zone_id",
}
_REFERRING_KIND = {"customer": "customer", "job_type": "job"}


def mark_stale_days(db: Connection, connection: str, kind: str, ids: Sequence[int]) -> None:
    """Mark the staged days whose invoices refer to some records, directly or through another record.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        kind: The kind of the changed records.
        ids: Their ids.
    """
    referring = _REFERRING_KIND.get(kind)
    named_by = _NAMED_BY.get(kind) or _NAMED_BY.get(referring or "")
    if not ids or named_by is None:
        return
    # Merged customers form chains; UNION drops what was met before, so a cycle ends. A job type needs one step
    # to its jobs, whose own ids then mean jobs and not job types.
    affected = "SELECT unnest(CAST(:ids AS bigint[]))"
    if kind == referring:
        affected = f"""
            WITH RECURSIVE chain (record_id) AS (
                {affected}
                UNION
                SELECT l.record_id FROM chain
                JOIN staged.lookups AS l
                    ON l.connection = :connection AND l.kind = :kind AND l.refers_to = chain.record_id
            ) SELECT record_id FROM chain
        """  # noqa: S608 (nothing but constants)
    elif referring is not None:
        affected = """
            SELECT record_id FROM staged.lookups
            WHERE connection = :connection AND kind = :referring AND refers_to = ANY(:ids)
        """
    db.execute(
        text(
            f"""
            UPDATE staged.days SET stale = true
            WHERE connection = :connection AND NOT stale AND business_day IN (
                SELECT business_day FROM staged.invoices
                WHERE connection = :connection AND {named_by} IN ({affected})
            )
            """  # noqa: S608 (column names are constants)
        ),
        {"connection": connection, "kind": kind, "referring": referring, "ids": list(ids)},
    )


def lookups(
    db: Connection, connection: str, wanted: Iterable[tuple[str, Iterable[int]]]
) -> dict[str, dict[int, Lookup]]:
    """Return what is known of some records, in one query.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        wanted: Ids by kind.

    Returns:
        By kind and id; unknown records are absent.
    """
    found: dict[str, dict[int, Lookup]] = {}
    kinds: list[str] = []
    ids: list[int] = []
    for kind, kind_ids in wanted:
        found[kind] = {}
        for record_id in kind_ids:
            kinds.append(kind)
            ids.append(record_id)
    if not ids:
        return found
    rows = db.execute(
        text(
            """
            SELECT w.kind, w.record_id, found.name, found.category, found.refers_to
            FROM unnest(string_to_array(:kinds, ','), CAST(string_to_array(:ids, ',') AS bigint[]))
                AS w (kind, record_id)
            -- One index look-up per record, whatever the planner believes of a table that has just grown.
            CROSS JOIN LATERAL (
                SELECT name, category, refers_to FROM staged.lookups AS l
                WHERE l.connection = :connection AND l.kind = w.kind AND l.record_id = w.record_id
                LIMIT 1
            ) AS found
            """
        ),
        {"connection": connection, "kinds": ",".join(kinds), "ids": ",".join(map(str, ids))},
    )
    for row in rows:
        found[row[0]][row[1]] = Lookup(row[1], row[2], row[3], row[4])
    return found


def invoices_of_day(engine: Engine, connection: str, business_day: date) -> list[Invoice]:
    """Return every staged invoice of a business day, active or not, by id.

    Args:
        engine: The application's database.
        connection: The connection's name.
        business_day: The day.
    """
    return _read_invoices(engine, connection, "business_day = :business_day", {"business_day": business_day})


def invoices_by_id(engine: Engine, connection: str, ids: Sequence[int]) -> list[Invoice]:
    """Return staged invoices by their ids, whatever their day.

    Args:
        engine: The application's database.
        connection: The connection's name.
        ids: ServiceTitan's invoice ids; unknown ones are left out.
    """
    return _read_invoices(engine, connection, "document_id = ANY(:ids)", {"ids": list(ids)})


def _read_invoices(engine: Engine, connection: str, condition: str, parameters: dict[str, Any]) -> list[Invoice]:
    parameters = {"connection": connection, **parameters}
    columns = ", ".join(INVOICE_COLUMNS)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as db:
        rows = db.execute(
            text(
                f"SELECT {columns} FROM staged.invoices AS s"  # noqa: S608 (constants)
                f" WHERE connection = :connection AND {condition} ORDER BY document_id"
            ),
            parameters,
        ).all()
        lines: dict[int, list[InvoiceLine]] = {}
        for row in db.execute(
            text(
                f"""
                SELECT document_id, line_id, item_type, sku, description, gl_account, business_unit_id, taxable,
                    quantity, total
                FROM staged.invoice_lines
                WHERE connection = :connection AND document_id IN (
                    SELECT document_id FROM staged.invoices WHERE connection = :connection AND {condition}
                )
                ORDER BY document_id, line_no
                """  # noqa: S608 (constants)
            ),
            parameters,
        ):
            lines.setdefault(row[0], []).append(InvoiceLine(*row[1:]))
    return [_invoice(row, tuple(lines.get(row.document_id, ()))) for row in rows]


def _invoice(row: Row[*tuple[Any, ...]], lines: tuple[InvoiceLine, ...]) -> Invoice:
    return Invoice(
        key=DocumentKey(row.connection, Kind.INVOICE, row.document_id),
        revision=row.revision,
        revision_hash=row.revision_hash,
        number=row.number,
        document_date=row.document_date,
        due_date=row.due_date,
        business_day=row.business_day,
        sync_status=SyncStatus(row.sync_status),
        review_status=row.review_status,
        active=row.active,
        customer_id=row.customer_id,
        customer_name=row.customer_name,
        location_id=row.location_id,
        business_unit_id=row.business_unit_id,
        business_unit_name=row.business_unit_name,
        job_id=row.job_id,
        job_type=row.job_type,
        project_id=row.project_id,
        adjustment_to_id=row.adjustment_to_id,
        tax_zone_id=row.tax_zone_id,
        subtotal=row.subtotal,
        sales_tax=row.sales_tax,
        total=row.total,
        lines=lines,
        customer_type=row.customer_type,
        billing_customer_id=row.billing_customer_id,
        tax_zone_name=row.tax_zone_name,
        project_number=row.project_number,
        job_status=row.job_status,
        raw_seq=row.raw_seq,
    )


def set_aside_of_day(engine: Engine, connection: str, business_day: date) -> list[SetAside]:
    """Return the invoices of a day that do not fit.

    Args:
        engine: The application's database.
        connection: The connection's name.
        business_day: The day.

    Returns:
        Those that belong to the day, and those whose last fitting version is staged on it, by id.
    """
    return _read_set_aside(
        engine,
        """
        business_day = :business_day OR record_id IN (
            SELECT document_id FROM staged.invoices
            WHERE connection = :connection AND business_day = :business_day
        )
        """,
        {"connection": connection, "business_day": business_day},
    )


def set_aside_undated(engine: Engine, connection: str) -> list[SetAside]:
    """Return the invoices that do not fit and belong to no day, because no version had a readable date.

    Args:
        engine: The application's database.
        connection: The connection's name.
    """
    return _read_set_aside(engine, "business_day IS NULL", {"connection": connection})


def set_aside_by_id(engine: Engine, connection: str, ids: Sequence[int]) -> list[SetAside]:
    """Return which of some invoices do not fit, by their ids, whatever their day.

    Args:
        engine: The application's database.
        connection: The connection's name.
        ids: ServiceTitan's invoice ids.
    """
    return _read_set_aside(engine, "record_id = ANY(:ids)", {"connection": connection, "ids": list(ids)})


def _read_set_aside(engine: Engine, condition: str, parameters: dict[str, Any]) -> list[SetAside]:
    with engine.connect() as db:
        found = db.execute(
            text(
                f"""
                SELECT kind, record_id, raw_seq, document_date, business_day, reason, since FROM staged.set_aside
                WHERE connection = :connection AND kind = :kind AND ({condition}) ORDER BY record_id
                """  # noqa: S608 (constants)
            ),
            {**parameters, "kind": _INVOICE},
        )
        return [SetAside(*row) for row in found]
