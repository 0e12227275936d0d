"""Instants of 100 nanoseconds, and a clock that only goes forward."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.sandbox.servicetitan.instants import TwinClock, format_instant, parse_instant


@given(st.integers(0, 4_000_000_000 * 10_000_000))
def test_an_instant_is_read_as_it_was_written(ticks: int) -> None:
    assert parse_instant(format_instant(ticks)) == ticks


def test_digits_beyond_the_seventh_are_cut_off() -> None:
    assert parse_instant("2026-10-05T00:00:00.123456789Z") == parse_instant("2026-10-05T00:00:00.1234567Z")


@pytest.mark.parametrize("text", ["", "2026", "05.10.2026", "2026-02-30", "2026-10-05T25:00:00Z", "2026-10-05T10Z"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_instant(text)


def test_the_clock_starts_behind_the_newest_row_and_never_goes_back() -> None:
    real = iter([1_000_000_000_000, 1_000_000_000_100, 900_000_000_000, 1_000_000_000_300])
    newest = parse_instant("2026-10-31")
    clock = TwinClock(newest, now_ns=lambda: next(real))
    seen = [clock.now() for _ in range(3)]
    assert seen == [newest + 2, newest + 2, newest + 4]


def test_the_clock_shows_real_time_when_the_world_is_older() -> None:
    clock = TwinClock(5, now_ns=lambda: 1_700_000_000_123_456_789)
    assert format_instant(clock.now()) == "2023-11-14T22:13:20.1234567Z"
