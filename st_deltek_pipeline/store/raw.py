"""Raw records: every version of every ServiceTitan record as sent, and which one is the latest.

Tables of schema ``raw``. Reading payloads into types is ``servicetitan.records``'; fetching them is the intake
service's; how far a feed has been read is in ``raw_cursors``. Rows of ``raw.records`` are only ever added.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from psycopg2 import errors as driver_errors
from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.store.changes import note_change
from st_deltek_pipeline.store.copying import copy_rows


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a record, ready to be kept.

    Attributes:
        payload: The JSON exactly as sent.
        payload_hash: SHA-256 of the payload, hex.
        modified_on: When ServiceTitan says it was changed; ``None`` sorts before everything.
        document_date, total: Of documents; ``None`` in other records and where not readable.
        is_open: It may be edited without a new ``modified_on``.
    """

    record_id: int
    payload: bytes
    payload_hash: str
    modified_on: datetime | None
    active: bool
    document_date: date | None
    total: Decimal | None
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row of a feed that has no usable id or is no text, with the reason."""

    payload: bytes
    payload_hash: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing one page changed.

    Attributes:
        new_versions: Rows added to ``raw.records``.
        touched_dates: Document dates that a new latest version came to, changed on, or left.
        refused: Rows that Postgres does not accept as JSON; they were not stored.
    """

    new_versions: int
    touched_dates: frozenset[date]
    refused: tuple[UnreadableRow, ...]


@dataclass(frozen=True, slots=True)
class DocumentTotal:
    """A document's own statement of its total, straight from its latest raw version.

    Attributes:
        total: ``None`` when the payload's total is not readable.
        raw_seq: The version it was read from.
    """

    document_date: date
    active: bool
    total: Decimal | None
    raw_seq: int


NOT_STORABLE = "not storable as JSON"
"""How the reason begins of a row that is a record, and that the database refuses."""

_RECORD_COLUMNS = (
    "seq",
    "connection",
    "kind",
    "record_id",
    "payload",
    "payload_hash",
    "modified_on",
    "active",
    "document_date",
    "total",
    "is_open",
    "run_id",
)

# One literal of joined values is parsed by Postgres far faster than an array literal of thousands of elements.
# LATERAL with LIMIT makes it one index look-up per row: without statistics of a table that has just grown, the
# planner would read all of it for each page.
_KNOWN = text(
    """
    SELECT asked.record_id, asked.payload_hash
    FROM unnest(
        CAST(string_to_array(:ids, ',') AS bigint[]), string_to_array(:hashes, ',')
    ) AS asked (record_id, payload_hash)
    CROSS JOIN LATERAL (
        SELECT FROM raw.records AS known
        WHERE known.connection = :connection AND known.kind = :kind
            AND known.record_id = asked.record_id AND known.payload_hash = asked.payload_hash
        LIMIT 1
    ) AS found
    """
)

_LATEST_OF = text(
    """
    SELECT latest.record_id, latest.payload_hash, latest.modified_on
    FROM unnest(CAST(string_to_array(:ids, ',') AS bigint[])) AS asked (record_id)
    CROSS JOIN LATERAL (
        SELECT record_id, payload_hash, modified_on FROM raw.latest AS known
        WHERE known.connection = :connection AND known.kind = :kind AND known.record_id = asked.record_id
        LIMIT 1
    ) AS latest
    """
)

_SEQUENCE = text("SELECT nextval('raw.records_seq_seq') FROM generate_series(1, :count) ORDER BY 1")

# An older version that arrives late is kept but never becomes the latest; of equal times the later arrival wins.
# MATERIALIZED makes the range of numbers the way in: another feed's numbers may lie between, but not many.
_MAKE_LATEST = text(
    """
    WITH numbered AS MATERIALIZED (
        SELECT connection, kind, record_id, seq, payload_hash, modified_on, document_date, active, total,
            is_open
        FROM raw.records WHERE seq BETWEEN :first AND :last
    ), arrived AS (
        SELECT DISTINCT ON (record_id)
            record_id, seq, payload_hash, modified_on, document_date, active, total, is_open
        FROM numbered WHERE connection = :connection AND kind = :kind
        ORDER BY record_id, modified_on DESC NULLS LAST, seq DESC
    ), before AS (
        SELECT arrived.record_id, l.document_date
        FROM arrived CROSS JOIN LATERAL (
            SELECT document_date FROM raw.latest AS known
            WHERE known.connection = :connection AND known.kind = :kind AND known.record_id = arrived.record_id
            LIMIT 1
        ) AS l
    ), changed AS (
        INSERT INTO raw.latest AS l
            (connection, kind, record_id, seq, payload_hash, modified_on, document_date, active, total, is_open)
        SELECT :connection, :kind, record_id, seq, payload_hash, modified_on, document_date, active, total, is_open
        FROM arrived ORDER BY record_id
        ON CONFLICT (connection, kind, record_id) DO UPDATE SET
            seq = excluded.seq, payload_hash = excluded.payload_hash, modified_on = excluded.modified_on,
            document_date = excluded.document_date, active = excluded.active, total = excluded.total,
            is_open = excluded.is_open
        WHERE (coalesce(excluded.modified_on, '-infinity'), excluded.seq)
            > (coalesce(l.modified_on, '-infinity'), l.seq)
        RETURNING l.record_id, l.document_date
    ), touched AS (
        SELECT unnest(array_agg(document_date)) AS document_date
        FROM (
            SELECT record_id, document_date, true AS is_latest FROM changed
            UNION ALL
            SELECT record_id, document_date, false FROM before
        ) AS seen
        GROUP BY record_id HAVING bool_or(is_latest)
    )
    INSERT INTO raw.document_days AS d (connection, kind, document_date, changed_seq)
    SELECT DISTINCT :connection, :kind, document_date, CAST(:last AS bigint) FROM touched
    WHERE document_date IS NOT NULL ORDER BY document_date
    ON CONFLICT (connection, kind, document_date) DO UPDATE SET changed_seq = excluded.changed_seq
    RETURNING document_date
    """
)


