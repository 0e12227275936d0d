"""The main job without a UI: take in, post every day that needs it, tie out. Each part is a Dagster run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Protocol

from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.reconciliation import TieOut
from st_deltek_pipeline.orchestration.build import definitions_of, wiring_of
from st_deltek_pipeline.orchestration.in_process import InProcessRunner
from st_deltek_pipeline.orchestration.instance import open_instance
from st_deltek_pipeline.orchestration.posting_assets import POSTED_ASSET
from st_deltek_pipeline.orchestration.presenting import ROW_COUNT
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.wiring import STAGED_KINDS, Wiring
from st_deltek_pipeline.services.coding_check import Finding, rule_problems
from st_deltek_pipeline.services.reconciliation import tie_out, tie_out_days
from st_deltek_pipeline.services.staging import pending_days
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.command_lock import command_lock
from st_deltek_pipeline.store.days import undecided_days
from st_deltek_pipeline.store.journal import Journal


@dataclass(frozen=True)
class SyncRequest:
    """What to synchronise.

    Attributes:
        connection: The connection's name.
        first, last: Business days to post, whatever is pending; both or neither.
        days: Single business days to post instead; those that cannot be posted (ahead, or a day off by now) are left
            out.
        pinned_plan_hash: Send only if the (single) day's plan has this hash.
    """

    connection: str
    first: date | None = None
    last: date | None = None
    pinned_plan_hash: str | None = None
    days: tuple[date, ...] = ()


@dataclass(frozen=True)
class DayReport:
    """What posting one business day did.

    Attributes:
        posted_now, posted_now_total: What this run added to Vantagepoint's ledger.
        posted_before: Documents that stood there already, unchanged.
    """

    day: date
    run_id: str
    documents: int
    posted_now: int
    posted_now_total: Decimal
    posted_before: int
    held: int
    ignored: int
    plan_hash: str


@dataclass(frozen=True)
class SyncReport:
    """What one synchronisation did, and whether every document is accounted for.

    Attributes:
        new_versions: By raw asset, record versions that were not known before.
        rule_problems: Coding rules that name what is missing or closed in Vantagepoint.
        tie_out: Of the days posted now, or of the requested ones; ``None`` when no day was.
    """

    connection: str
    take_in_run: str
    new_versions: Mapping[str, int]
    rule_problems: Sequence[Finding]
    days: Sequence[DayReport]
    tie_out: TieOut | None

    @property
    def posted_now(self) -> int:
        """Documents added to Vantagepoint's ledger."""
        return sum(day.posted_now for day in self.days)

    @property
    def accounted_for(self) -> bool:
        """True when no cent differs and no document is without an outcome."""
        return self.tie_out is None or (self.tie_out.balanced and not self.tie_out.unaccounted)


class Progress(Protocol):
    """Is told how a synchronisation goes."""

    def doing(self, what: str) -> None:
        """Something has begun that may take a while."""
        ...

    def done(self, what: str) -> None:
        """Something has ended, with its result in a line."""
        ...


def synchronise(settings: Settings, request: SyncRequest, progress: Progress) -> SyncReport:
    """Take in, post and tie out one connection.

    Args:
        settings: The installation.
        request: Connection and days.
        progress: Told about every step.

    Returns:
        What was done; look at ``accounted_for``.

    Raises:
        ConfigurationError: No such connection, or days that are none.
        TransientError: Another synchronisation of this connection is running, or a run may succeed later.
        PipelineError: A run failed; what earlier runs did stays done.
    """
    connection = find_connection(settings, request.connection)
    wiring = wiring_of(connection)
    wanted = _wanted_days(wiring, request)
    pipeline = Pipeline(settings)
    progress.doing("opening the database and Dagster's instance")
    try:
        with command_lock(pipeline.engine, "sync", connection.name), open_instance(settings) as instance:
            runner = InProcessRunner(definitions_of(wiring, pipeline), instance, connection.name)
            runner.bury_dead_runs()
            for run_id in runner.free_pools():
                progress.done(f"waiting for run {run_id[:8]} of Dagster, which is using the same systems")
            return _Synchronisation(pipeline, wiring, runner, progress).run(request, wanted)
    finally:
        pipeline.close()


