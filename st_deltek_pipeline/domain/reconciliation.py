"""The tie-out: ServiceTitan = posted + held + ignored, per business day, kind, project and document, to the cent.

The three sides come from three sources (``store.tie_out``); nothing here is computed from another side, or the
difference would always be zero. Amounts have the sign of what a document does: credit memos and AP credits take away,
refunds are negative payments.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.domain.holds import advice_for
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.outcomes import OutcomeKind

NO_PROJECT = "(no project)"

_HELD, _IN_FLIGHT, _IGNORED = (kind.value for kind in (OutcomeKind.HELD, OutcomeKind.IN_FLIGHT, OutcomeKind.IGNORED))


class Area(StrEnum):
    """What accountants tie out for itself: amounts of one area add up to something, those of two do not."""

    AR = "AR"
    CASH = "cash"
    AP = "AP"


AREAS: Mapping[Area, tuple[Kind, ...]] = {
    Area.AR: (Kind.INVOICE, Kind.CREDIT_MEMO),
    Area.CASH: (Kind.PAYMENT,),
    Area.AP: (Kind.BILL, Kind.AP_CREDIT),
}
"""Every kind that is moved belongs to one area."""

_AREA_OF = {kind: area for area, kinds in AREAS.items() for kind in kinds}


def area_of(kind: Kind) -> Area:
    """Return the area a kind of document is tied out in."""
    return _AREA_OF[kind]


_TAKES_AWAY = frozenset({Kind.CREDIT_MEMO, Kind.AP_CREDIT})


def effect_of(kind: Kind, stated: Decimal) -> Decimal:
    """Turn the total that ServiceTitan states into what the document does (``Document.effect``).

    Args:
        kind: The kind of document.
        stated: As in its payload; credits are stated as positive amounts.
    """
    return -stated + ZERO if kind in _TAKES_AWAY else stated + ZERO


@dataclass(frozen=True)
class DocumentSides:
    """One document on every side.

    Attributes:
        business_day: ``None`` when ServiceTitan gives no readable date.
        servicetitan: The payload's own total, with the document's sign.
        journaled: What our journal says stands, by project.
        posted: What Vantagepoint's ledger showed, by project.
        outcome: A value of ``OutcomeKind``, or ``None`` when nothing is known of the document.
        outside: What the outcome says is not in the ledger.
        project: Where it belongs, as far as known.
    """

    kind: Kind
    document_id: int
    business_day: date | None
    servicetitan: Decimal
    journaled: Mapping[str, Decimal]
    posted: Mapping[str, Decimal]
    outcome: str | None
    reason: str
    outside: Decimal
    project: str


@dataclass(frozen=True)
class Amounts:
    """The columns of the tie-out for some documents.

    Attributes:
        held: Held, or under way and not in the ledger yet.
    """

    documents: int
    servicetitan_total: Decimal
    posted: Decimal
    held: Decimal
    ignored: Decimal

    @property
    def difference(self) -> Decimal:
        """What nobody can explain; 0.00 or a reason to stop."""
        return self.servicetitan_total - self.posted - self.held - self.ignored


@dataclass(frozen=True)
class TieOutRow(Amounts):
    """One line of the tie-out; documents count on the project that holds most of them."""

    business_day: date | None
    kind: Kind
    project: str

    @property
    def area(self) -> Area:
        """The area it is a part of."""
        return area_of(self.kind)


def sum_up(rows: Iterable[Amounts]) -> Amounts:
    """Add rows of one area; amounts of several areas have no common meaning, but their differences do."""
    found = list(rows)
    return Amounts(
        sum(row.documents for row in found),
        total(row.servicetitan_total for row in found),
        total(row.posted for row in found),
        total(row.held for row in found),
        total(row.ignored for row in found),
    )


@dataclass(frozen=True)
class OutsideSum:
    """The documents of one kind that are not, or not wholly, in the ledger for one reason.

    Attributes:
        outcome: held, in_flight or ignored.
        reason: A code of ``domain.holds``, or ``in_flight`` for what merely has not come to its end.
        document_ids: Ascending.
        amount: What of them is not in the ledger.
    """

    kind: Kind
    outcome: str
    reason: str
    document_ids: tuple[int, ...]
    amount: Decimal

    @property
    def documents(self) -> int:
        """Number of documents."""
        return len(self.document_ids)

    @property
    def advice(self) -> str:
        """What would release them; empty when nobody needs to act."""
        if self.outcome == _IGNORED:
            return ""
        return "Nothing to do: the next run goes on with it." if self.outcome == _IN_FLIGHT else advice_for(self.reason)


@dataclass(frozen=True)
class TieOut:
    """A range of business days, compared.

    Attributes:
        rows: By day, kind (in the order of posting) and project.
        unaccounted: Documents without any outcome, as ``KIND:ID``.
        outside: What is not in the ledger, by kind, outcome and reason: first what is held, most documents first.
        differing: Documents that do not tie for themselves, as ``KIND:ID``, and by what: two that cancel each other out
            leave every row at 0.00.
    """

    rows: tuple[TieOutRow, ...]
    unaccounted: tuple[str, ...]
    outside: tuple[OutsideSum, ...]
    differing: tuple[tuple[str, Decimal], ...]

    @property
    def held(self) -> Mapping[str, int]:
        """Reason code to number of documents held or under way, of all kinds."""
        counts: dict[str, int] = {}
        for each in self.waiting:
            counts[each.reason] = counts.get(each.reason, 0) + each.documents
        return counts

    @property
    def waiting(self) -> tuple[OutsideSum, ...]:
        """What is held or under way; the sum of its amounts is the column ``held``."""
        return tuple(each for each in self.outside if each.outcome != _IGNORED)

    @property
    def ignored(self) -> tuple[OutsideSum, ...]:
        """What will not be posted, and nobody needs to act."""
        return tuple(each for each in self.outside if each.outcome == _IGNORED)

    @property
    def unexplained(self) -> Decimal:
        """What nobody can explain, by row or by document, whichever is more; signs do not make it good."""
        return max(
            total(abs(row.difference) for row in self.rows), total(abs(difference) for _, difference in self.differing)
        )

    @property
    def balanced(self) -> bool:
        """True when every cent and every document is explained."""
        return not self.unaccounted and self.unexplained == ZERO

    @property
    def documents(self) -> int:
        """Number of documents compared."""
        return sum(row.documents for row in self.rows)

    @property
    def by_day_and_kind(self) -> Mapping[tuple[date | None, Kind], Amounts]:
        """The rows without their projects, in their order."""
        groups: dict[tuple[date | None, Kind], list[TieOutRow]] = {}
        for row in self.rows:
            groups.setdefault((row.business_day, row.kind), []).append(row)
        return {key: sum_up(rows) for key, rows in groups.items()}

    @property
    def by_kind(self) -> Mapping[Kind, Amounts]:
        """The rows summed up over days and projects, for each kind that has any."""
        return {kind: sum_up(self._of(kind)) for kind in POSTING_ORDER if self._of(kind)}

    @property
    def by_area(self) -> Mapping[Area, Amounts]:
        """The rows summed up over days, kinds and projects, for each area that has any."""
        found = {area: [row for kind in kinds for row in self._of(kind)] for area, kinds in AREAS.items()}
        return {area: sum_up(rows) for area, rows in found.items() if rows}

    def _of(self, kind: Kind) -> list[TieOutRow]:
        return [row for row in self.rows if row.kind is kind]


def compare(documents: Iterable[DocumentSides]) -> TieOut:
    """Compare documents and sum them up per day, kind and project."""
    sums: dict[_RowKey, list[Decimal]] = {}
    counts: dict[_RowKey, int] = {}
    unaccounted: list[str] = []
    outside: list[tuple[Kind, str, str, int, Decimal]] = []
    differing: list[tuple[str, Decimal]] = []
    for document in documents:
        name = f"{document.kind.value}:{document.document_id}"
        difference = document.servicetitan - total(document.posted.values()) - document.outside
        if difference != ZERO:
            differing.append((name, difference))
        if document.outcome is None:
            unaccounted.append(name)
        elif document.outcome in {_HELD, _IN_FLIGHT, _IGNORED}:
            outside.append((document.kind, document.outcome, document.reason, document.document_id, document.outside))
        home = document.project or next(iter(sorted(document.journaled)), NO_PROJECT)
        at_home = (document.business_day, document.kind, home)
        counts[at_home] = counts.get(at_home, 0) + 1
        for project, amounts in _by_project(document, home).items():
            row = sums.setdefault((document.business_day, document.kind, project), [ZERO] * 4)
            for column, amount in enumerate(amounts):
                row[column] += amount
    rows = tuple(
        _row(key, counts.get(key, 0), sums.get(key, [ZERO] * 4)) for key in sorted({*sums, *counts}, key=_order)
    )
    return TieOut(rows, tuple(unaccounted), outside_sums(outside), tuple(differing))


_RowKey = tuple[date | None, Kind, str]
"""Business day, kind and project."""


def _row(key: _RowKey, documents: int, amounts: Sequence[Decimal]) -> TieOutRow:
    business_day, kind, project = key
    servicetitan_total, posted, held, ignored = amounts
    return TieOutRow(documents, servicetitan_total, posted, held, ignored, business_day, kind, project)


def _order(key: _RowKey) -> tuple[date, int, str]:
    business_day, kind, project = key
    return (business_day or date.max, POSTING_ORDER.index(kind), project)


def outside_sums(documents: Iterable[tuple[Kind, str, str, int, Decimal]]) -> tuple[OutsideSum, ...]:
    """Sum up what is not in the ledger by kind, outcome and reason.

    Args:
        documents: Kind, outcome (held, in_flight or ignored), reason, id and amount of each.

    Returns:
        First what is held, then what is under way, then what is ignored; most documents first.
    """
    groups: dict[tuple[Kind, str, str], list[tuple[int, Decimal]]] = {}
    for kind, outcome, reason, document_id, amount in documents:
        groups.setdefault((kind, outcome, reason or outcome), []).append((document_id, amount))
    sums = [
        OutsideSum(
            kind, outcome, reason, tuple(sorted(each for each, _ in group)), total(amount for _, amount in group)
        )
        for (kind, outcome, reason), group in groups.items()
    ]
    order = (_HELD, _IN_FLIGHT, _IGNORED)
    return tuple(
        sorted(
            sums,
            key=lambda each: (
                order.index(each.outcome),
                -each.documents,
                each.reason,
                POSTING_ORDER.index(each.kind),
            ),
        )
    )


def _by_project(document: DocumentSides, home: str) -> dict[str, list[Decimal]]:
    # ServiceTitan knows no projects: what our journal placed counts there, the rest at home.
    servicetitan = dict(document.journaled)
    servicetitan[home] = servicetitan.get(home, ZERO) + document.servicetitan - total(document.journaled.values())
    rows = {project: [amount, ZERO, ZERO, ZERO] for project, amount in servicetitan.items()}
    for project, amount in document.posted.items():
        rows.setdefault(project, [ZERO] * 4)[1] += amount
    outside_column = 3 if document.outcome == _IGNORED else 2
    rows[home][outside_column] += document.outside
    return rows
