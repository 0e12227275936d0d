"""Computes a day's plan for ``st-deltek preview`` and shows it, to people and to machines."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from rich.table import Table

from st_deltek_pipeline.cli.tie_out_tables import named, plain_console
from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.connections.kinds import chosen_kinds
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.reconciliation import OutsideSum, outside_sums
from st_deltek_pipeline.services.alignment import align_day
from st_deltek_pipeline.services.posting.planner import DayPlan
from st_deltek_pipeline.services.preview import pin_plan, preview_day
from st_deltek_pipeline.services.staging import stage_day
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database

_RUN = "preview"


def compute_plans(
    settings: Settings, name: str, day: date, kinds: Sequence[Kind], *, pinned_by: str | None
) -> list[DayPlan]:
    """Stage, align and plan a business day from what was taken in last; nothing is sent.

    Args:
        settings: The installation.
        name: The connection.
        day: The business day.
        kinds: Kinds of document; all that the connection moves when empty.
        pinned_by: Who pins the plan, which must be that of one kind; ``None`` pins nothing.

    Returns:
        A plan for each kind, in the order of posting.

    Raises:
        ConfigurationError: No such connection, the day is no business day of it, or the kinds do not fit.
        BrokenError: Nothing was taken in yet.
    """
    connection = find_connection(settings, name)
    calendar = business_calendar(connection.calendar, connection.start_date.year, day.year + 1)
    if not calendar.is_business_day(day):
        message = f"{day} is not a business day of {name}."
        raise ConfigurationError(message, advice=f"What is dated then belongs to {calendar.business_day(day)}.")
    chosen = chosen_kinds(connection, kinds, one=pinned_by is not None)
    engine = ready_database(settings)
    plans: list[DayPlan] = []
    try:
        for kind in chosen:
            stage_day(engine, connection, calendar, kind, day, run_id=_RUN)
            align_day(engine, connection, kind, day, run_id=_RUN)
            plan = preview_day(engine, connection, kind, day)
            if pinned_by is not None:
                pin_plan(engine, connection, kind, day, plan.plan_hash, actor=pinned_by)
            plans.append(plan)
    finally:
        engine.dispose()
    return plans


def plan_as_data(plan: DayPlan) -> dict[str, Any]:
    """Return a plan as plain data for JSON.

    Args:
        plan: From ``compute_plans``.

    Returns:
        With each file's exact body, as the text that will be sent.
    """
    return {
        "kind": plan.kind.value,
        "plan_hash": plan.plan_hash,
        "documents": plan.documents,
        "held": plan.held,
        "ignored": plan.ignored,
        "unchanged": plan.unchanged,
        "resumed": [{"batch": file.batch, "state": file.state, "amount": file.amount} for file in plan.resumed],
        "files": [
            {
                "batch": file.batch,
                "entry": file.entry.value,
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
        plan: From ``compute_plans``.
    """
    console = plain_console()
    what = named(plan.kind)
    table = Table(title=f"Transaction files of {plan.business_day}'s {what}", title_justify="left")
    for heading in ("batch", "period", "documents", "amount"):
        table.add_column(heading, justify="left" if heading == "batch" else "right")
    for file in plan.files:
        documents = len({posting.document for posting in file.postings})
        table.add_row(file.batch, str(file.period), f"{documents:,}", f"{file.amount:,.2f}")
    for file in plan.resumed:
        table.add_row(f"{file.batch} ({file.state})", str(file.period), f"{file.documents:,}", f"{file.amount:,.2f}")
    console.print(table)
    console.print(
        f"{plan.documents:,} {what}: {plan.unchanged:,} posted already, {plan.held:,} held, {plan.ignored:,} ignored."
    )
    for each in _outside(plan):
        console.print(
            f"  {each.documents:>5,}  {each.amount:>14,.2f}  {each.outcome}: {each.reason}. {each.advice}".rstrip(),
            soft_wrap=True,
        )
    console.print(f"Plan hash: {plan.plan_hash}")


def _outside(plan: DayPlan) -> tuple[OutsideSum, ...]:
    return outside_sums(
        (plan.kind, outcome.outcome, outcome.reason, outcome.document.document_id, outcome.amount)
        for outcome in plan.outside
    )