def lock_kind(db: Connection, connection: str, kind: str) -> None:
    """Make those who store records of one kind follow each other, until the transaction ends.

    Sequence numbers of one kind then rise in the order of commits, whichever feeds bring them, which staging's
    high-water marks rest on.

    Args:
        db: An open transaction.
        connection: The connection's name.
        kind: The kind of record.
    """
    db.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"st-deltek raw {connection} {kind}"}
    )


def unknown_versions(db: Connection, connection: str, kind: str, versions: Sequence[Version]) -> list[Version]:
    """Pick the versions that are not stored yet, in their order.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        kind: The kind of record.
        versions: What a page of a feed holds; the same version twice counts once.
    """
    distinct = {(version.record_id, version.payload_hash): version for version in versions}
    if not distinct:
        return []
    known = db.execute(
        _KNOWN,
        {
            "connection": connection,
            "kind": kind,
            "ids": ",".join([str(record_id) for record_id, _ in distinct]),
            "hashes": ",".join([payload_hash for _, payload_hash in distinct]),
        },
    )
    for record_id, payload_hash in known:
        distinct.pop((record_id, payload_hash), None)
    return list(distinct.values())


def news_of_list(db: Connection, connection: str, kind: str, versions: Sequence[Version]) -> list[Version]:
    """Pick the versions that say something else than the latest ones do, in their order.

    A list states what is so now, while a feed may repeat itself. So what was changed and changed back is news, even
    where ServiceTitan's ``modified_on`` did not move or is missing; what is older
    than the latest is not, unless it was never seen.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        kind: The kind of record.
        versions: What a page of a list holds; of a record that is there twice, the last one counts.
    """
    stated = {version.record_id: version for version in versions}
    if not stated:
        return []
    older: list[Version] = []
    ids = ",".join(map(str, stated))
    for record_id, payload_hash, modified_on in db.execute(
        _LATEST_OF, {"connection": connection, "kind": kind, "ids": ids}
    ):
        version = stated[record_id]
        if version.payload_hash == payload_hash:
            del stated[record_id]
        elif modified_on is not None and (version.modified_on is None or version.modified_on < modified_on):
            older.append(stated.pop(record_id))
    # One that was never seen is kept like any other version, although it does not become the latest.
    return [*stated.values(), *unknown_versions(db, connection, kind, older)]


def store_versions(db: Connection, connection: str, kind: str, versions: Sequence[Version], *, run_id: str) -> Stored:
    """Add versions that are not stored yet and bring ``raw.latest`` up to date.

    The caller has called ``lock_kind`` before it picked the versions.

    Args:
        db: The transaction that holds the lock.
        connection: The connection's name.
        kind: The kind of record.
        versions: What ``unknown_versions`` or ``news_of_list`` left, in the feed's order.
        run_id: Who brings them.

    Returns:
        What changed.
    """
    if not versions:
        return Stored(0, frozenset(), ())
    sequence: list[int] = list(db.execute(_SEQUENCE, {"count": len(versions)}).scalars())
    rows = [
        (
            seq,
            connection,
            kind,
            version.record_id,
            version.payload,
            version.payload_hash,
            version.modified_on,
            version.active,
            version.document_date,
            version.total,
            version.is_open,
            run_id,
        )
        for seq, version in zip(sequence, versions, strict=True)
    ]
    refused = _copy_what_fits(db, rows)
    touched = db.execute(
        _MAKE_LATEST, {"connection": connection, "kind": kind, "first": sequence[0], "last": sequence[-1]}
    ).scalars()
    note_change(db, connection, kind, run_id=run_id)
    return Stored(len(rows) - len(refused), frozenset(touched), tuple(refused))


