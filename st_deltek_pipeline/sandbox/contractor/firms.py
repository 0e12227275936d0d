"""Vantagepoint's firms: the customers as the office knows them, billing clients of projects, and suppliers."""

from datetime import date
from random import Random

from st_deltek_pipeline.sandbox.contractor.business_units import BUSINESS_UNITS, OVERHEAD_ORGANIZATION
from st_deltek_pipeline.sandbox.contractor.customers import Clientele, Customer
from st_deltek_pipeline.sandbox.contractor.people import respelled
from st_deltek_pipeline.sandbox.contractor.streams import hexadecimal, stream
from st_deltek_pipeline.sandbox.contractor.working_days import vantagepoint_instant
from st_deltek_pipeline.sandbox.contractor.world import Row

SUPPLIERS = (
    "Ferrous Supply House", "Mile High HVAC Distributors", "Rocky Mountain Pipe & Valve", "Johnstone Sheet Metal Works",
    "Front Range Refrigerants", "Colorado Crane and Rigging", "Platte Valley Fasteners", "Westside Tool Rental",
    "Denver Permit Runners", "Bright Fleet Fuel Cards",
)  # fmt: skip
HOUSE_NAME = "Summit Ridge Mechanical"


class Register:
    """Numbers firms one by one.

    Args:
        rng: Decides keys and dates.
        first: First day of the month; firms are older.
        last_number: The firm number that was given last.

    Attributes:
        rows: By ClientID.
    """

    def __init__(self, rng: Random, first: date, last_number: int = 1000) -> None:
        self._rng = rng
        self._first = first
        self._number = last_number
        self.rows: dict[str, Row] = {}

    @property
    def last_number(self) -> int:
        """The firm number that was given last."""
        return self._number

    def add(
        self, name: str, *, organization: str, status: str = "A", vendor: bool = False, address: Row | None = None
    ) -> str:
        """Register a firm, by default a customer.

        Returns:
            Its ClientID.
        """
        self._number += 1
        client_id = hexadecimal(self._rng, 32)
        day = date.fromordinal(self._first.toordinal() - self._rng.randint(20, 1500))
        self.rows[client_id] = {
            "ClientID": client_id,
            "Client": f"{self._number:08d}",
            "Name": name,
            "Status": status,
            "ClientInd": "N" if vendor else "Y",
            "VendorInd": "Y" if vendor else "N",
            "Vendor": f"{self._number:06d}" if vendor else "",
            "Category": "MAT" if vendor else "",
            "Org": organization,
            "SortName": " ".join(name.split()).upper()[:40],
            "WebSite": "",
            "FedID": "",
            "TypeOfTIN": "",
            "Type": "",
            "CurrentStatus": "Existing",
            "CustomCurrencyCode": "",
            "PrimaryAddress1": address["street"] if address else "",
            "PrimaryCity": address["city"] if address else "",
            "PrimaryState": address["state"] if address else "",
            "PrimaryZip": address["zip"] if address else "",
            "PrimaryCountry": "US" if address else "",
            "PrimaryPhone": "",
            "PrimaryEmail": "",
            "ReadyForApproval": "Y",
            "ReadyForProcessing": "Y",
            "CreateDate": vantagepoint_instant(day, 36000 + self._rng.randrange(28800)),
            "ModDate": vantagepoint_instant(day, 65000 + self._rng.randrange(3600)),
        }
        return client_id

    def add_customer(self, customer: Customer, organization: str) -> str:
        """Register a customer by the name that the office knows, as it spells it, and return the ClientID."""
        name = customer.known_as or respelled(customer.name, self._rng)
        return self.add(name, organization=organization, address=customer.row["address"])


class Firms:
    """The firms, and how to find the ones that projects are billed to.

    Attributes:
        rows: By ClientID.
        last_number: The firm number that was given last.
    """

    def __init__(
        self, rows: dict[str, Row], last_number: int, by_billing_name: dict[str, str], by_customer: dict[int, str]
    ) -> None:
        self.rows = rows
        self.last_number = last_number
        self._by_billing_name = by_billing_name
        self._by_customer = by_customer

    def billing_client(self, billing_name: str) -> str:
        """Return the ClientID of a business unit's billing firm."""
        return self._by_billing_name[billing_name]

    def of_customer(self, customer: Customer) -> str:
        """Return the ClientID of a customer's own firm."""
        return self._by_customer[customer.customer_id]


def register_firms(seed: int, first: date, clientele: Clientele) -> Firms:
    """Make the firms of a clientele.

    Args:
        seed: The world's seed.
        first: First day of the month.
        clientele: Who to register: each customer that is not merged away once, those with two firms twice.

    Returns:
        The firms; besides the customers' the billing clients of business units, suppliers, and dormant ones.
    """
    register = Register(stream(seed, "firms"), first)
    billing = {
        unit.billing_name: register.add(unit.billing_name, organization=unit.organization) for unit in BUSINESS_UNITS
    }
    billing[HOUSE_NAME] = register.add(HOUSE_NAME, organization=OVERHEAD_ORGANIZATION)
    by_customer: dict[int, str] = {}
    for group, organization in ((clientele.commercial, "01:HV:CS"), (clientele.residential, "01:HV:RS")):
        for customer in group:
            if customer.merged_into is None:
                by_customer[customer.customer_id] = register.add_customer(customer, organization)
    for customer in clientele.with_two_firms:
        for _ in range(2):
            register.add_customer(customer, "01:HV:RS")
    for customer in (*clientele.renamed, *clientele.look_alikes):
        register.add_customer(customer, "01:HV:RS")
    for name in SUPPLIERS:
        register.add(name, organization=OVERHEAD_ORGANIZATION, vendor=True)
    register.add("Old Colfax Laundry (closed)", organization="01:HV:CS", status="I")
    register.add("Sleeping Bear Lodge", organization="01:HV:CS", status="D")
    return Firms(register.rows, register.last_number, billing, by_customer)
