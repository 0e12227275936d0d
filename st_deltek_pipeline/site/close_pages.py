"""The close reports as pages and CSV, made from the database alone. Everything here blocks, and runs in ``workers``."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine
from starlette.responses import Response

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.files import find_connection, load_connections
from st_deltek_pipeline.connections.settings import CONNECTION_NAME_PATTERN, ConnectionSettings
from st_deltek_pipeline.domain.calendar import last_of_month
from st_deltek_pipeline.domain.close_changes import KeptClose
from st_deltek_pipeline.domain.close_report import CloseReport
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.pages.cells import Link, Simple
from st_deltek_pipeline.pages.close_csv import close_csv
from st_deltek_pipeline.pages.close_index import ConnectionDays, close_index
from st_deltek_pipeline.pages.close_links import CloseLinks
from st_deltek_pipeline.pages.close_page import Frame, close_page
from st_deltek_pipeline.pages.rendering import day_shown, month_shown
from st_deltek_pipeline.services.closing import changes_of_day, close_report, days_of_report
from st_deltek_pipeline.services.page_users import PageUser, form_token
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.site import answers
from st_deltek_pipeline.site.login import LOGOUT, ROOT
from st_deltek_pipeline.store.closes import close_report_of, closes_of_day, latest_closes

_NAME = re.compile(CONNECTION_NAME_PATTERN)
_WHICH = re.compile(r"(?P<day>\d{4}-\d{2}-\d{2})|(?P<month>\d{4}-\d{2})")
_CSV = ".csv"
_MONTHS_SHOWN = 3
_ONE_DAY = timedelta(days=1)
# Several readers of one month, or one who reloads, cost one reading.
_REPORT_SECONDS, _MOST_REPORTS = 10.0, 8
_FILES_SECONDS = 5.0


class NotFoundError(Exception):
    """There is no such page, or the reader may not know of it."""


@dataclass(frozen=True)
class Reader:
    """Who reads, and with which session."""

    user: PageUser
    token: str

    def frame(self, *path: Simple, actions: tuple[Link, ...] = ()) -> Frame:
        """Put around a page what the reader needs on it."""
        return Frame((Link("Close reports", ROOT), *path), actions, self.user.name, LOGOUT, form_token(self.token))


class ClosePages:
    """Makes the pages.

    Args:
        settings: The installation.
        engine: Its database.
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._links = CloseLinks(settings.dagster_url, ROOT)
        self._lock = threading.Lock()
        self._reports: OrderedDict[tuple[str, date, date], tuple[float, CloseReport]] = OrderedDict()
        self._loaded: tuple[float, Mapping[str, ConnectionSettings], int] | None = None

    def index(self, reader: Reader) -> Response:
        """Make the first page."""
        now = datetime.now(UTC)
        found, problems = self._connections()
        shown = [connection for name, connection in sorted(found.items()) if reader.user.may_see(name)]
        kept = latest_closes(self._engine, [each.name for each in shown], *_shown_span(now))
        days = [_days(each, {close.business_day: close for close in kept[each.name]}, now) for each in shown]
        everything = reader.user.connections is None
        content = close_index(days, self._links, reader.frame(), problems=problems if everything else 0)
        return answers.page(content)

    def report(self, reader: Reader, name: str, which: str) -> Response:
        """Make the page of a day or a month, or its CSV.

        Args:
            reader: Who reads.
            name: The connection.
            which: ``2026-10-29``, ``2026-10``, or either with ``.csv``.

        Raises:
            NotFoundError: There is none.
        """
        connection = self._connection(reader, name)
        as_csv = which.endswith(_CSV)
        first, last = _span(which.removesuffix(_CSV))
        report = self._report(connection, first, last)
        if as_csv:
            return answers.spreadsheet(close_csv(report), f"close-{name}-{which}")
        actions = (*self._neighbours(connection, report, first, last), Link("CSV", f"{ROOT}/{name}/{which}{_CSV}"))
        if first == last:
            month = self._links.month(name, first, text=month_shown(first))
            kept, changes = changes_of_day(self._engine, report)
            frame = reader.frame(f"{name}", month, f"{first}", actions=actions)
            return answers.page(close_page(report, self._links, frame=frame, kept=kept, changes=changes))
        states = latest_closes(self._engine, [name], first, last)[name]
        frame = reader.frame(f"{name}", month_shown(first), actions=actions)
        by_day = {each.business_day: each for each in states}
        return answers.page(close_page(report, self._links, frame=frame, states=by_day))

    def kept(self, reader: Reader, name: str, day: str, number: int) -> Response:
        """Make the page of what a close of a day said then.

        Raises:
            NotFoundError: There is none.
        """
        connection = self._connection(reader, name)
        first, last = _span(day)
        found = [each for each in closes_of_day(self._engine, name, first) if each.number == number]
        if first != last or not found:
            raise NotFoundError
        report = close_report_of(self._engine, connection.name, found[0])
        month = self._links.month(name, first, text=month_shown(first))
        frame = reader.frame(f"{name}", month, self._links.day(name, first, text=day), f"close {number}")
        return answers.page(close_page(report, self._links, frame=frame, as_kept=found[0]))

    def newest(self, reader: Reader, name: str) -> Response:
        """Lead to the month that is going on."""
        connection = self._connection(reader, name)
        today = business_calendar(connection.calendar, connection.start_date.year, _year_ahead()).today(
            datetime.now(UTC)
        )
        return answers.lead_to(f"{ROOT}/{name}/{max(today, connection.start_date):%Y-%m}")

    def _connection(self, reader: Reader, name: str) -> ConnectionSettings:
        # Whether there is a connection that one may not see is told to nobody.
        if not _NAME.fullmatch(name) or not reader.user.may_see(name):
            raise NotFoundError
        found, _ = self._connections()
        if name in found:
            return found[name]
        try:
            return find_connection(self._settings, name)
        except ConfigurationError:
            raise NotFoundError from None

    def _connections(self) -> tuple[Mapping[str, ConnectionSettings], int]:
        with self._lock:
            if self._loaded is None or time.monotonic() - self._loaded[0] > _FILES_SECONDS:
                loaded = load_connections(self._settings)
                self._loaded = (time.monotonic(), loaded.connections, len(loaded.errors))
            return self._loaded[1], self._loaded[2]

    def _report(self, connection: ConnectionSettings, first: date, last: date) -> CloseReport:
        now = datetime.now(UTC)
        try:
            days = days_of_report(connection, first, last, now=now)
        except ConfigurationError:
            raise NotFoundError from None
        key = (connection.name, days[0], days[-1])
        with self._lock:
            known = self._reports.get(key)
        if known is not None and time.monotonic() - known[0] < _REPORT_SECONDS:
            return known[1]
        report = close_report(self._engine, connection, days, now=now)
        with self._lock:
            self._reports[key] = (time.monotonic(), report)
            self._reports.move_to_end(key)
            while len(self._reports) > _MOST_REPORTS:
                self._reports.popitem(last=False)
        return report

    def _neighbours(
        self, connection: ConnectionSettings, report: CloseReport, first: date, last: date
    ) -> tuple[Link, ...]:
        """Lead to the report before and after; none outside of what the connection has."""
        calendar = business_calendar(connection.calendar, connection.start_date.year, _year_ahead())
        newest = calendar.business_day(calendar.today(datetime.now(UTC)))
        if first == last:
            before = list(calendar.business_days(max(first - 30 * _ONE_DAY, connection.start_date), first - _ONE_DAY))
            after = list(calendar.business_days(first + _ONE_DAY, min(first + 30 * _ONE_DAY, newest)))
            days = [*before[-1:], *after[:1]]
            return tuple(Link(day_shown(day), f"{ROOT}/{report.connection}/{day}") for day in days)
        months = [_month_before(first), last + _ONE_DAY]
        return tuple(
            Link(month_shown(month), f"{ROOT}/{report.connection}/{month:%Y-%m}")
            for month in months
            if connection.start_date.replace(day=1) <= month <= newest
        )


