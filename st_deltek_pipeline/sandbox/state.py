"""What a twin remembers when the sandbox stops: rows by table and key, in memory or in one SQLite file.

The world itself is not stored: it is generated again from its seed. Only what happened since is here.
What the rows mean is the twins' business.
"""

import sqlite3
import threading
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import msgspec

Row = dict[str, Any]

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(Row, float_hook=Decimal)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (
    position INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    row BLOB NOT NULL,
    UNIQUE (kind, key)
)
"""
_PUT = "INSERT INTO state (kind, key, row) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET row = excluded.row"


def encode_row(row: Mapping[str, Any]) -> bytes:
    """Return a row as JSON bytes; a Decimal becomes an exact JSON number, never a float."""
    return _encoder.encode(row)


def decode_row(data: bytes) -> Row:
    """Return the row of ``encode_row``; a number with a fraction becomes a Decimal, another one an int."""
    return _decoder.decode(data)


class StatePersistence(Protocol):
    """Where a twin writes every change before it answers."""

    def load(self, table: str) -> dict[str, Row]:
        """Return the rows of a table by key, in the order in which the keys were first put."""
        ...

    def put(self, table: str, key: str, row: Row) -> None:
        """Write one row, or replace it."""
        ...

    def put_many(self, table: str, rows: Mapping[str, Row]) -> None:
        """Write many rows at once: all of them or none."""
        ...

    def delete(self, table: str, key: str) -> None:
        """Remove a row; a missing one is no error."""
        ...

    def close(self) -> None:
        """Let go of files; nothing is written after this."""
        ...


class MemoryState:
    """State that ends with the process. Rows are copied, so a caller may go on changing its own."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, bytes]] = {}

    def load(self, table: str) -> dict[str, Row]:
        """Return the rows of a table by key, in the order in which the keys were first put."""
        return {key: decode_row(data) for key, data in self._tables.get(table, {}).items()}

    def put(self, table: str, key: str, row: Row) -> None:
        """Write one row, or replace it."""
        self._tables.setdefault(table, {})[key] = encode_row(row)

    def put_many(self, table: str, rows: Mapping[str, Row]) -> None:
        """Write many rows at once."""
        encoded = {key: encode_row(row) for key, row in rows.items()}
        self._tables.setdefault(table, {}).update(encoded)

    def delete(self, table: str, key: str) -> None:
        """Remove a row; a missing one is no error."""
        self._tables.get(table, {}).pop(key, None)

    def close(self) -> None:
        """Do nothing: there is no file."""


class SqliteState:
    """State in one SQLite file, written through at every change and safe to use from several threads.

    Args:
        path: The file; made when it is missing, and its folder with it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # The twin must survive a killed process, not a power cut: the operating system keeps what was written.
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute(_SCHEMA)

    def load(self, table: str) -> dict[str, Row]:
        """Return the rows of a table by key, in the order in which the keys were first put."""
        with self._lock:
            cursor = self._connection.execute("SELECT key, row FROM state WHERE kind = ? ORDER BY position", (table,))
            found: list[tuple[str, bytes]] = cursor.fetchall()
        return {key: decode_row(data) for key, data in found}

    def put(self, table: str, key: str, row: Row) -> None:
        """Write one row, or replace it."""
        with self._lock:
            self._connection.execute(_PUT, (table, key, encode_row(row)))

    def put_many(self, table: str, rows: Mapping[str, Row]) -> None:
        """Write many rows in one transaction: all of them or none."""
        values = [(table, key, encode_row(row)) for key, row in rows.items()]
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(_PUT, values)
            except sqlite3.Error:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def delete(self, table: str, key: str) -> None:
        """Remove a row; a missing one is no error."""
        with self._lock:
            self._connection.execute("DELETE FROM state WHERE kind = ? AND key = ?", (table, key))

    def close(self) -> None:
        """Close the file; nothing is written after this."""
        with self._lock:
            self._connection.close()
