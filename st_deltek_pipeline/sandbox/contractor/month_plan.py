"""What happens on which day of the month: how many documents, of which kind, in which state, with which trouble."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from random import Random
from typing import TypeVar

from st_deltek_pipeline.sandbox.contractor.streams import stream
from st_deltek_pipeline.sandbox.contractor.working_days import days_of, is_business_day, spread


class Work(StrEnum):
    """How a document comes about."""

    JOB = "job"
    PROJECT = "project"
    ADJUSTMENT = "adjustment"
    BOOKED = "booked"
    MEMBERSHIP = "membership"
    COUNTER = "counter"


class State(StrEnum):
    """How far a document has come in ServiceTitan."""

    POSTED = "posted"
    EXPORTED = "exported"
    PENDING = "pending"
    VOIDED = "voided"
    REDATED = "redated"


class Trouble(StrEnum):
    """Why a document cannot be posted; the value is the key in ``World.awkward``.

    Attributes:
        CUSTOMER_RENAMED: The customer's firm still has its former name; the address agrees.
        CUSTOMER_LOOKS_ALIKE: The firm's name looks the same and is another one, by a letter of another alphabet.
    """

    NULL_BUSINESS_UNIT = "null_business_unit"
    UNMAPPED_BUSINESS_UNIT = "unmapped_business_unit"
    AMOUNTS_DO_NOT_ADD_UP = "amounts_do_not_add_up"
    INACTIVE_PROJECT = "inactive_project"
    CLOSED_PERIOD = "closed_period"
    CUSTOMER_WITHOUT_FIRM = "customer_without_firm"
    CUSTOMER_WITH_TWO_FIRMS = "customer_with_two_firms"
    NULL_TOTAL = "null_total"
    CUSTOMER_RENAMED = "customer_renamed"
    CUSTOMER_LOOKS_ALIKE = "customer_looks_alike"
    THREE_DECIMALS = "three_decimals"


@dataclass(slots=True)
class Slot:
    """One document to be made on a day."""

    day: date
    work: Work
    state: State = State.POSTED
    trouble: Trouble | None = None


# Per thousand documents; what is left are posted job invoices.
_WORKS = {Work.PROJECT: 25, Work.ADJUSTMENT: 22, Work.BOOKED: 45, Work.MEMBERSHIP: 18, Work.COUNTER: 8}
_STATES = {State.EXPORTED: 30, State.PENDING: 20, State.VOIDED: 15, State.REDATED: 12}
_THOUSAND = 1000

_FEWEST_PER_TROUBLE = 2
_INVOICES_PER_TROUBLE = 1500
_SOON = 5

_Value = TypeVar("_Value")


def troubles_of_a_kind(invoices: int) -> int:
    """Return how many documents of each trouble a month of that size has: at least two."""
    return max(_FEWEST_PER_TROUBLE, invoices // _INVOICES_PER_TROUBLE)


def plan_month(seed: int, first: date, closed: frozenset[date], invoices: int, *, troubled: int) -> list[Slot]:
    """Decide what happens in a month.

    Args:
        seed: The world's seed.
        first: First day of the month.
        closed: Public holidays.
        invoices: How many documents.
        troubled: How many of each trouble; 0 for none. One of each comes within the first five business days.

    Returns:
        Slots in the order of their days. In a month too small to hold all its troubles they come on top.
    """
    rng = stream(seed, "month plan")
    days = days_of(first)
    works = _shuffled(_WORKS, Work.JOB, invoices, rng)
    states = _shuffled(_STATES, State.POSTED, invoices, rng)
    by_day: dict[date, list[Slot]] = {day: [] for day in days}
    position = 0
    for day, count in zip(days, spread(invoices, days, closed, rng), strict=True):
        by_day[day] = [Slot(day, works[place], states[place]) for place in range(position, position + count)]
        position += count
    _trouble(by_day, [day for day in days if is_business_day(day, closed)], troubled)
    return [slot for slots in by_day.values() for slot in slots]


def _shuffled(parts: dict[_Value, int], rest: _Value, amount: int, rng: Random) -> list[_Value]:
    chosen = [value for value, part in parts.items() for _ in range(max(1, amount * part // _THOUSAND))][:amount]
    chosen += [rest] * (amount - len(chosen))
    rng.shuffle(chosen)
    return chosen


def _trouble(by_day: dict[date, list[Slot]], business_days: list[date], troubled: int) -> None:
    for place, trouble in enumerate(Trouble):
        for number in range(troubled):
            soon = place % _SOON
            later = _SOON + (place * 3 + number * 7) % max(1, len(business_days) - _SOON)
            day = business_days[min(soon if number == 0 else later, len(business_days) - 1)]
            work = Work.PROJECT if trouble is Trouble.INACTIVE_PROJECT else Work.JOB
            ordinary = (at for at, slot in enumerate(by_day[day]) if slot.trouble is None and slot.work is Work.JOB)
            at = next(ordinary, None)
            if at is None:
                by_day[day].append(Slot(day, work, trouble=trouble))
            else:
                by_day[day][at] = Slot(day, work, trouble=trouble)