def _days(connection: ConnectionSettings, kept: Mapping[date, KeptClose], now: datetime) -> ConnectionDays:
    calendar = business_calendar(connection.calendar, connection.start_date.year, _year_ahead())
    newest = calendar.business_day(calendar.today(now))
    month = newest.replace(day=1)
    months: list[date] = []
    while month >= connection.start_date.replace(day=1):
        months.append(month)
        month = _month_before(month)
    shown = months[:_MONTHS_SHOWN]
    days = calendar.business_days(max(shown[-1], connection.start_date), newest) if shown else ()
    return ConnectionDays(connection.name, shown, months[_MONTHS_SHOWN:], frozenset(days), kept)


def _shown_span(now: datetime) -> tuple[date, date]:
    """Return a span that has every month shown, in whatever time zone."""
    today = now.date()
    return (today - 31 * (_MONTHS_SHOWN + 1) * _ONE_DAY, today + 31 * _ONE_DAY)


def _span(which: str) -> tuple[date, date]:
    match = _WHICH.fullmatch(which)
    if match is None:
        raise NotFoundError
    try:
        if match["day"]:
            day = date.fromisoformat(match["day"])
            return day, day
        first = date.fromisoformat(f"{match['month']}-01")
        return first, last_of_month(first)
    except ValueError:
        raise NotFoundError from None


def _month_before(first: date) -> date:
    return (first - _ONE_DAY).replace(day=1)


def _year_ahead() -> int:
    return datetime.now(UTC).year + 1
