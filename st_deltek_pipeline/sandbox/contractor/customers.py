"""ServiceTitan's customers and their locations, merged and oddly named ones included."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random

from st_deltek_pipeline.sandbox.contractor.business_units import Segment
from st_deltek_pipeline.sandbox.contractor.people import (
    UNUSUAL_COMMERCIAL,
    UNUSUAL_RESIDENTIAL,
    NameBook,
    look_alike,
    respelled,
)
from st_deltek_pipeline.sandbox.contractor.places import crm_address, invoice_address
from st_deltek_pipeline.sandbox.contractor.streams import chance, stream
from st_deltek_pipeline.sandbox.contractor.taxes import EXEMPT, ZONES_BY_CITY, TaxZone
from st_deltek_pipeline.sandbox.contractor.working_days import servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row

_RESIDENTIAL_SHARE = Decimal("0.60")
_COMMERCIAL_SHARE = Decimal("0.025")
_FEWEST_RESIDENTIAL = 40
_FEWEST_COMMERCIAL = 24
_MERGED_IN = 90
_EXEMPT_IN = 8

# None of these can come from the name book of companies, which joins a place, a trade and a form.
_ALSO_VENDORS = ("Tri-County Crane Yard", "Kestrel & Daughters Machine Shop", "Sunstone Facility Partners L.L.C.")


@dataclass(slots=True)
class Place:
    """A location and what an invoice shows of it."""

    row: Row
    zone: TaxZone
    reference: Row
    address: Row


@dataclass(slots=True)
class Customer:
    """A customer and what an invoice shows of it.

    Attributes:
        merged_into: The customer it was merged into; an invoice may still name the old one.
        known_as: The name of its firm, when that is another one.
    """

    row: Row
    segment: Segment
    places: list[Place]
    reference: Row
    address: Row
    merged_into: "Customer | None" = None
    known_as: str = ""

    @property
    def customer_id(self) -> int:
        """The customer's id."""
        return self.row["id"]

    @property
    def name(self) -> str:
        """The name exactly as somebody typed it."""
        return self.row["name"]


@dataclass
class Clientele:
    """Everybody the contractor works for.

    Attributes:
        residential, commercial: Those whose work can be posted.
        also_vendors: Commercial ones from whom the contractor also buys; nothing was done for them this month.
        without_firm, with_two_firms: Residential ones that Vantagepoint knows not at all, or twice.
        renamed, look_alikes: Residential ones that Vantagepoint knows by a former name, or by one that only looks
            the same.
    """

    residential: list[Customer]
    commercial: list[Customer]
    without_firm: list[Customer]
    with_two_firms: list[Customer]
    also_vendors: list[Customer]
    renamed: list[Customer]
    look_alikes: list[Customer]

    @property
    def everybody(self) -> list[Customer]:
        """All of them, in the order of their ids."""
        groups = (
            *(self.residential, self.commercial, self.without_firm, self.with_two_firms),
            *(self.also_vendors, self.renamed, self.look_alikes),
        )
        return sorted((customer for group in groups for customer in group), key=lambda customer: customer.customer_id)


class _Intake:
    """Signs customers up one by one; ids rise in that order."""

    def __init__(
        self, rng: Random, first: date, last_customer: int = 41_000_000, last_location: int = 61_000_000
    ) -> None:
        self._rng = rng
        self._first = first
        self._next_customer = last_customer
        self._next_location = last_location

    def sign_up(self, name: str, segment: Segment, locations: int) -> Customer:
        rng = self._rng
        self._next_customer += rng.randint(1, 40)
        customer_id = self._next_customer
        exempt = segment is Segment.COMMERCIAL and rng.randrange(_EXEMPT_IN) == 0
        created = self._instant(1400)
        address = crm_address(rng)
        row: Row = {
            "id": customer_id,
            "active": True,
            "name": name,
            "type": segment.value,
            "address": address,
            "customFields": _custom_fields(rng),
            "balance": Decimal("0.00"),
            "taxExempt": exempt,
            "tagTypeIds": [],
            "doNotMail": chance(rng, 10),
            "doNotService": False,
            "nationalAccount": segment is Segment.COMMERCIAL and chance(rng, 5),
            "createdOn": created,
            "createdById": 70121,
            "modifiedOn": self._instant(30),
            "mergedToId": None,
            "paymentTermId": 7002 if segment is Segment.COMMERCIAL else None,
            "creditLimit": Decimal("25000.00") if segment is Segment.COMMERCIAL else None,
            "creditLimitBalance": None,
            "externalData": [],
        }
        places = [self._place(row, address if number == 0 else crm_address(rng), exempt) for number in range(locations)]
        return Customer(row, segment, places, {"id": customer_id, "name": name}, invoice_address(address))

    def merge(self, target: Customer) -> Customer:
        """Sign up the same customer a second time, spelled a little differently, and merge it away."""
        duplicate = self.sign_up(respelled(target.name, self._rng), target.segment, 0)
        duplicate.row["active"] = False
        duplicate.row["mergedToId"] = target.customer_id
        duplicate.merged_into = target
        duplicate.places = target.places
        return duplicate

    def _place(self, customer: Row, address: Row, exempt: bool) -> Place:  # noqa: FBT001 - private, read at one call
        self._next_location += self._rng.randint(1, 30)
        zone = EXEMPT if exempt else ZONES_BY_CITY[address["city"]]
        name = customer["name"] if chance(self._rng, 80) else f"{address['street']} ({address['city']})"
        row: Row = {
            "taxZoneId": zone.zone_id,
            "id": self._next_location,
            "customerId": customer["id"],
            "active": True,
            "name": name,
            "address": address,
            "customFields": [],
            "createdOn": customer["createdOn"],
            "createdById": 70121,
            "modifiedOn": customer["modifiedOn"],
            "mergedToId": None,
            "zoneId": 9100 + zone.zone_id % 100 if chance(self._rng, 70) else None,
            "taxExempt": exempt,
            "tagTypeIds": [],
            "externalData": [],
        }
        return Place(row, zone, {"id": row["id"], "name": name}, invoice_address(address))

    def _instant(self, days: int) -> str:
        # Everybody is known before the month begins; several share an instant, as imported rows do.
        day = date.fromordinal(self._first.toordinal() - self._rng.randint(1, days))
        return servicetitan_instant(
            day, 50000 + self._rng.randrange(0, 36000, 60), self._rng.choice((0, 4210, 5550001))
        )


