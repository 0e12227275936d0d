"""Changes to invoices: as a user of ServiceTitan makes them, and as the API lets an integration make them.

A user's edits go through ``/_sandbox``; they may do whatever the screens allow, also un-post a batch. The API
refuses changes of an exported invoice (servicetitan.md sections 3.1 and 7).
"""

import random
from collections.abc import Callable, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any, cast

from st_deltek_pipeline.domain.money import ZERO, round_to_cents
from st_deltek_pipeline.sandbox.contractor.world import World
from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError, bad_value
from st_deltek_pipeline.sandbox.servicetitan.receivables import INVOICE_CONFIGURATIONS, REVIEW_STATUSES
from st_deltek_pipeline.sandbox.servicetitan.resource import SYNC_STATUSES
from st_deltek_pipeline.sandbox.servicetitan.values import (
    amount_of,
    money_text,
    read_amount,
    read_day,
    read_instant,
    read_rows,
    reference,
)
from st_deltek_pipeline.sandbox.state import Row

NewInvoice = Callable[..., Row]

_ENUMERATIONS = {
    "syncStatus": SYNC_STATUSES,
    "reviewStatus": REVIEW_STATUSES,
    "invoiceConfiguration": INVOICE_CONFIGURATIONS,
}
_MONEY = ("subTotal", "salesTax", "total", "balance", "discountTotal")

# The API's name of a header field -> the row's (servicetitan.md section 3.1, "Update body").
_HEADER_FIELDS = {
    "number": "referenceNumber",
    "summary": "summary",
    "exportId": "exportId",
    "reviewStatus": "reviewStatus",
    "taxZoneId": "taxZoneId",
    "budgetCodeId": "budgetCodeId",
}
_HEADER_DATES = {"invoicedOn": "invoiceDate", "dueDate": "dueDate"}


