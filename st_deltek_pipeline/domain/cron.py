"""How long a cron schedule of five fields may rest. When it is due is the scheduler's business."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

_MINUTES_A_DAY = 24 * 60
# Cron counts Sunday as 0 or 7, ISO as 7.
_SUNDAY = 7
_MOST_DAYS = 31
# A schedule of minutes, hours and weekdays has a tick each week; one with dates in it is looked at over some years.
_FIRST = date(2024, 1, 1)
_DAYS_A_WEEK = 7
_DAYS_OF_YEARS = 5 * 366
_PART = re.compile(r"^(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?$", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True)
class CronTimes:
    """When a schedule is due, without a time zone.

    Attributes:
        minutes: Of a day, ascending.
        weekdays: 0 is Sunday.
    """

    minutes: tuple[int, ...]
    dates: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @property
    def by_date(self) -> bool:
        """Whether only some days of the month count."""
        return len(self.dates) < _MOST_DAYS

    @property
    def by_weekday(self) -> bool:
        """Whether only some weekdays count."""
        return len(self.weekdays) < _SUNDAY

    @property
    def repeats_weekly(self) -> bool:
        """Whether one week is like another."""
        return not self.by_date and len(self.months) == len(_MONTHS)

    def is_due_on(self, day: date) -> bool:
        """Say whether there is a tick on this day; where weekdays and days of the month are named, either is enough."""
        if day.month not in self.months:
            return False
        on_date, on_weekday = day.day in self.dates, day.isoweekday() % _SUNDAY in self.weekdays
        return on_date or on_weekday if self.by_date and self.by_weekday else on_date and on_weekday


def read_cron(text: str) -> CronTimes | None:
    """Read a schedule.

    Args:
        text: Minute, hour, day of month, month, weekday: ``*``, numbers, names, ranges, lists and steps.

    Returns:
        Nothing where it says something else; schedulers know more than these.
    """
    fields = text.split()
    limits = ((0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, _MONTHS), (0, 7, _WEEKDAYS))
    if len(fields) != len(limits):
        return None
    read = [_numbers(field, *limit) for field, limit in zip(fields, limits, strict=True)]
    if not all(read):
        return None
    minutes, hours, dates, months, weekdays = read
    return CronTimes(
        minutes=tuple(hour * 60 + minute for hour in sorted(hours) for minute in sorted(minutes)),
        dates=frozenset(dates),
        months=frozenset(months),
        weekdays=frozenset(weekday % _SUNDAY for weekday in weekdays),
    )


def longest_rest(times: CronTimes, ticks: int = 1) -> timedelta | None:
    """Return how long it takes at most from one tick to the one so many ticks later.

    Args:
        times: The schedule.
        ticks: How many ticks later, at least one.

    Returns:
        The time by the clock on the wall, without changes between summer and winter time; nothing where the schedule is
        due too seldom to tell.
    """
    number = _DAYS_A_WEEK * (ticks + 2) if times.repeats_weekly else _DAYS_OF_YEARS
    days = [day for day in range(number) if times.is_due_on(_FIRST + timedelta(days=day))]
    longest = _longest_across_days(times.minutes, days, ticks)
    within = [later - earlier for earlier, later in zip(times.minutes, times.minutes[ticks:], strict=False)]
    found = max((*within, *longest), default=None)
    return None if found is None else timedelta(minutes=found)


def _longest_across_days(minutes: Sequence[int], days: Sequence[int], ticks: int) -> Iterator[int]:
    # Only what is near a day's ends can be so few ticks away from another day.
    near = minutes if len(minutes) <= 2 * ticks else [*minutes[:ticks], *minutes[-ticks:]]
    found = [(day, day * _MINUTES_A_DAY + minute) for day in days for minute in near]
    for (day, earlier), (other, later) in zip(found, found[ticks:], strict=False):
        if day != other:
            yield later - earlier


def _numbers(field: str, lowest: int, highest: int, names: Sequence[str]) -> set[int]:
    """Return the numbers that a field means; none where it cannot be read."""
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.match(part)
        if match is None:
            return set()
        first, last, step = match["first"], match["last"], int(match["step"] or 1)
        start = lowest if first == "*" else _number(first, lowest, names)
        if first == "*" or (last is None and match["step"]):
            end = highest
        else:
            end = start if last is None else _number(last, lowest, names)
        if not (lowest <= start <= end <= highest and step):
            return set()
        found.update(range(start, end + 1, step))
    return found


def _number(word: str, lowest: int, names: Sequence[str]) -> int:
    """Return the number that a word means, or one that no field allows."""
    if word.isdigit():
        return int(word)
    return names.index(word.lower()) + lowest if word.lower() in names else -1
