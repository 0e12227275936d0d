"""The people who do the work: 120 in the field, and the office that books and bills it."""

from dataclasses import dataclass

from st_deltek_pipeline.sandbox.contractor.business_units import Trade
from st_deltek_pipeline.sandbox.contractor.people import person_name
from st_deltek_pipeline.sandbox.contractor.streams import stream

FIELD_STAFF = 120
OFFICE_STAFF = 14


@dataclass(frozen=True)
class Employee:
    """Somebody on the payroll."""

    employee_id: int
    name: str


@dataclass(frozen=True)
class Staff:
    """The payroll: technicians by trade, and the office."""

    technicians: dict[Trade, tuple[Employee, ...]]
    office: tuple[Employee, ...]


def hire(seed: int) -> Staff:
    """Make the staff; seven in twelve technicians are HVAC."""
    rng = stream(seed, "staff")
    people = [Employee(70001 + number, person_name(rng)) for number in range(FIELD_STAFF + OFFICE_STAFF)]
    hvac = FIELD_STAFF * 7 // 12
    return Staff(
        {Trade.HVAC: tuple(people[:hvac]), Trade.PLUMBING: tuple(people[hvac:FIELD_STAFF])},
        tuple(people[FIELD_STAFF:]),
    )
