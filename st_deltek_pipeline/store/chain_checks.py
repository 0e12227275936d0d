"""Reads the journal's hash chain for checking it, and keeps how far it was checked. What a break is: ``domain.chain_check``."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.chain_check import BEFORE_THE_FIRST, ChainPosition, RecordedLink


@dataclass(frozen=True)
class CheckedUpTo:
    """How far a connection's chain was checked.

    Attributes:
        newest: Up to where events were checked as they came.
        round: Where checking everything once more stands; it begins again when it has reached the end.
    """

    newest: ChainPosition = BEFORE_THE_FIRST
    round: ChainPosition = BEFORE_THE_FIRST


@contextmanager
def chain_view(engine: Engine) -> Generator[Connection]:
    """Open a connection that sees events and head of the chain as they were at one moment."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as db:
        yield db


def connections_with_events(engine: Engine) -> list[str]:
    """Return the names of the connections that have a journal, whether or not they have a file."""
    with engine.connect() as db:
        return list(db.scalars(text("SELECT connection FROM journal.chain_heads ORDER BY connection")))


def head(db: Connection, connection: str) -> ChainPosition:
    """Return the place of the event recorded last, as its writer left it."""
    found = db.execute(
        text("SELECT sequence, hash FROM journal.chain_heads WHERE connection = :connection"),
        {"connection": connection},
    ).one_or_none()
    return BEFORE_THE_FIRST if found is None else ChainPosition(*found)


def links(db: Connection, connection: str, after: int, *, limit: int) -> list[RecordedLink]:
    """Read events behind a place, in their order.

    Args:
        db: An open connection.
        connection: The chain's owner.
        after: The sequence number they begin behind.
        limit: The most to read.
    """
    rows = db.execute(
        text(
            """
            SELECT connection, sequence, occurred_at, run_id, event_type,
                coalesce(kind || ':' || document_id, '') AS document, coalesce(revision, 0) AS revision,
                coalesce(batch, '') AS batch, body, previous_hash, hash
            FROM journal.events WHERE connection = :connection AND sequence > :after ORDER BY sequence LIMIT :limit
            """
        ),
        {"connection": connection, "after": after, "limit": limit},
    )
    return [RecordedLink(*row) for row in rows]


def checked_up_to(db: Connection, connection: str) -> CheckedUpTo:
    """Return how far a connection's chain was checked."""
    found = db.execute(
        text(
            """
            SELECT newest_sequence, newest_hash, round_sequence, round_hash FROM alerts.chain_checks
            WHERE connection = :connection
            """
        ),
        {"connection": connection},
    ).one_or_none()
    if found is None:
        return CheckedUpTo()
    return CheckedUpTo(ChainPosition(found[0], found[1]), ChainPosition(found[2], found[3]))


def keep_checked(engine: Engine, connection: str, checked: CheckedUpTo) -> None:
    """Remember how far a connection's chain was checked."""
    with engine.begin() as db:
        db.execute(
            text(
                """
                INSERT INTO alerts.chain_checks
                    (connection, newest_sequence, newest_hash, round_sequence, round_hash)
                VALUES (:connection, :newest_sequence, :newest_hash, :round_sequence, :round_hash)
                ON CONFLICT (connection) DO UPDATE SET newest_sequence = excluded.newest_sequence,
                    newest_hash = excluded.newest_hash, round_sequence = excluded.round_sequence,
                    round_hash = excluded.round_hash
                """
            ),
            {
                "connection": connection,
                "newest_sequence": checked.newest.sequence,
                "newest_hash": checked.newest.hash,
                "round_sequence": checked.round.sequence,
                "round_hash": checked.round.hash,
            },
        )
