"""The preview: the exact plan of a day and its hash, without writing or sending anything."""

from datetime import date

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.domain.journal import Event, EventType
from st_deltek_pipeline.services.posting.planner import DayPlan, decide_day
from st_deltek_pipeline.store.journal import Journal

_PREVIEW = "preview"


def preview_day(engine: Engine, settings: ConnectionSettings, kind: Kind, business_day: date) -> DayPlan:
    """Show what a run of the day would send: the same function and the same bodies the run uses.

    Args:
        engine: The database; only read.
        settings: The connection.
        kind: The kind of document.
        business_day: The partition, staged and aligned before.

    Raises:
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    return decide_day(engine, settings, kind, business_day, run_id=_PREVIEW)


def pin_plan(
    engine: Engine, settings: ConnectionSettings, kind: Kind, business_day: date, plan_hash: str, *, actor: str
) -> None:
    """Allow only this plan for the day and kind: a run whose plan differs refuses to send it.

    Args:
        engine: The database.
        settings: The connection.
        kind: The kind of document.
        business_day: The partition.
        plan_hash: From the preview the person looked at.
        actor: Who pins it.

    Raises:
        BrokenError: The plan has changed since that preview.
    """
    current = preview_day(engine, settings, kind, business_day).plan_hash
    if current != plan_hash:
        message = f"The plan for {business_day} is {current} now, not {plan_hash}."
        raise BrokenError(message, advice="Look at the preview again before pinning it.")
    Journal(engine, settings.name, run_id=_PREVIEW).pin_plan(
        kind,
        business_day,
        plan_hash,
        event=Event(
            EventType.PLAN_PINNED,
            {"kind": kind.value, "business_day": business_day.isoformat(), "plan_hash": plan_hash, "by": actor},
        ),
        pinned_by=actor,
    )
