"""Our side: the services and the rules of orchestration as they are, without Dagster's runs.

``Runner`` stands where ``orchestration.in_process.InProcessRunner`` stands: the same steps in the same order, with the
same repetitions, as plain calls. Which days are run and what is read before is the product's own code.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date
from typing import Any, Self, TypeVar

from sqlalchemy import Engine

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import PipelineError, TransientError
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.orchestration.day_runs import DayRuns, Progress
from st_deltek_pipeline.orchestration.document_kinds import WORDS, posted_asset
from st_deltek_pipeline.orchestration.failures import MAX_RETRIES, MAX_RETRIES_WHEN_UNREACHABLE
from st_deltek_pipeline.orchestration.in_process import FinishedRun
from st_deltek_pipeline.orchestration.live_run import LiveReport, LiveRun
from st_deltek_pipeline.orchestration.presenting import ROW_COUNT
from st_deltek_pipeline.orchestration.replaying import _documents
from st_deltek_pipeline.orchestration.sync_job import SYNC_COMMAND
from st_deltek_pipeline.orchestration.syncing import SyncReport, SyncRequest, _Synchronisation
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.services.alignment import align_day
from st_deltek_pipeline.services.feeds import feeds_of
from st_deltek_pipeline.services.firm_alignment import align_firms
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.opening_invoices import read_opening_invoices
from st_deltek_pipeline.services.posting.check import check_file
from st_deltek_pipeline.services.posting.confirm import FileOutcome, confirm_file
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.services.posting.enter import enter_file
from st_deltek_pipeline.services.posting.planner import plan_day
from st_deltek_pipeline.services.posting.post import post_file
from st_deltek_pipeline.services.reference_data import poll_reference
from st_deltek_pipeline.services.staging import stage_day
from st_deltek_pipeline.services.write_back import write_back_day
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.credentials import ServiceTitanCredentials
from st_deltek_pipeline.store.command_lock import command_lock
from st_deltek_pipeline.transport.options import Timing, TransportOptions
from st_deltek_pipeline.transport.rate_limit import LocalRateLimiter
from st_deltek_pipeline.transport.session import UnreachableError
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.credentials import VantagepointCredentials
from st_deltek_pipeline_tests.simulation.clock import VirtualClock
from st_deltek_pipeline_tests.simulation.systems import Systems
from st_deltek_pipeline_tests.simulation.violation import Violation
from st_deltek_pipeline_tests.simulation.wire import TwinAdapter

T = TypeVar("T")


class AtOnce:
    """Stands for a pool of threads: what is handed in is done at once, in this thread."""

    def __init__(self, **_options: Any) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def submit(self, function: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Do it."""
        done: Future[T] = Future()
        try:
            done.set_result(function(*arguments))
        except BaseException as error:  # noqa: BLE001 - as a real pool does: who asks for the result is told
            done.set_exception(error)
        return done


class _Silent(Progress):
    def doing(self, what: str) -> None:
        pass

    def done(self, what: str) -> None:
        pass


@dataclass
class OurPipeline:
    """Database and clients of one process, as ``orchestration.resources.Pipeline`` gives them."""

    engine: Engine
    clock: VirtualClock
    titan: ServiceTitanClient
    vision: VantagepointClient
    username: str

    def servicetitan(self, _wiring: Wiring) -> ServiceTitanClient:
        """The client of the tenant."""
        return self.titan

    def vantagepoint(self, _wiring: Wiring) -> VantagepointClient:
        """The client of the books."""
        return self.vision

    def posting_context(self, wiring: Wiring, run_id: str) -> PostingContext:
        """What the posting services need."""
        return PostingContext(
            engine=self.engine,
            settings=wiring.connection,
            calendar=wiring.calendar,
            client=self.vision,
            username=self.username,
            run_id=run_id,
            now=self.clock.now,
            sleep=self.clock.sleep,
        )

    def refresh_statistics(self) -> None:
        """Nothing grows here."""


