"""Judges periods and cursors: where postings landed, and whether anything is ahead of what is stored. No input or output."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from st_deltek_pipeline.domain.reference import FiscalPeriod
from st_deltek_pipeline.domain.verification import RESTORE, Invariant, Violation, look_at


@dataclass(frozen=True)
class PeriodUse:
    """Standing postings of one date in one period.

    Attributes:
        moved_from: The closed period they were moved from by the connection's setting, as recorded.
    """

    period: int
    trans_date: date
    moved_from: int | None


def why_not_there(use: PeriodUse, periods: Mapping[int, FiscalPeriod]) -> str:
    """Say why postings of a date should not be in a period; empty when they should.

    Args:
        use: Date and period.
        periods: Vantagepoint's period table as last read; a date that none covers is not judged.
    """
    own = next((each.period for each in periods.values() if each.start <= use.trans_date <= each.end), None)
    if own is None or own == use.period:
        return ""
    if use.moved_from is None:
        return f"dated {use.trans_date}, which is in period {own}, and posted in {use.period} without a permission"
    if use.moved_from != own:
        return f"posted in {use.period} as if moved from {use.moved_from}, and dated {use.trans_date} in period {own}"
    return ""


def period_violation(document: str, words: str) -> Violation:
    """Name a document that stands in a period where it should not.

    Args:
        document: ``invoice:123``.
        words: From ``why_not_there``, or what the store found.
    """
    return Violation(Invariant.OPEN_PERIODS, document, words, look_at(document))


@dataclass(frozen=True)
class PostedWhenClosed:
    """A file that was planned, entered and posted by us in a period that was closed before it was planned."""

    batch: str
    kind: str
    period: int
    planned_at: datetime
    period_changed_at: datetime


def closed_period_violation(file: PostedWhenClosed) -> Violation:
    """Name a file that was posted in a period known to be closed."""
    words = (
        f"planned at {file.planned_at:%Y-%m-%d %H:%M} for period {file.period}, "
        f"which was closed by {file.period_changed_at:%Y-%m-%d %H:%M}"
    )
    advice = "Ask who posted it, and whether the period was opened for it; then correct the record in Vantagepoint."
    return Violation(Invariant.OPEN_PERIODS, f"file {file.batch} ({file.kind})", words, advice)


@dataclass(frozen=True)
class Ahead:
    """Something that says more was read than is stored.

    Attributes:
        what: A feed, a day, a document or a kind of record.
        says: How far it says it was read.
        stored: How far the stored records go.
    """

    what: str
    says: str
    stored: str


def cursor_violation(found: Ahead) -> Violation:
    """Name what is ahead of the stored records."""
    words = f"it says {found.says}, and what is stored says {found.stored}"
    return Violation(Invariant.CURSORS, found.what, words, RESTORE)


@dataclass(frozen=True)
class Altered:
    """A stored text whose hash is not the one stored with it."""

    what: str


def payload_violation(found: Altered) -> Violation:
    """Name a payload or body that was altered."""
    return Violation(Invariant.PAYLOADS, found.what, "it was changed after it was stored", RESTORE)


@dataclass(frozen=True)
class WithoutPartner:
    """A row without its event, or an event without its row."""

    what: str
    words: str


def partner_violation(found: WithoutPartner) -> Violation:
    """Name a row or event that stands alone."""
    return Violation(Invariant.EVENTS_AND_ROWS, found.what, found.words, RESTORE)
