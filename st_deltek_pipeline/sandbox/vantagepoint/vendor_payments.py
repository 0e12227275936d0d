"""POST ledger/PP below the second root: paying vouchers that are posted (vantagepoint.md section 4.4).

Undocumented by Deltek and seen in the field only. One client needs no posting afterwards, another posts: a switch.
"""

import hashlib
from decimal import Decimal

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import errors, schema
from st_deltek_pipeline.sandbox.vantagepoint.calls import CREATED, Answer, Call, written_answer
from st_deltek_pipeline.sandbox.vantagepoint.entry_reader import FileReader
from st_deltek_pipeline.sandbox.vantagepoint.entry_rules import EntryContext, check_bank, vendor
from st_deltek_pipeline.sandbox.vantagepoint.entry_tables import amount, text, texts
from st_deltek_pipeline.sandbox.vantagepoint.errors import ApiError, RuleError
from st_deltek_pipeline.sandbox.vantagepoint.posting import post_file
from st_deltek_pipeline.sandbox.vantagepoint.schema import ZERO, Column, Kind, Table, read_row
from st_deltek_pipeline.sandbox.vantagepoint.state import BLANK_LEVEL, TransactionFile
from st_deltek_pipeline.sandbox.vantagepoint.transaction_types import RECEIPT, VENDOR_PAYMENT

_BAD_REQUEST = 400
_CHECKS = "APPPCHECKS"

_HEAD = Table(
    "PP",
    (
        text("TransType", 2, "PP"),
        Column("Period", Kind.INTEGER, default=None),
        Column("PaymentDate", Kind.DATE),
        Column("CheckDate", Kind.DATE),
        text("Company", 14),
        Column("PostSeq", Kind.IGNORED),
    ),
)
_LINE = Table(
    _CHECKS,
    (
        Column("Period", Kind.INTEGER, default=None),
        *texts(20, "Vendor", "Voucher", "Invoice"),
        Column("InvoiceDate", Kind.DATE),
        text("LiabCode", 10),
        *texts(30, "WBS1", "WBS2", "WBS3"),
        text("Account", 13),
        text("Org", 30),
        amount("Amount"),
        Column("Payment", Kind.AMOUNT, default=None),
        amount("PrevPay"),
        *texts(10, "PayTerms", "BankCode"),
        text("CheckNo", 12),
        Column("CheckDate", Kind.DATE),
        Column("Seq", Kind.INTEGER, default=0),
        text("Address", 20, "<Default>"),
        Column("Line", Kind.INTEGER, default=0),
    ),
)


def pay_vouchers(call: Call) -> Answer:
    """POST vision/ledger/PP: pay posted vouchers by check, liability against bank.

    Raises:
        ApiError: The role may not, or the body is not an object with checks.
        RuleError: A rule refuses one of the payments; none is kept.
    """
    state, switches = call.state, call.state.switches
    call.require(allowed=switches.role_may_enter)
    body = schema.as_object(call.json())
    checks = schema.as_list(body.get(_CHECKS)) if body is not None else []
    if body is None or not checks:
        raise ApiError(_BAD_REQUEST, errors.required(_CHECKS))
    database = state.world.database
    head = read_row(_HEAD, {name: value for name, value in body.items() if name != _CHECKS}, database=database)
    if head["TransType"] != VENDOR_PAYMENT.transtype:
        raise RuleError(errors.does_not_exist("Transaction Type", head["TransType"]))
    # Only the rules of period and company, which are the same for every type.
    FileReader(call, RECEIPT).check_session_fields(head)
    session = state.session(call.user)
    if state.is_closed(session.period) and not switches.role_processes_closed_periods:
        raise RuleError(errors.period_closed(session.period))
    context = EntryContext(call, session.company)
    number = len(state.files_of(VENDOR_PAYMENT.transtype)) + 1
    batch = hashlib.sha256(f"{database}|PP|{number}".encode()).hexdigest()[:32]
    file = _file(context, batch, head, [read_row(_LINE, each, database=database) for each in checks])
    file.control.update(Period=session.period, Company=session.company, Creator=call.user)
    sequence = 0
    if switches.vendor_payments_posted_at_once:
        sequence = post_file(call, VENDOR_PAYMENT, file, session.period)
    else:
        state.keep_file(file)
    answer = {**head, "Period": session.period, "Company": session.company, "PostSeq": sequence, "Batch": batch}
    return written_answer(call, answer, "PP", status=CREATED)


def _file(context: EntryContext, batch: str, head: Row, lines: list[Row]) -> TransactionFile:
    masters: dict[tuple[str, str], Row] = {}
    details: list[Row] = []
    for number, line in enumerate(lines, start=1):
        line["CheckDate"] = line["CheckDate"] or head["CheckDate"] or head["PaymentDate"]
        voucher = _posted_voucher(context, line)
        master = masters.setdefault(
            (line["CheckNo"], line["Voucher"]),
            {
                **{name: line[name] for name in ("CheckNo", "Voucher", "Vendor", "Invoice", "BankCode")},
                "TransDate": line["CheckDate"],
                "CurrencyCode": context.currency(),
            },
        )
        code = line["LiabCode"] or voucher["LiabCode"]
        liability = str(context.state.world.liability_codes.get(code, {}).get("Account") or "")
        if not liability:
            raise RuleError(errors.does_not_exist("Liability Code", code))
        details.append(
            {
                **dict.fromkeys(("WBS1", "WBS2", "WBS3"), BLANK_LEVEL),
                "CheckNo": master["CheckNo"],
                "Voucher": master["Voucher"],
                "PKey": hashlib.sha256(f"{batch}|{number}".encode()).hexdigest()[:32],
                "Account": liability,
                "Amount": line["Payment"],
                "Description": f"Voucher {line['Voucher']}",
            }
        )
    total: Decimal = sum((detail["Amount"] for detail in details), start=ZERO)
    control: Row = {"Batch": batch, "Total": total, "Description": "", "EndDate": "", "Recurring": "N"}
    return TransactionFile(control, list(masters.values()), details, transtype=VENDOR_PAYMENT.transtype)


def _posted_voucher(context: EntryContext, line: Row) -> Row:
    """Check a payment's line, and return the voucher that it pays."""
    for name, label in (("Voucher", "Voucher"), ("CheckNo", "Check Number"), ("BankCode", "Bank Code")):
        if not line[name]:
            raise RuleError(errors.required(label))
    if line["Payment"] is None:
        raise RuleError(errors.required("Payment"))
    if not line["CheckDate"]:
        raise RuleError(errors.required("Check Date"))
    vendor(context, line)
    check_bank(context, line["BankCode"])
    for file in context.state.files_of("AP"):
        for master in file.masters if file.posting is not None else ():
            if (master["Voucher"], master["Vendor"]) == (line["Voucher"], line["Vendor"]):
                return master
    raise RuleError(errors.does_not_exist("Voucher", line["Voucher"]))
