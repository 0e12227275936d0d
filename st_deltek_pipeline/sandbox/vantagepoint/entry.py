"""Transaction entry for AR invoices: inControl, inMaster, inDetail and the landing lists (section 4).

A file is accepted as a whole or not at all, and entered is not posted: ``posting`` does that. Section numbers
are those of vantagepoint.md.
"""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import errors, schema
from st_deltek_pipeline.sandbox.vantagepoint.calls import (
    CREATED,
    Answer,
    Call,
    list_answer,
    record_answer,
    written_answer,
)
from st_deltek_pipeline.sandbox.vantagepoint.conventions import fold
from st_deltek_pipeline.sandbox.vantagepoint.errors import ApiError, RuleError
from st_deltek_pipeline.sandbox.vantagepoint.schema import ZERO, Table, read_row
from st_deltek_pipeline.sandbox.vantagepoint.state import BLANK_LEVEL, Session, TransactionFile, project_key

_NOT_FOUND = 404
_BAD_REQUEST = 400
_ACTIVE = "A"
_PADDED_LENGTH = 7
_SECTIONS = frozenset("FLCEUATI")
_MASTERS, _DETAILS = "inMaster", "inDetail"
_STATUS_WORDS = {"N": "In Progress", "S": "Submitted", "A": "Approved", "R": "Rejected"}

_InvoiceKey = tuple[str, str, str, str]


def create_file(call: Call) -> Answer:
    """POST inControl: take in a whole file, or refuse it with the first thing that is wrong.

    Raises:
        ApiError: The role may not, or the body is not an object.
        RuleError: A rule refuses the file; nothing of it is kept.
    """
    switches = call.state.switches
    call.require(allowed=switches.role_may_enter)
    body = schema.as_object(call.json())
    if body is None:
        raise ApiError(_BAD_REQUEST, "The request body is not a JSON object.")
    if not switches.use_files:
        message = "Files are not used to group transactions. Use inMaster to create transactions."
        raise RuleError(message)
    file = _Entry(call).read(body)
    call.state.keep_file(file)
    location = f"DataEntry/inControl/{quote(file.batch)}"
    return written_answer(call, control_row(file), "inControl", status=CREATED, location=location)


def create_document(call: Call) -> Answer:
    """POST inMaster: the single-document path, which belongs to a database that does not use files.

    Raises:
        RuleError: Always. With files the path does not apply; without them this twin does not serve it.
    """
    call.require(allowed=call.state.switches.role_may_enter)
    if call.state.switches.use_files:
        message = "Files are used to group transactions. Use inControl to create a transaction file."
    else:
        message = "Single transactions are not available in this sandbox."
    raise RuleError(message)


def change_control(call: Call) -> Answer:
    """PUT inControl: change the fields that are sent.

    Raises:
        ApiError: The role may not, or there is no such file.
        RuleError: The file is posted, or a value is refused.
    """
    call.require(allowed=call.state.switches.role_may_enter)
    file = _file(call)
    if file.posting is not None:
        message = f"Record {file.batch} is posted and cannot be changed."
        raise RuleError(message)
    table = schema.control_table(call.state.switches.longest_batch)
    changes = read_row(table, call.json(), database=call.state.world.database, partial=True)
    if changes.get("Batch", file.batch) != file.batch:
        raise RuleError(errors.invalid_value("Batch", changes["Batch"]))
    _Entry(call).check_session_fields(changes)
    _check_tax_code(call, changes.get("DefaultTaxCode", ""))
    kept = {name: value for name, value in changes.items() if name not in {"Posted", "Period", "Company"}}
    changed = TransactionFile({**file.control, **kept}, file.masters, file.details)
    call.state.keep_file(changed)
    return written_answer(call, control_row(changed), "inControl")


def delete_file(call: Call) -> Answer:
    """DELETE inControl: only while the file is not posted.

    Raises:
        ApiError: The role may not, or there is no such file.
        RuleError: The file is posted.
    """
    call.require(allowed=call.state.switches.role_may_enter)
    file = _file(call)
    if file.posting is not None:
        message = f"Record {file.batch} is posted and cannot be deleted."
        raise RuleError(message)
    call.state.drop_file(file.batch)
    return Answer([])


def get_control(call: Call) -> Answer:
    """GET inControl/{Batch}."""
    return record_answer(call, control_row(_file(call)), "inControl")


