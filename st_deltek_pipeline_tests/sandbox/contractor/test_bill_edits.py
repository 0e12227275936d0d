import random
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.sandbox.contractor.bill_edits import new_bill
from st_deltek_pipeline.sandbox.contractor.bill_rows import GOODS, BillHeader, BoughtLine, Extras, bill_rows, buy
from st_deltek_pipeline.sandbox.contractor.generate import generate
from st_deltek_pipeline.sandbox.contractor.world import World

DAY = date(2026, 10, 20)
PART = Decimal("12.34")


@pytest.fixture
def world() -> World:
    return generate(11, "2026-10", invoices=60, scenario="clean")


def _rng() -> random.Random:
    return random.Random(5)


def test_one_more_bill_comes_with_order_receipt_and_its_other_shape(world: World) -> None:
    tenant = world.servicetitan
    job_id = next(row["jobId"] for row in tenant.inventory_bills.values() if row["jobId"])
    vendor_id = next(iter(tenant.vendors))
    extras = Extras(tax=Decimal("4.10"), shipping=Decimal("9.95"))
    row = new_bill(
        world, DAY, _rng(), vendor_id=vendor_id, job_id=job_id, total=Decimal("100.00"), extras=extras,
        vendor_number="INV-9",
    )  # fmt: skip
    assert row["id"] not in tenant.inventory_bills
    assert (row["billAmount"], row["vendorNumber"], row["jobId"]) == ("114.05", "INV-9", job_id)
    assert (row["vendor"]["id"], row["syncStatus"]) == (vendor_id, "Posted")
    assert row["businessUnit"]["id"] == tenant.jobs[job_id]["businessUnitId"]
    assert set(row) == set(next(iter(tenant.inventory_bills.values())))
    payable = tenant.ap_bills[row["id"]]
    assert set(payable) == set(next(iter(tenant.ap_bills.values())))
    assert payable["billAmount"] == row["billAmount"]
    order = tenant.purchase_orders[row["purchaseOrderId"]]
    assert order["total"] == Decimal("114.05")
    (receipt,) = [each for each in tenant.receipts.values() if each["billId"] == row["id"]]
    assert receipt["purchaseOrderId"] == order["id"]


def test_an_order_is_billed_a_second_time_for_what_came_later(world: World) -> None:
    tenant = world.servicetitan
    first = new_bill(world, DAY, _rng())
    tenant.inventory_bills[first["id"]] = first
    orders = len(tenant.purchase_orders)
    order = tenant.purchase_orders[first["purchaseOrderId"]]
    item = order["items"][0]
    second = new_bill(world, DAY, _rng(), purchase_order_id=order["id"], quantities={item["id"]: Decimal(2)})
    assert len(tenant.purchase_orders) == orders
    assert second["id"] > first["id"]
    assert second["purchaseOrderId"] == order["id"]
    assert second["vendorNumber"] != first["vendorNumber"]
    assert [line["quantity"] for line in second["items"]] == ["2"]
    ids = [line["id"] for bill in (first, second) for line in bill["items"]]
    assert len(set(ids)) == len(ids)


def test_the_same_chance_makes_the_same_bill() -> None:
    one, other = (generate(3, "2026-10", invoices=12, scenario="clean") for _ in range(2))
    assert new_bill(one, DAY, _rng()) == new_bill(other, DAY, _rng())


_SKU = next(iter(GOODS.values()))[0]
_LINES = st.lists(
    st.builds(
        buy,
        st.just(_SKU),
        st.decimals("0.01", 500, places=2),
        st.decimals(0, 900, places=4),
    ),
    min_size=1,
    max_size=6,
)
_MONEY = st.decimals(0, 5000, places=2)


@given(_LINES, st.builds(Extras, _MONEY, _MONEY, _MONEY, st.booleans()))
def test_lines_and_extras_of_any_bill_sum_to_it_and_landed_costs_to_the_extras(
    lines: list[BoughtLine], extras: Extras
) -> None:
    header = BillHeader(1, None, "B-1", "V-1", None, None, None, "Net 30", DAY, "2026-10-20T18:00:00Z", "Office")
    row = bill_rows(header, lines, extras, 1).inventory
    assert Decimal(row["billAmount"]) == total(line.amount for line in lines) + extras.total
    if extras.landed and any(line.amount for line in lines):
        assert total(Decimal(item["allocatedShipping"]) for item in row["items"]) == extras.shipping
        assert total(Decimal(item["allocatedTax"]) for item in row["items"]) == extras.tax
    else:
        assert {item["allocatedTax"] for item in row["items"]} == {None}
