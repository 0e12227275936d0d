"""Records that were set aside because they do not fit, with the reason.

A document whose newest version does not fit keeps the row of its last fitting version and stands here as well, so that
nothing that may have been posted disappears: posting holds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.store.staged_tables import TABLES

_LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class SetAside:
    """A record that does not fit, with the reason.

    Attributes:
        raw_seq: The version that does not fit.
        document_date, business_day: Where it belongs, as far as that is known.
        since: When it was first set aside without a fitting version in between; ``None`` before it is stored.
    """

    kind: str
    record_id: int
    raw_seq: int
    document_date: date | None
    business_day: date | None
    reason: str
    since: datetime | None = None


def write_set_aside(db: Connection, connection: str, records: Sequence[SetAside], *, shape: int) -> None:
    """Record that records do not fit; one that did not fit before keeps its ``since``.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        records: The records, with the reason.
        shape: The reading of payloads that was used.
    """
    if not records:
        return
    db.execute(
        text(
            """
            INSERT INTO staged.set_aside
                (connection, kind, record_id, raw_seq, document_date, business_day, reason, shape)
            VALUES (:connection, :kind, :record_id, :raw_seq, :document_date, :business_day, :reason, :shape)
            ON CONFLICT (connection, kind, record_id) DO UPDATE SET
                raw_seq = excluded.raw_seq, document_date = excluded.document_date,
                business_day = excluded.business_day, reason = excluded.reason, shape = excluded.shape
            """
        ),
        [
            {
                "connection": connection,
                "kind": record.kind,
                "record_id": record.record_id,
                "raw_seq": record.raw_seq,
                "document_date": record.document_date,
                "business_day": record.business_day,
                "reason": record.reason[:_LONGEST_REASON].replace("\x00", "\ufffd"),
                "shape": shape,
            }
            for record in records
        ],
    )


def clear_set_aside(db: Connection, connection: str, kind: str, ids: Sequence[int]) -> None:
    """Take records that fit again out of ``staged.set_aside``.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        kind: Their kind.
        ids: Their ids.
    """
    if ids:
        db.execute(
            text(
                """
                DELETE FROM staged.set_aside
                WHERE connection = :connection AND kind = :kind AND record_id = ANY(:ids)
                """
            ),
            {"connection": connection, "kind": kind, "ids": list(ids)},
        )


def set_aside_of_day(engine: Engine, connection: str, kind: Kind, business_day: date) -> list[SetAside]:
    """Return the documents of a day that do not fit.

    Args:
        engine: The application's database.
        connection: The connection's name.
        kind: The kind of document.
        business_day: The day.

    Returns:
        Those that belong to the day, and those whose last fitting version is staged on it, by id.
    """
    condition = f"""
        business_day = :business_day OR record_id IN (
            SELECT document_id FROM {TABLES[kind].table}
            WHERE connection = :connection AND business_day = :business_day
        )
    """  # noqa: S608 (constants)
    return _read(engine, connection, kind, condition, {"business_day": business_day})


def set_aside_undated(engine: Engine, connection: str, kind: Kind) -> list[SetAside]:
    """Return the documents that do not fit and belong to no day, because no version had a readable date.

    Args:
        engine: The application's database.
        connection: The connection's name.
        kind: The kind of document.
    """
    return _read(engine, connection, kind, "business_day IS NULL", {})


def set_aside_by_id(engine: Engine, connection: str, kind: Kind, ids: Sequence[int]) -> list[SetAside]:
    """Return which of some documents do not fit, by their ids, whatever their day.

    Args:
        engine: The application's database.
        connection: The connection's name.
        kind: The kind of document.
        ids: ServiceTitan's ids.
    """
    return _read(engine, connection, kind, "record_id = ANY(:ids)", {"ids": list(ids)})


def _read(engine: Engine, connection: str, kind: Kind, condition: str, parameters: dict[str, Any]) -> list[SetAside]:
    with engine.connect() as db:
        found = db.execute(
            text(
                f"""
                SELECT kind, record_id, raw_seq, document_date, business_day, reason, since FROM staged.set_aside
                WHERE connection = :connection AND kind = :kind AND ({condition}) ORDER BY record_id
                """  # noqa: S608 (constants)
            ),
            {"connection": connection, "kind": kind.value, **parameters},
        )
        return [SetAside(*row) for row in found]
