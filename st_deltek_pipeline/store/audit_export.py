"""What an auditor's export holds: for each file its columns and how its rows are read, in streams and in a fixed order.

Writing files is the command line's. Nothing here writes to the database.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, text

from st_deltek_pipeline.store.staged_tables import TABLES
from st_deltek_pipeline.store.verification import stream

# Payloads and frozen bodies are among the rows, some of them large.
_ROWS_AT_ONCE = 100


class ColumnType(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    AMOUNT = "amount"
    """Whole cents, or the ledger's four decimals."""
    EXACT = "exact"
    """An amount as it was stated, which may have a fraction of a cent."""
    DAY = "day"
    INSTANT = "instant"
    TRUTH = "truth"


@dataclass(frozen=True)
class ExportColumn:
    """A column of an exported file."""

    name: str
    type: ColumnType


@dataclass(frozen=True)
class Export:
    """One exported file.

    Attributes:
        name: Without the ending.
        statement: Gives the columns in their order; ``:connection``, ``:first`` and ``:last`` are its parameters.
        totals: The columns that are summed up in the manifest.
    """

    name: str
    columns: tuple[ExportColumn, ...]
    statement: str
    totals: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChainRange:
    """The part of the hash chain that an export covers, without a gap, and the chain's end beside it.

    Attributes:
        first, last: Sequence numbers; 0 when no event concerns the period.
        before: The hash that the first event follows.
        end: The hash of the last one.
        head, head_hash: The newest event of the whole chain when the export was made.
    """

    first: int
    last: int
    before: str
    end: str
    head: int
    head_hash: str


@dataclass(frozen=True)
class ExportedPeriod:
    """What is exported: the documents of a connection's business days, from the first to the last."""

    connection: str
    first: date
    last: date
    chain: ChainRange


_TYPES = {
    "#": ColumnType.INTEGER,
    "$": ColumnType.AMOUNT,
    "=": ColumnType.EXACT,
    "@": ColumnType.DAY,
    "!": ColumnType.INSTANT,
    "?": ColumnType.TRUTH,
}


def _columns(*names: str) -> tuple[ExportColumn, ...]:
    """Read columns: the first character says what one holds, a letter is text."""
    return tuple(ExportColumn(name.lstrip("#$=@!?"), _TYPES.get(name[0], ColumnType.TEXT)) for name in names)


def _selected(columns: Sequence[ExportColumn], table: str) -> str:
    return ", ".join(f"{table}.{column.name}" for column in columns)


_NAMES = " UNION ALL ".join(
    f"""
    SELECT '{kind.value}' AS kind, document_id, number, document_date, total, active,
           {"vendor_name" if "vendor_name" in table.fields else "customer_name"} AS party
    FROM {table.table} WHERE connection = :connection
    """  # noqa: S608 (constants)
    for kind, table in TABLES.items()
)

# Every document that was decided about on a day of the period, or posted on one.
_DOCUMENTS = """
    documents AS MATERIALIZED (
        SELECT kind, document_id FROM journal.outcomes
        WHERE connection = :connection AND business_day BETWEEN :first AND :last
        UNION
        SELECT kind, document_id FROM journal.postings
        WHERE connection = :connection AND business_day BETWEEN :first AND :last
    )
"""

_FILES = """
    files AS MATERIALIZED (
        SELECT batch FROM journal.transaction_files
        WHERE connection = :connection AND business_day BETWEEN :first AND :last
        UNION
        SELECT posting.batch FROM journal.postings AS posting JOIN documents USING (kind, document_id)
        WHERE posting.connection = :connection
    )
"""

