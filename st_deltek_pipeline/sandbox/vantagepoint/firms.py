"""Reading and changing firms, their addresses, and vendors' accounting data (vantagepoint.md sections 2 and 3).

The quirks are observed ones: numbers the tenant gives by itself, required fields that every write checks again, a
null reference where a key is wrong. Where rows are kept is ``firm_register``.
"""

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
from st_deltek_pipeline.sandbox.vantagepoint.firm_register import FirmRegister, new_address_id
from st_deltek_pipeline.sandbox.vantagepoint.firm_tables import (
    ACCOUNTING_TABLE,
    FIRM_ALWAYS,
    address_table,
    firm_table,
)
from st_deltek_pipeline.sandbox.vantagepoint.schema import read_row

_BAD_REQUEST = 400
_NOT_FOUND = 404
_ADDRESSES, _ACCOUNTING = "CLAddress", "VEAccounting"
_LABELS = {"Category": "Vendor Type", "Type": "Relationship", "Org": "Organization"}
_STATUSES = frozenset({"A", "I", "D"})
_VENDOR_DIGITS = 6
_PRIMARY = {
    "Address1": "PrimaryAddress1",
    "Address2": "PrimaryAddress2",
    "Address3": "PrimaryAddress3",
    "Address4": "PrimaryAddress4",
    "City": "PrimaryCity",
    "State": "PrimaryState",
    "Zip": "PrimaryZip",
    "Country": "PrimaryCountry",
    "Phone": "PrimaryPhone",
    "FAX": "PrimaryFax",
    "Email": "PrimaryEmail",
}


def get_firms(call: Call) -> Answer:
    """GET firm."""
    return list_answer(call, [_shown(call, row) for row in call.state.world.firms.values()], "firm")


def get_firm(call: Call) -> Answer:
    """GET firm/{ClientID}."""
    row = call.state.world.firms.get(call.path["key"])
    return record_answer(call, None if row is None else _shown(call, row), "firm")


def create_firm(call: Call) -> Answer:
    """POST firm.

    Raises:
        ApiError: The role may not, or the body is not an object.
        RuleError: A value is refused; nothing is kept.
    """
    body = _writable_body(call)
    write = _FirmWrite(call)
    firm = write.new_firm({name: value for name, value in body.items() if name not in {_ADDRESSES, _ACCOUNTING}})
    addresses = write.changed_addresses(firm, [], body.get(_ADDRESSES))
    accounting = write.new_accounting(firm, body.get(_ACCOUNTING))
    write.keep(firm, addresses, accounting)
    shown = firm
    if not call.state.switches.created_firm_shows_numbers:
        shown = {name: "" if name in write.given else value for name, value in firm.items()}
    location = f"firm/{firm['ClientID']}"
    return written_answer(call, _shown(call, shown), "firm", status=CREATED, location=location)


def change_firm(call: Call) -> Answer:
    """PUT firm/{ClientID}: change the fields that are sent, and addresses and accounting data with them.

    Raises:
        ApiError: The role may not, there is no such firm, or the body is not an object.
        RuleError: A value is refused, or the firm lacks a required field; nothing is kept.
    """
    body = _writable_body(call)
    firm = _firm(call)
    write = _FirmWrite(call)
    sent = {name: value for name, value in body.items() if name not in {_ADDRESSES, _ACCOUNTING}}
    changed = write.changed_firm(firm, sent)
    addresses = write.changed_addresses(changed, call.state.firms.addresses(firm["ClientID"]), body.get(_ADDRESSES))
    accounting = write.changed_accounting(changed, body.get(_ACCOUNTING))
    write.keep(changed, addresses, accounting)
    return written_answer(call, _shown(call, changed), "firm")


def get_addresses(call: Call) -> Answer:
    """GET firm/{ClientID}/address."""
    return list_answer(call, call.state.firms.addresses(_firm(call)["ClientID"]), _ADDRESSES)


