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
from st_deltek_pipeline.domain.money import shown, total
from st_deltek_pipeline.domain.reconciliation import OutsideSum, outside_sums
from st_deltek_pipeline.services.alignment import align_day
from st_deltek_pipeline.services.posting.planner import DayPlan
from st_deltek_pipeline.services.preview import pin_plan, preview_day
from st_deltek_pipeline.services.staging import stage_day
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database

_RUN = "preview"
# Enough to tell two plans apart; the whole hash follows below the tables.
_SHOWN_DIGITS = 12


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


def show_plans(name: str, plans: Sequence[DayPlan]) -> None:
    """Print plans on standard output: what each kind comes to, its transaction files, and what is left out and why.

    Args:
        name: The connection.
        plans: From ``compute_plans``; at least one.
    """
    console = plain_console()
    console.print(f"What posting {plans[0].business_day} of {name} would send to Vantagepoint")
    table = _table("", "kind", ">documents", ">to post", ">amount", ">posted already", ">held", ">ignored", "plan hash")
    for plan in plans:
        table.add_row(
            named(plan.kind),
            f"{plan.documents:,}",
            f"{_documents(plan):,}",
            shown(total(file.amount for file in plan.files)),
            f"{plan.unchanged:,}",
            f"{plan.held:,}",
            f"{plan.ignored:,}",
            plan.plan_hash[:_SHOWN_DIGITS],
        )
    console.print(table)
    if any(plan.files or plan.resumed for plan in plans):
        console.print(_files_table(plans))
    if any(plan.outside for plan in plans):
        console.print(_outside_table(plans))
    for plan in plans:
        if plan.files:
            console.print(f"Plan hash of the {named(plan.kind)}: {plan.plan_hash}", soft_wrap=True)


def _files_table(plans: Sequence[DayPlan]) -> Table:
    table = _table("Transaction files", "kind", "type", "batch", ">period", ">documents", ">amount")
    for plan in plans:
        for file in plan.files:
            documents = len({posting.document for posting in file.postings})
            cells = (file.batch, str(file.period), f"{documents:,}", shown(file.amount))
            table.add_row(named(plan.kind), file.entry.plural, *cells)
        for file in plan.resumed:
            cells = (f"{file.batch} ({file.state})", str(file.period), f"{file.documents:,}", shown(file.amount))
            table.add_row(named(plan.kind), file.entry.plural, *cells)
    return table


def _outside_table(plans: Sequence[DayPlan]) -> Table:
    table = _table("Left out", "kind", "outcome", "reason", ">documents", ">amount", "what to do")
    for plan in plans:
        for each in _outside(plan):
            counts = (f"{each.documents:,}", shown(each.amount))
            table.add_row(named(plan.kind), each.outcome, each.reason, *counts, each.advice)
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title or None, title_justify="left")
    for heading in headings:
        table.add_column(heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left")
    return table


def _documents(plan: DayPlan) -> int:
    return len({posting.document for file in plan.files for posting in file.postings})


def _outside(plan: DayPlan) -> tuple[OutsideSum, ...]:
    return outside_sums(
        (plan.kind, outcome.outcome, outcome.reason, outcome.document.document_id, outcome.amount)
        for outcome in plan.outside
    )
