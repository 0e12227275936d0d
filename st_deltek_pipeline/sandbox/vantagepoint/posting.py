"""PostTransFile: from an entered file to ledger rows (vantagepoint.md sections 4.6 and 4.7).

The answer is the published almost-JSON, as a JSON string. A refusal is an answer too: retList says 0.
"""

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import errors, schema
from st_deltek_pipeline.sandbox.vantagepoint.calls import Answer, Call
from st_deltek_pipeline.sandbox.vantagepoint.entry import control_row
from st_deltek_pipeline.sandbox.vantagepoint.errors import ApiError, RuleError
from st_deltek_pipeline.sandbox.vantagepoint.ledger import AUTO_ENTRY
from st_deltek_pipeline.sandbox.vantagepoint.schema import ZERO
from st_deltek_pipeline.sandbox.vantagepoint.state import Posting, TransactionFile, project_key

_BAD_REQUEST = 400
_TRANSTYPE = "IN"
_KIND_WORD = "Invoices"
_RETAINAGE, _INTEREST = "R", "I"
_PARAMETERS = frozenset({"batch", "clientcompany", "description", "period", "transtype"})


@dataclass(frozen=True)
class _Result:
    """What became of one of the files; sequence 0 means not posted."""

    transtype: str
    batch: str
    period: int
    sequence: int
    posted: int
    records: int
    reason: str = ""

    def line(self) -> str:
        outcome = f"Posting Sequence: {self.sequence}" if self.sequence else self.reason
        kind = _KIND_WORD if self.transtype == _TRANSTYPE else self.transtype
        return f"{kind}, File: {self.batch}, {self.posted} of {self.records} records posted, {outcome}[CRLF]"


def post_files(call: Call) -> Answer:
    """PUT PostTransFile.

    Raises:
        ApiError: The role may not, or the body has no usable ``parms``.
        RuleError: An unknown member in ``parms``.
    """
    call.require(allowed=call.state.switches.role_may_post)
    body = schema.as_object(call.json()) or {}
    parms = schema.as_list(body.get("parms"))
    if not parms:
        raise ApiError(_BAD_REQUEST, errors.required("parms"))
    results = [_post(call, _parameters(each)) for each in parms]
    return Answer(_almost_json(results))


def _parameters(sent: object) -> dict[str, str]:
    values = schema.as_object(sent)
    if values is None:
        raise ApiError(_BAD_REQUEST, errors.required("parms"))
    for name in values:
        if name not in _PARAMETERS:
            raise RuleError(errors.unknown_field(name))
    return {name: "" if value is None else str(value).strip() for name, value in values.items()}


def _post(call: Call, parms: dict[str, str]) -> _Result:
    state = call.state
    batch, transtype = parms.get("batch", ""), parms.get("transtype", "").upper()
    period = state.session(call.user).period
    file = state.files.get(batch) if transtype == _TRANSTYPE else None
    records = 0 if file is None else len(file.masters)
    try:
        posted = _checked(call, file, parms, period)
    except RuleError as refusal:
        return _Result(transtype, batch, period, 0, 0, records, refusal.message)
    now = state.clock()
    post_date = schema.write_moment(now)
    sequence = call.ledger.next_sequence(period)
    rows = _ledger_rows(call, posted, period, sequence, post_date)
    posting = Posting(period, sequence, post_date, now, call.user, rows)
    done = TransactionFile({**posted.control, "Period": period}, posted.masters, posted.details, posting)
    state.keep_file(done)
    call.ledger.add(done)
    return _Result(transtype, batch, period, sequence, records, records)


def _checked(call: Call, file: TransactionFile | None, parms: dict[str, str], period: int) -> TransactionFile:
    state, switches = call.state, call.state.switches
    batch, transtype = parms.get("batch", ""), parms.get("transtype", "").upper()
    if transtype != _TRANSTYPE:
        raise RuleError(errors.does_not_exist("Transaction Type", transtype))
    if file is None:
        raise RuleError(errors.does_not_exist("File", batch))
    if file.posting is not None:
        message = f"File {batch} is already posted."
        raise RuleError(message)
    asked = parms.get("period", "")
    if switches.period_mismatch == "refuse" and asked not in {"", str(period)}:
        raise RuleError(errors.period_not_active(asked, period))
    company = parms.get("clientcompany", "")
    active = state.session(call.user).company
    if switches.company_mismatch == "refuse" and company not in {"", active}:
        raise RuleError(errors.company_not_active(company, active))
    if state.is_closed(period) and not switches.role_processes_closed_periods:
        raise RuleError(errors.period_closed(period))
    if not file.details:
        message = f"File {batch} has no transactions."
        raise RuleError(message)
    control = control_row(file)
    if not switches.ignore_control_totals and (control["DiffTotal"] or control["DiffRetTotal"]):
        message = f"File {batch} is out of balance."
        raise RuleError(message)
    if not _receivables_account(call, file):
        message = f"No accounts receivable account is set up for company {file.control['Company']}."
        raise RuleError(message)
    return file


