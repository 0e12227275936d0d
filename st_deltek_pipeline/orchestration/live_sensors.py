"""The sensors that turn what has happened into runs: waiting webhooks, and changes of any other origin.

A sensor asks one question of the database and looks whether a run is under way already; what there is to do is decided in
the run, under its lock. No cursor and no run key: an event waits until it is handled and a change until it is settled,
so neither a restarted daemon nor a repeated tick can lose or double anything.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from st_deltek_pipeline.connections.job_names import WEBHOOKS_TRIGGER, sync_job_name, sync_run_config
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.run_tags import TRIGGER_TAG
from st_deltek_pipeline.orchestration.sensor_rest import Looks
from st_deltek_pipeline.orchestration.settling import why_not_settled
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.store import inbox

SensorResult = dg.RunRequest | dg.SkipReason

UNFINISHED: Sequence[dg.DagsterRunStatus] = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
_FIRST_PAUSE = timedelta(seconds=15)
_LONGEST_PAUSE = timedelta(minutes=5)
_RUNS_LOOKED_AT = 8


def live_sensors(wiring: Wiring, *, connections: int) -> Sequence[dg.SensorDefinition]:
    """Build the sensors of one connection.

    Args:
        wiring: The connection.
        connections: How many connections the installation has: the more there are, the longer a sensor rests, and the more
            the webhook receiver's own requests count.
    """
    return [
        _inbox_sensor(wiring, Looks.INBOX.rest(connections)),
        _changes_sensor(wiring, Looks.CHANGES.rest(connections)),
    ]


def sync_request(connection: str, trigger: str, *, settle: bool) -> dg.RunRequest:
    """Ask for a run of the connection's ``sync_job``.

    Args:
        connection: The connection's name.
        trigger: See ``run_tags.TRIGGER_TAG``.
        settle: As in ``sync_job.SyncConfig``.
    """
    return dg.RunRequest(run_config=sync_run_config(connection, settle=settle), tags={TRIGGER_TAG: trigger})


def _inbox_sensor(wiring: Wiring, seconds: int) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{wiring.name}_inbox",
        job_name=sync_job_name(wiring.name),
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Requests a run when webhooks wait in the inbox. One run takes all of them.",
    )
    def sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]) -> SensorResult:
        waits = inbox.backlog(pipeline.engine, [wiring.name]).get(wiring.name)
        if waits is None:
            return dg.SkipReason("No webhook waits.")
        reason = _not_now(context.instance, wiring)
        if reason:
            return dg.SkipReason(f"{waits.events} webhooks wait. {reason}")
        return sync_request(wiring.name, WEBHOOKS_TRIGGER, settle=False)

    return sensor


def _changes_sensor(wiring: Wiring, seconds: int) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{wiring.name}_changes",
        job_name=sync_job_name(wiring.name),
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Requests a run when something has changed since every day was last decided: polled records, Vantagepoint's "
            "master data, firm mappings, rules, a person's decision about a hold, or the date."
        ),
    )
    def sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]) -> SensorResult:
        why = why_not_settled(pipeline.engine, wiring)
        if not why:
            return dg.SkipReason("Nothing has changed since every day was decided.")
        reason = _not_now(context.instance, wiring)
        if reason:
            return dg.SkipReason(f"There is work ({why}). {reason}")
        context.log.info("There is work: %s.", why)
        return sync_request(wiring.name, "changes", settle=True)

    return sensor


def _not_now(instance: dg.DagsterInstance, wiring: Wiring) -> str:
    """Say why no run should be requested now; empty when one should."""
    job = sync_job_name(wiring.name)
    records = instance.get_run_records(dg.RunsFilter(job_name=job), limit=_RUNS_LOOKED_AT)
    if any(record.dagster_run.status in UNFINISHED for record in records):
        return "A run is under way; it or the next one takes them."
    failures = 0
    for record in records:
        if record.dagster_run.status is not dg.DagsterRunStatus.FAILURE:
            break
        failures += 1
    if failures and records[0].end_time is not None:
        pause = min(_FIRST_PAUSE * 2 ** (failures - 1), _LONGEST_PAUSE)
        again = datetime.fromtimestamp(records[0].end_time, UTC) + pause
        if datetime.now(UTC) < again:
            return f"The last {failures} runs failed; the next one is due at {again:%H:%M:%S} UTC."
    return ""
