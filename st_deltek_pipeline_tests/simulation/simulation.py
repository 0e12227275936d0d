"""One simulation: both systems, our processes and a database, and a script that is carried out step by step.

What must hold after every step is in ``invariants``; a broken invariant or an unexpected error is a ``Violation``.
"""

import random
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, Engine, event

from st_deltek_pipeline.connections.webhook_settings import WebhookSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import PipelineError
from st_deltek_pipeline.domain.webhook_signatures import SignatureEncoding, signature
from st_deltek_pipeline.orchestration.day_runs import newest_day
from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError
from st_deltek_pipeline.sandbox.servicetitan.app import ServiceTitanTwin
from st_deltek_pipeline.sandbox.servicetitan.receivables import INVOICES
from st_deltek_pipeline.sandbox.servicetitan.webhook_events import envelope
from st_deltek_pipeline.sandbox.state import Row, encode_row
from st_deltek_pipeline.services import intake
from st_deltek_pipeline.store import inbox
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.webhooks.accounts import Account
from st_deltek_pipeline.webhooks.reading import read_delivery
from st_deltek_pipeline_tests.simulation.clock import VirtualClock
from st_deltek_pipeline_tests.simulation.database import Databases, follow_clock
from st_deltek_pipeline_tests.simulation.flavours import Flavour
from st_deltek_pipeline_tests.simulation.invariants import Books
from st_deltek_pipeline_tests.simulation.process import AtOnce, OurSide, open_pipeline, wiring_of
from st_deltek_pipeline_tests.simulation.step import PARTS, PERIODS, Step
from st_deltek_pipeline_tests.simulation.systems import Systems
from st_deltek_pipeline_tests.simulation.violation import Violation

BEGIN = datetime(2026, 11, 30, 15, tzinfo=UTC)
"""Monday morning at the contractor's."""

_KEY = "simulated-webhook-key-of-32-bytes-0"
_NAMES = ("acme", "zenith")
_ROUNDS = 8
_TEMPLATE = "taken in"


class Crash(BaseException):
    """Our process ends here; nothing catches it."""


@dataclass(frozen=True)
class Script:
    """Everything that decides a simulation.

    Attributes:
        seed: What it was drawn from, and what decides jitter.
    """

    seed: int
    flavour: Flavour
    steps: tuple[Step, ...]


@dataclass
class Moments:
    """Counts the moments at which a process may die, and lets it die at one of them.

    Attributes:
        crash_at: Which; 0 is none.
        dead: It has died, so that nothing it does while it ends has any effect.
    """

    crash_at: int = 0
    passed: int = 0
    where: str = ""
    dead: bool = False

    def tick(self, where: str) -> None:
        """Pass one."""
        self.check()
        self.passed += 1
        if self.passed == self.crash_at:
            self.where, self.dead = where, True
            raise Crash(where)

    def check(self) -> None:
        """Let a dead process do nothing more."""
        if self.dead:
            raise Crash(self.where)


