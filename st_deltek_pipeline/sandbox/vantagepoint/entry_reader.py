"""From the body of a request to a transaction file, or the first thing that is wrong with it.

Order of checks: control, masters, details, tax rows. What is checked is in ``entry_rules``; where a file is kept, and
what is answered, is in ``entry``.
"""

import hashlib

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import errors, schema
from st_deltek_pipeline.sandbox.vantagepoint.calls import Call
from st_deltek_pipeline.sandbox.vantagepoint.entry_rules import (
    EntryContext,
    check_bank,
    check_liability,
    check_tax_code,
)
from st_deltek_pipeline.sandbox.vantagepoint.errors import RuleError
from st_deltek_pipeline.sandbox.vantagepoint.file_views import control_sums, tables_of
from st_deltek_pipeline.sandbox.vantagepoint.schema import Table, read_row
from st_deltek_pipeline.sandbox.vantagepoint.state import TransactionFile
from st_deltek_pipeline.sandbox.vantagepoint.transaction_types import TransactionType

_Key = tuple[str, ...]


class FileReader:
    """Reads one request for one type of transaction.

    Args:
        call: The request.
        kind: The type.
    """

    def __init__(self, call: Call, kind: TransactionType) -> None:
        self._call = call
        self._kind = kind
        self._state = call.state
        self._switches = call.state.switches
        self._session = call.state.session(call.user)
        self._moment = schema.write_moment(call.state.clock())
        self._tables = tables_of(kind, call.state)
        self._context = EntryContext(call, self._session.company)

    def read_file(self, body: Row) -> TransactionFile:
        """Read a whole file: control fields with the arrays of masters, details and tax rows.

        Raises:
            RuleError: The first rule that refuses it.
        """
        kind = self._kind
        children = {kind.master_name, kind.detail_name, kind.tax_name, kind.default_taxes_name}
        known = children if self._tables.tax is not None else {kind.master_name, kind.detail_name}
        control = self._control({name: value for name, value in body.items() if name not in known})
        self._check_default_taxes(body.get(kind.default_taxes_name))
        return self._read_rows(
            TransactionFile(control, [], [], transtype=kind.transtype),
            # One documented example of another kind shows a bare object for a list (section 12 item 6).
            schema.as_list(body.get(kind.master_name)),
            schema.as_list(body.get(kind.detail_name)),
            schema.as_list(body.get(kind.tax_name)) if self._tables.tax is not None else [],
        )

    def read_document(self, batch: str, key: _Key, body: Row, file: TransactionFile | None) -> TransactionFile:
        """Read one document: master fields with the arrays of its details and tax rows.

        Args:
            batch: From the path; the body may repeat it, and its lines may leave it out.
            key: The document's own key from the path, likewise.
            body: The request's body.
            file: The file that has this Batch already, if there is one.

        Returns:
            The file with the document in it; its control totals are made to agree.

        Raises:
            RuleError: The first rule that refuses it.
        """
        kind = self._kind
        named = dict(zip(("Batch", *kind.key), (batch, *key), strict=True))
        details: list[object] = schema.as_list(body.get(kind.detail_name))
        taxes: list[object] = schema.as_list(body.get(kind.tax_name))
        master = {name: value for name, value in body.items() if name not in {kind.detail_name, kind.tax_name}}
        for name, value in named.items():
            sent = str(master.get(name) or "").strip()
            if sent not in {"", value}:
                raise RuleError(errors.invalid_value(name, sent))
        # Before anything else, so that a repeated request always hears that its document exists.
        if file is not None and any(_key(row, kind.key) == key for row in file.masters):
            raise RuleError(errors.already_exists(batch, *key))
        if file is None:
            file = TransactionFile(self._control({"Batch": batch}), [], [], transtype=kind.transtype)
        self._context.control = file.control
        read = self._read_rows(file, [{**master, **named}], _named(details, named), _named(taxes, named))
        totals = {total.field: control_sums(kind, read)[total.sum_field] for total in kind.totals}
        read.control = {**read.control, **totals}
        return read

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

    def check_defaults(self, control: Row) -> None:
        """Check the codes a control row names for its documents."""
        check_tax_code(self._state, control.get("DefaultTaxCode", ""))
        check_bank(self._context, control.get("DefaultBank", ""))
        check_liability(self._context, control.get("DefaultLiab", ""))
        currency = control.get("DefaultCurrencyCode", "")
        if currency not in {"", self._context.currency()}:
            raise RuleError(errors.does_not_exist("Currency Code", currency))

    def _control(self, sent: Row) -> Row:
        control = self._read(self._tables.control, sent)
        batch = control["Batch"]
        if not batch:
            raise RuleError(errors.required("Batch"))
        if self._state.is_taken(self._kind.transtype, batch):
            raise RuleError(errors.already_exists(batch))
        self.check_session_fields(control)
        self.check_defaults(control)
        session = self._session
        if self._state.is_closed(session.period) and not self._switches.role_processes_closed_periods:
            raise RuleError(errors.period_closed(session.period))
        control.update(Posted="N", Period=session.period, Company=session.company)
        control["Creator"] = control["Creator"] or self._call.user
        self._context.control = control
        return control

    def _check_default_taxes(self, sent: object) -> None:
        for row in map(schema.as_object, schema.as_list(sent)):
            if row is None:
                raise RuleError(errors.invalid_value(self._kind.default_taxes_name, sent))
            check_tax_code(self._state, str(row.get("TaxCode") or ""))

    def _read_rows(
        self, file: TransactionFile, masters: list[object], details: list[object], taxes: list[object]
    ) -> TransactionFile:
        """Return a file with the rows that it had and the ones of the request."""
        kind = self._kind
        batch = file.batch
        names = kind.key
        known_masters: dict[_Key, Row] = {_key(row, names): row for row in file.masters}
        known_details: dict[_Key, Row] = {_key(row, (*names, "PKey")): row for row in file.details}
        new_masters: list[Row] = []
        for number, sent in enumerate(masters, start=len(file.masters) + 1):
            try:
                master = self._master(sent, batch, number)
                _add(known_masters, master, names)
            except RuleError as error:
                raise RuleError(error.message, self._name_of(kind.master_name, number, sent)) from None
            new_masters.append(master)
        for number, sent in enumerate(details, start=len(file.details) + 1):
            try:
                detail = self._detail(sent, batch, number)
                _require(known_masters, detail, names)
                _add(known_details, detail, (*names, "PKey"))
            except RuleError as error:
                raise RuleError(error.message, self._name_of(kind.detail_name, number, sent)) from None
        known_taxes: dict[_Key, Row] = {_key(row, (*names, "PKey", "TaxCode")): row for row in file.taxes}
        for number, sent in enumerate(taxes, start=len(file.taxes) + 1):
            try:
                self._add_tax(known_taxes, known_details, sent, batch, number)
            except RuleError as error:
                raise RuleError(error.message, self._name_of(kind.tax_name, number, sent)) from None
        rows = list(known_masters.values()), list(known_details.values()), list(known_taxes.values())
        self._give_numbers(new_masters, rows[1])
        return TransactionFile(file.control, rows[0], rows[1], transtype=kind.transtype, taxes=rows[2])

    def _master(self, sent: object, batch: str, number: int) -> Row:
        master = self._read(self._tables.master, sent)
        self._set_key(master, batch)
        for rule in self._kind.master_rules:
            rule(self._context, master)
        master["Posted"] = "N"
        master["Seq"] = master["Seq"] or number
        master["ModUser"] = master["ModUser"] or self._call.user
        master["ModDate"] = master["ModDate"] or self._moment
        return master

    def _detail(self, sent: object, batch: str, number: int) -> Row:
        detail = self._read(self._tables.detail, sent)
        self._set_key(detail, batch)
        for rule in self._kind.detail_rules:
            rule(self._context, detail)
        detail["PKey"] = detail["PKey"] or hashlib.sha256(f"{batch}|{number}".encode()).hexdigest()[:32]
        detail["Seq"] = detail["Seq"] or number
        return detail

    def _add_tax(self, taxes: dict[_Key, Row], details: dict[_Key, Row], sent: object, batch: str, number: int) -> None:
        if self._tables.tax is None:
            raise RuleError(errors.unknown_field(self._kind.tax_name))
        tax = self._read(self._tables.tax, sent)
        self._set_key(tax, batch)
        names = (*self._kind.key, "PKey")
        _require(details, tax, names)
        if not tax["TaxCode"]:
            raise RuleError(errors.required("Tax Code"))
        check_tax_code(self._state, tax["TaxCode"])
        tax["Seq"] = tax["Seq"] or number
        _add(taxes, tax, (*names, "TaxCode"))

    def _give_numbers(self, masters: list[Row], details: list[Row]) -> None:
        """Give the numbers that the system gives: vouchers', and receipts' where the bank numbers them."""
        switches, transtype = self._switches, self._kind.transtype
        if transtype == "AP" and switches.voucher_numbers == "automatic" and switches.voucher_numbered_at == "entry":
            for master, number in zip(masters, self._state.give_voucher_numbers(len(masters)), strict=True):
                master["Voucher"] = number
        if transtype == "CR" and switches.automatic_receipt_references:
            lines: dict[str, list[Row]] = {}
            for row in details:
                lines.setdefault(row["RefNo"], []).append(row)
            number = sum(len(known.masters) for known in self._state.files_of(transtype)) + 1
            for master in masters:
                for row in (master, *lines.get(master["RefNo"], ())):
                    row["RefNo"] = str(number).rjust(switches.voucher_digits, "0")
                number += 1

    def _read(self, table: Table, sent: object) -> Row:
        return read_row(table, sent, database=self._state.world.database)

    def _set_key(self, row: Row, batch: str) -> None:
        if row["Batch"] not in {"", batch}:
            raise RuleError(errors.does_not_exist("Record", row["Batch"]))
        row["Batch"] = batch
        self._kind.set_key(self._context, row)

    def _name_of(self, table: str, number: int, sent: object) -> str:
        row = schema.as_object(sent) or {}
        names = self._kind.key if table == self._kind.master_name else (*self._kind.key, "PKey")
        return f"{table} {number}: {'|'.join(str(row.get(name) or '').strip() for name in names)}"


def _key(row: Row, names: _Key) -> _Key:
    return tuple(row[name].strip() if name in {"WBS2", "WBS3"} else row[name] for name in names)


def _named(rows: list[object], key: Row) -> list[object]:
    """Return rows of a document with its key filled in where they leave it out."""
    named: list[object] = []
    for sent in rows:
        row = schema.as_object(sent)
        named.append(sent if row is None else {**key, **row})
    return named


def _require(rows: dict[_Key, Row], row: Row, names: _Key) -> None:
    key = _key(row, names)
    if key not in rows:
        raise RuleError(errors.does_not_exist("Record", "|".join((row["Batch"], *key))))


def _add(rows: dict[_Key, Row], row: Row, names: _Key) -> None:
    key = _key(row, names)
    if key in rows:
        raise RuleError(errors.already_exists(row["Batch"], *key))
    rows[key] = row
