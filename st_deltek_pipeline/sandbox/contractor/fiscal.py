"""Vantagepoint's settings of the books: companies, organizations, periods, banks, auto-posting and liability codes."""

from datetime import date, timedelta

from st_deltek_pipeline.sandbox.contractor.business_units import BUSINESS_UNITS, OVERHEAD_ORGANIZATION
from st_deltek_pipeline.sandbox.contractor.ledger_accounts import (
    PAYABLES,
    RECEIVABLES,
    SUBCONTRACTOR_PAYABLES,
    UNBILLED_SERVICES,
    UNINVOICED_REVENUE,
)
from st_deltek_pipeline.sandbox.contractor.working_days import add_months, vantagepoint_instant
from st_deltek_pipeline.sandbox.contractor.world import Row

COMPANY = "01"
IDLE_COMPANY = "02"
TRADE_LIABILITY = "TRADE"
SUBCONTRACTOR_LIABILITY = "SUBS"

_MONTHS_BACK = 12
_MONTHS_AHEAD = 3
_NAMES = {COMPANY: "Summit Ridge Mechanical LLC", IDLE_COMPANY: "Summit Ridge Holdings LLC"}


def company_rows() -> dict[str, Row]:
    """Make the companies: the working one and a holding company that posts nothing."""
    return {
        code: {"Company": code, "CompanyName": name, "FunctionalCurrencyCode": "USD", "Status": "A"}
        for code, name in _NAMES.items()
    }


def organization_rows() -> dict[str, Row]:
    """Make the organizations; the first segment of each is its company."""
    rows = {unit.organization: _organization(unit.organization, unit.name) for unit in BUSINESS_UNITS}
    rows[OVERHEAD_ORGANIZATION] = _organization(OVERHEAD_ORGANIZATION, "General and Administrative")
    rows["02:GA:00"] = _organization("02:GA:00", "Holdings")
    rows["01:PL:FS"] = {**_organization("01:PL:FS", "Fire Sprinklers (closed)"), "Status": "I"}
    return rows


def _organization(code: str, name: str) -> Row:
    return {"Org": code, "Name": name, "Status": "A"}


def period_rows(first: date) -> dict[int, Row]:
    """Make monthly periods from a year before the month to three months after it.

    Args:
        first: First day of the month; everything before it is closed, it and later periods are open.

    Returns:
        Rows by period (YYYYPP).
    """
    rows: dict[int, Row] = {}
    for distance in range(-_MONTHS_BACK, _MONTHS_AHEAD + 1):
        start = add_months(first, distance)
        end = add_months(start, 1) - timedelta(days=1)
        rows[start.year * 100 + start.month] = {
            "Period": start.year * 100 + start.month,
            "FmtPeriod": f"{start.month:02d}/{start.year}",
            "AccountPdStart": vantagepoint_instant(start),
            "AccountPdEnd": vantagepoint_instant(end),
            "FYStart": vantagepoint_instant(date(start.year, 1, 1)),
            "FYEnd": vantagepoint_instant(date(start.year, 12, 31)),
            "ActiveCompanyClosed": "Y" if distance < 0 else "N",
            "AllCompaniesClosed": "Y" if distance < -1 else "N",
            "ApplytoAllCompanies": "N",
        }
    return rows


def auto_posting_rows() -> dict[str, Row]:
    """Make the auto-posting accounts, one row per company."""
    return {
        code: {
            "Company": code,
            "AcctsReceivable": RECEIVABLES,
            "UninvoicedRevenue": UNINVOICED_REVENUE,
            "UnbilledServices": UNBILLED_SERVICES,
        }
        for code in _NAMES
    }


def bank_rows() -> dict[str, Row]:
    """Make the bank codes."""
    banks = (
        ("OPER", "Operating - First Bank", "101.00"),
        ("PAYR", "Payroll - First Bank", "102.00"),
        ("MERC", "Merchant settlement - First Bank", "103.00"),
    )
    return {
        code: {
            "Code": code,
            "Description": description,
            "AccountCurrencyCode": "USD",
            "Account": account,
            "Company": COMPANY,
            "Status": "A",
        }
        for code, description, account in banks
    }


def liability_code_rows() -> dict[str, Row]:
    """Make the liability codes, which decide the account that a voucher credits (vantagepoint.md section 4.3).

    The section documents what the code does; the names of its columns are assumed from those of banks.
    """
    codes = (
        (TRADE_LIABILITY, "Trade payables", PAYABLES),
        (SUBCONTRACTOR_LIABILITY, "Subcontractor payables", SUBCONTRACTOR_PAYABLES),
    )
    return {
        code: {"Code": code, "Description": description, "Account": account, "Company": COMPANY, "Status": "A"}
        for code, description, account in codes
    }
