"""When the feeds of a connection were last read, as Dagster knows it."""

from datetime import UTC, datetime

import dagster as dg

from st_deltek_pipeline.connections.schedule_settings import OFF
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.services.feeds import feeds_of


def feeds_read_at(instance: dg.DagsterInstance, wiring: Wiring) -> dict[str, datetime]:
    """Say when each feed of a connection that is read on a schedule was last read to its end.

    An intake ends well only there, and materializes the feed's asset then, with news or without; a feed without news leaves no
    other trace, since it writes nothing.

    Args:
        instance: Dagster.
        wiring: The connection.

    Returns:
        By feed; without those that never were.
    """
    schedules = wiring.connection.schedules
    crons = {
        feed.name: schedules.feeds_by_name.get(feed.name, schedules.feeds_cron(wiring.name))
        for feed in feeds_of(wiring.connection)
    }
    # Who switches a schedule off reads the feed by hand, and misses nothing.
    keys = {wiring.key(f"raw_{name}"): name for name, cron in crons.items() if cron != OFF}
    found: dict[str, datetime] = {}
    for record in instance.get_asset_records(list(keys)):
        last = record.asset_entry.last_materialization
        if last is not None:
            found[keys[record.asset_entry.asset_key]] = datetime.fromtimestamp(last.timestamp, UTC)
    return found
