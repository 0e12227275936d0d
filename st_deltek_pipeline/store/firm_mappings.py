"""Which firm each customer and vendor is, as the last alignment of firms left it.

Tables ``mapping.firm_mappings`` and ``mapping.firm_alignments``. What people decided is in ``firm_decisions``, requests
that create firms in ``firm_creations``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.firm_links import (
    LINK_STATES_WITH_FIRM,
    Candidate,
    DecidedBy,
    FirmLink,
    FirmLinks,
    LinkState,
    PartyKey,
    PartyKind,
    VendorAccounting,
    VendorLink,
)
from st_deltek_pipeline.domain.firm_matching import EarlierLink, FirmMatch
from st_deltek_pipeline.store.changes import note_change
from st_deltek_pipeline.store.copying import copy_rows

_DECIDED = (
    "name",
    "active",
    "merged_into",
    "state",
    "firm_id",
    "firm_number",
    "firm_name",
    "vendor",
    "decided_by",
    "score",
    "candidates",
    "message",
    "words",
    "person",
)
_COLUMNS = ("connection", "party_kind", "party_id", *_DECIDED, "run_id")
_CHUNK = 5000
_CANDIDATES = msgspec.json.Decoder(tuple[Candidate, ...])
_NONE_STORED = "[]"


@dataclass(frozen=True, slots=True)
class FirmMapping:
    """One row: a party and what was decided about its firm.

    Attributes:
        merged_into: The party that is left after all merges, when it is another one.
        firm_number, firm_name, vendor: Of the firm, as Vantagepoint had it; empty without one.
        candidates: JSON of ``Candidate``s.
        message: What is wrong, as the end of a sentence about the party.
        words: Vantagepoint's own text when it refused.
        person: Who decided, where a person did.
    """

    key: PartyKey
    name: str
    active: bool
    merged_into: int | None
    state: LinkState
    firm_id: str
    firm_number: str
    firm_name: str
    vendor: str
    decided_by: DecidedBy | None
    score: int
    candidates: str
    message: str
    words: str
    person: str

    def read_candidates(self) -> tuple[Candidate, ...]:
        """Return the candidates as values."""
        return () if self.candidates == _NONE_STORED else _CANDIDATES.decode(self.candidates)


@dataclass(frozen=True, slots=True)
class QueuedMapping:
    """A stored row with what a person wants to know beside it.

    Attributes:
        needed: A document names the party.
        since: When it came into its state, or to its firm.
    """

    mapping: FirmMapping
    needed: bool
    since: datetime


def mapping_of(match: FirmMatch, *, state: LinkState | None = None, message: str = "", words: str = "") -> FirmMapping:
    """Write a match as a row.

    Args:
        match: What matching decided.
        state: What became of creating the firm, instead of the match's own state.
        message: Likewise, instead of its message.
        words: Vantagepoint's own text when it refused.
    """
    firm = match.firm
    return FirmMapping(
        key=match.party.key,
        name=match.party.name,
        active=match.party.active,
        merged_into=match.merged_into,
        state=state or match.state,
        firm_id=match.firm_id,
        firm_number=firm.number if firm else "",
        firm_name=firm.name if firm else "",
        vendor=firm.vendor if firm else "",
        decided_by=match.decided_by,
        score=match.score,
        candidates=msgspec.json.encode(match.candidates).decode() if match.candidates else _NONE_STORED,
        message=message or match.message,
        words=words,
        person=match.by,
    )


def lock_mappings(db: Connection, connection: str) -> None:
    """Make whoever writes mappings of one connection follow each other, until the transaction ends.

    Args:
        db: An open transaction.
        connection: The connection's name.
    """
    db.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"st-deltek firm mappings {connection}"},
    )


def stored_mappings(db: Connection, connection: str) -> dict[PartyKey, FirmMapping]:
    """Return all rows of a connection.

    Args:
        db: A connection to the database.
        connection: The connection's name.
    """
    found = db.execute(
        text(
            f"SELECT party_kind, party_id, {_selected()} FROM mapping.firm_mappings AS m"  # noqa: S608 (constants)
            " WHERE connection = :connection"
        ),
        {"connection": connection},
        execution_options={"stream_results": True, "max_row_buffer": _CHUNK},
    )
    rows = (_mapping(row) for part in found.partitions(_CHUNK) for row in part)
    return {row.key: row for row in rows}


def earlier_links(stored: Mapping[PartyKey, FirmMapping]) -> dict[PartyKey, EarlierLink]:
    """Pick the links that a later matching keeps.

    Args:
        stored: From ``stored_mappings``.

    Returns:
        A party that was merged away has none of its own any more: it has its survivor's.
    """
    return {
        key: EarlierLink(row.firm_id, row.decided_by, row.score)
        for key, row in stored.items()
        if row.state in LINK_STATES_WITH_FIRM and row.merged_into is None and row.decided_by is not None
    }


def write_mappings(db: Connection, connection: str, mappings: Iterable[FirmMapping], *, run_id: str) -> int:
    """Write rows that are new or differ; a row that stays in its state and with its firm keeps its ``since``.

    Args:
        db: The transaction that holds the lock.
        connection: The connection's name.
        mappings: The rows that changed, each party once.
        run_id: Who decided.

    Returns:
        How many were written.
    """
    db.execute(
        text(
            f"""
            CREATE TEMPORARY TABLE IF NOT EXISTS mappings_decided ON COMMIT DROP AS
            SELECT {", ".join(_COLUMNS)} FROM mapping.firm_mappings WITH NO DATA
            """  # noqa: S608 (column names are constants)
        )
    )
    db.execute(text("TRUNCATE mappings_decided"))
    written = copy_rows(db, "mappings_decided", _COLUMNS, (_values(connection, row, run_id) for row in mappings))
    if written:
        columns = ", ".join(_COLUMNS)
        db.execute(
            text(
                f"""
                INSERT INTO mapping.firm_mappings AS m ({columns}) SELECT {columns} FROM mappings_decided
                ORDER BY party_kind, party_id
                ON CONFLICT (connection, party_kind, party_id) DO UPDATE SET
                    {", ".join(f"{name} = excluded.{name}" for name in (*_DECIDED, "run_id"))},
                    since = CASE WHEN (m.state, m.firm_id) = (excluded.state, excluded.firm_id)
                        THEN m.since ELSE now() END
                """  # noqa: S608 (column names are constants)
            )
        )
        note_change(db, connection, "firm_mappings", run_id=run_id)
    return written


def mark_needed(db: Connection, connection: str) -> int:
    """Mark the parties that documents name, and those that are left of merged ones that documents name.

    Args:
        db: The transaction that holds the lock.
        connection: The connection's name.

    Returns:
        How many were not marked before.
    """
    return db.execute(
        text(
            """
            WITH named AS (
                SELECT party_kind, party_id FROM mapping.firm_needs WHERE connection = :connection
            ), survivors AS (
                SELECT m.party_kind, m.merged_into FROM mapping.firm_mappings AS m JOIN named USING (party_kind, party_id)
                WHERE m.connection = :connection AND m.merged_into IS NOT NULL
            )
            UPDATE mapping.firm_mappings AS m SET needed = true
            FROM (SELECT * FROM named UNION SELECT * FROM survivors) AS n (party_kind, party_id)
            WHERE m.connection = :connection AND NOT m.needed
                AND m.party_kind = n.party_kind AND m.party_id = n.party_id
            """
        ),
        {"connection": connection},
    ).rowcount


def needed_parties(db: Connection, connection: str) -> set[PartyKey]:
    """Return the parties that documents name.

    Args:
        db: A connection to the database.
        connection: The connection's name.
    """
    found = db.execute(
        text("SELECT party_kind, party_id FROM mapping.firm_mappings WHERE connection = :connection AND needed"),
        {"connection": connection},
    )
    return {PartyKey(PartyKind(row[0]), row[1]) for row in found}


def load_firm_links(engine: Engine, connection: str, parties: Sequence[PartyKey] | None = None) -> FirmLinks:
    """Return which firm customers and vendors are, in one query.

    Args:
        engine: The application's database.
        connection: The connection's name.
        parties: Only these; ``None`` is everybody of the connection.

    Returns:
        By ServiceTitan's ids; parties that were never matched are absent.
    """
    parameters: dict[str, Any] = {"connection": connection, "vendor": PartyKind.VENDOR.value}
    rows = "mapping.firm_mappings"
    if parties is not None:
        # One index look-up per party, whatever the planner believes of a table that has just grown.
        rows = """(
            SELECT found.* FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS bigint[])) AS w (kind, id)
            CROSS JOIN LATERAL (
                SELECT * FROM mapping.firm_mappings AS f
                WHERE f.connection = :connection AND f.party_kind = w.kind AND f.party_id = w.id LIMIT 1
            ) AS found
        )"""
        wanted = sorted(set(parties))
        parameters |= {"kinds": [key.kind.value for key in wanted], "ids": [key.party_id for key in wanted]}
    with engine.connect() as db:
        found = db.execute(
            text(
                f"""
                SELECT m.party_kind, m.party_id, m.name, m.state, m.firm_id, m.message, m.words, m.decided_by, m.vendor,
                    coalesce(a.has_accounting, false), a.liability_code, a.bank_code, a.pay_terms
                FROM {rows} AS m
                LEFT JOIN mapping.vendor_accounting AS a
                    ON a.connection = m.connection AND a.firm_id = m.firm_id AND m.party_kind = :vendor
                WHERE m.connection = :connection
                """  # noqa: S608 (nothing but constants)
            ),
            parameters,
            execution_options={"stream_results": True, "max_row_buffer": _CHUNK},
        )
        customers: dict[int, FirmLink] = {}
        vendors: dict[int, VendorLink] = {}
        for part in found.partitions(_CHUNK):
            for row in part:
                if row[0] == PartyKind.VENDOR.value:
                    accounting = VendorAccounting(*row[10:13]) if row[9] else None
                    vendors[row[1]] = VendorLink(*_link_fields(row), vendor=row[8], accounting=accounting)
                else:
                    customers[row[1]] = FirmLink(*_link_fields(row))
    return FirmLinks(customers, vendors)


def queue(
    engine: Engine,
    connection: str,
    *,
    states: Sequence[LinkState] | None = None,
    kind: PartyKind | None = None,
    needed_only: bool = False,
) -> list[QueuedMapping]:
    """Return stored rows, those that documents name and that have waited longest first.

    Args:
        engine: The application's database.
        connection: The connection's name.
        states: Only in these; ``None`` is all.
        kind: Only customers or vendors.
        needed_only: Only those that documents name.
    """
    conditions = ["connection = :connection"]
    parameters: dict[str, Any] = {"connection": connection}
    if states is not None:
        conditions.append("state = ANY(:states)")
        parameters["states"] = [state.value for state in states]
    if kind is not None:
        conditions.append("party_kind = :kind")
        parameters["kind"] = kind.value
    if needed_only:
        conditions.append("needed")
    with engine.connect() as db:
        found = db.execute(
            text(
                f"""
                SELECT party_kind, party_id, {_selected()}, needed, since FROM mapping.firm_mappings AS m
                WHERE {" AND ".join(conditions)} ORDER BY needed DESC, since, party_kind, party_id
                """  # noqa: S608 (nothing but constants)
            ),
            parameters,
        )
        return [QueuedMapping(_mapping(row), row.needed, row.since) for row in found]


def count_states(engine: Engine, connection: str) -> dict[tuple[PartyKind, LinkState, bool], int]:
    """Count parties by kind, state, and whether documents name them.

    Args:
        engine: The application's database.
        connection: The connection's name.
    """
    with engine.connect() as db:
        found = db.execute(
            text(
                """
                SELECT party_kind, state, needed, count(*) FROM mapping.firm_mappings WHERE connection = :connection
                GROUP BY party_kind, state, needed ORDER BY party_kind, state, needed
                """
            ),
            {"connection": connection},
        )
        return {(PartyKind(row[0]), LinkState(row[1]), row[2]): row[3] for row in found}


def last_fingerprint(db: Connection, connection: str) -> str | None:
    """Return what the mappings were made from, or ``None`` before there are any.

    Args:
        db: A connection to the database.
        connection: The connection's name.
    """
    return db.execute(
        text("SELECT fingerprint FROM mapping.firm_alignments WHERE connection = :connection"),
        {"connection": connection},
    ).scalar_one_or_none()


def keep_fingerprint(db: Connection, connection: str, fingerprint: str, *, run_id: str) -> None:
    """Remember what the mappings were made from.

    Args:
        db: The transaction that writes them.
        connection: The connection's name.
        fingerprint: Changes with everything that could change a mapping.
        run_id: Who made them.
    """
    db.execute(
        text(
            """
            INSERT INTO mapping.firm_alignments (connection, fingerprint, run_id)
            VALUES (:connection, :fingerprint, :run_id)
            ON CONFLICT (connection) DO UPDATE SET
                fingerprint = excluded.fingerprint, aligned_at = now(), run_id = excluded.run_id
            """
        ),
        {"connection": connection, "fingerprint": fingerprint, "run_id": run_id},
    )


def _selected() -> str:
    return ", ".join(f"CAST(m.{name} AS text)" if name == "candidates" else f"m.{name}" for name in _DECIDED)


def _mapping(row: Sequence[Any]) -> FirmMapping:
    return FirmMapping(
        key=PartyKey(PartyKind(row[0]), row[1]),
        name=row[2],
        active=row[3],
        merged_into=row[4],
        state=LinkState(row[5]),
        firm_id=row[6],
        firm_number=row[7],
        firm_name=row[8],
        vendor=row[9],
        decided_by=DecidedBy(row[10]) if row[10] is not None else None,
        score=row[11],
        candidates=row[12],
        message=row[13],
        words=row[14],
        person=row[15],
    )


def _link_fields(row: Sequence[Any]) -> tuple[int, str, LinkState, str, str, str, DecidedBy | None]:
    decided_by = DecidedBy(row[7]) if row[7] is not None else None
    return row[1], row[2], LinkState(row[3]), row[4], row[5], row[6], decided_by


def _values(connection: str, row: FirmMapping, run_id: str) -> Sequence[object]:
    return (
        connection,
        row.key.kind.value,
        row.key.party_id,
        row.name,
        row.active,
        row.merged_into,
        row.state.value,
        row.firm_id,
        row.firm_number,
        row.firm_name,
        row.vendor,
        row.decided_by.value if row.decided_by else None,
        row.score,
        row.candidates,
        row.message,
        row.words,
        row.person,
        run_id,
    )
