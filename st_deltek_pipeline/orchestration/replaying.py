"""Replay: running again what was run before, from what is stored, or after reading single records again.

Nothing here decides what may be posted: a day that is run again posts what its plan differs by from the journal, which is
nothing unless something has changed. So any replay is safe, however often, and of whatever.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date

from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.orchestration.build import wiring_of
from st_deltek_pipeline.orchestration.day_runs import DayReport, DayRuns, Progress, postable
from st_deltek_pipeline.orchestration.live_run import LiveRun
from st_deltek_pipeline.orchestration.run_tags import TRIGGER_TAG
from st_deltek_pipeline.orchestration.syncing import SyncReport, day_runs, wanted_days
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.services.named_records import PARTIES, read_named_records
from st_deltek_pipeline.services.reconciliation import tie_out_days
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store import inbox
from st_deltek_pipeline.store.days import days_of_documents
from st_deltek_pipeline.store.journal import Journal

_RUN = "replay"


@dataclass(frozen=True)
class ReplayRequest:
    """What to run again; one of them.

    Attributes:
        connection: The connection's name.
        first, last: Every business day of a range, from what is stored.
        documents: Documents that are read again from ServiceTitan, and their days.
        holds: Every day with a held document.
        webhooks: Every webhook that was handled: its record is read again, and its day run.
    """

    connection: str
    first: date | None = None
    last: date | None = None
    documents: tuple[tuple[Kind, int], ...] = ()
    holds: bool = False
    webhooks: bool = False


@dataclass
class _Replayed:
    days: list[DayReport] = field(default_factory=list[DayReport])
    new_versions: dict[str, int] = field(default_factory=dict[str, int])


def replay(settings: Settings, request: ReplayRequest, progress: Progress) -> SyncReport:
    """Run something again, and tie out the days it concerns.

    Args:
        settings: The installation.
        request: What.
        progress: Told about every step.

    Returns:
        What was done; nothing is posted that stands already.

    Raises:
        ConfigurationError: No such connection, days that are none, or a document that is not known.
        TransientError: Another synchronisation of this connection is running, or a run may succeed later.
        PipelineError: A run failed; what earlier runs did stays done.
    """
    wiring = wiring_of(find_connection(settings, request.connection))
    wanted = wanted_days(wiring, request.first, request.last)
    unmoved = sorted({kind.value for kind, _ in request.documents if kind not in wiring.kinds})
    if unmoved:
        message = f"Connection {wiring.name} does not move this kind of document: {', '.join(unmoved)}."
        raise ConfigurationError(message, advice="Name it in posting.documents of the connection's file.")
    with day_runs(settings, wiring, progress, tags={TRIGGER_TAG: "replay"}) as days:
        if request.webhooks:
            done = _webhooks(days)
        elif request.documents:
            done = _documents(days, request.documents)
        else:
            done = _days(days, _held_days(days) if wanted is None else wanted)
        progress.doing("tying out")
        concerned = sorted({report.day for report in done.days})
        engine = days.pipeline.engine
        result = tie_out_days(engine, wiring.connection, concerned, kinds=wiring.kinds) if concerned else None
    return SyncReport(wiring.name, "", done.new_versions, (), done.days, result)


def _days(days: DayRuns, wanted: Collection[date]) -> _Replayed:
    reports = days.post(dict.fromkeys(sorted(wanted), days.kinds))
    reports += days.post_released(reports, wanted)
    return _Replayed(reports)


def _held_days(days: DayRuns) -> Sequence[date]:
    journal = Journal(days.pipeline.engine, days.wiring.name, run_id=_RUN)
    held = {outcome.business_day for kind in days.kinds for outcome in journal.held(kind).values()}
    return postable([day for day in held if day is not None], days.wiring)


def _documents(days: DayRuns, documents: Collection[tuple[Kind, int]]) -> _Replayed:
    wiring, engine = days.wiring, days.pipeline.engine
    days.progress.doing(f"reading {len(documents):,} documents again")
    named = [(RecordKind(kind.value), document_id) for kind, document_id in documents]
    client = days.pipeline.servicetitan(wiring)
    read = read_named_records(engine, client, wiring.connection, named, run_id=_RUN, now=wiring.now)
    versions = {kind.value: count for kind, count in read.new_versions.items()}
    days.progress.done(f"read {len(named):,} documents again: {sum(versions.values()):,} new versions")
    if PARTIES & read.new_versions.keys():
        days.runner.align_firms()
    work = {day: list(kinds) for day, kinds in days.with_work(_RUN, held_too=False).items()}
    for kind, document_id in documents:
        found = days_of_documents(engine, wiring.name, kind, [document_id])
        if not found and (RecordKind(kind.value), document_id) in read.missing:
            message = f"ServiceTitan does not know {kind.value} {document_id}, and neither do we."
            raise ConfigurationError(message, advice="Give ServiceTitan's id, not the document's number.")
        for day in postable(found, wiring):
            kinds = work.setdefault(day, [])
            kinds += [] if kind in kinds else [kind]
    reports = days.post({day: _in_order(wiring, kinds) for day, kinds in sorted(work.items())})
    reports += days.post_released(reports)
    return _Replayed(reports, versions)


def _in_order(wiring: Wiring, kinds: Collection[Kind]) -> Sequence[Kind]:
    return [kind for kind in wiring.kinds if kind in kinds]


def _webhooks(days: DayRuns) -> _Replayed:
    engine, name = days.pipeline.engine, days.wiring.name
    with engine.begin() as db:
        count = inbox.wait_again(db, name)
    days.progress.done(f"{count:,} webhooks that were handled wait again")
    done = _Replayed()
    live = LiveRun(days.pipeline, days.wiring, days.runner, days.progress, _RUN)
    while inbox.backlog(engine, [name]):
        report = live.run(settle=False)
        done.days += report.days
        done.new_versions["records"] = done.new_versions.get("records", 0) + report.new_versions
    return done
