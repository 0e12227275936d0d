"""Business calendars: observed public holidays, our own days, and clear words for an unknown place."""

from datetime import date

import pytest

from st_deltek_pipeline.connections.calendars import business_calendar, check_country
from st_deltek_pipeline.connections.settings import CalendarSettings
from st_deltek_pipeline.domain.errors import ConfigurationError


def _settings(**values: object) -> CalendarSettings:
    return CalendarSettings.model_validate({"time_zone": "America/Denver", **values})


def test_a_public_holiday_is_no_business_day() -> None:
    calendar = business_calendar(_settings(country="US", state="CO"), 2026, 2026)
    assert not calendar.is_business_day(date(2026, 11, 26))
    assert calendar.business_day(date(2026, 11, 26)) == date(2026, 11, 27)


def test_a_holiday_on_a_saturday_is_observed_on_the_friday_before() -> None:
    calendar = business_calendar(_settings(country="US"), 2026, 2026)
    assert not calendar.is_business_day(date(2026, 7, 3))


def test_a_states_own_holiday_counts_only_there() -> None:
    pioneer_day = date(2026, 7, 24)
    assert not business_calendar(_settings(country="US", state="UT"), 2026, 2026).is_business_day(pioneer_day)
    assert business_calendar(_settings(country="US", state="CO"), 2026, 2026).is_business_day(pioneer_day)


def test_documents_at_the_years_end_find_their_business_day_in_the_next_year() -> None:
    calendar = business_calendar(_settings(country="US"), 2026, 2026)
    assert not calendar.is_business_day(date(2027, 1, 1))
    assert calendar.business_day(date(2027, 1, 1)) == date(2027, 1, 4)


def test_own_holidays_and_workdays_come_on_top() -> None:
    calendar = business_calendar(
        _settings(country="US", holidays=["2026-10-02"], workdays=["2026-10-03", "2026-11-26"]), 2026, 2026
    )
    assert not calendar.is_business_day(date(2026, 10, 2))
    assert calendar.is_business_day(date(2026, 10, 3))
    assert calendar.is_business_day(date(2026, 11, 26))


def test_without_a_country_only_weekends_are_free() -> None:
    calendar = business_calendar(_settings(), 2026, 2026)
    assert calendar.holidays == frozenset()
    assert not calendar.is_business_day(date(2026, 10, 4))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"country": "USSR"}, r"'USSR' is not a country code\. .*Valid: .*AD, .*US"),
        ({"country": "US", "state": "COL"}, r"'COL' is not a state of US\. Did you mean CO\? Valid: .*CO, CT"),
    ],
)
def test_an_unknown_place_is_refused_with_the_valid_ones(values: dict[str, str], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        business_calendar(_settings(**values), 2026, 2026)
    problem = check_country(_settings(**values))
    assert problem is not None
    assert problem[0] == list(values)[-1]
