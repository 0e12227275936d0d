"""What a close report shows of some business days beside the tie-out: transaction files, runs, and the journal's range."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.close_changes import DocumentEvent
from st_deltek_pipeline.domain.close_report import FileOfDay, JournalRange, RunOfDay
from st_deltek_pipeline.domain.documents import Kind

# What concerns a day: events of the documents that are decided about on it, and of its transaction files.
_EVENTS = """
    SELECT outcome.business_day, event.sequence, event.occurred_at, event.run_id, event.event_type, event.kind,
           event.document_id
    FROM journal.outcomes AS outcome
    JOIN journal.events AS event
      ON event.connection = outcome.connection AND event.kind = outcome.kind
     AND event.document_id = outcome.document_id
    WHERE outcome.connection = :connection AND outcome.business_day = ANY(:days) AND event.sequence > :after
    UNION
    SELECT file.business_day, event.sequence, event.occurred_at, event.run_id, event.event_type, event.kind,
           event.document_id
    FROM journal.transaction_files AS file
    JOIN journal.events AS event ON event.connection = file.connection AND event.batch = file.batch
    WHERE file.connection = :connection AND file.business_day = ANY(:days) AND event.sequence > :after
"""


def files_of_days(engine: Engine, connection: str, days: Sequence[date]) -> tuple[FileOfDay, ...]:
    """Read the transaction files of some business days, in the order they were made.

    Args:
        engine: The database.
        connection: The connection's name.
        days: Business days.
    """
    with engine.connect() as db:
        rows = db.execute(
            text(
                """
                SELECT kind, batch, business_day, state, period, documents, amount, post_sequence, words
                FROM journal.transaction_files
                WHERE connection = :connection AND business_day = ANY(:days)
                ORDER BY business_day, created_at, batch
                """
            ),
            {"connection": connection, "days": list(days)},
        )
        return tuple(FileOfDay(Kind(row.kind), *tuple(row)[1:]) for row in rows)


def runs_of_days(engine: Engine, connection: str, days: Sequence[date]) -> tuple[RunOfDay, ...]:
    """Read which runs recorded something about some business days, newest first.

    Args:
        engine: The database.
        connection: The connection's name.
        days: Business days.
    """
    statement = f"""
        SELECT run_id, count(DISTINCT sequence) AS events, min(occurred_at) AS first_at, max(occurred_at) AS last_at
        FROM ({_EVENTS}) AS event GROUP BY run_id ORDER BY max(occurred_at) DESC, run_id
    """  # noqa: S608 (constants)
    with engine.connect() as db:
        rows = db.execute(text(statement), _parameters(connection, days))
        return tuple(RunOfDay(*tuple(row)) for row in rows)


def journal_range(engine: Engine, connection: str, days: Sequence[date]) -> JournalRange:
    """Read which events concern some business days, and where the journal ends.

    Args:
        engine: The database.
        connection: The connection's name.
        days: Business days.
    """
    statement = f"""
        SELECT coalesce(min(sequence), 0) AS first, coalesce(max(sequence), 0) AS last,
               coalesce((SELECT sequence FROM journal.chain_heads WHERE connection = :connection), 0) AS head
        FROM ({_EVENTS}) AS event
    """  # noqa: S608 (constants)
    with engine.connect() as db:
        row = db.execute(text(statement), _parameters(connection, days)).one()
        return JournalRange(row.first, row.last, row.head)


def last_events(engine: Engine, connection: str, days: Sequence[date]) -> dict[date, int]:
    """Read the last event about each of some business days; days without one are left out.

    Args:
        engine: The database.
        connection: The connection's name.
        days: Business days.
    """
    statement = f"SELECT business_day, max(sequence) AS last FROM ({_EVENTS}) AS event GROUP BY business_day"  # noqa: S608 (constants)
    with engine.connect() as db:
        return {row.business_day: row.last for row in db.execute(text(statement), _parameters(connection, days))}


def document_events_since(
    engine: Engine, connection: str, days: Sequence[date], after: int, *, limit: int
) -> tuple[tuple[DocumentEvent, ...], int]:
    """Read what was recorded about the documents of some business days after an event.

    Args:
        engine: The database.
        connection: The connection's name.
        days: Business days.
        after: The event's sequence number.
        limit: The most that are returned.

    Returns:
        The first of them in their order, and how many more there are.
    """
    statement = f"""
        SELECT *, count(*) OVER () AS everything
        FROM (SELECT DISTINCT sequence, kind, document_id, event_type, occurred_at, run_id FROM ({_EVENTS}) AS every
              WHERE document_id IS NOT NULL) AS event
        ORDER BY sequence LIMIT :limit
    """  # noqa: S608 (constants)
    with engine.connect() as db:
        rows = db.execute(text(statement), {**_parameters(connection, days, after), "limit": limit}).all()
    events = tuple(
        DocumentEvent(row.sequence, f"{row.kind}:{row.document_id}", row.event_type, row.occurred_at, row.run_id)
        for row in rows
    )
    return events, (rows[0].everything if rows else 0) - len(events)


def _parameters(connection: str, days: Sequence[date], after: int = 0) -> dict[str, Any]:
    return {"connection": connection, "days": list(days), "after": after}
