"""Vantagepoint's master data as last read: one row per record, and the whole of it as ``ReferenceData``.

Tables of schema ``reference``. Rows are kept as Vantagepoint sent them; one that vanished is marked, never
deleted. What is read when, and which answers are believed, is the reference service's business.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.domain.reference import (
    Account,
    Bank,
    Firm,
    FiscalPeriod,
    Organization,
    ProjectKey,
    ProjectLevel,
    ReferenceData,
    TaxCode,
)
from st_deltek_pipeline.store.changes import note_change
from st_deltek_pipeline.store.copying import copy_rows

_T = TypeVar("_T")


class ReferenceKind(StrEnum):
    """The kinds of master data that are polled."""

    FIRMS = "firms"
    PROJECTS = "projects"
    ORGANIZATIONS = "organizations"
    ACCOUNTS = "accounts"
    PERIODS = "periods"
    TAX_CODES = "tax_codes"
    BANKS = "banks"
    COMPANIES = "companies"
    AUTO_POSTING = "auto_posting"


# Not polled for its own sake: which company the poll was for, and whose closed periods Vantagepoint told.
_SESSION = "session"
_SESSION_KEY = "poll"
KEY_SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One row as Vantagepoint sent it.

    Attributes:
        key: Its natural key; the parts of a project's are joined by bars.
        row: Its JSON.
        row_hash: SHA-256 of the JSON, hex.
    """

    key: str
    row: str
    row_hash: str


@dataclass(frozen=True, slots=True)
class SnapshotChanges:
    """What storing a complete reading changed."""

    new: int
    changed: int
    gone: int


def lock_reference(db: Connection, connection: str) -> None:
    """Make polls of one connection follow each other, until the transaction ends.

    Args:
        db: An open transaction.
        connection: The connection's name.
    """
    db.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"st-deltek reference {connection}"}
    )


def known_hashes(db: Connection, connection: str, kind: str) -> dict[str, str]:
    """Return the keys of the rows that exist, with their hashes.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        kind: The kind of master data.
    """
    found = db.execute(
        text(
            """
            SELECT key, hash FROM reference.snapshots
            WHERE connection = :connection AND kind = :kind AND gone_at IS NULL
            """
        ),
        {"connection": connection, "kind": kind},
    )
    return {row[0]: row[1] for row in found}


def store_snapshots(
    db: Connection,
    connection: str,
    kind: str,
    known: Mapping[str, str],
    snapshots: Mapping[str, Snapshot],
    *,
    run_id: str,
) -> SnapshotChanges:
    """Store a complete reading; rows that are as they were are not written.

    Args:
        db: The transaction that holds the lock.
        connection: The connection's name.
        kind: The kind of master data.
        known: What ``known_hashes`` gave.
        snapshots: Every row there is now, by key.
        run_id: Who read them.
    """
    changed = [snapshot for key, snapshot in snapshots.items() if known.get(key) != snapshot.row_hash]
    gone = [key for key in known if key not in snapshots]
    if changed:
        db.execute(text("CREATE TEMPORARY TABLE snapshots_read (key text, row text, hash text) ON COMMIT DROP"))
        copy_rows(
            db, "snapshots_read", ("key", "row", "hash"), ((item.key, item.row, item.row_hash) for item in changed)
        )
        db.execute(
            text(
                """
                INSERT INTO reference.snapshots AS s (connection, kind, key, row, hash, run_id)
                SELECT :connection, :kind, key, CAST(row AS json), hash, :run_id FROM snapshots_read ORDER BY key
                ON CONFLICT (connection, kind, key) DO UPDATE SET
                    row = excluded.row, hash = excluded.hash, changed_at = now(), gone_at = NULL,
                    run_id = excluded.run_id
                """
            ),
            {"connection": connection, "kind": kind, "run_id": run_id},
        )
        db.execute(text("DROP TABLE snapshots_read"))
    if gone:
        db.execute(
            text(
                """
                UPDATE reference.snapshots SET gone_at = now(), run_id = :run_id
                WHERE connection = :connection AND kind = :kind AND key = ANY(:keys)
                """
            ),
            {"connection": connection, "kind": kind, "keys": gone, "run_id": run_id},
        )
    if changed or gone:
        note_change(db, connection, kind, run_id=run_id)
    new = sum(1 for snapshot in changed if snapshot.key not in known)
    return SnapshotChanges(new=new, changed=len(changed) - new, gone=len(gone))


