"""The queue of held documents, as a person works through it: who waits for what, since when, and how much."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.holds import advice_for
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.domain.outcomes import DocumentOutcome


@dataclass(frozen=True)
class HeldDocument:
    """One document on hold.

    Attributes:
        since: When it was first held for this reason without a break.
        age: Time since then, by the database's clock.
        number: What people call it in ServiceTitan; empty while no version of it could be read.
        party: Whom it was made out to; likewise.
    """

    outcome: DocumentOutcome
    since: datetime
    age: timedelta
    number: str
    party: str

    @property
    def advice(self) -> str:
        """What would release it."""
        return advice_for(self.outcome.reason)


@dataclass(frozen=True)
class ReasonSum:
    """Everything of one kind that is held for one reason; amounts of several kinds are not added up."""

    kind: Kind
    reason: str
    documents: int
    amount: Decimal
    oldest: datetime

    @property
    def advice(self) -> str:
        """What would release it."""
        return advice_for(self.reason)


def sum_by_reason(held: Iterable[HeldDocument]) -> tuple[ReasonSum, ...]:
    """Sum held documents up by kind and reason: kinds in the order in which they are posted, most documents first."""
    groups: dict[tuple[Kind, str], list[HeldDocument]] = {}
    for each in held:
        groups.setdefault((each.outcome.document.kind, each.outcome.reason), []).append(each)
    sums = [
        ReasonSum(
            kind,
            reason,
            len(documents),
            total(each.outcome.amount for each in documents),
            min(each.since for each in documents),
        )
        for (kind, reason), documents in groups.items()
    ]
    return tuple(sorted(sums, key=lambda each: (list(Kind).index(each.kind), -each.documents, each.reason)))
