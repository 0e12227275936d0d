"""Business days as Dagster partitions. A key is a label: data is selected by ``business_day``, never by window.

Daily windows with weekends and holidays excluded have holes, and ``end_offset=1`` makes the next business day's key
exist already on a day off (dagster.md section 1). Both are wanted here: what is dated on a day off belongs to the
next business day. The tests pin this behaviour, because Dagster's maintainers see the second as a defect.
"""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import dagster as dg

from st_deltek_pipeline.domain.calendar import BusinessCalendar

# Cron counts Sunday as 0, ISO as 7.
_SUNDAY = 7


def business_day_partitions(start: date, calendar: BusinessCalendar) -> dg.DailyPartitionsDefinition:
    """Build the partitions definition whose keys are the calendar's business days.

    Args:
        start: First day with documents; a day off means the next business day is the first key.
        calendar: The connection's calendar, with the holidays of every year that can have keys.

    Returns:
        Keys ``YYYY-MM-DD`` from ``start`` to today, or to the next business day when today is a day off.
    """
    # A weekday with even one worked day cannot be excluded by a rule, so its days off are named one by one.
    worked = {day.isoweekday() for day in calendar.workdays}
    by_rule = sorted(calendar.weekend - worked)
    named = sorted(day for day in _named_days_off(calendar, calendar.weekend & worked) if day >= start)
    zone = ZoneInfo(calendar.time_zone)
    return dg.DailyPartitionsDefinition(
        start_date=start.isoformat(),
        timezone=calendar.time_zone,
        end_offset=1,
        exclusions=[
            *(f"0 0 * * {weekday % _SUNDAY}" for weekday in by_rule),
            *(datetime.combine(day, time(), zone) for day in named if day.isoweekday() not in by_rule),
        ],
    )


def _named_days_off(calendar: BusinessCalendar, weekdays: frozenset[int]) -> set[date]:
    days = {day for day in calendar.holidays if not calendar.is_business_day(day)}
    years = {day.year for day in calendar.holidays | calendar.workdays}
    for year in years if weekdays else ():
        first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
        year_days = (date.fromordinal(number) for number in range(first, last + 1))
        days |= {day for day in year_days if day.isoweekday() in weekdays and not calendar.is_business_day(day)}
    return days
