"""The audit book: the database itself refuses to change, remove or empty it."""

from collections.abc import Generator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

_INSERTS = (
    """
    INSERT INTO journal.events (connection, sequence, occurred_at, run_id, event_type, body, previous_hash, hash)
    VALUES ('acme', 1, now(), 'run', 'file_planned', '{}', '0', '1')
    """,
    "INSERT INTO journal.bodies (body_hash, body) VALUES ('1', '{}')",
)


@pytest.fixture(scope="module")
def book(module_engine: Engine) -> Generator[Engine]:
    with module_engine.begin() as connection:
        for statement in _INSERTS:
            connection.execute(text(statement))
    yield module_engine
    with module_engine.connect() as connection:
        counted = connection.execute(
            text("SELECT (SELECT count(*) FROM journal.events), (SELECT count(*) FROM journal.bodies)")
        ).one()
    assert tuple(counted) == (1, 1)


@pytest.mark.parametrize("table", ["events", "bodies"])
@pytest.mark.parametrize(
    ("operation", "statement"),
    [
        ("UPDATE", "UPDATE journal.{table} SET body = 'other'"),
        ("UPDATE", "UPDATE journal.{table} SET body = body"),
        ("DELETE", "DELETE FROM journal.{table}"),
        ("TRUNCATE", "TRUNCATE journal.{table} CASCADE"),
    ],
)
def test_what_is_written_stays_as_it_was_written(book: Engine, table: str, operation: str, statement: str) -> None:
    with (
        pytest.raises(IntegrityError, match=f"journal.{table} is append-only: {operation} is refused"),
        book.begin() as connection,
    ):
        connection.execute(text(statement.format(table=table)))


def test_an_event_is_not_replaced_by_inserting_it_again(book: Engine) -> None:
    statement = _INSERTS[0] + " ON CONFLICT (connection, sequence) DO UPDATE SET body = 'other'"
    with pytest.raises(IntegrityError, match="append-only"), book.begin() as connection:
        connection.execute(text(statement))
