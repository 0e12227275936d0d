"""The tie-out of a connection, as a value and as a pandas frame for reports."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.reconciliation import DocumentSides, TieOut, compare
from st_deltek_pipeline.store.tie_out import DocumentFigures, document_figures, journaled_by_project, posted_by_project

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("day", "kind", "project", "documents", "servicetitan_total", "posted", "held", "ignored", "difference")


def tie_out(
    engine: Engine,
    settings: ConnectionSettings,
    first: date,
    last: date,
    *,
    kinds: Collection[Kind] | None = None,
    undated: bool = False,
) -> TieOut:
    """Compare ServiceTitan's totals with posted, held and ignored amounts.

    Args:
        engine: The database.
        settings: The connection.
        first: First business day.
        last: Last business day.
        kinds: Kinds of document; all that the connection moves by default.
        undated: Also count records whose date is not readable, which belong to no day.

    Raises:
        ValueError: ``first`` or ``last`` is not a business day.
    """
    calendar = business_calendar(settings.calendar, first.year, last.year)
    days = list(calendar.business_days(first, last))
    if not days or (days[0], days[-1]) != (first, last):
        message = f"{first} or {last} is not a business day."
        raise ValueError(message)
    return tie_out_days(engine, settings, days, kinds=kinds, undated=undated)


def tie_out_days(
    engine: Engine,
    settings: ConnectionSettings,
    days: Sequence[date],
    *,
    kinds: Collection[Kind] | None = None,
    undated: bool = False,
) -> TieOut:
    """Compare ServiceTitan's totals with posted, held and ignored amounts of some business days.

    Args:
        engine: The database.
        settings: The connection.
        days: Business days, at least one; what lies between them is left out.
        kinds: Kinds of document; all that the connection moves by default.
        undated: Also count records whose date is not readable, which belong to no day.

    Raises:
        ValueError: One of them is not a business day.
    """
    calendar = business_calendar(settings.calendar, min(days).year, max(days).year)
    dates = [dated for day in days for dated in calendar.document_dates(day) if dated >= settings.start_date]
    business_day = lru_cache(maxsize=None)(calendar.business_day)
    return compare(
        sides
        for kind in settings.posting.documents
        if kinds is None or kind in kinds
        for sides in _sides(engine, settings.name, kind, dates, business_day, undated=undated)
    )


def _sides(
    engine: Engine,
    connection: str,
    kind: Kind,
    dates: Sequence[date],
    business_day: Callable[[date], date],
    *,
    undated: bool,
) -> Iterator[DocumentSides]:
    figures = document_figures(engine, connection, kind, dates, undated=undated)
    ids = [figure.document_id for figure in figures]
    journaled = journaled_by_project(engine, connection, kind, ids)
    posted = posted_by_project(engine, connection, kind, ids)
    for figure in map(_held_without_a_date, figures):
        yield DocumentSides(
            kind=kind,
            document_id=figure.document_id,
            business_day=business_day(figure.document_date) if figure.document_date else None,
            servicetitan=figure.total,
            journaled=journaled.get(figure.document_id, {}),
            posted=posted.get(figure.document_id, {}),
            outcome=figure.outcome,
            reason=figure.reason,
            outside=figure.outside,
            project=figure.project,
        )


def _held_without_a_date(figure: DocumentFigures) -> DocumentFigures:
    """Hold what never had a readable date: it is set aside, belongs to no day, and so never reaches planning."""
    if figure.outcome is not None or figure.document_date is not None:
        return figure
    return replace(figure, outcome="held", reason="unreadable", outside=figure.total)


def tie_out_frame(result: TieOut) -> "pd.DataFrame":
    """Return the tie-out's rows as a frame whose amounts are Decimals (dtype object), never floats."""
    # Imported here: pandas takes over a second, and Dagster loads this module in every process.
    import pandas as pd  # noqa: PLC0415

    return pd.DataFrame(
        [
            (
                row.business_day,
                row.kind.value,
                row.project,
                row.documents,
                row.servicetitan_total,
                row.posted,
                row.held,
                row.ignored,
                row.difference,
            )
            for row in result.rows
        ],
        columns=list(COLUMNS),
        dtype=object,
    )