def create_address(call: Call) -> Answer:
    """POST firm/{ClientID}/address.

    Raises:
        ApiError: The role may not, there is no such firm, or the body is not an object.
        RuleError: A value is refused, or the firm has an address with this label.
    """
    body = _writable_body(call)
    firm = dict(_firm(call))
    write = _FirmWrite(call)
    rows = write.changed_addresses(firm, call.state.firms.addresses(firm["ClientID"]), [body], inserts=True)
    write.keep(firm, rows, [])
    new = (rows or [{}])[-1]
    return written_answer(call, new, _ADDRESSES, status=CREATED, location=f"firm/{firm['ClientID']}/address")


def get_accounting(call: Call) -> Answer:
    """GET firm/{ClientID}/vendorAccountingInfo: of every company that has any.

    Raises:
        ApiError: There is no such firm, or on some tenants no accounting data.
    """
    rows = call.state.firms.accounting_rows(str(_firm(call).get("Vendor") or ""))
    if not rows and call.state.switches.missing_vendor_accounting == "not_found":
        raise ApiError(_NOT_FOUND, errors.NOT_FOUND)
    return list_answer(call, rows, _ACCOUNTING)


def create_accounting(call: Call) -> Answer:
    """POST vision/firm/VendorAccountingInfo: by vendor code, once per company.

    Raises:
        ApiError: The role may not, or the body is not an object.
        RuleError: No such vendor or a row that exists (both a null reference), or a value is refused.
    """
    body = _writable_body(call)
    firms = call.state.firms
    code = str(body.get("Vendor") or "").strip()
    if firms.vendor(code) is None:
        raise RuleError(errors.NULL_REFERENCE)
    row = _FirmWrite(call).accounting_row(code, body)
    if firms.accounting(code, row["Company"]) is not None:
        raise RuleError(errors.NULL_REFERENCE)
    firms.keep_accounting(row)
    return written_answer(call, row, _ACCOUNTING, status=CREATED)


def _shown(call: Call, firm: Row) -> Row:
    """Return a firm with all of the tenant's own columns, also those that nothing was written to yet."""
    return {**dict.fromkeys(call.state.switches.custom_firm_fields, ""), **firm}


