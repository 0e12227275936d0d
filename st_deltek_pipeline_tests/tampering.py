"""What only somebody with all rights over the database can do: change rows whose triggers would refuse it."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine


@contextmanager
def tampering(engine: Engine) -> Generator[Connection]:
    """Open a transaction in which no trigger and no foreign key holds; it commits at the end of the block."""
    with engine.begin() as db:
        db.exec_driver_sql("SET LOCAL session_replication_role = replica")
        yield db