@dataclass
class Runner:
    """Runs a connection's steps as its Dagster jobs do, one after the other."""

    pipeline: OurPipeline
    wiring: Wiring
    run_id: str
    _runs: int = 0

    def take_in(self, *, full: bool = False) -> FinishedRun:
        """Do what the take-in job does."""
        run_id, clock, name = self._begin(), self.pipeline.clock, self.wiring.name
        metadata: dict[str, dict[str, Any]] = {}
        failed: list[PipelineError] = []
        for feed in feeds_of(self.wiring.connection):
            with _collected(failed):
                result = self._step(
                    lambda feed=feed: take_in_feed(
                        self.pipeline.engine, self.pipeline.titan, name, feed, run_id=run_id, full=full, now=clock.now
                    )
                )
                metadata[f"raw_{feed.name}"] = {"new_versions": result.new_versions}
        with _collected(failed):
            self.take_in_reference()
            if not failed:
                self.align_firms()
                self.read_opening_invoices()
        return self._ended(run_id, metadata, failed)

    def take_in_reference(self) -> FinishedRun:
        """Do what the part of the take-in job does that reads Vantagepoint's master data."""
        run_id, connection = self._begin(), self.wiring.connection
        self._step(
            lambda: poll_reference(
                self.pipeline.engine,
                self.pipeline.vision,
                connection.name,
                run_id=run_id,
                company=connection.vantagepoint.company,
            )
        )
        return FinishedRun(run_id, {})

    def align_firms(self) -> FinishedRun:
        """Do what the part of the take-in job does that matches customers and vendors."""
        run_id, ours = self._begin(), self.pipeline
        self._step(
            lambda: align_firms(ours.engine, ours.vision, self.wiring.connection, run_id=run_id, now=ours.clock.now)
        )
        return FinishedRun(run_id, {})

    def read_opening_invoices(self) -> FinishedRun:
        """Do what the part of the take-in job does that asks for old invoices."""
        run_id, ours = self._begin(), self.pipeline
        self._step(
            lambda: read_opening_invoices(
                ours.engine, ours.vision, self.wiring.connection, run_id=run_id, now=ours.clock.now
            )
        )
        return FinishedRun(run_id, {})

    def post_day(
        self,
        day: date,
        *,
        kinds: Collection[Kind] | None = None,
        write_back: bool = False,
        pinned_plan_hash: str | None = None,
        **_tie_out: bool,
    ) -> FinishedRun:
        """Do what the posting job does with a business day; how it ties out is looked at after the step."""
        run_id, ours, connection = self._begin(), self.pipeline, self.wiring.connection
        metadata: dict[str, dict[str, Any]] = {}
        failed: list[PipelineError] = []
        stopped: set[Kind] = set()
        for kind in self.wiring.kinds if kinds is None else kinds:
            if stopped & set(WORDS[kind].waits_for):
                stopped.add(kind)
                continue
            before = len(failed)
            with _collected(failed):
                metadata[posted_asset(kind)] = self._post(kind, day, run_id, pinned_plan_hash)
            if len(failed) > before:
                stopped.add(kind)
        if write_back and not failed:
            with _collected(failed):
                self._step(lambda: write_back_day(ours.engine, connection, ours.titan, day, run_id=run_id))
        return self._ended(run_id, metadata, failed)

    def _post(self, kind: Kind, day: date, run_id: str, pinned: str | None) -> dict[str, Any]:
        ours, connection = self.pipeline, self.wiring.connection
        context = ours.posting_context(self.wiring, run_id)
        self._step(lambda: stage_day(ours.engine, connection, self.wiring.calendar, kind, day, run_id=run_id))
        self._step(lambda: align_day(ours.engine, connection, kind, day, run_id=run_id))
        plan = self._step(lambda: plan_day(context, kind, day, pinned_hash=pinned))
        checked = self._each(plan.batches, lambda batch: check_file(context, batch))
        entered = self._each(checked, lambda batch: enter_file(context, batch))
        posted = self._each(entered, lambda batch: post_file(context, batch))
        outcomes: list[FileOutcome] = self._step(lambda: [confirm_file(context, batch) for batch in posted])
        landed = [outcome for outcome in outcomes if outcome.state is FileState.POSTED]
        return {
            ROW_COUNT: plan.documents,
            "posted_now": sum(outcome.documents for outcome in landed),
            "posted_now_total": str(total(outcome.amount for outcome in landed)),
            "posted_before": plan.unchanged,
            "held": plan.held,
            "ignored": plan.ignored,
            "plan_hash": plan.plan_hash,
        }

    def _each(self, batches: Collection[str], step: Callable[[str], tuple[str, ...]]) -> list[str]:
        return [found for batch in batches for found in self._step(lambda batch=batch: step(batch))]

    def _step(self, step: Callable[[], T]) -> T:
        """Do a step, again after a while where ``orchestration.failures`` asks for that."""
        for retry in range(MAX_RETRIES + 1):
            try:
                return step()
            except TransientError as error:
                most = MAX_RETRIES_WHEN_UNREACHABLE if isinstance(error, UnreachableError) else MAX_RETRIES
                if retry >= most:
                    raise
                self.pipeline.clock.sleep(max(error.retry_after or 0, 5 * 2**retry))
        raise AssertionError

    def _begin(self) -> str:
        self._runs += 1
        return f"{self.run_id}.{self._runs}"

    @staticmethod
    def _ended(run_id: str, metadata: dict[str, dict[str, Any]], failed: list[PipelineError]) -> FinishedRun:
        if failed:
            raise failed[0]
        return FinishedRun(run_id, metadata)


