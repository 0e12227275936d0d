"""A live system in processes of its own, and the means to kill parts of it: what the tests of this package look at.

Dagster's daemon brings its own code server and the warm process for runs; there is no webserver, so that the sensors do
everything. PostgreSQL is a server of the system's own, which a test may take away.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import text

from st_deltek_pipeline.cli.child_process import ChildProcess
from st_deltek_pipeline.connections.job_names import sync_job_name
from st_deltek_pipeline.orchestration.build import wiring_of
from st_deltek_pipeline.orchestration.instance import HOME_VARIABLE, prepare_home
from st_deltek_pipeline.orchestration.live_sensors import UNFINISHED
from st_deltek_pipeline.orchestration.run_tags import POSTS_TAG, TRIGGER_TAG
from st_deltek_pipeline.orchestration.run_workers import RunWorker
from st_deltek_pipeline.orchestration.syncing import day_runs
from st_deltek_pipeline.services.webhook_keys import store_key
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.store.migrate import migrate
from st_deltek_pipeline.store.vault import open_vault
from st_deltek_pipeline_tests.memory import quick_folder
from st_deltek_pipeline_tests.orchestration.installations import CONNECTION, Installation, installed
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest, running_sandbox

SYNC = sync_job_name(CONNECTION)
POSTS = "/DataEntry/PostTransFile"
ENTERS = "/DataEntry/inControl"

_PROJECT = Path(__file__).parents[2]
_KEY = "0123456789abcdef" * 2
# Long enough that whoever waits for it is surely killed before.
_KILLED_BEFORE_MILLISECONDS = 60_000
_SECONDS = 300
_STOP_SECONDS = 60
_PAUSE_SECONDS = 0.05
# Its files are in memory, so nothing waits for a disk; commits are still written out, as those who kill it have to expect.
_SERVER_SETTINGS = {"fsync": "off", "full_page_writes": "off"}
# Two documents a day at most, and the schedules that this is not about are off.
_CONNECTION: dict[str, Any] = {
    "start_date": "2026-10-28",
    "webhooks": {"enabled": True},
    "schedules": {"feeds": "* * * * *", "reference": "off", "rescan": "off", "close": "off"},
}


class Silent:
    """Progress that nobody looks at."""

    def doing(self, what: str) -> None:
        """Something has begun."""

    def done(self, what: str) -> None:
        """Something has ended."""


class Daemon:
    """``dagster-daemon run`` with its code server and its runs, in a session of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What it says."""
        return self._home / "daemon.log"

    @property
    def is_running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it."""
        command = [str(Path(sys.executable).parent / "dagster-daemon"), "run", "-m", "st_deltek_pipeline.definitions"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
                command,
                env={**os.environ, HOME_VARIABLE: str(self._home)},
                cwd=_PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, *, all_of_it: bool) -> None:
        """Kill it.

        Args:
            all_of_it: With code server, warm process and run workers, as a power cut does.
        """
        assert self._process is not None
        if all_of_it:
            os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Stop it as Ctrl-C does, and end what it may have left behind."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        finally:
            # The session is its own: this reaches what it started and nobody else.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass
