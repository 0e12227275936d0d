"""The contractor's connection: calendar, settings that decide outcomes, and coding rules in order."""

from datetime import date
from typing import Any

from st_deltek_pipeline.sandbox.contractor import ledger_accounts as accounts
from st_deltek_pipeline.sandbox.contractor.business_units import BUSINESS_UNITS, BusinessUnit, Line, Trade
from st_deltek_pipeline.sandbox.contractor.contract_work import Contract
from st_deltek_pipeline.sandbox.contractor.ledger_accounts import SOURCE_ACCOUNTS
from st_deltek_pipeline.sandbox.contractor.money_rules import Rule, bank_rules, overhead_rules, purchase_rules
from st_deltek_pipeline.sandbox.contractor.payment_types import JOURNAL_ENTRY, WRITE_OFF
from st_deltek_pipeline.sandbox.contractor.pricebook import Kind
from st_deltek_pipeline.sandbox.contractor.taxes import TAX_ZONES
from st_deltek_pipeline.sandbox.contractor.working_days import COUNTRY, STATE, TIME_ZONE

# Who collects what of Denver's tax: account and tax code by the name ServiceTitan gives the rate.
_AUTHORITIES = {
    "Colorado State": ("221.00", "CO-STATE"),
    "City of Denver": ("221.10", "CO-DENVER"),
    "RTD": ("221.70", "CO-RTD"),
    "Cultural Facilities": ("221.70", "CO-CULT"),
}

_SECTIONS = {
    Kind.SERVICE: "L",
    Kind.MATERIAL: "E",
    Kind.EQUIPMENT: "U",
    Kind.PRICE_MODIFIER: "A",
}


def connection_settings(first: date, contracts: list[Contract]) -> dict[str, Any]:
    """Make what a connection file says, name and addresses of the two systems apart.

    Args:
        first: First day of the month: nothing older is posted.
        contracts: Commercial projects, each with a rule of its own.

    Returns:
        Plain JSON values in the shape of ``connections.settings.ConnectionSettings``.
    """
    return {
        "description": "Summit Ridge Mechanical: HVAC and plumbing, eight business units, 120 field staff",
        "owner": "team:accounting",
        "environment": "sandbox",
        "start_date": first.isoformat(),
        "allow_insecure_hosts": True,
        "calendar": {"time_zone": TIME_ZONE, "country": COUNTRY, "state": STATE},
        "posting": {
            "ready_when": "posted",
            "customer_firm": "required",
            "invoice_lines": "summary",
            "zero_documents": "ignore",
            "closed_period": "hold",
            "journal_entry_payment_types": [JOURNAL_ENTRY, WRITE_OFF],
        },
        "coding": coding_rules(contracts),
    }


def coding_rules(contracts: list[Contract]) -> list[Rule]:
    """Make the coding rules, special ones above general ones.

    A document always lands on one project level: contract before phase before business unit; only overhead on a
    vendor's bill goes elsewhere. Nothing gives a project to a business unit that is not named here, so its documents
    are held.
    """
    return [
        *overhead_rules(),
        *(_contract_rule(contract) for contract in contracts),
        *(
            _phase_rule(unit, phase)
            for unit in BUSINESS_UNITS
            for phase, _ in unit.phases
            if phase != unit.phases[0][0]
        ),
        *(_unit_rule(unit) for unit in BUSINESS_UNITS),
        *_item_rules(),
        *_tax_rules(),
        *_general_rules(),
        *bank_rules(),
        *purchase_rules(),
    ]


def _contract_rule(contract: Contract) -> Rule:
    return {
        "name": f"project {contract.number}",
        "when": {"project": contract.number},
        "give": {
            "wbs1": contract.wbs1,
            "wbs2": contract.phase,
            "wbs3": "",
            "organization": contract.unit.organization,
        },
    }


def _phase_rule(unit: BusinessUnit, phase: str) -> Rule:
    return {
        "name": f"{unit.name}, {phase}",
        "when": {
            "business_unit": unit.name,
            "job_type": [kind.name for kind in unit.job_types if kind.phase == phase],
        },
        "give": {"wbs2": phase},
    }


