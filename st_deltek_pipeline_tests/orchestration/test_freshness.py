"""Freshness policies follow the schedules: never a false alarm by one that keeps to them, and none without a schedule."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import CalendarSettings
from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.domain.cron import longest_rest, read_cron
from st_deltek_pipeline.orchestration.freshness import CLOSE_GRACE, close_freshness, poll_freshness

MONDAY_TO_FRIDAY = BusinessCalendar("America/Denver", weekend=frozenset({6, 7}), holidays=frozenset())


def windows(policy: Any) -> tuple[timedelta | None, timedelta]:
    warn = policy.warn_window
    return (None if warn is None else warn.to_timedelta(), policy.fail_window.to_timedelta())


def ticks_of(cron: str, days: int) -> Sequence[datetime]:
    """The ticks that Dagster itself knows, as the keys of partitions."""
    start = datetime(2024, 1, 1)  # noqa: DTZ001 - a wall clock's
    named = dg.TimeWindowPartitionsDefinition(
        cron_schedule=cron, start=start, end=start + timedelta(days=days), fmt="%Y-%m-%d %H:%M"
    )
    return [datetime.strptime(key, "%Y-%m-%d %H:%M") for key in named.get_partition_keys()]  # noqa: DTZ007


def test_ten_minute_feeds_are_late_after_half_an_hour_and_overdue_after_an_hour() -> None:
    assert windows(poll_freshness("3-59/10 * * * *")) == (timedelta(minutes=30), timedelta(hours=1))


def test_feeds_of_business_hours_are_not_late_on_a_monday_morning() -> None:
    warn, fail = windows(poll_freshness("*/10 7-18 * * 1-5"))
    over_the_weekend = timedelta(days=2, hours=12)
    assert (warn, fail) == (over_the_weekend + timedelta(minutes=30), over_the_weekend + timedelta(hours=1))


@pytest.mark.parametrize("cron", ["off", "0 0 L * *"])
def test_without_a_schedule_that_can_be_told_nothing_is_promised(cron: str) -> None:
    assert poll_freshness(cron) is None
    assert close_freshness(cron, MONDAY_TO_FRIDAY) is None


@settings(max_examples=10, deadline=None)
@given(
    minutes=st.sampled_from(["0", "*/20", "5,50", "3-59/10"]),
    hours=st.sampled_from(["*", "0", "7-18", "*/5", "22,3"]),
    weekdays=st.sampled_from(["*", "1-5", "0", "mon,thu", "6,7"]),
    number=st.integers(1, 6),
)
def test_the_rests_are_those_between_dagsters_own_ticks(minutes: str, hours: str, weekdays: str, number: int) -> None:
    cron = f"{minutes} {hours} * * {weekdays}"
    times = read_cron(cron)
    assert times is not None
    longest = longest_rest(times, number)
    assert longest is not None
    found = ticks_of(cron, days=20 + 4 * longest.days)
    assert max(later - earlier for earlier, later in zip(found, found[number:], strict=False)) == longest


def test_the_tie_out_is_late_after_a_weekend_and_overdue_after_the_longest_holidays() -> None:
    thanksgiving = frozenset({date(2026, 11, 26), date(2026, 11, 27)})
    calendar = BusinessCalendar("America/Denver", weekend=frozenset({6, 7}), holidays=thanksgiving)
    warn, fail = windows(close_freshness("30 0 * * *", calendar))
    # Friday is closed on Saturday, Monday on Tuesday.
    assert warn == timedelta(days=3) + CLOSE_GRACE
    # Wednesday is closed on Thursday, Monday on Tuesday.
    assert fail == timedelta(days=5) + CLOSE_GRACE


def test_a_close_once_a_week_is_not_late_all_week() -> None:
    warn, fail = windows(close_freshness("0 6 * * 1", MONDAY_TO_FRIDAY))
    assert (warn, fail) == (None, timedelta(days=7) + CLOSE_GRACE)


def test_a_country_s_calendar_gives_a_window_of_days_not_weeks() -> None:
    calendar = business_calendar(CalendarSettings(time_zone="America/Denver", country="US"), 2024, 2028)
    _, fail = windows(close_freshness("45 0 * * *", calendar))
    assert timedelta(days=3) < fail < timedelta(days=6)