def _receivables_account(call: Call, file: TransactionFile) -> str:
    row = call.state.world.auto_posting.get(file.control["Company"], {})
    return str(row.get("AcctsReceivable") or "")


def _ledger_rows(call: Call, file: TransactionFile, period: int, sequence: int, post_date: str) -> list[Row]:
    """Make the rows of a file: its lines with the sign turned, and what each invoice adds to the receivables."""
    receivables = _receivables_account(call, file)
    lines: dict[tuple[str, str, str, str], list[Row]] = {}
    for detail in file.details:
        lines.setdefault((detail["Invoice"], detail["WBS1"], detail["WBS2"], detail["WBS3"]), []).append(detail)
    rows: list[Row] = []
    for master in file.masters:
        key = (master["Invoice"], master["WBS1"], master["WBS2"], master["WBS3"])
        details = lines.get(key, [])
        if not details:
            continue
        project = call.state.world.projects.get(project_key(*key[1:]), {})
        common: Row = {
            "Batch": file.batch,
            "Period": period,
            "PostSeq": sequence,
            "WBS1": master["WBS1"],
            "WBS2": master["WBS2"],
            "WBS3": master["WBS3"],
            "Org": project.get("Org", ""),
            "RefNo": master["Invoice"],
            "TransDate": master["TransDate"],
            "Desc1": master["TransComment"],
            "Invoice": master["Invoice"],
            "TransactionCurrencyCode": master["CurrencyCode"],
            "PostDate": post_date,
        }
        rows.extend(_row(common, detail, -detail["Amount"], line) for line, detail in enumerate(details, start=1))
        retained = sum((detail["RetAmount"] for detail in details), start=ZERO)
        owed = sum((detail["Amount"] for detail in details), start=ZERO) - retained
        rows.append(_receivable(common, receivables, owed, len(details) + 1, ""))
        if retained:
            rows.append(_receivable(common, receivables, retained, len(details) + 2, _RETAINAGE))
    return rows


def _receivable(common: Row, account: str, amount: Decimal, line: int, subtype: str) -> Row:
    parts = (common["Batch"], common["Invoice"], common["WBS1"], common["WBS2"], common["WBS3"], str(line))
    detail: Row = {
        "PKey": hashlib.sha256("|".join(parts).encode()).hexdigest()[:32],
        "Account": account,
        "TaxCode": "",
        "TaxBasis": ZERO,
        "InvoiceSection": "",
        "CreditMemoRefNo": "",
    }
    return {**_row(common, detail, amount, line), "SubType": subtype, "AutoEntry": AUTO_ENTRY}


def _row(common: Row, detail: Row, amount: Decimal, line: int) -> Row:
    amount += ZERO  # turns -0.00 into 0.00
    return {
        "Batch": common["Batch"],
        "Period": common["Period"],
        "PostSeq": common["PostSeq"],
        "PKey": detail["PKey"],
        "WBS1": common["WBS1"],
        "WBS2": common["WBS2"],
        "WBS3": common["WBS3"],
        "Account": detail["Account"],
        "Org": common["Org"],
        "TransType": _TRANSTYPE,
        "SubType": _INTEREST if detail["InvoiceSection"] == _INTEREST else "",
        "RefNo": common["RefNo"],
        "TransDate": common["TransDate"],
        "Desc1": common["Desc1"],
        "Desc2": "",
        "Amount": amount,
        "CBAmount": ZERO,
        "AutoEntry": "N",
        "BankCode": "",
        "Invoice": common["Invoice"],
        "InvoiceSection": detail["InvoiceSection"],
        "Vendor": "",
        "Line": line,
        "Voucher": "",
        "TaxCode": detail["TaxCode"],
        "TaxBasis": detail["TaxBasis"],
        "TransactionAmount": amount,
        "TransactionCurrencyCode": common["TransactionCurrencyCode"],
        "AmountProjectCurrency": amount,
        "AmountBillingCurrency": amount,
        "LinkCompany": "",
        "CreditMemoRefNo": detail["CreditMemoRefNo"],
        "PostDate": common["PostDate"],
    }


def _almost_json(results: list[_Result]) -> str:
    def joined(values: list[str]) -> str:
        return "|".join(values)

    # The comma after typeList is missing in the published answer too (section 4.6).
    return (
        f'{{"typeList":"{joined([each.transtype for each in results])}"'
        f'"batchList":"{joined([each.batch for each in results])}",'
        f'"retList":"{joined(["1" if each.sequence else "0" for each in results])}",'
        f'"periodList":"{joined([str(each.period) for each in results])}",'
        f'"postseqList":"{joined([str(each.sequence) for each in results])}",'
        f'"msg":"{"".join(each.line() for each in results)}"}}'
    )
