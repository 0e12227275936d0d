"""What the contractor sells: services, materials, equipment and price modifiers, with prices and accounts."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate
from random import Random

from st_deltek_pipeline.sandbox.contractor.business_units import Line, Trade


class Kind(StrEnum):
    """ServiceTitan's item types (servicetitan.md section 2, SKUTYPE)."""

    SERVICE = "Service"
    MATERIAL = "Material"
    EQUIPMENT = "Equipment"
    PRICE_MODIFIER = "PriceModifier"
    UNSPECIFIED = "Unspecified"


@dataclass(frozen=True, slots=True)
class Sku:
    """A pricebook item.

    Attributes:
        price: Per unit; negative for a discount. cost: Per unit, up to four decimals.
        income: Number of ServiceTitan's income account; ``None`` when nobody set one.
        quantities: What is usually sold at once.
        percent: For a discount: its part of what stands above it, as a fraction; then ``price`` is not used.
    """

    sku_id: int
    code: str
    name: str
    kind: Kind
    price: Decimal
    cost: Decimal
    income: str | None
    taxable: bool
    quantities: tuple[Decimal, ...]
    percent: Decimal | None = None

    def quantity(self, rng: Random) -> Decimal:
        """Return how many units of it are on an invoice line."""
        return rng.choice(self.quantities)


def _quantities(text: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(part) for part in text.split())


_ONE = _quantities("1")
_FEW = _quantities("1 1 1 2 2 3")
_HOURS = _quantities("0.5 0.75 1 1.25 1.5 2 2.5 3.75 4")
_DAYS = _quantities("8 12 16 24.5 32 40 64.25")
_POUNDS = _quantities("1.5 2 2.3 3.5 4.25 6.125")
_FEET = _quantities("3 5.5 8 12.75 20 33.3")

_S, _M, _E, _P = Kind.SERVICE, Kind.MATERIAL, Kind.EQUIPMENT, Kind.PRICE_MODIFIER

# Code, name, kind, price, cost, income account, taxable, quantities. Labor is not taxed, goods are.
_Entry = tuple[str, str, Kind, str, str, str | None, bool, tuple[Decimal, ...]]

