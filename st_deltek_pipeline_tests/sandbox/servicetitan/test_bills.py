"""Vendor bills, AP credits, purchase orders and receipts (servicetitan.md sections 3.3 to 3.5)."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError
from st_deltek_pipeline.sandbox.state import Row, SqliteState
from st_deltek_pipeline_tests.sandbox.servicetitan.money_rows import ACCOUNT, money_world, new_order
from st_deltek_pipeline_tests.sandbox.servicetitan.published import check, needs_documents
from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import Tenant, served

STOCK, BILLS, FEED = "accounting/inventory-bills", "accounting/ap-bills", "accounting/export/inventory-bills"
ORDERS, RECEIPTS = "inventory/purchase-orders", "inventory/receipts"
EVERY = [STOCK, f"{STOCK}/paginated", BILLS, FEED, ORDERS, "inventory/export/purchase-orders", RECEIPTS]


def bought(tenant: Tenant, **fields: Any) -> tuple[int, int]:
    """Order goods, receive all of them, and return the ids of the order and the bill."""
    order = tenant.send("POST", ORDERS, new_order(41, 31, **fields)).json()["id"]
    receipt = tenant.twin.purchasing.receive_all(order, {"date": "2026-10-09"})
    return order, receipt["billId"]


def bill(tenant: Tenant, key: int) -> Row:
    return tenant.get(f"{BILLS}/{key}").json()


def stock_bill(tenant: Tenant, key: int) -> Row:
    return next(row for row in tenant.feed(FEED)["data"] if row["id"] == key)


def lines(row: Row) -> Decimal:
    items = sum((Decimal(item["quantity"]) * Decimal(item["cost"]) for item in row["items"]), start=Decimal(0))
    return items + sum(Decimal(row[name] or 0) for name in ("taxAmount", "shippingAmount", "otherAmount"))


@needs_documents
def test_a_received_order_makes_a_bill_in_every_list_and_the_feed(own_payer: Tenant) -> None:
    start = own_payer.feed(FEED)["continueFrom"]
    order, key = bought(own_payer, jobId=701)
    bare = check(own_payer.get(STOCK), "accounting", "inventory-bills")
    assert [row["id"] for row in bare] == own_payer.ids(f"{STOCK}/paginated") == own_payer.ids(BILLS) == [key]
    row = check(own_payer.get(f"{BILLS}/{key}"), "accounting", "ap-bills/{billId}")
    assert (row["billAmount"], row["taxAmount"], row["shippingAmount"]) == ("120.00", "8.00", "12.01")
    assert (row["purchaseOrderId"], row["vendorNumber"], row["jobNumber"]) == (order, "V-77", "701")
    assert (row["vendor"]["name"], row["syncStatus"], row["status"]) == ("Pipe Supply Co.", "Pending", "Unreconciled")
    assert [(item["skuCode"], item["quantity"], item["cost"]) for item in row["items"]] == [
        ("9101", "4.00", "2.50"), ("9102", "1.00", "89.99"),
    ]  # fmt: skip
    page = check(own_payer.get(FEED, f"?from={start}"), "accounting", "export/inventory-bills")
    assert [(each["id"], each["active"], lines(each)) for each in page["data"]] == [(key, True, Decimal("120.00"))]
    assert "active" not in bare[0]
    done = check(own_payer.get(f"{ORDERS}/{order}"), "inventory", "purchase-orders/{id}")
    assert (done["status"], done["total"], done["receivedOn"][:10]) == ("Received", 120, "2026-10-09")
    receipt = check(own_payer.get(RECEIPTS), "inventory", "receipts")["data"][0]
    assert (receipt["billId"], receipt["receiptAmount"]) == (key, 120)
    assert [item["receiptItemId"] for item in row["items"]] == [item["id"] for item in receipt["items"]]


def test_a_tenant_may_leave_bills_to_people_or_receive_orders_at_once() -> None:
    with served(money_world(), create_bill_on_receipt=False) as tenant:
        assert bought(tenant)[1] is None
        assert (tenant.get(STOCK).json(), tenant.ids(BILLS)) == ([], [])
    with served(money_world(), automatically_received_types=[71]) as tenant:
        order = tenant.send("POST", ORDERS, new_order(41, 31)).json()["id"]
        assert tenant.get(f"{ORDERS}/{order}").json()["status"] == "Received"
        assert len(tenant.ids(BILLS)) == 1


def test_a_tenant_may_make_bills_of_peoples_receipts_only() -> None:
    with served(money_world(), create_bill_on_api_receipt=False) as tenant:
        order = tenant.send("POST", ORDERS, new_order(41, 31)).json()["id"]
        item = {"skuId": 9101, "quantity": 1, "cost": 2.50}
        body = {"purchaseOrderId": order, "dateReceived": "2026-10-07", "tax": 0, "shipping": 0, "items": [item]}
        tenant.send("POST", RECEIPTS, body)
        assert tenant.ids(BILLS) == []
        tenant.twin.purchasing.receive_all(order, {})
        assert len(tenant.ids(BILLS)) == 1
        assert [row["billId"] is None for row in tenant.feed(RECEIPTS)["data"]] == [True, False]


@needs_documents
def test_an_order_received_in_parts_has_a_bill_for_each(own_payer: Tenant) -> None:
    order = own_payer.send("POST", ORDERS, new_order(41, 31)).json()["id"]
    body = {
        "purchaseOrderId": order, "dateReceived": "2026-10-07", "vendorDocumentNumber": "V-1", "tax": 0,
        "shipping": 0, "items": [{"skuId": 9101, "quantity": 3, "cost": 2.75}],
    }  # fmt: skip
    check(own_payer.send("POST", RECEIPTS, body), "inventory", "receipts", method="post")
    row = own_payer.get(f"{ORDERS}/{order}").json()
    assert (row["status"], [item["status"] for item in row["items"]]) == (
        "PartiallyReceived", ["PartiallyReceived", "Pending"],
    )  # fmt: skip
    for items in ([{"skuId": 9101, "quantity": 2, "cost": 1}], [{"skuId": 1, "quantity": 1, "cost": 1}], []):
        assert own_payer.send("POST", RECEIPTS, {**body, "items": items}).status_code == 400
    own_payer.twin.purchasing.receive_all(order, {"vendorDocumentNumber": "V-2"})
    found = [bill(own_payer, key) for key in own_payer.ids(BILLS, f"?purchaseOrderNumber={order}")]
    assert [(row["vendorNumber"], row["billAmount"]) for row in found] == [("V-1", "8.25"), ("V-2", "92.49")]
    assert [row["referenceNumber"] for row in found] == [f"{order}-001", f"{order}-002"]
    assert own_payer.send("POST", RECEIPTS, body).status_code == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"vendorId": 9},
        {"vendorId": 42},
        {"vendorId": "41"},
        {"businessUnitId": 9},
        {"jobId": 9},
        {"projectId": 9},
        {"items": []},
        {"items": [{"skuId": 1, "description": "x", "vendorPartNumber": "x", "quantity": 0, "cost": 1}]},
        {"items": [{"skuId": 1}]},
        {"tax": "1e400"},
        {"date": "soon"},
        {"shipTo": None},
    ],
)
@needs_documents
def test_an_order_that_makes_no_sense_is_refused(own_payer: Tenant, fields: dict[str, Any]) -> None:
    answer = own_payer.send("POST", ORDERS, new_order(41, 31, **fields))
    check(answer, "inventory", "purchase-orders", 400, "post")
    assert own_payer.ids(ORDERS) == []


@needs_documents
def test_an_order_is_canceled_until_goods_have_come(own_payer: Tenant) -> None:
    order = own_payer.send("POST", ORDERS, new_order(41, 31)).json()["id"]
    path = "purchase-orders/{id}/cancellation"
    assert own_payer.send("PATCH", f"{ORDERS}/{order}/cancellation", {"canceledReason": "Whim"}).status_code == 400
    answer = own_payer.send("PATCH", f"{ORDERS}/{order}/cancellation", {"canceledReason": "Duplicate"})
    assert check(answer, "inventory", path, method="patch") == {"id": order}
    assert own_payer.ids(ORDERS, "?status=Canceled") == [order]
    check(own_payer.send("PATCH", f"{ORDERS}/{order}/cancellation", {}), "inventory", path, 400, "patch")
    check(own_payer.send("PATCH", f"{ORDERS}/9/cancellation", {}), "inventory", path, 404, "patch")
    with pytest.raises(ApiError):
        own_payer.twin.purchasing.receive_all(order, {})


def test_a_canceled_bill_reopens_its_order_and_leaves_only_the_stock_list(own_payer: Tenant) -> None:
    order, key = bought(own_payer)
    token = own_payer.feed(FEED)["continueFrom"]
    own_payer.twin.bills.cancel(key)
    assert own_payer.get(STOCK).json() == []
    assert [(row["id"], row["active"]) for row in own_payer.feed(FEED, f"?from={token}")["data"]] == [(key, False)]
    assert (bill(own_payer, key)["status"], bill(own_payer, key)["dateCanceled"] is None) == ("Canceled", False)
    assert own_payer.ids(BILLS, "?statuses=Canceled") == own_payer.ids(BILLS) == [key]
    assert own_payer.ids(RECEIPTS) == []
    row = own_payer.get(f"{ORDERS}/{order}").json()
    assert (row["status"], [item["quantityReceived"] for item in row["items"]]) == ("Pending", [0, 0])
    with pytest.raises(ApiError):
        own_payer.twin.bills.cancel(key)
    own_payer.twin.set_switches({"list_canceled_inventory_bills": True})
    assert [row["id"] for row in own_payer.get(STOCK).json()] == [key]
    own_payer.twin.purchasing.receive_all(order, {})
    assert len(own_payer.ids(BILLS)) == 2


@needs_documents
def test_a_canceled_receipt_takes_its_bill_with_it(own_payer: Tenant) -> None:
    _, key = bought(own_payer)
    receipt = own_payer.ids(RECEIPTS)[0]
    path = "receipts/{id}/cancellation"
    answer = own_payer.send("PATCH", f"{RECEIPTS}/{receipt}/cancellation", {"canceledReason": "Accidental"})
    check(answer, "inventory", path, method="patch")
    assert bill(own_payer, key)["status"] == "Canceled"
    check(own_payer.send("PATCH", f"{RECEIPTS}/{receipt}/cancellation", {}), "inventory", path, 400, "patch")
    check(own_payer.send("PATCH", f"{RECEIPTS}/9/cancellation", {}), "inventory", path, 404, "patch")
    own_payer.twin.set_switches({"create_bill_on_receipt": False})
    order, none = bought(own_payer)
    assert none is None
    receipt = own_payer.ids(RECEIPTS)[0]
    assert own_payer.send("PATCH", f"{RECEIPTS}/{receipt}/cancellation", {}).status_code == 200
    assert own_payer.get(f"{ORDERS}/{order}").json()["status"] == "Pending"


@pytest.mark.parametrize(
    "fields",
    [
        {"billAmount": "150.00"},
        {"taxAmount": "0.00", "otherAmount": "3.33"},
        {"items": [{"description": "Pump", "quantity": "2", "cost": "44.995"}]},
        {"landedCostMethod": "ByValue"},
        {"billAmount": "0.00"},
    ],
)
def test_both_rows_of_a_bill_go_on_adding_up_after_an_edit(own_payer: Tenant, fields: dict[str, Any]) -> None:
    _, key = bought(own_payer)
    before = bill(own_payer, key)["modifiedOn"]
    own_payer.twin.bills.edit(key, fields)
    first, second = bill(own_payer, key), stock_bill(own_payer, key)
    for row in (first, second):
        assert lines(row) == Decimal(row["billAmount"])
        assert row["modifiedOn"] > before
    shared = set(second) & set(first) - {"items"}
    assert {name: first[name] for name in shared} == {name: second[name] for name in shared}
    assert first["vendorInvoiceTotal"] == first["billAmount"]


def test_costs_are_landed_on_the_items_by_value_to_the_cent(own_payer: Tenant) -> None:
    _, key = bought(own_payer)
    row = own_payer.twin.bills.edit(key, {"landedCostMethod": "ByValue", "otherAmount": "0.01"})
    for name, amount in (("allocatedTax", "8.00"), ("allocatedShipping", "12.01"), ("allocatedOtherCosts", "0.01")):
        assert sum(Decimal(item[name]) for item in row["items"]) == Decimal(amount)
    assert row["items"][0]["fullyLandedUnitCost"] == "3.00"


def test_a_user_changes_vendor_unit_job_dates_and_status(own_payer: Tenant) -> None:
    _, key = bought(own_payer)
    fields = {
        "vendorId": 42, "businessUnitId": 32, "jobId": 702, "billDate": "2026-11-02", "syncStatus": "Posted",
        "vendorNumber": "V-78", "doNotPay": True,
    }  # fmt: skip
    own_payer.twin.bills.edit(key, fields)
    for row in (bill(own_payer, key), stock_bill(own_payer, key)):
        assert (row["vendor"]["id"], row["businessUnit"]["id"], row["jobNumber"]) == (42, 32, "702")
        assert (row["billDate"][:10], row["syncStatus"], row["vendorNumber"]) == ("2026-11-02", "Posted", "V-78")
    own_payer.twin.bills.edit(key, {"vendorId": None, "jobId": None})
    assert stock_bill(own_payer, key)["vendor"] is None
    assert own_payer.twin.bills.unpost(key)["syncStatus"] == "Pending"


def test_a_verbatim_edit_writes_lines_that_do_not_add_up(own_payer: Tenant) -> None:
    _, key = bought(own_payer)
    own_payer.twin.bills.edit(key, {"billAmount": "99.999"}, verbatim=True)
    assert (bill(own_payer, key)["billAmount"], lines(bill(own_payer, key))) == ("99.999", Decimal("120.00"))


@pytest.mark.parametrize(
    "fields",
    [
        {"colour": "red"},
        {"id": 5},
        {"vendorId": 9},
        {"jobId": 9},
        {"jobId": [701]},
        {"billAmount": "much"},
        {"syncStatus": "Lost"},
        {"billDate": "soon"},
        {"items": "all"},
        {"items": [{"colour": "red"}]},
    ],
)
def test_an_edit_that_makes_no_sense_changes_nothing(own_payer: Tenant, fields: dict[str, Any]) -> None:
    _, key = bought(own_payer)
    before = own_payer.feed(FEED), bill(own_payer, key)
    with pytest.raises(ApiError):
        own_payer.twin.bills.edit(key, fields)
    assert (own_payer.feed(FEED), bill(own_payer, key)) == before
    with pytest.raises(ApiError):
        own_payer.twin.bills.edit(9, {"summary": "x"})


@needs_documents
def test_a_user_enters_bills_with_and_without_goods(own_payer: Tenant) -> None:
    items = [{"description": "Filter", "quantity": 3, "cost": "9.99", "costOfSaleAccount": ACCOUNT}]
    goods = own_payer.twin.bills.add(
        {"vendorId": 41, "date": "2026-10-05", "businessUnitId": 31, "taxAmount": "1.00", "items": items}
    )
    rent = own_payer.twin.bills.add(
        {"vendorId": 41, "expenseItems": [{"amount": "700.00", "description": "Rent", "generalLedgerAccount": ACCOUNT}]}
    )
    assert (goods["billAmount"], goods["syncStatus"], rent["billAmount"]) == ("30.97", "Posted", "700.00")
    assert [row["id"] for row in check(own_payer.get(STOCK), "accounting", "inventory-bills")] == [goods["id"]]
    check(own_payer.get(f"{BILLS}/{rent['id']}"), "accounting", "ap-bills/{billId}")
    assert own_payer.ids(BILLS) == [goods["id"]]
    assert own_payer.ids(BILLS, "?billType=ApBill") == [rent["id"]]
    assert own_payer.twin.bills.edit(rent["id"], {"billAmount": "710.00"})["expenseItems"][0]["amount"] == "710.00"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", True),
        ("?billNumber=-00", True),
        ("?billNumber=-9", False),
        ("?businessUnitIds=31", True),
        ("?jobNumber=70", True),
        ("?jobNumber=9", False),
        ("?purchaseOrderNumber=9", True),
        ("?purchaseOrderNumber=x", False),
        ("?purchaseOrderTypes=71,72", True),
        ("?purchaseOrderTypes=72", False),
        ("?syncStatuses=Pending", True),
        ("?syncStatuses=PostedAndExported", False),
        ("?minCost=120&maxCost=120", True),
        ("?minCost=120.01", False),
        ("?billType=Procurement", True),
        ("?billType=ApBill", False),
        ("?dateFrom=2020-01-01&dateTo=2099-01-01", True),
        ("?dateTo=2020-01-01", False),
        ("?dateReconciledBefore=2099-01-01", False),
        ("?modifiedOnOrAfter=2099-01-01", False),
        ("?sort=-Nothing", True),
        ("?ids=1,2", False),
    ],
)
@pytest.mark.parametrize("path", [f"{STOCK}/paginated", BILLS])
def test_a_bill_filter_keeps_what_it_says(bill_tenant: Tenant, path: str, query: str, *, found: bool) -> None:
    assert bool(bill_tenant.ids(path, query)) is found


@pytest.fixture(scope="module")
def bill_tenant(payer: Tenant) -> Tenant:
    bought(payer, jobId=701)
    return payer


def test_more_filters_of_the_newer_bills(bill_tenant: Tenant) -> None:
    assert len(bill_tenant.ids(BILLS, "?statuses=Unreconciled&sources=Purchasing")) == 1
    assert bill_tenant.ids(BILLS, "?statuses=Canceled&statuses=Reconciled") == []
    assert bill_tenant.ids(BILLS, "?threeWayMatchDiscrepancy=Discrepancy") == []
    assert bill_tenant.get(STOCK, "?threeWayMatchDiscrepancy=Discrepancy").status_code == 400
    assert bill_tenant.get(f"{BILLS}/9").status_code == 404


def test_the_bare_list_pages_too(bill_tenant: Tenant) -> None:
    assert len(bill_tenant.get(STOCK, "?pageSize=1").json()) == 1
    assert bill_tenant.get(STOCK, "?pageSize=1&page=2").json() == []
    assert bill_tenant.get(STOCK, "?pageSize=5001").status_code == 400


def test_filters_of_orders_and_receipts(bill_tenant: Tenant) -> None:
    order, receipt = bill_tenant.ids(ORDERS)[0], bill_tenant.ids(RECEIPTS)[0]
    for query in (
        "?status=Received", f"?number={order}", "?jobId=701", "?jobIds=700,701", "?dateOnOrAfter=2026-10-06",
        "?dateBefore=2026-10-07",
    ):  # fmt: skip
        assert bill_tenant.ids(ORDERS, query) == [order], query
    for query in ("?status=Sent", "?technicianId=1", "?projectId=1", "?sentBefore=2099-01-01"):
        assert bill_tenant.ids(ORDERS, query) == [], query
    for query in (
        f"?number={receipt}", "?vendorInvoiceNumber=v-77", "?vendorIds=41", f"?purchaseOrderIds={order}",
        "?syncStatuses=Pending,Posted", "?receivedOnOrAfter=2026-10-09", "?inventoryLocationIds=81",
    ):  # fmt: skip
        assert bill_tenant.ids(RECEIPTS, query) == [receipt], query
    for query in ("?billId=1", "?batchId=1", "?businessUnitIds=32", "?receivedBefore=2026-10-09", "?active=False"):
        assert bill_tenant.ids(RECEIPTS, query) == [], query
    assert bill_tenant.ids("inventory/vendors", "?ids=41&ids=42&active=Any") == [41, 42]


def test_the_landed_cost_method_may_arrive_as_a_number(own_payer: Tenant) -> None:
    _, key = bought(own_payer)
    own_payer.twin.set_switches({"landed_cost_method_as_number": True})
    for path in (STOCK, f"{STOCK}/paginated", FEED, RECEIPTS):
        assert '"landedCostMethod":0' in own_payer.get(path).text, path
    assert bill(own_payer, key)["landedCostMethod"] == "None"
    own_payer.twin.bills.edit(key, {"landedCostMethod": "ByValue", "summary": '"landedCostMethod":"None"'})
    row = own_payer.get(STOCK).json()[0]
    assert (row["landedCostMethod"], row["summary"]) == (1, '"landedCostMethod":"None"')


@needs_documents
@pytest.mark.parametrize(
    ("path", "body", "name"),
    [(STOCK, "inventoryBillIds", "inventoryBillId"), (BILLS, "billIds", "billId")],
)
def test_bills_are_marked_as_exported_one_by_one(own_payer: Tenant, path: str, body: str, name: str) -> None:
    keys = [bought(own_payer)[1], bought(own_payer)[1]]
    own_payer.twin.bills.edit(keys[0], {"syncStatus": "Posted"})
    answer = own_payer.send("POST", f"{path}/markasexported", {body: [*keys, 9]})
    module, _, resource = path.partition("/")
    results = check(answer, module, f"{resource}/markasexported", method="post")
    assert [(each[name], each["success"]) for each in results] == [(keys[0], True), (keys[1], False), (9, False)]
    for row in (bill(own_payer, keys[0]), stock_bill(own_payer, keys[0])):
        assert row["syncStatus"] == "Exported"
    assert own_payer.send("POST", f"{path}/markasexported", keys).status_code == 400
    assert own_payer.send("PATCH", f"{RECEIPTS}/{own_payer.ids(RECEIPTS)[0]}/cancellation", {}).status_code == 400


@needs_documents
def test_a_vendor_credits_a_bill(own_payer: Tenant) -> None:
    _, key = bought(own_payer)
    row = own_payer.twin.bills.credit(key, {"amount": "19.99", "date": "2026-10-19", "memo": "returned"})
    page = check(own_payer.get("accounting/ap-credits", "?syncStatuses=Posted"), "accounting", "ap-credits")
    assert [(each["id"], each["amount"]) for each in page["data"]] == [(row["id"], 19.99)]
    assert (row["vendor"]["id"], row["splits"][0]["inventoryBillId"]) == (41, key)
    answer = own_payer.send("POST", "accounting/ap-credits/markasexported", [{"apCreditId": row["id"]}])
    assert check(answer, "accounting", "ap-credits/markasexported", method="post")[0]["success"] is True
    for wanted in ({"colour": "red"}, {"syncStatus": "Lost"}, {"amount": None}):
        with pytest.raises(ApiError):
            own_payer.twin.bills.credit(key, wanted)
    answer = own_payer.send("POST", "accounting/ap-payments/markasexported", [{"apPaymentId": 1}])
    assert check(answer, "accounting", "ap-payments/markasexported", method="post")[0]["success"] is False


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("path", [STOCK, BILLS, f"{BILLS}/1", f"{STOCK}/1"])
def test_the_api_neither_makes_nor_changes_bills(payer: Tenant, method: str, path: str) -> None:
    assert payer.send(method, path, {}).status_code == 404


def test_a_user_makes_another_row_like_one_there_is(own_payer: Tenant) -> None:
    row = own_payer.twin.add_row("inventory/vendors", {"copyOf": 41, "name": "Valve World"})
    assert (row["id"], row["active"]) == (43, True)
    assert own_payer.get("inventory/vendors/43").json()["name"] == "Valve World"
    for path, fields in (("inventory/vendors", {"colour": 1}), ("no/such", {}), ("inventory/vendors", {"copyOf": "x"})):
        with pytest.raises(ApiError):
            own_payer.twin.add_row(path, fields)


def test_bills_orders_and_receipts_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    with served(money_world(), SqliteState(path)) as tenant:
        first, second = bought(tenant)[1], bought(tenant)[1]
        tenant.twin.bills.edit(first, {"billAmount": "5.00"})
        tenant.twin.bills.cancel(second)
        tenant.twin.bills.credit(first, {})
        before = [tenant.get(each).json() for each in (*EVERY, "accounting/ap-credits")]
    with served(money_world(), SqliteState(path)) as tenant:
        assert [tenant.get(each).json() for each in (*EVERY, "accounting/ap-credits")] == before
        assert bought(tenant)[1] == second + 1
