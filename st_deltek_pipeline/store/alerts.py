"""Rows of ``alerts.alerts`` and ``alerts.messages``: what is open, and the messages about it until they are sent.

A message is written with the change it tells of, in one transaction, and marked as sent after it was sent: it may arrive twice,
under the same id, and never gets lost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import Row

from st_deltek_pipeline.domain.alerts import Alert, KnownAlert, Severity

KEPT_FOR = timedelta(days=90)
"""How long resolved alerts and sent messages are kept."""

TRIED_FOR = timedelta(days=3)
"""How long sending a message is tried; what is still wrong then has a reminder of its own."""


@dataclass(frozen=True)
class Message:
    """One message to one channel.

    Attributes:
        message_id: The same for every attempt, so that a receiver can drop repetitions.
        body: JSON, the very bytes that are sent and signed.
        attempts: How often sending it has failed.
    """

    message_id: str
    cause: str
    channel: str
    body: str
    attempts: int = 0


@dataclass(frozen=True)
class OpenAlert:
    """An open alert, and how telling somebody goes.

    Attributes:
        last_sent: When a message about this opening of it last went out, on any channel.
        waiting: Messages that could not be sent yet.
        attempts: How often sending them has failed.
        last_error: Why; empty when nothing failed.
    """

    known: KnownAlert
    last_sent: datetime | None
    waiting: int
    attempts: int
    last_error: str


def known_alerts(engine: Engine, connection: str) -> list[KnownAlert]:
    """Read a connection's alerts, resolved ones included."""
    with engine.connect() as db:
        rows = db.execute(
            text("SELECT * FROM alerts.alerts WHERE connection = :connection ORDER BY first_seen, cause"),
            {"connection": connection},
        )
        return [_known(row) for row in rows]


def open_alerts(engine: Engine, connection: str) -> list[OpenAlert]:
    """Read a connection's open alerts with what became of their messages, the oldest first."""
    with engine.connect() as db:
        rows = db.execute(
            text(
                """
                SELECT alert.*, message.* FROM alerts.alerts AS alert CROSS JOIN LATERAL (
                    SELECT max(sent_at) AS last_sent,
                        count(*) FILTER (WHERE sent_at IS NULL AND dropped_at IS NULL) AS waiting,
                        coalesce(sum(attempts) FILTER (WHERE sent_at IS NULL AND dropped_at IS NULL), 0) AS attempts,
                        coalesce(string_agg(DISTINCT channel || ': ' || last_error, ' ') FILTER (
                            WHERE sent_at IS NULL AND dropped_at IS NULL AND last_error <> ''), '') AS last_error
                    FROM alerts.messages AS own
                    WHERE own.connection = alert.connection AND own.cause = alert.cause
                      AND own.created_at >= alert.first_seen
                ) AS message
                WHERE alert.connection = :connection AND alert.resolved_at IS NULL
                ORDER BY alert.first_seen, alert.cause
                """
            ),
            {"connection": connection},
        )
        return [
            OpenAlert(_known(row), row.last_sent, int(row.waiting), int(row.attempts), row.last_error) for row in rows
        ]


def save(db: Connection, known: Iterable[KnownAlert]) -> None:
    """Store new states of alerts."""
    rows = [
        {
            "connection": each.alert.connection,
            "cause": each.alert.cause,
            "severity": each.alert.severity.value,
            "title": each.alert.title,
            "what_happened": each.alert.what_happened,
            "what_to_do": each.alert.what_to_do,
            "since": each.alert.since,
            "subjects": list(each.alert.subjects),
            "subject_count": each.alert.count,
            "first_seen": each.first_seen,
            "last_seen": each.last_seen,
            "last_told": each.last_told,
            "resolved_at": each.resolved_at,
            "openings": each.openings,
        }
        for each in known
    ]
    if rows:
        db.execute(_SAVE, rows)


