import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.sandbox.contractor.working_days import (
    add_months,
    days_of,
    first_day,
    last_business_days,
    next_business_day,
    public_holidays,
    servicetitan_instant,
    spread,
    vantagepoint_instant,
)

OCTOBER = first_day("2026-10")
CLOSED = public_holidays(OCTOBER)


@given(st.integers(0, 200_000), st.integers(0, 50))
def test_a_months_documents_are_spread_without_losing_one(amount: int, seed: int) -> None:
    counts = spread(amount, days_of(OCTOBER), CLOSED, random.Random(seed))
    assert sum(counts) == amount
    assert min(counts) >= 0


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(-40, 40))
def test_adding_months_and_taking_them_away_comes_back(day: date, months: int) -> None:
    first = day.replace(day=1)
    assert add_months(add_months(first, months), -months) == first


def test_a_weekend_and_a_holiday_are_followed_by_the_next_business_day() -> None:
    assert next_business_day(date(2026, 10, 2), CLOSED) == date(2026, 10, 6)
    assert last_business_days(OCTOBER, CLOSED, 3) == [date(2026, 9, 30), date(2026, 9, 29), date(2026, 9, 28)]


@pytest.mark.parametrize(
    ("second", "ticks", "written"),
    [
        (0, 0, "2026-10-05T00:00:00Z"),
        (50_602, 1_234_567, "2026-10-05T14:03:22.1234567Z"),
        (86_400, 1, "2026-10-06T00:00:00.0000001Z"),
    ],
)
def test_an_instant_is_written_as_servicetitan_writes_it(second: int, ticks: int, written: str) -> None:
    assert servicetitan_instant(date(2026, 10, 5), second, ticks) == written


def test_an_instant_is_written_as_vantagepoint_writes_it() -> None:
    assert vantagepoint_instant(date(2026, 10, 5), 3661) == "2026-10-05T01:01:01.000"
