"""Coding rules of payments, bills and AP credits: banks, accounts of purchases, payment terms.

Which project they go to is decided by the rules that invoices have too (``coding_rules``); liability and bank of a bill
are those of the vendor's accounting data in Vantagepoint.
"""

from typing import Any

from st_deltek_pipeline.sandbox.contractor import ledger_accounts as accounts
from st_deltek_pipeline.sandbox.contractor.business_units import (
    BUSINESS_UNITS,
    OVERHEAD_ORGANIZATION,
    OVERHEAD_WBS1,
    Trade,
)
from st_deltek_pipeline.sandbox.contractor.payment_terms import DUE_AT_ONCE
from st_deltek_pipeline.sandbox.contractor.payment_types import BANK_BY_PAYMENT_TYPE

Rule = dict[str, Any]

# ServiceTitan's accounts of what is spent for no job; the project of all of it is overhead.
_OVERHEAD = ("6210", "6310", "6320", "6410")
_COST_OF_SALE = {Trade.HVAC: "5010", Trade.PLUMBING: "5110"}
_INVENTORY, _SUBCONTRACTORS = "1310", "5210"


def overhead_rules() -> list[Rule]:
    """Make the rules that must stand above those of projects: overhead is nobody's project, whoever bought it."""
    return [
        {
            "name": f"overhead of account {number}",
            "when": {"document": "bill", "line": "item", "item_type": "Expense", "gl_account": number},
            "give": {
                "wbs1": OVERHEAD_WBS1,
                "wbs2": "",
                "wbs3": "",
                "organization": OVERHEAD_ORGANIZATION,
                "account": accounts.BILL_ACCOUNTS[number],
            },
        }
        for number in _OVERHEAD
    ]


def bank_rules() -> list[Rule]:
    """Make the rules that say at which bank each payment type arrives; types without one are not named."""
    by_bank: dict[str, list[str]] = {}
    for name, bank in BANK_BY_PAYMENT_TYPE.items():
        by_bank.setdefault(bank, []).append(name)
    return [
        {
            "name": f"payments at {bank}",
            "when": {"document": "payment", "payment_type": names},
            "give": {"bank": bank},
        }
        for bank, names in by_bank.items()
    ]


def purchase_rules() -> list[Rule]:
    """Make the rules of bills and AP credits; a bought item without accounts is given none."""
    return [
        {
            "name": "goods for stock",
            "when": {"document": "bill", "line": "item", "purpose": "stock", "asset_account": _INVENTORY},
            "give": {"account": accounts.BILL_ACCOUNTS[_INVENTORY]},
        },
        *(
            {
                "name": f"goods for jobs, {trade.value}",
                "when": {"document": "bill", "line": "item", "purpose": "job", "cost_account": number},
                "give": {"account": accounts.BILL_ACCOUNTS[number]},
            }
            for trade, number in _COST_OF_SALE.items()
        ),
        {
            "name": "subcontractors",
            "when": {"document": "bill", "line": "item", "item_type": "Expense", "gl_account": _SUBCONTRACTORS},
            "give": {"account": accounts.BILL_ACCOUNTS[_SUBCONTRACTORS]},
        },
        *(
            {"name": f"{line} of bills", "when": {"document": "bill", "line": line}, "give": {"account": account}}
            for line, account in (
                ("tax", accounts.PURCHASE_TAX),
                ("shipping", accounts.FREIGHT),
                ("other", accounts.OTHER_PURCHASING_COSTS),
            )
        ),
        {
            "name": "returns from stock",
            "when": {"document": "ap_credit", "line": "credit", "purpose": "stock"},
            "give": {"account": accounts.BILL_ACCOUNTS[_INVENTORY]},
        },
        *(
            {
                "name": f"returns from jobs, {trade.value}",
                "when": {
                    "document": "ap_credit",
                    "line": "credit",
                    "purpose": "job",
                    "business_unit": [unit.name for unit in BUSINESS_UNITS if unit.trade is trade],
                },
                "give": {"account": accounts.BILL_ACCOUNTS[number]},
            }
            for trade, number in _COST_OF_SALE.items()
        ),
        {
            "name": "bills due at once",
            "when": {"document": "bill", "line": "payable", "terms": DUE_AT_ONCE},
            "give": {"terms": "Next"},
        },
    ]
