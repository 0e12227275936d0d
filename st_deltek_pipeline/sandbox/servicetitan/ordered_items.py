"""How far the items of a purchase order have come, and what is undone when their receipts are."""

from collections.abc import Sequence
from copy import deepcopy
from decimal import Decimal
from typing import cast

from st_deltek_pipeline.sandbox.state import Row


def returned(order: Row, receipts: Sequence[Row]) -> Row:
    """Return a purchase order after receipts were undone (servicetitan.md section 3.3: Pending again)."""
    changed = deepcopy(order)
    gone: dict[int, Decimal] = {}
    for receipt in receipts:
        for item in cast("list[Row]", receipt["items"]):
            key = item["purchaseOrderItemId"]
            gone[key] = gone.get(key, Decimal(0)) + Decimal(item["quantity"])
    for item in cast("list[Row]", changed["items"]):
        item["quantityReceived"] = max(Decimal(item["quantityReceived"]) - gone.get(item["id"], Decimal(0)), Decimal(0))
        item["status"] = item_status(item)
    if order["status"] != "Canceled":
        some = any(item["quantityReceived"] for item in cast("list[Row]", changed["items"]))
        changed["status"], changed["receivedOn"] = ("PartiallyReceived" if some else "Pending"), None
    return changed


def item_status(item: Row) -> str:
    """Return the status of an item of a purchase order from what has come of it."""
    if not item["quantityReceived"]:
        return "Pending"
    return "Received" if item["quantityReceived"] >= item["quantity"] else "PartiallyReceived"
