"""Whom the contractor buys from: ServiceTitan's vendors, ordinary ones and those whose bills cannot be posted.

Their firms in Vantagepoint are made in ``vendor_firms``, what is bought from them in ``purchasing``.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from random import Random

from st_deltek_pipeline.sandbox.contractor.customers import Customer
from st_deltek_pipeline.sandbox.contractor.firms import SUPPLIERS
from st_deltek_pipeline.sandbox.contractor.people import person_name
from st_deltek_pipeline.sandbox.contractor.places import crm_address, invoice_address
from st_deltek_pipeline.sandbox.contractor.streams import chance, stream
from st_deltek_pipeline.sandbox.contractor.working_days import servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row

FIRST_VENDOR_ID = 5_200_000


class Supplies(StrEnum):
    """What is bought from a vendor."""

    GOODS = "goods"
    SERVICES = "services"


class Standing(StrEnum):
    """How Vantagepoint knows a vendor."""

    KNOWN = "known"
    WITHOUT_ACCOUNTING = "without accounting"
    WITHOUT_FIRM = "without firm"
    WITH_TWO_FIRMS = "with two firms"
    CUSTOMER_ONLY = "customer only"
    NAME_TOO_LONG = "name too long"


@dataclass(slots=True)
class Vendor:
    """A vendor and what a bill shows of it.

    Attributes:
        term: The name of its payment term.
        customer: The customer that it is too.
        known_as: The name its firm already has, when that is not to be respelled.
    """

    row: Row
    supplies: Supplies
    standing: Standing
    term: str
    reference: Row
    customer: Customer | None = None
    known_as: str = ""

    @property
    def vendor_id(self) -> int:
        """ServiceTitan's id."""
        return self.row["id"]

    @property
    def name(self) -> str:
        """The name exactly as somebody typed it."""
        return self.row["name"]


# Spaces, letters and signs that have broken somebody's import are kept on purpose.
_GOODS = (
    "Winsupply of Commerce City", "Ferguson Ridge Plumbing Supply", "Hajoca Platte Branch 114", "Lennox Parts Counter",
    "Carrier West Distribution", "Goodwin Trane Supply", "Sid Harvey Mountain", "Refrigeration Supplies Distributor",
    "Charles D. Jones Company", "Dahl of Denver", "Rampart Plumbing & Heating Supply", "Western Nevada Pipe",
    "Copper & Brass Sales", "Mountain States Pipe and Supply", "Apex Valve and Fitting", "Columbine Controls",
    "Boiler Equipment of the Rockies", "Heatway Radiant", "Pump Source, Inc.", "Hydronic Specialties",
    "Duct Masters LLC", "Aire Filter Products", "Insulation Warehouse", "Grainger Row Industrial", "Fastenal Row 22",
    "Home Improvement Depot #1512", "O'Reilly-Kline Tool & Die", "Électro-Mécanique Québec Inc.", "Müller Armaturen GmbH",
    "=SUM Controls", "  Two Rivers Supply ", "Heat  and  Cool  Wholesale", "ABC \N{CYRILLIC CAPITAL LETTER ES}ontrols",
)  # fmt: skip
_SERVICES = (
    "Peak Concrete Cutting", "Slab Scan Imaging", "Evergreen Insulators", "High Plains Electric",
    "Mesa Test and Balance", "Highline Excavating", "Clean Slate Drywall Repair", "Allied Crane 5280",
    "Northside Staffing", "Blue Line Refuse", "Xpress Courier", "Zia Fire Protection", "Wagner & Søn Sheet Metal",
    "Broomfield Backflow Testers",
)  # fmt: skip
_SERVICE_SUPPLIERS = frozenset({
    "Colorado Crane and Rigging", "Westside Tool Rental", "Denver Permit Runners", "Bright Fleet Fuel Cards",
})  # fmt: skip
_TERMS = ("Net 30", "Net 30", "Net 30", "2% 10 Net 30", "Net 15", "10th of the following month", "Due Upon Receipt")
_RETIRED = ("Bargain Boiler Parts (do not use)", "Old West Pipe (merged)")
_DELIVERY_OPTIONS = ("Email", "Print", "Fax")
_LONG_NAMES = ("International Brotherhood Cooperative of ", "Consolidated Successor Trust of the Holding of ")


