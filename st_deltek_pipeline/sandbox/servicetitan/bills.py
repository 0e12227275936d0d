"""Vendor bills and AP credits as users change them.

A bill is one record with two faces: the row of ``inventory-bills`` and, with more fields, the row of
``ap-bills`` under the same id. A bill that is not for a purchase order has only the second one. The API can
neither make nor change bills (servicetitan.md section 3.3).
"""

import random
from collections.abc import Mapping
from copy import deepcopy
from datetime import date
from typing import Any, cast

from st_deltek_pipeline.domain.money import round_to_cents
from st_deltek_pipeline.sandbox.contractor.bill_edits import new_bill
from st_deltek_pipeline.sandbox.contractor.bill_rows import Extras
from st_deltek_pipeline.sandbox.contractor.world import World
from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError, bad_value
from st_deltek_pipeline.sandbox.servicetitan.bill_amounts import EXTRAS, add_up
from st_deltek_pipeline.sandbox.servicetitan.book import Book, Change
from st_deltek_pipeline.sandbox.servicetitan.empty_bills import EMPTY_EXPENSE, EMPTY_ITEM, empty_bill
from st_deltek_pipeline.sandbox.servicetitan.ordered_items import returned
from st_deltek_pipeline.sandbox.servicetitan.payables import (
    AP_BILLS,
    AP_CREDITS,
    BILL_STATUSES,
    INVENTORY_BILLS,
    PURCHASE_ORDERS,
    RECEIPTS,
    VENDORS,
)
from st_deltek_pipeline.sandbox.servicetitan.resource import SYNC_STATUSES
from st_deltek_pipeline.sandbox.servicetitan.values import (
    midnight,
    money_text,
    read_amount,
    read_choice,
    read_day,
    read_id,
    read_instant,
    read_rows,
    reference,
)
from st_deltek_pipeline.sandbox.state import Row

_FIXED = {"id", "createdOn", "modifiedOn"}
_MONEY = {*EXTRAS, "billAmount", "vendorInvoiceTotal"}
_INSTANTS = {"billDate", "dueDate", "postDate", "earlyDiscountDate", "dateReconciled", "dateCanceled"}
_CHOICES = {
    "syncStatus": SYNC_STATUSES,
    "status": BILL_STATUSES,
    "landedCostMethod": ("None", "ByValue"),
}

# What a row of ap-bills has and one of inventory-bills has not.
_AP_ONLY = {
    "status",
    "source",
    "billType",
    "earlyDiscountDate",
    "vendorInvoiceTotal",
    "doNotPay",
    "dateCanceled",
    "canceledBy",
    "remittanceVendorInfo",
    "expenseItems",
}


