"""Builds the definitions of every connection. Touches files only: no network, no database.

A connection whose file is broken is left out and named in the log; the others load.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.files import connection_files, load_connections
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.connections.shard_file import settings_of_shard
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.orchestration.connection_assets import ConnectionAssets, connection_assets
from st_deltek_pipeline.orchestration.location import location
from st_deltek_pipeline.orchestration.resources import RESOURCE_KEY, Pipeline
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.settings import Settings

# Partitions reach to the next business day; a code server may run for a year without being restarted.
_YEARS_AHEAD = 2

_logger = logging.getLogger("dagster.st_deltek_pipeline")


def build_definitions(settings: Settings, overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Build the code location.

    Args:
        settings: The installation.
        overrides: Resources to use instead of the real ones, by key.

    Returns:
        Definitions of every connection whose file can be read.
    """
    loaded = load_connections(settings)
    for error in loaded.errors:
        _logger.error("Connection disabled: %s", error)
    everybody = len(connection_files(settings))
    built: list[ConnectionAssets] = []
    for connection in loaded.connections.values():
        try:
            built.append(_assets_of(wiring_of(connection), connections=everybody))
        except ConfigurationError as error:
            _logger.error("Connection disabled: %s", error)  # noqa: TRY400 - the message says it all
    return _definitions(built, {RESOURCE_KEY: Pipeline(settings), **(overrides or {})})


def build_shard(settings: Settings, number: int) -> dg.Definitions:
    """Build one code location of an installation whose connections are spread over several.

    Args:
        settings: The installation.
        number: The shard's number, from 1. The first one also has connections without a place.

    Raises:
        ConfigurationError: What is written down about shards cannot be read.
    """
    shard = settings_of_shard(settings, number)
    if shard.strays:
        _logger.warning(
            "No code location has a place for %s yet, so the first one loads it. Run: st-deltek workspace",
            ", ".join(sorted(shard.strays)),
        )
    if not shard.settings.connection_names:
        _logger.warning("Shard %d has no connections. Run: st-deltek workspace", number)
    return build_definitions(shard.settings)


def definitions_of(wiring: Wiring, pipeline: Pipeline) -> dg.Definitions:
    """Build the definitions of one connection, for a command that runs its jobs.

    Args:
        wiring: The connection.
        pipeline: The resource its steps use.

    Raises:
        ConfigurationError: Dagster does not accept something in the connection's file.
    """
    return _definitions([_assets_of(wiring)], {RESOURCE_KEY: pipeline})


def wiring_of(connection: ConnectionSettings) -> Wiring:
    """Build the wiring of one connection, with a calendar that covers every partition it can have."""
    last_year = datetime.now(UTC).year + _YEARS_AHEAD
    # Frozen models are hashable; the type checker does not see that.
    calendar = business_calendar(connection.calendar, connection.start_date.year, last_year)
    return Wiring.of(connection, calendar)


def _assets_of(wiring: Wiring, *, connections: int = 1) -> ConnectionAssets:
    try:
        with warnings.catch_warnings():
            # Backfill policies are beta and partitioned checks a preview; the version is pinned, the tests cover both.
            warnings.simplefilter("ignore", dg.BetaWarning)
            warnings.simplefilter("ignore", dg.PreviewWarning)
            return connection_assets(wiring, connections=connections)
    except dg.DagsterError as error:
        # Dagster has rules of its own (an owner's form, for one) that a connection file can break.
        message = f"Dagster does not accept connection {wiring.name}: {error}"
        raise ConfigurationError(message, advice="Correct the connection's file.") from error


def _definitions(built: Sequence[ConnectionAssets], resources: Mapping[str, Any]) -> dg.Definitions:
    return location(
        assets=[asset for found in built for asset in found.assets],
        jobs=[job for found in built for job in found.jobs],
        sensors=[sensor for found in built for sensor in found.sensors],
        schedules=[schedule for found in built for schedule in found.schedules],
        resources=resources,
    )
