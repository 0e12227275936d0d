"""The poster's lock: one writer per Vantagepoint user, and a fence that stops one that lost it.

Two parts. A session-level advisory lock keeps others out while its connection lives, and vanishes with a
killed process. A counter, the fence, is raised by every new holder and checked inside every journal write:
a worker that was frozen past the loss of its lock cannot write any more. Which user is locked is the
caller's key.
"""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg2 import errors
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from st_deltek_pipeline.domain.errors import LockLostError, TransientError

_DEFAULT_WAIT_SECONDS = 600
_DIGITS = 16


@dataclass(frozen=True)
class PosterLock:
    """A held lock.

    Attributes:
        poster: What is locked: URL, database and (as a digest) user of Vantagepoint.
        fence: This holder's number; a later holder has a greater one.
    """

    poster: str
    fence: int

    def check(self, connection: Connection) -> None:
        """Make sure, inside the caller's transaction, that nobody has taken the lock since.

        Raises:
            LockLostError: Another worker holds it now; the transaction must not commit.
        """
        # FOR SHARE makes a new holder wait until this transaction has ended.
        statement = text("SELECT fence FROM journal.poster_locks WHERE poster = :poster FOR SHARE")
        current = connection.execute(statement, {"poster": self.poster}).scalar()
        if current != self.fence:
            message = f"The posting lock for {self.poster} was taken over by another run."
            raise LockLostError(message, advice="Nothing was written; the other run goes on with the work.")


def poster_key(base_url: str, database: str, username: str) -> str:
    """Name the Vantagepoint user whose session state (period, company) is being protected.

    The name is stored and shown in messages, so the user's is not in it: it is a credential.
    """
    user = hashlib.sha256(username.lower().encode()).hexdigest()[:_DIGITS]
    return f"{base_url.lower()}|{database.lower()}|{user}"


@contextmanager
def poster_lock(
    engine: Engine, poster: str, *, holder: str, wait_seconds: int = _DEFAULT_WAIT_SECONDS
) -> Generator[PosterLock]:
    """Hold the lock of one Vantagepoint user.

    Args:
        engine: The database.
        poster: From ``poster_key``.
        holder: Who holds it, for people who look: a run id.
        wait_seconds: How long to wait for another holder.

    Raises:
        TransientError: Another run still holds it after ``wait_seconds``.
    """
    number = int.from_bytes(hashlib.sha256(poster.encode()).digest()[:8], "big", signed=True)
    with engine.connect() as connection:
        try:
            yield PosterLock(poster, _take(connection, number, poster, holder, wait_seconds))
            _give_back(connection, number)
        except BaseException:
            # Ending the session is the one way to give the lock back whatever happened, even on a dead connection.
            connection.invalidate()
            raise


def _take(connection: Connection, number: int, poster: str, holder: str, wait_seconds: int) -> int:
    try:
        # For this transaction only: the session goes back to the pool. The advisory lock outlives the transaction.
        connection.execute(text(f"SET LOCAL lock_timeout = '{int(wait_seconds)}s'"))
        connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": number})
        fence = connection.execute(
            text(
                """
                INSERT INTO journal.poster_locks (poster, fence, holder, acquired_at)
                VALUES (:poster, 1, :holder, clock_timestamp())
                ON CONFLICT (poster) DO UPDATE
                SET fence = poster_locks.fence + 1, holder = :holder, acquired_at = clock_timestamp()
                RETURNING fence
                """
            ),
            {"poster": poster, "holder": holder},
        ).scalar_one()
    except OperationalError as error:
        if not isinstance(error.orig, errors.LockNotAvailable | errors.QueryCanceled):
            raise
        message = f"Another run has been posting as this Vantagepoint user for over {wait_seconds} s."
        raise TransientError(message, advice="Wait for it to end, or look at it in the Dagster UI.") from error
    connection.commit()
    return fence


def _give_back(connection: Connection, number: int) -> None:
    try:
        connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})
        connection.commit()
    except DBAPIError:
        # The session ended, and the lock with it; what was written meanwhile was checked against the fence.
        connection.invalidate()