class Bills:
    """All changes of bills and AP credits.

    Args:
        book: The tenant's rows.
        world: The contractor, on which a bill without lines is modelled.
    """

    def __init__(self, book: Book, world: World) -> None:
        self._book = book
        self._world = world
        self._first_day = f"{world.month}-01"

    def add(self, wanted: Mapping[str, Any]) -> Row:
        """Let a user enter one more bill, and return its ``ap-bills`` row.

        Args:
            wanted: ``date`` and either the lines or none. Lines are ``items`` of ``{description, quantity, cost}``
                or, for a bill without a purchase order, ``expenseItems`` of ``{amount, description}``, each with
                further fields of a line; the bill's amount is their sum. Without lines it is a bill such as the
                month has many, with its order and receipt, of ``vendorId``, ``jobId``, ``purchaseOrderId`` and
                ``total`` where they are given. Any further key is a field to set, as in ``edit``; the status is
                Posted.

        Raises:
            ApiError: 400 for a value that cannot be read.
            ValueError: No bill of the month can be a model.
        """
        fields = dict(wanted)
        day = read_day("date", fields.pop("date", self._first_day))
        if not {"items", "expenseItems"} & set(fields):
            return self._add_usual(day, fields)
        fields.setdefault("syncStatus", "Posted")
        draft = self.draft(midnight(day), reference_number=None)
        if "expenseItems" in fields:
            draft |= {"source": "Standalone", "billType": "ApBill"}
        return self._book.store(*self.faces_of(self._edited(draft, fields, verbatim=False)))[-1]

    def _add_usual(self, day: date, fields: Row) -> Row:
        amount: Any = fields.pop("total", None)
        tax, shipping, other = (round_to_cents(read_amount(name, fields.pop(name, 0))) for name in EXTRAS)
        ids = {name: fields.pop(name, None) for name in ("vendorId", "jobId", "purchaseOrderId")}
        vendor_id, job_id, order_id = (None if key is None else read_id(name, key) for name, key in ids.items())
        # Nothing is made when one of the other fields cannot be set.
        self._edited(self.draft(midnight(day), reference_number=None), fields, verbatim=False)
        row = new_bill(
            self._world,
            day,
            random.Random(f"{self._world.seed}/added/{self._book.changes}"),  # noqa: S311 - reproducible, no secret
            vendor_id=vendor_id,
            job_id=job_id,
            purchase_order_id=order_id,
            total=None if amount is None else round_to_cents(read_amount("total", amount)),
            extras=Extras(tax, shipping, other),
        )
        # The bill's other row, its receipt and its order are in the world by now, and are stored with it.
        self._book.store((INVENTORY_BILLS, row))
        return self.edit(row["id"], fields) if fields else self._book.row(AP_BILLS, row["id"])

    def draft(self, day: str, *, reference_number: str | None) -> Row:
        """Return an empty bill as an ``ap-bills`` row; it is not stored.

        Args:
            day: Its date, as rows write it.
            reference_number: Its number; by default its id.
        """
        key, now = self._book.next_id(INVENTORY_BILLS, AP_BILLS), self._book.now()
        return empty_bill(key, day, now, reference_number or str(key))

    def edit(self, bill_id: int, fields: Mapping[str, Any], *, verbatim: bool = False) -> Row:
        """Let a user change a bill, and return its ``ap-bills`` row (or the other one when it has none).

        ``vendorId``, ``businessUnitId`` and ``jobId`` take an id. ``items`` and ``expenseItems`` replace the
        lines; a line with the ``id`` of an old one keeps what is not given. The amount of the bill follows its
        lines, tax, shipping and other costs; a new ``billAmount`` alone changes the first line.

        Args:
            bill_id: The bill.
            fields: Names and new values.
            verbatim: Write the fields as they are, also when the amounts then do not add up.

        Raises:
            ApiError: 404 for an unknown bill, 400 for an unknown field or a value that cannot be read.
        """
        changes: list[Change] = []
        faces = self._faces(bill_id)
        known = {name for _, row in faces for name in row}
        for resource, row in faces:
            own = {name: value for name, value in fields.items() if name in row or name not in known}
            changes.append((resource, self._edited(row, own, verbatim=verbatim)))
        return self._book.store(*changes)[-1]

    def cancel(self, bill_id: int) -> Row:
        """Let a user cancel a bill: its purchase order goes back to what it was before these goods came.

        Raises:
            ApiError: 404 for an unknown bill, 400 when it is canceled already.
        """
        return self._book.store(*self.canceled(bill_id))[-1]

    def canceled(self, bill_id: int) -> list[Change]:
        """Return the changes that cancel a bill, the purchase order and the receipts with it.

        Raises:
            ApiError: 404 for an unknown bill, 400 when it is canceled already.
        """
        faces, now = self._faces(bill_id), self._book.now()
        if any(row.get("status") == "Canceled" or not row.get("active", True) for _, row in faces):
            raise ApiError(400, f"Bill {bill_id} is canceled already.")
        receipts = [each for each in self._book.rows(RECEIPTS).values() if each["billId"] == bill_id and each["active"]]
        changes: list[Change] = [(RECEIPTS, {**each, "active": False}) for each in receipts]
        order = self._book.rows(PURCHASE_ORDERS).get(faces[0][1]["purchaseOrderId"])
        if order is not None:
            changes.append((PURCHASE_ORDERS, returned(order, receipts)))
        for resource, row in faces:
            gone = {"active": False} if resource is INVENTORY_BILLS else {"status": "Canceled", "dateCanceled": now}
            changes.append((resource, {**row, **gone}))
        return changes

    def unpost(self, bill_id: int) -> Row:
        """Let a user un-post the batch of a bill.

        Raises:
            ApiError: 404 for an unknown bill.
        """
        return self._book.store(
            *((resource, {**row, "syncStatus": "Pending", "batch": None}) for resource, row in self._faces(bill_id))
        )[-1]

    def credit(self, bill_id: int, wanted: Mapping[str, Any]) -> Row:
        """Let a user enter what a vendor credits for a bill, such as for returned goods.

        Args:
            bill_id: The bill it is applied to.
            wanted: ``amount`` (default: the whole bill), ``date``, ``memo``, ``referenceNumber``.

        Raises:
            ApiError: 404 for an unknown bill, 400 for a value that cannot be read.
        """
        bill, fields = self._faces(bill_id)[-1][1], dict(wanted)
        amount = round_to_cents(read_amount("amount", fields.pop("amount", bill["billAmount"])))
        day = midnight(read_day("date", fields.pop("date", bill["billDate"] or self._first_day)))
        key, now = self._book.next_id(AP_CREDITS), self._book.now()
        row: Row = {
            "id": key,
            "inventoryReturnId": None,
            "jobId": bill["jobId"],
            "active": True,
            "createdOn": now,
            "modifiedOn": now,
            "date": day,
            "canceledOn": None,
            "number": str(key),
            "referenceNumber": fields.pop("referenceNumber", None),
            "memo": fields.pop("memo", None),
            "amount": amount,
            "appliedAmount": amount,
            "status": "Unreconciled",
            "syncStatus": read_choice("syncStatus", fields.pop("syncStatus", "Posted"), SYNC_STATUSES),
            "batch": None,
            "businessUnit": deepcopy(bill["businessUnit"]),
            "remittanceVendor": None,
            "vendor": deepcopy(bill["vendor"]),
            "paymentStatus": "Unpaid",
            "splits": [
                {
                    "id": self._book.next_detail_id(AP_CREDITS, "splits", "id"),
                    "active": True,
                    "createdOn": now,
                    "inventoryBillId": bill_id,
                    "vendorCreditId": key,
                    "amount": amount,
                }
            ],
            "budgetCodeId": None,
            "customFields": [],
        }
        for name in fields:
            raise bad_value(name, "An AP credit is made from amount, date, memo, referenceNumber and syncStatus.")
        return self._book.store((AP_CREDITS, row))[0]

    def exported(self, bill_id: int) -> list[Change]:
        """Return the changes that mark a bill as exported."""
        return [(resource, {**row, "syncStatus": "Exported"}) for resource, row in self._faces(bill_id)]

    def faces_of(self, draft: Row) -> list[Change]:
        """Return the rows of a new bill, made from its ``ap-bills`` row; that one is the last."""
        changes: list[Change] = [(AP_BILLS, draft)]
        if draft["billType"] == "Procurement":
            shown = {name: deepcopy(value) for name, value in draft.items() if name not in _AP_ONLY}
            for item in cast("list[Row]", shown["items"]):
                place = item["inventoryLocation"]
                item["inventoryLocation"] = place["name"] if place else None
                del item["vendorPartNumber"]
            changes.insert(0, (INVENTORY_BILLS, {**shown, "active": True}))
        return changes

    def _faces(self, bill_id: int) -> list[Change]:
        found = [
            (resource, self._book.rows(resource)[bill_id])
            for resource in (INVENTORY_BILLS, AP_BILLS)
            if bill_id in self._book.rows(resource)
        ]
        if not found:
            raise ApiError(404, f"There is no bill {bill_id}.")
        return found

    def _edited(self, row: Row, fields: Mapping[str, Any], *, verbatim: bool) -> Row:
        changed = deepcopy(row)
        for name, value in fields.items():
            self._set(changed, name, value)
        if not verbatim:
            add_up(row, changed, set(fields))
        return changed

    def _set(self, row: Row, name: str, value: Any) -> None:  # noqa: ANN401 - a field may hold anything JSON can
        world = self._book.world
        if name == "vendorId":
            row["vendor"] = reference(name, value, self._book.rows(VENDORS))
        elif name == "businessUnitId":
            row["businessUnit"] = reference(name, value, world.business_units)
        elif name == "jobId":
            job = None if value is None else world.jobs.get(value) if isinstance(value, int) else None
            if value is not None and job is None:
                raise bad_value(name, f"There is no {value}.")
            row["jobId"], row["jobNumber"] = value, job["jobNumber"] if job else None
        elif name not in row or name in _FIXED:
            raise bad_value(name, "A bill has no such field, or it cannot be changed.")
        elif name in {"items", "expenseItems"}:
            row[name] = self._lines(row, name, value)
        elif name in _INSTANTS:
            row[name] = read_instant(name, value)
        elif name in _CHOICES:
            row[name] = read_choice(name, value, _CHOICES[name])
        elif name in _MONEY and value is not None:
            row[name] = money_text(read_amount(name, value))
        else:
            row[name] = deepcopy(value)

    def _lines(self, row: Row, name: str, value: Any) -> list[Row]:  # noqa: ANN401 - as it came in JSON
        given = read_rows(name, value)
        old = {each["id"]: each for each in cast("list[Row]", row[name] or [])}
        empty = EMPTY_ITEM if name == "items" else EMPTY_EXPENSE
        if name == "items" and "status" not in row:
            empty = {key: each for key, each in empty.items() if key != "vendorPartNumber"}
        next_id = max(self._book.next_detail_id(each, name, "id") for each in (INVENTORY_BILLS, AP_BILLS))
        lines: list[Row] = []
        for place, each in enumerate(given, start=1):
            for field in each:
                if field not in empty and field != "vendorPartNumber":
                    raise bad_value(name, f"A line has no field {field}.")
            known = old.get(each.get("id", 0))
            line = {**(known or empty), **{key: each[key] for key in each if key in empty}}
            if known is None:
                line["id"] = next_id + place
            if name == "items":
                line["order"] = place
            for number in ("quantity", "cost", "amount"):
                if each.get(number) is not None:
                    line[number] = money_text(read_amount(number, each[number]))
            lines.append(deepcopy(line))
        return lines
