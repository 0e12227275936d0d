"""A whole connection to measure: the sandbox in a process of its own, a fresh embedded Postgres, both clients.

Clients, limits and settings are the product's own, so what is measured is what a connection meets.
"""

import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text

from st_deltek_pipeline.cli.sandbox_process import SandboxProcess
from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.services.clients import servicetitan_client
from st_deltek_pipeline.services.feeds import feeds_of
from st_deltek_pipeline.services.firm_alignment import align_firms
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.intake_pages import IntakeResult
from st_deltek_pipeline.services.reference_data import poll_reference
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.transport.rate_limit import FileRateLimiter
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.credentials import VantagepointCredentials

CONNECTION = "benchmark"
RUN_ID = "benchmark"
MONTH = "2026-10"
SEED = 7
_SESSIONS_END_SECONDS = 5.0


@dataclass
class TimedLimit:
    """The product's own limit, with a note of how long it made calls wait.

    Attributes:
        waits: When each wait ended, in seconds since the epoch, and how many seconds it took.
    """

    limit: FileRateLimiter
    waits: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def acquire(self, calls: int = 1) -> None:
        """Return when ``calls`` more calls may be sent."""
        started = time.time()
        self.limit.acquire(calls)
        ended = time.time()
        self.waits.append((ended, ended - started))


@dataclass(frozen=True)
class Connected:
    """A connection that nothing was done with yet."""

    sandbox: SandboxProcess
    installation: Settings
    engine: Engine
    settings: ConnectionSettings
    servicetitan: ServiceTitanClient
    vantagepoint: VantagepointClient
    limit: TimedLimit

    @property
    def calendar(self) -> BusinessCalendar:
        """The connection's business days."""
        return business_calendar(self.settings.calendar, 2026, 2026)

    @property
    def username(self) -> str:
        """The Vantagepoint user."""
        return str(self.sandbox.ready["vantagepoint"]["username"])

    def take_in(self) -> dict[str, IntakeResult]:
        """Drain every feed of ServiceTitan."""
        return {
            feed.name: take_in_feed(self.engine, self.servicetitan, self.settings.name, feed, run_id=RUN_ID)
            for feed in feeds_of(self.settings)
        }

    def poll_master_data(self) -> None:
        """Read Vantagepoint's master data, and find everybody's firm in it."""
        poll_reference(
            self.engine,
            self.vantagepoint,
            self.settings.name,
            run_id=RUN_ID,
            company=self.settings.vantagepoint.company,
        )
        align_firms(self.engine, self.vantagepoint, self.settings, run_id=RUN_ID)

    def rows_written(self) -> dict[str, int]:
        """Count the rows inserted, updated and deleted so far, by table."""
        # A session reports its statistics when it ends, so the pool's sessions have to end first.
        self.engine.dispose()
        other = create_engine(self.engine.url, isolation_level="AUTOCOMMIT")
        try:
            with other.connect() as db:
                deadline = time.monotonic() + _SESSIONS_END_SECONDS
                sessions = text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
                )
                while db.execute(sessions).scalar_one() and time.monotonic() < deadline:
                    time.sleep(0.01)
                counted = text(
                    "SELECT schemaname || '.' || relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables"
                )
                return {str(table): int(rows) for table, rows in db.execute(counted)}
        finally:
            other.dispose()


@contextmanager
def connected(invoices: int, *, days_off: Sequence[date] = ()) -> Generator[Connected]:
    """Start everything for a clean month (every invoice can be posted) in a temporary folder.

    Args:
        invoices: How many invoices the month has.
        days_off: Further holidays of the connection's calendar.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="st-deltek-benchmark-")))
        arguments = ["--seed", str(SEED), "--month", MONTH, "--invoices", str(invoices), "--scenario", "clean"]
        sandbox = stack.enter_context(SandboxProcess(arguments, folder / "sandbox.log"))
        postgres = EmbeddedPostgres(folder / "data")
        stack.callback(postgres.stop, force=True)
        installation = Settings(folder / "data", postgres.ensure_running(), folder / "connections", None)
        engine = ready_database(installation)
        stack.callback(engine.dispose)
        settings = _settings(sandbox.ready, days_off)
        limit = TimedLimit(FileRateLimiter(folder / "limit", settings.vantagepoint.calls_per_second))
        yield Connected(
            sandbox,
            installation,
            engine,
            settings,
            stack.enter_context(servicetitan_client(installation, settings, sandbox.ready["servicetitan"])),
            stack.enter_context(_vantagepoint_client(sandbox.ready["vantagepoint"], settings, limit)),
            limit,
        )


def _vantagepoint_client(ready: dict[str, Any], settings: ConnectionSettings, limit: TimedLimit) -> VantagepointClient:
    side = settings.vantagepoint
    return VantagepointClient(
        base_url=side.base_url,
        database=side.database,
        credentials=VantagepointCredentials(
            ready["username"], ready["password"], ready["client_id"], ready["client_secret"]
        ),
        page_size=side.page_size,
        rate_limiter=limit,
        allow_insecure_hosts=settings.allow_insecure_hosts,
    )


def _settings(ready: dict[str, Any], days_off: Sequence[date]) -> ConnectionSettings:
    servicetitan, vantagepoint, given = ready["servicetitan"], ready["vantagepoint"], ready["connection"]
    return ConnectionSettings.model_validate(
        {
            **given,
            # The month (benchmarks.month) has every kind; here the figures are per invoice.
            "posting": {**given.get("posting", {}), "documents": ["invoice"]},
            "name": CONNECTION,
            "servicetitan": {name: servicetitan[name] for name in ("api_url", "auth_url", "tenant_id")},
            "vantagepoint": {name: vantagepoint[name] for name in ("base_url", "database", "company")},
            "calendar": {**given["calendar"], "holidays": list(days_off)},
        }
    )
