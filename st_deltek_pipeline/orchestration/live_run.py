"""What the live system does in one run: read what webhooks name, post its days, and decide again where something has changed.

One run takes as many events as wait, so a burst costs hardly more than one. Events are marked as handled only when their
days have been posted, held or ignored; a run that ends early leaves them waiting, and reading a record twice does no
harm. Days are run as ``st-deltek sync`` runs them, each a Dagster run with its partition.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from st_deltek_pipeline.domain.errors import PipelineError
from st_deltek_pipeline.orchestration.day_runs import DayReport, DayRuns, Progress
from st_deltek_pipeline.orchestration.in_process import InProcessRunner
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.settling import Settling, why_not_settled
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.services.named_records import PARTIES, NamedReading, NamedRecord, read_named_records
from st_deltek_pipeline.services.opening_invoices import opening_invoices_to_read
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.store import changes, inbox, reference
from st_deltek_pipeline.store.days import days_by_document
from st_deltek_pipeline.store.inbox import WaitingEvent

_EVENTS_AT_ONCE = 1000
# What arrives while a run works is taken along; a stream that never ends is for the next run.
_MOST_ROUNDS = 20
# What is held for an invoice that Vantagepoint does not have must not make every run ask again; the polls do.
_OPENING_INVOICES_STAY_READ = timedelta(minutes=10)
_UNKNOWN = "ServiceTitan has no such record (any more); the feeds tell of it if it comes to be."
_NOT_READ = "The connection does not move this kind of record."


@dataclass
class LiveReport:
    """What one run did.

    Attributes:
        events: Events that were handled.
        days: In the order of the runs.
        settled: Every day was decided with what is known.
    """

    events: int = 0
    new_versions: int = 0
    days: list[DayReport] = field(default_factory=list[DayReport])
    settled: bool = False

    @property
    def posted_now(self) -> int:
        """Documents added to Vantagepoint's ledger."""
        return sum(day.posted_now for day in self.days)


@dataclass(frozen=True)
class LiveRun:
    """One run of one connection, under the lock of its synchronisations.

    Attributes:
        run_id: The run that does it all; the days have runs of their own.
    """

    pipeline: Pipeline
    wiring: Wiring
    runner: InProcessRunner
    progress: Progress
    run_id: str
    failures: dict[date, PipelineError] = field(default_factory=dict[date, PipelineError])

    def run(self, *, settle: bool) -> LiveReport:
        """Handle every waiting event, and decide about everything that has changed.

        Args:
            settle: Decide about changes too; without it only about what events name, which is quicker.

        Raises:
            PipelineError: A run of a day failed, or ServiceTitan could not be asked. What was done stays done, and
                what was not waits.
        """
        report = LiveReport()
        if not reference.was_read(self.pipeline.engine, self.wiring.name):
            self.progress.doing("reading both systems for the first time")
            self.runner.take_in()
        for _ in range(_MOST_ROUNDS):
            if self.failures:
                break
            events = inbox.waiting(self.pipeline.engine, self.wiring.name, limit=_EVENTS_AT_ONCE)
            if events:
                self._follow(events, report)
            elif settle and not report.settled and why_not_settled(self.pipeline.engine, self.wiring):
                self._settle(report)
            else:
                break
        for error in self.failures.values():
            raise error
        return report

    @property
    def _days(self) -> DayRuns:
        return DayRuns(self.pipeline, self.wiring, self.runner, self.progress, self.wiring.kinds, self.failures)

    def _follow(self, events: Sequence[WaitingEvent], report: LiveReport) -> None:
        engine, name = self.pipeline.engine, self.wiring.name
        named = {_named(event) for event in events if event.record_kind in _READABLE}
        self.progress.doing(f"reading {len(named):,} records that {len(events):,} events name")
        client = self.pipeline.servicetitan(self.wiring)
        read = read_named_records(
            engine, client, self.wiring.connection, named, run_id=self.run_id, now=self.wiring.now
        )
        if PARTIES & read.new_versions.keys():
            self.runner.align_firms()
        self._find_opening_invoices()
        work = self._days.with_work(self.run_id, held_too=False)
        done = self._days.post(work)
        done += self._days.post_released(done)
        handled = self._without_failed_days(events)
        with engine.begin() as db:
            for reason, seqs in _by_reason(handled, read).items():
                inbox.mark_handled(db, name, seqs, run_id=self.run_id, reason=reason)
            if not self.failures:
                # What this run read is decided about; what others brought meanwhile is not.
                changes.forget_of_run(db, name, self.run_id)
        report.events += len(handled)
        report.new_versions += sum(read.new_versions.values())
        report.days += done

    def _find_opening_invoices(self) -> None:
        """Ask Vantagepoint for old invoices that something new is applied to; without any this is one look.

        What is applied to them waits when that fails; it is no reason to keep everything else waiting.
        """
        if not opening_invoices_to_read(
            self.pipeline.engine,
            self.wiring.connection,
            older_than=_OPENING_INVOICES_STAY_READ,
            now=self.wiring.now,
        ):
            return
        self.progress.doing("asking Vantagepoint for invoices from before the connection's start")
        try:
            self.runner.read_opening_invoices()
        except PipelineError as error:
            self.progress.done(f"warning: {error}")

    def _settle(self, report: LiveReport) -> None:
        self._find_opening_invoices()
        settling = Settling.begin(self.pipeline.engine, self.wiring)
        done = self._days.post(self._days.with_work(self.run_id))
        done += self._days.post_released(done)
        report.days += done
        if not self.failures:
            settling.end(run_id=self.run_id)
            report.settled = True

    def _without_failed_days(self, events: Sequence[WaitingEvent]) -> Sequence[WaitingEvent]:
        """Leave out the events that may be about a day whose run failed; they wait for the next run."""
        if not self.failures:
            return events
        moved = {kind.value: kind for kind in self.wiring.kinds}
        failed: set[tuple[str, int]] = set()
        for kind in {event.record_kind for event in events} & moved.keys():
            ids = [event.record_id for event in events if event.record_kind == kind]
            days = days_by_document(self.pipeline.engine, self.wiring.name, moved[kind], ids, self.wiring.calendar)
            failed |= {(kind, record_id) for record_id, its_days in days.items() if its_days & self.failures.keys()}
        return [
            event
            for event in events
            if event.record_kind in moved and (event.record_kind, event.record_id) not in failed
        ]


_READABLE = frozenset(RecordKind)


def _named(event: WaitingEvent) -> NamedRecord:
    return RecordKind(event.record_kind), event.record_id


def _by_reason(events: Sequence[WaitingEvent], read: NamedReading) -> dict[str, list[int]]:
    """Sort events by what there is to say about them; nothing where the record was read."""
    found: dict[str, list[int]] = {}
    for event in events:
        found.setdefault(_reason(event, read), []).append(event.seq)
    return found


def _reason(event: WaitingEvent, read: NamedReading) -> str:
    # A kind that a newer version of the program wrote is no kind to this one.
    if event.record_kind not in _READABLE or _named(event) in read.not_read:
        return _NOT_READ
    if words := read.refused.get(_named(event)):
        return f"ServiceTitan refuses to give it: {words}"
    return _UNKNOWN if _named(event) in read.missing else ""
