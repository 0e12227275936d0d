"""The tie-out: ServiceTitan = posted + held + ignored, per business day and project, to the cent.

The three sides come from three sources (``store.tie_out``); nothing here is computed from another side, or the
difference would always be zero.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.holds import advice_for
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.outcomes import OutcomeKind

NO_PROJECT = "(no project)"

_HELD, _IN_FLIGHT, _IGNORED = (kind.value for kind in (OutcomeKind.HELD, OutcomeKind.IN_FLIGHT, OutcomeKind.IGNORED))


@dataclass(frozen=True)
class DocumentSides:
    """One document on every side.

    Attributes:
        business_day: ``None`` when ServiceTitan gives no readable date.
        servicetitan: The payload's own total.
        journaled: What our journal says stands, by project.
        posted: What Vantagepoint's ledger showed, by project.
        outcome: A value of ``OutcomeKind``, or ``None`` when nothing is known of the document.
        outside: What the outcome says is not in the ledger.
        project: Where it belongs, as far as known.
    """

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
class TieOutRow:
    """One line of the tie-out; documents count on the project that holds most of them."""

    business_day: date | None
    project: str
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
class OutsideSum:
    """The documents that are not, or not wholly, in the ledger for one reason.

    Attributes:
        outcome: held, in_flight or ignored.
        reason: A code of ``domain.holds``, or ``in_flight`` for what merely has not come to its end.
        document_ids: Ascending.
        amount: What of them is not in the ledger.
    """

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
        unaccounted: Documents without any outcome, as ``invoice:ID``.
        outside: What is not in the ledger, by outcome and reason: first what is held, most documents first.
    """

    rows: tuple[TieOutRow, ...]
    unaccounted: tuple[str, ...]
    outside: tuple[OutsideSum, ...]

    @property
    def held(self) -> Mapping[str, int]:
        """Reason code to number of documents held or under way."""
        return {each.reason: each.documents for each in self.waiting}

    @property
    def waiting(self) -> tuple[OutsideSum, ...]:
        """What is held or under way; the sum of its amounts is the column ``held``."""
        return tuple(each for each in self.outside if each.outcome != _IGNORED)

    @property
    def ignored(self) -> tuple[OutsideSum, ...]:
        """What will not be posted, and nobody needs to act."""
        return tuple(each for each in self.outside if each.outcome == _IGNORED)

    @property
    def balanced(self) -> bool:
        """True when every cent and every document is explained."""
        return not self.unaccounted and all(row.difference == ZERO for row in self.rows)

    @property
    def documents(self) -> int:
        """Number of documents compared."""
        return sum(row.documents for row in self.rows)


def compare(documents: Iterable[DocumentSides]) -> TieOut:
    """Compare documents and sum them up per day and project."""
    sums: dict[tuple[date | None, str], list[Decimal]] = {}
    counts: dict[tuple[date | None, str], int] = {}
    unaccounted: list[str] = []
    outside: list[tuple[str, str, int, Decimal]] = []
    for document in documents:
        if document.outcome is None:
            unaccounted.append(f"invoice:{document.document_id}")
        elif document.outcome in {_HELD, _IN_FLIGHT, _IGNORED}:
            outside.append((document.outcome, document.reason, document.document_id, document.outside))
        home = document.project or next(iter(sorted(document.journaled)), NO_PROJECT)
        counts[document.business_day, home] = counts.get((document.business_day, home), 0) + 1
        for project, amounts in _by_project(document, home).items():
            row = sums.setdefault((document.business_day, project), [ZERO] * 4)
            for column, amount in enumerate(amounts):
                row[column] += amount
    keys = sorted({*sums, *counts}, key=lambda key: (key[0] or date.max, key[1]))
    rows = tuple(
        TieOutRow(day, project, counts.get((day, project), 0), *sums.get((day, project), [ZERO] * 4))
        for day, project in keys
    )
    return TieOut(rows, tuple(unaccounted), outside_sums(outside))


def outside_sums(documents: Iterable[tuple[str, str, int, Decimal]]) -> tuple[OutsideSum, ...]:
    """Sum up what is not in the ledger by outcome and reason.

    Args:
        documents: Outcome (held, in_flight or ignored), reason, id and amount of each.

    Returns:
        First what is held, then what is under way, then what is ignored; most documents first.
    """
    groups: dict[tuple[str, str], list[tuple[int, Decimal]]] = {}
    for outcome, reason, document_id, amount in documents:
        groups.setdefault((outcome, reason or outcome), []).append((document_id, amount))
    sums = [
        OutsideSum(outcome, reason, tuple(sorted(each for each, _ in group)), total(amount for _, amount in group))
        for (outcome, reason), group in groups.items()
    ]
    order = (_HELD, _IN_FLIGHT, _IGNORED)
    return tuple(sorted(sums, key=lambda each: (order.index(each.outcome), -each.documents, each.reason)))


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
