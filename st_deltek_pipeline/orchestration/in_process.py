"""Runs a connection's jobs in this process, so that a command needs no daemon and its runs still show in the UI.

A resident ``execute_in_process`` starts a run in under a second; a run worker of its own costs four (dagster.md
section 3). The price is that such a run cannot be re-executed from the UI; materializing its assets there can.
"""

import os
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import (
    AlreadyExistsError,
    BrokenError,
    ConfigurationError,
    CredentialsError,
    InDoubtError,
    LockLostError,
    PermissionMissingError,
    PipelineError,
    RefusedError,
    TransientError,
)
from st_deltek_pipeline.orchestration.close_assets import CLOSE_ASSET, VERDICT
from st_deltek_pipeline.orchestration.document_kinds import aligned_asset, posted_asset, staged_asset
from st_deltek_pipeline.orchestration.firm_assets import MAPPINGS_ASSET
from st_deltek_pipeline.orchestration.interrupts import own_handlers_afterwards
from st_deltek_pipeline.orchestration.jobs import post_days_job_name, take_in_job_name
from st_deltek_pipeline.orchestration.opening_assets import OPENING_ASSET
from st_deltek_pipeline.orchestration.posting_assets import PLAN_OP
from st_deltek_pipeline.orchestration.run_tags import CONNECTION_TAG, DAY_TAG, TRIGGER_TAG
from st_deltek_pipeline.orchestration.run_workers import RunWorker, processes_can_be_told_apart
from st_deltek_pipeline.orchestration.tie_out_assets import TIE_OUT_ASSET
from st_deltek_pipeline.orchestration.wiring import servicetitan_pool, vantagepoint_pool
from st_deltek_pipeline.orchestration.write_back_assets import EXPORTS_ASSET
from st_deltek_pipeline.services.reference_data import REFERENCE_KINDS

STARTED_BY_TAG = "st_deltek/started_by"
STARTED_BY = "sync"

GiveJob = Callable[[str], dg.JobDefinition]
"""Gives a job by its name."""

