"""Runs that failed, and what makes such a failure good again. Reading them from Dagster is orchestration's business."""

from dataclasses import dataclass
from datetime import datetime, timedelta

FORGOTTEN_AFTER = timedelta(days=7)
"""A failure that nothing has made good by then is told of no more: what it left undone has alerts of its own."""


@dataclass(frozen=True)
class FailedWork:
    """One piece of work that failed in a run.

    Attributes:
        work: Which work: a later success of the same makes it good.
        error_class: Of ``domain.errors``; of any other error its own class.
        system: Whose side it was on: ServiceTitan, Vantagepoint, or this program.
        what_happened, what_next: In our own words; never those of a foreign exception, which may quote anything.
    """

    run_id: str
    work: str
    error_class: str
    system: str
    what_happened: str
    what_next: str
    failed_at: datetime


@dataclass(frozen=True)
class DoneWork:
    """Work that a run has done."""

    work: frozenset[str]
    done_at: datetime
