"""The business day: which day's partition a document belongs to.

The calendar itself is data (a frozen value); building one from a country's public holidays is done by
``st_deltek_pipeline.connections.calendars``. A document's own date, not its business day, decides the
accounting period (``domain.periods``).
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_ONE_DAY = timedelta(days=1)
_LONGEST_CLOSURE = 60


def last_of_month(day: date) -> date:
    """Return the last day of a day's month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


@dataclass(frozen=True)
class BusinessCalendar:
    """A connection's own calendar.

    Attributes:
        time_zone: IANA name, for example ``America/Denver``.
        weekend: ISO weekdays (1 Monday to 7 Sunday) that are not business days.
        holidays: Dates that are not business days.
        workdays: Dates that are business days although weekend or holiday say otherwise.
    """

    time_zone: str
    weekend: frozenset[int]
    holidays: frozenset[date]
    workdays: frozenset[date] = frozenset()

    def is_business_day(self, day: date) -> bool:
        """Say whether books are kept on this day."""
        if day in self.workdays:
            return True
        return day.isoweekday() not in self.weekend and day not in self.holidays

    def business_day(self, day: date) -> date:
        """Return the business day a document dated ``day`` belongs to: the day itself or the next one.

        Raises:
            ValueError: No business day within sixty days, so the calendar must be wrong.
        """
        candidate = day
        for _ in range(_LONGEST_CLOSURE):
            if self.is_business_day(candidate):
                return candidate
            candidate += _ONE_DAY
        message = f"no business day within {_LONGEST_CLOSURE} days after {day}"
        raise ValueError(message)

    def document_dates(self, business_day: date) -> list[date]:
        """Return every document date that belongs to a business day, oldest first.

        Raises:
            ValueError: ``business_day`` is not a business day.
        """
        if not self.is_business_day(business_day):
            message = f"{business_day} is not a business day in this calendar"
            raise ValueError(message)
        dates = [business_day]
        earlier = business_day - _ONE_DAY
        while not self.is_business_day(earlier) and len(dates) <= _LONGEST_CLOSURE:
            dates.append(earlier)
            earlier -= _ONE_DAY
        return dates[::-1]

    def business_days(self, first: date, last: date) -> Iterator[date]:
        """Yield the business days from ``first`` to ``last``, both included."""
        day = first
        while day <= last:
            if self.is_business_day(day):
                yield day
            day += _ONE_DAY

    def today(self, now: datetime) -> date:
        """Return the date in the connection's time zone at the aware instant ``now``."""
        return now.astimezone(ZoneInfo(self.time_zone)).date()
