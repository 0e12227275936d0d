"""Closes as they were kept, and what has changed since: an accountant closes on the figures of a moment."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import msgspec

from st_deltek_pipeline.domain.canonical import canonical_json, sha256_hex
from st_deltek_pipeline.domain.close_report import CloseReport, CloseState
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.domain.reconciliation import Amounts
from st_deltek_pipeline.domain.three_way import LedgerDifference

_COLUMNS = (
    ("ServiceTitan", "servicetitan_total"),
    ("posted", "posted"),
    ("held", "held"),
    ("ignored", "ignored"),
)
_NOTHING = Amounts(0, Decimal("0.00"), Decimal("0.00"), Decimal("0.00"), Decimal("0.00"))


@dataclass(frozen=True)
class KeptClose:
    """A close of a business day, as it is kept.

    Attributes:
        number: From 1, by connection and day; a day is closed again whenever it was run and its figures changed.
        over: Whether the day was over then, so that it was a close and no interim result.
        journal_head: The last event of the journal then.
        figures_hash: SHA-256 of the figures, which is in the journal's chain too.
    """

    business_day: date
    number: int
    made_at: datetime
    run_id: str
    state: CloseState
    verdict: str
    over: bool
    journal_head: int
    figures_hash: str


@dataclass(frozen=True)
class TotalChange:
    """A figure that is another one now.

    Attributes:
        column: ServiceTitan, posted, held or ignored.
    """

    kind: Kind
    column: str
    before: Decimal
    after: Decimal

    @property
    def change(self) -> Decimal:
        """What was added."""
        return self.after - self.before


@dataclass(frozen=True)
class DocumentEvent:
    """Something that the journal recorded about a document.

    Attributes:
        document: ``KIND:ID``.
        what: A value of ``EventType``.
        run_id: Who did it: a run, or the command of a person.
    """

    sequence: int
    document: str
    what: str
    occurred_at: datetime
    run_id: str


@dataclass(frozen=True)
class CloseChanges:
    """What has changed since a close.

    Attributes:
        released: Documents that waited then, and do not now.
        held: Documents that wait now, and did not then.
        gone: Differences with the ledger that there were then, and are not now.
        new: Those that there are now, and were not then.
        events: What was recorded about the day's documents since, oldest first.
        more_events: How many of them were left out.
    """

    since: KeptClose
    totals: tuple[TotalChange, ...]
    released: tuple[str, ...]
    held: tuple[str, ...]
    gone: tuple[LedgerDifference, ...]
    new: tuple[LedgerDifference, ...]
    events: tuple[DocumentEvent, ...]
    more_events: int = 0

    @property
    def nothing(self) -> bool:
        """Whether everything is as it was."""
        return not (self.totals or self.released or self.held or self.gone or self.new or self.events)


def the_close(kept: Sequence[KeptClose]) -> KeptClose | None:
    """Return the close of a day: the first one that was made after the day was over.

    Args:
        kept: Of one day, oldest first.
    """
    return next((each for each in kept if each.over), None)


def changes_since(
    since: KeptClose, then: CloseReport, now: CloseReport, events: Sequence[DocumentEvent] = (), more_events: int = 0
) -> CloseChanges:
    """Compare a report with the one that was kept when the day was closed.

    Args:
        since: The close.
        then: Its report.
        now: The same day now.
        events: What was recorded about its documents since.
        more_events: How many were left out of them.
    """
    waited, waits = _names(then), _names(now)
    before, after = then.ledger.differences, now.ledger.differences
    return CloseChanges(
        since=since,
        totals=tuple(_totals(then, now)),
        released=tuple(name for name in waited if name not in waits),
        held=tuple(name for name in waits if name not in waited),
        gone=_without(before, after),
        new=_without(after, before),
        events=tuple(events),
        more_events=more_events,
    )


def figures_of(report: CloseReport) -> str:
    """Write a report so that it can be kept: canonical JSON, amounts exactly."""
    return canonical_json(report)


def report_of(figures: str) -> CloseReport:
    """Read a report that was kept; fields that a newer version wrote are left out.

    Raises:
        ValueError: It is not one.
    """
    return _DECODER.decode(figures)


def same_figures(one: CloseReport, other: CloseReport) -> bool:
    """Say whether two reports of the same days say the same, whenever they were made and whoever made them."""
    return _what_counts(one) == _what_counts(other)


def figures_hash(figures: str) -> str:
    """Hash figures as they are kept."""
    return sha256_hex(figures)


_DECODER = msgspec.json.Decoder(CloseReport)


def _what_counts(report: CloseReport) -> tuple[object, ...]:
    return (
        report.days,
        report.over,
        report.state,
        report.totals,
        report.unaccounted,
        report.unexplained,
        report.outside,
        tuple((each.document, each.reason, each.amount) for each in report.waiting),
        tuple((each.batch, each.state) for each in report.files),
        report.ledger.differences,
        report.ledger.missing_days,
        report.ledger.result and report.ledger.result.rows,
    )


def _names(report: CloseReport) -> Collection[str]:
    """Name what waits, in an order of its own: held documents, then those under way."""
    named = [each.document for each in report.waiting]
    named += [f"{each.kind.value}:{name}" for each in report.held_or_under_way for name in each.document_ids]
    return dict.fromkeys(named)


def _totals(then: CloseReport, now: CloseReport) -> Iterable[TotalChange]:
    before, after = then.by_kind, now.by_kind
    for kind in POSTING_ORDER:
        for column, name in _COLUMNS:
            old, new = (getattr(side.get(kind, _NOTHING), name) for side in (before, after))
            if old != new:
                yield TotalChange(kind, column, old, new)


def _without(some: Sequence[LedgerDifference], others: Sequence[LedgerDifference]) -> tuple[LedgerDifference, ...]:
    known = {_same(each) for each in others}
    return tuple(each for each in some if _same(each) not in known)


def _same(each: LedgerDifference) -> tuple[object, ...]:
    return (each.difference_class, each.document, each.reference, each.parts)
