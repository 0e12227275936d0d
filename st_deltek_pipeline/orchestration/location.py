"""What all definitions of this project have in common, whichever connections are in them."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from st_deltek_pipeline.domain.shown_text import in_lines
from st_deltek_pipeline.orchestration.jobs import AssetJob
from st_deltek_pipeline.orchestration.step_values import IO_MANAGER_KEY, step_values


@dg.logger(
    {
        "log_level": dg.Field(str, is_required=False, default_value="INFO"),
        "name": dg.Field(str, is_required=False, default_value="dagster"),
    },
    description="The terminal's lines of a run: what was done, without every event that Dagster stores anyway.",
)
def console(context: dg.InitLoggerContext) -> logging.Logger:
    """Build Dagster's own console logger, a level less talkative by default."""
    logger = dg.colored_console_logger.logger_fn(context)
    logger.addFilter(_without_controls)
    return logger


def _without_controls(record: logging.LogRecord) -> bool:
    """Let names of others in a message do nothing to the terminal."""
    record.msg, record.args = in_lines(record.getMessage()), None
    return True


def location(
    *,
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec],
    jobs: Sequence[AssetJob],
    resources: Mapping[str, Any],
    sensors: Sequence[dg.SensorDefinition] = (),
    schedules: Sequence[dg.ScheduleDefinition] = (),
) -> dg.Definitions:
    """Put definitions together.

    Args:
        assets: Of one or more connections.
        jobs: Likewise.
        resources: By key.
        sensors: What launches the jobs; none where a command runs them.
        schedules: Likewise.
    """
    return dg.Definitions(
        assets=assets,
        jobs=jobs,
        sensors=sensors,
        schedules=schedules,
        resources={IO_MANAGER_KEY: step_values, **resources},
        loggers={"console": console},
        # A step in a process of its own costs two seconds (dagster.md section 3).
        executor=dg.in_process_executor,
    )
