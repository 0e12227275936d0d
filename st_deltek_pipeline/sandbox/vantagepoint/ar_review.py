"""ARReview: what is owed per project and invoice, from the posted ledger (vantagepoint.md section 4.7).

The open item is WBS1 plus Invoice: a second posting of the same number on the same project is an adjustment of
it, so amounts add up (section 4.1). Receipts are not posted by this twin.
"""

from collections.abc import Iterator
from decimal import Decimal

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import errors
from st_deltek_pipeline.sandbox.vantagepoint.calls import Answer, Call
from st_deltek_pipeline.sandbox.vantagepoint.conventions import Query, fold, select
from st_deltek_pipeline.sandbox.vantagepoint.errors import ApiError
from st_deltek_pipeline.sandbox.vantagepoint.ledger import AUTO_ENTRY

_BAD_REQUEST = 400


def get_balances(call: Call) -> Answer:
    """GET ARReview/ARBalance: one row per project and invoice."""
    query = call.query()
    balances: dict[tuple[str, str], Row] = {}
    for row in _receivables(call, query):
        key = (row["WBS1"], row["Invoice"])
        found = balances.get(key)
        if found is None:
            project, client_id, client = _billing(call, row["WBS1"])
            found = balances[key] = {
                "WBS1": row["WBS1"],
                "WBS1Name": project.get("Name", ""),
                "Company": call.state.files[row["Batch"]].control["Company"],
                "Invoice": row["Invoice"],
                "InvoiceDate": row["TransDate"],
                "CreditMemoRefNo": "",
                "Balance": Decimal("0.00"),
                "OriginalAmt": Decimal("0.00"),
                "BillingClientID": client_id,
                "BillingClient": client,
            }
        found["Balance"] += row["Amount"]
        found["OriginalAmt"] += row["Amount"]
    return Answer(select(balances.values(), query, call.state.switches, "ARBalance"))


def get_balance_details(call: Call) -> Answer:
    """GET ARReview/ARBalanceDetail: per level and account, for a comma list of ``WBS1|Invoice``.

    Raises:
        ApiError: No list was given.
    """
    query = call.query()
    asked = query.parameters.get("arwbs1invoicekey", "")
    keys = {tuple(fold(part) for part in key.split("|")) for key in asked.split(",") if key.strip()}
    if not keys:
        raise ApiError(_BAD_REQUEST, errors.required("ARWBS1InvoiceKey"))
    found: dict[tuple[str, ...], Row] = {}
    for row in _receivables(call, query):
        if (fold(row["WBS1"]), fold(row["Invoice"])) not in keys:
            continue
        key = (row["WBS1"], row["WBS2"], row["WBS3"], row["Invoice"], row["Account"])
        if key not in found:
            found[key] = _detail(call, row)
        found[key]["InvoiceAmount"] += row["Amount"]
    return Answer(select(found.values(), query, call.state.switches, "ARBalanceDetail"))


def _detail(call: Call, row: Row) -> Row:
    project, client_id, client = _billing(call, row["WBS1"])
    projects = call.state.world.projects
    wbs1, wbs2, wbs3 = row["WBS1"], row["WBS2"].strip(), row["WBS3"].strip()
    return {
        "Invoice": row["Invoice"],
        "CreditMemoRefNo": "",
        "WBS1": wbs1,
        "WBS2": row["WBS2"],
        "WBS3": row["WBS3"],
        "Account": row["Account"],
        "WBS1Name": project.get("Name", ""),
        "WBS2Name": projects.get((wbs1, wbs2, ""), {}).get("Name", "") if wbs2 else "",
        "WBS3Name": projects.get((wbs1, wbs2, wbs3), {}).get("Name", "") if wbs3 else "",
        "BillClientID": client_id,
        "BillClient": client,
        "BillingGroupWBS1": "",
        "BillingGroupName": "",
        "InvoiceAmount": Decimal("0.00"),
    }


def _receivables(call: Call, query: Query) -> Iterator[Row]:
    lag = call.state.switches.ledger_lag_seconds
    rows = call.ledger.visible_rows(query, now=call.state.clock(), lag_seconds=lag)
    return (row for row in rows if row["AutoEntry"] == AUTO_ENTRY)


def _billing(call: Call, wbs1: str) -> tuple[Row, str, str]:
    """Return the project and its billing client: of WBS1, whatever level was posted to (section 4.1)."""
    world = call.state.world
    project = world.projects.get((wbs1, "", ""), {})
    client_id = str(project.get("BillingClientID") or project.get("ClientID") or "")
    return project, client_id, str(world.firms.get(client_id, {}).get("Name", ""))
