"""Polling Vantagepoint's master data into ``reference``: what exists there now, and what has vanished.

A kind is stored only after it was read to its end, in one transaction, so that a reading that failed wipes
nothing. An empty answer where there were rows is not believed: a role that lost its access answers like that.
Vantagepoint has no change feed for any of this, hence whole lists.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from sqlalchemy import Engine

from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.store import reference
from st_deltek_pipeline.store.reference import KEY_SEPARATOR, ReferenceKind

REFERENCE_KINDS: tuple[ReferenceKind, ...] = tuple(ReferenceKind)

Row = dict[str, Any]


class ReferenceClient(Protocol):
    """The part of ``VantagepointClient`` that polling calls."""

    def rows(self, path: str, *, parameters: Mapping[str, str] | None = None) -> Iterator[list[Row]]:
        """Read a list page by page."""
        ...

    def active_company(self) -> str:
        """Say which company the user's session is in."""
        ...


@dataclass(frozen=True)
class PollResult:
    """One kind after polling.

    Attributes:
        rows: How many there are now.
        new: Rows that were not there before.
        changed: Rows that differ.
        gone: Rows that have vanished.
    """

    rows: int
    new: int
    changed: int
    gone: int


@dataclass(frozen=True)
class _Reading:
    """How a kind is read: its list, its key fields, and the parameters of each call."""

    path: str
    key_fields: tuple[str, ...]
    calls: tuple[Mapping[str, str], ...] = field(default=({},))


# Paths and key fields: vantagepoint.md section 3.
_READINGS: Mapping[ReferenceKind, _Reading] = {
    ReferenceKind.FIRMS: _Reading("firm", ("ClientID",)),
    ReferenceKind.PROJECTS: _Reading(
        "project",
        ("WBS1", "WBS2", "WBS3"),
        tuple({"wbstype": level} for level in ("wbs1", "wbs2", "wbs3")),
    ),
    ReferenceKind.ORGANIZATIONS: _Reading("organization", ("Org",)),
    ReferenceKind.ACCOUNTS: _Reading("Accounts", ("Account",)),
    ReferenceKind.PERIODS: _Reading("Settings/Period", ("Period",)),
    ReferenceKind.TAX_CODES: _Reading("TaxCodeEntity", ("Code",)),
    ReferenceKind.BANKS: _Reading("BankCode/CFGBANKS", ("Code",)),
    ReferenceKind.COMPANIES: _Reading("Settings/Company", ("Company",)),
    ReferenceKind.AUTO_POSTING: _Reading("AccountConfiguration/CFGAutoPosting", ("Company",)),
}
# Keys that may be blank: absent levels of a project, and the company of a single-company database.
_MAY_BE_BLANK = frozenset({"WBS2", "WBS3", "Company"})

_ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")


def poll_reference(
    engine: Engine,
    client: ReferenceClient,
    connection: str,
    *,
    run_id: str,
    company: str = "",
    accept_empty: bool = False,
    progress: Callable[[ReferenceKind], None] | None = None,
) -> dict[ReferenceKind, PollResult]:
    """Read all of Vantagepoint's master data that postings may name.

    Nothing is set in Vantagepoint: the user's active company and period belong to whoever posts.

    Args:
        engine: The application's database.
        client: Vantagepoint.
        connection: The connection's name.
        run_id: Who reads.
        company: The connection's company. When the user's session is in another one, its closed periods are
            not ours, and only those closed for all companies count as closed.
        accept_empty: Believe empty answers: a person has checked that there really is nothing any more.
        progress: Told each kind once it is stored.

    Returns:
        The outcome of each kind.

    Raises:
        BrokenError: An empty answer where there were rows, or rows without their key. Nothing of that kind was
            changed; kinds read before it are stored.
        PermissionMissingError: The role may not read a list.
        TransientError: Not now.
    """
    outcome: dict[ReferenceKind, PollResult] = {}
    periods_of = client.active_company()
    for kind, reading in _READINGS.items():
        snapshots = _read_all(client, kind, reading)
        with engine.begin() as db:
            reference.lock_reference(db, connection)
            known = reference.known_hashes(db, connection, kind)
            if not accept_empty:
                _refuse_suspicious(connection, kind, known, snapshots)
            changes = reference.store_snapshots(db, connection, kind, known, snapshots, run_id=run_id)
            if kind is ReferenceKind.PERIODS:
                session = reference.session_snapshot(company, periods_of, _hash)
                reference.store_session(db, connection, session, run_id=run_id)
            reference.record_poll(db, connection, kind, len(snapshots), run_id=run_id)
        outcome[kind] = PollResult(len(snapshots), changes.new, changes.changed, changes.gone)
        if progress is not None:
            progress(kind)
    return outcome


