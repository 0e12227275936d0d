"""The runs of business days that a synchronisation makes: which days, in which order, and what each of them did.

A day's run only has the kinds of document that need it. Of several days the receivables come first, and what still
waited for something that another day brought is run again in the same synchronisation, a few times at most.
Who synchronises, and what is taken in before, is in ``syncing`` and ``live_run``.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import (
    BrokenError,
    ConfigurationError,
    CredentialsError,
    InDoubtError,
    PermissionMissingError,
    PipelineError,
    RefusedError,
)
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.money import shown
from st_deltek_pipeline.domain.reconciliation import AREAS, Area
from st_deltek_pipeline.orchestration.close_assets import CLOSE_ASSET, VERDICT
from st_deltek_pipeline.orchestration.document_kinds import WORDS, posted_asset
from st_deltek_pipeline.orchestration.in_process import FinishedRun, InProcessRunner
from st_deltek_pipeline.orchestration.presenting import ROW_COUNT
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.services.day_documents import days_of_deposits
from st_deltek_pipeline.services.following import days_left_behind
from st_deltek_pipeline.services.held_days import days_to_decide_again
from st_deltek_pipeline.services.staging import pending_days, settle_unchanged_day
from st_deltek_pipeline.services.write_back import write_back_days
from st_deltek_pipeline.store.days import undecided_days
from st_deltek_pipeline.store.journal import Journal

# A payment waits for its invoice, and a deposit's payments for each other; a longer chain is for the next run.
_MOST_PASSES = 3
_READER = "day runs"
# Their documents wait for a transaction file, and a newer revision waits behind it.
_UNTIL_THE_FILE_IS_FINISHED = (HoldReason.POST_REFUSED, HoldReason.NO_CLEAR_ANSWER, HoldReason.AWAITING_REVIEW)
_RELEASED_BY_OTHERS = (HoldReason.WAITING_FOR_INVOICE, HoldReason.OVER_APPLIED, HoldReason.DEPOSIT_INCOMPLETE)
_RECEIVABLES = (Kind.INVOICE, Kind.CREDIT_MEMO, Kind.PAYMENT)
_APPLIED_TO = AREAS[Area.AR]


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
        verdict: Whether the day can be closed; empty when it was not closed in this run.
        not_closed: Why it could not be closed.
    """

    day: date
    run_id: str
    kinds: tuple[KindReport, ...]
    verdict: str = ""
    not_closed: PipelineError | None = None

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


class Progress(Protocol):
    """Is told how a synchronisation goes."""

    def doing(self, what: str) -> None:
        """Something has begun that may take a while."""
        ...

    def done(self, what: str) -> None:
        """Something has ended, with its result in a line."""
        ...


