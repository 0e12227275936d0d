"""How long documents have been waiting, in the buckets an accountant asks for."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol

_DAYS_IN_FIRST, _DAYS_IN_SECOND, _DAYS_IN_THIRD = 1, 7, 30


class HoldAge(StrEnum):
    """A bucket of ages in whole days; its value is what people read."""

    NEW = "0-1 days"
    WEEK = "2-7 days"
    MONTH = "8-30 days"
    OLD = "over 30 days"


class Aged(Protocol):
    """Something that has been waiting for a number of days."""

    @property
    def days(self) -> int:
        """Whole days since it began to wait."""
        ...


def hold_age(days: int) -> HoldAge:
    """Return the bucket of an age.

    Args:
        days: Whole days; what began to wait today, or a clock that is a little behind, is new.
    """
    if days <= _DAYS_IN_FIRST:
        return HoldAge.NEW
    if days <= _DAYS_IN_SECOND:
        return HoldAge.WEEK
    return HoldAge.MONTH if days <= _DAYS_IN_THIRD else HoldAge.OLD


def count_by_age(waiting: Iterable[Aged]) -> dict[HoldAge, int]:
    """Count what waits, for every bucket; an empty one is 0."""
    counts = dict.fromkeys(HoldAge, 0)
    for each in waiting:
        counts[hold_age(each.days)] += 1
    return counts
