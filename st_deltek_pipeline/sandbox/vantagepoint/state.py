"""What the Vantagepoint twin holds: the generated master data, transaction files, sessions, users, switches.

Every change is written through to the persistence before the request that made it is answered, and read back
over the regenerated world at a restart. The posted ledger is kept here as part of the files; reading it by
its own indexes is ``ledger``. Firms are in ``firm_register``. Rules are in ``entry_rules`` and ``posting``.
"""

import secrets
import threading
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from st_deltek_pipeline.sandbox.contractor.world import ProjectKey, VantagepointWorld
from st_deltek_pipeline.sandbox.state import Row, StatePersistence
from st_deltek_pipeline.sandbox.vantagepoint.firm_register import FirmRegister
from st_deltek_pipeline.sandbox.vantagepoint.switches import VantagepointSwitches

Clock = Callable[[], datetime]

FILES = "vantagepoint_files"
_DELETED = "vantagepoint_deleted_files"
_SESSIONS = "vantagepoint_sessions"
_USERS = "vantagepoint_users"
_PROJECTS = "vantagepoint_projects"
_PERIODS = "vantagepoint_periods"
_SETTINGS = "vantagepoint_settings"

_SWITCHES_KEY = "switches"
_CLIENT_KEY = "client"
_VOUCHER_KEY = "voucher"

INVOICES = "IN"
"""Transaction type of AR invoices, the only one whose files are stored by their Batch alone."""

FileKey = tuple[str, str]
"""Transaction type and Batch."""

BLANK_LEVEL = " "
"""How an absent WBS2 or WBS3 reads in answers (vantagepoint.md section 2)."""


def utc_now() -> datetime:
    """Return the present moment; the clock of a twin that is given none."""
    return datetime.now(UTC)


def project_key(wbs1: str, wbs2: str = "", wbs3: str = "") -> ProjectKey:
    """Return the key of a project level; a blank level is the empty string."""
    return (wbs1.strip(), wbs2.strip(), wbs3.strip())


@dataclass
class Session:
    """The state of one user that all of the user's callers share (section 4.8)."""

    period: int
    company: str


@dataclass
class Posting:
    """How a file got into the ledger."""

    period: int
    post_seq: int
    post_date: str
    posted_at: datetime
    user: str
    rows: list[Row] = field(repr=False)


@dataclass
class TransactionFile:
    """One transaction file of one type: what was entered, and its posting once it has one."""

    control: Row
    masters: list[Row]
    details: list[Row]
    posting: Posting | None = None
    transtype: str = INVOICES
    taxes: list[Row] = field(default_factory=list[Row])

    @property
    def key(self) -> FileKey:
        """Where it is in ``VantagepointState.files``."""
        return (self.transtype, self.batch)

    @property
    def batch(self) -> str:
        """The key its creator chose."""
        return str(self.control["Batch"])

    def to_row(self) -> Row:
        """Return everything as one row, so that one write keeps file and ledger together."""
        row: Row = {"control": self.control, "masters": self.masters, "details": self.details, "posting": None}
        row.update(transtype=self.transtype, taxes=self.taxes)
        if self.posting is not None:
            posting = self.posting
            row["posting"] = {
                "period": posting.period,
                "post_seq": posting.post_seq,
                "post_date": posting.post_date,
                "posted_at": posting.posted_at.isoformat(),
                "user": posting.user,
                "rows": posting.rows,
            }
        return row

    @classmethod
    def from_row(cls, row: Row) -> "TransactionFile":
        """Read back what ``to_row`` made."""
        file = cls(row["control"], row["masters"], row["details"])
        # A state written before there were other types has neither.
        file.transtype, file.taxes = row.get("transtype", INVOICES), row.get("taxes", [])
        if row["posting"] is not None:
            values: Row = row["posting"]
            posted_at = datetime.fromisoformat(values["posted_at"])
            file.posting = Posting(
                values["period"], values["post_seq"], values["post_date"], posted_at, values["user"], values["rows"]
            )
        return file


