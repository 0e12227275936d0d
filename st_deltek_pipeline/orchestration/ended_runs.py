"""Reads from Dagster which runs of a connection have ended: what failed in them, and what was done.

Runs of jobs carry the connection's tag. Those of "Materialize" and of backfills do not, but their assets begin with its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from st_deltek_pipeline.connections.job_names import sync_op_name
from st_deltek_pipeline.domain.alert_causes import SERVICETITAN
from st_deltek_pipeline.domain.run_failures import FORGOTTEN_AFTER, DoneWork, FailedWork
from st_deltek_pipeline.orchestration.close_assets import CLOSE_ASSET
from st_deltek_pipeline.orchestration.run_tags import CONNECTION_TAG, PARENT_RUN_TAG
from st_deltek_pipeline.orchestration.write_back_assets import EXPORTS_ASSET

VANTAGEPOINT = "Vantagepoint"
THIS_PROGRAM = "st-deltek"

RUNS_PER_LOOK = 100
"""How many ended runs one look reads, of whatever connection."""

# A run is stamped before its row is committed, so one may appear behind others that are younger.
_OVERLAP = timedelta(minutes=1)
_FIRST_LOOK_BACK = timedelta(hours=1)
# Set by Dagster on a failed run that it starts once more by itself, and on runs of one partition or of a range.
_WILL_RETRY_TAG = "dagster/will_retry"
_PARTITION_TAGS = ("dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_SYSTEM_OF_ASSET = {
    "raw_": SERVICETITAN,
    EXPORTS_ASSET: SERVICETITAN,
    "reference": VANTAGEPOINT,
    "firm_mappings": VANTAGEPOINT,
    "posted_": VANTAGEPOINT,
    CLOSE_ASSET: VANTAGEPOINT,
}
_DIED = "RunDied"
_LOOK = "Look at its log in Dagster's UI."


@dataclass(frozen=True)
class EndedRuns:
    """What runs have left behind.

    Attributes:
        cursor: Where the next look begins.
    """

    failed: Sequence[FailedWork]
    done: Sequence[DoneWork]
    cursor: str


def ended_runs(
    instance: dg.DagsterInstance,
    connection: str,
    cursor: str | None,
    *,
    now: datetime,
    failures_stand: bool = True,
    limit: int = RUNS_PER_LOOK,
) -> EndedRuns:
    """Read the runs that have ended since the last look, with a little overlap.

    Args:
        instance: Dagster.
        connection: The connection's name.
        cursor: From the last look; ``None`` looks an hour back.
        now: The present moment.
        failures_stand: Earlier failures were not made good, so it matters what was done; else only what was done after
            a failure is read.
        limit: The most runs to read; the next look goes on behind them.
    """
    since = _since(cursor, now)
    records = instance.get_run_records(
        filters=dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE], updated_after=since - _OVERLAP
        ),
        limit=limit,
        order_by="update_timestamp",
        ascending=True,
    )
    failed: list[FailedWork] = []
    done: list[DoneWork] = []
    for record in records:
        since = max(since, record.update_timestamp)
        run = record.dagster_run
        if _is_of(run, connection) and run.tags.get(_WILL_RETRY_TAG) != "true":
            ended = record.update_timestamp if record.end_time is None else datetime.fromtimestamp(record.end_time, UTC)
            broken = [] if run.is_success else _failures(instance, connection, run, ended)
            failed += broken
            if failed or failures_stand:
                done.append(DoneWork(_done(instance, run) - {each.work for each in broken}, ended))
    if len(records) == limit and records[-1].update_timestamp <= _since(cursor, now):
        # More runs ended within the overlap than one look reads: without a step forward it would read these for ever.
        since = records[-1].update_timestamp + _OVERLAP
    return EndedRuns(failed, done, since.isoformat())


def _since(cursor: str | None, now: datetime) -> datetime:
    if not cursor:
        return now - _FIRST_LOOK_BACK
    # After a long pause what is older would be forgotten at once.
    return max(datetime.fromisoformat(cursor), now - FORGOTTEN_AFTER)


def _is_of(run: dg.DagsterRun, connection: str) -> bool:
    tagged = run.tags.get(CONNECTION_TAG)
    if tagged is not None:
        return tagged == connection
    return any(key.path[0] == connection for key in run.asset_selection or ())


def _failures(instance: dg.DagsterInstance, connection: str, run: dg.DagsterRun, ended: datetime) -> list[FailedWork]:
    if _failed_in_a_part(instance, run):
        return []
    failed: dict[str, FailedWork] = {}
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        if event is None or event.step_key is None:
            continue
        work = _work_of_step(run, event.step_key)
        if work not in failed:
            asset = _node(event.step_key).removeprefix(f"{connection}__")
            # What this op does itself is reading ServiceTitan; the days it posts are runs of their own.
            system = SERVICETITAN if event.step_key == sync_op_name(connection) else _system_of(asset)
            failed[work] = _of_step(
                run.run_id, work, asset, system=system, failure=event.step_failure_data, ended=ended
            )
    if not failed:
        # Killed, out of memory, or never started: no step says anything.
        work = _work_of_job(run)
        failed[work] = FailedWork(
            run.run_id,
            work,
            _DIED,
            THIS_PROGRAM,
            f"A run of {_name_of(run)} ended before any step could say why: its process died, or it never started.",
            "Nothing is posted twice when it runs again. Check memory and disk of the machine.",
            ended,
        )
    return list(failed.values())


def _failed_in_a_part(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Say whether a run failed because one of the runs that it made did: that one says why."""
    parts = dg.RunsFilter(tags={PARENT_RUN_TAG: run.run_id}, statuses=[dg.DagsterRunStatus.FAILURE])
    return bool(instance.get_runs(parts, limit=1))