class _collected:  # noqa: N801 - reads as what it does
    """Keep an error of ours for later: the other branches of a run go on."""

    def __init__(self, errors: list[PipelineError]) -> None:
        self._errors = errors

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, PipelineError):
            self._errors.append(error)
            return True
        return False


@dataclass
class OurSide:
    """One connection as one of our processes sees it.

    Attributes:
        runs: How many runs there were, over all processes.
    """

    wiring: Wiring
    pipeline: OurPipeline
    runs: int = 0

    def days(self) -> DayRuns:
        """What runs days."""
        return DayRuns(self.pipeline, self.wiring, self.runner(), _Silent(), self.wiring.kinds)

    def runner(self) -> Runner:
        """What runs steps."""
        self.runs += 1
        return Runner(self.pipeline, self.wiring, f"run{self.runs}")

    def sync(self, request: SyncRequest | None = None) -> SyncReport:
        """Do what ``st-deltek sync`` does."""
        wanted = request or SyncRequest(self.wiring.name)
        with self._locked():
            return _Synchronisation(self.days()).run(wanted, wanted.days or None)

    def tie_out(self) -> None:
        """Do what ``st-deltek sync`` does, and see that its tie-out explains every cent.

        Raises:
            Violation: It does not.
        """
        report = self.sync()
        if not report.accounted_for:
            message = f"the tie-out of {report.connection} does not account for everything: {report.tie_out}"
            raise Violation(message)

    def live(self, *, settle: bool = True) -> LiveReport:
        """Do what the live system's job does."""
        with self._locked():
            runner = self.runner()
            run = LiveRun(self.pipeline, self.wiring, runner, _Silent(), runner.run_id)
            return run.run(settle=settle)

    def replay(self, work: Mapping[date, Sequence[Kind]]) -> None:
        """Do what ``st-deltek replay --range`` does, with some kinds of document."""
        with self._locked():
            runs = self.days()
            reports = runs.post(work)
            runs.post_released(reports, work)

    def reread(self, kind: Kind, document_id: int) -> None:
        """Do what ``st-deltek replay --document`` does."""
        with self._locked():
            _documents(self.days(), [(kind, document_id)])

    def _locked(self) -> Any:
        return command_lock(self.pipeline.engine, SYNC_COMMAND, self.wiring.name)


def wiring_of(connection: ConnectionSettings, clock: VirtualClock) -> Wiring:
    """Build a connection's wiring on virtual time."""
    calendar = business_calendar(connection.calendar, 2026, 2027)
    return Wiring(connection, calendar, None, now=clock.now)


def open_pipeline(
    systems: Systems, connection: ConnectionSettings, number: int, engine: Engine, jitter: Callable[[], float]
) -> OurPipeline:
    """Start a process of ours: clients without tokens, sessions of its own."""
    clock, tenant = systems.clock, systems.tenants[number]
    timing = Timing(sleep=clock.sleep, monotonic=clock.monotonic, now=clock.now, jitter=jitter)
    options = TransportOptions(timing=timing, adapter=TwinAdapter(systems.network))
    left, right = tenant.world.servicetitan, systems.vantagepoint.state.world
    limiter = LocalRateLimiter(10_000, monotonic=clock.monotonic, sleep=clock.sleep)
    titan = ServiceTitanClient(
        api_url=connection.servicetitan.api_url,
        auth_url=connection.servicetitan.auth_url,
        tenant_id=left.tenant_id,
        credentials=ServiceTitanCredentials(left.client_id, left.client_secret, left.app_key),
        rate_limiter=limiter,
        allow_insecure_hosts=True,
        options=options,
    )
    vision = VantagepointClient(
        base_url=connection.vantagepoint.base_url,
        database=right.database,
        credentials=VantagepointCredentials(right.username, right.password, right.client_id, right.client_secret),
        rate_limiter=limiter,
        allow_insecure_hosts=True,
        options=options,
    )
    return OurPipeline(engine, clock, titan, vision, right.username)