class VantagepointState:
    """One database of the twin.

    Args:
        world: The generated master data; its rows are changed in place.
        switches: How the tenant behaves, unless a stored change says otherwise.
        persistence: Where changes are kept.
        clock: The present, aware.
    """

    def __init__(
        self, world: VantagepointWorld, switches: VantagepointSwitches, persistence: StatePersistence, clock: Clock
    ) -> None:
        self.world = world
        self.clock = clock
        self.lock = threading.RLock()
        self._persistence = persistence
        settings = persistence.load(_SETTINGS)
        self._changed_switches: Row = settings.get(_SWITCHES_KEY, {})
        self.switches = switches.changed(self._changed_switches)
        world.client_secret = settings.get(_CLIENT_KEY, {}).get("secret", world.client_secret)
        self.users: dict[str, str] = {world.username: world.password}
        self.users.update({name: row["password"] for name, row in persistence.load(_USERS).items()})
        self.firms = FirmRegister(world, persistence)
        world.projects.update({_split(key): row for key, row in persistence.load(_PROJECTS).items()})
        world.periods.update({int(key): row for key, row in persistence.load(_PERIODS).items()})
        self._sessions = {user: Session(**row) for user, row in persistence.load(_SESSIONS).items()}
        self._last_voucher: int = settings.get(_VOUCHER_KEY, {}).get("last", 0)
        deleted = persistence.load(_of_other_types(_DELETED))
        self._deleted: set[FileKey] = {(INVOICES, batch) for batch in persistence.load(_DELETED)}
        self._deleted |= {(row["transtype"], row["batch"]) for row in deleted.values()}
        stored = [*persistence.load(FILES).values(), *persistence.load(_of_other_types(FILES)).values()]
        self.files: dict[FileKey, TransactionFile] = {
            file.key: file for file in (TransactionFile.from_row(row) for row in stored)
        }

    def session(self, user: str) -> Session:
        """Return a user's session; a new one starts in the first open period and the database's company.

        It starts at the first sign-in, so that closing a period later does not move it.
        """
        found = self._sessions.get(user)
        if found is None:
            periods = sorted(self.world.periods)
            opened = (period for period in periods if not self.is_closed(period))
            found = self._sessions[user] = Session(next(opened, periods[-1] if periods else 0), self.world.company)
            self._keep_session(user)
        return found

    def active_periods(self) -> set[int]:
        """Return the periods that users are in."""
        return {session.period for session in self._sessions.values()}

    def set_session(self, user: str, *, period: int | None = None, company: str | None = None) -> None:
        """Change what is active for a user, everywhere that user is logged on."""
        session = self.session(user)
        session.period = session.period if period is None else period
        session.company = session.company if company is None else company
        self._keep_session(user)

    def is_closed(self, period: int) -> bool:
        """Say whether a period is closed for the active company or for all."""
        row = self.world.periods.get(period, {})
        return row.get("ActiveCompanyClosed") == "Y" or row.get("AllCompaniesClosed") == "Y"

    def is_taken(self, transtype: str, batch: str) -> bool:
        """Say whether a Batch cannot be used for a new file of a type."""
        known: Container[FileKey] = self.files
        if not self.switches.deleted_batch_reusable:
            known = self.files.keys() | self._deleted
        if self.switches.batch_unique_per == "type":
            return (transtype, batch) in known
        return any((each, batch) in known for each in {key[0] for key in self.files} | {transtype})

    def keep_file(self, file: TransactionFile) -> None:
        """Store a file, new or changed."""
        self._persistence.put(*_stored_at(FILES, file.key), file.to_row())
        self.files[file.key] = file

    def drop_file(self, key: FileKey) -> None:
        """Delete a file; its Batch stays remembered."""
        self._persistence.put(*_stored_at(_DELETED, key), {"transtype": key[0], "batch": key[1]})
        self._persistence.delete(*_stored_at(FILES, key))
        self._deleted.add(key)
        del self.files[key]

    def files_of(self, transtype: str) -> list[TransactionFile]:
        """Return the files of a type, in the order in which they were entered."""
        return [file for file in self.files.values() if file.transtype == transtype]

    def give_voucher_numbers(self, count: int) -> list[str]:
        """Give the next voucher numbers: unique over all companies, and never given twice (section 4.3)."""
        first = self._last_voucher + 1
        self._last_voucher += count
        self._persistence.put(_SETTINGS, _VOUCHER_KEY, {"last": self._last_voucher})
        return [str(number).rjust(self.switches.voucher_digits, "0") for number in range(first, first + count)]

    def set_period_closed(self, period: int, *, closed: bool) -> None:
        """Close or open a period for every company.

        Raises:
            KeyError: No such period.
        """
        flag = "Y" if closed else "N"
        row = self.world.periods[period]
        row.update(ActiveCompanyClosed=flag, AllCompaniesClosed=flag)
        self._persistence.put(_PERIODS, str(period), row)

    def update_project(self, key: ProjectKey, fields: Mapping[str, Any]) -> Row:
        """Change fields of a project level.

        Raises:
            KeyError: No such level.
        """
        row = self.world.projects[key]
        row.update(fields)
        self._persistence.put(_PROJECTS, "|".join(key), row)
        return dict(row)

    def update_firm(self, client_id: str, fields: Mapping[str, Any]) -> Row:
        """Change fields of a firm.

        Raises:
            KeyError: No such firm.
        """
        row = self.world.firms[client_id]
        row.update(fields)
        self.firms.keep(row)
        return dict(row)

    def set_switches(self, values: Mapping[str, Any]) -> None:
        """Change switches.

        Raises:
            ConfigurationError: A name or a value is not one of ours.
        """
        self.switches = self.switches.changed(values)
        self._changed_switches = {**self._changed_switches, **values}
        self._persistence.put(_SETTINGS, _SWITCHES_KEY, self._changed_switches)

    def add_user(self, username: str, password: str) -> None:
        """Let another user sign in, with a session of its own."""
        self._persistence.put(_USERS, username, {"password": password})
        self.users[username] = password

    def issue_client_secret(self) -> str:
        """Make a new client secret; the one before it stops working for new tokens (section 11)."""
        secret = secrets.token_urlsafe(24)
        self._persistence.put(_SETTINGS, _CLIENT_KEY, {"secret": secret})
        self.world.client_secret = secret
        return secret

    def _keep_session(self, user: str) -> None:
        session = self._sessions[user]
        self._persistence.put(_SESSIONS, user, {"period": session.period, "company": session.company})


def _split(key: str) -> ProjectKey:
    wbs1, wbs2, wbs3 = key.split("|")
    return (wbs1, wbs2, wbs3)


def _of_other_types(table: str) -> str:
    return f"{table}_of_other_types"


def _stored_at(table: str, key: FileKey) -> tuple[str, str]:
    transtype, batch = key
    return (table, batch) if transtype == INVOICES else (_of_other_types(table), f"{transtype}|{batch}")
