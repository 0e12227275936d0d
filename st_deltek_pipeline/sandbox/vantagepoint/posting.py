"""PostTransFile: whether an entered file may be posted, and where it lands (vantagepoint.md sections 4.6 and 4.8).

The answer is the published almost-JSON, as a JSON string. A refusal is an answer too: retList says 0. The ledger's
rows are made in ``ledger_lines``.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from st_deltek_pipeline.sandbox.vantagepoint import errors, schema
from st_deltek_pipeline.sandbox.vantagepoint.calls import Answer, Call
from st_deltek_pipeline.sandbox.vantagepoint.errors import ApiError, RuleError
from st_deltek_pipeline.sandbox.vantagepoint.file_views import control_sums
from st_deltek_pipeline.sandbox.vantagepoint.ledger_lines import PostingMark, ledger_rows, receivables_account
from st_deltek_pipeline.sandbox.vantagepoint.schema import ZERO
from st_deltek_pipeline.sandbox.vantagepoint.state import Posting, TransactionFile
from st_deltek_pipeline.sandbox.vantagepoint.transaction_types import TYPES, OtherSide, TransactionType

_BAD_REQUEST = 400
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
        words = TYPES[self.transtype].words if self.transtype in TYPES else self.transtype
        return f"{words}, File: {self.batch}, {self.posted} of {self.records} records posted, {outcome}[CRLF]"


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
    file = state.files.get((transtype, batch))
    records = 0 if file is None else len(file.masters)
    try:
        kind, file = _checked(call, file, parms, period)
        sequence = post_file(call, kind, file, period)
    except RuleError as refusal:
        return _Result(transtype, batch, period, 0, 0, records, refusal.message)
    return _Result(transtype, batch, period, sequence, records, records)


def post_file(call: Call, kind: TransactionType, file: TransactionFile, period: int) -> int:
    """Put a file that may be posted into the ledger.

    Args:
        call: The request.
        kind: The file's type.
        file: As it was entered.
        period: Where it lands: the session's period, whatever the file says (section 4.8).

    Returns:
        The posting sequence.

    Raises:
        RuleError: A code has no account to post to; nothing is posted.
    """
    state = call.state
    now = state.clock()
    mark = PostingMark(period, call.ledger.next_sequence(period), schema.write_moment(now))
    numbered = file
    if kind.transtype == "AP" and not all(master["Voucher"] for master in file.masters):
        # Only after everything that can refuse the file, so that no number is lost.
        ledger_rows(call, kind, file, mark)
        numbers = iter(state.give_voucher_numbers(len(file.masters)))
        masters = [{**master, "Voucher": master["Voucher"] or next(numbers)} for master in file.masters]
        numbered = replace(file, masters=masters)
    rows = ledger_rows(call, kind, numbered, mark)
    posting = Posting(period, mark.sequence, mark.post_date, now, call.user, rows)
    done = replace(numbered, control={**file.control, "Period": period}, posting=posting)
    state.keep_file(done)
    call.ledger.add(done)
    return mark.sequence


def _checked(
    call: Call, file: TransactionFile | None, parms: dict[str, str], period: int
) -> tuple[TransactionType, TransactionFile]:
    state, switches = call.state, call.state.switches
    batch, transtype = parms.get("batch", ""), parms.get("transtype", "").upper()
    kind = TYPES.get(transtype)
    if kind is None:
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
    _check_contents(call, kind, file)
    return kind, file


def _check_contents(call: Call, kind: TransactionType, file: TransactionFile) -> None:
    switches = call.state.switches
    if not file.details:
        message = f"File {file.batch} has no transactions."
        raise RuleError(message)
    sums = control_sums(kind, file)
    differs = any(sums[total.difference] for total in kind.totals) and not switches.ignore_control_totals
    unbalanced = switches.unbalanced_journal_entries == "refuse" and _has_unbalanced_entry(kind, file)
    if differs or unbalanced:
        message = f"File {file.batch} is out of balance."
        raise RuleError(message)
    if kind.other_side is OtherSide.RECEIVABLES and not receivables_account(call.state.world.auto_posting, file):
        message = f"No accounts receivable account is set up for company {file.control['Company']}."
        raise RuleError(message)


def _has_unbalanced_entry(kind: TransactionType, file: TransactionFile) -> bool:
    """Say whether debits and credits of one of the documents differ; only types that list both sides can."""
    if kind.other_side is not OtherSide.NONE:
        return False
    sums: dict[tuple[str, ...], Decimal] = {}
    for row, amount in (
        *((detail, kind.line_amount(detail)) for detail in file.details),
        *((tax, kind.tax_amount(tax)) for tax in file.taxes),
    ):
        key = tuple(row[name] for name in kind.key)
        sums[key] = sums.get(key, ZERO) + amount
    return any(sums.values())


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
