"""What documents need to know of other records, copied from raw once and looked up in bulk."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from st_deltek_pipeline.store.copying import copy_rows


@dataclass(frozen=True, slots=True)
class Lookup:
    """What documents need to know of another record.

    Attributes:
        name: Name, number of a job, project or purchase order, date of a bank deposit that is deposited.
        category: A customer's type, a job's status.
        refers_to: A customer's surviving customer, a job's job type.
        part_of: A job's project.
    """

    record_id: int
    name: str
    category: str = ""
    refers_to: int | None = None
    part_of: int | None = None


def unread_lookups(db: Connection, connection: str, kinds: Sequence[str]) -> dict[str, int]:
    """Return the kinds with raw records that have not been seen, and how far each has been seen.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        kinds: Kinds of record that documents refer to.
    """
    found = db.execute(
        text(
            """
            SELECT k.kind, coalesce(p.raw_seq_high, 0)
            FROM unnest(CAST(:kinds AS text[])) AS k (kind)
            LEFT JOIN staged.lookup_progress AS p ON p.connection = :connection AND p.kind = k.kind
            WHERE EXISTS (
                SELECT FROM raw.latest AS l
                WHERE l.connection = :connection AND l.kind = k.kind AND l.document_date IS NULL
                    AND l.seq > coalesce(p.raw_seq_high, 0)
            )
            """
        ),
        {"connection": connection, "kinds": list(kinds)},
    )
    return {row[0]: row[1] for row in found}


def lookup_candidates(
    db: Connection, connection: str, kind: str, seen: int, *, chunk: int
) -> Iterator[list[tuple[int, int, str]]]:
    """Stream latest records that have not been seen: record id, raw sequence number, payload.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        kind: The kind of record.
        seen: Versions up to this number have been seen.
        chunk: Records per list.
    """
    result = db.execute(
        text(
            """
            SELECT l.record_id, l.seq, CAST(r.payload AS text)
            FROM raw.latest AS l JOIN raw.records AS r ON r.seq = l.seq
            WHERE l.connection = :connection AND l.kind = :kind AND l.document_date IS NULL AND l.seq > :seen
            ORDER BY l.seq
            """
        ),
        {"connection": connection, "kind": kind, "seen": seen},
        execution_options={"stream_results": True, "max_row_buffer": chunk},
    )
    for rows in result.partitions(chunk):
        yield [(row[0], row[1], row[2]) for row in rows]


def write_lookups(db: Connection, connection: str, kind: str, lookups: Sequence[Lookup]) -> list[int]:
    """Write what documents need to know of some records.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        kind: The kind of record.
        lookups: Each record once.

    Returns:
        The ids of those that are new or differ from what was known; the others are not written.
    """
    db.execute(
        text("CREATE TEMPORARY TABLE IF NOT EXISTS lookups_read (LIKE staged.lookups) ON COMMIT DROP"),
    )
    db.execute(text("TRUNCATE lookups_read"))
    copy_rows(
        db,
        "lookups_read",
        ("connection", "kind", "record_id", "name", "category", "refers_to", "part_of"),
        (
            (connection, kind, item.record_id, item.name, item.category, item.refers_to, item.part_of)
            for item in lookups
        ),
    )
    changed = db.execute(
        text(
            """
            INSERT INTO staged.lookups AS l (connection, kind, record_id, name, category, refers_to, part_of)
            SELECT connection, kind, record_id, name, category, refers_to, part_of FROM lookups_read ORDER BY record_id
            ON CONFLICT (connection, kind, record_id) DO UPDATE SET
                name = excluded.name, category = excluded.category, refers_to = excluded.refers_to,
                part_of = excluded.part_of
            WHERE (l.name, l.category, l.refers_to, l.part_of)
                IS DISTINCT FROM (excluded.name, excluded.category, excluded.refers_to, excluded.part_of)
            RETURNING record_id
            """
        )
    )
    return list(changed.scalars())


def move_lookup_progress(db: Connection, connection: str, kind: str, raw_seq_high: int) -> None:
    """Remember how far the raw records of a kind have been seen.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        kind: The kind of record.
        raw_seq_high: The newest version seen.
    """
    db.execute(
        text(
            """
            INSERT INTO staged.lookup_progress (connection, kind, raw_seq_high)
            VALUES (:connection, :kind, :raw_seq_high)
            ON CONFLICT (connection, kind) DO UPDATE SET raw_seq_high = excluded.raw_seq_high
            """
        ),
        {"connection": connection, "kind": kind, "raw_seq_high": raw_seq_high},
    )


def lookups(
    db: Connection, connection: str, wanted: Iterable[tuple[str, Iterable[int]]]
) -> dict[str, dict[int, Lookup]]:
    """Return what is known of some records, in one query.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        wanted: Ids by kind.

    Returns:
        By kind and id; unknown records are absent.
    """
    found: dict[str, dict[int, Lookup]] = {}
    kinds: list[str] = []
    ids: list[int] = []
    for kind, kind_ids in wanted:
        found[kind] = {}
        for record_id in kind_ids:
            kinds.append(kind)
            ids.append(record_id)
    if not ids:
        return found
    rows = db.execute(
        text(
            """
            SELECT w.kind, w.record_id, found.name, found.category, found.refers_to, found.part_of
            FROM unnest(string_to_array(:kinds, ','), CAST(string_to_array(:ids, ',') AS bigint[]))
                AS w (kind, record_id)
            -- One index look-up per record, whatever the planner believes of a table that has just grown.
            CROSS JOIN LATERAL (
                SELECT name, category, refers_to, part_of FROM staged.lookups AS l
                WHERE l.connection = :connection AND l.kind = w.kind AND l.record_id = w.record_id
                LIMIT 1
            ) AS found
            """
        ),
        {"connection": connection, "kinds": ",".join(kinds), "ids": ",".join(map(str, ids))},
    )
    for row in rows:
        found[row[0]][row[1]] = Lookup(*row[1:])
    return found