@dataclass(frozen=True)
class _Synchronisation:
    pipeline: Pipeline
    wiring: Wiring
    runner: InProcessRunner
    progress: Progress

    def run(self, request: SyncRequest, wanted: Sequence[date] | None) -> SyncReport:
        self.progress.doing("taking in ServiceTitan's records and Vantagepoint's master data")
        taken_in = self.runner.take_in()
        new_versions = {
            asset.removeprefix("raw_"): taken_in.number(asset, "new_versions")
            for asset in taken_in.metadata
            if asset.startswith("raw_")
        }
        self.progress.done(_taken_in_line(new_versions))
        misfits = rule_problems(self.pipeline.engine, self.wiring.connection)
        for found in misfits:
            self.progress.done(f"warning: {found.subject}: {found.message} {found.advice}")
        days = self._days_with_work(taken_in.run_id) if wanted is None else wanted
        reports = [self._post(day, request.pinned_plan_hash) for day in days]
        result = None
        if days:
            self.progress.doing("tying out")
            result = self._tie_out(days, request, undated=wanted is None)
        return SyncReport(self.wiring.name, taken_in.run_id, new_versions, misfits, reports, result)

    def _tie_out(self, days: Sequence[date], request: SyncRequest, *, undated: bool) -> TieOut:
        engine, connection = self.pipeline.engine, self.wiring.connection
        if request.days:
            return tie_out_days(engine, connection, days, kinds=STAGED_KINDS)
        return tie_out(engine, connection, min(days), max(days), kinds=STAGED_KINDS, undated=undated)

    def _days_with_work(self, run_id: str) -> Sequence[date]:
        """Days with something to stage, to decide, to go on with, or held that may be released by now."""
        engine, connection, calendar = self.pipeline.engine, self.wiring.connection, self.wiring.calendar
        journal = Journal(engine, connection.name, run_id=run_id)
        days = {
            *pending_days(engine, connection, calendar, STAGED_KINDS),
            *undecided_days(engine, connection.name, Kind.INVOICE),
            *journal.days_with_work(Kind.INVOICE),
        }
        newest = _newest_day(self.wiring)
        later = [day for day in days if day > newest]
        if later:
            self.progress.done(f"documents dated ahead wait for their day: {len(later)} days after {newest}")
        return _postable(days, self.wiring)

    def _post(self, day: date, pinned_plan_hash: str | None) -> DayReport:
        self.progress.doing(f"posting {day}")
        run = self.runner.post_day(day, pinned_plan_hash=pinned_plan_hash)
        report = DayReport(
            day=day,
            run_id=run.run_id,
            documents=run.number(POSTED_ASSET, ROW_COUNT),
            posted_now=run.number(POSTED_ASSET, "posted_now"),
            posted_now_total=run.amount(POSTED_ASSET, "posted_now_total"),
            posted_before=run.number(POSTED_ASSET, "posted_before"),
            held=run.number(POSTED_ASSET, "held"),
            ignored=run.number(POSTED_ASSET, "ignored"),
            plan_hash=run.text(POSTED_ASSET, "plan_hash"),
        )
        self.progress.done(
            f"{day}  {report.documents} documents: {report.posted_now} posted now ({report.posted_now_total:,.2f}), "
            f"{report.posted_before} before, {report.held} held, {report.ignored} ignored"
        )
        return report


def _newest_day(wiring: Wiring) -> date:
    return wiring.calendar.business_day(wiring.calendar.today(datetime.now(UTC)))


def _postable(days: Iterable[date], wiring: Wiring) -> Sequence[date]:
    newest = _newest_day(wiring)
    # A day that was posted before it became a day off has no partition any more; its key is the next one.
    return sorted(day for day in days if day <= newest and wiring.calendar.is_business_day(day))


def _wanted_days(wiring: Wiring, request: SyncRequest) -> Sequence[date] | None:
    if request.days:
        return _postable(request.days, wiring)
    if request.first is None or request.last is None:
        return None
    if request.first > request.last:
        message = f"{request.first} is after {request.last}."
        raise ConfigurationError(message, advice="Give the earlier day first.")
    if request.first < wiring.connection.start_date:
        message = f"{request.first} is before {wiring.name}'s start_date, {wiring.connection.start_date}."
        raise ConfigurationError(message, advice="Documents before it are never posted; correct the day or the file.")
    newest = _newest_day(wiring)
    if request.last > newest:
        message = f"{request.last} is in the future."
        raise ConfigurationError(message, advice=f"The last business day that can be posted is {newest}.")
    days = list(wiring.calendar.business_days(request.first, request.last))
    if not days:
        message = f"There is no business day from {request.first} to {request.last}."
        next_day = wiring.calendar.business_day(request.first)
        raise ConfigurationError(message, advice=f"What is dated then belongs to {next_day}.")
    if request.pinned_plan_hash is not None and len(days) != 1:
        message = "A plan hash is that of one business day."
        raise ConfigurationError(message, advice="Give the same day as first and last.")
    return days


def _taken_in_line(new_versions: Mapping[str, int]) -> str:
    found = [f"{count} {asset.replace('_', ' ')}" for asset, count in new_versions.items() if count]
    return f"took in {', '.join(found)}" if found else "took in nothing new"
