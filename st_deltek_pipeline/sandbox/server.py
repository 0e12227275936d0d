"""Both twins behind two ports of one process: made from one world, served by one event loop.

``Sandbox.start`` serves in a thread, for tests; ``Sandbox.serve`` until a signal, for the command line. What the
twins answer is in their own packages, what ``/_sandbox`` answers is in ``admin``.
"""

import asyncio
import contextlib
import gc
import signal
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from starlette.types import ASGIApp, Receive, Scope, Send

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.sandbox.admin import Admin
from st_deltek_pipeline.sandbox.collector import collector_paused
from st_deltek_pipeline.sandbox.contractor.edits import new_invoice
from st_deltek_pipeline.sandbox.contractor.generate import generate
from st_deltek_pipeline.sandbox.contractor.world import World
from st_deltek_pipeline.sandbox.fault_plans import fault_plan
from st_deltek_pipeline.sandbox.faults import ADMIN_PREFIX, FaultPlan, RequestHooks
from st_deltek_pipeline.sandbox.servicetitan.app import build_servicetitan_app
from st_deltek_pipeline.sandbox.servicetitan.switches import ServiceTitanSwitches
from st_deltek_pipeline.sandbox.serving import HttpServers, ServerThread, listen
from st_deltek_pipeline.sandbox.state import MemoryState, Row, SqliteState, StatePersistence
from st_deltek_pipeline.sandbox.vantagepoint.app import build_vantagepoint_app
from st_deltek_pipeline.sandbox.vantagepoint.switches import VantagepointSwitches

STATE_FILE = "sandbox.sqlite3"

_IDENTITY_TABLE = "sandbox.identity"
_IDENTITY_KEY = "world"

Scenario = Literal["month", "clean"]


@dataclass(frozen=True)
class SandboxSettings:
    """What to serve, and where.

    Attributes:
        seed, month: The contractor's world; ``month`` is ``YYYY-MM``.
        invoices: How many invoices the month has; ``None`` is a real contractor's number.
        scenario: ``month`` has the awkward cases of a real month, ``clean`` has none.
        servicetitan_port, vantagepoint_port: 0 takes any free one.
        host: Address to listen on; only the loopback, since ``/_sandbox`` has no login.
        state_dir: Where changes survive a restart; ``None`` forgets them.
        servicetitan, vantagepoint: Switches by name, of ``ServiceTitanSwitches`` and ``VantagepointSwitches``.
        faults, fault_seed: Faults by name that are in force from the start, for ``fault_plan``.
    """

    seed: int = 7
    month: str = "2026-10"
    invoices: int | None = None
    scenario: Scenario = "month"
    servicetitan_port: int = 0
    vantagepoint_port: int = 0
    host: str = "127.0.0.1"
    state_dir: Path | None = None
    servicetitan: Mapping[str, Any] = field(default_factory=dict[str, Any])
    vantagepoint: Mapping[str, Any] = field(default_factory=dict[str, Any])
    faults: str = ""
    fault_seed: int = 0


