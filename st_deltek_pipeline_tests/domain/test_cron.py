"""How long a cron schedule may rest."""

from datetime import timedelta

import pytest

from st_deltek_pipeline.domain.cron import longest_rest, read_cron


def rest(text: str, ticks: int = 1) -> timedelta | None:
    times = read_cron(text)
    assert times is not None
    return longest_rest(times, ticks)


@pytest.mark.parametrize(
    ("text", "ticks", "expected"),
    [
        ("*/10 * * * *", 1, timedelta(minutes=10)),
        ("3-59/10 * * * *", 3, timedelta(minutes=30)),
        ("17 * * * *", 6, timedelta(hours=6)),
        ("30 0 * * *", 1, timedelta(days=1)),
        ("0 6,12 * * *", 1, timedelta(hours=18)),
        # From Friday's last tick over the weekend to Monday's third.
        ("*/10 7-18 * * 1-5", 3, timedelta(days=2, hours=12, minutes=30)),
        ("*/10 7-18 * * Mon-Fri", 3, timedelta(days=2, hours=12, minutes=30)),
        ("0 6 * * 7", 1, timedelta(days=7)),
        ("0 6 * * 7", 6, timedelta(days=42)),
        ("0 6 1 * *", 1, timedelta(days=31)),
        ("0 6 1 jan *", 1, timedelta(days=366)),
        # Days of the month or weekdays: where both are named, either is enough.
        ("0 6 15 * 1", 1, timedelta(days=7)),
    ],
)
def test_the_longest_rest_spans_nights_weekends_and_months(text: str, ticks: int, expected: timedelta) -> None:
    assert rest(text, ticks) == expected


@pytest.mark.parametrize(
    "text", ["* * * *", "60 * * * *", "0 0 L * *", "0 0 * * mon#1", "5-1 * * * *", "*/0 * * * *", "a * * * *", ""]
)
def test_what_is_not_understood_is_left_to_the_scheduler(text: str) -> None:
    assert read_cron(text) is None


def test_a_day_that_never_comes_has_no_rest() -> None:
    assert rest("0 0 30 2 *") is None
