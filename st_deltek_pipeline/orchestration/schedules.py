"""The schedules of a connection: polls of both systems, the nightly rescan, and the close of each business day.

They only request runs. What a poll brings is posted by the runs that ``live_sensors`` request when something has changed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from st_deltek_pipeline.connections.schedule_settings import OFF
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.orchestration.firm_assets import MAPPINGS_ASSET
from st_deltek_pipeline.orchestration.jobs import post_days_job_name, take_in_job_name
from st_deltek_pipeline.orchestration.live_sensors import UNFINISHED
from st_deltek_pipeline.orchestration.opening_assets import OPENING_ASSET
from st_deltek_pipeline.orchestration.run_tags import CONNECTION_TAG, DAY_TAG, SCHEDULE_TAG, TRIGGER_TAG
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.services.feeds import Feed

# How long the daemon may have been away without a day staying unclosed.
_CLOSED_LATE = timedelta(days=7)

Requests = Iterator[dg.RunRequest | dg.SkipReason]


@dataclass(frozen=True)
class _Poll:
    """A schedule that reads something.

    Attributes:
        assets: What is materialized.
        since: Read export feeds and lists again from this many days back.
    """

    name: str
    cron: str
    description: str
    assets: Sequence[dg.AssetKey]
    feeds: Sequence[Feed] = ()
    rescan_days: int | None = None


def schedules(
    wiring: Wiring, feeds: Sequence[Feed], master_data: Sequence[dg.AssetKey]
) -> Sequence[dg.ScheduleDefinition]:
    """Build the schedules of one connection; those that are off are left out.

    Args:
        wiring: The connection.
        feeds: What it reads of ServiceTitan.
        master_data: Keys of Vantagepoint's reference assets.

    Raises:
        ConfigurationError: A feed with a schedule of its own is not read.
    """
    polls = [poll for poll in _polls(wiring, feeds, master_data) if poll.cron != OFF and poll.assets]
    close = wiring.connection.schedules.close_cron(wiring.name)
    return [*(_poll_schedule(wiring, poll) for poll in polls), *([] if close == OFF else [_close(wiring, close)])]


def _polls(wiring: Wiring, feeds: Sequence[Feed], master_data: Sequence[dg.AssetKey]) -> Iterator[_Poll]:
    settings, name = wiring.connection.schedules, wiring.name
    unknown = sorted(settings.feeds_by_name.keys() - {feed.name for feed in feeds})
    if unknown:
        message = f"schedules.feeds_by_name of {name} names feeds that it does not read: {', '.join(unknown)}."
        raise ConfigurationError(message, advice=f"It reads {', '.join(feed.name for feed in feeds)}.")
    # New customers need their firm, and invoices of others their place, before what names them can be posted.
    matched = [wiring.key(MAPPINGS_ASSET), wiring.key(OPENING_ASSET)]
    together = [feed for feed in feeds if feed.name not in settings.feeds_by_name]
    yield _Poll(
        f"{name}_poll",
        settings.feeds_cron(name),
        "Reads what is new in ServiceTitan, and matches new customers and vendors.",
        [*(_raw_key(wiring, feed) for feed in together), *matched],
        together,
    )
    for feed in feeds:
        if feed.name in settings.feeds_by_name:
            cron = settings.feeds_by_name[feed.name]
            described = f"Reads what is new in ServiceTitan's {feed.resource}."
            yield _Poll(f"{name}_poll_{feed.name}", cron, described, [_raw_key(wiring, feed)], [feed])
    yield _Poll(
        f"{name}_poll_reference",
        settings.reference_cron(name),
        "Reads Vantagepoint's firms, projects, accounts and periods, and matches customers and vendors.",
        [*master_data, *matched],
    )
    yield _Poll(
        f"{name}_rescan",
        settings.rescan_cron(name),
        f"Reads ServiceTitan's feeds again over the last {settings.rescan_days} days, whatever their cursors say.",
        [*(_raw_key(wiring, feed) for feed in feeds), *matched],
        feeds,
        settings.rescan_days,
    )


def _poll_schedule(wiring: Wiring, poll: _Poll) -> dg.ScheduleDefinition:
    job_name = take_in_job_name(wiring.name)

    @dg.schedule(
        name=poll.name,
        job_name=job_name,
        cron_schedule=poll.cron,
        execution_timezone=wiring.calendar.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=poll.description,
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        tags = {SCHEDULE_TAG: poll.name, CONNECTION_TAG: wiring.name}
        if context.instance.get_runs(dg.RunsFilter(tags=tags, statuses=list(UNFINISHED)), limit=1):
            return dg.SkipReason("The poll before this one has not ended.")
        config: dict[str, object] = {}
        if poll.rescan_days is not None:
            since = (_now(context) - timedelta(days=poll.rescan_days)).date()
            config = {
                f"{wiring.name}__raw_{feed.name}": {"config": {"since": since.isoformat()}} for feed in poll.feeds
            }
        return dg.RunRequest(
            asset_selection=list(poll.assets),
            run_config={"ops": config},
            tags={**tags, TRIGGER_TAG: "schedule"},
        )

    return schedule


def _close(wiring: Wiring, cron: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{wiring.name}_close",
        job_name=post_days_job_name(wiring.name),
        cron_schedule=cron,
        execution_timezone=wiring.calendar.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=(
            "Runs each business day once more when it is over, and ties it out. Weekends and holidays are left out: what "
            "is dated then belongs to the next business day."
        ),
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> Requests:
        today = wiring.calendar.today(_now(context))
        days = days_to_close(wiring, today)
        if not days:
            yield dg.SkipReason(f"There is no business day to close before {today}.")
        for day in days:
            key = day.isoformat()
            # A close is requested once for ever; a day that was run again by hand has its tie-out from then.
            yield dg.RunRequest(run_key=f"close {key}", partition_key=key, tags={TRIGGER_TAG: "close", DAY_TAG: key})

    return schedule


def days_to_close(wiring: Wiring, today: date) -> Sequence[date]:
    """Return the business days that are over and not long past; those that were closed before are among them.

    Args:
        wiring: The connection.
        today: In the connection's time zone.
    """
    first = max(today - _CLOSED_LATE, wiring.connection.start_date)
    last = today - timedelta(days=1)
    return list(wiring.calendar.business_days(first, last)) if first <= last else []


def _raw_key(wiring: Wiring, feed: Feed) -> dg.AssetKey:
    return wiring.key(f"raw_{feed.name}")


def _now(context: dg.ScheduleEvaluationContext) -> datetime:
    return (context.scheduled_execution_time or datetime.now(UTC)).astimezone(UTC)