def get_masters(call: Call) -> Answer:
    """GET inMaster/{Batch}."""
    file = _file(call)
    rows = [_master_row(call, file, master) for master in file.masters]
    return list_answer(call, rows, "inMaster", entry_or_ledger=True)


def get_details(call: Call) -> Answer:
    """GET inDetail/{Batch}."""
    file = _file(call)
    rows = [_detail_row(call, detail) for detail in file.details]
    return list_answer(call, rows, "inDetail", entry_or_ledger=True)


def get_invoice_landing(call: Call) -> Answer:
    """GET inLanding: every AR invoice file."""
    rows = [{**control_row(file), **_landing_row(call, file)} for file in call.state.files.values()]
    return list_answer(call, rows, "inLanding", entry_or_ledger=True)


def get_all_landing(call: Call) -> Answer:
    """GET allLanding: every file of every kind this twin knows."""
    rows = [_landing_row(call, file) for file in call.state.files.values()]
    return list_answer(call, rows, "allLanding", entry_or_ledger=True)


def control_row(file: TransactionFile) -> Row:
    """Return a control row as answers show it, with the sums over its details."""
    control = file.control
    total = sum((detail["Amount"] for detail in file.details), start=ZERO)
    retained = sum((detail["RetAmount"] for detail in file.details), start=ZERO)
    return {
        "Batch": control["Batch"],
        "Description": control["Description"],
        "Recurring": control["Recurring"],
        "EndDate": control["EndDate"],
        "DefaultTaxCode": control["DefaultTaxCode"],
        "Total": control["Total"],
        "SumTotal": total,
        "DiffTotal": control["Total"] - total,
        "RetTotal": control["RetTotal"],
        "SumRetTotal": retained,
        "DiffRetTotal": control["RetTotal"] - retained,
        "Selected": control["Selected"],
        "Posted": "N" if file.posting is None else "Y",
        "Creator": control["Creator"],
        "Period": control["Period"],
        "Company": control["Company"],
    }