_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_ERRORS: Mapping[str, type[PipelineError]] = {
    error.__name__: error
    for error in (
        TransientError,
        InDoubtError,
        BrokenError,
        ConfigurationError,
        CredentialsError,
        PermissionMissingError,
        LockLostError,
    )
}
_REFUSALS: Mapping[str, type[RefusedError]] = {error.__name__: error for error in (RefusedError, AlreadyExistsError)}
_CLOSE_ADVICE = "Its documents, and what to do: st-deltek close {} --day {}"
_QUIET: Mapping[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class FinishedRun:
    """A run that did what it was for.

    Attributes:
        metadata: By asset name (without the connection's prefix), what its materialization reported.
        not_closed: Why the day could not be closed, although everything else was done; Dagster shows such a run as failed.
    """

    run_id: str
    metadata: Mapping[str, Mapping[str, Any]]
    not_closed: PipelineError | None = None

    def number(self, asset: str, entry: str) -> int:
        """Return a number an asset reported; 0 when it reported none."""
        return int(self.metadata.get(asset, {}).get(entry, 0))

    def text(self, asset: str, entry: str) -> str:
        """Return a text an asset reported; empty when it reported none."""
        return str(self.metadata.get(asset, {}).get(entry, ""))

    def amount(self, asset: str, entry: str) -> Decimal:
        """Return an amount an asset reported (``presenting.money``); 0.00 when it reported none."""
        return Decimal(self.text(asset, entry).replace(",", "") or "0.00")


class InProcessRunner:
    """Runs the jobs of one connection, one after the other.

    Args:
        jobs: Where the connection's jobs are.
        instance: Where runs are recorded.
        connection: The connection's name.
        tags: Of every run, beside those that its job has.
    """

    def __init__(
        self,
        jobs: GiveJob,
        instance: dg.DagsterInstance,
        connection: str,
        *,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._jobs = jobs
        self._instance = instance
        self._connection = connection
        self._tags = {STARTED_BY_TAG: STARTED_BY, TRIGGER_TAG: "command", **(tags or {})}

    def bury_dead_runs(self) -> int:
        """End runs that a killed command left behind; call it only while no other such command can be running.

        Without this they would look alive for ever, and the next run would wait for their pool slots.

        Returns:
            How many there were.
        """
        filters = dg.RunsFilter(
            tags={CONNECTION_TAG: self._connection, STARTED_BY_TAG: STARTED_BY}, statuses=_UNFINISHED
        )
        dead = self._instance.get_runs(filters=filters)
        for run in dead:
            self._instance.report_run_failed(run, "The command that started this run ended before it.")
            self._instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        return len(dead)

    def free_pools(self) -> list[str]:
        """Give back the pool slots of runs that have ended without doing so.

        With a daemon running its monitoring does the same; a command must not depend on one.

        Returns:
            Ids of runs that still hold a slot.
        """
        storage = self._instance.event_log_storage
        active: list[str] = []
        for pool in (servicetitan_pool(self._connection), vantagepoint_pool(self._connection)):
            for run_id in sorted(storage.get_concurrency_info(pool).active_run_ids):
                run = self._instance.get_run_by_id(run_id)
                if run is None or run.is_finished:
                    storage.free_concurrency_slots_for_run(run_id)
                else:
                    active.append(run_id)
        return active

    def take_in(self) -> FinishedRun:
        """Run the connection's take-in job.

        Raises:
            PipelineError: A step failed; the class says what kind of trouble it is.
        """
        return self._run(take_in_job_name(self._connection))

    def take_in_reference(self) -> FinishedRun:
        """Run the part of the take-in job that reads Vantagepoint's master data.

        Raises:
            PipelineError: The step failed; the class says what kind of trouble it is.
        """
        names = [f"reference_{kind}" for kind in REFERENCE_KINDS]
        return self._run(
            take_in_job_name(self._connection), assets=[dg.AssetKey([self._connection, name]) for name in names]
        )

    def align_firms(self) -> FinishedRun:
        """Run the part of the take-in job that matches customers and vendors.

        Raises:
            PipelineError: The step failed; the class says what kind of trouble it is.
        """
        return self._run(take_in_job_name(self._connection), assets=[dg.AssetKey([self._connection, MAPPINGS_ASSET])])

    def read_opening_invoices(self) -> FinishedRun:
        """Run the part of the take-in job that asks Vantagepoint for invoices from before the connection's start.

        Raises:
            PipelineError: The step failed; the class says what kind of trouble it is.
        """
        return self._run(take_in_job_name(self._connection), assets=[dg.AssetKey([self._connection, OPENING_ASSET])])

    def post_day(
        self,
        day: date,
        *,
        kinds: Collection[Kind] | None = None,
        write_back: bool = False,
        tie_out: bool = True,
        close: bool = True,
        pinned_plan_hash: str | None = None,
    ) -> FinishedRun:
        """Run the connection's posting job for one business day.

        Args:
            day: The business day.
            kinds: Kinds of document to run; the whole job by default.
            write_back: With these kinds, also tell ServiceTitan; only for a connection that does.
            tie_out: With the tie-out, which is always of all kinds; leave it out where another run of the day follows.
            close: With these kinds, also close the day; it would say of kinds that nobody has run yet that they have no
                outcome.
            pinned_plan_hash: Send only if the plan of each of these kinds still has this hash.

        Raises:
            PipelineError: A step failed; the class says what kind of trouble it is.
        """
        assets = None
        if kinds is not None:
            names = [name for kind in kinds for name in (staged_asset(kind), aligned_asset(kind), posted_asset(kind))]
            names += [EXPORTS_ASSET] if write_back else []
            names += [TIE_OUT_ASSET] if tie_out else []
            names += [CLOSE_ASSET] if close else []
            assets = [dg.AssetKey([self._connection, name]) for name in names]
        config: dict[str, Any] = {}
        if pinned_plan_hash is not None:
            plan = {"ops": {PLAN_OP: {"config": {"pinned_plan_hash": pinned_plan_hash}}}}
            config = {"ops": {f"{self._connection}__{posted_asset(kind)}": plan for kind in kinds or ()}}
        return self._run(
            post_days_job_name(self._connection), partition_key=day.isoformat(), config=config, assets=assets
        )

    def _run(
        self,
        job_name: str,
        *,
        partition_key: str | None = None,
        config: Mapping[str, Any] | None = None,
        assets: Sequence[dg.AssetKey] | None = None,
    ) -> FinishedRun:
        run_id = str(uuid.uuid4())
        # With it run monitoring ends the run when this process is killed. Until then it would count as one that posts,
        # and keep the next one in the queue.
        worker = RunWorker.here(run_id, os.getpid()).tags if processes_can_be_told_apart() else {}
        with own_handlers_afterwards():
            result = self._jobs(job_name).execute_in_process(
                instance=self._instance,
                run_id=run_id,
                run_config={**_QUIET, **(config or {})},
                partition_key=partition_key,
                asset_selection=assets,
                tags={**self._tags, **worker, **({DAY_TAG: partition_key} if partition_key else {})},
                raise_on_error=False,
            )
        metadata = _metadata(result.get_asset_materialization_events())
        if result.success:
            return FinishedRun(result.run_id, metadata)
        failed = [event.step_key for event in result.all_events if event.is_step_failure]
        error = _error(f"{job_name} {partition_key or ''}".strip(), result.run_id, result.all_events)
        if failed != [f"{self._connection}__{CLOSE_ASSET}"]:
            raise error
        # The day is posted and tied out; that it cannot be closed must not keep other days from being posted.
        verdict = metadata.get(CLOSE_ASSET, {}).get(VERDICT)
        if verdict is not None:
            error = BrokenError(
                f"{partition_key}: {verdict}", advice=_CLOSE_ADVICE.format(self._connection, partition_key)
            )
        return FinishedRun(result.run_id, metadata, error)


def _error(what: str, run_id: str, events: Sequence[dg.DagsterEvent]) -> PipelineError:
    """Say why a run failed, as the class of error that its first failed step ended with."""
    where = f"Its log is in Dagster's UI, run {run_id[:8]}."
    for event in events:
        if not event.is_step_failure:
            continue
        failure = event.step_failure_data
        if failure.user_failure_data is not None:
            facts = {name: str(value.value) for name, value in failure.user_failure_data.metadata.items()}
            return _rebuilt(what, facts, where)
        if failure.error is not None:
            innermost = failure.error.cause or failure.error
            return BrokenError(f"{what} failed: {innermost.message.strip()}", advice=where)
    return BrokenError(f"{what} failed, and no step says why.", advice=where)


def _rebuilt(what: str, facts: Mapping[str, str], where: str) -> PipelineError:
    """Make the error again that ``failures.explained`` recorded."""
    name = facts.get("class", "")
    message = f"{what}: {facts.get('what_happened', '')}"
    advice = f"{facts.get('what_next', '')} {where}".strip()
    if name in _REFUSALS:
        return _REFUSALS[name](
            message, words=facts.get("words", ""), status=int(facts.get("status", "0")), advice=advice
        )
    return _ERRORS.get(name, BrokenError)(message, advice=advice)


def _metadata(events: Sequence[dg.DagsterEvent]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        materialization = event.step_materialization_data.materialization
        found[materialization.asset_key.path[-1]] = {
            name: value.value for name, value in materialization.metadata.items()
        }
    return found
