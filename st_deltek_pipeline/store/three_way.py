"""What the three-way reconciliation asks our journal: lines by document, what was taken over, what is known of others."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.coded_amounts import Heading
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.posting_keys import NaturalKey
from st_deltek_pipeline.domain.receivables import ReceivableKey, receivable_key
from st_deltek_pipeline.store import natural_keys
from st_deltek_pipeline.store.file_states import STANDING
from st_deltek_pipeline.store.journal_rows import heading_of
from st_deltek_pipeline.store.staged_tables import TABLES


@dataclass(frozen=True, slots=True)
class PostedLine:
    """A line of a posting, with what its document and file are known by.

    Attributes:
        state: Of its transaction file.
        amount: With the document's sign.
    """

    document_id: int
    batch: str
    state: FileState
    period: int
    trans_date: date
    moved_from: int | None
    heading: Heading
    line_key: str
    account: str
    wbs1: str
    wbs2: str
    wbs3: str
    invoice: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class TakenOverLine:
    """A row of the ledger that others entered and that counts as a document's posting (ADR 0008)."""

    document_id: int
    batch: str
    line_key: str
    period: int
    wbs1: str
    account: str
    amount: Decimal


def posted_lines(engine: Engine, connection: str, kind: Kind, ids: Sequence[int]) -> list[PostedLine]:
    """Read every line of some documents' postings, whatever became of their files; by document, then in order.

    Args:
        engine: The database.
        connection: The connection's name.
        kind: The kind of document.
        ids: ServiceTitan's ids.
    """
    parameters = {"connection": connection, "kind": kind.value, "ids": list(ids)}
    # Two reads by key instead of one join: on tables that have just grown the planner would walk them once per row.
    postings = text(
        """
        WITH asked AS MATERIALIZED (
            SELECT document_id, posting_no, batch, period, trans_date, moved_from, entry, number, wbs1, wbs2, wbs3, vendor,
                   bank, liability, credit_memo
            FROM journal.postings
            WHERE connection = :connection AND kind = :kind AND document_id = ANY(:ids)
        ), files AS MATERIALIZED (
            SELECT batch, state FROM journal.transaction_files
            WHERE connection = :connection AND batch IN (SELECT batch FROM asked)
        )
        SELECT asked.*, files.state FROM asked JOIN files USING (batch)
        """
    )
    lines = text(
        """
        SELECT document_id, posting_no, line_no, line_key, account, wbs1, wbs2, wbs3, invoice, amount
        FROM journal.posting_lines
        WHERE connection = :connection AND kind = :kind AND document_id = ANY(:ids)
        ORDER BY document_id, posting_no, line_no
        """
    )
    headings: dict[Heading, Heading] = {}
    found: list[PostedLine] = []
    with engine.connect() as db:
        of_posting = {(row.document_id, row.posting_no): row for row in db.execute(postings, parameters)}
        for line in db.execute(lines, parameters):
            posting = of_posting.get((line.document_id, line.posting_no))
            if posting is None:
                # It was planned between the two reads, so nothing of it stands yet.
                continue
            heading = heading_of(posting)
            found.append(
                PostedLine(
                    line.document_id,
                    posting.batch,
                    FileState(posting.state),
                    posting.period,
                    posting.trans_date,
                    posting.moved_from,
                    headings.setdefault(heading, heading),
                    line.line_key,
                    line.account,
                    line.wbs1,
                    line.wbs2,
                    line.wbs3,
                    line.invoice,
                    line.amount,
                )
            )
    return found


