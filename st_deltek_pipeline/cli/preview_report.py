"""Computes a day's plan for ``st-deltek preview`` and shows it, to people and to machines."""

import sys
from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.reconciliation import OutsideSum, outside_sums
from st_deltek_pipeline.services.alignment import align_day
from st_deltek_pipeline.services.posting.planner import DayPlan
from st_deltek_pipeline.services.preview import pin_plan, preview_day
from st_deltek_pipeline.services.staging import stage_invoices
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database

_RUN = "preview"


def compute_plan(settings: Settings, name: str, day: date, *, pinned_by: str | None) -> DayPlan:
    """Stage, align and plan a business day from what was taken in last; nothing is sent.

    Args:
        settings: The installation.
        name: The connection.
        day: The business day.
        pinned_by: Who pins the plan; ``None`` pins nothing.

    Raises:
        ConfigurationError: No such connection, or the day is no business day of it.
        BrokenError: Nothing was taken in yet.
    """
    connection = find_connection(settings, name)
    calendar = business_calendar(connection.calendar, connection.start_date.year, day.year + 1)
    if not calendar.is_business_day(day):
        message = f"{day} is not a business day of {name}."
        raise ConfigurationError(message, advice=f"What is dated then belongs to {calendar.business_day(day)}.")
    engine = ready_database(settings)
    try:
        stage_invoices(engine, connection, calendar, day, run_id=_RUN)
        align_day(engine, connection, Kind.INVOICE, day, run_id=_RUN)
        plan = preview_day(engine, connection, Kind.INVOICE, day)
        if pinned_by is not None:
            pin_plan(engine, connection, Kind.INVOICE, day, plan.plan_hash, actor=pinned_by)
    finally:
        engine.dispose()
    return plan


def plan_as_data(plan: DayPlan) -> dict[str, Any]:
    """Return a plan as plain data for JSON.

    Args:
        plan: From ``compute_plan``.

    Returns:
        With each file's exact body, as the text that will be sent.
    """
    return {
        "day": plan.business_day,
        "plan_hash": plan.plan_hash,
        "documents": plan.documents,
        "held": plan.held,
        "ignored": plan.ignored,
        "unchanged": plan.unchanged,
        "resumed": [{"batch": file.batch, "state": file.state, "amount": file.amount} for file in plan.resumed],
        "files": [
            {
                "batch": file.batch,
                "period": file.period,
                "documents": len({posting.document for posting in file.postings}),
                "amount": file.amount,
                "body_hash": file.body_hash,
                "body": file.body,
            }
            for file in plan.files
        ],
        "outside": [
            {
                "outcome": each.outcome,
                "reason": each.reason,
                "documents": each.documents,
                "amount": each.amount,
                "advice": each.advice,
                "document_ids": list(each.document_ids),
            }
            for each in _outside(plan)
        ],
        "outcomes": [
            {
                "document": str(outcome.document),
                "outcome": outcome.outcome,
                "reason": outcome.reason,
                "message": outcome.message,
                "amount": outcome.amount,
                "project": outcome.project,
            }
            for outcome in plan.outcomes
        ],
    }


def show_plan(plan: DayPlan) -> None:
    """Print a plan on standard output.

    Args:
        plan: From ``compute_plan``.
    """
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 140)
    table = Table(title=f"Transaction files for {plan.business_day}", title_justify="left")
    for heading in ("batch", "period", "documents", "amount"):
        table.add_column(heading, justify="left" if heading == "batch" else "right")
    for file in plan.files:
        documents = len({posting.document for posting in file.postings})
        table.add_row(file.batch, str(file.period), f"{documents:,}", f"{file.amount:,.2f}")
    for file in plan.resumed:
        table.add_row(f"{file.batch} ({file.state})", str(file.period), f"{file.documents:,}", f"{file.amount:,.2f}")
    console.print(table)
    console.print(
        f"{plan.documents:,} documents: {plan.unchanged:,} posted already, {plan.held:,} held, {plan.ignored:,} ignored."
    )
    for each in _outside(plan):
        console.print(
            f"  {each.documents:>5,}  {each.amount:>14,.2f}  {each.outcome}: {each.reason}. {each.advice}".rstrip()
        )
    console.print(f"Plan hash: {plan.plan_hash}")


def _outside(plan: DayPlan) -> tuple[OutsideSum, ...]:
    return outside_sums(
        (plan.kind, outcome.outcome, outcome.reason, outcome.document.document_id, outcome.amount)
        for outcome in plan.outside
    )