def was_read(engine: Engine, connection: str) -> bool:
    """Say whether Vantagepoint's master data was ever read completely.

    Args:
        engine: The database.
        connection: The connection's name.
    """
    statement = text(
        "SELECT EXISTS (SELECT FROM reference.snapshots WHERE connection = :connection AND kind = :kind AND gone_at IS NULL)"
    )
    with engine.connect() as db:
        return bool(db.scalar(statement, {"connection": connection, "kind": _SESSION}))


def record_poll(db: Connection, connection: str, kind: str, rows: int, *, run_id: str) -> None:
    """Remember that a kind was read completely just now.

    Args:
        db: The transaction that stores the rows.
        connection: The connection's name.
        kind: The kind of master data.
        rows: How many rows there are.
        run_id: Who read them.
    """
    db.execute(
        text(
            """
            INSERT INTO reference.polls (connection, kind, polled_at, rows, run_id)
            VALUES (:connection, :kind, now(), :rows, :run_id)
            ON CONFLICT (connection, kind) DO UPDATE SET
                polled_at = excluded.polled_at, rows = excluded.rows, run_id = excluded.run_id
            """
        ),
        {"connection": connection, "kind": kind, "rows": rows, "run_id": run_id},
    )


def session_snapshot(company: str, periods_of: str, row_hash: Callable[[bytes], str]) -> dict[str, Snapshot]:
    """Describe a poll: the company it was for, and the company whose closed periods were told.

    Args:
        company: The connection's company; may be empty.
        periods_of: The company Vantagepoint's user was in.
        row_hash: Gives the hash of a row's JSON.
    """
    row = msgspec.json.encode({"Company": company, "PeriodsOf": periods_of})
    return {_SESSION_KEY: Snapshot(_SESSION_KEY, row.decode(), row_hash(row))}


def store_session(
    db: Connection, connection: str, snapshots: Mapping[str, Snapshot], *, run_id: str
) -> SnapshotChanges:
    """Store what ``session_snapshot`` made.

    Args:
        db: The transaction that holds the lock.
        connection: The connection's name.
        snapshots: The description of the poll.
        run_id: Who polled.
    """
    known = known_hashes(db, connection, _SESSION)
    return store_snapshots(db, connection, _SESSION, known, snapshots, run_id=run_id)


# Vantagepoint's own member names. A role may hide any field, which then is missing (vantagepoint.md section 1).
Text = str | int | float | bool | None


class _FirmRow(msgspec.Struct):
    Client: Text = None
    Name: Text = None
    Status: Text = None
    ClientInd: Text = None
    VendorInd: Text = None


class _ProjectRow(msgspec.Struct):
    Name: Text = None
    Status: Text = None
    SubLevel: Text = None
    ChargeType: Text = None
    Org: Text = None
    BillingClientID: Text = None
    ClientID: Text = None


class _OrganizationRow(msgspec.Struct):
    Name: Text = None
    Status: Text = None


class _AccountRow(msgspec.Struct):
    Name: Text = None
    Status: Text = None
    Type: Text = None


class _TaxCodeRow(msgspec.Struct):
    Status: Text = None
    Rate: msgspec.Raw = msgspec.Raw(b"null")


class _PeriodRow(msgspec.Struct):
    AccountPdStart: str | None = None
    AccountPdEnd: str | None = None
    ActiveCompanyClosed: Text = None
    AllCompaniesClosed: Text = None


class _BankRow(msgspec.Struct):
    Description: Text = None


class _AutoPostingRow(msgspec.Struct):
    AcctsReceivable: Text = None


class _SessionRow(msgspec.Struct):
    Company: str = ""
    PeriodsOf: str = ""


@dataclass(frozen=True)
class _Remembered:
    """What this process read last of one connection, and the fingerprint of the rows it was read from."""

    fingerprint: tuple[int, Decimal | None]
    data: ReferenceData


# Every step of every kind asks for it, and a contractor has tens of thousands of firms.
_MOST_REMEMBERED = 4
_remembered: dict[tuple[str, str], _Remembered] = {}
_remembering = threading.Lock()

