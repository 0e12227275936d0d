"""PostgreSQL crashes in mid-run, has no room any more, or goes back to what was on the disk when the power went.

One server of the module's own, with nothing else on it.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from st_deltek_pipeline.domain.boundaries import Boundary, Reached
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.embedded import APPLICATION_DATABASE, EmbeddedPostgres
from st_deltek_pipeline.store.migrate import migrate
from st_deltek_pipeline_tests.crashes.conftest import Office
from st_deltek_pipeline_tests.crashes.invariants import assert_invariants
from st_deltek_pipeline_tests.crashes.workers import do, job_of
from st_deltek_pipeline_tests.memory import quick_folder
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox
from st_deltek_pipeline_tests.services.posting.harness import bench
from st_deltek_pipeline_tests.webhooks.conftest import event, prepare, running_receiver

_SECONDS = 120
# Its files are in memory: what is written is there, whether it was synchronised or not.
_SERVER_SETTINGS = {"fsync": "off"}
# Larger than a segment of the log, so that only tables feel it.
_TABLES_ONLY = 17 << 20
_NOTHING = 8192
_LIMITED = pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit of util-linux is not there")


class PowerCut(BaseException):
    """The machine stands still here."""


@dataclass
class Own(Office):
    """The office on a server of its own."""

    server: EmbeddedPostgres
    folder: Path

    @property
    def engine(self) -> Engine:
        return self.acme.engine

    def crash(self) -> None:
        """Let PostgreSQL crash: every backend quits as it stands."""
        pid = self.server.status().pid
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)
        until(lambda: self.server.status().state == "stopped")

    def start(self) -> None:
        """Start PostgreSQL again, if it does not run, and forget connections to the one before."""
        self.server.ensure_running()
        self.engine.dispose()

    def limit(self, size: int | str) -> None:
        """Let no file of PostgreSQL grow beyond a size: what is behind it does not fit on the disk."""
        pid = self.server.status().pid
        assert pid is not None
        for each in (pid, *children(pid)):
            # One that has ended meanwhile needs none.
            with contextlib.suppress(FileNotFoundError):
                limit_process(each, size)

    def no_limit(self) -> None:
        """Give room again, and start what has ended without."""
        if self.server.status().state == "running":
            self.limit("unlimited")
            with contextlib.suppress(DBAPIError):
                answers(self.engine)
        self.start()
        until(lambda: answers(self.engine))


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in listed.split()]


def limit_process(pid: int, size: int | str) -> None:
    """Limit the files of one process; only its own account may, whatever root may."""
    owner = Path(f"/proc/{pid}").stat()
    account: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    command = [str(shutil.which("prlimit")), f"--pid={pid}", f"--fsize={size}:"]
    done = subprocess.run(command, check=False, **(account if os.geteuid() == 0 else {}))  # noqa: S603 (no shell)
    assert done.returncode == 0 or not Path(f"/proc/{pid}").exists()


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(engine: Engine) -> bool:
    """Say whether the database answers."""
    try:
        with engine.connect() as db:
            return db.execute(text("SELECT 1")).scalar() == 1
    except DBAPIError:
        engine.dispose()
        return False


@pytest.fixture(scope="module")
def own() -> Generator[Own]:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(quick_folder())
        server = EmbeddedPostgres(folder, server_settings=_SERVER_SETTINGS)
        engine = engine_for(server.ensure_running())
        stack.callback(server.stop, force=True)
        stack.callback(engine.dispose)
        migrate(engine)
        sandbox = stack.enter_context(running_sandbox(invoices=20))
        acme = stack.enter_context(bench(sandbox, engine))
        acme.take_in()
        days = acme.calendar.business_days(Office.FIRST_DAY, Office.LAST_DAY)
        yield Own(acme, iter(list(days)), server, folder)


def once(moment: Boundary, happens: Callable[[], None]) -> Reached:
    """Return what lets something happen the first time that a moment is reached."""
    left = [moment]

    def reached(boundary: Boundary) -> None:
        if boundary in left:
            left.clear()
            happens()

    return reached


_MOMENTS = (
    Boundary.PAGE_WRITTEN,
    Boundary.DECIDED,
    Boundary.SENDING_RECORDED,
    Boundary.FILE_ANSWERED,
    Boundary.POST_ANSWERED,
)


@pytest.mark.parametrize("moment", _MOMENTS, ids=lambda moment: moment.name)
def test_when_postgresql_crashes_in_mid_run_the_next_run_goes_on(own: Own, moment: Boundary) -> None:
    """T11: also inside a transaction, of which nothing is left then."""
    acme, day = own.acme, own.day()
    invoice = acme.sandbox.add_invoice(date=day.isoformat(), syncStatus="Posted", total="70.00")
    job = job_of(acme, day, feeds=["invoices"], kinds=[Kind.INVOICE])
    happened: list[Boundary] = []

    def crash() -> None:
        happened.append(moment)
        own.crash()
        own.start()

    # Whether the run notices depends on what it writes next.
    with contextlib.suppress(DBAPIError):
        do(job, once(moment, crash))
    assert happened == [moment]
    acme.take_in_invoices()
    acme.run(day)
    assert acme.outcome(invoice["id"])[0] == "posted"
    assert str(acme.standing(invoice["id"])) == "70.00"
    assert_invariants(acme, day)


@_LIMITED
@pytest.mark.parametrize(
    "moment",
    [Boundary.SENDING_RECORDED, Boundary.FILE_ANSWERED, Boundary.POST_ANSWERED],
    ids=lambda moment: moment.name,
)
def test_when_the_journal_has_no_room_nothing_is_posted_twice_and_nothing_is_lost(own: Own, moment: Boundary) -> None:
    """T10: the log of the database is full, so that nothing can be committed until there is room again."""
    acme, day = own.acme, own.day()
    invoice = acme.add(day, PART_A="70.00")
    try:
        with pytest.raises(DBAPIError):
            do(job_of(acme, day, kinds=[Kind.INVOICE]), once(moment, lambda: own.limit(_NOTHING)))
    finally:
        own.no_limit()
    acme.run(day)
    assert str(acme.standing(invoice["id"])) == "70.00"
    assert_invariants(acme, day)


@_LIMITED
def test_when_the_inbox_has_no_room_503_is_answered_and_nothing_acknowledged_is_lost(own: Own, tmp_path: Path) -> None:
    """T10: the table of deliveries cannot grow any more."""
    connections = tmp_path / "connections"
    connections.mkdir()
    settings = Settings(
        data_dir=tmp_path / "data",
        database_url=own.server.url(APPLICATION_DATABASE),
        connections_dir=connections,
        connection_names=None,
    )
    prepare(settings, own.engine)
    statuses: dict[int, int] = {}
    with running_receiver(settings, own.engine) as receiver:
        own.limit(_TABLES_ONLY)
        try:
            for number in range(1, 41):
                padded = event(number, padding=secrets.token_hex(500_000))
                statuses[number] = receiver.send(padded).status_code
                if len(statuses) > 3 and list(statuses.values())[-3:] == [503] * 3:
                    break
        finally:
            own.no_limit()
        assert set(statuses.values()) == {200, 503}
        assert {row[0] for row in receiver.rows()} == {number for number, status in statuses.items() if status == 200}
        # What was refused is sent again.
        refused = [number for number, status in statuses.items() if status == 503]
        assert {receiver.send(event(number)).status_code for number in refused} == {200}
        assert {row[0] for row in receiver.rows()} == set(statuses)


@pytest.mark.parametrize(
    "moment",
    [Boundary.PAGE_WRITTEN, Boundary.FILE_ANSWERED, Boundary.POST_ANSWERED, Boundary.POSTED_RECORDED],
    ids=lambda moment: moment.name,
)
def test_after_a_power_cut_the_run_goes_on_from_what_the_disk_holds(own: Own, moment: Boundary) -> None:
    """T09: the files of the server, its log included, are copied in mid-run, and the copy is started."""
    acme, day = own.acme, own.day()
    invoice = acme.sandbox.add_invoice(date=day.isoformat(), syncStatus="Posted", total="70.00")
    with quick_folder() as folder, contextlib.ExitStack() as stack:

        def cut() -> None:
            copy_cluster(own.folder, folder)
            raise PowerCut

        with pytest.raises(PowerCut):
            do(job_of(acme, day, feeds=["invoices"], kinds=[Kind.INVOICE]), once(moment, cut))
        server = EmbeddedPostgres(folder, server_settings=_SERVER_SETTINGS)
        engine = engine_for(server.ensure_running())
        stack.callback(server.stop, force=True)
        stack.callback(engine.dispose)
        restored = stack.enter_context(bench(acme.sandbox, engine))
        restored.take_in_invoices()
        restored.run(day)
        assert str(restored.standing(invoice["id"])) == "70.00"
        assert_invariants(restored, day)
    # The other one knows nothing of what became of it, finds it, and posts nothing.
    ledger = acme.sandbox.ledger()
    acme.take_in_invoices()
    acme.run(day)
    assert acme.sandbox.ledger() == ledger
    assert_invariants(acme, day)


def copy_cluster(source: Path, target: Path) -> None:
    """Copy a running server's files as they are; ``cp`` keeps their owner."""
    copy = shutil.which("cp")
    assert copy is not None
    subprocess.run([copy, "-a", str(source / "postgres"), str(target)], check=True)  # noqa: S603 (our own folders)
    (target / "postgres" / "postmaster.pid").unlink()
