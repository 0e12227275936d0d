"""The close report: what a business day, a month or any range of days came to, and whether it can be closed.

Values only, and what follows from them. They are kept as they were when a day was closed, so a field is added with a
default and never changes its meaning. Reading what they are made of is ``services.closing``; what has changed since is
``close_changes``; how they look is ``pages``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.domain.hold_queue import HeldDocument
from st_deltek_pipeline.domain.holds import advice_for
from st_deltek_pipeline.domain.money import ZERO, shown, total
from st_deltek_pipeline.domain.reconciliation import AREAS, Amounts, Area, OutsideSum, TieOut, area_of, sum_up
from st_deltek_pipeline.domain.three_way import DifferenceClass, LedgerDifference, ThreeWay

BLOCKING = (DifferenceClass.MISSING, DifferenceClass.DOUBLE, DifferenceClass.ALTERED)
"""Differences with Vantagepoint's ledger on which nothing can be closed."""

_SO_FAR = "In balance to the cent so far"


class CloseState(StrEnum):
    """Whether the books of some days can be closed; stored."""

    CLOSED = "closed"
    """The days are over, every cent stands where it should but for roundings within the tolerance, and nothing waits."""
    WAITING = "waiting"
    """Every cent is accounted for, and something waits: for a person, for ServiceTitan, or for the end of the days."""
    DIFFERENT = "different"
    """A cent or a document is not where it should be."""
    NOT_COMPARED = "not_compared"
    """Nothing differs as far as we know, but Vantagepoint's ledger was not read."""


@dataclass(frozen=True)
class KindTotal(Amounts):
    """What one kind of document came to on one business day.

    Attributes:
        business_day: ``None`` for records without a readable date, which belong to no day.
    """

    business_day: date | None
    kind: Kind

    @property
    def area(self) -> Area:
        """The area it is a part of."""
        return area_of(self.kind)


@dataclass(frozen=True)
class WaitingDocument:
    """A document on hold.

    Attributes:
        document: ``KIND:ID``.
        number: What people call it in ServiceTitan; empty where it could not be read.
        party: Whom it was made out to; likewise.
        amount: What of it is not in the ledger, with the sign of what it does.
        days: Whole days since it was first held for this reason.
        message: What is wrong, naming the record, key or value.
    """

    kind: Kind
    document: str
    number: str
    party: str
    business_day: date | None
    reason: str
    amount: Decimal
    days: int
    message: str

    @property
    def advice(self) -> str:
        """What would release it."""
        return advice_for(self.reason)


@dataclass(frozen=True)
class FileOfDay:
    """A transaction file of the days.

    Attributes:
        state: A value of ``FileState``.
        post_sequence: Vantagepoint's posting number, once it is known.
        words: The last words about it, ours or Vantagepoint's.
    """

    kind: Kind
    batch: str
    business_day: date
    state: str
    period: int
    documents: int
    amount: Decimal
    post_sequence: int | None
    words: str


@dataclass(frozen=True)
class RunOfDay:
    """A run that recorded something about the days' documents.

    Attributes:
        run_id: Dagster's, or the name of the command that a person used.
    """

    run_id: str
    events: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class JournalRange:
    """Which events of the journal the figures rest on.

    Attributes:
        first, last: Of the days' own documents and files; 0 when there is none.
        head: The last event of the whole journal then. Nothing later is in the figures.
    """

    first: int
    last: int
    head: int


@dataclass(frozen=True)
class LedgerComparison:
    """The comparison with Vantagepoint's ledger, as far as it was made.

    Attributes:
        result: ServiceTitan, our journal and the ledger side by side; ``None`` when it was never read.
        read_at: When the ledger was read; the oldest reading where there are several.
        missing_days: Business days that are not in it, or about which something was recorded while it was made.
    """

    result: ThreeWay | None = None
    read_at: datetime | None = None
    missing_days: tuple[date, ...] = ()

    @property
    def differences(self) -> tuple[LedgerDifference, ...]:
        """Every difference; those that need someone come first."""
        return self.result.differences if self.result else ()

    @property
    def complete(self) -> bool:
        """Whether every day was compared."""
        return self.result is not None and not self.missing_days


