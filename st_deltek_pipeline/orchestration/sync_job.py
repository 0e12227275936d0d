"""``NAME_sync``: the job behind the live system, launched by sensors, by the webhook receiver and by people.

It is one op around ``live_run``; the days it posts are runs of their own, in the same process, with their partitions.
"""

import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import dagster as dg

from st_deltek_pipeline.connections.job_names import sync_job_name, sync_op_name
from st_deltek_pipeline.orchestration.day_runs import Progress
from st_deltek_pipeline.orchestration.failures import explained
from st_deltek_pipeline.orchestration.in_process import GiveJob, InProcessRunner
from st_deltek_pipeline.orchestration.instance import open_instance
from st_deltek_pipeline.orchestration.live_run import LiveReport, LiveRun
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.run_tags import PARENT_RUN_TAG, TRIGGER_TAG, live_tags
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.store.command_lock import AlreadyRunningError, command_lock

SYNC_COMMAND = "sync"
"""The lock's name: a person's ``st-deltek sync`` and this job exclude each other."""

_LOCK_SECONDS = 60.0
_POLL_SECONDS = 0.2


class SyncConfig(dg.Config):
    """Options of the run.

    Attributes:
        settle: Also decide about everything else that has changed; without it only about what webhooks named.
    """

    settle: bool = True


def sync_job(wiring: Wiring, jobs_with: Callable[[Pipeline], GiveJob]) -> dg.JobDefinition:
    """Build the job of one connection.

    Args:
        wiring: The connection.
        jobs_with: Gives the connection's other jobs, with the resource that their steps are to use.
    """

    @dg.op(
        name=sync_op_name(wiring.name),
        description="Read what webhooks name, post its days, and decide again what has changed.",
        tags=wiring.tags,
    )
    def handle_changes(
        context: dg.OpExecutionContext, config: SyncConfig, pipeline: dg.ResourceParam[Pipeline]
    ) -> dg.Output[None]:
        with explained(context.retry_number):
            report = _sync(context, config, pipeline, wiring, jobs_with(pipeline))
        return dg.Output(None, metadata=_metadata(report))

    @dg.job(
        name=sync_job_name(wiring.name),
        description=(
            "Handles waiting webhooks and everything else that has changed: reads the records, stages, aligns and posts "
            "their business days, each as a run of its own. The same as st-deltek sync without reading whole feeds."
        ),
        tags=live_tags(wiring.name),
    )
    def job() -> None:
        handle_changes()

    return job


def _sync(
    context: dg.OpExecutionContext, config: SyncConfig, pipeline: Pipeline, wiring: Wiring, jobs: GiveJob
) -> LiveReport:
    tags = {PARENT_RUN_TAG: context.run_id}
    if TRIGGER_TAG in context.run.tags:
        tags[TRIGGER_TAG] = context.run.tags[TRIGGER_TAG]
    try:
        with _lock(pipeline, wiring), open_instance(pipeline.settings) as instance:
            runner = InProcessRunner(jobs, instance, wiring.name, tags=tags)
            runner.bury_dead_runs()
            return LiveRun(pipeline, wiring, runner, _Logged(context), context.run_id).run(settle=config.settle)
    except AlreadyRunningError:
        # What waits is still there for the run that the sensors request next.
        context.log.info("A person's st-deltek sync of this connection has been running for a minute; it goes first.")
        return LiveReport()


@contextmanager
def _lock(pipeline: Pipeline, wiring: Wiring) -> Generator[None]:
    """Hold the lock of synchronisations, waiting a while for a short one to end."""
    deadline = time.monotonic() + _LOCK_SECONDS
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(command_lock(pipeline.engine, SYNC_COMMAND, wiring.name))
                break
            except AlreadyRunningError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)
        yield


class _Logged(Progress):
    """Progress as lines of the run's log."""

    def __init__(self, context: dg.OpExecutionContext) -> None:
        self._log = context.log

    def doing(self, what: str) -> None:
        self._log.debug(what)

    def done(self, what: str) -> None:
        self._log.info(what)


def _metadata(report: LiveReport) -> dict[str, Any]:
    return {
        "events": report.events,
        "new_versions": report.new_versions,
        "posted_now": report.posted_now,
        "days": ", ".join(dict.fromkeys(day.day.isoformat() for day in report.days)),
        "settled": report.settled,
    }
