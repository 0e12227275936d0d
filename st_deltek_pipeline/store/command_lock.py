"""One command of a kind at a time, across processes and machines: a lock that dies with the process that held it.

What keeps postings apart is the poster's lock in ``locks``; this one only keeps two people from running the same
command on the same connection, and tells the second one so.
"""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.errors import TransientError


class AlreadyRunningError(TransientError):
    """Another process runs the same command on the same connection."""


@contextmanager
def command_lock(engine: Engine, command: str, connection: str) -> Generator[None]:
    """Hold the lock of one command on one connection, without waiting for it.

    Args:
        engine: The database.
        command: For example ``sync``.
        connection: The connection's name.

    Raises:
        AlreadyRunningError: Another process runs the same command on the same connection.
    """
    digest = hashlib.sha256(f"{command}|{connection}".encode()).digest()
    key = int.from_bytes(digest[:8], signed=True)
    # AUTOCOMMIT: a transaction left open for the whole command would be ended by the session's time-out.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as held:
        if not held.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar_one():
            message = f"Another st-deltek {command} of connection {connection} is running."
            raise AlreadyRunningError(message, advice="Wait for it to end.")
        try:
            yield
        finally:
            held.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
