"""Telling ServiceTitan what was exported: every call, what it leaves behind, and what a tenant may refuse."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from st_deltek_pipeline_tests.sandbox.servicetitan.money_rows import new_order
from st_deltek_pipeline_tests.sandbox.servicetitan.published import check, needs_documents
from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import Tenant

PAYMENTS, DEPOSITS = "accounting/payments", "accounting/bank-deposits"


@dataclass(frozen=True)
class Marking:
    """A call that answers row by row: its resource, its body for some ids, the name of the id in the answer."""

    resource: str
    body: Callable[[list[int]], Any]
    name: str
    keeps_our_reference: bool = False


def _entries(name: str, **more: str) -> Callable[[list[int]], Any]:
    return lambda keys: [{name: key, **more} for key in keys]


MARKINGS = [
    Marking(
        "invoices",
        _entries("invoiceId", externalId="B1|1", externalMessage="posted"),
        "invoiceId",
        keeps_our_reference=True,
    ),
    Marking("credit-memos", _entries("creditMemoId", externalId="B1|1"), "creditMemoId", keeps_our_reference=True),
    Marking("ap-credits", _entries("apCreditId"), "apCreditId"),
    Marking("inventory-bills", lambda keys: {"inventoryBillIds": keys}, "inventoryBillId"),
    Marking("ap-bills", lambda keys: {"billIds": keys}, "billId"),
]


def _documents(tenant: Tenant, resource: str) -> list[int]:
    """Return two posted documents of a resource."""
    if resource == "invoices":
        return [1, 2]
    if resource == "credit-memos":
        return [301, tenant.twin.credit_memos.add({"invoiceId": 1, "total": "5.00"})["id"]]
    order = tenant.send("POST", "inventory/purchase-orders", new_order(41, 31)).json()["id"]
    first: int = tenant.twin.purchasing.receive_all(order, {})["billId"]
    bills = [first, tenant.twin.bills.add({"items": [{"cost": "7.00"}], "vendorId": 41})["id"]]
    for key in bills:
        tenant.twin.bills.edit(key, {"syncStatus": "Posted"})
    return bills if resource != "ap-credits" else [tenant.twin.bills.credit(key, {})["id"] for key in bills]


def _rows(tenant: Tenant, resource: str, keys: list[int]) -> list[dict[str, Any]]:
    table = tenant.twin.tables[f"accounting/{resource}"].rows
    return [dict(table[key]) for key in keys]


@needs_documents
@pytest.mark.parametrize("marking", MARKINGS, ids=lambda each: each.resource)
def test_a_mark_sets_the_status_and_the_time_of_change_and_says_so_for_each_row(
    own_payer: Tenant, marking: Marking
) -> None:
    keys = _documents(own_payer, marking.resource)
    before = _rows(own_payer, marking.resource, keys)
    answer = own_payer.send("POST", f"accounting/{marking.resource}/markasexported", marking.body([*keys, 9]))
    results = check(answer, "accounting", f"{marking.resource}/markasexported", method="post")
    assert [(each[marking.name], each["success"]) for each in results] == [(keys[0], True), (keys[1], True), (9, False)]
    after = _rows(own_payer, marking.resource, keys)
    assert {row["syncStatus"] for row in after} == {"Exported"}
    assert all(new["modifiedOn"] > old["modifiedOn"] for new, old in zip(after, before, strict=True))
    if marking.keeps_our_reference:
        assert {row["exportId"] for row in after} == {"B1|1"}
    again = own_payer.send("POST", f"accounting/{marking.resource}/markasexported", marking.body(keys))
    assert [each["success"] for each in again.json()] == [True, True], "a repeated call after a crash is no error"


@needs_documents
@pytest.mark.parametrize("marking", MARKINGS, ids=lambda each: each.resource)
def test_a_tenant_may_refuse_one_row_and_the_others_go_on(own_payer: Tenant, marking: Marking) -> None:
    keys = _documents(own_payer, marking.resource)
    own_payer.twin.set_switches({"unmarkable": keys[:1]})
    answer = own_payer.send("POST", f"accounting/{marking.resource}/markasexported", marking.body(keys))
    results = check(answer, "accounting", f"{marking.resource}/markasexported", method="post")
    assert [each["success"] for each in results] == [False, True]
    assert "cannot be marked as exported" in results[0]["errorMessage"]
    assert [row["syncStatus"] for row in _rows(own_payer, marking.resource, keys)] == ["Posted", "Exported"]


@pytest.mark.parametrize(
    ("path", "body", "refused"),
    [
        (f"{PAYMENTS}/status", {"paymentIds": [101, 102], "status": "Exported"}, 102),
        (f"{DEPOSITS}/markasexported", {"ids": [501]}, 501),
    ],
)
def test_a_call_with_an_empty_answer_refuses_all_when_it_refuses_one(
    own_payer: Tenant, path: str, body: dict[str, Any], refused: int
) -> None:
    own_payer.twin.set_switches({"unmarkable": [refused]})
    answer = own_payer.send("POST", path, body)
    assert answer.status_code == 400
    assert str(refused) in answer.text
    assert own_payer.ids(PAYMENTS, "?statuses=Exported") == own_payer.ids(DEPOSITS, "?syncStatus=Exported") == []
    own_payer.twin.set_switches({"unmarkable": []})
    answer = own_payer.send("POST", path, body)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("feed", "path", "body", "keys"),
    [
        ("accounting/export/invoices", "accounting/invoices/markasexported", [{"invoiceId": 1}], [1]),
        (
            "accounting/export/payments",
            f"{PAYMENTS}/status",
            {"paymentIds": [102, 101], "status": "Exported"},
            [102, 101],
        ),
    ],
)
def test_what_was_marked_comes_again_in_the_feed(
    own_payer: Tenant, feed: str, path: str, body: Any, keys: list[int]
) -> None:
    token = own_payer.feed(feed)["continueFrom"]
    own_payer.send("POST", path, body)
    assert [(row["id"], row["syncStatus"]) for row in own_payer.feed(feed, f"?from={token}")["data"]] == [
        (key, "Exported") for key in keys
    ]


def test_marking_leaves_customers_and_their_balances_alone(own_payer: Tenant) -> None:
    token = own_payer.feed("crm/export/customers")["continueFrom"]
    own_payer.send("POST", "accounting/invoices/markasexported", [{"invoiceId": 1}])
    own_payer.send("POST", f"{PAYMENTS}/status", {"paymentIds": [101], "status": "Exported"})
    assert own_payer.feed("crm/export/customers", f"?from={token}")["data"] == []
