"""The accounting period of a date: its own, or by the setting the first open one after it; never one before it."""

from dataclasses import replace
from datetime import date

import pytest

from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.periods import PeriodChoice, choose_period
from st_deltek_pipeline_tests.domain.builders import PERIODS

AUGUST = replace(PERIODS[202610], period=202608, start=date(2026, 8, 1), end=date(2026, 8, 31))
ALL = {202611: PERIODS[202611], 202608: AUGUST, 202609: PERIODS[202609], 202610: PERIODS[202610]}


@pytest.mark.parametrize("day", [date(2026, 10, 1), date(2026, 10, 31)])
def test_an_open_period_takes_its_own_dates(day: date) -> None:
    for allowed in (True, False):
        assert choose_period(ALL, day, first_open_allowed=allowed) == PeriodChoice(202610, None)


def test_a_closed_period_goes_to_the_first_open_one_after_it_and_never_to_one_before() -> None:
    assert choose_period(ALL, date(2026, 9, 30), first_open_allowed=True) == PeriodChoice(202610, 202609)
    october = {**ALL, 202610: replace(PERIODS[202610], closed=True)}
    assert choose_period(october, date(2026, 9, 30), first_open_allowed=True) == PeriodChoice(202611, 202609)


def test_where_no_later_period_is_open_it_is_held() -> None:
    only = {202608: AUGUST, 202609: PERIODS[202609]}
    assert choose_period(only, date(2026, 9, 30), first_open_allowed=True) == Hold(
        HoldReason.PERIOD_CLOSED, "Period 202609 is closed and no later one is open."
    )


def test_a_date_that_no_period_covers_is_held() -> None:
    assert choose_period(ALL, date(2031, 1, 1), first_open_allowed=True) == Hold(
        HoldReason.NO_PERIOD, "No accounting period in Vantagepoint covers 2031-01-01."
    )
