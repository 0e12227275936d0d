"""A hand-made database that can take every type of transaction, and the files that tests send to it."""

from decimal import Decimal
from typing import Any

from st_deltek_pipeline.sandbox.contractor.world import VantagepointWorld
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import small_world

MASTER_KEY = "0123456789abcdef0123456789abcdef"


def _firm(client_id: str, number: str, name: str, vendor: str, **fields: str) -> dict[str, Any]:
    row = {"ClientID": client_id, "Client": number, "Name": name, "Status": "A", "ClientInd": "N", "VendorInd": "Y"}
    return {**row, "Vendor": vendor, "Category": "MAT", **fields}


def _accounting(vendor: str, **fields: str) -> dict[str, Any]:
    return {"Vendor": vendor, "Company": "A0", "PayTerms": "Next", "Req1099": "N", **fields}


def full_books() -> VantagepointWorld:
    """Return the small world with bank and payables accounts, vendors, and their accounting data."""
    world = small_world()
    for number, name, kind in (("1010.00", "Cash", "1"), ("2000.00", "Payables", "2"), ("2100.00", "Subs", "2")):
        world.accounts[number] = {"Account": number, "Name": name, "Type": kind, "Status": "A", "Detail": "1"}
    world.banks["OPER"]["Account"] = "1010.00"
    world.banks["OLD"] = {"Code": "OLD", "Description": "Closed", "Account": "1010.00", "Status": "I"}
    world.banks["BARE"] = {"Code": "BARE", "Description": "Without account"}
    world.companies["B0"] = {"Company": "B0", "FirmName": "Holding", "FunctionalCurrencyCode": "USD", "Status": "A"}
    world.liability_codes = {
        "General": {"Code": "General", "Description": "Trade", "Account": "2000.00", "VendorType": "MAT"},
        "Subs": {"Code": "Subs", "Description": "Subcontractors", "Account": "2100.00"},
        "Bare": {"Code": "Bare", "Description": "Without account"},
    }
    world.tax_codes["CO-TAX"]["Account"] = "2200.00"
    for row in (
        _firm("V1", "00000056", "Ferrous Supply", "000056"),
        _firm("V2", "00000057", "Unaccounted Supply", "000057"),
        _firm("V3", "00000058", "Sleeping Supply", "000058", Status="I"),
        _firm("V4", "00000059", "Crane Rental", "000059", Category="SUB"),
    ):
        world.firms[row["ClientID"]] = row
    accounts = (
        _accounting("000056"),
        _accounting("000057", Company="B0"),
        _accounting("000058"),
        _accounting("000059", LiabCode="Subs", BankCode="OPER", PayTerms="Date"),
    )
    world.vendor_accounting = {(row["Vendor"], row["Company"]): row for row in accounts}
    return world


def _file(prefix: str, batch: str, masters: list[Any], details: list[Any], total: Decimal, **fields: Any) -> dict:
    control = {"Batch": batch, "Description": "Test", "Total": total, "Period": 202610, "Company": "A0", **fields}
    return {**control, f"{prefix}Master": masters, f"{prefix}Detail": details}


def _sum(details: list[Any], name: str = "Amount") -> Decimal:
    return sum((Decimal(str(row[name])) for row in details if isinstance(row, dict) and row.get(name)), Decimal(0))


def receipt(reference: str = "PAY-1", **fields: Any) -> dict[str, Any]:
    """Return a crMaster row."""
    return {"RefNo": reference, "TransDate": "2026-10-05", "BankCode": "OPER", "TransComment": "Check", **fields}


def applied(amount: str = "100.00", reference: str = "PAY-1", **fields: Any) -> dict[str, Any]:
    """Return a crDetail row that pays INV-1001 of project P100."""
    row = {"RefNo": reference, "WBS1": "P100", "WBS2": "", "WBS3": "", "Invoice": "INV-1001", "Account": "1100.00"}
    return {**row, "Amount": Decimal(amount), **fields}


def receipts(batch: str, masters: list[Any] | None = None, details: list[Any] | None = None, **fields: Any) -> dict:
    """Return the body of a crControl POST whose control total agrees with its details."""
    lines = [applied()] if details is None else details
    return _file("cr", batch, masters or [receipt()], lines, _sum(lines), **fields)


def voucher(key: str = MASTER_KEY, **fields: Any) -> dict[str, Any]:
    """Return an apMaster row."""
    row = {"MasterPKey": key, "Vendor": "000056", "Invoice": "S-77", "InvoiceDate": "2026-10-01"}
    return {**row, "TransDate": "2026-10-02", **fields}


def cost(amount: str = "250.00", key: str = MASTER_KEY, **fields: Any) -> dict[str, Any]:
    """Return an apDetail row."""
    row = {"MasterPKey": key, "WBS1": "P100", "WBS2": "", "WBS3": "", "Account": "5000.00", "Description": "Pipe"}
    return {**row, "Amount": Decimal(amount), **fields}


def vouchers(batch: str, masters: list[Any] | None = None, details: list[Any] | None = None, **fields: Any) -> dict:
    """Return the body of an apControl POST whose control total agrees with its details."""
    lines = [cost()] if details is None else details
    return _file("ap", batch, masters or [voucher()], lines, _sum(lines), **fields)


def journal(batch: str, lines: list[tuple[str, str, str]], **fields: Any) -> dict[str, Any]:
    """Return the body of a jeControl POST with one entry.

    Args:
        batch: Its key.
        lines: Account, debit and credit of each line.
        fields: Further fields of the control.
    """
    master = {"RefNo": "JE-1", "TransDate": "2026-10-05", "Description": "Accrual", "Type": "3"}
    details = [
        {"RefNo": "JE-1", "WBS1": "P100", "Account": account, "DebitAmount": debit, "CreditAmount": credit}
        for account, debit, credit in lines
    ]
    totals = {"CreditsTotal": _sum(details, "CreditAmount"), **fields}
    return _file("je", batch, [master], details, _sum(details, "DebitAmount"), **totals)


def check(prefix: str, batch: str, amount: str = "120.00", **fields: Any) -> dict[str, Any]:
    """Return the body of a cdControl or cvControl POST with one check of one line."""
    vendor = {"Vendor": "000056", "Invoice": "S-78"} if prefix == "cv" else {"Payee": "Payroll"}
    master = {"CheckNo": "5551", "TransDate": "2026-10-05", "BankCode": "OPER", **vendor, **fields}
    detail = {"CheckNo": "5551", "WBS1": "P100", "Account": "5000.00", "Amount": amount, "Description": "Wages"}
    return _file(prefix, batch, [master], [detail], Decimal(amount))
