"""What all definitions of this project have in common, whichever connections are in them."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from st_deltek_pipeline.orchestration.jobs import AssetJob
from st_deltek_pipeline.orchestration.step_values import IO_MANAGER_KEY, step_values


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
        # A step in a process of its own costs two seconds (dagster.md section 3).
        executor=dg.in_process_executor,
    )
