"""Purchase orders and receipts; a receipt makes the vendor's bill when the tenant is set up so.

The API can make orders and receipts, never bills (servicetitan.md sections 3.3 and 3.5). That a receipt made
by the API makes a bill as one made by a person does is assumed.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any, cast

from st_deltek_pipeline.domain.money import round_to_cents, total
from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError, bad_value
from st_deltek_pipeline.sandbox.servicetitan.bill_amounts import add_up
from st_deltek_pipeline.sandbox.servicetitan.bills import Bills
from st_deltek_pipeline.sandbox.servicetitan.bodies import NewOrder, NewReceipt, ReceivedItem
from st_deltek_pipeline.sandbox.servicetitan.book import Book, Change
from st_deltek_pipeline.sandbox.servicetitan.ordered_items import item_status, returned
from st_deltek_pipeline.sandbox.servicetitan.payables import (
    AP_BILLS,
    INVENTORY_BILLS,
    PURCHASE_ORDERS,
    RECEIPTS,
    VENDORS,
)
from st_deltek_pipeline.sandbox.servicetitan.switches import ServiceTitanSwitches
from st_deltek_pipeline.sandbox.servicetitan.values import midnight, money_text, read_amount, read_day, read_instant
from st_deltek_pipeline.sandbox.state import Row

_OPEN = ("Pending", "Sent", "PartiallyReceived")
_CANCELABLE = ("Pending", "Sent")
_BILLED_ACCOUNTS = ("generalLedgerAccount", "costOfSaleAccount", "assetAccount")


class Purchasing:
    """All changes of purchase orders and receipts.

    Args:
        book: The tenant's rows.
        bills: Where the bills of receipts are made.
        switches: Returns the switches in force.
    """

    def __init__(self, book: Book, bills: Bills, switches: Callable[[], ServiceTitanSwitches]) -> None:
        self._book = book
        self._bills = bills
        self._switches = switches

    def order(self, body: NewOrder) -> int:
        """Make a purchase order, and return its id; one of a type that is received at once is received.

        Raises:
            ApiError: 400 for a record that does not exist, or an order without items.
        """
        world = self._book.world
        vendor = self._book.rows(VENDORS).get(body.vendor_id)
        if vendor is None or not vendor["active"]:
            raise bad_value(name="vendorId", message=f"There is no active vendor {body.vendor_id}.")
        if body.business_unit_id not in world.business_units:
            raise bad_value(name="businessUnitId", message=f"There is no business unit {body.business_unit_id}.")
        if body.job_id is not None and body.job_id not in world.jobs:
            raise bad_value(name="jobId", message=f"There is no job {body.job_id}.")
        if body.project_id is not None and body.project_id not in world.projects:
            raise bad_value(name="projectId", message=f"There is no project {body.project_id}.")
        if not body.items:
            raise bad_value(name="items", message="At least one item is required.")
        key, now = self._book.next_id(PURCHASE_ORDERS), self._book.now()
        first = self._book.next_detail_id(PURCHASE_ORDERS, "items", "id")
        items: list[Row] = []
        for place, each in enumerate(body.items):
            if each.quantity <= 0 or each.cost < 0:
                raise bad_value(name="items", message="A quantity above 0 and a cost of 0 or more are required.")
            known = self._known_sku(each.sku_id)
            items.append(
                {
                    "id": first + place,
                    "skuId": each.sku_id,
                    "description": each.description,
                    "createdOn": now,
                    "modifiedOn": now,
                    "skuName": known.get("skuName", each.description),
                    "skuCode": known.get("skuCode", str(each.sku_id)),
                    "skuType": known.get("skuType", "Material"),
                    "vendorPartNumber": each.vendor_part_number,
                    "quantity": each.quantity,
                    "quantityReceived": Decimal(0),
                    "cost": each.cost,
                    "total": round_to_cents(each.quantity * each.cost),
                    "serialNumbers": [],
                    "status": "Pending",
                    "chargeable": False,
                    "budgetCodeId": each.budget_code_id,
                }
            )
        job = world.jobs.get(body.job_id) if body.job_id is not None else None
        address = body.ship_to.address
        row: Row = {
            "id": key,
            "number": str(key),
            "invoiceId": job["invoiceId"] if job else None,
            "jobId": body.job_id,
            "projectId": body.project_id,
            "status": "Pending",
            "typeId": body.type_id,
            "vendorId": body.vendor_id,
            "technicianId": body.technician_id,
            "shipTo": {name: getattr(address, name) for name in address.__struct_fields__},
            "businessUnitId": body.business_unit_id,
            "inventoryLocationId": body.inventory_location_id,
            "batchId": None,
            "budgetCodeId": body.budget_code_id,
            "vendorDocumentNumber": body.vendor_invoice_number or "",
            "date": read_instant("date", body.date),
            "requiredOn": read_instant("requiredOn", body.required_on),
            "sentOn": None,
            "receivedOn": None,
            "createdOn": now,
            "modifiedOn": now,
            "total": total(item["total"] for item in items) + body.tax + body.shipping,
            "tax": body.tax,
            "shipping": body.shipping,
            "createdById": None,
            "summary": body.memo or "",
            "items": items,
            "customFields": [],
        }
        if body.type_id in self._switches().automatically_received_types:
            self._book.store(*self._received(row, self._everything(row, {}), by_api=False))
        else:
            self._book.store((PURCHASE_ORDERS, row))
        return key

    def cancel_order(self, order_id: int) -> int:
        """Cancel a purchase order, and return its id.

        Raises:
            ApiError: 404 for an unknown order; 400 when goods have come or it is closed (assumed).
        """
        row = self._book.row(PURCHASE_ORDERS, order_id)
        if row["status"] not in _CANCELABLE:
            raise ApiError(400, f"Purchase order {order_id} is {row['status']} and cannot be canceled.")
        self._book.store((PURCHASE_ORDERS, {**row, "status": "Canceled"}))
        return order_id

    def receive(self, body: NewReceipt, *, by_api: bool = True) -> int:
        """Receive goods of a purchase order, and return the id of the receipt.

        Args:
            body: What came.
            by_api: An integration made the receipt, not a person.

        Raises:
            ApiError: 404 for an unknown order, 400 when it is closed or has no such items open (assumed).
        """
        order = self._book.row(PURCHASE_ORDERS, body.purchase_order_id)
        changes = self._received(order, body, by_api=by_api)
        self._book.store(*changes)
        return next(row["id"] for resource, row in changes if resource is RECEIPTS)

    def receive_all(self, order_id: int, wanted: Mapping[str, Any]) -> Row:
        """Let a user receive everything that is open of a purchase order, and return the receipt.

        Args:
            order_id: The purchase order.
            wanted: ``date`` (default: that of the order), ``vendorDocumentNumber``, ``tax``, ``shipping``.

        Raises:
            ApiError: 404 for an unknown order, 400 when it is closed or a value cannot be read.
        """
        order = self._book.row(PURCHASE_ORDERS, order_id)
        return self._book.row(RECEIPTS, self.receive(self._everything(order, wanted), by_api=False))

    def cancel_receipt(self, receipt_id: int) -> int:
        """Cancel a receipt and with it the bill it made, and return its id.

        Raises:
            ApiError: 404 for an unknown receipt; 400 when it is canceled, or its bill exported (assumed).
        """
        receipt = self._book.row(RECEIPTS, receipt_id)
        if not receipt["active"]:
            raise ApiError(400, f"Receipt {receipt_id} is canceled already.")
        bill = receipt["billId"]
        if bill is not None:
            if self._book.row(AP_BILLS, bill)["syncStatus"] == "Exported":
                raise ApiError(400, f"The bill of receipt {receipt_id} is exported.")
            self._book.store(*self._bills.canceled(bill))
            return receipt_id
        order = self._book.row(PURCHASE_ORDERS, receipt["purchaseOrderId"])
        self._book.store((RECEIPTS, {**receipt, "active": False}), (PURCHASE_ORDERS, returned(order, [receipt])))
        return receipt_id

    def _everything(self, order: Row, wanted: Mapping[str, Any]) -> NewReceipt:
        fields = dict(wanted)
        # Tax and shipping of an order are billed once, with the first goods.
        first = order["status"] != "PartiallyReceived"
        body = NewReceipt(
            purchase_order_id=order["id"],
            date_received=midnight(read_day("date", fields.pop("date", order["date"]))),
            tax=read_amount("tax", fields.pop("tax", order["tax"] if first else 0)),
            shipping=read_amount("shipping", fields.pop("shipping", order["shipping"] if first else 0)),
            vendor_document_number=fields.pop("vendorDocumentNumber", order["vendorDocumentNumber"]),
            items=[
                ReceivedItem(
                    purchase_order_item_id=item["id"],
                    sku_id=item["skuId"],
                    quantity=Decimal(item["quantity"]) - Decimal(item["quantityReceived"]),
                    cost=Decimal(item["cost"]),
                )
                for item in cast("list[Row]", order["items"])
                if Decimal(item["quantityReceived"]) < Decimal(item["quantity"])
            ],
        )
        for name in fields:
            raise bad_value(name, "A receipt is made from date, vendorDocumentNumber, tax and shipping.")
        return body

    def _received(self, order: Row, body: NewReceipt, *, by_api: bool) -> list[Change]:
        if order["status"] not in _OPEN:
            raise ApiError(400, f"Purchase order {order['id']} is {order['status']} and takes no more goods.")
        if not body.items:
            raise bad_value(name="items", message="At least one item is required.")
        order, day = deepcopy(order), read_instant("dateReceived", body.date_received)
        key, now = self._book.next_id(RECEIPTS), self._book.now()
        first = self._book.next_detail_id(RECEIPTS, "items", "id")
        items: list[Row] = [
            {**self._received_item(order, each), "id": first + place, "budgetCodeId": each.budget_code_id}
            for place, each in enumerate(body.items)
        ]
        done = all(item["status"] == "Received" for item in cast("list[Row]", order["items"]))
        order["status"] = "Received" if done else "PartiallyReceived"
        order["receivedOn"] = day if done else None
        goods = total(round_to_cents(item["quantity"] * item["cost"]) for item in items)
        receipt: Row = {
            "id": key,
            "active": True,
            "number": str(key),
            "vendorInvoiceNumber": body.vendor_document_number or "",
            "createdById": None,
            "memo": body.memo or "",
            "purchaseOrderId": order["id"],
            "billId": None,
            "jobId": body.job_id if body.job_id is not None else order["jobId"],
            "businessUnitId": order["businessUnitId"],
            "vendorId": order["vendorId"],
            "technicianId": order["technicianId"],
            "inventoryLocationId": order["inventoryLocationId"] or 0,
            "shipTo": deepcopy(order["shipTo"]),
            "shipToDescription": "",
            "receiptAmount": goods + body.tax + body.shipping,
            "taxAmount": body.tax,
            "shippingAmount": body.shipping,
            "receivedOn": day,
            "createdOn": now,
            "modifiedOn": now,
            "batchId": None,
            "syncStatus": "Pending",
            "budgetCodeId": body.budget_code_id,
            "landedCostMethod": "None",
            "otherAmount": Decimal(0),
            "items": items,
            "customFields": [],
        }
        changes: list[Change] = [(PURCHASE_ORDERS, order), (RECEIPTS, receipt)]
        switches = self._switches()
        if switches.create_bill_on_receipt and (switches.create_bill_on_api_receipt or not by_api):
            bill = self._bill(order, receipt)
            receipt["billId"] = bill["id"]
            changes += self._bills.faces_of(bill)
        return changes

    def _received_item(self, order: Row, given: ReceivedItem) -> Row:
        items = cast("list[Row]", order["items"])
        item = next(
            (
                each
                for each in items
                if each["skuId"] == given.sku_id and given.purchase_order_item_id in {None, each["id"]}
            ),
            None,
        )
        if item is None:
            raise bad_value(
                name="items", message=f"Purchase order {order['id']} has no such item of SKU {given.sku_id}."
            )
        left = Decimal(item["quantity"]) - Decimal(item["quantityReceived"])
        if not 0 < given.quantity <= left or given.cost < 0:
            raise bad_value(name="items", message=f"{left} of SKU {given.sku_id} are to be received.")
        item["quantityReceived"] = Decimal(item["quantityReceived"]) + given.quantity
        item["status"] = item_status(item)
        accounts = self._known_accounts(given.sku_id)
        return {
            "skuId": given.sku_id,
            "name": item["skuName"],
            "code": item["skuCode"],
            "description": given.description or item["description"],
            "quantity": given.quantity,
            "cost": given.cost,
            **{name: _without_id(accounts.get(name)) for name in _BILLED_ACCOUNTS},
            "purchaseOrderItemId": item["id"],
            "allocatedShipping": Decimal(0),
            "allocatedTax": Decimal(0),
            "allocatedOtherCosts": Decimal(0),
            "fullyLandedUnitCost": given.cost,
        }

    def _bill(self, order: Row, receipt: Row) -> Row:
        world, orders = self._book.world, self._bills_of(order["id"])
        draft = self._bills.draft(receipt["receivedOn"], reference_number=f"{order['number']}-{orders + 1:03d}")
        first = max(self._book.next_detail_id(each, "items", "id") for each in (INVENTORY_BILLS, AP_BILLS))
        vendor, unit = self._book.rows(VENDORS)[order["vendorId"]], world.business_units.get(order["businessUnitId"])
        job = world.jobs.get(receipt["jobId"])
        term = next((each for each in world.payment_terms.values() if each["isVendorDefault"]), None)
        kinds = {item["id"]: item for item in cast("list[Row]", order["items"])}
        before = deepcopy(draft)
        draft |= {
            "purchaseOrderId": order["id"],
            "vendorNumber": receipt["vendorInvoiceNumber"] or None,
            "summary": receipt["memo"] or None,
            "taxAmount": money_text(receipt["taxAmount"]),
            "shippingAmount": money_text(receipt["shippingAmount"]),
            "landedCostMethod": receipt["landedCostMethod"],
            "termName": term["name"] if term else None,
            "vendor": {"id": vendor["id"], "name": vendor["name"]},
            "businessUnit": {"id": unit["id"], "name": unit["name"]} if unit else None,
            "shipTo": deepcopy(receipt["shipTo"]),
            "jobId": receipt["jobId"],
            "jobNumber": job["jobNumber"] if job else None,
            "items": [
                {
                    "order": place,
                    "name": item["name"],
                    "description": item["description"],
                    "quantity": money_text(item["quantity"]),
                    "cost": money_text(item["cost"]),
                    "inventoryLocation": None,
                    "vendorPartNumber": kinds[item["purchaseOrderItemId"]]["vendorPartNumber"],
                    "serialNumber": None,
                    **{name: deepcopy(self._known_accounts(item["skuId"]).get(name)) for name in _BILLED_ACCOUNTS},
                    "id": first + place,
                    "skuId": item["skuId"],
                    "receiptItemId": item["id"],
                    "skuType": kinds[item["purchaseOrderItemId"]]["skuType"],
                    "skuCode": item["code"],
                    "budgetCodeId": item["budgetCodeId"],
                }
                for place, item in enumerate(cast("list[Row]", receipt["items"]), start=1)
            ],
        }
        add_up(before, draft, {"items", "taxAmount", "shippingAmount"})
        return draft

    def _bills_of(self, order_id: int) -> int:
        return sum(each["purchaseOrderId"] == order_id for each in self._book.rows(AP_BILLS).values())

    def _known_sku(self, sku_id: int) -> Row:
        """Return an item of an earlier order of the same SKU: the tenant's price book is not served."""
        for order in self._book.rows(PURCHASE_ORDERS).values():
            for item in cast("list[Row]", order["items"]):
                if item["skuId"] == sku_id:
                    return item
        return {}

    def _known_accounts(self, sku_id: int) -> Row:
        """Return an item of an earlier bill of the same SKU, or of any bill, for its accounts."""
        other: Row = {}
        for bill in self._book.rows(AP_BILLS).values():
            for item in cast("list[Row]", bill["items"] or []):
                if item["skuId"] == sku_id:
                    return item
                other = other or item
        return other


def _without_id(account: Row | None) -> Row | None:
    # Accounts on receipts have no id (servicetitan.md section 3.5).
    return None if account is None else {name: value for name, value in account.items() if name != "id"}
