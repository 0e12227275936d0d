import random
from copy import deepcopy
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.sandbox.contractor.balances import settled
from st_deltek_pipeline.sandbox.contractor.bill_rows import GOODS, BillHeader, BoughtLine, Extras, bill_rows, buy
from st_deltek_pipeline.sandbox.contractor.generate import (
    apply_payment,
    canceled_bill,
    generate,
    move_payment,
    new_bill,
    new_credit_memo,
    new_payment,
    new_refund,
)
from st_deltek_pipeline.sandbox.contractor.world import Row, World

DAY = date(2026, 10, 20)
PART = Decimal("12.34")


@pytest.fixture
def world() -> World:
    return generate(11, "2026-10", invoices=60, scenario="clean")


def _open_invoices(world: World, count: int = 2) -> list[Row]:
    rows = [
        row
        for row in world.servicetitan.invoices.values()
        if row["active"] and row["syncStatus"] == "Posted" and Decimal(row["balance"]) > 100
    ]
    return rows[:count]


def _rng() -> random.Random:
    return random.Random(5)


def _new(world: World, *, unapplied: Decimal = Decimal("0.00")) -> Row:
    one, other = _open_invoices(world)
    row = new_payment(world, [one["id"], other["id"]], [PART, PART], DAY, _rng(), unapplied=unapplied)
    world.servicetitan.payments[row["id"]] = row
    return row


def test_one_more_payment_pays_several_invoices_and_is_not_yet_in_the_world(world: World) -> None:
    before = deepcopy(world.servicetitan)
    one, other = _open_invoices(world)
    row = new_payment(world, [one["id"], other["id"]], [PART, Decimal("1.00")], DAY, _rng(), unapplied=Decimal("5.00"))
    assert world.servicetitan == before
    assert row["id"] > max(world.servicetitan.payments)
    assert set(row) == set(next(iter(world.servicetitan.payments.values())))
    assert (row["total"], row["unappliedAmount"], row["syncStatus"]) == ("18.34", "5.00", "Posted")
    assert [part["appliedTo"] for part in row["appliedTo"]] == [one["id"], other["id"]]
    assert (row["customer"], row["businessUnit"]) == (one["customer"], one["businessUnit"])
    assert row["checkNumber"]
    used = {part["appliedId"] for each in world.servicetitan.payments.values() for part in each["appliedTo"]}
    assert used.isdisjoint(part["appliedId"] for part in row["appliedTo"])


def test_a_deposit_is_a_payment_of_a_customer_without_invoices(world: World) -> None:
    customer_id = next(iter(world.servicetitan.customers))
    row = new_payment(
        world, [], [], DAY, _rng(), type_name="Cash", unapplied=Decimal("250.00"), customer_id=customer_id,
        business_unit_id=1101,
    )  # fmt: skip
    assert (row["appliedTo"], row["total"], row["type"]) == ([], "250.00", "Cash")
    assert row["customer"]["id"] == customer_id
    assert row["businessUnit"]["name"] == "Residential HVAC Service"


def test_the_balance_follows_a_payment_and_its_void(world: World) -> None:
    invoice = _open_invoices(world)[0]
    owed = Decimal(invoice["balance"])
    row = new_payment(world, [invoice["id"]], [owed], DAY, _rng())
    world.servicetitan.payments[row["id"]] = row
    paid = settled(world.servicetitan, invoice["id"])
    assert (paid["balance"], paid["paidOn"]) == ("0.00", "2026-10-20T00:00:00Z")
    world.servicetitan.payments[row["id"]] = {**row, "active": False}
    again = settled(world.servicetitan, invoice["id"])
    assert (again["balance"], again["paidOn"]) == (str(owed), None)
    assert {**again, "balance": "", "paidOn": ""} == {**invoice, "balance": "", "paidOn": ""}


def test_unapplied_money_is_applied_later_but_never_more_than_there_is(world: World) -> None:
    payment = _new(world, unapplied=Decimal("20.00"))
    target = _open_invoices(world, 1)[0]
    row = apply_payment(world, payment["id"], target["id"], Decimal("15.00"), date(2026, 10, 25))
    assert (row["total"], row["unappliedAmount"]) == (payment["total"], "5.00")
    assert row["appliedTo"][-1]["appliedOn"] == "2026-10-25T00:00:00Z"
    assert len(payment["appliedTo"]) == 2
    with pytest.raises(ValueError, match=r"20.00 unapplied"):
        apply_payment(world, payment["id"], target["id"], Decimal("20.01"), DAY)


