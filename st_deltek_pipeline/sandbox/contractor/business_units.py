"""The contractor's eight business units, their job types, and where each stands in Vantagepoint."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from st_deltek_pipeline.sandbox.contractor.working_days import servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row


class Trade(StrEnum):
    """The two trades; the value is ServiceTitan's name of it."""

    HVAC = "HVAC"
    PLUMBING = "Plumbing"


class Segment(StrEnum):
    """ServiceTitan's two types of customer."""

    RESIDENTIAL = "Residential"
    COMMERCIAL = "Commercial"


class Line(StrEnum):
    """What a unit sells: repair visits, planned replacements, or contract work."""

    SERVICE = "service"
    INSTALL = "install"
    CONSTRUCTION = "construction"


@dataclass(frozen=True)
class JobType:
    """A kind of job.

    Attributes:
        phase: The WBS2 its invoices belong to, in a unit whose project has phases.
        seconds: Planned duration.
    """

    job_type_id: int
    name: str
    phase: str = ""
    priority: str = "Normal"
    seconds: int = 7200


@dataclass(frozen=True)
class BusinessUnit:
    """A business unit.

    Attributes:
        wbs1: Its project in Vantagepoint.
        phases: The project's WBS2 codes and names; none for a project without phases.
        organization: Company, trade and segment.
        billing_name: The firm that its project is billed to.
        share: Its part of the month's work, in percent.
    """

    unit_id: int
    name: str
    trade: Trade
    segment: Segment
    line: Line
    wbs1: str
    organization: str
    billing_name: str
    share: int
    job_types: tuple[JobType, ...]
    phases: tuple[tuple[str, str], ...] = ()


_PHASES = (("GEN", "General"), ("ROUGH", "Rough-in"), ("TRIM", "Trim and start-up"))

BUSINESS_UNITS: tuple[BusinessUnit, ...] = (
    BusinessUnit(
        1101, "Residential HVAC Service", Trade.HVAC, Segment.RESIDENTIAL, Line.SERVICE,
        "RHS2026", "01:HV:RS", "Summit Ridge Residential HVAC Service Accounts", 34,
        (
            JobType(2101, "No Cooling", priority="Urgent"),
            JobType(2102, "No Heat", priority="Urgent"),
            JobType(2103, "HVAC Tune-Up", seconds=5400),
            JobType(2104, "Thermostat and Controls", seconds=3600),
        ),
    ),
    BusinessUnit(
        1102, "Residential HVAC Install", Trade.HVAC, Segment.RESIDENTIAL, Line.INSTALL,
        "RHI2026", "01:HV:RI", "Summit Ridge Residential HVAC Install Accounts", 8,
        (
            JobType(2111, "System Replacement", seconds=28800),
            JobType(2112, "Ductwork", seconds=14400),
        ),
    ),
    BusinessUnit(
        1201, "Residential Plumbing Service", Trade.PLUMBING, Segment.RESIDENTIAL, Line.SERVICE,
        "RPS2026", "01:PL:RS", "Summit Ridge Residential Plumbing Service Accounts", 28,
        (
            JobType(2201, "Leak Repair", priority="High"),
            JobType(2202, "Drain Cleaning"),
            JobType(2203, "Water Heater Repair"),
            JobType(2204, "Plumbing Inspection", seconds=3600),
        ),
    ),
    BusinessUnit(
        1202, "Residential Plumbing Install", Trade.PLUMBING, Segment.RESIDENTIAL, Line.INSTALL,
        "RPI2026", "01:PL:RI", "Summit Ridge Residential Plumbing Install Accounts", 8,
        (
            JobType(2211, "Water Heater Replacement", seconds=14400),
            JobType(2212, "Repipe", seconds=28800),
        ),
    ),
    BusinessUnit(
        1103, "Commercial HVAC Service", Trade.HVAC, Segment.COMMERCIAL, Line.SERVICE,
        "CHS2026", "01:HV:CS", "Summit Ridge Commercial HVAC Service Accounts", 10,
        (
            JobType(2121, "Rooftop Unit Service", priority="High"),
            JobType(2122, "Planned Maintenance Visit", seconds=14400),
            JobType(2123, "Refrigeration Call", priority="Urgent"),
        ),
    ),
    BusinessUnit(
        1104, "Commercial HVAC Construction", Trade.HVAC, Segment.COMMERCIAL, Line.CONSTRUCTION,
        "CHC2026", "01:HV:CC", "Summit Ridge Commercial HVAC Construction Accounts", 3,
        (
            JobType(2131, "Mechanical Rough-In", phase="ROUGH", seconds=28800),
            JobType(2132, "Mechanical Trim and Start-Up", phase="TRIM", seconds=28800),
            JobType(2133, "Mechanical Change Order", seconds=14400),
        ),
        _PHASES,
    ),
    BusinessUnit(
        1203, "Commercial Plumbing Service", Trade.PLUMBING, Segment.COMMERCIAL, Line.SERVICE,
        "CPS2026", "01:PL:CS", "Summit Ridge Commercial Plumbing Service Accounts", 7,
        (
            JobType(2221, "Backflow Test"),
            JobType(2222, "Commercial Leak Repair", priority="High"),
            JobType(2223, "Grease Line Jetting"),
        ),
    ),
    BusinessUnit(
        1204, "Commercial Plumbing Construction", Trade.PLUMBING, Segment.COMMERCIAL, Line.CONSTRUCTION,
        "CPC2026", "01:PL:CC", "Summit Ridge Commercial Plumbing Construction Accounts", 2,
        (
            JobType(2231, "Plumbing Rough-In", phase="ROUGH", seconds=28800),
            JobType(2232, "Plumbing Trim", phase="TRIM", seconds=28800),
            JobType(2233, "Plumbing Change Order", seconds=14400),
        ),
        _PHASES,
    ),
)  # fmt: skip

