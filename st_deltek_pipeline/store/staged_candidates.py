"""Which raw records of a kind are not staged as they are now: a day's, and those without a readable date."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

from st_deltek_pipeline.store.staged_tables import StagedTable


@dataclass(frozen=True, slots=True)
class Candidate:
    """A raw record that staging has to look at.

    Attributes:
        raw_seq: Its latest version.
        document_date: As intake read it.
        payload: That version's JSON.
        staged: The staged row's values in the order of the table's columns, or ``None``.
        is_set_aside: It stands in ``staged.set_aside`` now.
    """

    record_id: int
    raw_seq: int
    document_date: date | None
    payload: str
    staged: tuple[Any, ...] | None
    is_set_aside: bool

    @property
    def staged_revision(self) -> tuple[int, str] | None:
        """Revision and revision hash of the staged row."""
        return None if self.staged is None else (self.staged[2], self.staged[3])

    @property
    def staged_day(self) -> date | None:
        """Business day of the staged row."""
        return None if self.staged is None else self.staged[4]


def candidates(
    db: Connection,
    table: StagedTable[Any],
    connection: str,
    business_day: date,
    dates: Sequence[date],
    *,
    everything: bool,
    chunk: int,
) -> Iterator[list[Candidate]]:
    """Stream the records of a business day that are not staged as they are now.

    Args:
        db: The staging transaction; rows come through a server-side cursor.
        table: The kind's tables.
        connection: The connection's name.
        business_day: The day.
        dates: Document dates that belong to it.
        everything: Look at unchanged records too, because what they refer to has changed.
        chunk: Records per list; the most that is held in memory.
    """
    parameters = {
        **_common(table, connection),
        "business_day": business_day,
        "dates": list(dates),
        "everything": everything,
    }
    # A document belongs to the day by its date, or because it is staged on it and may have moved away.
    statement = f"""
        WITH asked AS (
            SELECT record_id FROM raw.latest
            WHERE connection = :connection AND kind = :kind AND document_date = ANY(CAST(:dates AS date[]))
            UNION
            SELECT document_id FROM {table.table}
            WHERE connection = :connection AND business_day = :business_day
        )
        SELECT l.record_id, l.seq, l.document_date, CAST(r.payload AS text), a.record_id IS NOT NULL,
            {_staged_columns(table)}
        FROM asked
        JOIN raw.latest AS l ON l.connection = :connection AND l.kind = :kind AND l.record_id = asked.record_id
        JOIN raw.records AS r ON r.seq = l.seq
        LEFT JOIN {table.table} AS s ON s.connection = :connection AND s.document_id = asked.record_id
        LEFT JOIN staged.set_aside AS a
            ON a.connection = :connection AND a.kind = :kind AND a.record_id = asked.record_id
        WHERE :everything
            OR CASE WHEN a.record_id IS NOT NULL THEN a.raw_seq <> l.seq OR a.shape <> :shape
               ELSE s.raw_seq IS DISTINCT FROM l.seq OR s.shape <> :shape OR s.business_day <> :business_day END
        ORDER BY l.record_id
    """  # noqa: S608 (names are constants)
    yield from _stream(db, statement, parameters, chunk)


def has_undated(db: Connection, table: StagedTable[Any], connection: str) -> bool:
    """Say whether there are documents without a readable date that have not been looked at yet.

    Args:
        db: A connection to the database.
        table: The kind's tables.
        connection: The connection's name.
    """
    statement = f"SELECT EXISTS ({_undated(table)})"
    return bool(db.execute(text(statement), _common(table, connection)).scalar_one())


def undated_candidates(
    db: Connection, table: StagedTable[Any], connection: str, *, chunk: int
) -> Iterator[list[Candidate]]:
    """Stream the documents without a readable date that have not been looked at yet.

    Args:
        db: The staging transaction.
        table: The kind's tables.
        connection: The connection's name.
        chunk: Records per list.
    """
    yield from _stream(db, _undated(table), _common(table, connection), chunk)


def _undated(table: StagedTable[Any]) -> str:
    # Documents without a readable date are on no day; each version of one is looked at once.
    return f"""
        SELECT l.record_id, l.seq, l.document_date, CAST(r.payload AS text), a.record_id IS NOT NULL,
            {_staged_columns(table)}
        FROM raw.latest AS l
        JOIN raw.records AS r ON r.seq = l.seq
        LEFT JOIN {table.table} AS s ON s.connection = l.connection AND s.document_id = l.record_id
        LEFT JOIN staged.set_aside AS a
            ON a.connection = l.connection AND a.kind = l.kind AND a.record_id = l.record_id
        WHERE l.connection = :connection AND l.kind = :kind AND l.document_date IS NULL
            AND (a.raw_seq IS DISTINCT FROM l.seq OR a.shape <> :shape)
        ORDER BY l.record_id
    """  # noqa: S608 (names are constants)


def _common(table: StagedTable[Any], connection: str) -> dict[str, Any]:
    return {"connection": connection, "kind": table.kind.value, "shape": table.shape}


def _staged_columns(table: StagedTable[Any]) -> str:
    return ", ".join(f"s.{column}" for column in table.columns)


def _stream(db: Connection, statement: str, parameters: dict[str, Any], chunk: int) -> Iterator[list[Candidate]]:
    result = db.execute(
        text(statement), parameters, execution_options={"stream_results": True, "max_row_buffer": chunk}
    )
    for rows in result.partitions(chunk):
        yield [_candidate(row) for row in rows]


def _candidate(row: Row[*tuple[Any, ...]]) -> Candidate:
    record_id, raw_seq, document_date, payload, is_set_aside, *staged = row
    # An outer join without a partner gives NULLs, the id included.
    values = None if staged[1] is None else tuple(staged)
    return Candidate(record_id, raw_seq, document_date, payload, values, is_set_aside)