class LiveSystem:
    """A running system of connection acme, and what was done in ServiceTitan."""

    acme: Installation
    server: EmbeddedPostgres
    receiver: ChildProcess
    daemon: Daemon
    instance: dg.DagsterInstance
    added: dict[int, Decimal] = field(default_factory=dict[int, Decimal])

    @property
    def sandbox(self) -> SandboxUnderTest:
        """Both systems."""
        return self.acme.sandbox

    def until(self, condition: Callable[[], bool], seconds: float = _SECONDS) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                runs = [(run.job_name, run.status.value, run.tags.get(TRIGGER_TAG)) for run in self.runs(None)[:20]]
                words = self.daemon.log.read_text(errors="replace")[-6_000:]
                message = f"It did not come to be in {seconds} s. Runs: {runs}\n{words}"
                raise AssertionError(message)
            time.sleep(_PAUSE_SECONDS)

    # ServiceTitan

    def subscribe(self, **fields: Any) -> None:
        """Have ServiceTitan tell of what happens; faults by name."""
        url = self.receiver.ready["connections"][CONNECTION]
        self.sandbox.admin("PUT", "servicetitan/webhooks", {"url": url, "key": _KEY, "retry_scale": 0.1, **fields})

    def add(self, total: str, day: str = "2026-10-28") -> int:
        """Post an invoice in ServiceTitan."""
        invoice = self.sandbox.add_invoice(date=day, total=total)
        self.added[invoice["id"]] = Decimal(total)
        return invoice["id"]

    def deliveries(self) -> list[dict[str, Any]]:
        """Return every event that ServiceTitan had to tell, and what became of it."""
        return self.sandbox.admin("GET", "servicetitan/webhooks/deliveries")

    # What became of it

    def posted(self) -> dict[int, Decimal]:
        """Return what stands in the ledger for each of our invoices, however often it was posted."""
        numbers = {
            str(row["referenceNumber"]).lstrip("0"): row["id"]
            for row in self.sandbox.running.sandbox.servicetitan.tables["accounting/invoices"].rows.values()
        }
        found: dict[int, Decimal] = {}
        for row in self.sandbox.ledger():
            invoice = numbers.get(row["Invoice"].lstrip("0"))
            if row["TransType"] == "IN" and row["AutoEntry"] == "Y" and invoice in self.added:
                found[invoice] = found.get(invoice, Decimal(0)) + Decimal(row["Amount"])
        return found

    def insist_posted_once(self, invoices: Collection[int]) -> None:
        """Wait until invoices are in the ledger, every event is handled and every run has ended; nothing is there twice."""
        self.until(lambda: self.posted().keys() >= set(invoices) and not self.waiting() and self.is_quiet)
        posted = self.posted()
        assert posted == {invoice: self.added[invoice] for invoice in posted}

    def handled_by(self, invoice: int) -> list[str]:
        """Return for each event of an invoice the run that has handled it; empty where none has."""
        statement = text(
            "SELECT CASE state WHEN 'handled' THEN handled_by_run ELSE '' END FROM inbox.events WHERE record_id = :invoice"
        )
        with self.acme.engine.connect() as db:
            return list(db.scalars(statement, {"invoice": invoice}))

    def waiting(self) -> int:
        """Count events that were not handled yet."""
        with self.acme.engine.connect() as db:
            return db.execute(text("SELECT count(*) FROM inbox.events WHERE state = 'waiting'")).scalar_one()

    # Dagster

    def runs(self, job: str | None = SYNC, **filters: Any) -> Sequence[dg.DagsterRun]:
        """Return runs, newest first; ``None`` is of every job."""
        return self.instance.get_runs(dg.RunsFilter(job_name=job, **filters))

    @property
    def is_quiet(self) -> bool:
        """Whether no run that posts is under way, as far as Dagster knows."""
        return not self.runs(None, tags={POSTS_TAG: CONNECTION}, statuses=list(UNFINISHED))

    # PostgreSQL

    def crash_database(self) -> None:
        """Let PostgreSQL crash."""
        pid = self.server.status().pid
        assert pid is not None
        # An immediate shutdown: every backend quits as it stands, and the next start recovers from the log.
        os.kill(pid, signal.SIGQUIT)
        self.until(lambda: self.server.status().state == "stopped")

    def start_database(self) -> None:
        """Start PostgreSQL again."""
        self.server.ensure_running()

    # Vantagepoint

    @contextmanager
    def under_way(
        self, invoice: int, call: str, milliseconds: int = _KILLED_BEFORE_MILLISECONDS
    ) -> Generator[RunWorker]:
        """Run a block when Vantagepoint has done what a call asks for and has not answered yet.

        Args:
            invoice: It is in the ledger then, if the call posts.
            call: Part of the address.
            milliseconds: How long the answer takes.

        Yields:
            The process that waits for the answer.
        """
        method = "PUT" if call == POSTS else "POST"
        self.sandbox.fault(system="vantagepoint", method=method, path=call, delay_after_ms=milliseconds)
        try:
            self.until(lambda: any(each["hits"] for each in self.sandbox.admin("GET", "faults")))
            if call == POSTS:
                self.until(lambda: invoice in self.posted())
            yield self._worker()
        finally:
            self.sandbox.no_faults()

    def _worker(self) -> RunWorker:
        (run,) = self.runs(SYNC, statuses=[dg.DagsterRunStatus.STARTED])
        worker = RunWorker.of_run(run.run_id, run.tags)
        assert worker is not None
        return worker


@contextmanager
def live_system(folder: Path) -> Generator[LiveSystem]:
    """Run a whole system: a small month in both sandboxes, both systems' records known, nothing posted yet."""
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(quick_folder())
        server = EmbeddedPostgres(data, server_settings=_SERVER_SETTINGS)
        engine = engine_for(server.ensure_running())
        stack.callback(server.stop, force=True)
        stack.callback(engine.dispose)
        migrate(engine)
        sandbox = stack.enter_context(running_sandbox(invoices=20))
        acme = stack.enter_context(installed(engine, folder, sandbox))
        acme.write_file(**_CONNECTION)
        store_key(open_vault(engine, acme.settings), CONNECTION, _KEY)
        with day_runs(acme.settings, wiring_of(acme.connection), Silent()) as days:
            days.runner.take_in()
        receiver = ChildProcess("The receiver", ["webhooks", "serve", "--json", "--port", "0"], folder / "receiver.log")
        stack.enter_context(receiver)
        home = prepare_home(acme.settings)
        daemon = Daemon(home)
        daemon.start()
        stack.callback(daemon.stop)
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
        yield LiveSystem(acme, server, receiver, daemon, instance)
