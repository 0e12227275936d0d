"""Builds the definitions of every connection. Touches files only: no network, no database.

A connection whose file is broken is left out and named in the log; the others load.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.files import load_connections
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.orchestration.connection_assets import ConnectionAssets, connection_assets
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
    built = [found for connection in loaded.connections.values() if (found := _built(connection)) is not None]
    return dg.Definitions(
        assets=[asset for found in built for asset in found.assets],
        jobs=[job for found in built for job in found.jobs],
        resources={RESOURCE_KEY: Pipeline(settings), **(overrides or {})},
        # A step in a process of its own costs two seconds (dagster.md section 3).
        executor=dg.in_process_executor,
    )


def wiring_of(connection: ConnectionSettings) -> Wiring:
    """Build the wiring of one connection, with a calendar that covers every partition it can have."""
    last_year = datetime.now(UTC).year + _YEARS_AHEAD
    # Frozen models are hashable; the type checker does not see that.
    calendar = business_calendar(connection.calendar, connection.start_date.year, last_year)  # pyright: ignore[reportArgumentType]
    return Wiring.of(connection, calendar)


def _built(connection: ConnectionSettings) -> ConnectionAssets | None:
    try:
        return connection_assets(wiring_of(connection))
    except dg.DagsterError as error:
        # Dagster has rules of its own (an owner's form, for one) that a connection file can break.
        _logger.error("Connection %s disabled: %s", connection.name, error)  # noqa: TRY400 - the message says it all
        return None
