"""What comes from vendors later: one more bill, with the order and the receipt behind it."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from random import Random

from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.sandbox.contractor.bill_rows import (
    GOODS,
    BillHeader,
    BoughtLine,
    Extras,
    add_to_order,
    bill_rows,
    buy,
    order_row,
    receipt_row,
)
from st_deltek_pipeline.sandbox.contractor.business_units import UNITS_BY_ID
from st_deltek_pipeline.sandbox.contractor.payables import (
    FIRST_BILL_BATCH_ID,
    FIRST_BILL_ID,
    FIRST_BILL_ITEM_ID,
    FIRST_ORDER_ID,
    FIRST_RECEIPT_ID,
    ITEMS_PER_BILL,
)
from st_deltek_pipeline.sandbox.contractor.working_days import servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row, World

_NOON_IN_DENVER = 18 * 3600
_OFFICE = "Office"
_SKUS = {sku.sku_id: sku for skus in GOODS.values() for sku in skus}


def new_bill(
    world: World,
    day: date,
    rng: Random,
    *,
    vendor_id: int | None = None,
    job_id: int | None = None,
    purchase_order_id: int | None = None,
    quantities: Mapping[int, Decimal] | None = None,
    total: Decimal | None = None,
    extras: Extras | None = None,
    vendor_number: str | None = None,
) -> Row:
    """Make one more posted bill that can be posted in Vantagepoint.

    The bill is not added to the world; its twin in ``ap_bills``, its receipt and, without ``purchase_order_id``,
    its order are.

    Args:
        world: The contractor; the new ids follow its highest ones, so store the row before the next call.
        day: The bill's date; it is created and modified at noon in Denver of that day.
        rng: Decides everything else.
        vendor_id: Who bills; ``None`` takes the vendor of the order, or of a bill of the month that is in order.
        job_id: For which job, when not for stock; not used with ``purchase_order_id``.
        purchase_order_id: Bill goods of this order once more, as for a second shipment.
        quantities: Item id of the order -> what was received; ``None`` is all of them. Only with an order.
        total: Exactly this amount on one line, before extras; ``None`` bills what is usual. Not with an order.
        extras: Tax, shipping and other costs; ``None`` is none.
        vendor_number: The vendor's invoice number; ``None`` makes up a new one.

    Returns:
        A row as the inventory-bills feed shows it.

    Raises:
        ValueError: A vendor, job or order is unknown, or the order holds goods that the pricebook does not know.
    """
    tenant = world.servicetitan
    extras = extras or Extras()
    bill_id = max(max(tenant.inventory_bills, default=FIRST_BILL_ID), max(tenant.ap_bills, default=FIRST_BILL_ID)) + 1
    # Items of the month were numbered in the same steps, one for each order and each bill.
    first_item_id = FIRST_BILL_ITEM_ID * 2 + (bill_id - FIRST_BILL_ID) * 2 * ITEMS_PER_BILL
    model = _model(world, rng)
    if purchase_order_id is None:
        job = None if job_id is None else _known(tenant.jobs, job_id, "job")
        seller = model["vendor"]["id"] if vendor_id is None else _known(tenant.vendors, vendor_id, "vendor")["id"]
        order_id = max(tenant.purchase_orders, default=FIRST_ORDER_ID) + 1
        unit_id = job["businessUnitId"] if job else model["businessUnit"]["id"]
        order = order_row(order_id, f"N-{order_id - FIRST_ORDER_ID}", seller, unit_id=unit_id, job=job, day=day)
        order["status"] = "Received"
        lines = _usual(unit_id, total, rng)
        add_to_order(order, lines, extras, first_item_id + ITEMS_PER_BILL, received=True)
        tenant.purchase_orders[order_id] = order
    else:
        order = _known(tenant.purchase_orders, purchase_order_id, "purchase order")
        lines = _ordered(order, quantities)
    number = f"{order['number']}-{bill_id - FIRST_BILL_ID}"
    vendor = _known(tenant.vendors, order["vendorId"] if vendor_id is None else vendor_id, "vendor")
    unit = None if order["businessUnitId"] is None else _known(tenant.business_units, order["businessUnitId"], "unit")
    job = None if order["jobId"] is None else _known(tenant.jobs, order["jobId"], "job")
    created = servicetitan_instant(day, _NOON_IN_DENVER)
    header = BillHeader(
        bill_id,
        order,
        number,
        vendor_number or f"N{bill_id - FIRST_BILL_ID:06d}-{rng.randint(10, 99)}",
        {"id": vendor["id"], "name": vendor["name"]},
        None if unit is None else {"id": unit["id"], "name": unit["name"]},
        None if job is None else (job["id"], job["jobNumber"]),
        model["termName"],
        day,
        created,
        _OFFICE,
    )
    rows = bill_rows(header, lines, extras, first_item_id)
    receipt_id = max(tenant.receipts, default=FIRST_RECEIPT_ID) + 1
    tenant.receipts[receipt_id] = receipt_row(receipt_id, order, lines, extras, rows.inventory)
    for item, told in zip(rows.payable["items"], rows.inventory["items"], strict=True):
        item["receiptItemId"] = told["receiptItemId"]
    for row in (rows.inventory, rows.payable):
        row["syncStatus"] = "Posted"
        row["postDate"] = servicetitan_instant(day, 0)
        row["dateReconciled"] = created
        row["batch"] = {
            "id": FIRST_BILL_BATCH_ID + day.toordinal(),
            "number": str(day.toordinal() % 100_000),
            "name": f"{day.isoformat()} AP",
        }
    tenant.ap_bills[bill_id] = rows.payable
    return rows.inventory


def _model(world: World, rng: Random) -> Row:
    troubled = {key for ids in world.awkward.values() for key in ids}
    fitting = [
        row
        for row in world.servicetitan.inventory_bills.values()
        if row["active"] and row["syncStatus"] == "Posted" and row["id"] not in troubled
    ]
    if not fitting:
        message = f"{world.month} has no bill in order that one more could be modelled on; ask for a larger month"
        raise ValueError(message)
    return rng.choice(fitting)


def _usual(unit_id: int, total: Decimal | None, rng: Random) -> list[BoughtLine]:
    unit = UNITS_BY_ID[unit_id]
    offered = GOODS[unit.trade, unit.line]
    if total is not None:
        return [buy(offered[0], Decimal(1), total)]
    return [buy(sku, sku.quantity(rng), sku.cost) for sku in rng.sample(offered, min(3, len(offered)))]


def _ordered(order: Row, quantities: Mapping[int, Decimal] | None) -> list[BoughtLine]:
    lines: list[BoughtLine] = []
    for item in order["items"]:
        sku = _SKUS.get(item["skuId"])
        if sku is None:
            message = f"purchase order {order['id']} holds item {item['skuId']}, which is not in the pricebook"
            raise ValueError(message)
        quantity = item["quantity"] if quantities is None else quantities.get(item["id"], ZERO)
        if quantity:
            lines.append(buy(sku, quantity, item["cost"]))
    return lines


def _known(rows: dict[int, Row], key: int, what: str) -> Row:
    row = rows.get(key)
    if row is None:
        message = f"there is no {what} {key}; choose one of the contractor's"
        raise ValueError(message)
    return row
