"""Makes a close report for a terminal, a machine, a file or a spreadsheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
from sqlalchemy import Engine

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import print_json, print_table, say, working
from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.calendar import last_of_month
from st_deltek_pipeline.domain.close_report import CloseReport, CloseState
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.money import written
from st_deltek_pipeline.pages.cells import Table
from st_deltek_pipeline.pages.close_csv import close_csv
from st_deltek_pipeline.pages.close_links import CloseLinks
from st_deltek_pipeline.pages.close_page import close_page, title_of
from st_deltek_pipeline.pages.close_tables import (
    age_table,
    day_table,
    difference_table,
    ignored_table,
    ledger_table,
    reason_table,
    totals_table,
    unaccounted_table,
    waiting_table,
)
from st_deltek_pipeline.pages.rendering import plain
from st_deltek_pipeline.services.clients import vantagepoint_client
from st_deltek_pipeline.services.closing import LedgerReading, changes_of_day, close_report, days_of_report
from st_deltek_pipeline.services.three_way import reconcile
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.close_figures import journal_range
from st_deltek_pipeline.store.closes import latest_closes
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.vault import open_vault

_ONE_DAY = timedelta(days=1)
_LONG_AGO = timedelta(days=60)


@dataclass(frozen=True)
class Wanted:
    """Which days of which connection; without any, the last business day that is over.

    Attributes:
        month: Any day of it.
        kept: Take the comparison that was kept at each day's last close, instead of reading the ledger.
    """

    connection: str
    day: date | None
    month: date | None
    first: date | None
    last: date | None
    kept: bool


@dataclass(frozen=True)
class Output:
    """Where the report goes beside the terminal."""

    html_file: Path | None
    csv_file: Path | None
    as_json: bool


def run(settings: Settings, wanted: Wanted, output: Output) -> ExitCode:
    """Make the report and show it.

    Args:
        settings: The installation.
        wanted: Of which days.
        output: Where it goes.

    Returns:
        ``OK`` when the days are closed, ``HELD`` when something is left to do or the days are not over.

    Raises:
        ConfigurationError: There is no such connection or no such day, or a file cannot be written.
        TransientError: Vantagepoint could not be read.
        PipelineError: It does not let us read, or something is broken.
    """
    connection = find_connection(settings, wanted.connection)
    now = datetime.now(UTC)
    days = days_of_report(connection, *_range(connection, wanted, now), now=now)
    engine = ready_database(settings)
    try:
        with working("reading both sides"):
            ledger = None if wanted.kept else _read_ledger(settings, engine, connection, days, now)
            report = close_report(engine, connection, days, now=now, ledger=ledger)
        links = CloseLinks(settings.dagster_url, settings.close_url)
        if output.html_file is not None:
            _write(output.html_file, _page(engine, report, links))
        if output.csv_file is not None:
            _write(output.csv_file, close_csv(report))
    finally:
        engine.dispose()
    if output.as_json:
        print_json(_as_data(report))
    else:
        _show(report)
    return ExitCode.OK if report.state is CloseState.CLOSED else ExitCode.HELD


def _range(connection: ConnectionSettings, wanted: Wanted, now: datetime) -> tuple[date, date]:
    if wanted.day is not None:
        return wanted.day, wanted.day
    if wanted.month is not None:
        return wanted.month.replace(day=1), last_of_month(wanted.month)
    if wanted.first is not None and wanted.last is not None:
        return wanted.first, wanted.last
    calendar = business_calendar(connection.calendar, now.year - 1, now.year)
    today = calendar.today(now)
    last = max(calendar.business_days(today - _LONG_AGO, today - _ONE_DAY))
    return last, last


def _read_ledger(
    settings: Settings, engine: Engine, connection: ConnectionSettings, days: Sequence[date], now: datetime
) -> LedgerReading:
    secrets = open_vault(engine, settings).get(connection.name, "vantagepoint")
    with vantagepoint_client(settings, connection, secrets) as client:
        journal = journal_range(engine, connection.name, days)
        result = reconcile(engine, client, connection, days[0], days[-1])
        return LedgerReading(result, read_at=now, journal=journal)


def _page(engine: Engine, report: CloseReport, links: CloseLinks) -> str:
    if report.is_day:
        kept, changes = changes_of_day(engine, report)
        return close_page(report, links, kept=kept, changes=changes)
    found = latest_closes(engine, [report.connection], report.first, report.last)[report.connection]
    return close_page(report, links, states={each.business_day: each for each in found})


def _show(report: CloseReport) -> None:
    """Print what the page shows, without files and runs."""
    say(f"{report.connection}  {title_of(report)}")
    tables: list[Table | None] = [
        totals_table(report),
        None if report.is_day else day_table(report, CloseLinks(), {}),
        unaccounted_table(report),
        ledger_table(report),
        difference_table(report),
        age_table(report),
        reason_table(report),
        waiting_table(report),
        ignored_table(report),
    ]
    for table in tables:
        if table is not None and table.rows:
            headings = [f">{column.heading}" if column.number else column.heading for column in table.columns]
            print_table(headings, [[plain(cell) for cell in row.cells] for row in table.rows], title=table.caption)
            if table.note:
                say(table.note)
    say(" ".join([report.verdict, *report.remarks]))


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8", newline="")
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}."
        raise ConfigurationError(message, advice="Name another file.") from None
    say(f"Wrote {path}", err=True)


def _as_data(report: CloseReport) -> dict[str, Any]:
    """Return the report as plain data for JSON; money is text with two decimals."""
    return {
        "state": report.state.value,
        "verdict": report.verdict,
        "remarks": list(report.remarks),
        "differences_by_class": {each.value: count for each, count in report.differences_by_class.items()},
        **_texts(msgspec.to_builtins(report, builtin_types=(Decimal,), str_keys=True)),
    }


def _texts(value: Any) -> Any:  # noqa: ANN401 (JSON-shaped)
    if isinstance(value, Decimal):
        return written(value)
    if isinstance(value, dict):
        return {name: _texts(each) for name, each in cast("dict[str, Any]", value).items()}
    return [_texts(each) for each in cast("list[Any]", value)] if isinstance(value, list | tuple) else value