_HVAC_SERVICE: tuple[_Entry, ...] = (
    ("HV-DIAG", "Diagnostic visit, heating and cooling", _S, "89.00", "0", "4010", False, _ONE),
    ("HV-TUNE", "Precision tune-up, one system", _S, "149.00", "0", "4010", False, _FEW),
    ("HV-LABOR", "HVAC service labor, per hour", _S, "165.00", "0", "4010", False, _HOURS),
    ("HV-CAPREP", "Replace dual run capacitor", _S, "286.50", "18.4", "4010", False, _ONE),
    ("HV-BLOWER", "Replace blower motor", _S, "742.00", "212.75", "4010", False, _ONE),
    ("HV-EVAP-CL", "Evaporator coil cleaning", _S, "395.00", "12.5", "4010", False, _ONE),
    ("HV-MAINT", "Comfort Club maintenance visit", _S, "0.00", "0", "4050", False, _ONE),
    ("HV-CAP4050", "Dual run capacitor 40/5 MFD", _M, "74.95", "11.8734", "4040", True, _FEW),
    ("HV-R410A", "Refrigerant R-410A, per pound", _M, "118.00", "21.4375", "4040", True, _POUNDS),
    ("HV-FILT20", "Media filter 20x25x4", _M, "54.90", "17.25", "4040", True, _FEW),
    ("HV-CONTACT", "Contactor 30A two pole", _M, "63.35", "9.9", None, True, _ONE),
    ("HV-TSTAT", "Wi-Fi thermostat", _E, "329.00", "141.2", "4030", True, _ONE),
    ("HV-UVLAMP", "UV air purifier", _E, "689.00", "233.1", "4030", True, _ONE),
    ("HV-COND-PMP", "Condensate pump", _E, "248.75", "52.66", "4030", True, _ONE),
)
_HVAC_INSTALL: tuple[_Entry, ...] = (
    ("HV-INST-SYS", "System installation, crew of two", _S, "2850.00", "0", "4020", False, _ONE),
    ("HV-INST-HR", "Installation labor, per hour", _S, "138.50", "0", "4020", False, _HOURS),
    ("HV-HAUL", "Haul away and recycle old equipment", _S, "125.00", "30", "4020", False, _ONE),
    ("PERMIT-MECH", "Mechanical permit", _S, "212.00", "212", "4300", False, _ONE),
    ("HV-FURN96", "Gas furnace 96% AFUE 80k BTU", _E, "3895.00", "1622.5", "4030", True, _ONE),
    ("HV-AC3T", "Air conditioner 3 ton 16 SEER2", _E, "4420.00", "1977.8", "4030", True, _ONE),
    ("HV-HP4T", "Heat pump 4 ton, cold climate", _E, "7985.50", "3811.255", "4030", True, _ONE),
    ("HV-COIL", "Cased evaporator coil", _E, "1175.00", "486.3", "4030", True, _ONE),
    ("HV-LINESET", "Line set 3/4, per foot", _M, "18.65", "5.2125", "4040", True, _FEET),
    ("HV-PLENUM", "Sheet metal plenum", _M, "312.40", "88.6", "4040", True, _FEW),
    ("HV-DUCT8", "Flexible duct 8 inch, per foot", _M, "9.45", "2.0833", "4040", True, _FEET),
)
_PLUMBING_SERVICE: tuple[_Entry, ...] = (
    ("PL-DIAG", "Plumbing diagnostic visit", _S, "79.00", "0", "4110", False, _ONE),
    ("PL-LABOR", "Plumbing service labor, per hour", _S, "158.00", "0", "4110", False, _HOURS),
    ("PL-DRAIN", "Clear main line by cable", _S, "349.00", "8", "4110", False, _ONE),
    ("PL-JET", "Hydro jetting", _S, "895.00", "22.5", "4110", False, _ONE),
    ("PL-CAMERA", "Camera inspection", _S, "225.00", "0", "4110", False, _ONE),
    ("PL-TOILET-R", "Rebuild toilet", _S, "268.00", "24.15", "4110", False, _FEW),
    ("PL-BACKFLOW", "Backflow test and certificate", _S, "135.00", "0", "4110", False, _FEW),
    ("PL-CLUB", "Comfort Club plumbing check", _S, "0.00", "0", "4150", False, _ONE),
    ("PL-COPPER34", "Copper pipe 3/4, per foot", _M, "14.25", "4.7188", "4140", True, _FEET),
    ("PL-PEX12", "PEX pipe 1/2, per foot", _M, "4.15", "0.6875", "4140", True, _FEET),
    ("PL-VALVE", "Ball valve 3/4 full port", _M, "46.80", "12.3", None, True, _FEW),
    ("PL-WAXRING", "Wax ring and bolts", _M, "19.95", "3.1", "4140", True, _FEW),
    ("PL-FAUCET", "Kitchen faucet, pull-down", _E, "412.00", "168.9", "4130", True, _ONE),
    ("PL-DISPOSAL", "Garbage disposal 3/4 HP", _E, "389.00", "142.75", "4130", True, _ONE),
    ("PL-PRV", "Pressure reducing valve", _E, "318.60", "97.44", "4130", True, _ONE),
)
_PLUMBING_INSTALL: tuple[_Entry, ...] = (
    ("PL-INST-WH", "Water heater installation", _S, "1150.00", "0", "4120", False, _ONE),
    ("PL-INST-HR", "Plumbing installation labor, per hour", _S, "132.00", "0", "4120", False, _HOURS),
    ("PL-REPIPE", "Repipe, per fixture", _S, "685.00", "61", "4120", False, _FEW),
    ("PERMIT-PLMB", "Plumbing permit", _S, "148.00", "148", "4300", False, _ONE),
    ("PL-WH50G", "Water heater 50 gallon gas", _E, "1685.00", "742.1", "4130", True, _ONE),
    ("PL-TANKLESS", "Tankless water heater 199k BTU", _E, "3290.00", "1415.99", "4130", True, _ONE),
    ("PL-EXPTANK", "Expansion tank", _E, "184.25", "48.5", "4130", True, _ONE),
    ("PL-GASFLEX", "Gas connector and shut-off", _M, "86.70", "19.375", "4140", True, _ONE),
    ("PL-VENT3", "Vent pipe 3 inch, per foot", _M, "22.30", "7.4583", "4140", True, _FEET),
)
_HVAC_CONSTRUCTION: tuple[_Entry, ...] = (
    ("HC-LABOR", "Mechanical construction labor, per hour", _S, "124.00", "0", "4200", False, _DAYS),
    ("HC-CO", "Mechanical change order", _S, "4850.00", "1200", "4200", False, _ONE),
    ("HC-BALANCE", "Test and balance", _S, "2640.00", "1900", "4200", False, _ONE),
    ("HC-RTU10", "Rooftop unit 10 ton", _E, "14875.00", "9210.4", "4200", True, _FEW),
    ("HC-VAV", "VAV box with controls", _E, "1288.00", "731.25", "4200", True, _FEW),
    ("HC-DUCT", "Galvanized duct, per pound", _M, "7.85", "3.3333", "4200", True, _DAYS),
)
_PLUMBING_CONSTRUCTION: tuple[_Entry, ...] = (
    ("PC-LABOR", "Plumbing construction labor, per hour", _S, "119.00", "0", "4210", False, _DAYS),
    ("PC-CO", "Plumbing change order", _S, "3275.00", "900", "4210", False, _ONE),
    ("PC-CARRIER", "Fixture carrier and rough", _E, "845.50", "402.6", "4210", True, _FEW),
    ("PC-CAST4", "Cast iron pipe 4 inch, per foot", _M, "38.40", "19.0625", "4210", True, _FEET),
    ("PC-INSUL", "Pipe insulation, per foot", _M, "6.35", "2.21", "4210", True, _FEET),
)
_EVERYWHERE: tuple[_Entry, ...] = (
    ("TRIP", "Trip charge", _S, "39.00", "0", None, False, _ONE),
    ("ENV-FEE", "Disposal and environmental fee", Kind.UNSPECIFIED, "12.50", "0", "4300", False, _ONE),
    ("INCL-MISC", "Consumables, included", _M, "0.00", "4.5", None, False, _ONE),
)
_DISCOUNTS: tuple[_Entry, ...] = (
    ("DISC-CLUB", "Comfort Club savings", _P, "0.00", "0", "4900", False, _ONE),
    ("DISC-SENIOR", "Senior and veteran discount", _P, "-25.00", "0", "4900", False, _ONE),
    ("DISC-WEB", "Web coupon", _P, "-50.00", "0", "4900", False, _ONE),
    ("DISC-GOODS", "Equipment rebate", _P, "-75.00", "0", "4900", True, _ONE),
)
_CONTRACT: tuple[_Entry, ...] = (
    ("HC-PROGRESS", "HVAC progress billing", _S, "1.00", "0", "4200", False, _ONE),
    ("PC-PROGRESS", "Plumbing progress billing", _S, "1.00", "0", "4210", False, _ONE),
    ("RETAINAGE", "Less retainage", _P, "0.00", "0", None, False, _ONE),
    ("HV-AGREE", "Comfort Club agreement, HVAC, yearly", _S, "228.00", "0", "4050", False, _ONE),
    ("PL-AGREE", "Comfort Club agreement, plumbing, yearly", _S, "168.00", "0", "4150", False, _ONE),
)

