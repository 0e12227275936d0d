"""Which accounting period a document is posted in: its own date decides, never its business day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.reference import FiscalPeriod


@dataclass(frozen=True)
class PeriodChoice:
    """The period to post in.

    Attributes:
        period: YYYYPP.
        moved_from: The document's own, closed period, when the connection allows the first open one.
    """

    period: int
    moved_from: int | None = None


def choose_period(
    periods: Mapping[int, FiscalPeriod], document_date: date, *, first_open_allowed: bool
) -> PeriodChoice | Hold:
    """Decide the period for a date.

    Args:
        periods: Vantagepoint's period table, any order.
        document_date: The document's own date.
        first_open_allowed: Setting ``closed_period: first_open``.

    Returns:
        The choice, or a hold when the date has no period, or only a closed one.
    """
    ordered = sorted(periods.values(), key=lambda period: period.start)
    own = next((period for period in ordered if period.start <= document_date <= period.end), None)
    if own is None:
        return Hold(HoldReason.NO_PERIOD, f"No accounting period in Vantagepoint covers {document_date}.")
    if not own.closed:
        return PeriodChoice(own.period)
    if first_open_allowed:
        later = next((period for period in ordered if period.start > own.start and not period.closed), None)
        if later is not None:
            return PeriodChoice(later.period, moved_from=own.period)
        return Hold(HoldReason.PERIOD_CLOSED, f"Period {own.period} is closed and no later one is open.")
    return Hold(HoldReason.PERIOD_CLOSED, f"{document_date} is in period {own.period}, which is closed.")
