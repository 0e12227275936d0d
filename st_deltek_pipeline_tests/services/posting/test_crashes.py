"""A process dies at any moment, or loses its lock: the next run ends with everything posted exactly once.

A crash is a BaseException that nothing catches, raised before a call to Vantagepoint, after one that writes, or before a
commit: one moment per simulated run, for as many moments as the run has. What is after a commit is before the next of
these.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import LockLostError
from st_deltek_pipeline.domain.journal import FIRST_HASH, Event, EventType, event_hash
from st_deltek_pipeline.services.posting.check import check_file
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.services.posting.enter import enter_file
from st_deltek_pipeline.services.posting.post import post_file
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox
from st_deltek_pipeline_tests.services.posting.every_kind import FLOWS, set_up_for
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench, bench

_OPEN = {"planned", "sending", "in_doubt", "entered", "posting"}
_MOST_MOMENTS = 200
_STRIDE = 3
_WRITES = {"set_active_company", "set_active_period", "enter_file", "post_file", "delete_file"}


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Moments:
    """Counts the moments at which a process may die, and lets it die at one of them."""

    crash_at: int = 0
    passed: int = 0
    where: str = ""

    def tick(self, where: str) -> None:
        self.passed += 1
        if self.passed == self.crash_at:
            self.where = where
            raise Crash(where)


@dataclass
class CrashingClient:
    """Vantagepoint's client with a moment before and after every call."""

    client: Any
    moments: Moments

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.client, name)

        def with_moments(*args: Any, **kwargs: Any) -> Any:
            self.moments.tick(f"before {name}")
            answer = call(*args, **kwargs)
            if name in _WRITES:
                # After a call that only reads nothing has changed since the moment before it.
                self.moments.tick(f"after {name}")
            return answer

        return with_moments


@contextmanager
def dying(quiet: Bench, moments: Moments) -> Generator[Bench]:
    """The bench as a process that may die; its database sessions end with it."""
    own = engine_for(quiet.engine.url.render_as_string(hide_password=False))

    def before_commit(_connection: Connection) -> None:
        moments.tick("before a commit")

    event.listen(own, "commit", before_commit)
    try:
        yield replace(quiet, engine=own, vantagepoint=CrashingClient(quiet.vantagepoint, moments))
    finally:
        own.dispose()


def assert_chain_holds(quiet: Bench) -> None:
    """Recompute every event's hash from what is stored."""
    previous, sequence = FIRST_HASH, 0
    name = quiet.settings.name
    for row in quiet.rows("SELECT * FROM journal.events WHERE connection = :name ORDER BY sequence", name=name):
        sequence += 1
        document = DocumentKey(name, Kind(row.kind), row.document_id) if row.document_id is not None else None
        recomputed = event_hash(
            connection=row.connection,
            sequence=row.sequence,
            occurred_at=row.occurred_at,
            run_id=row.run_id,
            event=Event(EventType(row.event_type), {}, document, row.revision, row.batch),
            body=row.body,
            previous_hash=row.previous_hash,
        )
        assert (row.sequence, row.previous_hash, row.hash) == (sequence, previous, recomputed)
        previous = row.hash
    heads = quiet.rows("SELECT sequence, hash FROM journal.chain_heads WHERE connection = :name", name=name)
    assert [(head.sequence, head.hash) for head in heads] == ([(sequence, previous)] if sequence else [])


def assert_each_line_stands_once(quiet: Bench) -> None:
    """Every line we planned and did not give up stands in the ledger once, and no other of ours."""
    planned = {
        row.line_key: row.amount
        for row in quiet.rows(
            """
            SELECT line.line_key, line.amount FROM journal.posting_lines AS line
            JOIN journal.postings USING (connection, kind, document_id, posting_no)
            JOIN journal.transaction_files AS file USING (connection, batch)
            WHERE file.state <> 'refused'
            """
        )
    }
    lines = [row for row in quiet.sandbox.ledger() if row["AutoEntry"] == "N"]
    assert len({row["PKey"] for row in lines}) == len(lines)
    assert {row["PKey"]: -Decimal(row["Amount"]) for row in lines if row["PKey"] in planned} == planned