@dataclass(frozen=True)
class CloseReport:
    """What some business days of a connection came to.

    Attributes:
        first, last: The range, both included.
        days: Its business days.
        made_at: Aware instant.
        time_zone: The connection's, an IANA name.
        over: Whether all of its days are over in that time zone.
        totals: By business day and kind, in the order of posting.
        unaccounted: Documents without any outcome, as ``KIND:ID``.
        outside: What is not in the ledger, by kind, outcome and reason.
        waiting: The documents on hold, longest first.
        unexplained: What the tie-out cannot explain by project or by document, which sums by kind may hide.
        settled: Whether nothing was recorded about its days while the ledger and the figures were read.
    """

    connection: str
    first: date
    last: date
    days: tuple[date, ...]
    made_at: datetime
    time_zone: str
    over: bool
    totals: tuple[KindTotal, ...]
    unaccounted: tuple[str, ...]
    outside: tuple[OutsideSum, ...]
    waiting: tuple[WaitingDocument, ...]
    files: tuple[FileOfDay, ...]
    runs: tuple[RunOfDay, ...]
    journal: JournalRange
    ledger: LedgerComparison = field(default_factory=LedgerComparison)
    settled: bool = True
    unexplained: Decimal = ZERO

    @property
    def is_day(self) -> bool:
        """Whether it is of a single business day."""
        return self.first == self.last

    @property
    def documents(self) -> int:
        """Number of documents."""
        return sum(row.documents for row in self.totals)

    @property
    def difference(self) -> Decimal:
        """What nobody can explain between ServiceTitan and what is posted, held or ignored; signs do not make it good."""
        return max(total(abs(row.difference) for row in self.totals), self.unexplained)

    @property
    def by_kind(self) -> Mapping[Kind, Amounts]:
        """The totals of each kind that has any, in the order of posting."""
        return {kind: sum_up(rows) for kind in POSTING_ORDER if (rows := [r for r in self.totals if r.kind is kind])}

    @property
    def by_area(self) -> Mapping[Area, Amounts]:
        """The totals of each area that has any."""
        return {area: sum_up(rows) for area in AREAS if (rows := [r for r in self.totals if r.area is area])}

    @property
    def by_day_and_area(self) -> Mapping[tuple[date | None, Area], Amounts]:
        """The totals by business day and area; an area without documents on a day is left out."""
        groups: dict[tuple[date | None, Area], list[KindTotal]] = {}
        for row in self.totals:
            groups.setdefault((row.business_day, row.area), []).append(row)
        return {key: sum_up(rows) for key, rows in groups.items()}

    @property
    def held_or_under_way(self) -> tuple[OutsideSum, ...]:
        """What waits, by kind and reason; its amounts are the column ``held``."""
        return tuple(each for each in self.outside if each.outcome != "ignored")

    @property
    def ignored(self) -> tuple[OutsideSum, ...]:
        """What will not be posted, and nobody needs to act."""
        return tuple(each for each in self.outside if each.outcome == "ignored")

    def differences_of(self, *classes: DifferenceClass) -> tuple[LedgerDifference, ...]:
        """Return the differences with the ledger of some classes."""
        return tuple(each for each in self.ledger.differences if each.difference_class in classes)

    @property
    def differences_by_class(self) -> Mapping[DifferenceClass, int]:
        """Number of differences with the ledger of each class that has any, in their own order."""
        found = [each.difference_class for each in self.ledger.differences]
        return {each: found.count(each) for each in DifferenceClass if each in found}

    @property
    def state(self) -> CloseState:
        """Whether the days can be closed."""
        if self.unaccounted or self.difference != ZERO or self.differences_of(*BLOCKING):
            return CloseState.DIFFERENT
        if not self.ledger.complete:
            return CloseState.NOT_COMPARED
        if not self.over or self._what_is_left():
            return CloseState.WAITING
        return CloseState.CLOSED

    @property
    def verdict(self) -> str:
        """Whether the days can be closed, in one sentence."""
        match self.state:
            case CloseState.DIFFERENT:
                return f"Not closed: {_listed(self._what_differs())}."
            case CloseState.NOT_COMPARED:
                return f"Not closed: {self._what_was_not_compared()}."
            case CloseState.WAITING if self._what_is_left():
                words = _listed(self._what_is_left())
                return f"{words[0].upper()}{words[1:]}."
            case CloseState.WAITING:
                so_far = f"In balance so far but for {but}" if (but := self._what_is_rounded()) else _SO_FAR
                return f"{so_far}; the {'day is' if self.is_day else 'days are'} not over."
            case CloseState.CLOSED:
                return f"Closed but for {but}." if (but := self._what_is_rounded()) else "Closed to the cent."

    @property
    def remarks(self) -> tuple[str, ...]:
        """What else is to be known beside the verdict, in sentences."""
        found: list[str] = []
        if self.state in {CloseState.DIFFERENT, CloseState.NOT_COMPARED} and self.held_or_under_way:
            found.append(f"Besides, {_listed(self._what_waits())}.")
        if self.state is CloseState.DIFFERENT and not self.ledger.complete:
            found.append(f"Besides, {self._what_was_not_compared()}.")
        if explained := self.differences_of(DifferenceClass.TIMING, DifferenceClass.ROUNDING):
            found.append(f"{_counted(len(explained), 'difference')} of timing or rounding, explained below.")
        if not self.over and (self.state is not CloseState.WAITING or self._what_is_left()):
            found.append("The day is not over yet." if self.is_day else "Not all of its days are over yet.")
        if not self.settled:
            found.append("Work went on while this was read: look again when it has ended.")
        return tuple(found)

    def _what_differs(self) -> list[str]:
        found = [f"{_counted(len(self.unaccounted), 'document')} without an outcome"] if self.unaccounted else []
        if self.difference != ZERO:
            found.append(f"ServiceTitan differs from what is posted, held and ignored by {shown(self.difference)}")
        return found + [
            f"{_counted(len(documents), 'document')} {each.value} in Vantagepoint's ledger"
            for each in BLOCKING
            if (documents := self.differences_of(each))
        ]

    def _what_was_not_compared(self) -> str:
        days = len(self.ledger.missing_days)
        if self.ledger.result is None:
            return "Vantagepoint's ledger was not read"
        if days == len(self.days):
            return "work went on while Vantagepoint's ledger was compared"
        return f"Vantagepoint's ledger was not read for {days} of {_counted(len(self.days), 'day')}"

    def _what_is_rounded(self) -> str:
        roundings = len(self.differences_of(DifferenceClass.ROUNDING))
        return f"{_counted(roundings, 'rounding')} of no more than the tolerance" if roundings else ""

    def _what_waits(self) -> list[str]:
        documents = sum(each.documents for each in self.held_or_under_way)
        if not documents:
            return []
        amounts = self.waiting_by_area
        alone = len(amounts) == 1
        said = ", ".join(f"{'' if alone else f'{area.value} '}{shown(amount)}" for area, amount in amounts.items())
        return [f"{_counted(documents, 'document')} {'waits' if documents == 1 else 'wait'}, {said}"]

    @property
    def waiting_by_area(self) -> Mapping[Area, Decimal]:
        """What waits in each area in which something does; amounts of two areas are never added up."""
        found: dict[Area, Decimal] = {}
        for each in self.held_or_under_way:
            found[area_of(each.kind)] = found.get(area_of(each.kind), ZERO) + each.amount
        return {area: found[area] for area in AREAS if area in found}

    def _what_is_left(self) -> list[str]:
        foreign = len(self.differences_of(DifferenceClass.FOREIGN))
        named = [f"{_counted(foreign, 'posting')} of others in Vantagepoint's ledger"] if foreign else []
        return self._what_waits() + named


def kind_totals(result: TieOut) -> tuple[KindTotal, ...]:
    """Sum a tie-out up by business day and kind, without its projects."""
    return tuple(
        KindTotal(
            amounts.documents, amounts.servicetitan_total, amounts.posted, amounts.held, amounts.ignored, day, kind
        )
        for (day, kind), amounts in result.by_day_and_kind.items()
    )


def waiting_documents(held: Iterable[HeldDocument]) -> tuple[WaitingDocument, ...]:
    """Take what a report shows from the queue of holds, those that wait longest first."""
    return tuple(
        WaitingDocument(
            kind=each.outcome.document.kind,
            document=str(each.outcome.document),
            number=each.number,
            party=each.party,
            business_day=each.outcome.business_day,
            reason=each.outcome.reason,
            amount=each.outcome.amount,
            days=max(each.age.days, 0),
            message=each.outcome.message,
        )
        for each in held
    )


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _listed(parts: Iterable[str]) -> str:
    return "; ".join(parts)
