"""Transaction entry over HTTP, the same for every type: control, master and detail rows, and landing lists.

A file is accepted as a whole or not at all, and entered is not posted: ``posting`` does that. What a file must be is
in ``entry_reader`` and ``entry_rules``. Section numbers are those of vantagepoint.md.
"""

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
from st_deltek_pipeline.sandbox.vantagepoint.entry_reader import FileReader
from st_deltek_pipeline.sandbox.vantagepoint.errors import ApiError, RuleError
from st_deltek_pipeline.sandbox.vantagepoint.file_views import (
    control_row,
    detail_row,
    landing_row,
    master_row,
    tables_of,
    tax_row,
)
from st_deltek_pipeline.sandbox.vantagepoint.schema import read_row
from st_deltek_pipeline.sandbox.vantagepoint.state import TransactionFile
from st_deltek_pipeline.sandbox.vantagepoint.transaction_types import ENTERED_TYPES, TransactionType

_NOT_FOUND = 404
_BAD_REQUEST = 400


class EntryEndpoints:
    """The handlers of one type of transaction.

    Args:
        kind: The type.
    """

    def __init__(self, kind: TransactionType) -> None:
        self._kind = kind

    def create_file(self, call: Call) -> Answer:
        """POST xxControl: take in a whole file, or refuse it with the first thing that is wrong.

        Raises:
            ApiError: The role may not, or the body is not an object.
            RuleError: A rule refuses the file; nothing of it is kept.
        """
        kind, switches = self._kind, call.state.switches
        body = _writable_body(call)
        if not switches.use_files:
            message = f"Files are not used to group transactions. Use {kind.master_name} to create transactions."
            raise RuleError(message)
        file = FileReader(call, kind).read_file(body)
        call.state.keep_file(file)
        location = f"DataEntry/{kind.control_name}/{quote(file.batch)}"
        row = control_row(call, kind, file)
        return written_answer(call, row, kind.control_name, status=CREATED, location=location)

    def create_document(self, call: Call) -> Answer:
        """POST xxMaster/{Batch}|{key}: one document, in a database that does not use files (section 4).

        A Batch may get several documents one after the other; its control row is made with the first.

        Raises:
            ApiError: The role may not, or the body is not an object.
            RuleError: The database uses files, or a rule refuses the document.
        """
        kind, state = self._kind, call.state
        body = _writable_body(call)
        if state.switches.use_files:
            message = f"Files are used to group transactions. Use {kind.control_name} to create a transaction file."
            raise RuleError(message)
        batch, *parts = (part.strip() for part in call.path["batch"].split("|"))
        if len(parts) > len(kind.key):
            raise ApiError(_NOT_FOUND, errors.NOT_FOUND)
        key = (*parts, *[""] * (len(kind.key) - len(parts)))
        file = state.files.get((kind.transtype, batch))
        if file is not None and file.posting is not None:
            message = f"Record {batch} is posted and cannot be changed."
            raise RuleError(message)
        changed = FileReader(call, kind).read_document(batch, key, body, file)
        state.keep_file(changed)
        row = master_row(call, kind, changed, changed.masters[-1])
        named = "|".join((batch, *(row[name].strip() for name in kind.key)))
        location = f"DataEntry/{kind.master_name}/{quote(named)}"
        return written_answer(call, row, kind.master_name, status=CREATED, location=location)

    def change_control(self, call: Call) -> Answer:
        """PUT xxControl: change the fields that are sent.

        Raises:
            ApiError: The role may not, or there is no such file.
            RuleError: The file is posted, or a value is refused.
        """
        kind = self._kind
        call.require(allowed=call.state.switches.role_may_enter)
        file = self._file(call)
        if file.posting is not None:
            message = f"Record {file.batch} is posted and cannot be changed."
            raise RuleError(message)
        table = tables_of(kind, call.state).control
        changes = read_row(table, call.json(), database=call.state.world.database, partial=True)
        if changes.get("Batch", file.batch) != file.batch:
            raise RuleError(errors.invalid_value("Batch", changes["Batch"]))
        reader = FileReader(call, kind)
        reader.check_session_fields(changes)
        reader.check_defaults(changes)
        kept = {name: value for name, value in changes.items() if name not in {"Posted", "Period", "Company"}}
        control = {**file.control, **kept}
        changed = TransactionFile(control, file.masters, file.details, transtype=kind.transtype, taxes=file.taxes)
        call.state.keep_file(changed)
        return written_answer(call, control_row(call, kind, changed), kind.control_name)

    def delete_file(self, call: Call) -> Answer:
        """DELETE xxControl: only while the file is not posted.

        Raises:
            ApiError: The role may not, or there is no such file.
            RuleError: The file is posted.
        """
        call.require(allowed=call.state.switches.role_may_enter)
        file = self._file(call)
        if file.posting is not None:
            message = f"Record {file.batch} is posted and cannot be deleted."
            raise RuleError(message)
        call.state.drop_file(file.key)
        return Answer([])

    def get_control(self, call: Call) -> Answer:
        """GET xxControl/{Batch}."""
        return record_answer(call, control_row(call, self._kind, self._file(call)), self._kind.control_name)

    def get_masters(self, call: Call) -> Answer:
        """GET xxMaster/{Batch}, or of one document xxMaster/{Batch}|{key}."""
        kind = self._kind
        file = call.state.files.get((kind.transtype, call.path["batch"]))
        wanted: list[str] = []
        if file is None:
            batch, *wanted = call.path["batch"].split("|")
            file = call.state.files.get((kind.transtype, batch))
        if file is None:
            raise ApiError(_NOT_FOUND, errors.NOT_FOUND)
        names = kind.key[: len(wanted)]
        masters = [row for row in file.masters if [row[name].strip() for name in names] == wanted]
        if wanted and not masters:
            raise ApiError(_NOT_FOUND, errors.NOT_FOUND)
        rows = [master_row(call, kind, file, master) for master in masters]
        return list_answer(call, rows, kind.master_name, entry_or_ledger=True)

    def get_details(self, call: Call) -> Answer:
        """GET xxDetail/{Batch}."""
        file = self._file(call)
        rows = [detail_row(call, self._kind, file, detail) for detail in file.details]
        return list_answer(call, rows, self._kind.detail_name, entry_or_ledger=True)

    def get_taxes(self, call: Call) -> Answer:
        """GET xxDetailTax/{Batch}."""
        rows = [tax_row(call, self._kind, tax) for tax in self._file(call).taxes]
        return list_answer(call, rows, self._kind.tax_name, entry_or_ledger=True)

    def get_landing(self, call: Call) -> Answer:
        """GET xxLanding: every file of the type."""
        kind = self._kind
        files = call.state.files_of(kind.transtype)
        rows = [{**control_row(call, kind, file), **landing_row(call, kind, file)} for file in files]
        return list_answer(call, rows, f"{kind.prefix}Landing", entry_or_ledger=True)

    def _file(self, call: Call) -> TransactionFile:
        file = call.state.files.get((self._kind.transtype, call.path["batch"]))
        if file is None:
            raise ApiError(_NOT_FOUND, errors.NOT_FOUND)
        return file


def get_all_landing(call: Call) -> Answer:
    """GET allLanding: every file of every type that can be entered."""
    rows = [landing_row(call, kind, file) for kind in ENTERED_TYPES for file in call.state.files_of(kind.transtype)]
    rows += [
        {"TransType": each, "TransTypeDesc": each, "EntryAccess": "Y", "ListsAccess": "Y", "PostAccess": "Y"}
        for each in call.state.switches.role_other_types
    ]
    return list_answer(call, rows, "allLanding", entry_or_ledger=True)


def _writable_body(call: Call) -> Row:
    call.require(allowed=call.state.switches.role_may_enter)
    body = schema.as_object(call.json())
    if body is None:
        raise ApiError(_BAD_REQUEST, "The request body is not a JSON object.")
    return body