class _FirmWrite:
    """The checks of one write.

    Attributes:
        given: Columns whose value the system gave by itself.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._world = call.state.world
        self._switches = call.state.switches
        self._firms: FirmRegister = call.state.firms
        self._checks_required = call.query().parameters.get("requiredfieldvalidation", "Y").upper() != "N"
        self._moment = schema.write_moment(call.state.clock())
        self._custom = self._switches.custom_firm_fields
        self._table = firm_table(self._switches.longest_firm_name, self._custom)
        self.given: set[str] = set()

    def new_firm(self, body: Row) -> Row:
        sent = self._read(self._table, body)
        defaults = {column.name: column.default for column in self._table.kept if column.name in FIRM_ALWAYS}
        firm = {**defaults, **sent}
        firm["SortName"] = firm["SortName"] or " ".join(firm["Name"].split()).upper()[:40]
        firm["CreateDate"] = firm["ModDate"] = self._moment
        self._check_values(firm, sent, {})
        if firm["ClientID"] in self._world.firms:
            raise RuleError(errors.already_exists(firm["ClientID"]))
        firm["Client"] = self._number("Firm", "Client", sent.get("Client", ""), "")
        firm["Vendor"] = self._vendor_code(firm, sent, "")
        self._check_free(firm, "")
        firm["ClientID"] = firm["ClientID"] or self._firms.new_client_id()
        return firm

    def changed_firm(self, firm: Row, body: Row) -> Row:
        sent = self._read(self._table, body)
        if sent.get("ClientID", firm["ClientID"]) not in {"", firm["ClientID"]}:
            raise RuleError(errors.invalid_value("ClientID", sent["ClientID"]))
        changed = {**firm, **sent, "ClientID": firm["ClientID"], "ModDate": self._moment}
        changed["CreateDate"] = firm.get("CreateDate", "")
        self._check_values(changed, sent, firm)
        if "Client" in sent:
            changed["Client"] = self._number("Firm", "Client", sent["Client"], firm.get("Client", ""))
        changed["Vendor"] = self._vendor_code(changed, sent, str(firm.get("Vendor") or ""))
        self._check_free(changed, firm["ClientID"])
        return changed

    def changed_addresses(
        self, firm: Row, existing: list[Row], sent: object, *, inserts: bool = False
    ) -> list[Row] | None:
        """Return a firm's addresses with the sent ones in them, or ``None`` when none is sent."""
        wanted = schema.as_list(sent)
        if not wanted:
            return None
        rows = [dict(row) for row in existing]
        table = address_table(self._custom)
        for raw in wanted:
            values = self._read(table, raw)
            self._check_country(values.get("Country", ""))
            self._check_country(values.get("TaxCountryCode", ""))
            if values.get("ClientID", "") not in {"", firm["ClientID"]}:
                raise RuleError(errors.does_not_exist("Record", values["ClientID"]))
            key = "" if inserts else values.get("CLAddressID", "")
            if key:
                found = next((row for row in rows if row["CLAddressID"] == key), None)
                if found is None:
                    raise RuleError(errors.does_not_exist("Record", f"{firm['ClientID']}|{key}"))
            else:
                found = self._new_address(firm, rows, values)
                rows.append(found)
            address_id = found["CLAddressID"]
            found.update(values, ClientID=firm["ClientID"], CLAddressID=address_id)
            if values.get("PrimaryInd") == "Y":
                for row in rows:
                    row["PrimaryInd"] = "Y" if row is found else "N"
                firm.update({shown: found[name] for name, shown in _PRIMARY.items() if found[name] or shown in firm})
        return rows

    def new_accounting(self, firm: Row, sent: object) -> list[Row]:
        """Return the accounting data of a new vendor: what was sent, or what some tenants make by themselves."""
        rows = [self.accounting_row(firm["Vendor"], row) for row in schema.as_list(sent)]
        if rows and not firm["Vendor"]:
            raise RuleError(errors.NULL_REFERENCE)
        if not rows and firm["Vendor"] and self._switches.vendor_accounting_created_with_firm:
            rows = [self.accounting_row(firm["Vendor"], {"PayTerms": "Next"})]
        return rows

    def changed_accounting(self, firm: Row, sent: object) -> list[Row]:
        """Return the changed accounting data of a vendor; a row that is not there cannot be changed."""
        changed: list[Row] = []
        for raw in schema.as_list(sent):
            values = self._read_accounting(raw)
            company = values.get("Company", self._company())
            found = self._firms.accounting(str(firm.get("Vendor") or ""), company)
            if found is None or values.get("Vendor", found["Vendor"]) != found["Vendor"]:
                raise RuleError(errors.NULL_REFERENCE)
            changed.append({**found, **values})
        return changed

    def accounting_row(self, vendor: str, raw: object) -> Row:
        """Return a new row of accounting data, of the active company unless it names one."""
        values = self._read_accounting(raw)
        defaults = {column.name: column.default for column in ACCOUNTING_TABLE.kept}
        return {**defaults, **values, "Vendor": vendor, "Company": values.get("Company", self._company())}

    def keep(self, firm: Row, addresses: list[Row] | None, accounting: list[Row]) -> None:
        """Store what was checked."""
        self._firms.keep(firm)
        if addresses is not None:
            self._firms.keep_addresses(firm["ClientID"], addresses)
        for row in accounting:
            self._firms.keep_accounting(row)

    def _company(self) -> str:
        return self._call.state.session(self._call.user).company

    def _read(self, table: schema.Table, raw: object) -> Row:
        return read_row(table, raw, database=self._world.database, partial=True)

    def _read_accounting(self, raw: object) -> Row:
        values = self._read(ACCOUNTING_TABLE, raw)
        if "Company" in values:
            if not values["Company"]:
                raise RuleError(errors.NULL_COMPANY)
            if values["Company"] not in self._world.companies:
                raise RuleError(errors.does_not_exist("Company", values["Company"]))
        return values

    def _check_values(self, firm: Row, sent: Row, before: Row) -> None:
        if self._checks_required:
            # Sending back the blank that was read is no change.
            blanked = sent.get("Type") == "" and before.get("Type") != ""
            self._check_required(firm, blanked=blanked)
        if sent.get("Status", "A") not in _STATUSES:
            raise RuleError(errors.invalid_value("Status", sent["Status"]))
        org = sent.get("Org", "")
        if org and org not in self._world.organizations:
            raise RuleError(errors.does_not_exist("Organization", org))
        self._check_country(sent.get("PrimaryCountry", ""))
        currency = sent.get("CustomCurrencyCode", "")
        known = {str(row.get("FunctionalCurrencyCode") or "USD") for row in self._world.companies.values()}
        if currency and currency not in known:
            raise RuleError(errors.does_not_exist("Currency Code", currency))

    def _check_required(self, firm: Row, *, blanked: bool) -> None:
        if self._switches.blank_relationship_refused and blanked:
            raise RuleError(errors.provide(_LABELS["Type"], "Firm"))
        for name in self._switches.required_firm_fields:
            # A vendor type is asked of vendors only.
            asked = name != "Category" or firm.get("VendorInd") == "Y"
            if asked and not firm.get(name):
                raise RuleError(errors.provide(_LABELS.get(name, name), "Firm"))

    def _check_country(self, code: str) -> None:
        if code and code not in self._switches.country_codes:
            raise RuleError(errors.does_not_exist("Country Code", code))

    def _number(self, label: str, column: str, sent: str, current: str) -> str:
        """Return a firm or vendor number: the sent one, the one it has, or the next one."""
        firm = column == "Client"
        automatic = (self._switches.firm_numbers if firm else self._switches.vendor_numbers) == "automatic"
        if sent and not firm and sent.isascii() and sent.isdigit():
            sent = sent.rjust(_VENDOR_DIGITS, "0")
        if sent == current and current:
            return current
        if automatic and sent:
            raise RuleError(errors.automatic_number(label))
        if sent or current:
            return sent or current
        if not automatic:
            raise RuleError(errors.provide(f"{label} Number", "Firm"))
        self.given.add(column)
        if firm:
            return self._firms.next_client(self._switches.next_firm_number)
        return self._firms.next_vendor(self._switches.next_vendor_number)

    def _vendor_code(self, firm: Row, sent: Row, current: str) -> str:
        if firm.get("VendorInd") != "Y":
            return current
        return self._number("Vendor", "Vendor", sent.get("Vendor", ""), current)

    def _check_free(self, firm: Row, client_id: str) -> None:
        taken: list[tuple[str, str]] = []
        if firm["Client"] and self._firms.with_client(firm["Client"]) not in {"", client_id}:
            taken.append(("Firm", firm["Client"]))
        if firm["Vendor"] and self._firms.with_vendor(firm["Vendor"]) not in {"", client_id}:
            taken.append(("Vendor", firm["Vendor"]))
        if taken:
            raise RuleError(errors.numbers_exist(taken))

    def _new_address(self, firm: Row, rows: list[Row], values: Row) -> Row:
        label = values.get("Address", "")
        if not label:
            raise RuleError(errors.provide("Address", "CLAddress"))
        taken = any(fold(row["Address"]) == fold(label) for row in rows)
        if taken and self._switches.repeated_address == "refuse":
            raise RuleError(errors.already_exists(firm["ClientID"], label))
        known = {row["CLAddressID"] for row in rows}
        number = len(rows)
        while new_address_id(firm["ClientID"], number) in known:
            number += 1
        columns = address_table(()).kept
        return {
            **{each.name: each.default for each in columns},
            "CLAddressID": new_address_id(firm["ClientID"], number),
        }


def _writable_body(call: Call) -> Row:
    call.require(allowed=call.state.switches.role_may_change_firms)
    body = schema.as_object(call.json())
    if body is None:
        raise ApiError(_BAD_REQUEST, "The request body is not a JSON object.")
    return body


def _firm(call: Call) -> Row:
    firm = call.state.world.firms.get(call.path["key"])
    if firm is None:
        raise ApiError(_NOT_FOUND, errors.NOT_FOUND)
    return firm
