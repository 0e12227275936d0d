"""When the contractor works, and how both systems write an instant. What is done on a day is elsewhere."""

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

import holidays

TIME_ZONE = "America/Denver"
COUNTRY = "US"
STATE = "CO"

_SATURDAY = 5
_ONE_DAY = timedelta(days=1)
_WEEKDAY_WEIGHTS = (112, 104, 100, 98, 94, 34, 3)
_HOLIDAY_WEIGHT = 4
_DECEMBER = 12


def first_day(month: str) -> date:
    """Read a month.

    Args:
        month: ``YYYY-MM``.

    Returns:
        Its first day.

    Raises:
        ValueError: The text is not a month.
    """
    try:
        return date.fromisoformat(f"{month}-01")
    except ValueError:
        message = f"{month!r} is not a month; write it as YYYY-MM, for example 2026-10"
        raise ValueError(message) from None


def add_months(first: date, months: int) -> date:
    """Return the first day of the month that many months later, or earlier when negative."""
    position = first.year * _DECEMBER + first.month - 1 + months
    return date(position // _DECEMBER, position % _DECEMBER + 1, 1)


def days_of(first: date) -> list[date]:
    """Return every day of the month that begins with ``first``."""
    return [first + _ONE_DAY * number for number in range((add_months(first, 1) - first).days)]


def public_holidays(first: date) -> frozenset[date]:
    """Return Colorado's public holidays of the years that a month and its neighbours touch."""
    years = {first.year - 1, first.year, first.year + 1}
    return frozenset(holidays.country_holidays(COUNTRY, subdiv=STATE, years=years))


def is_business_day(day: date, closed: frozenset[date]) -> bool:
    """Say whether the office works: no weekend and no holiday."""
    return day.weekday() < _SATURDAY and day not in closed


def next_business_day(day: date, closed: frozenset[date]) -> date:
    """Return the first business day after ``day``."""
    following = day + _ONE_DAY
    while not is_business_day(following, closed):
        following += _ONE_DAY
    return following


def last_business_days(before: date, closed: frozenset[date], count: int) -> list[date]:
    """Return the last ``count`` business days before a day, latest first."""
    found: list[date] = []
    day = before - _ONE_DAY
    while len(found) < count:
        if is_business_day(day, closed):
            found.append(day)
        day -= _ONE_DAY
    return found


def spread(amount: int, days: Sequence[date], closed: frozenset[date], rng: Random) -> list[int]:
    """Share a month's documents out over its days.

    Full crews on business days, a third on Saturdays, emergencies only on Sundays and holidays.

    Args:
        amount: Documents in the whole month.
        days: The month's days.
        closed: Public holidays.
        rng: Where the small differences between equal days come from.

    Returns:
        One count per day; they sum to ``amount``.
    """
    weights = [
        (_HOLIDAY_WEIGHT if day in closed else _WEEKDAY_WEIGHTS[day.weekday()]) * rng.randint(93, 107) for day in days
    ]
    whole = sum(weights)
    counts = [amount * weight // whole for weight in weights]
    by_lost_part = sorted(range(len(days)), key=lambda place: (-(amount * weights[place] % whole), place))
    for place in by_lost_part[: amount - sum(counts)]:
        counts[place] += 1
    return counts


def servicetitan_instant(day: date, second: int, ticks: int = 0) -> str:
    """Write an instant as ServiceTitan does: UTC, up to seven fractional digits (servicetitan.md section 2).

    Args:
        day: The UTC date.
        second: Seconds since its midnight; a count beyond the day runs into the next one.
        ticks: Tenths of a microsecond.

    Returns:
        For example ``2026-10-05T14:03:22.1234567Z``; whole seconds have no fraction.
    """
    extra_days, second = divmod(second, 86400)
    if extra_days:
        day += _ONE_DAY * extra_days
    fraction = f".{ticks:07d}" if ticks else ""
    return f"{day.isoformat()}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}{fraction}Z"


def vantagepoint_instant(day: date, second: int = 0) -> str:
    """Write an instant as Vantagepoint does: milliseconds and no zone (vantagepoint.md section 2)."""
    return f"{day.isoformat()}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000"
