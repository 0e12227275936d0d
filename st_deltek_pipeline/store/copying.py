"""Bulk insertion by COPY: streaming, so memory stays flat however many rows there are.

What to insert where is the business of the other store modules.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import IO, Any, cast

from psycopg2 import extensions, sql
from sqlalchemy import Connection

_CHUNK_BYTES = 1 << 16
# The backslash comes first: the others bring new ones.
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


def copy_rows(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    r"""Insert rows by COPY, within the connection's transaction.

    Args:
        connection: Where to; a transaction is begun when none is open, and it is the caller's to commit.
        table: Table name, with its schema when it has one (``raw.records``); quoted here.
        columns: Columns in the order of each row's values.
        rows: Any iterable, consumed as it is sent. ``None`` becomes NULL; ``bytes`` are UTF-8 text; booleans,
            numbers, Decimals and dates go by their ``str``; arrays and JSON are given as text.

    Returns:
        The number of rows inserted.

    Raises:
        ValueError: A text holds a NUL character, which PostgreSQL cannot store, or bytes that are not UTF-8.
    """
    if not connection.in_transaction():
        connection.begin()
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    driver_connection = cast("extensions.connection", connection.connection.driver_connection)
    with driver_connection.cursor() as cursor:
        # psycopg2 wraps what read() raises into its own error; the reader remembers the real one.
        reader = _RowReader(rows)
        try:
            cursor.copy_expert(statement, cast("IO[bytes]", reader), size=_CHUNK_BYTES)
        except Exception:
            if reader.failure is not None:
                raise reader.failure from None
            raise
        return cursor.rowcount


class _RowReader:
    """A file-like view of rows in COPY's text format, made while it is read."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._chunks = _chunks(rows)
        self._rest = b""
        self.failure: Exception | None = None

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        if not self._rest:
            try:
                self._rest = next(self._chunks, b"")
            except Exception as error:
                self.failure = error
                raise
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


def _chunks(rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    writer_of = _WRITERS.get
    lines: list[str] = []
    size = 0
    for row in rows:
        line = "\t".join([writer_of(value.__class__, _other)(value) for value in row])
        lines.append(line)
        size += len(line)
        if size >= _CHUNK_BYTES:
            yield _encoded(lines)
            lines = []
            size = 0
    if lines:
        yield _encoded(lines)


def _encoded(lines: list[str]) -> bytes:
    text = "\n".join(lines)
    if "\0" in text:
        culprit = next(line for line in lines if "\0" in line)
        message = f"a text holds a NUL character, which PostgreSQL cannot store: {culprit[:200]!r}"
        raise ValueError(message)
    return text.encode() + b"\n"


def _escaped(text: str) -> str:
    if "\\" in text or "\n" in text or "\t" in text or "\r" in text:
        # Many times faster than translate() on texts of some thousand characters.
        for character, escape in _ESCAPES:
            text = text.replace(character, escape)
    return text


def _other(value: object) -> str:
    return _escaped(str(value))


# By exact class: a look-up per value instead of a chain of questions.
_WRITERS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "\\N",
    str: _escaped,
    bytes: lambda value: _escaped(value.decode()),
    bool: lambda value: "t" if value else "f",
    int: str,
    Decimal: str,
    date: str,
}