_PERCENT = {"DISC-CLUB": Decimal("0.10"), "RETAINAGE": Decimal("0.10")}


def _skus(first_id: int, entries: tuple[_Entry, ...]) -> tuple[Sku, ...]:
    return tuple(
        Sku(
            first_id + place, code, name, kind, Decimal(price), Decimal(cost), income, taxable, quantities,
            _PERCENT.get(code),
        )
        for place, (code, name, kind, price, cost, income, taxable, quantities) in enumerate(entries)
    )  # fmt: skip


_COMMON = _skus(8701, _EVERYWHERE)

BY_WORK: dict[tuple[Trade, Line], tuple[Sku, ...]] = {
    (Trade.HVAC, Line.SERVICE): _skus(8101, _HVAC_SERVICE),
    (Trade.HVAC, Line.INSTALL): _skus(8201, _HVAC_INSTALL),
    (Trade.PLUMBING, Line.SERVICE): _skus(8301, _PLUMBING_SERVICE),
    (Trade.PLUMBING, Line.INSTALL): _skus(8401, _PLUMBING_INSTALL),
    (Trade.HVAC, Line.CONSTRUCTION): _skus(8501, _HVAC_CONSTRUCTION),
    (Trade.PLUMBING, Line.CONSTRUCTION): _skus(8601, _PLUMBING_CONSTRUCTION),
}
DISCOUNTS = _skus(8801, _DISCOUNTS)
_CONTRACT_SKUS = {sku.code: sku for sku in _skus(8901, _CONTRACT)}

PROGRESS = {Trade.HVAC: _CONTRACT_SKUS["HC-PROGRESS"], Trade.PLUMBING: _CONTRACT_SKUS["PC-PROGRESS"]}
AGREEMENT = {Trade.HVAC: _CONTRACT_SKUS["HV-AGREE"], Trade.PLUMBING: _CONTRACT_SKUS["PL-AGREE"]}
RETAINAGE = _CONTRACT_SKUS["RETAINAGE"]

# What a visit begins with, and what may follow it.
OPENERS = {work: tuple(sku for sku in skus if sku.kind is Kind.SERVICE) for work, skus in BY_WORK.items()}
FOLLOWERS = {work: (*skus, *_COMMON) for work, skus in BY_WORK.items()}

LINE_COUNTS = (1, 2, 3, 4, 5, 6, 7, 8)
# Of a hundred invoices, how many have at most that many lines.
LINE_COUNTS_UP_TO = tuple(accumulate((18, 26, 24, 15, 9, 4, 2, 2)))
