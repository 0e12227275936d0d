"""Construction contracts: ServiceTitan's projects, and every project of Vantagepoint that they and units post to."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.sandbox.contractor.business_units import (
    BUSINESS_UNITS,
    OVERHEAD_ORGANIZATION,
    OVERHEAD_WBS1,
    BusinessUnit,
    Line,
)
from st_deltek_pipeline.sandbox.contractor.customers import Clientele, Customer, Place
from st_deltek_pipeline.sandbox.contractor.firms import HOUSE_NAME, Firms
from st_deltek_pipeline.sandbox.contractor.streams import stream
from st_deltek_pipeline.sandbox.contractor.working_days import (
    add_months,
    servicetitan_instant,
    vantagepoint_instant,
)
from st_deltek_pipeline.sandbox.contractor.world import ProjectKey, Row

_FEWEST = 8
_MOST = 40
_INVOICES_PER_PROJECT = 200
_PHASED_EVERY = 3
_BASE_PHASE = ("BASE", "Base contract")
_WORKS = ("Tenant Improvement", "Boiler Replacement", "Rooftop Unit Retrofit", "Restroom Remodel", "Kitchen Build-Out",
          "Chilled Water Loop", "Domestic Water Repipe", "Medical Gas", "Core and Shell")  # fmt: skip
_LONGEST_NAME = 40


@dataclass(slots=True)
class Contract:
    """A commercial project.

    Attributes:
        row: ServiceTitan's row.
        wbs1: Vantagepoint's project of the same work.
        phase: Its one WBS2, or the empty string for a project without phases.
        open: False once Vantagepoint's project is inactive, although ServiceTitan still bills it.
    """

    row: Row
    customer: Customer
    place: Place
    unit: BusinessUnit
    wbs1: str
    phase: str
    open: bool

    @property
    def project_id(self) -> int:
        """ServiceTitan's id."""
        return self.row["id"]

    @property
    def number(self) -> str:
        """ServiceTitan's project number, which coding rules match on."""
        return self.row["number"]


def sign_contracts(seed: int, first: date, invoices: int, clientele: Clientele, *, closed: int) -> list[Contract]:
    """Make the commercial projects under way in a month.

    Args:
        seed: The world's seed.
        first: First day of the month.
        invoices: How many invoices the month will have.
        clientele: Commercial customers to build for.
        closed: How many projects to make that Vantagepoint has set inactive.

    Returns:
        Open projects, then the inactive ones.
    """
    rng = stream(seed, "contracts")
    units = [unit for unit in BUSINESS_UNITS if unit.line is Line.CONSTRUCTION]
    count = min(_MOST, max(_FEWEST, invoices // _INVOICES_PER_PROJECT))
    contracts: list[Contract] = []
    for position in range(count + closed):
        customer = rng.choice(clientele.commercial)
        place = rng.choice(customer.places)
        unit = units[position % len(units)]
        number = str(1040 + position)
        begun = add_months(first, -rng.randint(1, 9))
        created = servicetitan_instant(begun, 54000 + rng.randrange(20000), rng.randrange(10_000_000))
        row: Row = {
            "id": 91_000 + position * 7,
            "number": number,
            "name": f"{' '.join(customer.name.split())} - {rng.choice(_WORKS)}"[:80] if position % 5 else None,
            "summary": None,
            "status": "In Progress",
            "statusId": 301,
            "subStatus": None,
            "subStatusId": None,
            "customerId": customer.customer_id,
            "locationId": place.row["id"],
            "projectTypeId": 311 if position % 2 else None,
            "projectManagerIds": [70122 + position % 4],
            "businessUnitIds": [unit.unit_id],
            "startDate": servicetitan_instant(begun, 0),
            "targetCompletionDate": servicetitan_instant(add_months(first, rng.randint(1, 8)), 0),
            "actualCompletionDate": None,
            "modifiedOn": created if position % 2 else servicetitan_instant(add_months(first, -1), 60000, 7770001),
            "createdOn": created,
            "customFields": [],
            "externalData": [],
            "jobIds": [],
            "active": True,
        }
        phase = _BASE_PHASE[0] if position % _PHASED_EVERY == 0 else ""
        wbs1 = f"{first.year % 100:02d}-{number}"
        contracts.append(Contract(row, customer, place, unit, wbs1, phase, position < count))
    return contracts


def project_rows(first: date, contracts: list[Contract], firms: Firms) -> dict[ProjectKey, Row]:
    """Make Vantagepoint's projects: one per business unit, one per contract, and overhead.

    Args:
        first: First day of the month.
        contracts: The commercial projects.
        firms: Who each project is billed to.

    Returns:
        Rows by WBS1, WBS2, WBS3, levels below their project.
    """
    book = _ProjectBook(vantagepoint_instant(add_months(first, -9), 34200))
    for unit in BUSINESS_UNITS:
        client = firms.billing_client(unit.billing_name)
        book.add(unit.wbs1, unit.name, unit.organization, client, phases=unit.phases)
    for contract in contracts:
        name = " ".join((contract.row["name"] or f"Contract {contract.number}").split())
        book.add(
            contract.wbs1,
            name[:_LONGEST_NAME],
            contract.unit.organization,
            firms.of_customer(contract.customer),
            phases=(_BASE_PHASE,) if contract.phase else (),
            status="A" if contract.open else "I",
        )
    overhead_client = firms.billing_client(HOUSE_NAME)
    book.add(OVERHEAD_WBS1, "General and Administrative", OVERHEAD_ORGANIZATION, overhead_client, charge_type="H")
    return book.rows


class _ProjectBook:
    def __init__(self, changed: str) -> None:
        self._changed = changed
        self.rows: dict[ProjectKey, Row] = {}

    def add(
        self,
        wbs1: str,
        name: str,
        organization: str,
        client: str,
        *,
        phases: tuple[tuple[str, str], ...] = (),
        status: str = "A",
        charge_type: str = "R",
    ) -> None:
        levels = [("", name), *phases]
        for wbs2, level_name in levels:
            self.rows[wbs1, wbs2, ""] = {
                "WBS1": wbs1,
                "WBS2": wbs2 or " ",
                "WBS3": " ",
                "Name": level_name,
                "ChargeType": charge_type,
                "Status": status,
                "SubLevel": "Y" if phases and not wbs2 else "N",
                "Principal": "",
                "ProjMgr": "00122",
                "Supervisor": "",
                "ClientID": client,
                "CLAddress": "<Default>",
                "Fee": Decimal("0.00"),
                "RevType": "N",
                "Org": organization,
                "BillingClientID": client,
                "BillingContactID": "",
                "CreateDate": self._changed,
                "ModDate": self._changed,
            }
