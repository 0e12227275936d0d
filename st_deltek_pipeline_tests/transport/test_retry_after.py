from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.transport.options import RetryPolicy
from st_deltek_pipeline.transport.retry_after import parse_retry_after

NOW = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("1.2", 2),
        ("Mon, 05 Oct 2026 12:00:30 GMT", 30),
        ("Mon, 05 Oct 2026 11:00:00 GMT", 0),
        ("Mon, 05 Oct 2026 14:00:30 +0200", 30),
        ("999999999999", 10**9),
        (None, None),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("٣", None),
        ("Mon, 99 Oct 2026 12:00:30 GMT", None),
    ],
)
def test_seconds_and_dates_are_read_and_nonsense_is_taken_as_absent(value: str | None, seconds: int | None) -> None:
    """T15: seconds, a date, nonsense."""
    assert parse_retry_after(value, NOW) == seconds


@given(st.text(max_size=60))
def test_no_header_breaks_the_reader(value: str) -> None:
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 10**9


@given(st.integers(min_value=0, max_value=10**6))
def test_a_date_means_the_time_from_now(seconds: int) -> None:
    assert parse_retry_after(format_datetime(NOW + timedelta(seconds=seconds), usegmt=True), NOW) == seconds


@given(st.integers(1, 200), st.integers(0, 120) | st.none(), st.floats(0, 1))
def test_a_wait_is_never_shorter_than_asked_and_never_without_end(
    attempt: int, asked: int | None, jitter: float
) -> None:
    policy = RetryPolicy()
    delay = policy.delay(attempt, asked, jitter)
    if asked is None:
        assert policy.first_delay / 2 <= delay <= policy.longest_delay
    else:
        assert asked <= delay <= asked + policy.first_delay
