"""Which business days of a kind have been staged, how far, and which have fallen behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.store.staged_tables import TABLES, StagedTable


@dataclass(frozen=True, slots=True)
class StagedDay:
    """A business day as one kind of document was last staged.

    Attributes:
        document_dates: The dates that belonged to it.
        raw_seq_high: ``raw.document_days`` of these dates had nothing newer.
        documents, total: The documents on that day and the sum of their totals.
        set_aside: Records set aside on that day.
        stale: A customer, job or other record that its documents name has changed since.
        shape: The reading of payloads that was used.
    """

    business_day: date
    document_dates: tuple[date, ...]
    raw_seq_high: int
    documents: int
    set_aside: int
    total: Decimal
    stale: bool
    shape: int


def lock_staging(db: Connection, connection: str) -> None:
    """Make stagings of one connection follow each other, until the transaction ends.

    All kinds share the lock, since they share what they copy from other records.

    Args:
        db: An open transaction.
        connection: The connection's name.
    """
    db.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"st-deltek staging {connection}"}
    )


def changed_dates(db: Connection, connection: str, kind: Kind, first: date) -> dict[date, int]:
    """Return the last raw change of every document date.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        kind: The kind of document.
        first: Earlier dates are left out.
    """
    found = db.execute(
        text(
            """
            SELECT document_date, changed_seq FROM raw.document_days
            WHERE connection = :connection AND kind = :kind AND document_date >= :first
            ORDER BY document_date
            """
        ),
        {"connection": connection, "kind": kind.value, "first": first},
    )
    return {row[0]: row[1] for row in found}


def staged_days(db: Connection, connection: str, kind: Kind) -> dict[date, StagedDay]:
    """Return every day of a kind that was staged, by business day.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        kind: The kind of document.
    """
    found = db.execute(
        text(
            """
            SELECT business_day, document_dates, raw_seq_high, documents, set_aside, total, stale, shape
            FROM staged.days WHERE connection = :connection AND kind = :kind ORDER BY business_day
            """
        ),
        {"connection": connection, "kind": kind.value},
    )
    return {row[0]: StagedDay(row[0], tuple(row[1]), *row[2:]) for row in found}


def close_day(
    db: Connection,
    table: StagedTable[Any],
    connection: str,
    business_day: date,
    dates: Sequence[date],
    *,
    raw_seq_high: int,
    run_id: str,
) -> StagedDay:
    """Count what is staged on a day and remember how far it went; an unchanged day is not written.

    Args:
        db: The staging transaction.
        table: The kind's tables.
        connection: The connection's name.
        business_day: The day.
        dates: The document dates that belong to it.
        raw_seq_high: The last change of these dates that was seen.
        run_id: Who staged it.
    """
    parameters = {
        "connection": connection,
        "kind": table.kind.value,
        "business_day": business_day,
        "dates": list(dates),
        "raw_seq_high": raw_seq_high,
        "shape": table.shape,
        "run_id": run_id,
    }
    row = db.execute(
        text(
            f"""
            SELECT count(*), coalesce(sum(total), 0.00), (
                SELECT count(*) FROM staged.set_aside
                WHERE connection = :connection AND kind = :kind AND business_day = :business_day
            )
            FROM {table.table} WHERE connection = :connection AND business_day = :business_day
            """  # noqa: S608 (constants)
        ),
        parameters,
    ).one()
    documents, total, set_aside = row[0], row[1], row[2]
    db.execute(
        text(
            """
            INSERT INTO staged.days AS d (
                connection, kind, business_day, document_dates, raw_seq_high, documents, set_aside, total, shape, run_id
            ) VALUES (
                :connection, :kind, :business_day, CAST(:dates AS date[]), :raw_seq_high, :documents, :set_aside,
                :total, :shape, :run_id
            )
            ON CONFLICT (connection, kind, business_day) DO UPDATE SET
                document_dates = excluded.document_dates, raw_seq_high = excluded.raw_seq_high,
                documents = excluded.documents, set_aside = excluded.set_aside, total = excluded.total,
                shape = excluded.shape, stale = false, staged_at = now(), run_id = excluded.run_id
            WHERE d.stale
                OR (d.document_dates, d.raw_seq_high, d.documents, d.set_aside, d.total, d.shape)
                IS DISTINCT FROM (excluded.document_dates, excluded.raw_seq_high, excluded.documents,
                    excluded.set_aside, excluded.total, excluded.shape)
            """
        ),
        {**parameters, "documents": documents, "set_aside": set_aside, "total": total},
    )
    return StagedDay(
        business_day, tuple(dates), raw_seq_high, documents, set_aside, total, stale=False, shape=table.shape
    )


# Records that documents reach through other records: of which kind those are, and the column of lookups that names.
_REACHED_THROUGH = {"job_type": ("job", "refers_to"), "project": ("job", "part_of")}
# Records that name others of their own kind, in chains.
_CHAINED = "customer"


def mark_stale_days(db: Connection, connection: str, kind: str, ids: Sequence[int]) -> None:
    """Mark the staged days whose documents refer to some records, directly or through another record.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        kind: The kind of the changed records.
        ids: Their ids; for credit memo items, those of their credit memos.
    """
    if not ids:
        return
    parameters = {"connection": connection, "kind": kind, "ids": list(ids)}
    own = "SELECT unnest(CAST(:ids AS bigint[]))"
    if kind == _CHAINED:
        # UNION drops what was met before, so a cycle ends.
        own = f"""
            WITH RECURSIVE chain (record_id) AS (
                {own}
                UNION
                SELECT l.record_id FROM chain
                JOIN staged.lookups AS l
                    ON l.connection = :connection AND l.kind = :kind AND l.refers_to = chain.record_id
            ) SELECT record_id FROM chain
        """  # noqa: S608 (constants)
    affected = {kind: own}
    if kind in _REACHED_THROUGH:
        through, column = _REACHED_THROUGH[kind]
        affected[through] = f"""
            SELECT record_id FROM staged.lookups
            WHERE connection = :connection AND kind = '{through}' AND {column} = ANY(:ids)
        """  # noqa: S608 (constants)
    for table in TABLES.values():
        holders = [
            f"document_id IN (SELECT document_id FROM {part.table}"  # noqa: S608 (constants)
            f" WHERE connection = :connection AND {part.named_by[named]} IN ({records}))"
            for part in table.parts
            for named, records in affected.items()
            if named in part.named_by
        ]
        holders += [
            f"{table.named_by[named]} IN ({records})" for named, records in affected.items() if named in table.named_by
        ]
        for holder in holders:
            db.execute(
                text(
                    f"""
                    UPDATE staged.days SET stale = true
                    WHERE connection = :connection AND kind = '{table.kind.value}' AND NOT stale AND business_day IN (
                        SELECT business_day FROM {table.table} WHERE connection = :connection AND {holder}
                    )
                    """  # noqa: S608 (constants)
                ),
                parameters,
            )