@dataclass(frozen=True)
class Case:
    """What a run has to do, and what must stand in Vantagepoint afterwards."""

    prepare: Callable[[Bench, date], tuple[dict[str, Any], ...]]
    expected: tuple[dict[str, Decimal], ...]
    held: frozenset[str] = frozenset()


def _new_invoice(quiet: Bench, day: date) -> tuple[dict[str, Any], ...]:
    return (quiet.add(day, PART_A="100.00"),)


def _correction(quiet: Bench, day: date) -> tuple[dict[str, Any], ...]:
    invoice = quiet.add(day, PART_A="100.00")
    quiet.run(day)
    quiet.change(invoice, PART_A="70.00", PART_B="50.00")
    return (invoice,)


def _poison(quiet: Bench, day: date) -> tuple[dict[str, Any], ...]:
    parts: tuple[dict[str, str], ...] = ({"PART_A": "10.00"}, {"PART_B": "20.00"})
    documents = tuple(quiet.add(day, **part) for part in parts)
    # Our reference data does not know: the project is closed after it was read.
    quiet.project("RHS2026", "I")
    return documents


CASES = {
    "new": Case(_new_invoice, ({"CHS2026": Decimal("100.00")},)),
    "correction": Case(_correction, ({"CHS2026": Decimal("70.00"), "RHS2026": Decimal("50.00")},)),
    "poison": Case(
        _poison,
        ({"CHS2026": Decimal("10.00")}, {}),
        frozenset({"refused"}),
    ),
}


@pytest.fixture(scope="module")
def month(module_engine: Engine) -> Generator[Bench]:
    """One sandbox for all simulated runs: each has documents of its own, and takes them out of the way."""
    with running_sandbox(invoices=20) as sandbox, bench(sandbox, module_engine) as connected:
        connected.take_in()
        yield connected


@pytest.mark.parametrize("name", CASES)
def test_a_crash_at_any_moment_leaves_nothing_behind_that_the_next_run_does_not_finish(month: Bench, name: str) -> None:
    case, quiet = CASES[name], month
    days = list(quiet.calendar.business_days(date(2026, 11, 2), date(2026, 12, 31)))
    crashed: list[str] = []
    for crash_at in range(1, _MOST_MOMENTS):
        # A day of its own for almost every round keeps all rounds as short as the first.
        day = days[crash_at % len(days)]
        quiet.project("RHS2026", "A")
        documents = case.prepare(quiet, day)
        quiet.prepare(day)
        moments = Moments(crash_at)
        with dying(quiet, moments) as process:
            try:
                process.send(process.plan(day).batches)
            except Crash:
                crashed.append(moments.where)
        quiet.run(day)
        where = f"{name}, crash {crash_at} {moments.where}"
        assert [quiet.owed(document) for document in documents] == list(case.expected), where
        tie_out = quiet.tie_out(day)
        assert tie_out.balanced, where
        assert tie_out.held.keys() == case.held, where
        assert not _OPEN & quiet.file_states().keys(), where
        for document, owed in zip(documents, case.expected, strict=True):
            if not owed:
                # Out of the way of the next round.
                quiet.sandbox.void_invoice(document["id"])
        if not moments.where:
            break
    else:
        pytest.fail(f"a run has over {_MOST_MOMENTS} moments")
    assert {"before enter_file", "after enter_file", "before post_file", "after post_file"} <= set(crashed)
    assert crashed.count("before a commit") > 5
    assert_each_line_stands_once(quiet)
    assert_chain_holds(quiet)


