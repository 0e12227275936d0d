"""How far each feed has been read; a cursor moves only in the transaction that stores the rows before it."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a feed has been read.

    Attributes:
        continue_from: Token of the next call; ``None`` means from the very first record.
        caught_up: The feed was read to its end at this token.
    """

    continue_from: str | None
    caught_up: bool


def read_cursor(engine: Engine, connection: str, feed: str) -> Cursor:
    """Return how far a feed has been read, without locking anything.

    Args:
        engine: The application's database.
        connection: The connection's name.
        feed: The feed's name.
    """
    with engine.connect() as db:
        found = db.execute(
            text("SELECT continue_from, caught_up_at FROM raw.cursors WHERE connection = :connection AND feed = :feed"),
            {"connection": connection, "feed": feed},
        ).one_or_none()
    return Cursor(None, caught_up=False) if found is None else Cursor(found[0], caught_up=found[1] is not None)


def lock_cursor(db: Connection, connection: str, feed: str) -> Cursor:
    """Lock a feed until the transaction ends, so that intakes of one feed follow each other.

    Args:
        db: An open transaction.
        connection: The connection's name.
        feed: The feed's name.

    Returns:
        Where the cursor stands now.
    """
    names = {"connection": connection, "feed": feed}
    lock = text(
        """
        SELECT continue_from, caught_up_at FROM raw.cursors
        WHERE connection = :connection AND feed = :feed FOR UPDATE
        """
    )
    found = db.execute(lock, names).one_or_none()
    if found is None:
        db.execute(
            text("INSERT INTO raw.cursors (connection, feed) VALUES (:connection, :feed) ON CONFLICT DO NOTHING"),
            names,
        )
        found = db.execute(lock, names).one()
    return Cursor(found[0], caught_up=found[1] is not None)


def move_cursor(db: Connection, connection: str, feed: str, cursor: Cursor) -> None:
    """Move a locked feed's cursor, in the transaction that stores the rows before it.

    Args:
        db: The transaction that holds the lock.
        connection: The connection's name.
        feed: The feed's name.
        cursor: Where it stands from now on.
    """
    db.execute(
        text(
            """
            UPDATE raw.cursors SET continue_from = :continue_from, updated_at = now(),
                caught_up_at = CASE WHEN :caught_up THEN now() END
            WHERE connection = :connection AND feed = :feed
            """
        ),
        {
            "connection": connection,
            "feed": feed,
            "continue_from": cursor.continue_from,
            "caught_up": cursor.caught_up,
        },
    )