_FINGERPRINT = """
SELECT count(*) AS rows, sum(hashtextextended(kind || chr(31) || key || chr(31) || hash, 0)) AS hashes
FROM reference.snapshots WHERE connection = :connection AND gone_at IS NULL
"""


def load_reference(engine: Engine, connection: str) -> ReferenceData:
    """Return everything of a connection's Vantagepoint that exists.

    It is read again only when a row differs from what this process read last: every row's hash is compared, whoever
    wrote it and when.

    Args:
        engine: The application's database.
        connection: The connection's name.

    Returns:
        Typed rows, shared by all callers of this process. A field that the role hides counts as harmless (active, a
        client), since Vantagepoint itself refuses what does not fit; a period without readable days is left out.

    Raises:
        BrokenError: Nothing has been read yet, or a stored row cannot be read.
    """
    key = (engine.url.render_as_string(), connection)
    with engine.connect() as db:
        row = db.execute(text(_FINGERPRINT), {"connection": connection}).one()
        # Before the rows: what is written in between makes the next call read them again.
        fingerprint = (row.rows, row.hashes)
        known = _remembered.get(key)
        if known is not None and known.fingerprint == fingerprint:
            return known.data
        data = _load(db, connection)
    with _remembering:
        _remembered.pop(key, None)
        _remembered[key] = _Remembered(fingerprint, data)
        for oldest in list(_remembered)[:-_MOST_REMEMBERED]:
            del _remembered[oldest]
    return data


def _load(db: Connection, connection: str) -> ReferenceData:
    rows: dict[str, list[tuple[str, str]]] = defaultdict(list)
    found = db.execute(
        text(
            """
            SELECT kind, key, CAST(row AS text) FROM reference.snapshots
            WHERE connection = :connection AND gone_at IS NULL ORDER BY kind, key
            """
        ),
        {"connection": connection},
    )
    for kind, key, row in found:
        rows[kind].append((key, row))
    if _SESSION not in rows:
        message = f"Vantagepoint's master data has not been read yet for {connection}."
        raise BrokenError(message, advice="Materialize the connection's reference assets first.")
    session = _read(connection, _SESSION, rows[_SESSION], _SessionRow)[_SESSION_KEY]
    projects = _projects(_read(connection, ReferenceKind.PROJECTS, rows[ReferenceKind.PROJECTS], _ProjectRow))
    company = session.Company or session.PeriodsOf
    return ReferenceData(
        firms={
            key: Firm(
                client_id=key,
                number=_text(row.Client),
                name=_text(row.Name),
                active=_is(row.Status, "A", if_hidden=True),
                is_client=_is(row.ClientInd, "Y", if_hidden=True),
                is_vendor=_is(row.VendorInd, "Y", if_hidden=False),
            )
            for key, row in _read(connection, ReferenceKind.FIRMS, rows[ReferenceKind.FIRMS], _FirmRow).items()
        },
        projects=projects,
        organizations={
            key: Organization(key, _text(row.Name), _is(row.Status, "A", if_hidden=True))
            for key, row in _read(
                connection, ReferenceKind.ORGANIZATIONS, rows[ReferenceKind.ORGANIZATIONS], _OrganizationRow
            ).items()
        },
        accounts={
            key: Account(key, _text(row.Name), _is(row.Status, "A", if_hidden=True), _text(row.Type))
            for key, row in _read(connection, ReferenceKind.ACCOUNTS, rows[ReferenceKind.ACCOUNTS], _AccountRow).items()
        },
        tax_codes={
            key: TaxCode(key, _is(row.Status, "A", if_hidden=True), _rate(row.Rate))
            for key, row in _read(
                connection, ReferenceKind.TAX_CODES, rows[ReferenceKind.TAX_CODES], _TaxCodeRow
            ).items()
        },
        periods=_periods(
            _read(connection, ReferenceKind.PERIODS, rows[ReferenceKind.PERIODS], _PeriodRow),
            # Vantagepoint tells which periods are closed for the user's company, which may be another one.
            own_company=company == session.PeriodsOf,
        ),
        banks={
            key: Bank(key, _text(row.Description))
            for key, row in _read(connection, ReferenceKind.BANKS, rows[ReferenceKind.BANKS], _BankRow).items()
        },
        company=company,
        receivables_account=_receivables(
            _read(connection, ReferenceKind.AUTO_POSTING, rows[ReferenceKind.AUTO_POSTING], _AutoPostingRow), company
        ),
    )


