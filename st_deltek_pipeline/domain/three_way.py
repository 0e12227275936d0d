"""The three-way reconciliation's result: ServiceTitan, our journal and Vantagepoint's ledger read back, side by side.

Here are the values that reports show. How differences are found and classed is ``three_way_comparison``; reading the
three sides is ``services.three_way``. Amounts have the sign of what a document does, as in ``reconciliation``: credits
and refunds take away. Only ``AccountMonth`` has the ledger's sign: debits are positive.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.domain.money import ZERO, total

_Key = TypeVar("_Key")


class DifferenceClass(StrEnum):
    """What is wrong with a document; shown and exported, so a value never changes its meaning."""

    MISSING = "missing"
    """It should stand, and does not."""
    DOUBLE = "double"
    """It stands more than once."""
    ALTERED = "altered"
    """It stands with another amount, account, project, date or period than was posted."""
    FOREIGN = "foreign"
    """Somebody else posted it among what this connection posts."""
    TIMING = "timing"
    """It is under way, or stands in another period than its date; nothing is wrong with it."""
    ROUNDING = "rounding"
    """It differs by no more than the tolerance."""


EXPLAINED = frozenset({DifferenceClass.TIMING, DifferenceClass.ROUNDING})
"""Classes that are shown and need nobody; all others do."""


@dataclass(frozen=True)
class Place:
    """Where an amount stands.

    Attributes:
        period: YYYYPP; ``None`` for what stands in no ledger.
        project: WBS1; empty for none.
        account: Empty for what has no account yet, since only our journal and the ledger know accounts.
    """

    period: int | None
    project: str
    account: str


@dataclass(frozen=True)
class Sides:
    """The columns of the reconciliation for some documents.

    Attributes:
        documents: Number of documents; each counts in one row only.
        servicetitan: What ServiceTitan's documents state.
        outside: What of that is held, under way or ignored, with a reason.
        journal: What stands by our journal.
        ledger: What Vantagepoint's ledger shows now.
    """

    documents: int
    servicetitan: Decimal
    outside: Decimal
    journal: Decimal
    ledger: Decimal

    @property
    def difference(self) -> Decimal:
        """Ledger less journal."""
        return self.ledger - self.journal

    @property
    def unexplained(self) -> Decimal:
        """What ServiceTitan states beyond what stands by our journal and what is outside with a reason."""
        return self.servicetitan - self.outside - self.journal

    @property
    def agrees(self) -> bool:
        """Whether all three sides agree to the cent."""
        return self.difference == ZERO and self.unexplained == ZERO


@dataclass(frozen=True)
class ThreeWayRow(Sides):
    """One line of the reconciliation.

    Attributes:
        business_day: The document's; ``None`` where it has no readable date.
        kind: ``None`` for what others posted.
    """

    business_day: date | None
    kind: Kind | None
    place: Place

    @property
    def period(self) -> int | None:
        """Accounting period, YYYYPP."""
        return self.place.period

    @property
    def project(self) -> str:
        """WBS1."""
        return self.place.project

    @property
    def account(self) -> str:
        """General-ledger account."""
        return self.place.account


@dataclass(frozen=True)
class DifferencePart:
    """What a difference is in one place.

    Attributes:
        servicetitan: What should stand there by ServiceTitan, without what is outside with a reason.
    """

    place: Place
    servicetitan: Decimal
    journal: Decimal
    ledger: Decimal


@dataclass(frozen=True)
class LedgerDifference:
    """One document that does not agree.

    Attributes:
        kind: ``None`` for what others posted.
        document: ``KIND:ID``; empty for what others posted.
        reference: What an accountant finds it by: invoice number and project, voucher, receipt, and Batch.
        parts: The places that differ, at least one.
        words: What is wrong, in a sentence.
        advice: What to do; empty when nobody needs to act.
    """

    difference_class: DifferenceClass
    kind: Kind | None
    document: str
    reference: str
    business_day: date | None
    parts: tuple[DifferencePart, ...]
    words: str
    advice: str

    @property
    def period(self) -> str:
        """Its periods, in words."""
        return _listed(str(part.place.period) for part in self.parts if part.place.period is not None)

    @property
    def project(self) -> str:
        """Its projects, in words."""
        return _listed(part.place.project for part in self.parts)

    @property
    def account(self) -> str:
        """Its accounts, in words."""
        return _listed(part.place.account for part in self.parts)

    @property
    def servicetitan(self) -> Decimal:
        """What should stand in those places by ServiceTitan."""
        return total(part.servicetitan for part in self.parts)

    @property
    def journal(self) -> Decimal:
        """What stands there by our journal."""
        return total(part.journal for part in self.parts)

    @property
    def ledger(self) -> Decimal:
        """What the ledger shows there."""
        return total(part.ledger for part in self.parts)

    @property
    def amount(self) -> Decimal:
        """Ledger less journal; 0.00 when it merely stands elsewhere."""
        return self.ledger - self.journal

    @property
    def needs_someone(self) -> bool:
        """Whether a person has to look at it."""
        return self.difference_class not in EXPLAINED


@dataclass(frozen=True)
class AccountMonth:
    """One account's month by ServiceTitan's journal entries, by our journal and by the ledger; debits are positive.

    Attributes:
        month: Its first day; ServiceTitan's by post date, the others' by transaction date.
        account: Vantagepoint's account.
        name: What ServiceTitan calls it; empty when its journal entries do not name it.
        servicetitan: Debits less credits of its journal entries' summaries.
        journal, ledger: Of the lines this connection posts.
    """

    month: date
    account: str
    name: str
    servicetitan: Decimal
    journal: Decimal
    ledger: Decimal

    @property
    def difference(self) -> Decimal:
        """ServiceTitan less journal."""
        return self.servicetitan - self.journal

    @property
    def agrees(self) -> bool:
        """Whether all three are equal to the cent."""
        return self.servicetitan == self.journal == self.ledger


@dataclass(frozen=True)
class BalanceDifference:
    """An invoice whose open amount in Vantagepoint's receivables is not what our journal makes of it.

    Attributes:
        expected: Billed less received by our journal and by what is known of others.
        shown: The balance of ``ARReview/ARBalance``.
    """

    project: str
    invoice: str
    expected: Decimal
    shown: Decimal

    @property
    def difference(self) -> Decimal:
        """Shown less expected."""
        return self.shown - self.expected


@dataclass(frozen=True)
class ThreeWay:
    """A range of business days, reconciled.

    Attributes:
        first, last: The range, both included.
        rows: By day, kind (in the order of posting, others' last), period, project and account.
        differences: Those that need someone first, by class, kind and document.
        ledger_lines: How many lines of Vantagepoint's ledger were read.
        accounts: By month and account; empty unless ServiceTitan's journal entries were read.
        accounts_read: Whether they were.
        balances: Invoices whose open amount differs; a cross-check that also sees what is dated after the range.
        balances_read: Number of invoices whose open amount was compared; ``None`` when Vantagepoint does not show it.
    """

    first: date
    last: date
    rows: tuple[ThreeWayRow, ...]
    differences: tuple[LedgerDifference, ...]
    ledger_lines: int = 0
    accounts: tuple[AccountMonth, ...] = ()
    accounts_read: bool = False
    balances: tuple[BalanceDifference, ...] = ()
    balances_read: int | None = None

    @property
    def clean(self) -> bool:
        """True when nothing needs a person: timing and rounding are explained."""
        return not any(each.needs_someone for each in self.differences)

    @property
    def documents(self) -> int:
        """Number of documents compared."""
        return sum(row.documents for row in self.rows)

    @property
    def total(self) -> Sides:
        """All rows."""
        return sum_up(self.rows)

    @property
    def by_class(self) -> Mapping[DifferenceClass, int]:
        """Number of differences of each class that has any, in the order of ``DifferenceClass``."""
        found = [each.difference_class for each in self.differences]
        return {each: found.count(each) for each in DifferenceClass if each in found}

    @property
    def by_day(self) -> Mapping[date | None, Sides]:
        """The rows summed up by business day, in order."""
        return self._by(lambda row: row.business_day)

    @property
    def by_kind(self) -> Mapping[Kind | None, Sides]:
        """The rows summed up by kind; ``None`` is what others posted."""
        return self._by(lambda row: row.kind)

    @property
    def by_period(self) -> Mapping[int | None, Sides]:
        """The rows summed up by accounting period; ``None`` is what stands in no ledger."""
        return self._by(lambda row: row.period)

    @property
    def by_project(self) -> Mapping[str, Sides]:
        """The rows summed up by project."""
        return self._by(lambda row: row.project)

    @property
    def by_account(self) -> Mapping[str, Sides]:
        """The rows summed up by account; empty is what has no account yet."""
        return self._by(lambda row: row.account)

    def _by(self, key: Callable[[ThreeWayRow], _Key]) -> Mapping[_Key, Sides]:
        groups: dict[_Key, list[ThreeWayRow]] = {}
        for row in self.rows:
            groups.setdefault(key(row), []).append(row)
        return {each: sum_up(rows) for each, rows in sorted(groups.items(), key=lambda item: _sortable(item[0]))}


def sum_up(rows: Iterable[Sides]) -> Sides:
    """Add rows; the amounts of several areas have no common meaning, but their differences do."""
    found = list(rows)
    return Sides(
        sum(row.documents for row in found),
        total(row.servicetitan for row in found),
        total(row.outside for row in found),
        total(row.journal for row in found),
        total(row.ledger for row in found),
    )


def merge_parts(parts: Iterable[DifferencePart]) -> tuple[DifferencePart, ...]:
    """Add up parts that are in one place, in order."""
    sums: dict[Place, list[Decimal]] = {}
    for part in parts:
        row = sums.setdefault(part.place, [ZERO] * 3)
        for column, amount in enumerate((part.servicetitan, part.journal, part.ledger)):
            row[column] += amount
    return tuple(DifferencePart(place, *sums[place]) for place in sorted(sums, key=place_order))


def place_order(place: Place) -> tuple[bool, int, str, str]:
    """Sort places: by period, project and account; what stands in no ledger last."""
    return (place.period is None, place.period or 0, place.project, place.account)


def _sortable(key: object) -> tuple[bool, str]:
    if isinstance(key, Kind):
        return (False, str(POSTING_ORDER.index(key) if key in POSTING_ORDER else len(POSTING_ORDER)))
    return (key is None, str(key))


def _listed(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(sorted(value for value in values if value)))