def test_a_payment_is_moved_from_one_invoice_to_another(world: World) -> None:
    payment = _new(world)
    source, kept = (part["appliedTo"] for part in payment["appliedTo"])
    target = _open_invoices(world, 5)[-1]["id"]
    row = move_payment(world, payment["id"], source, target, DAY)
    assert [(part["appliedTo"], part["appliedAmount"]) for part in row["appliedTo"]] == [
        (kept, "12.34"),
        (target, "12.34"),
    ]
    with pytest.raises(ValueError, match=r"pays nothing of invoice 1"):
        move_payment(world, payment["id"], 1, target, DAY)


def test_a_refund_and_the_refund_of_it_cancel_each_other_out(world: World) -> None:
    payment = _new(world, unapplied=Decimal("3.00"))
    refund = new_refund(world, payment["id"], DAY, _rng())
    world.servicetitan.payments[refund["id"]] = refund
    assert (refund["total"], refund["unappliedAmount"]) == ("-27.68", "-3.00")
    assert refund["refundedPaymentId"] == payment["id"]
    assert refund["type"] == "Refund (check)"
    again = new_refund(world, refund["id"], DAY, _rng())
    assert (again["total"], again["refundedPaymentId"]) == ("27.68", refund["id"])
    assert {part["appliedTo"] for part in again["appliedTo"]} == {part["appliedTo"] for part in payment["appliedTo"]}


@given(cents=st.integers(1, 2768))
def test_a_part_of_a_payment_is_refunded_to_the_cent(cents: int) -> None:
    amount = Decimal(cents).scaleb(-2)
    payment = _new(_SHARED, unapplied=Decimal("3.00"))
    refund = new_refund(_SHARED, payment["id"], DAY, _rng(), amount=amount)
    parts = total(Decimal(part["appliedAmount"]) for part in refund["appliedTo"])
    assert Decimal(refund["total"]) == parts + Decimal(refund["unappliedAmount"]) == -amount


_SHARED = generate(11, "2026-10", invoices=60, scenario="clean")


def test_what_cannot_be_paid_or_refunded_is_refused_with_what_was_asked(world: World) -> None:
    payment = _new(world)
    with pytest.raises(ValueError, match=r"no invoice 5"):
        new_payment(world, [5], [PART], DAY, _rng())
    with pytest.raises(ValueError, match=r"1 invoices and 0 amounts"):
        new_payment(world, [5], [], DAY, _rng())
    with pytest.raises(ValueError, match=r"give customer_id"):
        new_payment(world, [], [], DAY, _rng(), unapplied=PART)
    with pytest.raises(ValueError, match=r"payment type 'Barter'"):
        new_payment(world, [], [], DAY, _rng(), type_name="Barter", customer_id=1)
    with pytest.raises(ValueError, match=r"cannot give back 100"):
        new_refund(world, payment["id"], DAY, _rng(), amount=Decimal(100))


def test_one_more_credit_memo_is_split_over_invoices(world: World) -> None:
    one, other = _open_invoices(world)
    row = new_credit_memo(world, [one["id"], other["id"]], [PART, Decimal("1.00")], DAY)
    assert set(row) == set(next(iter(world.servicetitan.credit_memos.values())))
    assert (row["total"], row["balance"], row["date"]) == (Decimal("13.34"), Decimal("0.00"), "2026-10-20")
    assert row["id"] not in world.servicetitan.credit_memos
    with pytest.raises(ValueError, match=r"one amount for each"):
        new_credit_memo(world, [one["id"]], [], DAY)


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


def test_a_cancelled_bill_is_inactive_in_one_shape_and_canceled_in_the_other(world: World) -> None:
    bill_id = next(iter(world.servicetitan.inventory_bills))
    before = deepcopy(world.servicetitan)
    rows = canceled_bill(world, bill_id, DAY)
    assert world.servicetitan == before
    assert (rows.inventory["active"], rows.payable["status"]) == (False, "Canceled")
    assert rows.payable["dateCanceled"] == "2026-10-20T18:00:00Z"
    with pytest.raises(ValueError, match=r"no bill 1;"):
        canceled_bill(world, 1, DAY)


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
