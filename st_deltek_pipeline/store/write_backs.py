"""Rows of ``journal.write_backs``: what ServiceTitan was told about posted documents, and what it has to be told yet."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.documents import DocumentKey, Kind, SyncStatus
from st_deltek_pipeline.domain.exports import UNCLEAR_STATES, DueExport, ExportState
from st_deltek_pipeline.store.staged_tables import TABLES

# What a person posted in ServiceTitan and we have posted in Vantagepoint, as long as ServiceTitan says nothing more.
_DUE = """
    FROM journal.outcomes AS outcome
    JOIN {table} AS staged
      ON staged.connection = outcome.connection AND staged.document_id = outcome.document_id
     AND staged.revision = outcome.revision AND staged.active
    LEFT JOIN journal.write_backs AS told
      ON told.connection = outcome.connection AND told.kind = outcome.kind
     AND told.document_id = outcome.document_id AND told.revision = outcome.revision
    WHERE outcome.connection = :connection AND outcome.kind = :kind AND outcome.outcome = 'posted'
      AND EXISTS (
        SELECT FROM journal.ledger_rows AS shown
        WHERE shown.connection = outcome.connection AND shown.kind = outcome.kind
          AND shown.document_id = outcome.document_id)
      AND (told.state = ANY(:unclear) OR staged.sync_status = :posted AND told.state IS DISTINCT FROM 'exported')
"""


@dataclass(frozen=True)
class WriteBack:
    """What ServiceTitan was told about one revision.

    Attributes:
        external_id: The reference it was given: the transaction file.
        words: Its own, where it refused.
        sent: How often it was told.
    """

    revision: int
    state: ExportState
    external_id: str
    message: str
    words: str
    sent: int
    changed_at: datetime


def due_exports(engine: Engine, connection: str, kind: Kind, business_day: date) -> list[DueExport]:
    """Read the posted documents of a day that ServiceTitan has to be told about, by id.

    Args:
        engine: The database.
        connection: The connection's name.
        kind: The kind of document.
        business_day: The day.
    """
    statement = f"""
        SELECT due.*, shown.batch, shown.period, shown.post_sequence
        FROM (
            SELECT outcome.connection, outcome.kind, outcome.document_id, outcome.revision, outcome.revision_hash,
                   told.state
            {_DUE.format(table=TABLES[kind].table)} AND outcome.business_day = :day
        ) AS due
        CROSS JOIN LATERAL (
            SELECT batch, period, post_sequence FROM journal.ledger_rows
            WHERE ledger_rows.connection = due.connection AND ledger_rows.kind = due.kind
              AND ledger_rows.document_id = due.document_id
            ORDER BY post_sequence DESC NULLS LAST, read_at DESC, batch LIMIT 1
        ) AS shown
        ORDER BY due.document_id
    """  # noqa: S608 (constants)
    with engine.connect() as db:
        return [
            DueExport(
                document=DocumentKey(connection, kind, row.document_id),
                revision=row.revision,
                revision_hash=row.revision_hash,
                batch=row.batch,
                period=row.period,
                post_sequence=row.post_sequence,
                state=None if row.state is None else ExportState(row.state),
            )
            for row in db.execute(text(statement), {**_parameters(connection, kind), "day": business_day})
        ]


def days_due(engine: Engine, connection: str, kinds: Collection[Kind]) -> list[date]:
    """Return the business days with posted documents that ServiceTitan has not answered about yet, oldest first.

    What it refused is not among them: that is told again when its day is run for another reason.

    Args:
        engine: The database.
        connection: The connection's name.
        kinds: Kinds of document.
    """
    found: set[date] = set()
    with engine.connect() as db:
        for kind in kinds:
            statement = f"""
                SELECT DISTINCT outcome.business_day {_DUE.format(table=TABLES[kind].table)}
                  AND outcome.business_day IS NOT NULL AND told.state IS DISTINCT FROM 'refused'
            """  # noqa: S608 (constants)
            found.update(row.business_day for row in db.execute(text(statement), _parameters(connection, kind)))
    return sorted(found)


def _parameters(connection: str, kind: Kind) -> dict[str, object]:
    return {
        "connection": connection,
        "kind": kind.value,
        "posted": SyncStatus.POSTED.value,
        "unclear": sorted(UNCLEAR_STATES),
    }


def write_backs_of(engine: Engine, document: DocumentKey) -> list[WriteBack]:
    """Read what ServiceTitan was told about one document, by revision."""
    with engine.connect() as db:
        rows = db.execute(
            text(
                """
                SELECT revision, state, external_id, message, words, sent, changed_at FROM journal.write_backs
                WHERE connection = :connection AND kind = :kind AND document_id = :document_id
                ORDER BY revision
                """
            ),
            {"connection": document.connection, "kind": document.kind.value, "document_id": document.document_id},
        )
        return [
            WriteBack(
                row.revision,
                ExportState(row.state),
                row.external_id,
                row.message,
                row.words,
                row.sent,
                row.changed_at,
            )
            for row in rows
        ]


def put(connection: Connection, exports: Sequence[DueExport], state: ExportState, words: Iterable[str]) -> None:
    """Record how far write-backs have come.

    Args:
        connection: The writing transaction.
        exports: Documents of one connection.
        state: Of all of them; one that is being sent counts once more.
        words: ServiceTitan's own, for each.
    """
    connection.execute(
        text(
            """
            INSERT INTO journal.write_backs AS told (connection, kind, document_id, revision, revision_hash, state,
                external_id, message, words)
            SELECT new.connection, new.kind, new.document_id, new.revision, new.revision_hash, :state, new.external_id,
                   new.message, new.words
            FROM unnest(CAST(:connections AS text[]), CAST(:kinds AS text[]), CAST(:ids AS bigint[]),
                        CAST(:revisions AS int[]), CAST(:hashes AS text[]), CAST(:batches AS text[]),
                        CAST(:messages AS text[]), CAST(:words AS text[]))
                AS new (connection, kind, document_id, revision, revision_hash, external_id, message, words)
            ON CONFLICT (connection, kind, document_id, revision) DO UPDATE SET
                state = excluded.state, external_id = excluded.external_id, message = excluded.message,
                words = excluded.words, changed_at = now(),
                sent = told.sent + CASE WHEN excluded.state = :sending THEN 1 ELSE 0 END
            """
        ),
        {
            "state": state.value,
            "sending": ExportState.SENDING.value,
            "connections": [each.document.connection for each in exports],
            "kinds": [each.document.kind.value for each in exports],
            "ids": [each.document.document_id for each in exports],
            "revisions": [each.revision for each in exports],
            "hashes": [each.revision_hash for each in exports],
            "batches": [each.batch for each in exports],
            "messages": [each.message for each in exports],
            "words": list(words),
        },
    )
