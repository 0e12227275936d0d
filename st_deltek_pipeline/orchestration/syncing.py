"""The main job without a UI: take in, post every day that needs it, tie out. Each part is a Dagster run.

Which days need it and how they are run is in ``day_runs``; what the live system does instead is in ``live_run``.
"""

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.connections.kinds import chosen_kinds
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.domain.errors import ConfigurationError, PipelineError
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.domain.reconciliation import TieOut
from st_deltek_pipeline.orchestration.build import definitions_of, wiring_of
from st_deltek_pipeline.orchestration.day_runs import DayReport, DayRuns, Progress, newest_day, postable
from st_deltek_pipeline.orchestration.in_process import InProcessRunner
from st_deltek_pipeline.orchestration.instance import open_instance
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.settling import Settling
from st_deltek_pipeline.orchestration.sync_job import SYNC_COMMAND
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.services.coding_check import rule_problems
from st_deltek_pipeline.services.findings import Finding
from st_deltek_pipeline.services.reconciliation import tie_out, tie_out_days
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.command_lock import command_lock
from st_deltek_pipeline.store.journal import Journal

_READER = "sync"


@dataclass(frozen=True)
class SyncRequest:
    """What to synchronise.

    Attributes:
        connection: The connection's name.
        first, last: Business days to post, whatever is pending; both or neither.
        days: Single business days to post instead; those that cannot be posted (ahead, or a day off by now) are left
            out.
        kinds: Kinds of document to post and tie out; all that the connection moves when empty.
        pinned_plan_hash: Send only if the plan of the (single) day and kind has this hash.
    """

    connection: str
    first: date | None = None
    last: date | None = None
    pinned_plan_hash: str | None = None
    days: tuple[date, ...] = ()
    kinds: tuple[Kind, ...] = ()


@dataclass(frozen=True)
class SyncReport:
    """What one synchronisation did, and whether every document is accounted for.

    Attributes:
        new_versions: By raw asset, record versions that were not known before.
        rule_problems: Coding rules that name what is missing or closed in Vantagepoint.
        days: In the order of the runs; a day may have several.
        tie_out: Of the days posted now and those with documents on hold, or of the requested ones; ``None`` when there are none.
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
    def posted_now_by_kind(self) -> Mapping[Kind, tuple[int, Decimal]]:
        """Number and amount of the documents added to Vantagepoint's ledger, for each kind of which there are any."""
        runs = [each for day in self.days for each in day.kinds if each.posted_now]
        return {
            kind: (
                sum(each.posted_now for each in runs if each.kind is kind),
                total(each.posted_now_total for each in runs if each.kind is kind),
            )
            for kind in POSTING_ORDER
            if any(each.kind is kind for each in runs)
        }

    @property
    def not_closed(self) -> Mapping[date, PipelineError]:
        """Why days could not be closed, by the last run of each."""
        last = {day.day: day.not_closed for day in self.days if day.not_closed is not None or day.verdict}
        return {day: error for day, error in sorted(last.items()) if error is not None}

    @property
    def accounted_for(self) -> bool:
        """True when no cent differs and no document is without an outcome."""
        return self.tie_out is None or (self.tie_out.balanced and not self.tie_out.unaccounted)


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
    kinds = chosen_kinds(connection, request.kinds, one=request.pinned_plan_hash is not None)
    wanted = _wanted_days(wiring, request)
    with day_runs(settings, wiring, progress, kinds=kinds) as days:
        return _Synchronisation(days).run(request, wanted)


@contextmanager
def day_runs(
    settings: Settings,
    wiring: Wiring,
    progress: Progress,
    *,
    kinds: tuple[Kind, ...] = (),
    tags: Mapping[str, str] | None = None,
) -> Generator[DayRuns]:
    """Open everything that running a connection's days in this process needs, under the lock of its synchronisations.

    Args:
        settings: The installation.
        wiring: The connection.
        progress: Told about every step.
        kinds: Kinds of document; all that the connection moves when empty.
        tags: Of every run.

    Raises:
        TransientError: Another synchronisation of this connection is running.
    """
    pipeline = Pipeline(settings)
    progress.doing("opening the database and Dagster's instance")
    try:
        with command_lock(pipeline.engine, SYNC_COMMAND, wiring.name), open_instance(settings) as instance:
            jobs = definitions_of(wiring, pipeline).resolve_job_def
            runner = InProcessRunner(jobs, instance, wiring.name, tags=tags)
            runner.bury_dead_runs()
            for run_id in runner.free_pools():
                progress.done(f"run {run_id[:8]} of Dagster is using the same systems; the two take turns in posting")
            yield DayRuns(pipeline, wiring, runner, progress, kinds or wiring.kinds)
    finally:
        pipeline.close()