class _Entry:
    """The checks of one file, in the order control, masters, details; the first failure ends it."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._state = call.state
        self._switches = call.state.switches
        self._session: Session = call.state.session(call.user)
        self._moment = schema.write_moment(call.state.clock())

    def read(self, body: Row) -> TransactionFile:
        switches = self._switches
        rest = {name: value for name, value in body.items() if name not in {_MASTERS, _DETAILS}}
        control = self._control(rest)
        batch: str = control["Batch"]
        table = schema.master_table(switches.longest_batch, switches.longest_invoice, switches.longest_comment)
        masters: dict[_InvoiceKey, Row] = {}
        # One documented example of another kind shows a bare object for a list (section 12 item 6).
        for number, sent in enumerate(schema.as_list(body.get(_MASTERS)), start=1):
            try:
                self._add_master(masters, self._master(table, sent, batch, number))
            except RuleError as error:
                raise RuleError(error.message, _name_of(_MASTERS, number, sent)) from None
        table = schema.detail_table(switches.longest_batch, switches.longest_invoice)
        details: dict[tuple[_InvoiceKey, str], Row] = {}
        for number, sent in enumerate(schema.as_list(body.get(_DETAILS)), start=1):
            try:
                self._add_detail(details, masters, self._detail(table, sent, batch, number))
            except RuleError as error:
                raise RuleError(error.message, _name_of(_DETAILS, number, sent)) from None
        return TransactionFile(control, list(masters.values()), list(details.values()))

    def _add_master(self, masters: dict[_InvoiceKey, Row], master: Row) -> None:
        key = _invoice_key(master)
        if key in masters:
            raise RuleError(errors.already_exists(master["Batch"], *key))
        masters[key] = master

    def _add_detail(
        self, details: dict[tuple[_InvoiceKey, str], Row], masters: dict[_InvoiceKey, Row], detail: Row
    ) -> None:
        key = _invoice_key(detail)
        if key not in masters:
            raise RuleError(errors.does_not_exist("Record", "|".join((detail["Batch"], *key))))
        if (key, detail["PKey"]) in details:
            raise RuleError(errors.already_exists(detail["Batch"], *key, detail["PKey"]))
        details[key, detail["PKey"]] = detail

    def check_session_fields(self, control: Row) -> None:
        """Check the period and the company a body names against the session's (section 4.8)."""
        session, switches = self._session, self._switches
        period = control.get("Period")
        if period is not None:
            if period not in self._state.world.periods:
                raise RuleError(errors.does_not_exist("Period", period))
            if period != session.period and switches.period_mismatch == "refuse":
                raise RuleError(errors.period_not_active(period, session.period))
        company = control.get("Company", "")
        if company and company not in self._state.world.companies:
            raise RuleError(errors.does_not_exist("Company", company))
        if company and company != session.company and switches.company_mismatch == "refuse":
            raise RuleError(errors.company_not_active(company, session.company))

    def _control(self, sent: Row) -> Row:
        control = self._read(schema.control_table(self._switches.longest_batch), sent)
        batch = control["Batch"]
        if not batch:
            raise RuleError(errors.required("Batch"))
        if self._state.is_taken(batch):
            raise RuleError(errors.already_exists(batch))
        self.check_session_fields(control)
        _check_tax_code(self._call, control["DefaultTaxCode"])
        session = self._session
        if self._state.is_closed(session.period) and not self._switches.role_processes_closed_periods:
            raise RuleError(errors.period_closed(session.period))
        control.update(Posted="N", Period=session.period, Company=session.company)
        control["Creator"] = control["Creator"] or self._call.user
        return control

    def _master(self, table: Table, sent: object, batch: str, number: int) -> Row:
        master = self._read(table, sent)
        self._set_key(master, batch)
        if not master["TransDate"]:
            raise RuleError(errors.required("Transaction Date"))
        self._check_project(master)
        if master["CurrencyCode"] not in {"", self._currency()}:
            raise RuleError(errors.does_not_exist("Currency Code", master["CurrencyCode"]))
        master["CurrencyCode"] = master["CurrencyCode"] or self._currency()
        master["Posted"] = "N"
        master["Seq"] = master["Seq"] or number
        master["ModUser"] = master["ModUser"] or self._call.user
        master["ModDate"] = master["ModDate"] or self._moment
        return master

    def _detail(self, table: Table, sent: object, batch: str, number: int) -> Row:
        detail = self._read(table, sent)
        self._set_key(detail, batch)
        if detail["InvoiceSection"] not in _SECTIONS:
            section = detail["InvoiceSection"]
            known = errors.does_not_exist("Invoice Section", section) if section else errors.required("Invoice Section")
            raise RuleError(known)
        self._check_account(detail["Account"])
        if detail["Amount"] is None:
            raise RuleError(errors.required("Amount"))
        _check_tax_code(self._call, detail["TaxCode"])
        detail["PKey"] = detail["PKey"] or hashlib.sha256(f"{batch}|{number}".encode()).hexdigest()[:32]
        detail["Seq"] = detail["Seq"] or number
        return detail

    def _read(self, table: Table, sent: object) -> Row:
        return read_row(table, sent, database=self._state.world.database)

    def _set_key(self, row: Row, batch: str) -> None:
        if row["Batch"] not in {"", batch}:
            raise RuleError(errors.does_not_exist("Record", row["Batch"]))
        row["Batch"] = batch
        if not row["Invoice"]:
            raise RuleError(errors.required("Invoice"))
        if not row["WBS1"]:
            raise RuleError(errors.required("Project"))
        if self._switches.pad_invoice_numbers:
            row["Invoice"] = row["Invoice"].rjust(_PADDED_LENGTH, "0")
        row["WBS2"] = row["WBS2"] or BLANK_LEVEL
        row["WBS3"] = row["WBS3"] or BLANK_LEVEL

    def _check_project(self, master: Row) -> None:
        projects = self._state.world.projects
        wbs1, wbs2, wbs3 = project_key(master["WBS1"], master["WBS2"], master["WBS3"])
        levels = [("Project", wbs1, (wbs1, "", ""))]
        if wbs2 or wbs3:
            levels.append(("Phase", wbs2, (wbs1, wbs2, "")))
        if wbs3:
            levels.append(("Task", wbs3, (wbs1, wbs2, wbs3)))
        for label, value, key in levels:
            project = projects.get(key)
            if project is None:
                raise RuleError(errors.does_not_exist(label, value))
            if project.get("Status") != _ACTIVE:
                raise RuleError(errors.inactive(label, value))
        label, value, key = levels[-1]
        if projects[key].get("SubLevel") == "Y":
            below = "Phase" if label == "Project" else "Task"
            message = f"{errors.required(below)[:-1]} for {label} {value}."
            raise RuleError(message)

    def _check_account(self, number: str) -> None:
        if not number:
            raise RuleError(errors.required("Account"))
        account = self._state.world.accounts.get(number)
        if account is None:
            raise RuleError(errors.does_not_exist("Account", number))
        if account.get("Status") != _ACTIVE:
            raise RuleError(errors.inactive("Account", number))
        if str(account.get("Type", "")) not in self._switches.invoice_account_types:
            message = f"Account {number} is not mapped as a revenue or liability account."
            raise RuleError(message)

    def _currency(self) -> str:
        company = self._state.world.companies.get(self._session.company, {})
        return str(company.get("FunctionalCurrencyCode") or "USD")


