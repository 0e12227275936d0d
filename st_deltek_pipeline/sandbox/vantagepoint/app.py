"""The Vantagepoint twin as the sandbox's server and the tests hold it: the app, and what no API call can do.

An accountant closes a period, a project manager ends a project: that is here. What clients do over HTTP is
in ``app``.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal

from starlette.types import ASGIApp

from st_deltek_pipeline.sandbox.contractor.world import ProjectKey, VantagepointWorld
from st_deltek_pipeline.sandbox.faults import RequestHooks
from st_deltek_pipeline.sandbox.state import Row, StatePersistence
from st_deltek_pipeline.sandbox.vantagepoint.auth import Tokens
from st_deltek_pipeline.sandbox.vantagepoint.front import make_app
from st_deltek_pipeline.sandbox.vantagepoint.ledger import AUTO_ENTRY, Ledger
from st_deltek_pipeline.sandbox.vantagepoint.ledger_troubles import LedgerTroubles
from st_deltek_pipeline.sandbox.vantagepoint.schema import ZERO
from st_deltek_pipeline.sandbox.vantagepoint.state import (
    INVOICES,
    Clock,
    TransactionFile,
    VantagepointState,
    project_key,
    utc_now,
)
from st_deltek_pipeline.sandbox.vantagepoint.switches import VantagepointSwitches

BASE_PATH = "/summit/api"
_DAY_LENGTH = len("2026-10-05")
_LEVELS = 3


class VantagepointTwin:
    """One Vantagepoint database behind one base path.

    Attributes:
        app: The ASGI app, with faults and request log in front of it.
        base_path: Everything the app serves is below it.
        state: Master data, files, sessions, switches.
    """

    def __init__(self, state: VantagepointState, hooks: RequestHooks, base_path: str) -> None:
        self.state = state
        self.base_path = base_path
        self._ledger = Ledger(state.files.values())
        self._tokens = Tokens(state)
        self.app: ASGIApp = hooks.wrap(make_app(state, self._ledger, self._tokens, base_path), "vantagepoint")
        hooks.happenings |= {
            ("vantagepoint", "tokens_lapse"): self._tokens.lapse,
            ("vantagepoint", "new_secret"): self.replace_client_secret,
            ("vantagepoint", "period_closed"): self.close_active_periods,
        }

    @property
    def switches(self) -> VantagepointSwitches:
        """The switches in force."""
        return self.state.switches

    def ledger_dump(self) -> list[Row]:
        """Return a copy of every posted row, oldest posting first, whatever a role or a lag hides from readers."""
        with self.state.lock:
            return [dict(row) for row in self._ledger.all_rows()]

    def totals(self) -> Row:
        """Return counts and money of what was entered and posted; money as strings.

        Returns:
            Of AR invoices: ``files`` and ``invoices`` with counts ``entered`` (all, posted or not) and ``posted``;
            ``amount`` with the receivables ``entered`` and ``posted``; ``ledger`` with its number of ``rows``, and
            the sums of ``receivables`` and of ``lines`` (sign of the ledger: revenue negative); ``periods``,
            ``days`` (the invoices' own dates) and ``projects`` with ``invoices`` and ``amount`` posted.
            Of every type that has files: ``types``, by its code, with ``files`` and ``documents`` counted
            ``entered`` and ``posted``, the ``rows`` in the ledger, the sum of its ``debits``, and of the
            ``other_side`` (bank or liability, which the system posts by itself), in all and by ``days``. Of all types together: ``accounts``, the ledger's balance of each.
        """
        with self.state.lock:
            files = list(self.state.files.values())
            rows = list(self._ledger.all_rows())
        types = {kind: _of_type(kind, files, rows) for kind in sorted({file.transtype for file in files})}
        accounts: dict[str, Decimal] = {}
        for row in rows:
            accounts[row["Account"]] = accounts.get(row["Account"], ZERO) + row["Amount"]
        balances = {account: str(accounts[account]) for account in sorted(accounts)}
        invoice_files = [file for file in files if file.transtype == INVOICES]
        invoice_rows = [row for row in rows if row["TransType"] == INVOICES]
        return {**_of_invoices(invoice_files, invoice_rows), "types": types, "accounts": balances}

    def set_period_closed(self, period: int, closed: bool) -> None:  # noqa: FBT001 - reads as a sentence
        """Close or open an accounting period for every company.

        Raises:
            KeyError: No such period.
        """
        with self.state.lock:
            self.state.set_period_closed(period, closed=closed)

    def update_project(self, key: str | ProjectKey, fields: Mapping[str, Any]) -> Row:
        """Change fields of a project level.

        Args:
            key: WBS1, or the parts joined by a bar, or the parts.
            fields: Field to new value.

        Returns:
            The row as it is now.

        Raises:
            KeyError: No such level.
        """
        parts = (key.split("|") if isinstance(key, str) else list(key)) + [""] * _LEVELS
        with self.state.lock:
            return self.state.update_project(project_key(parts[0], parts[1], parts[2]), fields)

    def update_firm(self, client_id: str, fields: Mapping[str, Any]) -> Row:
        """Change fields of a firm, and return its row as it is now.

        Raises:
            KeyError: No such firm.
        """
        with self.state.lock:
            return self.state.update_firm(client_id, fields)

    def set_switches(self, values: Mapping[str, Any]) -> None:
        """Change switches by name.

        Raises:
            ConfigurationError: A name or a value is not one of ours.
        """
        with self.state.lock:
            self.state.set_switches(values)

    def trouble(
        self, kind: Literal["delete", "double", "alter", "add", "post_by_hand"], wanted: Mapping[str, Any]
    ) -> list[Row]:
        """Let something go wrong with the posted ledger (``ledger_troubles``), and return the rows concerned.

        Args:
            kind: What goes wrong.
            wanted: With what, as that method says.

        Raises:
            ValueError: It cannot go wrong like that.
            RuleError: Vantagepoint refuses what should be posted by hand.
        """
        with self.state.lock:
            troubles = LedgerTroubles(self.state, self._ledger)
            ways = {
                "delete": troubles.delete,
                "double": troubles.double,
                "alter": troubles.alter,
                "add": troubles.add,
                "post_by_hand": troubles.post_by_hand,
            }
            return ways[kind](wanted)

    def add_user(self, username: str, password: str) -> None:
        """Let another user sign in: with the same role, but a session of its own."""
        with self.state.lock:
            self.state.add_user(username, password)

    def issue_client_secret(self) -> str:
        """Make a new client secret, and return it; the old one is refused from now on."""
        with self.state.lock:
            return self.state.issue_client_secret()

    def replace_client_secret(self) -> None:
        """Make a new client secret, with which nobody is signed in any more."""
        self._tokens.lapse()
        self.issue_client_secret()

    def close_active_periods(self) -> None:
        """Close every period that a user is in, as an accountant does at any moment."""
        with self.state.lock:
            for period in self.state.active_periods():
                self.state.set_period_closed(period, closed=True)


def build_vantagepoint_app(
    world: VantagepointWorld,
    *,
    switches: VantagepointSwitches,
    persistence: StatePersistence,
    hooks: RequestHooks,
    clock: Clock = utc_now,
    base_path: str = BASE_PATH,
) -> VantagepointTwin:
    """Build the twin of one database.

    Args:
        world: Its master data; the twin owns it from now on and changes it in place.
        switches: How the tenant behaves; changes stored by an earlier run come on top.
        persistence: What an earlier run left is read from here, every change is written here.
        hooks: Faults and request log to stand in front of the API.
        clock: The present, aware; decides PostDate, token expiry and the ledger's lag.
        base_path: Path of the API's root.
    """
    return VantagepointTwin(VantagepointState(world, switches, persistence, clock), hooks, base_path)


def _of_invoices(files: list[TransactionFile], rows: list[Row]) -> Row:
    posted = [file for file in files if file.posting is not None]
    receivables = [row for row in rows if row["AutoEntry"] == AUTO_ENTRY]
    receivable_sum = _sum(receivables)
    entered = sum((detail["Amount"] for file in files for detail in file.details), start=ZERO)
    return {
        "files": {"entered": len(files), "posted": len(posted)},
        "invoices": {
            "entered": sum(len(file.masters) for file in files),
            "posted": sum(len(file.masters) for file in posted),
        },
        "amount": {"entered": str(entered), "posted": str(receivable_sum)},
        "ledger": {
            "rows": len(rows),
            "receivables": str(receivable_sum),
            "lines": str(_sum(row for row in rows if row["AutoEntry"] != AUTO_ENTRY)),
        },
        "periods": _grouped((str(row["Period"]), row) for row in receivables),
        "days": _grouped((str(row["TransDate"])[:_DAY_LENGTH], row) for row in receivables),
        "projects": _grouped((str(row["WBS1"]), row) for row in receivables),
    }


def _of_type(transtype: str, files: list[TransactionFile], rows: list[Row]) -> Row:
    own = [file for file in files if file.transtype == transtype]
    posted = [file for file in own if file.posting is not None]
    own_rows = [row for row in rows if row["TransType"] == transtype]
    # What the system posted by itself is the document's total; a journal entry has no such side.
    own_side = [row for row in own_rows if row["AutoEntry"] == AUTO_ENTRY]
    days: dict[str, Decimal] = {}
    for row in own_side:
        day = str(row["TransDate"])[:_DAY_LENGTH]
        days[day] = days.get(day, ZERO) + row["Amount"]
    return {
        "files": {"entered": len(own), "posted": len(posted)},
        "documents": {
            "entered": sum(len(file.masters) for file in own),
            "posted": sum(len(file.masters) for file in posted),
        },
        "rows": len(own_rows),
        "other_side": str(_sum(own_side)),
        "debits": str(_sum(row for row in own_rows if row["Amount"] > 0)),
        "days": {day: str(days[day]) for day in sorted(days)},
    }


def _sum(rows: Iterable[Row]) -> Decimal:
    return sum((row["Amount"] for row in rows), start=ZERO)


def _grouped(pairs: Iterable[tuple[str, Row]]) -> Row:
    invoices: dict[str, set[tuple[str, str]]] = {}
    amounts: dict[str, Decimal] = {}
    for key, row in pairs:
        invoices.setdefault(key, set()).add((row["WBS1"], row["Invoice"]))
        amounts[key] = amounts.get(key, ZERO) + row["Amount"]
    return {key: {"invoices": len(invoices[key]), "amount": str(amounts[key])} for key in sorted(invoices)}
