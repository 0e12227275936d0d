"""Looks for what needs a person, decides what is told, and tells it. Who runs this, and when, is orchestration's business.

What is wrong is read from the database; what Dagster knows (runs that ended, when feeds were read) is handed in. A channel that
does not work stops neither the other channels nor the other alerts.
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain import alert_causes
from st_deltek_pipeline.domain.alerts import Alert, Change, KnownAlert, decide
from st_deltek_pipeline.domain.errors import PipelineError, TransientError
from st_deltek_pipeline.domain.run_failures import DoneWork, FailedWork
from st_deltek_pipeline.services.alert_channels import Channel
from st_deltek_pipeline.services.chain_checking import check_some
from st_deltek_pipeline.store import alert_facts, alerts, inbox, run_failures
from st_deltek_pipeline.store.alerts import Message
from st_deltek_pipeline.store.command_lock import command_lock

_TEST = "test"
# A look has to end well within a sensor's minute, whatever the other sides do.
_SENDING_SECONDS = 20.0
_MESSAGES_PER_LOOK = 20
_FAILURES_IN_A_ROW = 2
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)
_MOST_DOUBLINGS = 10


@dataclass(frozen=True)
class Observations:
    """What Dagster knows.

    Attributes:
        failed: Work that failed in runs that ended.
        done: Work that was done in such runs.
        feeds_read_at: When each feed was last read to its end; without those that never were.
    """

    failed: Sequence[FailedWork] = ()
    done: Sequence[DoneWork] = ()
    feeds_read_at: Mapping[str, datetime] = field(default_factory=dict[str, datetime])


@dataclass(frozen=True)
class Look:
    """What one look did.

    Attributes:
        open_alerts: How many are open now.
        told: What was told anew, as ``opened in_doubt``.
        sent: Messages that went out.
        failures: Why others did not; without secrets.
    """

    open_alerts: int
    told: tuple[str, ...]
    sent: int
    failures: tuple[str, ...]


@dataclass(frozen=True)
class Answered:
    """What a channel answered to a test.

    Attributes:
        error: Why it failed; ``None`` when it did not.
    """

    channel: str
    words: str
    error: PipelineError | None = None


def look(
    engine: Engine,
    connection: ConnectionSettings,
    channels: Sequence[Channel],
    observed: Observations,
    *,
    now: datetime,
    monotonic: Callable[[], float] = time.monotonic,
) -> Look:
    """Look once at a connection, and tell what is to be told.

    Args:
        engine: The database.
        connection: The connection.
        channels: Where it is told.
        observed: What Dagster knows.
        now: The present moment.
        monotonic: Measures how long sending takes.

    Raises:
        TransientError: Another look at the same connection is going on.
    """
    with command_lock(engine, "alerts", connection.name):
        with engine.begin() as db:
            run_failures.record(db, connection.name, observed.failed, observed.done)
            run_failures.forget(db, connection.name, now=now)
        changes = decide(
            find(engine, connection, observed.feeds_read_at, now=now),
            alerts.known_alerts(engine, connection.name),
            now=now,
            remind_after=timedelta(hours=connection.alerts.remind_hours),
            somebody_listens=bool(channels),
        )
        names = [channel.name for channel in channels]
        with engine.begin() as db:
            alerts.save(db, [change.known for change in changes])
            alerts.add_messages(
                db,
                connection.name,
                [message for change in changes for message in _messages(change, names, now)],
                now=now,
            )
            alerts.drop_stale(db, connection.name, names, now=now)
        sent, failures = _send_due(engine, connection.name, channels, now=now, monotonic=monotonic)
    return Look(
        open_alerts=len(alerts.open_alerts(engine, connection.name)),
        told=tuple(f"{change.told.value} {change.known.alert.cause}" for change in changes if change.told),
        sent=sent,
        failures=failures,
    )


def find(
    engine: Engine, connection: ConnectionSettings, feeds_read_at: Mapping[str, datetime], *, now: datetime
) -> list[Alert]:
    """Find what is wrong with a connection now.

    Args:
        engine: The database; recorded run failures are among what it knows.
        connection: The connection.
        feeds_read_at: When each feed was last read to its end.
        now: The present moment.
    """
    name, settings = connection.name, connection.alerts
    doubtful_before = now - timedelta(minutes=settings.in_doubt_after_minutes)
    held_before = now - timedelta(hours=settings.holds_after_hours)
    failed = run_failures.standing(engine, name)
    last_received = inbox.last_received(engine, name) if settings.webhook_silence_hours is not None else None
    return [
        *alert_causes.chain_break(name, check_some(engine, name), now=now),
        *alert_causes.in_doubt(name, alert_facts.doubtful_files(engine, name, before=doubtful_before)),
        *alert_causes.run_failures(name, failed),
        *alert_causes.feed_lag(name, feeds_read_at, failed, now=now, minutes=settings.feed_lag_minutes),
        *alert_causes.webhook_silence(name, last_received, now=now, hours=settings.webhook_silence_hours),
        *alert_causes.old_holds(
            name,
            alert_facts.old_holds(engine, name, before=held_before, leaving_out=settings.holds_except),
            hours=settings.holds_after_hours,
        ),
    ]


def send_test(connection: str, channels: Sequence[Channel], *, now: datetime) -> list[Answered]:
    """Send a test on every channel; nothing is stored, nothing is tried again.

    Args:
        connection: The connection's name.
        channels: Where to send it.
        now: The present moment.
    """
    content: dict[str, object] = {
        "connection": connection,
        "cause": _TEST,
        "severity": "warning",
        "title": "This is a test",
        "what_happened": "Somebody sent a test of the alerts with st-deltek alerts test.",
        "what_to_do": "Nothing. Alerts of this connection arrive here.",
        "since": now.astimezone(UTC).isoformat(),
        "first_seen": now.astimezone(UTC).isoformat(),
        "count": 0,
        "subjects": (),
    }
    answers: list[Answered] = []
    for channel in channels:
        message = Message(_new_id(), _TEST, channel.name, _body(_TEST, content, now))
        try:
            answers.append(Answered(channel.name, channel.send(message, now=now)))
        except PipelineError as error:
            answers.append(Answered(channel.name, error.message, error))
    return answers


def _send_due(
    engine: Engine, connection: str, channels: Sequence[Channel], *, now: datetime, monotonic: Callable[[], float]
) -> tuple[int, tuple[str, ...]]:
    by_name = {channel.name: channel for channel in channels}
    failed_in_a_row = dict.fromkeys(by_name, 0)
    failures: list[str] = []
    sent = 0
    started = monotonic()
    for message in alerts.due_messages(engine, connection, now=now, limit=_MESSAGES_PER_LOOK):
        if monotonic() - started > _SENDING_SECONDS:
            break
        if failed_in_a_row[message.channel] >= _FAILURES_IN_A_ROW:
            continue
        try:
            by_name[message.channel].send(message, now=now)
        except PipelineError as error:
            failed_in_a_row[message.channel] += 1
            failures.append(f"{message.channel}: {error}")
            wait = _wait_after(error, message.attempts)
            alerts.mark_failed(engine, message, error=str(error), next_attempt_at=now + wait)
        else:
            failed_in_a_row[message.channel] = 0
            sent += 1
            alerts.mark_sent(engine, message, now=now)
    return sent, tuple(failures)


def _wait_after(error: PipelineError, failed_before: int) -> timedelta:
    asked = timedelta(seconds=(error.retry_after or 0) if isinstance(error, TransientError) else 0)
    wait = min(_FIRST_WAIT * 2 ** min(failed_before, _MOST_DOUBLINGS), _LONGEST_WAIT)
    return min(max(wait, asked), _LONGEST_WAIT)


def _messages(change: Change, channels: Sequence[str], now: datetime) -> list[Message]:
    if change.told is None:
        return []
    body = _body(change.told.value, _content(change.known), now)
    return [Message(_new_id(), change.known.alert.cause, channel, body) for channel in channels]


def _content(known: KnownAlert) -> dict[str, object]:
    alert = known.alert
    return {
        "connection": alert.connection,
        "cause": alert.cause,
        "severity": alert.severity.value,
        "title": alert.title,
        "what_happened": alert.what_happened,
        "what_to_do": alert.what_to_do,
        "since": alert.since.astimezone(UTC).isoformat(),
        "first_seen": known.first_seen.astimezone(UTC).isoformat(),
        "count": alert.count,
        "subjects": list(alert.subjects),
    }


def _body(told: str, content: Mapping[str, object], now: datetime) -> str:
    """Write a message in the shape that Standard Webhooks recommend: type, timestamp, data."""
    shape = {"type": f"alert.{told}", "timestamp": now.astimezone(UTC).isoformat(), "data": content}
    return json.dumps(shape, ensure_ascii=False)


def _new_id() -> str:
    return f"msg_{uuid.uuid4().hex}"