_DOCUMENT_COLUMNS = _columns(
    "kind",
    "#document_id",
    "@business_day",
    "#revision",
    "revision_hash",
    "outcome",
    "reason",
    "message",
    "words",
    "=outside_the_ledger",
    "project",
    "!since",
    "number",
    "party",
    "@document_date",
    "$staged_total",
    "?active",
)
_VERSION_COLUMNS = _columns(
    "#seq",
    "kind",
    "#record_id",
    "payload_hash",
    "!modified_on",
    "!fetched_at",
    "run_id",
    "?active",
    "@document_date",
    "=stated_total",
    "payload",
)
_POSTING_COLUMNS = _columns(
    "kind",
    "#document_id",
    "#posting_no",
    "#revision",
    "revision_hash",
    "@business_day",
    "batch",
    "file_state",
    "entry",
    "#period",
    "#moved_from",
    "@trans_date",
    "@due_date",
    "number",
    "vendor",
    "bank",
    "wbs1",
    "wbs2",
    "wbs3",
    "key_scope",
    "key_number",
    "?correction",
    "#reverses",
    "$amount",
)
_LINE_COLUMNS = _columns(
    "kind",
    "#document_id",
    "#posting_no",
    "#line_no",
    "line_key",
    "batch",
    "file_state",
    "wbs1",
    "wbs2",
    "wbs3",
    "invoice",
    "account",
    "section",
    "tax_code",
    "item",
    "organization",
    "description",
    "$amount",
    "$tax_basis",
)
_FILE_COLUMNS = _columns(
    "batch",
    "kind",
    "entry",
    "company",
    "#period",
    "@business_day",
    "state",
    "#documents",
    "$amount",
    "parent_batch",
    "#post_sequence",
    "!sent_at",
    "!created_at",
    "!changed_at",
    "words",
    "body_hash",
    "body",
)
_LEDGER_COLUMNS = _columns(
    "kind",
    "#document_id",
    "batch",
    "line_key",
    "#period",
    "#post_sequence",
    "wbs1",
    "account",
    "invoice",
    "$amount",
    "$document_amount",
    "!read_at",
)
_EVENT_COLUMNS = _columns(
    "#sequence",
    "!occurred_at",
    "run_id",
    "event_type",
    "kind",
    "#document_id",
    "#revision",
    "batch",
    "body",
    "previous_hash",
    "hash",
    "?of_the_period",
)
_HOLD_COLUMNS = _columns(
    "kind",
    "#document_id",
    "#revision",
    "reason",
    "message",
    "words",
    "=amount",
    "#sequence",
    "!held_at",
    "next_event",
    "!next_at",
)
_DECISION_COLUMNS = _columns(
    "#sequence", "!occurred_at", "decided_by", "event_type", "kind", "#document_id", "#revision", "batch", "why"
)
_FIRM_COLUMNS = _columns("#decision_no", "party_kind", "#party_id", "decision", "firm_id", "decided_by", "!decided_at")

