"""The sensor of each connection that looks for what needs a person and tells it; it starts no runs."""

from datetime import UTC, datetime

import dagster as dg

from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.orchestration.ended_runs import ended_runs
from st_deltek_pipeline.orchestration.feed_readings import feeds_read_at
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.sensor_rest import Looks
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.services.alert_channels import channels_of
from st_deltek_pipeline.services.alerting import Look, Observations, look
from st_deltek_pipeline.store import run_failures


def alert_sensor_name(connection: str) -> str:
    """Name the sensor of ``alert_sensor``."""
    return f"{connection}_alerts"


def alert_sensor(wiring: Wiring, *, connections: int = 1) -> dg.SensorDefinition:
    """Build the sensor that looks once a minute: at the database, at runs that ended, at when feeds were read.

    A tick does a bounded amount of work and ends well within its minute. A channel that does not work never fails it; what
    was not sent is tried again, and the tick's message says so.

    Args:
        wiring: The connection.
        connections: How many connections the installation has: with more than sixty a sensor rests longer.
    """

    @dg.sensor(
        name=alert_sensor_name(wiring.name),
        minimum_interval_seconds=Looks.ALERTS.rest(connections),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Tells people what needs them, once per cause: failed runs, files in doubt, a changed journal, old holds, silent "
            "webhooks, feeds that are not read. Where it tells them is in the connection's file (docs/alerts.md)."
        ),
        tags=wiring.tags,
    )
    def sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.SensorResult:
        now = datetime.now(UTC)
        stands = bool(run_failures.standing(pipeline.engine, wiring.name))
        runs = ended_runs(context.instance, wiring.name, context.cursor, now=now, failures_stand=stands)
        observed = Observations(runs.failed, runs.done, feeds_read_at(context.instance, wiring))
        channels = channels_of(wiring.connection, pipeline.vault)
        try:
            seen = look(pipeline.engine, wiring.connection, channels, observed, now=now)
        except TransientError as error:
            # Without the cursor: the next look reads these runs again.
            return dg.SensorResult(skip_reason=str(error))
        for failure in seen.failures:
            context.log.warning("An alert of %s was not sent: %s", wiring.name, failure)
        return dg.SensorResult(skip_reason=_in_words(seen, len(channels)), cursor=runs.cursor)

    return sensor


def _in_words(seen: Look, channels: int) -> str:
    words = [f"{seen.open_alerts} open"]
    words += [", ".join(seen.told)] if seen.told else []
    words += [f"{seen.sent} sent"] if seen.sent else []
    words += [f"not sent, tried again: {'; '.join(seen.failures)}"] if seen.failures else []
    words += ["nobody is told: the connection's file names no webhook_url and no e-mail"] if not channels else []
    return "; ".join(words)
