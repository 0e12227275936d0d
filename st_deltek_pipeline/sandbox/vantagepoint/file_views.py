"""Rows of transaction files as answers show them: with names looked up and sums made. Nothing is changed here."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint.calls import Call
from st_deltek_pipeline.sandbox.vantagepoint.entry_tables import EntryTables, Lengths
from st_deltek_pipeline.sandbox.vantagepoint.schema import ZERO, Table
from st_deltek_pipeline.sandbox.vantagepoint.state import TransactionFile, VantagepointState, project_key
from st_deltek_pipeline.sandbox.vantagepoint.transaction_types import TransactionType

_STATUS_WORDS = {"N": "In Progress", "S": "Submitted", "A": "Approved", "R": "Rejected"}


def tables_of(kind: TransactionType, state: VantagepointState) -> EntryTables:
    """Return the tables of a type that can be entered, with the lengths of this tenant.

    Raises:
        LookupError: The type cannot be entered.
    """
    if kind.tables is None:
        raise LookupError(kind.transtype)
    return kind.tables(Lengths.of(state.switches))


def control_sums(kind: TransactionType, file: TransactionFile) -> dict[str, Decimal]:
    """Return what the lines of a file sum to, and how far that is from the control's totals."""
    sums: dict[str, Decimal] = {}
    for total in kind.totals:
        found = total.sum(file)
        sums[total.sum_field] = found
        sums[total.difference] = file.control[total.field] - found
    return sums


def control_row(call: Call, kind: TransactionType, file: TransactionFile) -> Row:
    """Return a control row as answers show it."""
    control, world = file.control, call.state.world
    bank = world.banks.get(control.get("DefaultBank", ""), {})
    liability = world.liability_codes.get(control.get("DefaultLiab", ""), {})
    values: Row = {
        **control,
        **control_sums(kind, file),
        "Posted": "N" if file.posting is None else "Y",
        "DefaultBankDescription": bank.get("Description", ""),
        "BankCurrencyCode": bank.get("AccountCurrencyCode", ""),
        "BankAccountCurrencyCode": bank.get("AccountCurrencyCode", ""),
        "DefaultLiabDescription": liability.get("Description", ""),
        "LiabAccountCurrencyCode": _account_currency(world.accounts, liability),
    }
    return {name: values[name] for name in tables_of(kind, call.state).control.answered}


def master_row(call: Call, kind: TransactionType, file: TransactionFile, master: Row) -> Row:
    """Return a master row as answers show it."""
    posted = file.posting is not None
    extra = _project_values(call, master) if "WBS1" in master else {}
    extra["StatusDescription"] = "Posted" if posted else _STATUS_WORDS.get(master["Status"], "")
    shown = {**master, "Posted": "Y" if posted else "N"}
    return _shown(tables_of(kind, call.state).master, shown, lambda name: extra.get(name, ""))


def detail_row(call: Call, kind: TransactionType, file: TransactionFile, detail: Row) -> Row:
    """Return a detail row as answers show it."""
    table = tables_of(kind, call.state).detail
    world = call.state.world
    account = world.accounts.get(detail["Account"], {})
    extra: Row = {
        "AccountName": account.get("Name", ""),
        "AccountCurrencyCode": account.get("AccountCurrencyCode", ""),
        "GlobalAccount": account.get("GlobalAccount", "N"),
        "AccountType": account.get("Type", ""),
    }
    if "WBS1Name" in table.by_name:
        extra.update(_project_values(call, detail))
        currency = world.companies.get(file.control["Company"], {}).get("FunctionalCurrencyCode", "")
        extra.update(BillingCurrencyCode=currency, FunctionalCurrencyCode=currency)
    if "TotalTax" in table.by_name:
        extra["TotalTax"] = sum((tax["TaxAmount"] for tax in taxes_of(kind, file, detail)), start=ZERO)
    return _shown(table, detail, extra.__getitem__)


def tax_row(call: Call, kind: TransactionType, tax: Row) -> Row:
    """Return a tax row as answers show it."""
    table = tables_of(kind, call.state).tax
    return dict(tax) if table is None else _shown(table, tax, tax.__getitem__)


def taxes_of(kind: TransactionType, file: TransactionFile, detail: Row) -> list[Row]:
    """Return the tax rows of a line."""
    names = (*kind.key, "PKey")
    return [tax for tax in file.taxes if all(tax[name] == detail[name] for name in names)]


def landing_row(call: Call, kind: TransactionType, file: TransactionFile) -> Row:
    """Return a file as landing lists show it."""
    control, posting, switches = file.control, file.posting, call.state.switches
    period = control["Period"]
    total: Decimal = control["Total"]
    return {
        "TransType": kind.transtype,
        "TransTypeDesc": kind.words,
        "Batch": control["Batch"],
        "Company": control["Company"],
        "Period": call.state.world.periods.get(period, {}).get("FmtPeriod", str(period)),
        "RawPeriod": period,
        "Creator": control["Creator"],
        "Description": control["Description"],
        "EndDate": control["EndDate"],
        "Total": total,
        "Recurring": control["Recurring"],
        "ApprovalStatus": "N",
        "PostStatus": "N" if posting is None else "P",
        "PostStatusDesc": "In Progress" if posting is None else "Posted",
        "PostDate": "" if posting is None else posting.post_date,
        "PostUser": "" if posting is None else posting.user,
        "PostSeq": 0 if posting is None else posting.post_seq,
        "Posted": "N" if posting is None else "Y",
        "EntryAccess": "Y" if switches.role_may_enter else "N",
        "ListsAccess": "Y",
        "PostAccess": "Y" if switches.role_may_post else "N",
    }


def _project_values(call: Call, row: Row) -> Row:
    world = call.state.world
    wbs1, wbs2, wbs3 = project_key(row["WBS1"], row["WBS2"], row["WBS3"])
    project = world.projects.get((wbs1, "", ""), {})
    phase = world.projects.get((wbs1, wbs2, ""), {}) if wbs2 else {}
    task = world.projects.get((wbs1, wbs2, wbs3), {}) if wbs3 else {}
    client = world.firms.get(str(project.get("BillingClientID") or project.get("ClientID") or ""), {})
    return {
        "WBS1Name": project.get("Name", ""),
        "ClientName": client.get("Name", ""),
        "WBS2Level": project.get("SubLevel", "N"),
        "ChargeType": project.get("ChargeType", ""),
        "WBS2Name": phase.get("Name", ""),
        "WBS3Level": phase.get("SubLevel", "N"),
        "WBS3Name": task.get("Name", ""),
        "Org": (task or phase or project).get("Org", ""),
    }


def _account_currency(accounts: dict[str, Row], code: Row) -> str:
    return str(accounts.get(str(code.get("Account", "")), {}).get("AccountCurrencyCode", ""))


def _shown(table: Table, row: Row, extra: Callable[[str], Any]) -> Row:
    return {name: row[name] if name in row else extra(name) for name in table.answered}