def keep_read_back(engine: Engine, connection: str, kind: ReferenceKind, rows: Sequence[Row], *, run_id: str) -> None:
    """Keep rows that were just read one by one, as if a poll had read them; what differs not is not written.

    Args:
        engine: The application's database.
        connection: The connection's name.
        kind: The kind of master data.
        rows: As Vantagepoint sent them.
        run_id: Who read them.

    Raises:
        BrokenError: A row without its key.
    """
    snapshots = {snapshot.key: snapshot for row in rows for snapshot in [_snapshot(kind, _READINGS[kind], row)]}
    with engine.begin() as db:
        reference.lock_reference(db, connection)
        known = {
            key: row_hash for key, row_hash in reference.known_hashes(db, connection, kind).items() if key in snapshots
        }
        reference.store_snapshots(db, connection, kind, known, snapshots, run_id=run_id)


def _read_all(client: ReferenceClient, kind: ReferenceKind, reading: _Reading) -> dict[str, reference.Snapshot]:
    snapshots: dict[str, reference.Snapshot] = {}
    for parameters in reading.calls:
        for page in client.rows(reading.path, parameters=parameters):
            for row in page:
                snapshot = _snapshot(kind, reading, row)
                snapshots[snapshot.key] = snapshot
    return snapshots


def _snapshot(kind: ReferenceKind, reading: _Reading, row: Row) -> reference.Snapshot:
    key = KEY_SEPARATOR.join(_key_part(kind, row, name) for name in reading.key_fields)
    encoded = _ENCODER.encode(row)
    return reference.Snapshot(key, encoded.decode(), _hash(encoded))


def _key_part(kind: ReferenceKind, row: Row, name: str) -> str:
    value = row.get(name)
    # An absent level is a single blank in answers (vantagepoint.md section 2).
    part = "" if value is None else str(value).strip()
    if (not part and name not in _MAY_BE_BLANK) or KEY_SEPARATOR in part or "\x00" in part:
        message = f"A row of Vantagepoint's {kind} has no usable {name}: {part[:40]!r}."
        raise BrokenError(message, advice=f"Let the role of the Vantagepoint user see {name}, then read again.")
    return part


def _hash(row: bytes) -> str:
    return hashlib.sha256(row).hexdigest()


def _refuse_suspicious(
    connection: str, kind: ReferenceKind, known: Mapping[str, str], snapshots: Mapping[str, reference.Snapshot]
) -> None:
    """Refuse an empty list, or an empty level of projects, where there were rows.

    Raises:
        BrokenError: The answer is not believed.
    """
    before = Counter(_depth(kind, key) for key in known)
    now = Counter(_depth(kind, key) for key in snapshots)
    for depth, count in before.items():
        if not now[depth]:
            level = f" of level {depth}" if kind is ReferenceKind.PROJECTS else ""
            message = f"Vantagepoint answered {connection} with no {kind.replace('_', ' ')}{level}, where {count} were."
            raise BrokenError(
                message,
                advice="Nothing was changed. Check the access of the Vantagepoint user's role to them.",
            )


def _depth(kind: ReferenceKind, key: str) -> int:
    if kind is not ReferenceKind.PROJECTS:
        return 1
    return sum(1 for part in key.split(KEY_SEPARATOR) if part)