def _unit_rule(unit: BusinessUnit) -> Rule:
    return {
        "name": unit.name,
        "when": {"business_unit": unit.name},
        "give": {
            "wbs1": unit.wbs1,
            "wbs2": unit.phases[0][0] if unit.phases else "",
            "wbs3": "",
            "organization": unit.organization,
        },
    }


def _item_rules() -> list[Rule]:
    permits = {
        "name": "permits",
        "when": {"line": "item", "sku": ["PERMIT-MECH", "PERMIT-PLMB"]},
        "give": {"account": accounts.PERMITS, "section": "A"},
    }
    retainage = {
        "name": "retainage",
        "when": {"line": "item", "sku": "RETAINAGE"},
        "give": {"section": "F"},
    }
    by_account = [
        {
            "name": f"ServiceTitan account {account.number}",
            "when": {"line": "item", "gl_account": account.number},
            "give": {"account": account.target},
        }
        for account in SOURCE_ACCOUNTS
        if account.target
    ]
    by_kind = [
        {
            "name": f"section of {kind.value}",
            "when": {"line": "item", "item_type": kind.value},
            "give": {"section": section},
        }
        for kind, section in _SECTIONS.items()
    ]
    return [permits, retainage, *by_account, *by_kind]


def _tax_rules() -> list[Rule]:
    """Make rules for both positions of ``posting.tax_lines``: only a split tax names its authority."""
    by_authority: list[Rule] = [
        {
            "name": f"sales tax of {authority}",
            "when": {"line": "tax", "tax_name": authority},
            "give": {"account": account, "tax_code": tax_code},
        }
        for authority, (account, tax_code) in _AUTHORITIES.items()
    ]
    rounding: list[Rule] = [
        {
            "name": f"rounding of sales tax {zone.name}",
            "when": {"line": "tax_rounding", "tax_zone": [zone.name, str(zone.zone_id)]},
            "give": {"account": zone.account},
        }
        for zone in TAX_ZONES
        if len(zone.rates) > 1
    ]
    by_zone: list[Rule] = [
        {
            "name": f"sales tax {zone.name}",
            # People write the zone's name; its id is accepted too, so that renaming a zone breaks nothing.
            "when": {"line": "tax", "tax_zone": [zone.name, str(zone.zone_id)]},
            "give": {"account": zone.account, "tax_code": zone.tax_code},
        }
        for zone in TAX_ZONES
    ]
    return [*by_authority, *by_zone, *rounding]


def _general_rules() -> list[Rule]:
    rules: list[Rule] = []
    for trade in Trade:
        units = [unit.name for unit in BUSINESS_UNITS if unit.trade is trade and unit.line is not Line.CONSTRUCTION]
        for kind, account in (
            (Kind.MATERIAL, accounts.MATERIALS_BY_TRADE[trade]),
            (Kind.EQUIPMENT, accounts.EQUIPMENT_BY_TRADE[trade]),
        ):
            rules.append(
                {
                    "name": f"{kind.value} of {trade.value} without an account",
                    "when": {"line": "item", "item_type": kind.value, "business_unit": units},
                    "give": {"account": account},
                }
            )
    rules.append(
        {
            "name": "discounts without an account",
            "when": {"line": "item", "item_type": Kind.PRICE_MODIFIER.value, "business_unit": _service_units()},
            "give": {"account": accounts.DISCOUNTS},
        }
    )
    rules += [
        {
            "name": f"other revenue of {unit.name}",
            "when": {"line": "item", "business_unit": unit.name},
            "give": {"account": accounts.REVENUE_BY_WORK[unit.trade, unit.line]},
        }
        for unit in BUSINESS_UNITS
    ]
    rules.append({"name": "items", "when": {"line": "item"}, "give": {"section": "F"}})
    rules.append({"name": "taxes", "when": {"line": ["tax", "tax_rounding"]}, "give": {"section": "T"}})
    return rules


def _service_units() -> list[str]:
    return [unit.name for unit in BUSINESS_UNITS if unit.line is not Line.CONSTRUCTION]
