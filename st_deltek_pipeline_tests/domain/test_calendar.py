"""The business day: every document date belongs to exactly one."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.calendar import BusinessCalendar

CALENDAR = BusinessCalendar(
    time_zone="America/Denver",
    weekend=frozenset({6, 7}),
    holidays=frozenset({date(2026, 11, 26), date(2026, 12, 25)}),
    workdays=frozenset({date(2026, 11, 28)}),
)


def test_a_saturdays_documents_belong_to_monday() -> None:
    assert CALENDAR.business_day(date(2026, 10, 10)) == date(2026, 10, 12)


def test_a_holidays_documents_belong_to_the_next_business_day() -> None:
    assert CALENDAR.business_day(date(2026, 11, 26)) == date(2026, 11, 27)


def test_a_worked_saturday_keeps_its_own_documents() -> None:
    assert CALENDAR.business_day(date(2026, 11, 28)) == date(2026, 11, 28)


def test_a_monday_gathers_the_weekend_before_it() -> None:
    assert CALENDAR.document_dates(date(2026, 10, 12)) == [date(2026, 10, day) for day in (10, 11, 12)]


def test_a_day_off_has_no_partition() -> None:
    with pytest.raises(ValueError, match="not a business day"):
        CALENDAR.document_dates(date(2026, 10, 11))


def test_a_calendar_without_business_days_is_refused_and_not_searched_for_ever() -> None:
    with pytest.raises(ValueError, match="no business day"):
        BusinessCalendar("UTC", frozenset(range(1, 8)), frozenset()).business_day(date(2026, 1, 1))


@pytest.mark.parametrize(
    ("instant", "today"),
    [
        (datetime(2026, 3, 8, 6, 59, tzinfo=UTC), date(2026, 3, 7)),
        (datetime(2026, 3, 8, 7, 0, tzinfo=UTC), date(2026, 3, 8)),
        (datetime(2026, 3, 9, 6, 0, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 11, 1, 6, 30, tzinfo=UTC), date(2026, 11, 1)),
    ],
)
def test_today_is_the_connections_own_date_through_the_clock_changes(instant: datetime, today: date) -> None:
    assert CALENDAR.today(instant) == today


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_every_date_belongs_to_exactly_one_business_day(day: date) -> None:
    home = CALENDAR.business_day(day)
    assert home >= day
    assert day in CALENDAR.document_dates(home)
    others = CALENDAR.business_days(home + timedelta(days=1), home + timedelta(days=14))
    assert all(day not in CALENDAR.document_dates(other) for other in others)
