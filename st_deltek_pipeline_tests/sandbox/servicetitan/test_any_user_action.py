"""Whatever a user is made to do, it is done or refused with a reason, and no amount is left that is none."""

from collections.abc import Generator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError
from st_deltek_pipeline.sandbox.servicetitan.user_actions import USER_ACTIONS, UserAction, UserCall
from st_deltek_pipeline_tests.sandbox.servicetitan.money_rows import money_world, new_order
from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import Tenant, served

NAMES = [
    "splits", "amount", "invoiceId", "total", "date", "typeId", "customerId", "businessUnitId", "memo", "appliedTo",
    "unappliedAmount", "syncStatus", "active", "from", "to", "paymentIds", "fees", "items", "expenseItems", "vendorId",
    "jobId", "purchaseOrderId", "billAmount", "taxAmount", "status", "cost", "quantity", "vendorDocumentNumber", "tax",
    "shipping", "copyOf", "name", "balance", "invoiceDate", "salesTax", "applied", "customer", "businessUnit", "colour",
    "landedCostMethod", "vendor",
]  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.text(max_size=6)
    | st.sampled_from([1, 2, 11, 31, 41, 62, 101, 102, 301, 501, "Posted", "10.00", "2026-10-05", "ByValue", "NaN"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=6,
)
KEYS = [1, 2, 4, 9, 11, 41, 101, 102, 103, 301, 501]
PATHS = ["crm/customers", "inventory/vendors", "accounting/payment-types", "no/such"]


@pytest.fixture(scope="module")
def busy_tenant() -> Generator[Tenant]:
    with served(money_world()) as tenant:
        order = tenant.send("POST", "inventory/purchase-orders", new_order(41, 31)).json()["id"]
        tenant.twin.purchasing.receive_all(order, {})
        yield tenant


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    action=st.sampled_from(USER_ACTIONS),
    key=st.sampled_from(KEYS) | st.sampled_from([90_000_001]),
    path=st.sampled_from(PATHS),
    body=st.dictionaries(st.sampled_from(NAMES), values, max_size=4),
    verbatim=st.booleans(),
)
def test_any_user_action_is_done_or_refused(
    busy_tenant: Tenant, action: UserAction, key: int, path: str, body: dict[str, Any], *, verbatim: bool
) -> None:
    try:
        action.do(UserCall(busy_tenant.twin, key, path, body, verbatim))
    except ApiError as refusal:
        status = refusal.status
    except ValueError as refusal:
        # The generator's own refusals, which are 400 too.
        status = 400 if type(refusal) is ValueError else 500
    else:
        status = action.status
    assert status in {action.status, 400, 404}
    for row in busy_tenant.twin.tables["crm/customers"].rows.values():
        assert isinstance(row["balance"], (Decimal, int)) or path == "crm/customers"
