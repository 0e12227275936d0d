"""How old an asset may get before Dagster shows it as late: derived from the schedules that a connection has.

Only for what a schedule materializes whether or not anything has changed. A kind of document may have none on a day, so its
``staged_*``, ``aligned_*`` and ``posted_*`` have no such policy; the tie-out of every business day has.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import dagster as dg

from st_deltek_pipeline.connections.schedule_settings import OFF
from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.domain.cron import CronTimes, longest_rest, read_cron

WARN_AFTER_POLLS = 3
FAIL_AFTER_POLLS = 6
CLOSE_GRACE = timedelta(hours=6)
"""How long the runs that close a day may take, with their retries."""

_ONE_DAY = timedelta(days=1)
_TWO_WEEKS = timedelta(days=14)
_YEARS_LOOKED_AT = timedelta(days=5 * 366)
_SOME_DAY = date(2024, 1, 1)


def poll_freshness(cron: str) -> dg.FreshnessPolicy | None:
    """Return the policy of what a schedule reads: late after three missed polls, overdue after six.

    Args:
        cron: The schedule, or ``off``.

    Returns:
        Nothing where it is off, or its rests cannot be told.
    """
    times = None if cron == OFF else read_cron(cron)
    if times is None:
        return None
    return _time_window(longest_rest(times, WARN_AFTER_POLLS), longest_rest(times, FAIL_AFTER_POLLS))


def close_freshness(cron: str, calendar: BusinessCalendar) -> dg.FreshnessPolicy | None:
    """Return the policy of the tie-out: late when longer ago than a weekend explains, overdue when than any holidays do.

    Dagster's policy by cron knows neither, so it would call the books late on every day after a holiday.

    Args:
        cron: The schedule of the close, or ``off``.
        calendar: The connection's business days.

    Returns:
        Nothing where it is off, or its rests cannot be told.
    """
    times = None if cron == OFF else read_cron(cron)
    if times is None:
        return None
    last = max(calendar.holidays, default=_SOME_DAY)
    first = max(min(calendar.holidays, default=_SOME_DAY) - _TWO_WEEKS, last - _YEARS_LOOKED_AT)
    plain = replace(calendar, holidays=frozenset(), workdays=frozenset())
    usual = _longest_rest_of_closes(times, plain, _SOME_DAY, _SOME_DAY + 2 * _TWO_WEEKS)
    longest = _longest_rest_of_closes(times, calendar, first, last + _TWO_WEEKS)
    return _time_window(usual, longest, CLOSE_GRACE)


def _longest_rest_of_closes(times: CronTimes, calendar: BusinessCalendar, first: date, last: date) -> timedelta | None:
    closes = sorted(set(_closes(times, calendar, first, last)))
    return max((later - earlier for earlier, later in pairwise(closes)), default=None)


def _closes(times: CronTimes, calendar: BusinessCalendar, first: date, last: date) -> Iterator[date]:
    """Yield on which date each business day is closed: the first one with a tick after it."""
    open_days = 0
    day = first
    while day <= last:
        if open_days and times.is_due_on(day):
            yield day
            open_days = 0
        open_days += calendar.is_business_day(day)
        day += _ONE_DAY


def _time_window(
    warn: timedelta | None, fail: timedelta | None, grace: timedelta = timedelta()
) -> dg.FreshnessPolicy | None:
    if fail is None:
        return None
    earlier = warn is not None and warn < fail
    return dg.FreshnessPolicy.time_window(fail + grace, warn_window=warn + grace if warn and earlier else None)