def _custom_fields(rng: Random) -> list[Row]:
    if chance(rng, 90):
        return []
    return [{"typeId": 4401, "name": "Gate code", "value": None if chance(rng, 30) else f"#{rng.randint(1000, 9999)}"}]


def find_customers(seed: int, first: date, invoices: int, *, troubled: int) -> Clientele:
    """Make the customers of a contractor with that much work.

    Args:
        seed: The world's seed.
        first: First day of the month.
        invoices: How many invoices the month will have.
        troubled: How many to make without a firm, and as many with two, with one of a former name, and with one of
            a name that only looks the same; 0 in the clean scenario.

    Returns:
        The customers; names are unique up to spacing and case, merged ones apart.
    """
    rng = stream(seed, "customers")
    names = NameBook(stream(seed, "customer names"))
    for name in (*UNUSUAL_RESIDENTIAL, *UNUSUAL_COMMERCIAL):
        names.reserve(name)
    intake = _Intake(rng, first)

    count = max(_FEWEST_COMMERCIAL, int(invoices * _COMMERCIAL_SHARE))
    commercial_names = [*UNUSUAL_COMMERCIAL, *(names.company() for _ in range(count - len(UNUSUAL_COMMERCIAL)))]
    commercial = [
        intake.sign_up(name, Segment.COMMERCIAL, rng.choice((1, 1, 1, 2, 2, 3, 5))) for name in commercial_names
    ]

    count = max(_FEWEST_RESIDENTIAL, int(invoices * _RESIDENTIAL_SHARE))
    residential_names = [*UNUSUAL_RESIDENTIAL, *(names.person() for _ in range(count - len(UNUSUAL_RESIDENTIAL)))]
    residential = [intake.sign_up(name, Segment.RESIDENTIAL, 1) for name in residential_names]
    targets = rng.sample(residential[len(UNUSUAL_RESIDENTIAL) :], max(2, count // _MERGED_IN))
    residential += [intake.merge(target) for target in targets]

    strangers = [intake.sign_up(names.person(), Segment.RESIDENTIAL, 1) for _ in range(troubled)]
    if strangers:
        # Longer than a firm's name may be in Vantagepoint, so there is none to find.
        long_name = names.reserve(f"{'The Estate of ' * 12}{names.person()}")
        strangers[0].row["name"] = strangers[0].reference["name"] = long_name
        strangers[0].places[0].row["name"] = strangers[0].places[0].reference["name"] = "Estate"
    twins = [intake.sign_up(names.person(), Segment.RESIDENTIAL, 1) for _ in range(troubled)]
    renamed = [intake.sign_up(names.person(), Segment.RESIDENTIAL, 1) for _ in range(troubled)]
    for customer in renamed:
        customer.known_as = names.person()
    look_alikes = [intake.sign_up(names.person(), Segment.RESIDENTIAL, 1) for _ in range(troubled)]
    for customer in look_alikes:
        customer.known_as = look_alike(customer.name)
    served = [*commercial, *residential, *strangers, *twins, *renamed, *look_alikes]
    also_vendors = _also_vendors(seed, first, served)
    return Clientele(residential, commercial, strangers, twins, also_vendors, renamed, look_alikes)


def _also_vendors(seed: int, first: date, served: list[Customer]) -> list[Customer]:
    last_location = max(place.row["id"] for customer in served for place in customer.places)
    rng = stream(seed, "customers that are vendors")
    intake = _Intake(rng, first, max(customer.customer_id for customer in served), last_location)
    return [intake.sign_up(name, Segment.COMMERCIAL, 1) for name in _ALSO_VENDORS]