EXPORTS: tuple[Export, ...] = (
    Export(
        "documents",
        _DOCUMENT_COLUMNS,
        f"""
        WITH {_DOCUMENTS}, names AS ({_NAMES})
        SELECT documents.kind, documents.document_id, now.business_day, now.revision, now.revision_hash, now.outcome,
               now.reason, now.message, now.words, now.amount, now.project, now.since, names.number, names.party,
               names.document_date, names.total, names.active
        FROM documents LEFT JOIN journal.outcomes AS now
          ON now.connection = :connection AND now.kind = documents.kind AND now.document_id = documents.document_id
        LEFT JOIN names ON names.kind = documents.kind AND names.document_id = documents.document_id
        ORDER BY 1, 2
        """,  # noqa: S608 (constants)
        ("outside_the_ledger", "staged_total"),
    ),
    Export(
        "payload_versions",
        _VERSION_COLUMNS,
        f"""
        WITH {_DOCUMENTS}
        SELECT record.seq, record.kind, record.record_id, record.payload_hash, record.modified_on, record.fetched_at,
               record.run_id, record.active, record.document_date, record.total, CAST(record.payload AS text)
        FROM documents JOIN raw.records AS record
          ON record.connection = :connection AND record.kind = documents.kind AND record.record_id = documents.document_id
        ORDER BY record.kind, record.record_id, record.seq
        """,  # noqa: S608 (constants)
    ),
    Export(
        "postings",
        _POSTING_COLUMNS,
        f"""
        WITH {_DOCUMENTS}
        SELECT posting.kind, posting.document_id, posting.posting_no, posting.revision, posting.revision_hash,
               posting.business_day, posting.batch, file.state, posting.entry, posting.period, posting.moved_from,
               posting.trans_date, posting.due_date, posting.number, posting.vendor, posting.bank, posting.wbs1,
               posting.wbs2, posting.wbs3, posting.key_scope, posting.key_number, posting.correction, posting.reverses,
               posting.amount
        FROM documents JOIN journal.postings AS posting
          ON posting.connection = :connection AND posting.kind = documents.kind
         AND posting.document_id = documents.document_id
        JOIN journal.transaction_files AS file ON file.connection = :connection AND file.batch = posting.batch
        ORDER BY 1, 2, 3
        """,  # noqa: S608 (constants)
        ("amount",),
    ),
    Export(
        "posting_lines",
        _LINE_COLUMNS,
        f"""
        WITH {_DOCUMENTS}
        SELECT line.kind, line.document_id, line.posting_no, line.line_no, line.line_key, posting.batch, file.state,
               line.wbs1, line.wbs2, line.wbs3, line.invoice, line.account, line.section, line.tax_code, line.item,
               line.organization, line.description, line.amount, line.tax_basis
        FROM documents JOIN journal.postings AS posting
          ON posting.connection = :connection AND posting.kind = documents.kind
         AND posting.document_id = documents.document_id
        JOIN journal.transaction_files AS file ON file.connection = :connection AND file.batch = posting.batch
        JOIN journal.posting_lines AS line
          ON line.connection = :connection AND line.kind = posting.kind AND line.document_id = posting.document_id
         AND line.posting_no = posting.posting_no
        ORDER BY 1, 2, 3, 4
        """,  # noqa: S608 (constants)
        ("amount",),
    ),
    Export(
        "files",
        _FILE_COLUMNS,
        f"""
        WITH {_DOCUMENTS}, {_FILES}
        SELECT {_selected(_FILE_COLUMNS[:-1], "file")}, body.body
        FROM files JOIN journal.transaction_files AS file ON file.connection = :connection AND file.batch = files.batch
        JOIN journal.bodies AS body ON body.body_hash = file.body_hash
        ORDER BY file.created_at, file.batch
        """,  # noqa: S608 (constants)
        ("amount",),
    ),
    Export(
        "ledger",
        _LEDGER_COLUMNS,
        f"""
        WITH {_DOCUMENTS}
        SELECT {_selected(_LEDGER_COLUMNS, "shown")}
        FROM documents JOIN journal.ledger_rows AS shown
          ON shown.connection = :connection AND shown.kind = documents.kind AND shown.document_id = documents.document_id
        ORDER BY 1, 2, shown.batch, shown.line_key
        """,  # noqa: S608 (constants)
        ("amount", "document_amount"),
    ),
    Export(
        "events",
        _EVENT_COLUMNS,
        f"""
        WITH {_DOCUMENTS}, {_FILES}
        SELECT {_selected(_EVENT_COLUMNS[:-1], "event")},
               documents.document_id IS NOT NULL OR files.batch IS NOT NULL AND event.document_id IS NULL
        FROM journal.events AS event
        LEFT JOIN documents ON documents.kind = event.kind AND documents.document_id = event.document_id
        LEFT JOIN files ON files.batch = event.batch
        WHERE event.connection = :connection AND event.sequence BETWEEN :first_event AND :last_event
        ORDER BY event.sequence
        """,  # noqa: S608 (constants)
    ),
    Export(
        "holds",
        _HOLD_COLUMNS,
        f"""
        WITH {_DOCUMENTS}, told AS (
            SELECT event.*, lead(event.event_type) OVER life AS next_event, lead(event.occurred_at) OVER life AS next_at
            FROM documents JOIN journal.events AS event
              ON event.connection = :connection AND event.kind = documents.kind
             AND event.document_id = documents.document_id
            WINDOW life AS (PARTITION BY event.kind, event.document_id ORDER BY event.sequence)
        )
        SELECT kind, document_id, revision, CAST(body AS json) ->> 'reason', CAST(body AS json) ->> 'message',
               CAST(body AS json) ->> 'words', CAST(CAST(body AS json) ->> 'amount' AS numeric), sequence, occurred_at,
               next_event, next_at
        FROM told WHERE event_type = 'document_held' ORDER BY sequence
        """,  # noqa: S608 (constants)
    ),
    Export(
        "decisions",
        _DECISION_COLUMNS,
        f"""
        WITH {_DOCUMENTS}, {_FILES}
        SELECT event.sequence, event.occurred_at, CAST(event.body AS json) ->> 'by', event.event_type, event.kind,
               event.document_id, event.revision, event.batch,
               coalesce(CAST(event.body AS json) ->> 'why', CAST(event.body AS json) ->> 'message')
        FROM journal.events AS event
        LEFT JOIN documents ON documents.kind = event.kind AND documents.document_id = event.document_id
        LEFT JOIN files ON files.batch = event.batch
        WHERE event.connection = :connection AND event.sequence BETWEEN :first_event AND :last_event
          AND (documents.document_id IS NOT NULL OR files.batch IS NOT NULL)
          AND CAST(event.body AS json) ->> 'by' IS NOT NULL
        ORDER BY event.sequence
        """,  # noqa: S608 (constants)
    ),
    Export(
        "firm_decisions",
        _FIRM_COLUMNS,
        """
        SELECT decision_no, party_kind, party_id, decision, firm_id, decided_by, decided_at FROM mapping.firm_decisions
        WHERE connection = :connection ORDER BY decision_no
        """,
    ),
)
"""Every file of an export, in the order in which they are written. Decisions about firms hold for any period."""


