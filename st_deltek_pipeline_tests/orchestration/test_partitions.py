"""The behaviour of Dagster's partitions that the pipeline relies on, pinned (dagster.md section 1)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.orchestration.partitions import business_day_partitions

NEW_YORK = ZoneInfo("America/New_York")
JULY_FOURTH = date(2025, 7, 4)
CALENDAR = BusinessCalendar("America/New_York", frozenset({6, 7}), frozenset({JULY_FOURTH}))
START = date(2025, 6, 2)


def keys_at(moment: datetime, calendar: BusinessCalendar = CALENDAR, start: date = START) -> list[str]:
    return list(business_day_partitions(start, calendar).get_partition_keys(current_time=moment))


def expected_at(moment: datetime, calendar: BusinessCalendar, start: date) -> list[str]:
    last = calendar.business_day(calendar.today(moment))
    return [day.isoformat() for day in calendar.business_days(start, last)]


@pytest.mark.parametrize(
    ("now", "last_key"),
    [
        (datetime(2025, 7, 3, 12, tzinfo=NEW_YORK), "2025-07-03"),
        (datetime(2025, 7, 4, 12, tzinfo=NEW_YORK), "2025-07-07"),
        (datetime(2025, 6, 28, 12, tzinfo=NEW_YORK), "2025-06-30"),
        (datetime(2025, 6, 29, 23, 59, tzinfo=NEW_YORK), "2025-06-30"),
        (datetime(2025, 6, 30, 0, 1, tzinfo=NEW_YORK), "2025-06-30"),
        (datetime(2025, 7, 7, 0, 1, tzinfo=NEW_YORK), "2025-07-07"),
    ],
    ids=["a_workday", "a_holiday", "a_saturday", "late_on_sunday", "just_monday", "just_after_a_long_weekend"],
)
def test_todays_key_exists_and_on_a_day_off_the_next_business_days(now: datetime, last_key: str) -> None:
    assert keys_at(now)[-1] == last_key


def test_weekends_and_holidays_have_no_key() -> None:
    keys = keys_at(datetime(2025, 7, 31, 12, tzinfo=NEW_YORK))
    assert {"2025-06-28", "2025-06-29", "2025-07-04"}.isdisjoint(keys)


def test_a_window_never_reaches_into_the_days_off_that_belong_to_it() -> None:
    partitions = business_day_partitions(START, CALENDAR)
    window = partitions.time_window_for_partition_key("2025-07-07")
    assert window.end - window.start == timedelta(days=1)
    assert window.start.date() == date(2025, 7, 7)


def test_a_start_on_a_day_off_gives_the_next_business_day_as_first_key() -> None:
    assert keys_at(datetime(2025, 7, 9, tzinfo=NEW_YORK), start=JULY_FOURTH)[0] == "2025-07-07"


def test_the_day_changes_in_the_connections_time_zone() -> None:
    """T41: partitions change their day in the tenant's zone."""
    three_in_the_morning_utc = datetime(2025, 7, 3, 3, tzinfo=UTC)
    assert keys_at(three_in_the_morning_utc)[-1] == "2025-07-02"


def test_a_worked_saturday_has_a_key_and_the_other_saturdays_have_none() -> None:
    calendar = BusinessCalendar("America/Denver", frozenset({6, 7}), frozenset(), frozenset({date(2025, 6, 14)}))
    keys = keys_at(datetime(2025, 6, 23, 12, tzinfo=ZoneInfo("America/Denver")), calendar)
    assert "2025-06-14" in keys
    assert "2025-06-21" not in keys


def test_a_worked_holiday_has_a_key() -> None:
    calendar = BusinessCalendar("America/Denver", frozenset({7}), frozenset({JULY_FOURTH}), frozenset({JULY_FOURTH}))
    keys = keys_at(datetime(2025, 7, 8, 12, tzinfo=ZoneInfo("America/Denver")), calendar)
    assert "2025-07-04" in keys
    assert "2025-07-05" in keys
    assert "2025-07-06" not in keys


dates = st.dates(date(2025, 5, 1), date(2025, 9, 30))


@settings(max_examples=60, deadline=None)
@given(
    weekend=st.sampled_from([(6, 7), (7,), (5, 6), ()]),
    holidays=st.sets(dates, max_size=12),
    workdays=st.sets(dates, max_size=6),
    start=st.dates(date(2025, 5, 1), date(2025, 8, 31)),
    hours=st.integers(0, 24 * 40),
    zone=st.sampled_from(["America/Denver", "America/New_York", "Australia/Sydney", "UTC"]),
)
def test_the_keys_are_exactly_the_calendars_business_days(
    *, weekend: tuple[int, ...], holidays: set[date], workdays: set[date], start: date, hours: int, zone: str
) -> None:
    calendar = BusinessCalendar(zone, frozenset(weekend), frozenset(holidays), frozenset(workdays))
    now = datetime(start.year, start.month, start.day, tzinfo=ZoneInfo(zone)) + timedelta(hours=hours)
    assert keys_at(now, calendar, start) == expected_at(now, calendar, start)


def test_ten_years_of_business_days_are_listed_quickly_enough_to_be_one_definition() -> None:
    holidays = frozenset(date(year, 7, 4) for year in range(2016, 2028))
    calendar = BusinessCalendar("America/Denver", frozenset({6, 7}), holidays)
    partitions: dg.DailyPartitionsDefinition = business_day_partitions(date(2016, 1, 1), calendar)
    keys = partitions.get_partition_keys(current_time=datetime(2026, 1, 1, tzinfo=UTC))
    assert len(keys) > 2_500
