"""Sales tax: ServiceTitan's zones, their authorities and rates, and the tax codes that match in Vantagepoint."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.sandbox.contractor.working_days import servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row


@dataclass(frozen=True)
class TaxZone:
    """A tax zone.

    Attributes:
        rates: Authority and its rate as a fraction; they are charged together.
        tax_code: The zone's code in Vantagepoint.
        account: The liability account of Vantagepoint.
    """

    zone_id: int
    name: str
    rates: tuple[tuple[str, Decimal], ...]
    tax_code: str
    account: str

    @property
    def rate(self) -> Decimal:
        """All authorities together, as a fraction."""
        return sum((rate for _, rate in self.rates), start=Decimal(0))


# Made for the sandbox in the style of Colorado's rates; not tax advice and not kept up to date.
TAX_ZONES: tuple[TaxZone, ...] = (
    TaxZone(
        5101,
        "Denver",
        (
            ("Colorado State", Decimal("0.029")),
            ("City of Denver", Decimal("0.0515")),
            ("RTD", Decimal("0.01")),
            ("Cultural Facilities", Decimal("0.001")),
        ),
        "DEN",
        "221.10",
    ),
    TaxZone(5102, "Aurora", (("Aurora combined", Decimal("0.0800")),), "AUR", "221.20"),
    TaxZone(5103, "Lakewood", (("Lakewood combined", Decimal("0.0750")),), "LKW", "221.30"),
    TaxZone(5104, "Boulder", (("Boulder combined", Decimal("0.09045")),), "BOU", "221.40"),
    TaxZone(5105, "Longmont", (("Longmont combined", Decimal("0.08715")),), "LON", "221.50"),
    TaxZone(5106, "Castle Rock", (("Castle Rock combined", Decimal("0.0780")),), "CSR", "221.60"),
    TaxZone(5199, "Tax Exempt", (("Exempt", Decimal(0)),), "EXEMPT", "221.00"),
)

ZONES_BY_CITY = {zone.name: zone for zone in TAX_ZONES}
ZONES_BY_ID = {zone.zone_id: zone for zone in TAX_ZONES}
EXEMPT = ZONES_BY_CITY["Tax Exempt"]

_AUTHORITY_CODES = (
    ("CO-STATE", "Colorado State", Decimal("2.9")),
    ("CO-DENVER", "City of Denver", Decimal("5.15")),
    ("CO-RTD", "Regional Transportation District", Decimal("1.0")),
    ("CO-CULT", "Cultural Facilities District", Decimal("0.1")),
)


def tax_zone_rows(first: date) -> dict[int, Row]:
    """Make ServiceTitan's tax zones as ``accounting/tax-zones`` gives them."""
    created = servicetitan_instant(date(first.year - 4, 2, 1), 60000)
    modified = servicetitan_instant(date(first.year, 1, 1), 25200, 123)
    return {
        zone.zone_id: {
            "id": zone.zone_id,
            "name": zone.name,
            "color": 16711680 + zone.zone_id if zone is not EXEMPT else None,
            "isTaxRateSeparated": len(zone.rates) > 1,
            "isMultipleTaxZone": len(zone.rates) > 1,
            "rates": [
                {
                    "id": zone.zone_id * 10 + number,
                    "taxName": authority,
                    "taxBaseType": ["Subtotal"],
                    "taxRate": rate,
                    "salesTaxItem": None,
                }
                for number, (authority, rate) in enumerate(zone.rates)
            ],
            "createdOn": created,
            "modifiedOn": modified,
            "active": True,
        }
        for zone in TAX_ZONES
    }


def invoice_tax_code(zone: TaxZone) -> Row:
    """Return a zone as an invoice shows it (servicetitan.md section 2, STC)."""
    return {"id": zone.zone_id, "name": zone.name, "taxRate": zone.rate}


def tax_code_rows() -> dict[str, Row]:
    """Make Vantagepoint's tax codes: one per zone, and one per authority of the zone that has several."""
    codes = [(zone.tax_code, f"{zone.name} sales tax", zone.rate * 100) for zone in TAX_ZONES]
    return {
        code: {
            "Code": code,
            "Description": description,
            "Rate": rate.quantize(Decimal("0.0001")),
            "CompoundOnTaxCode": "",
            "Status": "A",
        }
        for code, description, rate in [*codes, *_AUTHORITY_CODES]
    }