def chain_range(db: Connection, connection: str, first: date, last: date) -> ChainRange:
    """Find which part of the hash chain concerns the documents and files of a period.

    Args:
        db: The open view.
        connection: The connection's name.
        first: First business day.
        last: Last business day.
    """
    row = db.execute(
        text(
            f"""
            WITH {_DOCUMENTS}, {_FILES}, own AS (
                SELECT event.sequence FROM documents JOIN journal.events AS event
                  ON event.connection = :connection AND event.kind = documents.kind
                 AND event.document_id = documents.document_id
                UNION ALL
                SELECT event.sequence FROM files JOIN journal.events AS event
                  ON event.connection = :connection AND event.batch = files.batch
            ), ends AS (SELECT min(sequence) AS first, max(sequence) AS last FROM own)
            SELECT coalesce(ends.first, 0) AS first, coalesce(ends.last, 0) AS last,
                   coalesce(head.sequence, 0) AS head, coalesce(head.hash, '') AS head_hash,
                   coalesce(begins.previous_hash, '') AS before, coalesce(stops.hash, '') AS end
            FROM ends
            LEFT JOIN journal.chain_heads AS head ON head.connection = :connection
            LEFT JOIN journal.events AS begins ON begins.connection = :connection AND begins.sequence = ends.first
            LEFT JOIN journal.events AS stops ON stops.connection = :connection AND stops.sequence = ends.last
            """  # noqa: S608 (constants)
        ),
        {"connection": connection, "first": first, "last": last},
    ).one()
    return ChainRange(row.first, row.last, row.before, row.end, row.head, row.head_hash)


def rows(db: Connection, export: Export, period: ExportedPeriod) -> Iterator[Sequence[Any]]:
    """Read the rows of one file, in a stream.

    Args:
        db: The open view.
        export: The file.
        period: Which rows.

    Yields:
        Values in the order of the columns.
    """
    yield from stream(
        db,
        export.statement,
        {
            "connection": period.connection,
            "first": period.first,
            "last": period.last,
            "first_event": period.chain.first,
            "last_event": period.chain.last,
        },
        at_once=_ROWS_AT_ONCE,
    )


def without_a_day(db: Connection, connection: str) -> int:
    """Count the documents that belong to no business day, since no date of theirs can be read."""
    return db.execute(
        text("SELECT count(*) FROM journal.outcomes WHERE connection = :connection AND business_day IS NULL"),
        {"connection": connection},
    ).scalar_one()