def taken_over_lines(engine: Engine, connection: str, kind: Kind, ids: Sequence[int]) -> list[TakenOverLine]:
    """Read the rows of the ledger that documents were adopted by; those of our own posted files are left out.

    Args:
        engine: The database.
        connection: The connection's name.
        kind: The kind of document.
        ids: ServiceTitan's ids of documents with adopted files.
    """
    if not ids:
        return []
    statement = text(
        """
        SELECT shown.document_id, shown.batch, shown.line_key, shown.period, shown.wbs1, shown.account,
               shown.document_amount
        FROM journal.ledger_rows AS shown
        WHERE shown.connection = :connection AND shown.kind = :kind AND shown.document_id = ANY(:ids)
          AND NOT EXISTS (
              SELECT FROM journal.transaction_files AS file
              WHERE file.connection = shown.connection AND file.batch = shown.batch AND file.state = 'posted')
        ORDER BY shown.document_id, shown.batch, shown.line_key
        """
    )
    with engine.connect() as db:
        rows = db.execute(statement, {"connection": connection, "kind": kind.value, "ids": list(ids)})
        return [TakenOverLine(*row) for row in rows]


def undecided_documents(engine: Engine, connection: str, kind: Kind, ids: Sequence[int]) -> set[int]:
    """Return which of some documents have a version that nothing was decided about yet.

    Args:
        engine: The database.
        connection: The connection's name.
        kind: The kind of document.
        ids: ServiceTitan's ids.
    """
    if not ids or kind not in TABLES:
        return set()
    statement = text(
        f"""
        SELECT latest.record_id
        FROM raw.latest AS latest
        LEFT JOIN {TABLES[kind].table} AS staged
          ON staged.connection = latest.connection AND staged.document_id = latest.record_id
        LEFT JOIN staged.set_aside AS aside
          ON aside.connection = latest.connection AND aside.kind = latest.kind AND aside.record_id = latest.record_id
         AND aside.raw_seq = latest.seq
        LEFT JOIN journal.outcomes AS outcome
          ON outcome.connection = latest.connection AND outcome.kind = latest.kind
         AND outcome.document_id = latest.record_id
        WHERE latest.connection = :connection AND latest.kind = :kind AND latest.record_id = ANY(:ids)
          AND aside.record_id IS NULL
          AND (staged.raw_seq IS DISTINCT FROM latest.seq OR staged.revision_hash IS DISTINCT FROM outcome.revision_hash)
        """  # noqa: S608 (constants)
    )
    with engine.connect() as db:
        return set(db.scalars(statement, {"connection": connection, "kind": kind.value, "ids": list(ids)}))


def deposits_posted(engine: Engine, connection: str, day: date) -> list[int]:
    """Return the bank deposits whose fees were posted on a business day, ascending."""
    statement = text(
        """
        SELECT document_id FROM journal.postings
        WHERE connection = :connection AND kind = :kind
        GROUP BY document_id HAVING max(business_day) = :day
        ORDER BY document_id
        """
    )
    parameters = {"connection": connection, "kind": Kind.BANK_DEPOSIT.value, "day": day}
    with engine.connect() as db:
        return list(db.scalars(statement, parameters))


def known_lines(
    engine: Engine, connection: str, lines: Collection[tuple[str, str]]
) -> tuple[set[tuple[str, str]], set[str]]:
    """Say which rows of the ledger need not be explained: ours, taken over, or of opening invoices.

    Args:
        engine: The database.
        connection: The connection's name.
        lines: Batch and PKey of rows that none of the documents asked for has.

    Returns:
        The rows that are lines of this connection's postings, were adopted, or stand under invoices from before the start;
        and the batches of any connection of this installation.
    """
    asked = sorted(set(lines))
    parameters = {
        "connection": connection,
        "batches": [batch for batch, _ in asked],
        "keys": [line_key for _, line_key in asked],
        "files": sorted({batch for batch, _ in asked}),
    }
    if not asked:
        return set(), set()
    rows = text(
        """
        WITH asked AS MATERIALIZED (
            SELECT DISTINCT * FROM unnest(CAST(:batches AS text[]), CAST(:keys AS text[])) AS each (batch, line_key)
        )
        SELECT asked.batch, asked.line_key FROM asked
        WHERE EXISTS (
            SELECT FROM journal.ledger_rows AS shown
            WHERE shown.batch = asked.batch AND shown.connection = :connection AND shown.line_key = asked.line_key)
        UNION
        SELECT posting.batch, line.line_key
        FROM journal.postings AS posting
        JOIN journal.posting_lines AS line USING (connection, kind, document_id, posting_no)
        WHERE posting.batch = ANY(:files) AND posting.connection = :connection
        UNION
        SELECT asked.batch, asked.line_key FROM asked
        JOIN reference.opening_rows AS opening
          ON opening.connection = :connection AND opening.batch = asked.batch AND opening.line_key = asked.line_key
        """
    )
    batches = text(
        """
        SELECT batch FROM journal.postings WHERE batch = ANY(:files)
        UNION
        SELECT batch FROM journal.transaction_files WHERE connection = :connection AND batch = ANY(:files)
        """
    )
    with engine.connect() as db:
        return (
            {(batch, line_key) for batch, line_key in db.execute(rows, parameters)},
            set(db.scalars(batches, parameters)),
        )