def _system_of(asset: str) -> str:
    return next((system for begin, system in _SYSTEM_OF_ASSET.items() if asset.startswith(begin)), THIS_PROGRAM)


def _of_step(
    run_id: str,
    work: str,
    asset: str,
    *,
    system: str,
    failure: Any,  # noqa: ANN401 - Dagster does not export the class
    ended: datetime,
) -> FailedWork:
    if failure.user_failure_data is not None:
        facts = {name: str(value.value) for name, value in failure.user_failure_data.metadata.items()}
        if "class" in facts:
            happened, following = facts.get("what_happened", ""), facts.get("what_next", "")
            return FailedWork(run_id, work, facts["class"], system, f"{asset}: {happened}", following, ended)
    innermost = None if failure.error is None else failure.error.cause or failure.error
    name = (innermost.cls_name if innermost is not None else None) or "Error"
    # Its text stays in the log: it may quote statements, records, addresses.
    return FailedWork(run_id, work, name, system, f"{asset} ended with an unexpected error ({name}).", _LOOK, ended)


def _done(instance: dg.DagsterInstance, run: dg.DagsterRun) -> frozenset[str]:
    """Say what work a run has done; of a run that failed only steps that are a whole asset count."""
    work: set[str] = {_work_of_job(run)} if run.is_success else set()
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS):
        step = entry.dagster_event.step_key if entry.dagster_event is not None else None
        if step is not None and (run.is_success or step == _node(step)):
            work.add(_work_of_step(run, step))
    return frozenset(work)


def _work_of_step(run: dg.DagsterRun, step_key: str) -> str:
    return f"{_node(step_key)} {_partition(run)}".rstrip()


def _work_of_job(run: dg.DagsterRun) -> str:
    return f"job {_name_of(run)} {_partition(run)}".rstrip()


def _node(step_key: str) -> str:
    """Name the asset of a step: steps of a graph are ``GRAPH.STEP[BATCH]``, and the next run has other batches."""
    return step_key.partition(".")[0].partition("[")[0]


def _partition(run: dg.DagsterRun) -> str:
    return " ".join(run.tags[tag] for tag in _PARTITION_TAGS if tag in run.tags)


def _name_of(run: dg.DagsterRun) -> str:
    # Dagster's own job for "Materialize" runs whatever was chosen, so its name alone says nothing.
    if CONNECTION_TAG in run.tags:
        return run.job_name
    chosen = sorted(key.to_user_string() for key in run.asset_selection or ())
    return ", ".join(chosen) if chosen else run.job_name