@dataclass
class Simulation:
    """A world in which a script is carried out; made by ``simulation``."""

    url: str
    script: Script
    clock: VirtualClock
    systems: Systems
    books: Books = field(init=False)
    engine: Engine = field(init=False)
    sides: list[OurSide] = field(default_factory=list)
    moments: Moments = field(default_factory=Moments)
    crashes: int = 0
    refused: int = 0
    errors: list[str] = field(default_factory=list)
    _sessions: list[Any] = field(default_factory=list)
    _documents: dict[tuple[int, Kind], list[int]] = field(default_factory=dict)
    _delivered: dict[int, list[bytes]] = field(default_factory=dict)
    _told: int = 0

    def __post_init__(self) -> None:
        flavour = self.script.flavour
        self.systems.vantagepoint.set_switches(dict(flavour.books))
        self.twin(0).set_switches(dict(flavour.titan))
        self._jitter = random.Random(self.script.seed)
        self._open_engine()
        self.books = Books(self)
        self._open_side(0)
        network = self.systems.network
        network.before = lambda what: self.moments.tick(f"before {what}")
        network.after = lambda what: self.moments.tick(f"after {what}")

    # --- For steps ---------------------------------------------------------------------------------------------------

    def twin(self, tenant: int) -> ServiceTitanTwin:
        """Return a tenant's twin.

        Raises:
            LookupError: There is no such tenant yet.
        """
        return self.systems.tenants[tenant].twin

    def side(self, tenant: int) -> OurSide:
        """Return our side of a tenant's connection; the first one's where there is no such connection yet."""
        return self.sides[min(tenant, len(self.sides) - 1)]

    def made(self, tenant: int, kind: Kind, document_id: int) -> None:
        """Note a new document."""
        self._documents.setdefault((tenant, kind), []).append(document_id)

    def known(self, kind: Kind, which: int, tenant: int) -> int | None:
        """Return a document by its place, counted round and round; ``None`` while there is none."""
        found = self._documents.get((tenant, kind))
        return found[which % len(found)] if found else None

    def document(self, kind: Kind, which: int, tenant: int) -> int:
        """Return a document by its place.

        Raises:
            LookupError: There is none yet.
        """
        found = self.known(kind, which, tenant)
        if found is None:
            raise LookupError(kind)
        return found

    def invoice(self, which: int, tenant: int) -> Row:
        """Return an invoice by its place.

        Raises:
            LookupError: There is none yet.
        """
        return self.twin(tenant).book.row(INVOICES, self.document(Kind.INVOICE, which, tenant))

    def payments(self) -> list[int]:
        """Return the first tenant's payments that steps have made."""
        return self._documents.get((0, Kind.PAYMENT), [])

    def by_a_user(self, act: Callable[["Simulation"], None]) -> None:
        """Do what a user of ServiceTitan wants to do, if that is possible."""
        try:
            act(self)
        except (ApiError, LookupError, ValueError):
            self.refused += 1

    def deliver(self, tenant: int, which: int, times: int) -> bool:
        """Deliver one of the waiting webhooks; ``False`` when none waits."""
        waiting = self._waiting(tenant)
        if not waiting:
            return False
        happened = waiting.pop(which % len(waiting))
        self._told += 1
        titan = self.systems.tenants[tenant].world.servicetitan
        for _ in range(times):
            body = encode_row(
                envelope(happened, f"told-{self._told}", self._now_text(tenant), titan.tenant_id, "House")
            )
            self._delivered.setdefault(tenant, []).append(body)
            self._receive(tenant, body)
        return True

    def redeliver(self, tenant: int, which: int) -> None:
        """Deliver once more what was delivered before."""
        bodies = self._delivered.get(tenant, [])
        if bodies:
            self._receive(tenant, bodies[which % len(bodies)])

    def lose(self, tenant: int, which: int) -> None:
        """Let a waiting webhook never come."""
        waiting = self._waiting(tenant)
        if waiting:
            waiting.pop(which % len(waiting))

    def enter_by_hand(self, which: int, off: int) -> None:
        """Enter an invoice in Vantagepoint as a person does, unless it is there; ``off`` is in cents."""
        document = self.known(Kind.INVOICE, which, 0)
        if document is not None:
            self.books.enter_by_hand(self.twin(0).book.row(INVOICES, document), Decimal(off) / 100)

    def calm(self) -> None:
        """Let nothing go wrong any more, and let everything arrive that is under way."""
        self.systems.hooks.faults.clear()
        self.systems.network.late.clear()

    def can_be_posted(self, tenant: int, day: date) -> bool:
        """Say whether a business day has come, and is not before the connection's start."""
        wiring = self.side(tenant).wiring
        return wiring.connection.start_date <= day <= newest_day(wiring)

    def add_connection(self) -> None:
        """Add the second company's connection, if it was not added before."""
        if len(self.sides) == 1:
            self.systems.second_tenant().twin.set_switches(dict(self.script.flavour.titan))
            self._open_side(1)

    def ours(
        self, tenant: int, crash: int, act: Callable[[OurSide], object], *, decides_all: bool = False
    ) -> BaseException | None:
        """Let our side do something, in a process that may die.

        Args:
            tenant: Whose connection.
            crash: The moment at which the process dies; 0 is never.
            act: What it does.
            decides_all: When it succeeds, everything that was taken in is decided about.

        Returns:
            How it ended, if not well.
        """
        side = self.side(tenant)
        self.moments = Moments(crash)
        ended: BaseException | None = None
        try:
            act(side)
        except Crash as error:
            ended = error
            self.crashes += 1
        except PipelineError as error:
            ended = error
            self.errors.append(f"{type(error).__name__}: {error.message}")
        except Violation:
            raise
        except Exception as error:
            message = f"our side ended with {type(error).__name__}: {error}"
            raise Violation(message) from error
        self.moments = Moments()
        if isinstance(ended, Crash):
            self._restart()
        if ended is None and decides_all:
            self.books.all_decided(side)
        return ended

    # --- The run -----------------------------------------------------------------------------------------------------

    def run(self, check: Callable[["Simulation"], None] | None = None) -> None:
        """Carry the script out.

        Raises:
            Violation: Something does not hold, with the place in its notes.
        """
        for place, step in enumerate(self.script.steps, start=1):
            self.do(step, f"after step {place} of {len(self.script.steps)}: {step!r}")
            if check is not None:
                check(self)
        self.end()

    def do(self, step: Step, where: str) -> None:
        """Carry out one step, and see whether everything still holds.

        Raises:
            Violation: It does not.
        """
        try:
            step.do(self)
            self.books.check()
        except Violation as error:
            error.add_note(where)
            raise

    def end(self) -> None:
        """Let all trouble cease and everything come to its end, and see that nothing is lost, doubled or open.

        Raises:
            Violation: Something is.
        """
        try:
            self._settle()
            self.books.check_end()
            self._replay()
        except Violation as error:
            error.add_note("at the end, with all trouble gone")
            raise

    def _settle(self) -> None:
        """Bring everything to rest."""
        self.calm()
        vantagepoint = self.systems.vantagepoint
        vantagepoint.set_switches({"ledger_lag_seconds": 0})
        for period in PERIODS:
            vantagepoint.set_period_closed(period, closed=False)
        for _, place in PARTS:
            vantagepoint.update_project(place["wbs1"], {"Status": "A"})
        for tenant in self.systems.tenants:
            tenant.twin.set_switches({"export_lag_seconds": 0})
        # Longer than anything is under way, than a refusal of credentials is remembered, and than old invoices stay read.
        self.clock.sleep(7200)
        self.systems.network.arrive()
        for number in range(len(self.sides)):
            for turn in range(_ROUNDS):
                before = self.books.state()
                # Both systems rest, so that reading them once is enough.
                act = OurSide.live if turn else OurSide.tie_out
                ended = self.ours(number, 0, act, decides_all=True)
                self.books.check()
                if ended is not None:
                    message = f"with all trouble gone, our side ends with {type(ended).__name__}: {ended}"
                    raise Violation(message)
                if self.books.state() == before:
                    break
                self.clock.sleep(60)
            else:
                message = f"after {_ROUNDS} synchronisations without any trouble there is still something new"
                raise Violation(message)

    def _replay(self) -> None:
        """Run every day again; nothing may be sent."""
        before = self.books.sent()
        for number, side in enumerate(self.sides):
            work = self.books.days(side)
            if work:
                ended = self.ours(number, 0, lambda ours, work=work: ours.replay(work))
                if ended is not None:
                    message = f"running all days again ends with {type(ended).__name__}: {ended}"
                    raise Violation(message)
        self.books.check()
        if self.books.sent() != before:
            message = "running all days again sent something new"
            raise Violation(message)

    # --- Inside ------------------------------------------------------------------------------------------------------

    def _waiting(self, tenant: int) -> list[Any]:
        return self.systems.tenants[tenant].happened if tenant < len(self.systems.tenants) else []

    def _now_text(self, tenant: int) -> str:
        return self.twin(tenant).book.now()

    def _receive(self, tenant: int, body: bytes) -> None:
        """Do what the receiver does with a request, behind HTTP."""
        if tenant >= len(self.sides):
            return
        connection = self.sides[tenant].wiring.connection
        account = Account(connection.name, connection.servicetitan.tenant_id, WebhookSettings(), (_KEY,))
        headers = [(b"x-servicetitan-signature", signature(body, _KEY, SignatureEncoding.HEX).encode())]
        if not account.accepts(body, headers):
            message = "a rightly signed webhook is not accepted"
            raise Violation(message)
        with self.engine.begin() as db:
            inbox.keep(db, [read_delivery(account.name, account.tenant_id, body).delivery])

    def _open_side(self, number: int) -> None:
        connection = self.systems.connection(number, _NAMES[number], self.script.flavour.changes)
        self.sides.append(OurSide(wiring_of(connection, self.clock), self._pipeline(number, connection)))

    def _pipeline(self, number: int, connection: Any) -> Any:
        return open_pipeline(self.systems, connection, number, self.engine, self._jitter.random)

    def _open_engine(self) -> None:
        self.engine = engine_for(self.url)
        follow_clock(self.engine, self.clock)

        @event.listens_for(self.engine, "connect")
        def opened(session: Any, _record: Any) -> None:
            self._sessions.append(session)

        @event.listens_for(self.engine, "before_cursor_execute")
        def executing(*_args: Any) -> None:
            self.books.touched = True
            self.moments.check()

        @event.listens_for(self.engine, "commit")
        def committing(_connection: Connection) -> None:
            self.moments.tick("before a commit")

    def _restart(self) -> None:
        """Start a new process: what the old one had open is gone."""
        self.close()
        self._open_engine()
        for number, side in enumerate(self.sides):
            side.pipeline = self._pipeline(number, side.wiring.connection)

    def close(self) -> None:
        """End every session with the database."""
        for session in self._sessions:
            session.close()
        self._sessions.clear()
        self.engine.dispose()