def owners_of(engine: Engine, target: str, keys: Sequence[NaturalKey]) -> Mapping[NaturalKey, DocumentKey]:
    """Return whose natural keys some are; keys of nobody are left out.

    Args:
        engine: The database.
        target: URL and database of Vantagepoint.
        keys: Of documents that others posted.
    """
    if not keys:
        return {}
    with engine.connect() as db:
        return natural_keys.owners(db, target, keys)


def posted_projects(engine: Engine, connection: str) -> set[str]:
    """Return every WBS1 that this connection has posted to; empty for lines without a project."""
    statement = text("SELECT DISTINCT wbs1 FROM journal.posting_lines WHERE connection = :connection")
    with engine.connect() as db:
        return set(db.scalars(statement, {"connection": connection}))


def standing_receivables(
    engine: Engine, connection: str, numbers: Collection[tuple[str, str]], *, padded_to: int
) -> dict[ReceivableKey, Decimal]:
    """Sum up what our journal says is open on invoices: billed less received, of what stands.

    Args:
        engine: The database.
        connection: The connection's name.
        numbers: Project and invoice number as they were posted.
        padded_to: Width of padded AR invoice numbers.
    """
    statement = text(
        """
        WITH lines AS MATERIALIZED (
            SELECT line.kind, line.document_id, line.posting_no, line.wbs1, line.invoice, line.amount
            FROM journal.posting_lines AS line
            WHERE line.invoice = ANY(:invoices) AND line.invoice <> '' AND line.connection = :connection
        ), postings AS MATERIALIZED (
            SELECT kind, document_id, posting_no, entry, batch FROM journal.postings
            WHERE connection = :connection AND (kind, document_id) IN (SELECT kind, document_id FROM lines)
        ), files AS MATERIALIZED (
            SELECT batch FROM journal.transaction_files
            WHERE connection = :connection AND state = ANY(:standing) AND batch IN (SELECT batch FROM postings)
        )
        SELECT lines.wbs1, lines.invoice,
               sum(CASE WHEN postings.entry = :received THEN -lines.amount ELSE lines.amount END) AS balance
        FROM unnest(CAST(:projects AS text[]), CAST(:invoices AS text[])) AS asked (wbs1, invoice)
        JOIN lines USING (wbs1, invoice)
        JOIN postings USING (kind, document_id, posting_no)
        JOIN files USING (batch)
        GROUP BY lines.wbs1, lines.invoice
        """
    )
    asked = sorted(set(numbers))
    parameters = {
        "connection": connection,
        "projects": [project for project, _ in asked],
        "invoices": [invoice for _, invoice in asked],
        "received": EntryType.RECEIPTS.value,
        "standing": STANDING,
    }
    sums: dict[ReceivableKey, Decimal] = {}
    with engine.connect() as db:
        for row in db.execute(statement, parameters):
            key = receivable_key(row.wbs1, row.invoice, padded_to)
            sums[key] = sums.get(key, Decimal("0.00")) + row.balance
    return sums