# Bought with another company and still booking work: no coding rule knows it.
UNMAPPED_UNIT = BusinessUnit(
    1901, "Front Range Drain (acquired)", Trade.PLUMBING, Segment.RESIDENTIAL, Line.SERVICE,
    "", "", "", 0,
    (JobType(2901, "Drain Cleaning - Front Range"),),
)  # fmt: skip

UNITS_BY_ID = {unit.unit_id: unit for unit in (*BUSINESS_UNITS, UNMAPPED_UNIT)}

OVERHEAD_WBS1 = "OVH2026"
OVERHEAD_ORGANIZATION = "01:GA:00"

_TRADE_IDS = {Trade.HVAC: 31, Trade.PLUMBING: 32}
_DIVISION_IDS = {Segment.RESIDENTIAL: 41, Segment.COMMERCIAL: 42}


def business_unit_rows(first: date, tenant_id: int, *, with_unmapped: bool) -> dict[int, Row]:
    """Make ServiceTitan's business units as the settings feed gives them.

    Args:
        first: First day of the month; the units are some years older.
        tenant_id: The tenant they belong to.
        with_unmapped: Whether the acquired unit, which no rule maps, is among them.

    Returns:
        Rows by id.
    """
    created = servicetitan_instant(date(first.year - 4, 2, 1), 57600, 1230000)
    modified = servicetitan_instant(date(first.year - 1, 11, 3), 61205, 8870042)
    units = [*BUSINESS_UNITS, UNMAPPED_UNIT] if with_unmapped else [*BUSINESS_UNITS]
    return {unit.unit_id: _unit_row(unit, tenant_id, created, modified) for unit in units}


def _unit_row(unit: BusinessUnit, tenant_id: int, created: str, modified: str) -> Row:
    mapped = bool(unit.wbs1)
    return {
        "id": unit.unit_id,
        "active": True,
        "name": unit.name,
        "officialName": "Summit Ridge Mechanical LLC" if mapped else None,
        "email": f"unit{unit.unit_id}@summitridge.example",
        "currency": "USD",
        "phoneNumber": f"303555{unit.unit_id}",
        "invoiceHeader": "<b>Summit Ridge Mechanical</b>",
        "invoiceMessage": None,
        "defaultTaxRate": Decimal("0.0915") if mapped else None,
        "authorizationParagraph": "I authorize the work described.",
        "acknowledgementParagraph": None,
        "address": {
            "street": "4800 Brighton Blvd",
            "unit": None,
            "city": "Denver",
            "state": "CO",
            "zip": "80216",
            "country": "USA",
            "latitude": Decimal("39.7841"),
            "longitude": Decimal("-104.9683"),
            "isManualCoordinates": False,
            "isMilitary": False,
        },
        "materialSku": None,
        "quickbooksClass": None,
        "accountCode": unit.organization or None,
        "franchiseId": None,
        "conceptCode": None,
        "corporateContractNumber": None,
        "trade": {"id": _TRADE_IDS[unit.trade], "name": unit.trade.value},
        "division": {"id": _DIVISION_IDS[unit.segment], "name": unit.segment.value},
        "tagTypeIds": [],
        "tenant": {
            "id": tenant_id,
            "name": "summitridge",
            "accountCode": None,
            "franchiseId": None,
            "conceptCode": None,
            "modifiedOn": modified,
        },
        "createdOn": created,
        "modifiedOn": modified,
        "externalData": [],
        "certifiedSentriconSpecialistCode": None,
    }


def job_type_rows(first: date, *, with_unmapped: bool) -> dict[int, Row]:
    """Make ServiceTitan's job types, with the same arguments as ``business_unit_rows``."""
    created = servicetitan_instant(date(first.year - 4, 2, 1), 58000, 5550000)
    units = [*BUSINESS_UNITS, UNMAPPED_UNIT] if with_unmapped else [*BUSINESS_UNITS]
    return {
        kind.job_type_id: {
            "id": kind.job_type_id,
            "name": kind.name,
            "businessUnitIds": [unit.unit_id],
            "skills": [unit.trade.value],
            "tagTypeIds": [],
            "priority": kind.priority,
            "duration": kind.seconds,
            "soldThreshold": Decimal("150.00") if unit.line is Line.SERVICE else None,
            "class": unit.line.value.capitalize(),
            "summary": "",
            "noCharge": False,
            "enforceRecurringServiceEventSelection": None,
            "invoiceSignaturesRequired": True,
            "modifiedOn": created,
            "createdOn": created,
            "externalData": [],
            "active": True,
            "isSmartDispatched": False,
            "defaultEstimateSoldAction": "Undecided",
            "customFieldTypeIds": [],
        }
        for unit in units
        for kind in unit.job_types
    }