class Sandbox:
    """Both twins, ready to be served.

    Args:
        settings: What to serve, and where.

    Raises:
        ConfigurationError: A port is taken, an unknown switch or fault, or a state folder made for another world.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.hooks = RequestHooks(faults=FaultPlan(fault_plan(settings.faults, settings.fault_seed)))
        with collector_paused(), contextlib.ExitStack() as undo:
            sockets = [
                undo.enter_context(listen(settings.host, port))
                for port in (settings.servicetitan_port, settings.vantagepoint_port)
            ]
            self._persistence = _open_state(settings)
            undo.callback(self._persistence.close)
            self.world: World = generate(
                settings.seed, settings.month, invoices=settings.invoices, scenario=settings.scenario
            )
            self.servicetitan = build_servicetitan_app(
                self.world,
                switches=ServiceTitanSwitches(),
                persistence=self._persistence,
                hooks=self.hooks,
                new_invoice=new_invoice,
            )
            self.servicetitan.set_switches(settings.servicetitan)
            self.vantagepoint = build_vantagepoint_app(
                self.world.vantagepoint,
                switches=VantagepointSwitches(),
                persistence=self._persistence,
                hooks=self.hooks,
            )
            self.vantagepoint.set_switches(settings.vantagepoint)
            undo.pop_all()
        admin = Admin(self.world, self.servicetitan, self.vantagepoint, self.hooks)
        self._ports = [each.getsockname()[1] for each in sockets]
        fronts = [_Front(twin.app, admin.app) for twin in (self.servicetitan, self.vantagepoint)]
        self.servers = HttpServers(list(zip(fronts, sockets, strict=True)), self.hooks.connections)

    @property
    def ready_line(self) -> Row:
        """Everything a client needs: addresses, credentials of both systems, the connection's settings."""
        titan, vantagepoint = self.world.servicetitan, self.world.vantagepoint
        api_url, other_url = (f"http://{self.settings.host}:{port}" for port in self._ports)
        return {
            "servicetitan": {
                "api_url": api_url,
                "auth_url": api_url,
                "tenant_id": titan.tenant_id,
                "client_id": titan.client_id,
                "client_secret": titan.client_secret,
                "app_key": titan.app_key,
            },
            "vantagepoint": {
                "base_url": f"{other_url}{self.vantagepoint.base_path}",
                "database": vantagepoint.database,
                "company": vantagepoint.company,
                "username": vantagepoint.username,
                "password": vantagepoint.password,
                "client_id": vantagepoint.client_id,
                "client_secret": vantagepoint.client_secret,
            },
            "connection": self.world.connection,
            "admin_url": f"{api_url}{ADMIN_PREFIX}",
        }

    def start(self) -> "RunningSandbox":
        """Serve in a thread of this process, and return when both ports answer."""
        return RunningSandbox(self)

    def serve(self, on_ready: Callable[[Row], None]) -> None:
        """Serve until SIGINT or SIGTERM, which are handled even where a shell made them ignored.

        Args:
            on_ready: Called with ``ready_line`` when both ports answer.
        """

        def ready() -> None:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.ask_to_stop)
            on_ready(self.ready_line)

        # A large world is a million small objects that live as long as the process: the collector need not walk them.
        gc.freeze()
        try:
            self.servers.run(ready)
        finally:
            self.close()

    def ask_to_stop(self) -> None:
        """Let both servers finish what they are answering and end; safe in any thread."""
        self.servers.ask_to_stop()

    def close(self) -> None:
        """Close the state file, and send no webhook any more; nothing is served after this."""
        self.servicetitan.webhooks.stop()
        self._persistence.close()


class RunningSandbox:
    """A sandbox served by a thread. A context manager that stops it.

    Args:
        sandbox: The sandbox to serve.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.hooks = sandbox.hooks
        self.ready_line = sandbox.ready_line
        self._thread = ServerThread(sandbox.servers)

    @property
    def servicetitan_url(self) -> str:
        """Base address of ServiceTitan's API."""
        return str(self.ready_line["servicetitan"]["api_url"])

    @property
    def servicetitan_auth_url(self) -> str:
        """Base address of ServiceTitan's token endpoint."""
        return str(self.ready_line["servicetitan"]["auth_url"])

    @property
    def vantagepoint_url(self) -> str:
        """Base address of Vantagepoint's API."""
        return str(self.ready_line["vantagepoint"]["base_url"])

    @property
    def admin_url(self) -> str:
        """Base address of the admin endpoints."""
        return str(self.ready_line["admin_url"])

    @property
    def credentials(self) -> dict[str, dict[str, str]]:
        """The secrets of both systems as the vault takes them."""
        titan, vantagepoint = self.ready_line["servicetitan"], self.ready_line["vantagepoint"]
        return {
            "servicetitan": {name: titan[name] for name in ("client_id", "client_secret", "app_key")},
            "vantagepoint": {
                name: vantagepoint[name] for name in ("username", "password", "client_id", "client_secret")
            },
        }

    def stop(self) -> None:
        """Stop both servers and wait for their end; again is no error."""
        self._thread.stop()
        self.sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Front:
    """Sends ``/_sandbox`` to the admin app and everything else to a twin."""

    def __init__(self, twin: ASGIApp, admin: ASGIApp) -> None:
        self._twin = twin
        self._admin = admin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._admin if scope.get("path", "").startswith(ADMIN_PREFIX) else self._twin
        await app(scope, receive, send)


def _open_state(settings: SandboxSettings) -> StatePersistence:
    if settings.state_dir is None:
        return MemoryState()
    path = settings.state_dir / STATE_FILE
    try:
        state = SqliteState(path)
    except (OSError, sqlite3.Error) as error:
        message = f"State cannot be kept in {path}: {error}."
        raise ConfigurationError(message, advice="Name a --state-dir that can be written.") from None
    world = {name: asdict(settings)[name] for name in ("seed", "month", "invoices", "scenario")}
    found = state.load(_IDENTITY_TABLE).get(_IDENTITY_KEY)
    if found is None:
        state.put(_IDENTITY_TABLE, _IDENTITY_KEY, world)
    elif found != world:
        state.close()
        described = ", ".join(f"{name} {value}" for name, value in found.items())
        message = f"{path} belongs to another world ({described})."
        raise ConfigurationError(message, advice="Use the same options again, or another --state-dir.")
    return state
