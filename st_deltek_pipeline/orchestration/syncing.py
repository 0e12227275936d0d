"""The main job without a UI: take in, post every day that needs it, tie out. Each part is a Dagster run.

A day's run only has the kinds of document that need it. Of several days the receivables come first, and what still
waited for something that another day brought is run again in the same synchronisation, a few times at most.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Protocol

from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.connections.kinds import chosen_kinds
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.money import shown, total
from st_deltek_pipeline.domain.reconciliation import AREAS, Area, TieOut
from st_deltek_pipeline.orchestration.build import definitions_of, wiring_of
from st_deltek_pipeline.orchestration.document_kinds import WORDS, posted_asset
from st_deltek_pipeline.orchestration.in_process import FinishedRun, InProcessRunner
from st_deltek_pipeline.orchestration.instance import open_instance
from st_deltek_pipeline.orchestration.presenting import ROW_COUNT
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.services.coding_check import rule_problems
from st_deltek_pipeline.services.day_documents import days_of_deposits
from st_deltek_pipeline.services.findings import Finding
from st_deltek_pipeline.services.following import days_left_behind
from st_deltek_pipeline.services.held_days import days_to_decide_again
from st_deltek_pipeline.services.reconciliation import tie_out, tie_out_days
from st_deltek_pipeline.services.staging import pending_days, settle_unchanged_day
from st_deltek_pipeline.services.write_back import write_back_days
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.command_lock import command_lock
from st_deltek_pipeline.store.days import undecided_days
from st_deltek_pipeline.store.journal import Journal

# A payment waits for its invoice, and a deposit's payments for each other; a longer chain is for the next run.
_MOST_PASSES = 3
_READER = "sync"
_RELEASED_BY_OTHERS = (HoldReason.WAITING_FOR_INVOICE, HoldReason.OVER_APPLIED, HoldReason.DEPOSIT_INCOMPLETE)
_RECEIVABLES = (Kind.INVOICE, Kind.CREDIT_MEMO, Kind.PAYMENT)
_APPLIED_TO = AREAS[Area.AR]


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
class KindReport:
    """What posting one kind of document of a business day did.

    Attributes:
        posted_now, posted_now_total: What this run added to Vantagepoint's ledger.
        posted_before: Documents that stood there already, unchanged.
    """

    kind: Kind
    documents: int
    posted_now: int
    posted_now_total: Decimal
    posted_before: int
    held: int
    ignored: int
    plan_hash: str


@dataclass(frozen=True)
class DayReport:
    """What one run of a business day did.

    Attributes:
        kinds: Those that were run, in the order of posting.
    """

    day: date
    run_id: str
    kinds: tuple[KindReport, ...]

    @property
    def documents(self) -> int:
        """Documents of the day, of the kinds that were run."""
        return sum(each.documents for each in self.kinds)

    @property
    def posted_now(self) -> int:
        """Documents this run added to Vantagepoint's ledger."""
        return sum(each.posted_now for each in self.kinds)

    @property
    def posted_before(self) -> int:
        """Documents that stood there already, unchanged."""
        return sum(each.posted_before for each in self.kinds)

    @property
    def held(self) -> int:
        """Documents that are held."""
        return sum(each.held for each in self.kinds)

    @property
    def ignored(self) -> int:
        """Documents that are ignored."""
        return sum(each.ignored for each in self.kinds)


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
    kinds = chosen_kinds(connection, request.kinds, one=request.pinned_plan_hash is not None)
    wanted = _wanted_days(wiring, request)
    pipeline = Pipeline(settings)
    progress.doing("opening the database and Dagster's instance")
    try:
        with command_lock(pipeline.engine, "sync", connection.name), open_instance(settings) as instance:
            runner = InProcessRunner(definitions_of(wiring, pipeline), instance, connection.name)
            runner.bury_dead_runs()
            for run_id in runner.free_pools():
                progress.done(f"run {run_id[:8]} of Dagster is using the same systems; the two take turns in posting")
            return _Synchronisation(pipeline, wiring, runner, progress, kinds).run(request, wanted)
    finally:
        pipeline.close()


