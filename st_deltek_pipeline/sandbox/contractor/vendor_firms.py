"""Vantagepoint's view of vendors: their firms and their accounting data per company."""

from dataclasses import dataclass
from datetime import date

from st_deltek_pipeline.sandbox.contractor.business_units import OVERHEAD_ORGANIZATION
from st_deltek_pipeline.sandbox.contractor.firms import Firms, Register
from st_deltek_pipeline.sandbox.contractor.fiscal import COMPANY, IDLE_COMPANY, SUBCONTRACTOR_LIABILITY, TRADE_LIABILITY
from st_deltek_pipeline.sandbox.contractor.ledger_accounts import BILL_ACCOUNTS
from st_deltek_pipeline.sandbox.contractor.people import folded, respelled
from st_deltek_pipeline.sandbox.contractor.streams import stream
from st_deltek_pipeline.sandbox.contractor.vendors import Standing, Supplies, Vendor
from st_deltek_pipeline.sandbox.contractor.world import Row, VendorKey

_WITHOUT_FIRM = frozenset({Standing.WITHOUT_FIRM, Standing.NAME_TOO_LONG, Standing.CUSTOMER_ONLY})
_CATEGORIES = {Supplies.GOODS: "MAT", Supplies.SERVICES: "SUB"}


@dataclass
class VendorFirms:
    """What Vantagepoint knows of vendors.

    Attributes:
        rows: New firms by ClientID; suppliers that were registered before are not among them.
        accounting: Accounting data by vendor code and company.
    """

    rows: dict[str, Row]
    accounting: dict[VendorKey, Row]


def register_vendors(seed: int, first: date, vendors: list[Vendor], firms: Firms) -> VendorFirms:
    """Make firms and accounting data of vendors.

    Args:
        seed: The world's seed.
        first: First day of the month.
        vendors: Whom to register, each by its standing.
        firms: The firms so far; numbers go on from there, and suppliers among them are not made again.

    Returns:
        The new firms and all accounting data. A vendor without accounting data has none in the working company;
        every second of them has some in the other company.
    """
    rng = stream(seed, "vendor firms")
    register = Register(rng, first, firms.last_number)
    registered = {folded(row["Name"]): row for row in firms.rows.values() if row["VendorInd"] == "Y"}
    accounting: dict[VendorKey, Row] = {}
    unaccounted = 0
    for vendor in vendors:
        if vendor.standing in _WITHOUT_FIRM:
            continue
        row = registered.get(folded(vendor.name)) if vendor.known_as else None
        if row is None:
            row = _register(register, vendor, respelled(vendor.name, rng))
        if vendor.standing is Standing.WITH_TWO_FIRMS:
            _account(accounting, _register(register, vendor, vendor.name), vendor, COMPANY)
        if vendor.standing is not Standing.WITHOUT_ACCOUNTING:
            _account(accounting, row, vendor, COMPANY)
            continue
        unaccounted += 1
        if unaccounted % 2 == 0:
            _account(accounting, row, vendor, IDLE_COMPANY)
    return VendorFirms(register.rows, accounting)


def _register(register: Register, vendor: Vendor, name: str) -> Row:
    client_id = register.add(name, organization=OVERHEAD_ORGANIZATION, vendor=True, address=vendor.row["address"])
    row = register.rows[client_id]
    contact = vendor.row["contactInfo"]
    # The office notes a number as people read it.
    row["PrimaryPhone"] = f"({contact['phone'][:3]}) {contact['phone'][3:6]}-{contact['phone'][6:]}"
    row["PrimaryEmail"] = contact["email"]
    row["Category"] = _CATEGORIES[vendor.supplies]
    row["Status"] = "A" if vendor.row["active"] else "I"
    if vendor.customer is not None:
        row["ClientInd"] = "Y"
    return row


def _account(accounting: dict[VendorKey, Row], firm: Row, vendor: Vendor, company: str) -> None:
    services = vendor.supplies is Supplies.SERVICES
    accounting[firm["Vendor"], company] = {
        "Vendor": firm["Vendor"],
        "Company": company,
        "PayTerms": "Date",
        "LiabCode": SUBCONTRACTOR_LIABILITY if services else TRADE_LIABILITY,
        "BankCode": "OPER",
        "RegAccount": BILL_ACCOUNTS["5210" if services else "5010"],
        "OHAccount": BILL_ACCOUNTS["6410"],
        "AccountNumber": f"SR-{vendor.vendor_id % 100_000:05d}",
        "Req1099": "Y" if services else "N",
        "CheckPerVoucher": "N",
    }