@pytest.mark.parametrize("name", [name for name in FLOWS if name != "invoice"])
def test_a_crash_while_another_kind_is_posted_is_finished_by_the_next_run(month: Bench, name: str) -> None:
    flow = FLOWS[name]
    quiet = set_up_for(month, flow)
    quiet.project("RHS2026", "A")
    days = list(quiet.calendar.business_days(date(2026, 11, 2), date(2026, 12, 31)))
    crashed: list[str] = []
    # The invoices above die at every moment; here it is every third one, and others for each kind.
    for crash_at in range(1 + list(FLOWS).index(name) % _STRIDE, _MOST_MOMENTS, _STRIDE):
        day = days[crash_at % len(days)]
        made = flow.make(quiet, day, "100.00")
        quiet.prepare(day, flow.kind)
        moments = Moments(crash_at)
        with dying(quiet, moments) as process:
            try:
                process.send(process.plan(day, flow.kind).batches)
            except Crash:
                crashed.append(moments.where)
        quiet.run(day, flow.kind)
        where = f"{name}, crash {crash_at} {moments.where}"
        assert quiet.outcome(made.id) == ("posted", "", Decimal("0.00")), where
        assert quiet.standing(made.id) == flow.effect("100.00"), where
        assert quiet.tie_out(day, None, flow.kind).balanced, where
        assert not _OPEN & quiet.file_states().keys(), where
        if not moments.where:
            break
    else:
        pytest.fail(f"a run has over {_MOST_MOMENTS} moments")
    assert len(crashed) > _MOST_MOMENTS // (10 * _STRIDE)
    assert_chain_holds(quiet)


@pytest.fixture
def sharing(quiet: Bench) -> Bench:
    quiet.add(PART_A="100.00")
    quiet.prepare(QUIET_DAY)
    return quiet


def end_lock_session(quiet: Bench) -> None:
    """Cut the session that holds the poster's lock, as a lost network or a fail-over does."""
    with quiet.engine.begin() as connection:
        ended = connection.execute(
            text(
                """
                SELECT pg_terminate_backend(pid) FROM pg_locks
                WHERE locktype = 'advisory' AND granted
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """
            )
        ).all()
    assert [row[0] for row in ended] == [True]


@dataclass
class Stolen:
    """A client during one of whose calls the worker loses its lock, and another one does the whole step."""

    quiet: Bench
    method: str
    take_over: Callable[[], None]
    client: Any

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.client, name)

        def stolen(*args: Any, **kwargs: Any) -> Any:
            if name == self.method:
                end_lock_session(self.quiet)
                self.take_over()
            return call(*args, **kwargs)

        return stolen


@pytest.mark.parametrize(
    ("step", "method"),
    [
        pytest.param("check", "read_control", id="while-checking"),
        pytest.param("enter", "active_period", id="before-entering"),
        pytest.param("enter", "enter_file", id="while-entering"),
        pytest.param("post", "active_period", id="before-posting"),
        pytest.param("post", "post_file", id="while-posting"),
    ],
)
def test_a_worker_that_lost_its_lock_writes_nothing_more_and_nothing_doubles(
    sharing: Bench, step: str, method: str
) -> None:
    (batch,) = sharing.plan(QUIET_DAY).batches
    if step in {"enter", "post"}:
        check_file(sharing.context, batch)
    if step == "post":
        enter_file(sharing.context, batch)
    steps: dict[str, Callable[[PostingContext, str], tuple[str, ...]]] = {
        "check": check_file,
        "enter": enter_file,
        "post": post_file,
    }

    def take_over() -> None:
        sharing.send((batch,))

    thief = Stolen(sharing, method, take_over, sharing.vantagepoint)
    stale = replace(sharing.context, client=thief, run_id="stale")
    events = "SELECT count(*) AS n FROM journal.events WHERE run_id = 'stale'"
    if method == "post_file":
        # Vantagepoint says that the file is posted already; there is nothing left to write.
        assert steps[step](stale, batch) == (batch,)
    else:
        with pytest.raises(LockLostError):
            steps[step](stale, batch)
    written = sharing.rows(events)[0].n
    # Written before the lock was lost, by the step's own announcement.
    assert written == (1 if method in {"enter_file", "post_file"} else 0)
    assert sharing.file_states() == {"posted": 1}
    assert sharing.ledger_total() == Decimal("100.00")
    assert sharing.tie_out(QUIET_DAY).balanced
    assert sharing.run(QUIET_DAY).batches == ()
    assert_each_line_stands_once(sharing)
    assert_chain_holds(sharing)