@dataclass(frozen=True)
class _Synchronisation:
    days: DayRuns

    @property
    def pipeline(self) -> Pipeline:
        return self.days.pipeline

    @property
    def wiring(self) -> Wiring:
        return self.days.wiring

    def run(self, request: SyncRequest, wanted: Sequence[date] | None) -> SyncReport:
        progress, kinds = self.days.progress, self.days.kinds
        progress.doing("taking in ServiceTitan's records and Vantagepoint's master data")
        taken_in = self.days.runner.take_in()
        new_versions = {
            asset.removeprefix("raw_"): taken_in.number(asset, "new_versions")
            for asset in taken_in.metadata
            if asset.startswith("raw_")
        }
        progress.done(_taken_in_line(new_versions))
        misfits = rule_problems(self.pipeline.engine, self.wiring.connection)
        for found in misfits:
            progress.done(f"warning: {found.subject}: {found.message} {found.advice}")
        settling = Settling.begin(self.pipeline.engine, self.wiring) if wanted is None and not request.kinds else None
        work = self.days.with_work(taken_in.run_id) if wanted is None else dict.fromkeys(wanted, kinds)
        reports = self.days.post(work, pinned_plan_hash=request.pinned_plan_hash)
        reports += self.days.post_released(reports, wanted)
        if settling is not None:
            settling.end(run_id=taken_in.run_id)
        days = {report.day for report in reports}
        if wanted is None:
            days |= self._days_on_hold()
        result = None
        if days:
            progress.doing("tying out")
            result = self._tie_out(days, request, undated=wanted is None)
        return SyncReport(self.wiring.name, taken_in.run_id, new_versions, misfits, reports, result)

    def _days_on_hold(self) -> set[date]:
        journal = Journal(self.pipeline.engine, self.wiring.name, run_id=_READER)
        return {
            outcome.business_day
            for kind in self.days.kinds
            for outcome in journal.held(kind).values()
            if outcome.business_day is not None
        }

    def _tie_out(self, days: Collection[date], request: SyncRequest, *, undated: bool) -> TieOut:
        engine, connection = self.pipeline.engine, self.wiring.connection
        self.pipeline.refresh_statistics()
        if request.days:
            return tie_out_days(engine, connection, sorted(set(days)), kinds=self.days.kinds)
        return tie_out(engine, connection, min(days), max(days), kinds=self.days.kinds, undated=undated)


def wanted_days(wiring: Wiring, first: date | None, last: date | None) -> Sequence[date] | None:
    """Return the business days of a range that a person names; ``None`` without one.

    Args:
        wiring: The connection.
        first: The first day.
        last: The last day.

    Raises:
        ConfigurationError: The range begins before the connection does, ends ahead, or has no business day in it.
    """
    if first is None or last is None:
        return None
    if first > last:
        message = f"{first} is after {last}."
        raise ConfigurationError(message, advice="Give the earlier day first.")
    if first < wiring.connection.start_date:
        message = f"{first} is before {wiring.name}'s start_date, {wiring.connection.start_date}."
        raise ConfigurationError(message, advice="Documents before it are never posted; correct the day or the file.")
    newest = newest_day(wiring)
    if last > newest:
        message = f"{last} is in the future."
        raise ConfigurationError(message, advice=f"The last business day that can be posted is {newest}.")
    days = list(wiring.calendar.business_days(first, last))
    if not days:
        message = f"There is no business day from {first} to {last}."
        raise ConfigurationError(
            message, advice=f"What is dated then belongs to {wiring.calendar.business_day(first)}."
        )
    return days


def _wanted_days(wiring: Wiring, request: SyncRequest) -> Sequence[date] | None:
    if request.days:
        return postable(request.days, wiring)
    days = wanted_days(wiring, request.first, request.last)
    if days is not None and request.pinned_plan_hash is not None and len(days) != 1:
        message = "A plan hash is that of one business day."
        raise ConfigurationError(message, advice="Give the same day as first and last.")
    return days


def _taken_in_line(new_versions: Mapping[str, int]) -> str:
    found = [f"{count} {asset.replace('_', ' ')}" for asset, count in new_versions.items() if count]
    return f"took in {', '.join(found)}" if found else "took in nothing new"