def _name_of(table: str, number: int, sent: object) -> str:
    row = schema.as_object(sent) or {}
    names = ("Invoice", "WBS1", "WBS2", "WBS3", "PKey") if table == _DETAILS else ("Invoice", "WBS1", "WBS2", "WBS3")
    return f"{table} {number}: {'|'.join(str(row.get(name) or '').strip() for name in names)}"


def _invoice_key(row: Row) -> _InvoiceKey:
    return (row["Invoice"], row["WBS1"], row["WBS2"].strip(), row["WBS3"].strip())


def _check_tax_code(call: Call, code: str) -> None:
    if not code:
        return
    tax_codes = call.state.world.tax_codes
    # Tax codes were seen to be case-insensitive (section 11).
    found = tax_codes.get(code) or next((row for key, row in tax_codes.items() if fold(key) == fold(code)), None)
    if found is None:
        raise RuleError(errors.does_not_exist("Tax Code", code))
    if found.get("Status", _ACTIVE) != _ACTIVE:
        raise RuleError(errors.inactive("Tax Code", code))


def _file(call: Call) -> TransactionFile:
    file = call.state.files.get(call.path["batch"])
    if file is None:
        raise ApiError(_NOT_FOUND, errors.NOT_FOUND)
    return file


def _shown(table: Table, row: Row, extra: Callable[[str], Any]) -> Row:
    return {column.name: row[column.name] if column.name in row else extra(column.name) for column in table.columns}


def _master_row(call: Call, file: TransactionFile, master: Row) -> Row:
    switches, world = call.state.switches, call.state.world
    wbs1, wbs2, wbs3 = project_key(master["WBS1"], master["WBS2"], master["WBS3"])
    project = world.projects.get((wbs1, "", ""), {})
    phase = world.projects.get((wbs1, wbs2, ""), {}) if wbs2 else {}
    task = world.projects.get((wbs1, wbs2, wbs3), {}) if wbs3 else {}
    posted = file.posting is not None
    client = world.firms.get(str(project.get("BillingClientID") or project.get("ClientID") or ""), {})
    extra: Row = {
        "WBS1Name": project.get("Name", ""),
        "ClientName": client.get("Name", ""),
        "WBS2Level": project.get("SubLevel", "N"),
        "ChargeType": project.get("ChargeType", ""),
        "WBS2Name": phase.get("Name", ""),
        "WBS3Level": phase.get("SubLevel", "N"),
        "WBS3Name": task.get("Name", ""),
        "Org": (task or phase or project).get("Org", ""),
        "StatusDescription": "Posted" if posted else _STATUS_WORDS.get(master["Status"], ""),
    }
    table = schema.master_table(switches.longest_batch, switches.longest_invoice, switches.longest_comment)
    return _shown(table, {**master, "Posted": "Y" if posted else "N"}, lambda name: extra.get(name, ""))


def _detail_row(call: Call, detail: Row) -> Row:
    switches = call.state.switches
    account = call.state.world.accounts.get(detail["Account"], {})
    extra: Row = {
        "AccountName": account.get("Name", ""),
        "AccountCurrencyCode": account.get("AccountCurrencyCode", ""),
        "GlobalAccount": account.get("GlobalAccount", "N"),
        "AccountType": account.get("Type", ""),
    }
    table = schema.detail_table(switches.longest_batch, switches.longest_invoice)
    return _shown(table, detail, extra.__getitem__)


def _landing_row(call: Call, file: TransactionFile) -> Row:
    control, posting, switches = file.control, file.posting, call.state.switches
    period = control["Period"]
    total: Decimal = control["Total"]
    return {
        "TransType": "IN",
        "TransTypeDesc": "Invoices",
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
