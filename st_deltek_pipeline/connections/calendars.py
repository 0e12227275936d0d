"""Builds a connection's business calendar from its settings and the ``holidays`` package.

What a business day is, and which documents belong to it, is in ``domain.calendar``.
"""

import difflib
from datetime import date
from functools import lru_cache

from st_deltek_pipeline.connections.settings import CalendarSettings
from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.domain.errors import ConfigurationError


def business_calendar(settings: CalendarSettings, first_year: int, last_year: int) -> BusinessCalendar:
    """Build the calendar for some years.

    Public holidays are the observed ones: a holiday on a Sunday is kept on the Monday after, where that is the rule.

    Args:
        settings: The connection's calendar.
        first_year: The first year whose holidays are known.
        last_year: The last one. Documents of late December can belong to a business day of the next January, so
            the neighbours of both are included.

    Returns:
        The calendar.

    Raises:
        ConfigurationError: There is no such country or state; the message lists the valid ones.
    """
    days = set(settings.holidays)
    if settings.country:
        days |= _public_holidays(settings.country, settings.state, first_year - 1, last_year + 1)
    return BusinessCalendar(
        time_zone=settings.time_zone,
        weekend=settings.weekend_numbers,
        holidays=frozenset(days),
        workdays=frozenset(settings.workdays),
    )


def check_country(settings: CalendarSettings) -> tuple[str, str] | None:
    """Say what is wrong with the country or state.

    Args:
        settings: The connection's calendar.

    Returns:
        The key (``country`` or ``state``) and a message that lists the valid values, or ``None`` when both are fine.
    """
    if not settings.country:
        return None
    # Imported here: it takes a tenth of a second, and many calendars have no country.
    import holidays  # noqa: PLC0415

    countries = holidays.list_supported_countries()
    if settings.country not in countries:
        return "country", f"{settings.country!r} is not a country code. {_choices(settings.country, countries)}"
    if settings.state and settings.state not in countries[settings.country]:
        states = countries[settings.country]
        known = _choices(settings.state, states) if states else f"{settings.country} has none."
        return "state", f"{settings.state!r} is not a state of {settings.country}. {known}"
    return None


@lru_cache(maxsize=256)
def _public_holidays(country: str, state: str | None, first_year: int, last_year: int) -> frozenset[date]:
    import holidays  # noqa: PLC0415

    try:
        found = holidays.country_holidays(country, subdiv=state, years=range(first_year, last_year + 1), observed=True)
    except (KeyError, NotImplementedError):
        problem = check_country(CalendarSettings(time_zone="UTC", country=country, state=state))
        message = (
            problem[1] if problem else f"The holidays of {country} {state or ''} are not known.".replace(" .", ".")
        )
        raise ConfigurationError(message, advice="Correct calendar in the connection's file.") from None
    # A state's observed New Year can fall into the year before the ones asked for.
    return frozenset(day for day in found if first_year <= day.year <= last_year)


def _choices(value: str, valid: "dict[str, list[str]] | list[str]") -> str:
    near = difflib.get_close_matches(value.upper(), valid, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{hint}Valid: {', '.join(sorted(valid))}"