@dataclass(frozen=True)
class _Synchronisation:
    pipeline: Pipeline
    wiring: Wiring
    runner: InProcessRunner
    progress: Progress
    kinds: tuple[Kind, ...]

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
        work = self._days_with_work(taken_in.run_id) if wanted is None else dict.fromkeys(wanted, self.kinds)
        reports = [self._post(part, request.pinned_plan_hash) for part in _in_order(work)]
        reports += self._post_released(reports, wanted)
        days = {report.day for report in reports}
        if wanted is None:
            days |= self._days_on_hold()
        result = None
        if days:
            self.progress.doing("tying out")
            result = self._tie_out(days, request, undated=wanted is None)
        return SyncReport(self.wiring.name, taken_in.run_id, new_versions, misfits, reports, result)

    def _days_on_hold(self) -> set[date]:
        journal = Journal(self.pipeline.engine, self.wiring.name, run_id=_READER)
        return {
            outcome.business_day
            for kind in self.kinds
            for outcome in journal.held(kind).values()
            if outcome.business_day is not None
        }

    def _tie_out(self, days: Collection[date], request: SyncRequest, *, undated: bool) -> TieOut:
        engine, connection = self.pipeline.engine, self.wiring.connection
        self.pipeline.refresh_statistics()
        if request.days:
            return tie_out_days(engine, connection, sorted(set(days)), kinds=self.kinds)
        return tie_out(engine, connection, min(days), max(days), kinds=self.kinds, undated=undated)

    def _days_with_work(self, run_id: str) -> Mapping[date, Sequence[Kind]]:
        """Days with something to stage, to decide, to go on with, or held that may be released by now; oldest first."""
        engine, connection, calendar = self.pipeline.engine, self.wiring.connection, self.wiring.calendar
        journal = Journal(engine, connection.name, run_id=run_id)
        found: dict[date, list[Kind]] = {}
        for kind in self.kinds:
            pending = pending_days(engine, connection, calendar, (kind,))
            for day in {
                *(day for day in pending if not self._says_nothing_new(kind, day, run_id)),
                *undecided_days(engine, connection.name, kind),
                *journal.days_under_way(kind),
                *days_to_decide_again(engine, connection, kind),
                *(days_of_deposits(engine, connection, calendar) if kind is Kind.PAYMENT else ()),
            }:
                found.setdefault(day, []).append(kind)
        for day in write_back_days(engine, connection):
            found.setdefault(day, [])
        newest = _newest_day(self.wiring)
        later = [day for day in found if day > newest]
        if later:
            self.progress.done(f"documents dated ahead wait for their day: {len(later)} days after {newest}")
        return {day: found[day] for day in _postable(found, self.wiring)}

    def _says_nothing_new(self, kind: Kind, day: date, run_id: str) -> bool:
        connection, calendar = self.wiring.connection, self.wiring.calendar
        return settle_unchanged_day(self.pipeline.engine, connection, calendar, kind, day, run_id=run_id)

    def _post_released(self, before: Sequence[DayReport], wanted: Sequence[date] | None) -> list[DayReport]:
        """Run days again whose documents waited for what has been posted since: a payment is often dated before its invoice."""
        reports: list[DayReport] = []
        for _ in range(_MOST_PASSES):
            released = self._released([*before, *reports])
            days = [day for day in _postable(released, self.wiring) if wanted is None or day in wanted]
            again = [self._post(_Part(day, released[day]), None) for day in days]
            reports += again
            if not any(report.posted_now for report in again):
                break
        return reports

    def _released(self, reports: Sequence[DayReport]) -> Mapping[date, Sequence[Kind]]:
        engine, connection = self.pipeline.engine, self.wiring.connection
        found: dict[date, list[Kind]] = {}
        for kind in self.kinds:
            waiting = days_to_decide_again(engine, connection, kind, reasons=_RELEASED_BY_OTHERS)
            days = {day for day in waiting if _since(reports, day)}
            days |= set(days_left_behind(engine, connection, kind))
            if kind is Kind.PAYMENT:
                # A deposit may be known only since its payments' own days were staged.
                deposited = days_of_deposits(engine, connection, self.wiring.calendar)
                days |= set(deposited) - {report.day for report in reports}
            for day in days:
                found.setdefault(day, []).append(kind)
        return found

    def _post(self, part: "_Part", pinned_plan_hash: str | None) -> DayReport:
        day, kinds = part.day, part.kinds
        self.progress.doing(f"posting {day}")
        chosen = None if tuple(kinds) == self.wiring.kinds and pinned_plan_hash is None else kinds
        run = self.runner.post_day(
            day,
            kinds=chosen,
            write_back=part.last and self.wiring.writes_back,
            tie_out=part.last,
            pinned_plan_hash=pinned_plan_hash,
        )
        report = DayReport(day, run.run_id, tuple(_kind_report(run, kind) for kind in kinds))
        self.progress.done(_day_line(report))
        return report


@dataclass(frozen=True)
class _Part:
    """What one run does of a day.

    Attributes:
        last: No other run of the day is to follow, so that it is tied out.
    """

    day: date
    kinds: Sequence[Kind]
    last: bool = True


def _in_order(work: Mapping[date, Sequence[Kind]]) -> Sequence[_Part]:
    """Put the work into runs: a day each, but of several days first what others are applied to.

    Payments are often dated before their invoice. With every day's invoices posted first, they go with their own day's
    file and need not be run again.
    """
    if len(work) == 1:
        return [_Part(day, kinds) for day, kinds in work.items()]
    # A day of which nothing but telling ServiceTitan is left has no kinds.
    first = {day: [kind for kind in kinds if kind in _APPLIED_TO] for day, kinds in work.items()}
    second = {day: [kind for kind in kinds if kind not in _APPLIED_TO] for day, kinds in work.items()}
    return [
        *(_Part(day, kinds, last=not second[day]) for day, kinds in first.items() if kinds),
        *(_Part(day, kinds) for day, kinds in second.items() if kinds or not first[day]),
    ]


def _kind_report(run: FinishedRun, kind: Kind) -> KindReport:
    asset = posted_asset(kind)
    return KindReport(
        kind=kind,
        documents=run.number(asset, ROW_COUNT),
        posted_now=run.number(asset, "posted_now"),
        posted_now_total=run.amount(asset, "posted_now_total"),
        posted_before=run.number(asset, "posted_before"),
        held=run.number(asset, "held"),
        ignored=run.number(asset, "ignored"),
        plan_hash=run.text(asset, "plan_hash"),
    )


def _since(reports: Sequence[DayReport], day: date) -> bool:
    """Say whether receivables have changed since a day was run."""
    runs = [number for number, report in enumerate(reports) if report.day == day]
    later = reports[runs[-1] + 1 :] if runs else reports
    return any(each.posted_now for report in later for each in report.kinds if each.kind in _RECEIVABLES)


def _day_line(report: DayReport) -> str:
    posted = [
        f"{each.posted_now:,} {WORDS[each.kind].plural.replace('_', ' ')} {shown(each.posted_now_total)}"
        for each in report.kinds
        if each.posted_now
    ]
    return (
        f"{report.day}  {report.documents:,} documents: posted now {'; '.join(posted) or 'nothing'}"
        f"  ({report.posted_before:,} before, {report.held:,} held, {report.ignored:,} ignored)"
    )


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