class InvoiceEdits:
    """Makes new versions of invoices. Storing them, and moving ``modifiedOn``, is the twin's part.

    Args:
        world: The contractor, for the names behind ids.
        new_invoice: The generator's function for one more invoice.
    """

    def __init__(self, world: World, new_invoice: NewInvoice) -> None:
        self._world = world
        self._new_invoice = new_invoice

    def added(self, wanted: Mapping[str, Any], number: int) -> Row:
        """Return one more invoice.

        Args:
            wanted: ``date`` (default: the month's first day), ``total``, ``businessUnitId``, ``customerId``; any
                further key is a field to set, as in ``edited``.
            number: Which addition this is, so that each is different and all are the same every time.

        Raises:
            ApiError: 400 for a value that cannot be read.
        """
        fields = dict(wanted)
        day = read_day("date", fields.pop("date", f"{self._world.month}-01"))
        amount = fields.pop("total", None)
        row = self._new_invoice(
            self._world,
            day,
            total=None if amount is None else read_amount("total", amount),
            business_unit_id=fields.pop("businessUnitId", None),
            customer_id=fields.pop("customerId", None),
            rng=random.Random(f"{self._world.seed}/added/{number}"),  # noqa: S311 - a reproducible draw, not a secret
        )
        return self.edited(row, fields) if fields else row

    def edited(self, row: Row, fields: Mapping[str, Any], *, verbatim: bool = False) -> Row:
        """Return an invoice with some fields changed.

        ``businessUnitId``, ``customerId``, ``projectId`` and ``invoiceDate`` take an id or a day and set what the
        screens would set. A new ``total`` alone changes the first item by the difference; new ``items`` alone
        change subtotal and total; a new ``salesTax`` alone changes the total: the amounts go on adding up.

        Args:
            row: The present version; it is not changed.
            fields: API field names and new values.
            verbatim: Write the fields as they are, also when the amounts then do not add up.

        Raises:
            ApiError: 400 for an unknown field or a value that cannot be read.
        """
        changed = deepcopy(row)
        for name, value in fields.items():
            self._set(changed, name, value)
        if not verbatim:
            _add_up(row, changed, fields)
        return changed

    def voided(self, row: Row) -> Row:
        """Return an invoice that a user has voided: it stays in the feed and is inactive."""
        return {**deepcopy(row), "active": False}

    def unposted(self, row: Row) -> Row:
        """Return an invoice whose batch was un-posted (section 3.1: the status goes back to Pending)."""
        return {**deepcopy(row), "syncStatus": "Pending", "batch": None}

    def header_updated(self, row: Row, body: Mapping[str, Any]) -> Row:
        """Return an invoice after ``PATCH /invoices/{id}``.

        Raises:
            ApiError: 400 when it is exported, or for a field that cannot be read.
        """
        _refuse_exported(row)
        changed = deepcopy(row)
        for name, value in body.items():
            if name in _HEADER_FIELDS:
                self._set(changed, _HEADER_FIELDS[name], value)
            elif name in _HEADER_DATES:
                self._set(changed, _HEADER_DATES[name], value)
            else:
                raise bad_value(name, "The sandbox does not change this field.")
        return changed

    def item_updated(self, row: Row, body: Mapping[str, Any]) -> Row:
        """Return an invoice after ``PATCH /invoices/{id}/items``: an item changed by its ``id``, or added.

        Raises:
            ApiError: 400 when it is exported or a required field is missing; 404 for an unknown item.
        """
        _refuse_exported(row)
        for required in ("description", "quantity"):
            if body.get(required) is None:
                raise bad_value(required, "The field is required.")
        items = cast("list[Row]", deepcopy(row["items"] or []))
        item_id = body.get("id")
        item = next((each for each in items if each["id"] == item_id), None)
        if item is None and item_id is not None:
            raise ApiError(404, f"Invoice {row['id']} has no item {item_id}.")
        if item is None:
            if not items:
                raise bad_value(name="id", message="The sandbox adds an item only to an invoice that has one.")
            new_id = max(each["id"] for each in items) + 1
            item = {**deepcopy(items[-1]), "id": new_id, "order": len(items) + 1}
            items.append(item)
        quantity = read_amount("quantity", body["quantity"])
        price = read_amount(
            "unitPrice", body["unitPrice"] if body.get("unitPrice") is not None else item["price"] or "0"
        )
        item["description"] = body["description"]
        item["quantity"], item["price"] = str(quantity), str(price)
        item["total"] = str(round_to_cents(quantity * price))
        if body.get("skuId") is not None:
            item["skuId"] = body["skuId"]
        if body.get("skuName") is not None:
            item["skuName"] = body["skuName"]
        return self.edited(row, {"items": items})

    def item_deleted(self, row: Row, item_id: int) -> Row:
        """Return an invoice without one item.

        Raises:
            ApiError: 400 when it is exported; 404 for an unknown item.
        """
        _refuse_exported(row)
        items = cast("list[Row]", row["items"] or [])
        left = [each for each in items if each["id"] != item_id]
        if len(left) == len(items):
            raise ApiError(404, f"Invoice {row['id']} has no item {item_id}.")
        return self.edited(row, {"items": left})

    def _set(self, row: Row, name: str, value: Any) -> None:  # noqa: ANN401 - a field may hold anything JSON can
        world = self._world.servicetitan
        if name == "businessUnitId":
            row["businessUnit"] = reference(name, value, world.business_units)
            for item in cast("list[Row]", row["items"] or []):
                item["businessUnit"] = deepcopy(row["businessUnit"])
        elif name == "customerId":
            row["customer"] = reference(name, value, world.customers)
        elif name not in row or name in {"id", "createdOn", "modifiedOn"}:
            raise bad_value(name, "An invoice has no such field, or it cannot be changed.")
        elif name in {"invoiceDate", "dueDate"}:
            row[name] = read_instant(name, value)
        elif name in _ENUMERATIONS and value not in _ENUMERATIONS[name]:
            raise bad_value(name, f"One of {', '.join(_ENUMERATIONS[name])} is expected.")
        elif name in _MONEY and value is not None:
            row[name] = money_text(read_amount(name, value))
        elif name == "items" and value is not None:
            row[name] = deepcopy(read_rows(name, value))
        else:
            row[name] = deepcopy(value)


def _add_up(before: Row, after: Row, fields: Mapping[str, Any]) -> None:
    tax = amount_of(after["salesTax"])
    if "total" in fields and not {"items", "subTotal"} & set(fields):
        _move_first_item(before, after, amount_of(after["total"]) - tax)
    elif {"items", "salesTax"} & set(fields):
        if "items" in fields and "subTotal" not in fields:
            items = cast("list[Row]", after["items"] or [])
            after["subTotal"] = money_text(sum((amount_of(item.get("total")) for item in items), start=ZERO))
        if "total" not in fields:
            after["total"] = money_text(amount_of(after["subTotal"]) + tax)
    if "balance" not in fields and after["total"] != before["total"]:
        paid = amount_of(before["total"]) - amount_of(before["balance"])
        after["balance"] = money_text(amount_of(after["total"]) - paid)


def _move_first_item(before: Row, after: Row, subtotal: Decimal) -> None:
    items = cast("list[Row]", after["items"] or [])
    if items:
        item = items[0]
        item["total"] = money_text(amount_of(item.get("total")) + subtotal - amount_of(before["subTotal"]))
        # One piece at the new price: a unit price of the old quantity need not be whole cents.
        item["quantity"], item["price"] = "1.00", item["total"]
    after["subTotal"] = money_text(subtotal)


def _refuse_exported(row: Row) -> None:
    if row["syncStatus"] == "Exported":
        raise ApiError(400, f"Invoice {row['id']} is exported and can no longer be changed.")