@dataclass(frozen=True)
class DayRuns:
    """Decides which days of one connection have to be run, and runs them.

    Attributes:
        kinds: Kinds of document, all that the connection moves or some of them.
        failures: Days whose run failed for a reason that is theirs alone, with that reason. Without such a list the first
            failed run ends it all.
    """

    pipeline: Pipeline
    wiring: Wiring
    runner: InProcessRunner
    progress: Progress
    kinds: tuple[Kind, ...]
    failures: dict[date, PipelineError] | None = None

    def with_work(self, run_id: str, *, held_too: bool = True) -> Mapping[date, Sequence[Kind]]:
        """Return the days that have to be run, each with its kinds of document, oldest first.

        These are days with something to stage, to decide or to go on with.

        Args:
            run_id: Who asks; recorded where nothing new is settled at once.
            held_too: Also those with held documents that would be decided otherwise now, which looks at each of them, and
                those about which ServiceTitan has to be told.
        """
        engine, connection, calendar = self.pipeline.engine, self.wiring.connection, self.wiring.calendar
        journal = Journal(engine, connection.name, run_id=run_id)
        found: dict[date, list[Kind]] = {}
        for kind in self.kinds:
            pending = pending_days(engine, connection, calendar, (kind,))
            for day in {
                *(day for day in pending if not self._says_nothing_new(kind, day, run_id)),
                *undecided_days(engine, connection.name, kind),
                *journal.days_under_way(kind),
                *(days_to_decide_again(engine, connection, kind) if held_too else ()),
                *(days_of_deposits(engine, connection, calendar) if kind is Kind.PAYMENT else ()),
            }:
                found.setdefault(day, []).append(kind)
        for day in write_back_days(engine, connection) if held_too else ():
            found.setdefault(day, [])
        newest = newest_day(self.wiring)
        later = [day for day in found if day > newest]
        if later:
            self.progress.done(f"documents dated ahead wait for their day: {len(later)} days after {newest}")
        return {day: found[day] for day in postable(found, self.wiring)}

    def post(self, work: Mapping[date, Sequence[Kind]], *, pinned_plan_hash: str | None = None) -> list[DayReport]:
        """Run days.

        Args:
            work: Days that can be posted, with their kinds of document.
            pinned_plan_hash: Send only if the plan of the (single) day and kind has this hash.

        Raises:
            PipelineError: A run failed; what earlier runs did stays done.
        """
        return [report for part in _in_order(work) for report in self._attempt(part, pinned_plan_hash)]

    def post_released(self, before: Sequence[DayReport], wanted: Collection[date] | None = None) -> list[DayReport]:
        """Run days again whose documents waited for what has been posted since.

        A payment is often dated before its invoice; a newer revision waits behind the file of the one before it.

        Args:
            before: What was run already.
            wanted: No other days than these; any when not given.

        Raises:
            PipelineError: A run failed; what earlier runs did stays done.
        """
        reports: list[DayReport] = []
        for _ in range(_MOST_PASSES):
            released = self._released([*before, *reports])
            days = [day for day in postable(released, self.wiring) if wanted is None or day in wanted]
            again = [report for day in days for report in self._attempt(_Part(day, released[day]), None)]
            reports += again
            if not any(report.posted_now for report in again):
                break
        return reports

    def _says_nothing_new(self, kind: Kind, day: date, run_id: str) -> bool:
        connection, calendar = self.wiring.connection, self.wiring.calendar
        return settle_unchanged_day(self.pipeline.engine, connection, calendar, kind, day, run_id=run_id)

    def _released(self, reports: Sequence[DayReport]) -> Mapping[date, Sequence[Kind]]:
        engine, connection = self.pipeline.engine, self.wiring.connection
        found: dict[date, list[Kind]] = {}
        for kind in self.kinds:
            waiting = days_to_decide_again(engine, connection, kind, reasons=_RELEASED_BY_OTHERS)
            days = {day for day in waiting if _since(reports, day, kind)}
            days |= set(days_left_behind(engine, connection, kind))
            days |= self._finished_behind(kind)
            if kind is Kind.PAYMENT:
                # A deposit may be known only since its payments' own days were staged.
                deposited = days_of_deposits(engine, connection, self.wiring.calendar)
                days |= set(deposited) - {report.day for report in reports}
            for day in days:
                found.setdefault(day, []).append(kind)
        return found

    def _finished_behind(self, kind: Kind) -> set[date]:
        """Return the days with a revision that waited behind a transaction file which is finished since."""
        journal = Journal(self.pipeline.engine, self.wiring.name, run_id=_READER)
        left = journal.days_left_waiting(kind, reasons=_UNTIL_THE_FILE_IS_FINISHED)
        # A day that failed is for the next synchronisation.
        return set(left) - (self.failures or {}).keys()

    def _attempt(self, part: "_Part", pinned_plan_hash: str | None) -> list[DayReport]:
        try:
            return [self._post(part, pinned_plan_hash)]
        except (BrokenError, RefusedError, InDoubtError) as error:
            # A setting or a missing right is every day's trouble.
            if self.failures is None or isinstance(
                error, ConfigurationError | CredentialsError | PermissionMissingError
            ):
                raise
            self.failures.setdefault(part.day, error)
            self.progress.done(f"{part.day} failed, the other days go on: {error}")
            return []

    def _post(self, part: "_Part", pinned_plan_hash: str | None) -> DayReport:
        day, kinds = part.day, part.kinds
        self.progress.doing(f"posting {day}")
        chosen = None if tuple(kinds) == self.wiring.kinds and pinned_plan_hash is None else kinds
        run = self.runner.post_day(
            day,
            kinds=chosen,
            write_back=part.last and self.wiring.writes_back,
            tie_out=part.last,
            close=part.last and set(self.kinds) == set(self.wiring.kinds),
            pinned_plan_hash=pinned_plan_hash,
        )
        report = DayReport(
            day,
            run.run_id,
            tuple(_kind_report(run, kind) for kind in kinds),
            run.text(CLOSE_ASSET, VERDICT),
            run.not_closed,
        )
        self.progress.done(_day_line(report))
        if report.not_closed is not None:
            self.progress.done(f"not closed: {report.not_closed}")
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


def _since(reports: Sequence[DayReport], day: date, kind: Kind) -> bool:
    """Say whether receivables have changed since a kind of a day was run; a day may have been run without it."""
    runs = [
        number
        for number, report in enumerate(reports)
        if report.day == day and any(each.kind is kind for each in report.kinds)
    ]
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


def newest_day(wiring: Wiring) -> date:
    """Return the last business day that can be posted."""
    return wiring.calendar.business_day(wiring.calendar.today(wiring.now()))


def postable(days: Iterable[date], wiring: Wiring) -> Sequence[date]:
    """Return those of some days that can be posted, oldest first: not ahead, and business days still."""
    newest = newest_day(wiring)
    # A day that was posted before it became a day off has no partition any more; its key is the next one.
    return sorted(day for day in days if day <= newest and wiring.calendar.is_business_day(day))
