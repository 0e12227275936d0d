"""The code locations of ``st-deltek up``: one for a few connections, several for many."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from st_deltek_pipeline.orchestration import workspace
from st_deltek_pipeline.orchestration.workspace import DEFINITIONS_MODULE
from st_deltek_pipeline.settings import Settings

_FILE = "workspace.yaml"


@dataclass(frozen=True)
class DagsterTarget:
    """What Dagster loads.

    Attributes:
        options: Of ``dagster dev``.
        locations: How many code locations that is; they start one after the other.
    """

    options: Sequence[str]
    locations: int


def dagster_target(settings: Settings) -> DagsterTarget:
    """Give every connection its place, and say what Dagster is to load.

    Args:
        settings: The installation.

    Raises:
        ConfigurationError: What is written down about shards cannot be read.
    """
    planned = workspace.plan(settings)
    path = settings.data_dir / _FILE
    workspace.write(settings, planned, path)
    count = len(planned.locations)
    if count == 1:
        # It loads a new file when it is reloaded in the UI; several need a restart, so that it has a place.
        return DagsterTarget(["-m", DEFINITIONS_MODULE], count)
    click.echo(f"Connections  {sum(len(each.connections) for each in planned.locations)} in {count} code locations")
    return DagsterTarget(["-w", str(path)], count)
