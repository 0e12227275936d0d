"""What a synchronisation reports, to people and to machines. In JSON money is text with two decimals."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.text import Text

from st_deltek_pipeline.cli.exit_codes import ExitCode, exit_code_of
from st_deltek_pipeline.cli.tie_out_tables import held_table, named, plain_console, tie_out_table
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import shown, written
from st_deltek_pipeline.domain.reconciliation import Amounts, Area, OutsideSum, TieOut, TieOutRow
from st_deltek_pipeline.orchestration.day_runs import KindReport
from st_deltek_pipeline.orchestration.syncing import SyncReport

_AMOUNTS = ("servicetitan_total", "posted", "held", "ignored", "difference")
_MOST_NAMED = 50


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
        "posted": [
            {"kind": kind.value, "documents": documents, "amount": _text(amount)}
            for kind, (documents, amount) in report.posted_now_by_kind.items()
        ],
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
                "posted_before": day.posted_before,
                "held": day.held,
                "ignored": day.ignored,
                "kinds": [_kind(each) for each in day.kinds],
            }
            for day in report.days
        ],
        "tie_out": [_row(row) for row in result.rows] if result else [],
        "totals": [_total(area, amounts) for area, amounts in result.by_area.items()] if result else [],
        "held": [_outside(each) for each in result.waiting] if result else [],
        "ignored": [_outside(each) for each in result.ignored] if result else [],
        "unaccounted": list(result.unaccounted) if result else [],
        "differing": {name: _text(difference) for name, difference in result.differing} if result else {},
        "not_closed": {str(day): str(error) for day, error in report.not_closed.items()},
    }


def show_report(report: SyncReport, *, by_project: bool = False) -> None:
    """Print the tie-out and what was new on standard output.

    Args:
        report: A finished synchronisation.
        by_project: A row per project in the tie-out.
    """
    console = plain_console()
    result = report.tie_out
    if result is not None:
        console.print(tie_out_table(result, by_project=by_project))
    show_findings(console, report.connection, result, report.posted_now_by_kind)
    for error in report.not_closed.values():
        console.print(Text(f"Not closed: {error}", style="bold red"))


def exit_code_of_report(report: SyncReport) -> ExitCode:
    """Say with which code a command ends that has run days.

    Args:
        report: What it did.
    """
    if not report.accounted_for:
        return ExitCode.BROKEN
    return next((exit_code_of(error) for error in report.not_closed.values()), ExitCode.OK)


def show_findings(
    console: Console, connection: str, result: TieOut | None, posted: Mapping[Kind, tuple[int, Decimal]]
) -> None:
    """Print what is unaccounted for, what was posted and what is held.

    Args:
        console: Where to print.
        connection: The connection's name.
        result: The tie-out, where there is one.
        posted: Number and amount of what was posted now, by kind.
    """
    for document in result.unaccounted if result else ():
        console.print(f"unaccounted for: {document}", style="bold red")
    differing = result.differing if result else ()
    for document, difference in differing[:_MOST_NAMED]:
        console.print(f"differs by {shown(difference)}: {document}", style="bold red")
    if len(differing) > _MOST_NAMED:
        console.print(f"{len(differing) - _MOST_NAMED:,} more: --json has all.", style="bold red")
    parts = [f"{documents:,} {named(kind)} {shown(amount)}" for kind, (documents, amount) in posted.items()]
    console.print(f"Posted {'; '.join(parts)}." if parts else "Posted nothing new.")
    if result is not None and result.waiting:
        console.print(held_table(result))
        console.print(
            f"Which documents: st-deltek holds list {connection}, or the day's partitions of {connection}/posted_* in "
            "Dagster."
        )


def _kind(each: KindReport) -> dict[str, object]:
    return {
        "kind": each.kind.value,
        "documents": each.documents,
        "posted_now": each.posted_now,
        "posted_now_total": _text(each.posted_now_total),
        "posted_before": each.posted_before,
        "held": each.held,
        "ignored": each.ignored,
        "plan_hash": each.plan_hash,
    }


def _row(row: TieOutRow) -> dict[str, object]:
    amounts = {name: _text(getattr(row, name)) for name in _AMOUNTS}
    return {
        "day": "no date" if row.business_day is None else row.business_day.isoformat(),
        "area": row.area.value,
        "kind": row.kind.value,
        "project": row.project,
        "documents": row.documents,
        **amounts,
    }


def _total(area: Area, amounts: Amounts) -> dict[str, object]:
    return {
        "area": area.value,
        "documents": amounts.documents,
        **{name: _text(getattr(amounts, name)) for name in _AMOUNTS},
    }


def _outside(each: OutsideSum) -> dict[str, object]:
    return {
        "kind": each.kind.value,
        "outcome": each.outcome,
        "reason": each.reason,
        "documents": each.documents,
        "amount": _text(each.amount),
        "advice": each.advice,
        "document_ids": list(each.document_ids),
    }


def _text(amount: Decimal) -> str:
    return written(amount)