def load_periods(engine: Engine, connection: str) -> Mapping[int, FiscalPeriod]:
    """Return only the accounting periods, for a look that must be cheap.

    Args:
        engine: The application's database.
        connection: The connection's name.

    Raises:
        BrokenError: A stored row cannot be read.
    """
    with engine.connect() as db:
        rows = db.execute(
            text(
                """
                SELECT kind, key, CAST(row AS text) FROM reference.snapshots
                WHERE connection = :connection AND gone_at IS NULL AND kind IN (:periods, :session)
                """
            ),
            {"connection": connection, "periods": ReferenceKind.PERIODS.value, "session": _SESSION},
        ).all()
    sessions = [(key, row) for kind, key, row in rows if kind == _SESSION]
    periods = [(key, row) for kind, key, row in rows if kind != _SESSION]
    session = _read(connection, _SESSION, sessions, _SessionRow).get(_SESSION_KEY, _SessionRow())
    return _periods(
        _read(connection, ReferenceKind.PERIODS, periods, _PeriodRow),
        own_company=(session.Company or session.PeriodsOf) == session.PeriodsOf,
    )


def _read(connection: str, kind: str, rows: Sequence[tuple[str, str]], row_type: type[_T]) -> dict[str, _T]:
    decoder = msgspec.json.Decoder(row_type, strict=False)
    found: dict[str, _T] = {}
    for key, row in rows:
        try:
            found[key] = decoder.decode(row)
        except msgspec.MsgspecError as error:
            message = f"Vantagepoint's {kind} row {key!r} of {connection} is not as expected: {error}."
            raise BrokenError(message, advice="Look at it in reference.snapshots and report it.") from None
    return found


def _text(value: Text) -> str:
    return "" if value is None else str(value).strip().replace("\x00", "\ufffd")


def _is(value: Text, expected: str, *, if_hidden: bool) -> bool:
    if isinstance(value, bool):
        return value
    return if_hidden if value is None else _text(value).upper() == expected


def _rate(value: msgspec.Raw) -> Decimal | None:
    try:
        rate = msgspec.json.decode(value, type=Decimal | None)
    except msgspec.ValidationError:
        return None
    return rate if rate is not None and rate.is_finite() else None


def _projects(rows: Mapping[str, _ProjectRow]) -> dict[ProjectKey, ProjectLevel]:
    keys: dict[ProjectKey, _ProjectRow] = {}
    for key, row in rows.items():
        wbs1, wbs2, wbs3 = key.split(KEY_SEPARATOR)
        keys[wbs1, wbs2, wbs3] = row
    parents = {(wbs1, wbs2 if wbs3 else "", "") for wbs1, wbs2, wbs3 in keys if wbs2}
    return {
        key: ProjectLevel(
            wbs1=key[0],
            wbs2=key[1],
            wbs3=key[2],
            name=_text(row.Name),
            active=_is(row.Status, "A", if_hidden=True),
            has_sublevels=_is(row.SubLevel, "Y", if_hidden=key in parents),
            charge_type=_text(row.ChargeType),
            organization=_text(row.Org),
            billing_client_id=_text(row.BillingClientID) or _text(row.ClientID),
        )
        for key, row in keys.items()
    }


def _periods(rows: Mapping[str, _PeriodRow], *, own_company: bool) -> dict[int, FiscalPeriod]:
    periods: dict[int, FiscalPeriod] = {}
    for key, row in rows.items():
        start, end = _day(row.AccountPdStart), _day(row.AccountPdEnd)
        if not key.isdecimal() or start is None or end is None:
            continue
        closed = _is(row.AllCompaniesClosed, "Y", if_hidden=False) or (
            own_company and _is(row.ActiveCompanyClosed, "Y", if_hidden=False)
        )
        periods[int(key)] = FiscalPeriod(int(key), start, end, closed)
    return dict(sorted(periods.items()))


def _day(value: str | None) -> date | None:
    try:
        return date.fromisoformat((value or "")[: len("2026-10-05")])
    except ValueError:
        return None


def _receivables(rows: Mapping[str, _AutoPostingRow], company: str) -> str | None:
    row = rows.get(company)
    if row is None and len(rows) == 1:
        row = next(iter(rows.values()))
    return (_text(row.AcctsReceivable) or None) if row is not None else None
