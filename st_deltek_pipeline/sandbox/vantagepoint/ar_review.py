"""ARReview: what is owed per project and invoice, from the posted ledger (vantagepoint.md section 4.7).

The open item is WBS1 plus Invoice: a second posting of the same number on the same project is an adjustment of
it, so amounts add up (section 4.1), and receipts that name it take away (section 4.2).
"""

from collections.abc import Iterator
from decimal import Decimal

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import errors
from st_deltek_pipeline.sandbox.vantagepoint.calls import Answer, Call
from st_deltek_pipeline.sandbox.vantagepoint.conventions import Filter, Query, fold, select
from st_deltek_pipeline.sandbox.vantagepoint.errors import ApiError
from st_deltek_pipeline.sandbox.vantagepoint.ledger import RECEIPT, RETAINER, is_receivable
from st_deltek_pipeline.sandbox.vantagepoint.schema import ZERO
from st_deltek_pipeline.sandbox.vantagepoint.state import INVOICES

_BAD_REQUEST = 400
_RECEIPTS = "CR"


def get_balances(call: Call) -> Answer:
    """GET ARReview/ARBalance: one row per project and invoice; money on account is a blank invoice's."""
    query = call.query()
    balances: dict[tuple[str, str], Row] = {}
    shows_on_account = call.state.switches.on_account_in_ar_balance
    for row in _receivables(call, query, INVOICES, _RECEIPTS):
        if not row["Invoice"] and not shows_on_account:
            continue
        key = (row["WBS1"], fold(row["Invoice"]))
        found = balances.get(key)
        if found is None:
            found = balances[key] = _balance(call, row)
        found["Balance"] += row["Amount"]
        if row["TransType"] == INVOICES:
            found["OriginalAmt"] += row["Amount"]
            found["InvoiceDate"] = found["InvoiceDate"] or row["TransDate"]
    return Answer(select(balances.values(), query, call.state.switches, "ARBalance"))


def get_balance_details(call: Call) -> Answer:
    """GET ARReview/ARBalanceDetail: what was invoiced per level and account, for a comma list of ``WBS1|Invoice``.

    Raises:
        ApiError: No list was given.
    """
    query = call.query()
    found: dict[tuple[str, ...], Row] = {}
    for row in _asked_for(call, query, INVOICES):
        key = (row["WBS1"], row["WBS2"], row["WBS3"], row["Invoice"], row["Account"])
        if key not in found:
            found[key] = _detail(call, row)
        found[key]["InvoiceAmount"] += row["Amount"]
    return Answer(select(found.values(), query, call.state.switches, "ARBalanceDetail"))


def get_receipt_details(call: Call) -> Answer:
    """GET ARReview/ARBalanceDetailCR: what was received, for a comma list of ``WBS1|Invoice``.

    Raises:
        ApiError: No list was given.
    """
    query = call.query()
    sign = -1 if call.state.switches.receipt_review_sign == "positive" else 1
    found = [_receipt(call, row, sign * row["Amount"]) for row in _asked_for(call, query, _RECEIPTS)]
    return Answer(select(found, query, call.state.switches, "ARBalanceDetailCR"))


def _balance(call: Call, row: Row) -> Row:
    project, client_id, client = _billing(call, row["WBS1"])
    return {
        "WBS1": row["WBS1"],
        "WBS1Name": project.get("Name", ""),
        "Company": call.state.files[row["TransType"], row["Batch"]].control["Company"],
        "Invoice": row["Invoice"],
        "InvoiceDate": "",
        "CreditMemoRefNo": "",
        "Balance": Decimal("0.00"),
        "OriginalAmt": Decimal("0.00"),
        "BillingClientID": client_id,
        "BillingClient": client,
    }


def _receipt(call: Call, row: Row, amount: Decimal) -> Row:
    names = _level_names(call, row)
    retainer = row["SubType"] == RETAINER
    return {
        "WBS1": row["WBS1"],
        "WBS2": row["WBS2"],
        "WBS3": row["WBS3"],
        "Invoice": row["Invoice"],
        "CashReceiptDate": row["TransDate"],
        "Account": row["Account"],
        "TransType": row["TransType"],
        "SubType": RECEIPT,
        "InvoiceSection": row["InvoiceSection"],
        "Amount": ZERO if retainer else amount,
        "RetainerAmount": amount if retainer else ZERO,
        "WBS1Name": names[0],
        "WBS2Name": names[1],
        "WBS3Name": names[2],
    }


def _detail(call: Call, row: Row) -> Row:
    _, client_id, client = _billing(call, row["WBS1"])
    names = _level_names(call, row)
    return {
        "Invoice": row["Invoice"],
        "CreditMemoRefNo": "",
        "WBS1": row["WBS1"],
        "WBS2": row["WBS2"],
        "WBS3": row["WBS3"],
        "Account": row["Account"],
        "WBS1Name": names[0],
        "WBS2Name": names[1],
        "WBS3Name": names[2],
        "BillClientID": client_id,
        "BillClient": client,
        "BillingGroupWBS1": "",
        "BillingGroupName": "",
        "InvoiceAmount": Decimal("0.00"),
    }


def _level_names(call: Call, row: Row) -> tuple[str, str, str]:
    projects = call.state.world.projects
    wbs1, wbs2, wbs3 = row["WBS1"], row["WBS2"].strip(), row["WBS3"].strip()
    return (
        str(projects.get((wbs1, "", ""), {}).get("Name", "")),
        str(projects.get((wbs1, wbs2, ""), {}).get("Name", "")) if wbs2 else "",
        str(projects.get((wbs1, wbs2, wbs3), {}).get("Name", "")) if wbs3 else "",
    )


def _asked_for(call: Call, query: Query, transtype: str) -> Iterator[Row]:
    asked = query.parameters.get("arwbs1invoicekey", "")
    keys = {tuple(fold(part) for part in key.split("|")) for key in asked.split(",") if key.strip()}
    if not keys:
        raise ApiError(_BAD_REQUEST, errors.required("ARWBS1InvoiceKey"))
    invoices = ",".join(sorted({key[-1] for key in keys}))
    rows = _receivables(call, Query(filters=(Filter("Invoice", "in", invoices),)), transtype)
    return (row for row in rows if (fold(row["WBS1"]), fold(row["Invoice"])) in keys)


def _receivables(call: Call, query: Query, *transtypes: str) -> Iterator[Row]:
    lag = call.state.switches.ledger_lag_seconds
    for transtype in transtypes:
        rows = call.ledger.visible_rows(query, now=call.state.clock(), lag_seconds=lag, transtype=transtype)
        yield from (row for row in rows if is_receivable(row))


def _billing(call: Call, wbs1: str) -> tuple[Row, str, str]:
    """Return the project and its billing client: of WBS1, whatever level was posted to (section 4.1)."""
    world = call.state.world
    project = world.projects.get((wbs1, "", ""), {})
    client_id = str(project.get("BillingClientID") or project.get("ClientID") or "")
    return project, client_id, str(world.firms.get(client_id, {}).get("Name", ""))
