"""What a synchronisation reports, to people and to machines. In JSON money is text with two decimals."""

import itertools
import sys
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.domain.reconciliation import OutsideSum, TieOut, TieOutRow
from st_deltek_pipeline.orchestration.syncing import SyncReport

_AMOUNTS = ("servicetitan_total", "posted", "held", "ignored", "difference")
_HEADINGS = ("ServiceTitan total", "posted", "held", "ignored", "difference")


def tie_out_table(result: TieOut) -> Table:
    """Lay the tie-out out: a row per day and project, a total per day where it has several, and a grand total.

    Args:
        result: The tie-out.
    """
    table = Table(title="Tie-out: ServiceTitan = posted + held + ignored", title_justify="left")
    table.add_column("day")
    table.add_column("project")
    table.add_column("documents", justify="right")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    for day, rows in itertools.groupby(result.rows, key=lambda row: row.business_day):
        for row in rows:
            table.add_row(_day(day), row.project, f"{row.documents:,}", *_amounts([row]))
        table.add_section()
    documents = sum(row.documents for row in result.rows)
    table.add_row("total", "", f"{documents:,}", *_amounts(result.rows), style="bold")
    return table


def held_table(result: TieOut) -> Table:
    """Lay out why documents are held, and what would release them.

    Args:
        result: The tie-out; its column ``held`` is the sum of this table.
    """
    table = Table(title="Held: what is not in Vantagepoint yet, and what would release it", title_justify="left")
    table.add_column("reason", no_wrap=True)
    table.add_column("documents", justify="right")
    table.add_column("amount", justify="right")
    table.add_column("what to do")
    for each in result.waiting:
        table.add_row(each.reason, f"{each.documents:,}", f"{each.amount:,.2f}", each.advice)
    documents = sum(each.documents for each in result.waiting)
    amount = total(each.amount for each in result.waiting)
    table.add_section()
    table.add_row("total", f"{documents:,}", f"{amount:,.2f}", style="bold")
    return table


def report_as_data(report: SyncReport) -> dict[str, Any]:
    """Return a synchronisation's result as plain data for JSON.

    Args:
        report: A finished synchronisation.
    """
    result = report.tie_out
    return {
        "connection": report.connection,
        "accounted_for": report.accounted_for,
        "posted_now": report.posted_now,
        "posted_now_total": _text(total(day.posted_now_total for day in report.days)),
        "new_versions": dict(report.new_versions),
        "take_in_run": report.take_in_run,
        "rule_problems": [
            {"rule": found.subject, "problem": found.message, "advice": found.advice} for found in report.rule_problems
        ],
        "days": [
            {
                "day": str(day.day),
                "run": day.run_id,
                "documents": day.documents,
                "posted_now": day.posted_now,
                "posted_now_total": _text(day.posted_now_total),
                "posted_before": day.posted_before,
                "held": day.held,
                "ignored": day.ignored,
                "plan_hash": day.plan_hash,
            }
            for day in report.days
        ],
        "tie_out": [_row(row) for row in result.rows] if result else [],
        "held": [_outside(each) for each in result.waiting] if result else [],
        "ignored": [_outside(each) for each in result.ignored] if result else [],
        "unaccounted": list(result.unaccounted) if result else [],
    }


def show_report(report: SyncReport) -> None:
    """Print the tie-out and what was new on standard output.

    Args:
        report: A finished synchronisation.
    """
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 140)
    if report.tie_out is not None:
        console.print(tie_out_table(report.tie_out))
        for document in report.tie_out.unaccounted:
            console.print(f"unaccounted for: {document}", style="bold red")
    if report.posted_now:
        documents = "document" if report.posted_now == 1 else "documents"
        amount = total(day.posted_now_total for day in report.days)
        console.print(f"Posted {report.posted_now:,} {documents}, {amount:,.2f}.")
    else:
        console.print("Posted nothing new.")
    if report.tie_out is not None and report.tie_out.waiting:
        console.print(held_table(report.tie_out))
        console.print(
            f"Which documents: st-deltek holds list {report.connection}, or the day's partition of "
            f"{report.connection}/posted_invoices in Dagster."
        )


def _row(row: TieOutRow) -> dict[str, object]:
    amounts = {name: _text(getattr(row, name)) for name in _AMOUNTS}
    return {"day": _day(row.business_day), "project": row.project, "documents": row.documents, **amounts}


def _outside(each: OutsideSum) -> dict[str, object]:
    return {
        "outcome": each.outcome,
        "reason": each.reason,
        "documents": each.documents,
        "amount": _text(each.amount),
        "advice": each.advice,
        "document_ids": list(each.document_ids),
    }


def _amounts(rows: Iterable[TieOutRow]) -> list[Text]:
    rows = list(rows)
    cells = [Text(f"{total(getattr(row, name) for row in rows):,.2f}") for name in _AMOUNTS]
    if cells[-1].plain != "0.00":
        cells[-1].stylize("bold red")
    return cells


def _day(day: date | None) -> str:
    return "no date" if day is None else day.isoformat()


def _text(amount: Decimal) -> str:
    return f"{amount:.2f}"