def find_vendors(
    seed: int, first: date, also_customers: list[Customer], commercial: list[Customer], *, troubled: int
) -> list[Vendor]:
    """Make the vendors.

    Args:
        seed: The world's seed.
        first: First day of the month; the vendors are older.
        also_customers: Customers that are vendors too, with one firm for both.
        commercial: Where to find customers that Vantagepoint does not yet know as vendors.
        troubled: How many to make of each standing but ``KNOWN``; 0 in the clean scenario.

    Returns:
        The vendors in the order of their ids; the last two of the known ones are inactive and sell nothing.
    """
    book = _Book(stream(seed, "vendors"), first)
    for name in SUPPLIERS:
        supplies = Supplies.SERVICES if name in _SERVICE_SUPPLIERS else Supplies.GOODS
        book.add(name, supplies, known_as=name)
    for name in _GOODS:
        book.add(name, Supplies.GOODS)
    for name in _SERVICES:
        book.add(name, Supplies.SERVICES)
    for customer in also_customers:
        book.add(customer.name, Supplies.GOODS, customer=customer)
    for name in _RETIRED:
        book.add(name, Supplies.GOODS).row["active"] = False
    # Plain names only, from the end of the list, so that the unusual ones stay what they are.
    plain = [customer for customer in commercial[::-1] if customer.merged_into is None]
    for number in range(troubled):
        book.add(f"Unregistered Supply No. {number + 1}", Supplies.GOODS, Standing.WITHOUT_FIRM)
        book.add(f"Unaccounted Supply No. {number + 1}", Supplies.GOODS, Standing.WITHOUT_ACCOUNTING)
        book.add(f"Twofold Supply No. {number + 1}", Supplies.GOODS, Standing.WITH_TWO_FIRMS)
        book.add(
            f"{_LONG_NAMES[number % len(_LONG_NAMES)] * 3}Denver Local {number + 1}",
            Supplies.GOODS,
            Standing.NAME_TOO_LONG,
        )
        customer = plain[number % len(plain)]
        book.add(customer.name, Supplies.GOODS, Standing.CUSTOMER_ONLY, customer=customer)
    return book.vendors


class _Book:
    def __init__(self, rng: Random, first: date) -> None:
        self._rng = rng
        self._first = first
        self._next_id = FIRST_VENDOR_ID
        self.vendors: list[Vendor] = []

    def add(
        self,
        name: str,
        supplies: Supplies,
        standing: Standing = Standing.KNOWN,
        *,
        customer: Customer | None = None,
        known_as: str = "",
    ) -> Vendor:
        rng = self._rng
        self._next_id += rng.randint(1, 60)
        day = date.fromordinal(self._first.toordinal() - rng.randint(40, 1400))
        created = servicetitan_instant(day, 52000 + rng.randrange(0, 36000, 60), rng.choice((0, 3310, 7_120_001)))
        firstname, *_, lastname = person_name(rng).split()
        row: Row = {
            "id": self._next_id,
            "name": name,
            "active": True,
            "isTruckReplenishment": supplies is Supplies.GOODS and chance(rng, 60),
            "isMobileCreationRestricted": chance(rng, 20),
            "memo": "Ask for the branch manager." if chance(rng, 10) else "",
            "deliveryOption": rng.choice(_DELIVERY_OPTIONS),
            "defaultTaxRate": rng.choice((Decimal(0), Decimal("0.0475"), Decimal("0.0881"))),
            "contactInfo": {
                "firstName": firstname,
                "lastName": lastname,
                "phone": f"720555{rng.randint(1000, 9999)}",
                "email": f"orders{self._next_id}@vendor.example",
                "fax": "",
            },
            "address": invoice_address(customer.row["address"] if customer else crm_address(rng)),
            "createdOn": created,
            "modifiedOn": created,
            "externalData": [],
            "customFields": [],
        }
        term = rng.choice(_TERMS)
        reference = {"id": self._next_id, "name": name}
        vendor = Vendor(row, supplies, standing, term, reference, customer, known_as)
        self.vendors.append(vendor)
        return vendor
