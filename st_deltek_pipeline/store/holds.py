"""Reading the queue of holds, and everything that is recorded about one document. Nothing here writes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.engine import Row

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.hold_queue import HeldDocument
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.reconciliation import effect_of
from st_deltek_pipeline.store.staged_tables import TABLES


def _names_of(kind: Kind) -> str:
    """Select what people know a kind's staged documents by."""
    table = TABLES[kind]
    party = "vendor_name" if "vendor_name" in table.fields else "customer_name"
    return f"""
        SELECT '{kind.value}' AS kind, document_id, number, {party} AS party FROM {table.table}
        WHERE connection = :connection
    """  # noqa: S608 (constants)


@dataclass(frozen=True)
class FileOfDocument:
    """A transaction file that a document is or was in.

    Attributes:
        words: The last words about it, ours or Vantagepoint's.
        document_amount: What the file posts of the document; 0.00 where it was given up since.
    """

    batch: str
    state: FileState
    period: int
    business_day: date
    documents: int
    amount: Decimal
    document_amount: Decimal
    post_sequence: int | None
    words: str
    changed_at: datetime


@dataclass(frozen=True)
class RecordedEvent:
    """An event of the journal, as it is kept.

    Attributes:
        body: JSON, amounts as text.
    """

    sequence: int
    occurred_at: datetime
    run_id: str
    event_type: str
    batch: str
    body: str


def held_documents(
    engine: Engine,
    connection: str,
    kinds: Collection[Kind] = tuple(Kind),
    *,
    reason: str | None = None,
    business_day: date | None = None,
    document_ids: Sequence[int] | None = None,
) -> list[HeldDocument]:
    """Read the documents on hold, those that wait longest first, whatever their kind.

    Records without a readable date are among them: they belong to no day, are never planned, and so have no outcome.

    Args:
        engine: The database.
        connection: The connection's name.
        kinds: Only these kinds of document.
        reason: Only this reason.
        business_day: Only this day.
        document_ids: Only these.
    """
    parameters: dict[str, Any] = {
        "connection": connection,
        "kinds": [kind.value for kind in kinds],
        "reason": reason,
        "day": business_day,
        "ids": None if document_ids is None else list(document_ids),
        "unreadable": HoldReason.UNREADABLE.value,
    }
    names = " UNION ALL ".join(_names_of(kind) for kind in TABLES)
    with engine.connect() as db:
        rows = db.execute(
            text(
                f"""
                WITH held AS (
                    SELECT kind, document_id, revision, revision_hash, business_day, reason, message, words, amount,
                           project, since, true AS decided
                    FROM journal.outcomes
                    WHERE connection = :connection AND kind = ANY(:kinds) AND outcome = 'held'
                    UNION ALL
                    SELECT record.kind, record.record_id, 0, '', NULL, :unreadable, record.reason, '',
                           CASE WHEN latest.active THEN coalesce(latest.total, 0) ELSE 0 END, '', record.since, false
                    FROM staged.set_aside AS record
                    JOIN raw.latest AS latest USING (connection, kind, record_id)
                    WHERE record.connection = :connection AND record.kind = ANY(:kinds) AND record.business_day IS NULL
                      AND NOT EXISTS (
                        SELECT FROM journal.outcomes AS outcome
                        WHERE outcome.connection = record.connection AND outcome.kind = record.kind
                          AND outcome.document_id = record.record_id)
                )
                SELECT held.*, clock_timestamp() - held.since AS age, coalesce(staged.number, '') AS number,
                       coalesce(staged.party, '') AS party
                FROM held LEFT JOIN ({names}) AS staged
                  ON staged.kind = held.kind AND staged.document_id = held.document_id
                WHERE (CAST(:reason AS text) IS NULL OR held.reason = :reason)
                  AND (CAST(:day AS date) IS NULL OR held.business_day = :day)
                  AND (CAST(:ids AS bigint[]) IS NULL OR held.document_id = ANY(:ids))
                ORDER BY held.since, held.kind, held.document_id
                """  # noqa: S608 (constants)
            ),
            parameters,
        )
        return [_held(row, connection) for row in rows]


def _held(row: Row[Any], connection: str) -> HeldDocument:
    key = DocumentKey(connection, Kind(row.kind), row.document_id)
    outcome = DocumentOutcome(
        document=key,
        revision=row.revision,
        revision_hash=row.revision_hash,
        business_day=row.business_day,
        outcome=OutcomeKind.HELD,
        reason=row.reason,
        message=row.message,
        words=row.words,
        # What was never decided about states its total, not what that does to the books.
        amount=row.amount if row.decided else effect_of(key.kind, row.amount),
        project=row.project,
    )
    return HeldDocument(outcome, row.since, row.age, row.number, row.party)


def files_of_document(engine: Engine, document: DocumentKey) -> list[FileOfDocument]:
    """Read the transaction files a document is or was in, oldest first."""
    with engine.connect() as db:
        rows = db.execute(
            text(
                """
                WITH own AS (
                    SELECT batch, sum(amount) AS amount FROM journal.postings
                    WHERE connection = :connection AND kind = :kind AND document_id = :document_id GROUP BY batch
                )
                SELECT file.*, coalesce(own.amount, 0.00) AS document_amount
                FROM journal.transaction_files AS file LEFT JOIN own USING (batch)
                WHERE file.connection = :connection AND (own.batch IS NOT NULL OR file.batch IN (
                    SELECT batch FROM journal.events
                    WHERE connection = :connection AND kind = :kind AND document_id = :document_id))
                ORDER BY file.created_at, file.batch
                """
            ),
            _parameters(document),
        )
        return [
            FileOfDocument(
                batch=row.batch,
                state=FileState(row.state),
                period=row.period,
                business_day=row.business_day,
                documents=row.documents,
                amount=row.amount,
                document_amount=row.document_amount,
                post_sequence=row.post_sequence,
                words=row.words,
                changed_at=row.changed_at,
            )
            for row in rows
        ]


def events_of_document(engine: Engine, document: DocumentKey) -> list[RecordedEvent]:
    """Read a document's events and those of its transaction files, in the order they were recorded."""
    with engine.connect() as db:
        rows = db.execute(
            text(
                """
                WITH own AS MATERIALIZED (
                    SELECT sequence, occurred_at, run_id, event_type, coalesce(batch, '') AS batch, body
                    FROM journal.events
                    WHERE connection = :connection AND kind = :kind AND document_id = :document_id
                )
                SELECT * FROM own
                UNION ALL
                SELECT sequence, occurred_at, run_id, event_type, batch, body FROM journal.events
                WHERE connection = :connection AND document_id IS NULL AND batch IN (SELECT batch FROM own)
                ORDER BY sequence
                """
            ),
            _parameters(document),
        )
        return [RecordedEvent(*row) for row in rows]


def _parameters(document: DocumentKey) -> dict[str, object]:
    return {"connection": document.connection, "kind": document.kind.value, "document_id": document.document_id}
