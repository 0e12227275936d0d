"""The first page: every connection with a calendar of its days, and the selections of its assets in Dagster."""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from st_deltek_pipeline.domain.close_changes import KeptClose
from st_deltek_pipeline.domain.close_report import CloseState
from st_deltek_pipeline.pages.cells import Simple
from st_deltek_pipeline.pages.close_links import CloseLinks
from st_deltek_pipeline.pages.close_page import Frame
from st_deltek_pipeline.pages.close_selections import saved_selections
from st_deltek_pipeline.pages.close_tables import SAID, TONES
from st_deltek_pipeline.pages.rendering import day_shown, month_shown, render

_SIGNS: Mapping[CloseState, str] = {
    CloseState.CLOSED: "\N{CHECK MARK}",
    CloseState.WAITING: "!",
    CloseState.DIFFERENT: "\N{MULTIPLICATION SIGN}",
    CloseState.NOT_COMPARED: "?",
}


@dataclass(frozen=True)
class ConnectionDays:
    """A connection, as the first page shows it.

    Attributes:
        months: The first day of each month shown, newest first.
        earlier: Months before them, newest first.
        business_days: Which of their days are business days that can have a report.
        kept: The newest close of each day.
    """

    name: str
    months: Sequence[date]
    earlier: Sequence[date]
    business_days: frozenset[date]
    kept: Mapping[date, KeptClose]


@dataclass(frozen=True)
class DayCell:
    """A day in a calendar.

    Attributes:
        address: Empty where the day has no report.
        tone: A class of the style sheet.
        sign: One character, so that the colour is not alone.
        said: For whoever cannot see either.
    """

    number: int
    address: str = ""
    tone: str = "off"
    sign: str = ""
    said: str = ""


@dataclass(frozen=True)
class MonthCalendar:
    """A month in a calendar.

    Attributes:
        name: A link where there is a report.
        weeks: Seven cells each; ``None`` before the first and after the last day.
    """

    name: Simple
    weeks: Sequence[Sequence[DayCell | None]]


def close_index(connections: Sequence[ConnectionDays], links: CloseLinks, frame: Frame, *, problems: int = 0) -> str:
    """Make the page.

    Args:
        connections: Those that the reader may see.
        links: Where it leads.
        frame: What the server puts around it.
        problems: How many connection files cannot be read.
    """
    return render(
        "close_index.html",
        frame=frame,
        problems=problems,
        signs=[(_SIGNS[state], SAID[state], TONES[state].value) for state in CloseState],
        connections=[
            (
                each.name,
                [_month(each, first, links) for first in each.months],
                [links.month(each.name, first, text=month_shown(first)) for first in each.earlier],
                saved_selections(each.name, links),
            )
            for each in connections
        ],
    )


def _month(connection: ConnectionDays, first: date, links: CloseLinks) -> MonthCalendar:
    weeks = [
        [_cell(connection, first.replace(day=number), links) if number else None for number in week]
        for week in calendar.Calendar().monthdayscalendar(first.year, first.month)
    ]
    return MonthCalendar(links.month(connection.name, first, text=month_shown(first)), weeks)


def _cell(connection: ConnectionDays, day: date, links: CloseLinks) -> DayCell:
    if day not in connection.business_days:
        return DayCell(day.day, said=f"{day_shown(day)}: no report")
    address = f"{links.close_url}/{connection.name}/{day}"
    kept = connection.kept.get(day)
    if kept is None:
        return DayCell(day.day, address, "quiet", "\N{MIDDLE DOT}", f"{day_shown(day)}: not run")
    return DayCell(day.day, address, TONES[kept.state].value, _SIGNS[kept.state], f"{day_shown(day)}: {kept.verdict}")
