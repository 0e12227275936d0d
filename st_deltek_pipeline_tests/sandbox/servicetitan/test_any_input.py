"""Whatever is sent, the twin answers with a result or an error of its own, never with a fault."""

from collections.abc import Generator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from st_deltek_pipeline.sandbox.servicetitan.resources import RESOURCES
from st_deltek_pipeline_tests.sandbox.servicetitan.money_rows import money_world, new_order
from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import TIMEOUT, Tenant, served

WRITES = [
    ("PATCH", "accounting/payments/102"),
    ("POST", "accounting/payments/status"),
    ("PATCH", "accounting/credit-memos/301"),
    ("POST", "accounting/credit-memos/301/splits"),
    ("POST", "accounting/invoices/markasexported"),
    ("POST", "accounting/credit-memos/markasexported"),
    ("POST", "accounting/inventory-bills/markasexported"),
    ("POST", "accounting/ap-bills/markasexported"),
    ("POST", "accounting/ap-credits/markasexported"),
    ("POST", "accounting/ap-payments/markasexported"),
    ("POST", "accounting/bank-deposits/markasexported"),
    ("PATCH", "accounting/invoices/1"),
    ("PATCH", "accounting/invoices/1/items"),
    ("PATCH", "inventory/purchase-orders/90000001/cancellation"),
    ("POST", "inventory/purchase-orders"),
    ("POST", "inventory/receipts"),
    ("PATCH", "inventory/receipts/1/cancellation"),
]
NAMES = [
    "splits", "amount", "invoiceId", "invoiceNumber", "typeId", "active", "paidOn", "status", "paymentIds", "ids", "billIds",
    "inventoryBillIds", "creditMemoId", "apCreditId", "apPaymentId", "description", "unitPrice", "number", "externalId", "date", "summary", "businessUnitId", "items", "skuId", "quantity",
    "cost", "tax", "shipping", "purchaseOrderId", "dateReceived", "canceledReason", *new_order(41, 31),
]  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from([1, 2, 41, 61, 101, 102, 301, 501, "Posted", "Exported", "2026-10-05", "N1", 9101, "NaN", "1e99"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
fuzzed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def fuzzed_tenant() -> Generator[Tenant]:
    with served(money_world()) as tenant:
        order = tenant.send("POST", "inventory/purchase-orders", new_order(41, 31)).json()["id"]
        tenant.twin.purchasing.receive_all(order, {})
        yield tenant


@fuzzed
@given(st.sampled_from(WRITES), values)
def test_any_body_is_answered(fuzzed_tenant: Tenant, call: tuple[str, str], body: Any) -> None:
    assert fuzzed_tenant.send(*call, body).status_code in {200, 400, 404}


@fuzzed
@given(st.sampled_from(["inventory/purchase-orders", "inventory/receipts"]), st.sampled_from(NAMES), values)
def test_an_order_or_receipt_with_one_odd_field_is_answered(
    fuzzed_tenant: Tenant, path: str, name: str, value: Any
) -> None:
    receipt = {
        "purchaseOrderId": 90_000_001, "dateReceived": "2026-10-07", "tax": 0, "shipping": 0,
        "items": [{"skuId": 9101, "quantity": 1, "cost": 1}],
    }  # fmt: skip
    body = {**(new_order(41, 31) if path.endswith("orders") else receipt), name: value}
    assert fuzzed_tenant.send("POST", path, body).status_code in {200, 400, 404}


@fuzzed
@given(st.binary(max_size=20), st.sampled_from(WRITES))
def test_a_body_that_is_not_json_is_refused(fuzzed_tenant: Tenant, data: bytes, call: tuple[str, str]) -> None:
    method, path = call
    answer = fuzzed_tenant.session.request(method, fuzzed_tenant.address(path), data=data, timeout=TIMEOUT)
    assert answer.status_code in {200, 400, 404}


@fuzzed
@given(
    st.sampled_from([each.path for each in RESOURCES]),
    st.dictionaries(
        st.sampled_from([
            "ids", "page", "pageSize", "sort", "active", "statuses", "syncStatuses", "billType", "batchId", "appliedToInvoiceIds",
            "totalFilter.Amount", "totalFilter.Comparer", "modifiedOnOrAfter", "excludeAccountingChangesFromModifiedDateRange", "customField.Fields[a]", "minCost", "dateTo",
            "purchaseOrderNumber", "purchaseOrderTypes", "status", "transactionType", "paidOnAfter", "includeTotal",
        ]),
        st.text(max_size=6) | st.sampled_from(["1", "1,2", "Posted", "PostedAndExported", "-Id", "2026-10-05", "True"]),
        max_size=3,
    ),
)  # fmt: skip
def test_any_query_is_answered(fuzzed_tenant: Tenant, path: str, query: dict[str, str]) -> None:
    encoded = urlencode(query, errors="surrogatepass")
    assert fuzzed_tenant.get(path, f"?{encoded}").status_code in {200, 400}
