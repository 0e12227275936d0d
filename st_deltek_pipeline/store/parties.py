"""Customers and vendors as typed rows, and which of them documents name.

Tables ``staged.parties``, ``staged.party_progress`` and ``mapping.firm_needs``. Only what tells who somebody is stands
here, so that a customer whose balance changes is not a changed one. Reading payloads is ``servicetitan.records``'.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.addresses import Address
from st_deltek_pipeline.domain.firm_links import PartyKey, PartyKind
from st_deltek_pipeline.domain.firm_scores import Party
from st_deltek_pipeline.store.copying import copy_rows

_FACTS = (
    "name",
    "active",
    "merged_into",
    "street",
    "unit",
    "city",
    "state",
    "zip",
    "country",
    "phone",
    "email",
)
_COLUMNS = ("connection", "party_kind", "party_id", *_FACTS, "raw_seq")
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the raw records of a kind have been seen.

    Attributes:
        raw_seq_high: Versions up to this number.
        changed_seq: The last one that changed something.
        since: Of documents, the start date they were looked at with.
    """

    raw_seq_high: int
    changed_seq: int
    since: date | None


_NOT_BEGUN = Progress(0, 0, None)


def progress_of(db: Connection, connection: str, kind: str) -> Progress:
    """Return how far the raw records of a kind have been seen.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        kind: The kind of raw record.
    """
    found = db.execute(
        text(
            """
            SELECT raw_seq_high, changed_seq, since FROM staged.party_progress
            WHERE connection = :connection AND kind = :kind
            """
        ),
        {"connection": connection, "kind": kind},
    ).one_or_none()
    return _NOT_BEGUN if found is None else Progress(*found)


def move_progress(db: Connection, connection: str, kind: str, progress: Progress) -> None:
    """Remember how far the raw records of a kind have been seen.

    Args:
        db: The transaction that stores what they say.
        connection: The connection's name.
        kind: The kind of raw record.
        progress: How far.
    """
    db.execute(
        text(
            """
            INSERT INTO staged.party_progress (connection, kind, raw_seq_high, changed_seq, since)
            VALUES (:connection, :kind, :raw_seq_high, :changed_seq, :since)
            ON CONFLICT (connection, kind) DO UPDATE SET
                raw_seq_high = excluded.raw_seq_high, changed_seq = excluded.changed_seq, since = excluded.since
            """
        ),
        {
            "connection": connection,
            "kind": kind,
            "raw_seq_high": progress.raw_seq_high,
            "changed_seq": progress.changed_seq,
            "since": progress.since,
        },
    )


def write_parties(db: Connection, connection: str, parties: Iterable[tuple[Party, int]]) -> int | None:
    """Write parties that are new or differ from what was known.

    Args:
        db: The transaction.
        connection: The connection's name.
        parties: Each party once, with the raw version it was read from.

    Returns:
        The newest raw version that changed something, or ``None``.
    """
    db.execute(text("CREATE TEMPORARY TABLE IF NOT EXISTS parties_read (LIKE staged.parties) ON COMMIT DROP"))
    db.execute(text("TRUNCATE parties_read"))
    copy_rows(db, "parties_read", _COLUMNS, (_row(connection, party, raw_seq) for party, raw_seq in parties))
    columns = ", ".join(_FACTS)
    changed = db.execute(
        text(
            f"""
            WITH changed AS (
                INSERT INTO staged.parties AS p SELECT * FROM parties_read ORDER BY party_id
                ON CONFLICT (connection, party_kind, party_id) DO UPDATE SET
                    {", ".join(f"{name} = excluded.{name}" for name in (*_FACTS, "raw_seq"))}
                WHERE ({", ".join(f"p.{name}" for name in _FACTS)})
                    IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in columns.split(", "))})
                RETURNING raw_seq
            ) SELECT max(raw_seq) FROM changed
            """  # noqa: S608 (column names are constants)
        )
    )
    return changed.scalar_one()


def _row(connection: str, party: Party, raw_seq: int) -> Sequence[object]:
    address = party.address
    return (
        connection,
        party.key.kind.value,
        party.key.party_id,
        party.name,
        party.active,
        party.merged_into,
        address.street,
        address.unit,
        address.city,
        address.state,
        address.zip,
        address.country,
        party.phone,
        party.email,
        raw_seq,
    )


def load_parties(db: Connection, connection: str, keys: Sequence[PartyKey] | None = None) -> list[Party]:
    """Return parties, in the order of kind and id.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        keys: Only these; ``None`` is all of them.
    """
    only = ""
    parameters: dict[str, object] = {"connection": connection}
    if keys is not None:
        only = "AND (party_kind, party_id) IN (SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS bigint[])))"
        parameters["kinds"] = [key.kind.value for key in keys]
        parameters["ids"] = [key.party_id for key in keys]
    found = db.execute(
        text(
            f"""
            SELECT party_kind, party_id, {", ".join(_FACTS)} FROM staged.parties
            WHERE connection = :connection {only} ORDER BY party_kind, party_id
            """  # noqa: S608 (nothing but constants)
        ),
        parameters,
    )
    return [
        Party(
            key=PartyKey(PartyKind(row[0]), row[1]),
            name=row[2],
            active=row[3],
            merged_into=row[4],
            address=Address(row[5], row[6], row[7], row[8], row[9], row[10]),
            phone=row[11],
            email=row[12],
        )
        for row in found
    ]


def documents_seen(db: Connection, connection: str) -> dict[str, int]:
    """Return the newest raw version of every kind of document.

    Args:
        db: A connection to the database.
        connection: The connection's name.
    """
    found = db.execute(
        text(
            """
            SELECT kind, max(seq) FROM raw.latest WHERE connection = :connection AND document_date IS NOT NULL
            GROUP BY kind ORDER BY kind
            """
        ),
        {"connection": connection},
    )
    return {row[0]: row[1] for row in found}


def note_needs(db: Connection, connection: str, kind: str, *, seen: int, since: date) -> None:
    """Note the customers and vendors that documents name.

    Args:
        db: The transaction.
        connection: The connection's name.
        kind: The kind of document.
        seen: Versions up to this number were looked at before.
        since: Earlier documents need no firm.
    """
    db.execute(
        text(
            f"""
            INSERT INTO mapping.firm_needs (connection, party_kind, party_id)
            SELECT DISTINCT :connection, named.party_kind, CAST(named.party_id AS bigint)
            FROM raw.latest AS l JOIN raw.records AS r ON r.seq = l.seq
            CROSS JOIN LATERAL (VALUES
                ('customer', r.payload -> 'customer' ->> 'id'), ('customer', r.payload ->> 'customerId'),
                ('vendor', r.payload -> 'vendor' ->> 'id'), ('vendor', r.payload ->> 'vendorId')
            ) AS named (party_kind, party_id)
            WHERE l.connection = :connection AND l.kind = :kind AND l.seq > :seen AND l.document_date >= :since
                AND named.party_id ~ '^[0-9]{{1,{_MOST_DIGITS}}}$'
            ON CONFLICT DO NOTHING
            """  # noqa: S608 (nothing but constants)
        ),
        {"connection": connection, "kind": kind, "seen": seen, "since": since},
    )
