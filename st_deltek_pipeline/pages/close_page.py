"""The close report as one self-contained page: of a day, of a month, of any range, as it is now or as it was kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from st_deltek_pipeline.domain.close_changes import CloseChanges, KeptClose
from st_deltek_pipeline.domain.close_report import CloseReport
from st_deltek_pipeline.pages.cells import Cell, Code, Link, Simple
from st_deltek_pipeline.pages.close_change_tables import change_tables, history_table
from st_deltek_pipeline.pages.close_charts import close_charts
from st_deltek_pipeline.pages.close_links import CloseLinks
from st_deltek_pipeline.pages.close_tables import (
    TONES,
    age_table,
    balance_table,
    cards,
    day_table,
    difference_table,
    file_table,
    ignored_table,
    ledger_table,
    reason_table,
    run_table,
    totals_table,
    unaccounted_table,
    waiting_table,
)
from st_deltek_pipeline.pages.rendering import counted, day_shown, month_shown, render


@dataclass(frozen=True)
class Frame:
    """What a server puts around a page; a page that is a file has none of it.

    Attributes:
        path: Links to the pages above it.
        actions: Links beside them.
        user: Who has logged in.
        log_out: Where to log out; empty when nobody has logged in.
        token: What the form to log out has to send along.
    """

    path: Sequence[Simple] = ()
    actions: Sequence[Link] = ()
    user: str = ""
    log_out: str = ""
    token: str = field(default="", repr=False)


def close_page(
    report: CloseReport,
    links: CloseLinks,
    *,
    frame: Frame | None = None,
    kept: Sequence[KeptClose] = (),
    changes: CloseChanges | None = None,
    states: Mapping[date, KeptClose] | None = None,
    as_kept: KeptClose | None = None,
) -> str:
    """Make the page.

    Args:
        report: What it shows.
        links: Where it leads.
        frame: What the server puts around it.
        kept: The closes of its day, oldest first.
        changes: What has changed since the close.
        states: The newest close of each of its days, where there are several.
        as_kept: The page shows what this close said then.
    """
    zone = ZoneInfo(report.time_zone)
    day_url = f"{links.close_url}/{report.connection}/{report.first}" if links.close_url and report.is_day else ""
    return render(
        "close.html",
        report=report,
        title=title_of(report),
        made_at=report.made_at.astimezone(zone),
        tone=TONES[report.state].value,
        frame=frame or Frame(),
        as_kept=as_kept,
        day_url=day_url,
        cards=cards(report),
        charts=close_charts(report),
        totals=totals_table(report),
        days=None if report.is_day else day_table(report, links, states or {}),
        unaccounted=unaccounted_table(report),
        ledger=ledger_table(report),
        differences=difference_table(report),
        balances=balance_table(report),
        ages=age_table(report),
        reasons=reason_table(report),
        waiting=waiting_table(report),
        ignored=ignored_table(report),
        files=file_table(report),
        runs=run_table(report, links, zone),
        changes=changes,
        change_tables=change_tables(changes, links, zone) if changes else [],
        closed_at=changes.since.made_at.astimezone(zone) if changes else None,
        history=history_table(kept, links, zone, day_url=day_url) if report.is_day and as_kept is None else None,
        facts_shown=list(_facts(report, links, zone).items()),
    )


def title_of(report: CloseReport) -> str:
    """Say what a report is of."""
    if report.is_day:
        return day_shown(report.first)
    if (report.first.year, report.first.month) == (report.last.year, report.last.month):
        whole = f"{day_shown(report.first)} to {day_shown(report.last)}"
        return f"{month_shown(report.first)} ({whole})"
    return f"{day_shown(report.first)} to {day_shown(report.last)}"


def _facts(report: CloseReport, links: CloseLinks, zone: ZoneInfo) -> dict[str, Cell]:
    journal = report.journal
    own = f"events {counted(journal.first)} to {counted(journal.last)}" if journal.last else "no event of its own"
    ledger: Cell = "not read"
    if report.ledger.result is not None and report.ledger.read_at is not None:
        lines = f"{counted(report.ledger.result.ledger_lines)} lines"
        ledger = (report.ledger.read_at.astimezone(zone), lines)
    which = f"--day {report.first}" if report.is_day else f"--from {report.first} --to {report.last}"
    day = report.first if report.is_day else None
    found: dict[str, Cell] = {
        "Made": report.made_at.astimezone(zone),
        "From the journal": (own, f"the journal ended with event {counted(journal.head)}"),
        "Vantagepoint's ledger was read": ledger,
        "The same on the command line": Code(f"st-deltek close {report.connection} {which}"),
    }
    if links.dagster_url:
        found["In Dagster"] = (
            links.asset(report.connection, "daily_close", day),
            links.asset(report.connection, "daily_tie_out", day),
        )
    return found