def _copy_what_fits(db: Connection, rows: Sequence[tuple[Any, ...]]) -> list[UnreadableRow]:
    """Copy rows; when Postgres refuses one of them as JSON, halve until it stands alone."""
    try:
        with db.begin_nested():
            copy_rows(db, "raw.records", _RECORD_COLUMNS, rows)
    except (driver_errors.DataError, ValueError) as error:
        if len(rows) == 1:
            reason = str(error).partition("\n")[0]
            return [UnreadableRow(rows[0][4], rows[0][5], f"{NOT_STORABLE}: {reason}")]
        half = len(rows) // 2
        return [*_copy_what_fits(db, rows[:half]), *_copy_what_fits(db, rows[half:])]
    return []


def store_unreadable(db: Connection, connection: str, kind: str, rows: Iterable[UnreadableRow], *, run_id: str) -> None:
    """Keep rows that are no records; one that is known already writes nothing.

    Args:
        db: An open transaction.
        connection: The connection's name.
        kind: The kind of record the feed should have held.
        rows: The rows.
        run_id: Who brings them.
    """
    parameters = [
        {
            "connection": connection,
            "kind": kind,
            "payload": row.payload.decode(errors="backslashreplace").replace("\x00", "\ufffd"),
            "payload_hash": row.payload_hash,
            "reason": row.reason.replace("\x00", "\ufffd"),
            "run_id": run_id,
        }
        for row in rows
    ]
    if parameters:
        db.execute(
            text(
                """
                INSERT INTO raw.unreadable (connection, kind, payload_hash, payload, reason, run_id)
                VALUES (:connection, :kind, :payload_hash, :payload, :reason, :run_id)
                ON CONFLICT DO NOTHING
                """
            ),
            parameters,
        )


def latest_payloads(engine: Engine, connection: str, kind: str, ids: Sequence[int]) -> dict[int, str]:
    """Return the latest payload of some records.

    Args:
        engine: The application's database.
        connection: The connection's name.
        kind: The kind of record.
        ids: ServiceTitan's ids; unknown ones are left out of the answer.
    """
    with engine.connect() as db:
        found = db.execute(
            text(
                """
                SELECT l.record_id, CAST(r.payload AS text)
                FROM raw.latest AS l JOIN raw.records AS r USING (seq)
                WHERE l.connection = :connection AND l.kind = :kind AND l.record_id = ANY(:ids)
                """
            ),
            {"connection": connection, "kind": kind, "ids": list(ids)},
        )
        return {row[0]: row[1] for row in found}


def latest_payloads_of_kind(engine: Engine, connection: str, kind: str) -> dict[int, str]:
    """Return the latest payload of every record of a kind that has few, such as tax zones.

    Args:
        engine: The application's database.
        connection: The connection's name.
        kind: The kind of record.
    """
    with engine.connect() as db:
        found = db.execute(
            text(
                """
                SELECT l.record_id, CAST(r.payload AS text)
                FROM raw.latest AS l JOIN raw.records AS r USING (seq)
                WHERE l.connection = :connection AND l.kind = :kind
                ORDER BY l.record_id
                """
            ),
            {"connection": connection, "kind": kind},
        )
        return {row[0]: row[1] for row in found}


def document_totals(engine: Engine, connection: str, kind: str, dates: Sequence[date]) -> dict[int, DocumentTotal]:
    """Return what documents themselves state as their totals, independently of staging.

    Args:
        engine: The application's database.
        connection: The connection's name.
        kind: The kind of document.
        dates: Document dates.

    Returns:
        By document id; documents without a readable date are on no date.
    """
    with engine.connect() as db:
        found = db.execute(
            text(
                """
                SELECT record_id, document_date, active, total, seq FROM raw.latest
                WHERE connection = :connection AND kind = :kind AND document_date = ANY(:dates)
                ORDER BY record_id
                """
            ),
            {"connection": connection, "kind": kind, "dates": list(dates)},
        )
        return {
            record_id: DocumentTotal(document_date, active, total, seq)
            for record_id, document_date, active, total, seq in found
        }


def open_records(engine: Engine, connection: str, kind: str, since: date) -> list[int]:
    """Return the ids of the records that may be edited without a new ``modified_on``, in their order.

    Args:
        engine: The application's database.
        connection: The connection's name.
        kind: The kind of document.
        since: Documents dated earlier are left out; those without a readable date are not.
    """
    statement = text(
        """
        SELECT record_id FROM raw.latest
        WHERE connection = :connection AND kind = :kind AND is_open
            AND (document_date IS NULL OR document_date >= :since)
        ORDER BY record_id
        """
    )
    with engine.connect() as db:
        return list(db.scalars(statement, {"connection": connection, "kind": kind, "since": since}))


def count_records(engine: Engine, connection: str, kind: str) -> int:
    """Count the records of a kind, whatever the number of their versions.

    Args:
        engine: The application's database.
        connection: The connection's name.
        kind: The kind of record.
    """
    statement = text("SELECT count(*) FROM raw.latest WHERE connection = :connection AND kind = :kind")
    with engine.connect() as db:
        return db.execute(statement, {"connection": connection, "kind": kind}).scalar_one()