@contextmanager
def simulation(databases: Databases, script: Script) -> Generator[Simulation]:
    """Make a world for a script.

    Args:
        databases: Where its database is copied.
        script: What will be carried out.
    """
    with patch.object(intake, "ThreadPoolExecutor", AtOnce):
        template = databases.template(_TEMPLATE, _take_in)
        with databases.copy(template) as url:
            clock = VirtualClock.at(BEGIN)
            world = Simulation(url, script, clock, Systems(clock))
            try:
                yield world
            finally:
                world.close()


def _take_in(engine: Engine) -> None:
    """Fill a template: both systems were read by the first connection before the simulation begins."""
    clock = VirtualClock.at(BEGIN)
    systems = Systems(clock)
    follow_clock(engine, clock)
    connection = systems.connection(0, _NAMES[0], {})
    side = OurSide(wiring_of(connection, clock), open_pipeline(systems, connection, 0, engine, lambda: 0.5))
    side.runner().take_in()


@dataclass(frozen=True)
class Summary:
    """What happened in a simulation that held.

    Attributes:
        events: Events of the journals, by type.
        posted: Files in Vantagepoint's ledger.
    """

    steps: int
    crashes: int
    errors: tuple[str, ...]
    events: Counter[str]
    posted: int
    calls: int


def carry_out(databases: Databases, script: Script) -> Summary:
    """Carry a script out in a world of its own.

    Raises:
        Violation: Something does not hold.
    """
    with simulation(databases, script) as world:
        world.run()
        return Summary(
            steps=len(script.steps),
            crashes=world.crashes,
            errors=tuple(world.errors),
            events=world.books.happened,
            posted=sum(file.posting is not None for file in world.systems.vantagepoint.state.files.values()),
            calls=world.systems.network.calls,
        )