def add_messages(db: Connection, connection: str, messages: Sequence[Message], *, now: datetime) -> None:
    """Store messages to be sent; they take the place of earlier ones about the same cause that still wait."""
    for message in messages:
        parameters = {
            "id": message.message_id,
            "connection": connection,
            "cause": message.cause,
            "channel": message.channel,
            "body": message.body,
            "now": now,
        }
        db.execute(
            text(
                """
                UPDATE alerts.messages SET dropped_at = :now
                WHERE connection = :connection AND cause = :cause AND channel = :channel
                  AND sent_at IS NULL AND dropped_at IS NULL
                """
            ),
            parameters,
        )
        db.execute(
            text(
                """
                INSERT INTO alerts.messages (id, connection, cause, channel, body, created_at, next_attempt_at)
                VALUES (:id, :connection, :cause, :channel, :body, :now, :now)
                """
            ),
            parameters,
        )


def due_messages(engine: Engine, connection: str, *, now: datetime, limit: int) -> list[Message]:
    """Read the messages that are to be sent now; those that failed least often first."""
    with engine.connect() as db:
        rows = db.execute(
            text(
                """
                SELECT id, cause, channel, body, attempts FROM alerts.messages
                WHERE connection = :connection AND sent_at IS NULL AND dropped_at IS NULL AND next_attempt_at <= :now
                ORDER BY attempts, created_at, id LIMIT :limit
                """
            ),
            {"connection": connection, "now": now, "limit": limit},
        )
        return [Message(*row) for row in rows]


def mark_sent(engine: Engine, message: Message, *, now: datetime) -> None:
    """Record that a message has gone out."""
    with engine.begin() as db:
        db.execute(
            text("UPDATE alerts.messages SET sent_at = :now, last_error = '' WHERE id = :id"),
            {"id": message.message_id, "now": now},
        )


def mark_failed(engine: Engine, message: Message, *, error: str, next_attempt_at: datetime) -> None:
    """Record that sending a message has failed, and when to try again."""
    with engine.begin() as db:
        db.execute(
            text(
                """
                UPDATE alerts.messages SET attempts = attempts + 1, last_error = :error, next_attempt_at = :next
                WHERE id = :id
                """
            ),
            {"id": message.message_id, "error": error, "next": next_attempt_at},
        )


def drop_stale(db: Connection, connection: str, channels: Sequence[str], *, now: datetime) -> None:
    """Give up messages of channels that are gone or that were tried for too long, and forget what is old.

    Args:
        db: An open transaction.
        connection: The connection's name.
        channels: Those the connection's file names now.
        now: The present moment.
    """
    db.execute(
        text(
            """
            UPDATE alerts.messages SET dropped_at = :now
            WHERE connection = :connection AND sent_at IS NULL AND dropped_at IS NULL
              AND (created_at < :given_up OR NOT channel = ANY(:channels))
            """
        ),
        {"connection": connection, "channels": list(channels), "given_up": now - TRIED_FOR, "now": now},
    )
    old = {"connection": connection, "old": now - KEPT_FOR}
    db.execute(text("DELETE FROM alerts.messages WHERE connection = :connection AND created_at < :old"), old)
    db.execute(text("DELETE FROM alerts.alerts WHERE connection = :connection AND resolved_at < :old"), old)


_SAVE = text(
    """
    INSERT INTO alerts.alerts (connection, cause, severity, title, what_happened, what_to_do, since, subjects,
        subject_count, first_seen, last_seen, last_told, resolved_at, openings)
    VALUES (:connection, :cause, :severity, :title, :what_happened, :what_to_do, :since, :subjects,
        :subject_count, :first_seen, :last_seen, :last_told, :resolved_at, :openings)
    ON CONFLICT (connection, cause) DO UPDATE SET severity = excluded.severity, title = excluded.title,
        what_happened = excluded.what_happened, what_to_do = excluded.what_to_do, since = excluded.since,
        subjects = excluded.subjects, subject_count = excluded.subject_count, first_seen = excluded.first_seen,
        last_seen = excluded.last_seen, last_told = excluded.last_told, resolved_at = excluded.resolved_at,
        openings = excluded.openings
    """
)


def _known(row: Row[Any]) -> KnownAlert:
    alert = Alert(
        row.connection,
        row.cause,
        Severity(row.severity),
        row.title,
        row.what_happened,
        row.what_to_do,
        row.since,
        tuple(row.subjects),
        row.subject_count,
    )
    return KnownAlert(alert, row.first_seen, row.last_seen, row.last_told, row.resolved_at, row.openings)
