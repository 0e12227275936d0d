"""The business day: every document date belongs to exactly one."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.calendar import BusinessCalendar, last_of_month

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
        # The hour that 9 March 2025 has not, around its midnights.
        (datetime(2025, 3, 9, 6, 59, tzinfo=UTC), date(2025, 3, 8)),
        (datetime(2025, 3, 9, 7, 0, tzinfo=UTC), date(2025, 3, 9)),
        (datetime(2025, 3, 10, 5, 59, tzinfo=UTC), date(2025, 3, 9)),
        (datetime(2025, 3, 10, 6, 0, tzinfo=UTC), date(2025, 3, 10)),
        # The hour that 2 November 2025 has twice: both times the same day.
        (datetime(2025, 11, 2, 5, 59, tzinfo=UTC), date(2025, 11, 1)),
        (datetime(2025, 11, 2, 7, 30, tzinfo=UTC), date(2025, 11, 2)),
        (datetime(2025, 11, 2, 8, 30, tzinfo=UTC), date(2025, 11, 2)),
        (datetime(2025, 11, 3, 6, 59, tzinfo=UTC), date(2025, 11, 2)),
        # Midnight in Greenwich is still the evening before.
        (datetime(2026, 10, 8, 0, 0, tzinfo=UTC), date(2026, 10, 7)),
        # A leap day.
        (datetime(2028, 2, 29, 7, 0, tzinfo=UTC), date(2028, 2, 29)),
        (datetime(2028, 3, 1, 6, 59, tzinfo=UTC), date(2028, 2, 29)),
    ],
)
def test_today_is_the_connections_own_date_through_the_clock_changes(instant: datetime, today: date) -> None:
    """T41: the day is cut in the tenant's zone: the hour that is missing, the one that is twice, leap day."""
    assert CALENDAR.today(instant) == today


def test_a_leap_day_is_a_day_like_any_other() -> None:
    """T41: 29 February, on a business day and on a weekend."""
    assert CALENDAR.business_day(date(2028, 2, 29)) == date(2028, 2, 29)
    assert list(CALENDAR.business_days(date(2028, 2, 28), date(2028, 3, 1))) == [
        date(2028, 2, 28),
        date(2028, 2, 29),
        date(2028, 3, 1),
    ]
    assert CALENDAR.document_dates(date(2032, 3, 1)) == [date(2032, 2, 28), date(2032, 2, 29), date(2032, 3, 1)]


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_every_date_belongs_to_exactly_one_business_day(day: date) -> None:
    home = CALENDAR.business_day(day)
    assert home >= day
    assert day in CALENDAR.document_dates(home)
    others = CALENDAR.business_days(home + timedelta(days=1), home + timedelta(days=14))
    assert all(day not in CALENDAR.document_dates(other) for other in others)


@pytest.mark.parametrize(
    ("day", "last"),
    [
        (date(2026, 2, 1), date(2026, 2, 28)),
        (date(2028, 2, 29), date(2028, 2, 29)),
        (date(2026, 10, 15), date(2026, 10, 31)),
        (date(9999, 12, 1), date(9999, 12, 31)),
    ],
)
def test_a_month_ends_with_its_last_day(day: date, last: date) -> None:
    assert last_of_month(day) == last
