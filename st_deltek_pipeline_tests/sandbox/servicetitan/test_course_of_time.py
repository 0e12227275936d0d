"""What happens in the course of time: every action of a user shows again where a reader looks for changes."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from st_deltek_pipeline.sandbox.servicetitan.app import ServiceTitanTwin
from st_deltek_pipeline_tests.sandbox.servicetitan.money_rows import new_order
from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import Tenant

INVOICES, PAYMENTS, BILLS = (
    "accounting/export/invoices",
    "accounting/export/payments",
    "accounting/export/inventory-bills",
)
CUSTOMERS, ORDERS = "crm/export/customers", "inventory/export/purchase-orders"
FEEDS = (INVOICES, PAYMENTS, BILLS, CUSTOMERS, ORDERS)
LISTS = {
    "accounting/ap-bills": "billType=Procurement",
    "accounting/ap-credits": "",
    "accounting/credit-memos": "active=Any",
    "accounting/bank-deposits": "",
    "inventory/receipts": "active=Any",
}
ORDER, BILL = 90_000_001, 90_000_001

_Action = Callable[[ServiceTitanTwin], object]


def _billed(tenant: Tenant) -> None:
    order = tenant.send("POST", "inventory/purchase-orders", new_order(41, 31)).json()["id"]
    receipt = tenant.twin.purchasing.receive_all(order, {})
    assert (order, receipt["billId"]) == (ORDER, BILL)


# The action, then the feeds and the lists that show something new afterwards.
CASES: list[tuple[str, _Action, Iterable[str]]] = [
    ("applied later", lambda twin: twin.payments.apply(102, 1, None), {PAYMENTS, INVOICES}),
    ("moved", lambda twin: twin.payments.move(101, 1, 4), {PAYMENTS, INVOICES}),
    ("voided payment", lambda twin: twin.payments.void(101), {PAYMENTS, INVOICES, CUSTOMERS}),
    ("refund", lambda twin: twin.payments.refund(101, {"amount": "15.00"}), {PAYMENTS, INVOICES, CUSTOMERS}),
    ("edited payment", lambda twin: twin.payments.edit(101, {"memo": "late"}), {PAYMENTS}),
    ("re-dated payment", lambda twin: twin.payments.edit(101, {"date": "2026-11-02"}), {PAYMENTS}),
    ("un-posted payment", lambda twin: twin.payments.unpost(101), {PAYMENTS}),
    ("edited invoice", lambda twin: twin.edit_invoice(1, {"total": "90.00"}), {INVOICES, CUSTOMERS}),
    ("voided invoice", lambda twin: twin.void_invoice(1), {INVOICES, CUSTOMERS}),
    ("un-posted invoice", lambda twin: twin.unpost_invoice(1), {INVOICES}),
    (
        "credit memo",
        lambda twin: twin.credit_memos.add({"invoiceId": 1, "total": "7.00"}),
        {"accounting/credit-memos", INVOICES, CUSTOMERS},
    ),
    ("deposit", lambda twin: twin.deposits.add({"paymentIds": [102]}), {"accounting/bank-deposits", PAYMENTS}),
    ("edited bill", lambda twin: twin.bills.edit(BILL, {"taxAmount": "9.00"}), {BILLS, "accounting/ap-bills"}),
    (
        "canceled bill",
        lambda twin: twin.bills.cancel(BILL),
        {BILLS, "accounting/ap-bills", ORDERS, "inventory/receipts"},
    ),
    ("un-posted bill", lambda twin: twin.bills.unpost(BILL), {BILLS, "accounting/ap-bills"}),
    ("returned goods", lambda twin: twin.bills.credit(BILL, {"amount": "2.50"}), {"accounting/ap-credits"}),
    ("renamed customer", lambda twin: twin.edit_row("crm/customers", 11, {"name": "Zoë M."}), {CUSTOMERS}),
    ("merged customer", lambda twin: twin.edit_row("crm/customers", 12, {"mergedToId": 11}), {CUSTOMERS}),
]


@pytest.mark.parametrize(("act", "shown"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_action_shows_in_the_feeds_and_lists_of_what_it_changes_and_in_no_others(
    own_payer: Tenant, act: _Action, shown: Iterable[str]
) -> None:
    _billed(own_payer)
    tokens = {feed: own_payer.feed(feed)["continueFrom"] for feed in FEEDS}
    now = own_payer.twin.book.now()
    act(own_payer.twin)
    found: dict[str, list[dict[str, Any]]] = {
        feed: own_payer.feed(feed, f"?from={token}")["data"] for feed, token in tokens.items()
    }
    for path, query in LISTS.items():
        found[path] = own_payer.feed(path, f"?modifiedOnOrAfter={now}&{query}")["data"]
    assert {path for path, rows in found.items() if rows} == set(shown)
    assert all(row["modifiedOn"] >= now for rows in found.values() for row in rows)


def test_goods_that_come_later_make_a_second_bill_of_the_order(own_payer: Tenant) -> None:
    _billed(own_payer)
    token = own_payer.feed(BILLS)["continueFrom"]
    order = own_payer.send("POST", "inventory/purchase-orders", new_order(41, 31)).json()["id"]
    part = {"purchaseOrderId": order, "dateReceived": "2026-10-07", "tax": 0, "shipping": 0}
    item = {"skuId": 9101, "quantity": 1, "cost": 2.5}
    own_payer.send("POST", "inventory/receipts", {**part, "items": [item]})
    own_payer.twin.purchasing.receive_all(order, {"vendorDocumentNumber": "V-78"})
    bills = own_payer.feed(BILLS, f"?from={token}")["data"]
    assert [row["purchaseOrderId"] for row in bills] == [order, order]
    assert {row["syncStatus"] for row in bills} == {"Pending"}, "until an accountant posts their batch"
