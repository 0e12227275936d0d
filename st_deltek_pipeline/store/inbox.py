"""Rows of ``inbox.events``: deliveries of webhooks, kept until what they tell of is in the journal.

An occurrence has one row however often it is delivered. Events are taken by their state and never by a cursor, since
rows are committed in another order than they are numbered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.deliveries import Delivery, DeliveryState

# Column to its type.
_COLUMNS = {
    "connection": "text",
    "occurrence": "text",
    "event_type": "text",
    "delivery_id": "text",
    "occurred_at": "timestamptz",
    "tenant_id": "bigint",
    "record_kind": "text",
    "record_id": "bigint",
    "body": "bytea",
    "state": "text",
    "reason": "text",
}
_KEEP = text(
    f"""
    INSERT INTO inbox.events AS known ({", ".join(_COLUMNS)}, deliveries)
    SELECT * FROM unnest({", ".join(f"CAST(:{name} AS {type_}[])" for name, type_ in _COLUMNS.items())},
        CAST(:deliveries AS integer[]))
    ON CONFLICT (connection, occurrence) DO UPDATE SET
        deliveries = known.deliveries + excluded.deliveries, last_received_at = clock_timestamp()
    RETURNING known.connection, known.occurrence, known.xmax = 0
    """  # noqa: S608 (constants)
)


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event whose record has not been read again yet.

    Attributes:
        record_kind, record_id: The record to read.
    """

    seq: int
    event_type: str
    record_kind: str
    record_id: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in one connection's inbox.

    Attributes:
        oldest: When the first of them was received.
        newest_seq: The last of them.
    """

    events: int
    oldest: datetime
    newest_seq: int


def keep(db: Connection, deliveries: Sequence[Delivery]) -> list[bool]:
    """Write deliveries in one statement; of a known occurrence only the delivery is counted.

    Args:
        db: An open transaction. A delivery may be answered once it is committed.
        deliveries: Of any connections.

    Returns:
        For each, in order, whether its occurrence is new. Of two deliveries of one occurrence the first is.
    """
    first: dict[tuple[str, str], int] = {}
    times: dict[tuple[str, str], int] = {}
    for place, delivery in enumerate(deliveries):
        key = (delivery.connection, delivery.occurrence)
        first.setdefault(key, place)
        times[key] = times.get(key, 0) + 1
    # In one order for all writers, so that two batches with the same occurrences cannot wait for each other.
    chosen = [deliveries[place] for _, place in sorted(first.items())]
    columns = {name: [getattr(each, name) for each in chosen] for name in _COLUMNS}
    columns["deliveries"] = [times[key] for key in sorted(first)]
    rows = db.execute(_KEEP, columns)
    new = {(row[0], row[1]) for row in rows if row[2]}
    return [
        (each.connection, each.occurrence) in new and first[each.connection, each.occurrence] == place
        for place, each in enumerate(deliveries)
    ]


def waiting(engine: Engine, connection: str, *, limit: int) -> list[WaitingEvent]:
    """Return a connection's waiting events, oldest first.

    Args:
        engine: The database.
        connection: The connection's name.
        limit: The most to return.
    """
    with engine.connect() as db:
        rows = db.execute(
            text(
                """
                SELECT seq, event_type, record_kind, record_id, received_at FROM inbox.events
                WHERE connection = :connection AND state = 'waiting' ORDER BY seq LIMIT :limit
                """
            ),
            {"connection": connection, "limit": limit},
        )
        return [WaitingEvent(*row) for row in rows]


def backlog(engine: Engine, connections: Sequence[str]) -> Mapping[str, Backlog]:
    """Return what waits in the inboxes of some connections; those with nothing waiting are left out.

    Args:
        engine: The database.
        connections: Names.
    """
    with engine.connect() as db:
        rows = db.execute(
            text(
                """
                SELECT connection, count(*), min(received_at), max(seq) FROM inbox.events
                WHERE connection = ANY(:connections) AND state = 'waiting' GROUP BY connection
                """
            ),
            {"connections": list(connections)},
        )
        return {row[0]: Backlog(*row[1:]) for row in rows}


def last_received(engine: Engine, connection: str) -> datetime | None:
    """Return when something rightly signed was last delivered to a connection; ``None`` when nothing ever was."""
    with engine.connect() as db:
        return db.scalar(
            text("SELECT max(last_received_at) FROM inbox.events WHERE connection = :connection"),
            {"connection": connection},
        )


def mark_handled(db: Connection, connection: str, seqs: Sequence[int], *, run_id: str, reason: str = "") -> int:
    """Say of waiting events that what they tell of is in the journal.

    Args:
        db: An open transaction.
        connection: The connection's name.
        seqs: The events.
        run_id: Who handled them.
        reason: What there is to say about it, such as that ServiceTitan does not know the record.

    Returns:
        How many of them were waiting still.
    """
    done = db.execute(
        text(
            """
            UPDATE inbox.events
            SET state = :handled, handled_at = now(), handled_by_run = :run_id, reason = :reason
            WHERE connection = :connection AND seq = ANY(:seqs) AND state = 'waiting'
            """
        ),
        {
            "connection": connection,
            "seqs": list(seqs),
            "run_id": run_id,
            "reason": reason,
            "handled": DeliveryState.HANDLED.value,
        },
    )
    return done.rowcount


def wait_again(db: Connection, connection: str) -> int:
    """Let every handled event of a connection wait once more, so that its record is read and judged again.

    Args:
        db: An open transaction.
        connection: The connection's name.

    Returns:
        How many there are.
    """
    done = db.execute(
        text(
            """
            UPDATE inbox.events SET state = 'waiting', handled_at = NULL, handled_by_run = NULL, reason = ''
            WHERE connection = :connection AND state = 'handled'
            """
        ),
        {"connection": connection},
    )
    return done.rowcount
