"""What the lines of a bill come to, and how its amounts go on adding up when somebody changes it."""

from decimal import Decimal
from typing import cast

from st_deltek_pipeline.domain.money import allocate, round_to_cents, total
from st_deltek_pipeline.sandbox.servicetitan.values import amount_of, money_text
from st_deltek_pipeline.sandbox.state import Row

EXTRAS = ("taxAmount", "shippingAmount", "otherAmount")
"""What a bill charges besides its lines."""

_ALLOCATIONS = {
    "allocatedTax": "taxAmount",
    "allocatedShipping": "shippingAmount",
    "allocatedOtherCosts": "otherAmount",
}
_UNIT_COST = Decimal("0.0001")


def line_amounts(row: Row) -> list[Decimal]:
    """Return what each item, then each expense of a bill comes to, in whole cents."""
    items = cast("list[Row]", row["items"] or [])
    expenses = cast("list[Row]", row.get("expenseItems") or [])
    return [
        *(round_to_cents(amount_of(each["quantity"]) * amount_of(each["cost"])) for each in items),
        *(amount_of(each["amount"]) for each in expenses),
    ]


def add_up(before: Row, after: Row, fields: set[str]) -> None:
    """Make the amounts of a changed bill add up: the bill follows its lines, or the first line the bill.

    Args:
        before: The version before.
        after: The new version, which is changed.
        fields: Names of the fields that a user has set.
    """
    parts = {"items", "expenseItems", *EXTRAS}
    if "billAmount" in fields and not parts & fields:
        _move_first_line(after, amount_of(after["billAmount"]) - amount_of(before["billAmount"]))
    elif parts & fields and "billAmount" not in fields:
        extras = total(amount_of(after[name]) for name in EXTRAS)
        after["billAmount"] = money_text(total(line_amounts(after)) + extras)
    if after["billAmount"] != before["billAmount"] and "vendorInvoiceTotal" not in fields and "status" in after:
        after["vendorInvoiceTotal"] = after["billAmount"]
    if (parts | {"billAmount", "landedCostMethod"}) & fields:
        _allocate(after)


def _move_first_line(row: Row, difference: Decimal) -> None:
    items, expenses = cast("list[Row]", row["items"] or []), cast("list[Row]", row.get("expenseItems") or [])
    if items:
        amount = round_to_cents(amount_of(items[0]["quantity"]) * amount_of(items[0]["cost"])) + difference
        # One piece at the new cost: a unit cost of the old quantity need not be whole cents.
        items[0]["quantity"], items[0]["cost"] = "1.00", money_text(amount)
    elif expenses:
        expenses[0]["amount"] = money_text(amount_of(expenses[0]["amount"]) + difference)


def _allocate(row: Row) -> None:
    """Spread tax, shipping and other costs over the items by their value when the tenant lands costs so."""
    items = cast("list[Row]", row["items"] or [])
    weights = line_amounts({"items": items})
    if row["landedCostMethod"] != "ByValue" or not sum(weights):
        for item in items:
            item.update(dict.fromkeys((*_ALLOCATIONS, "fullyLandedUnitCost")))
        return
    landed = list(weights)
    for name, extra in _ALLOCATIONS.items():
        shares = allocate(round_to_cents(amount_of(row[extra])), weights)
        landed = [amount + share for amount, share in zip(landed, shares, strict=True)]
        for item, share in zip(items, shares, strict=True):
            item[name] = money_text(share)
    for item, amount in zip(items, landed, strict=True):
        quantity = amount_of(item["quantity"])
        item["fullyLandedUnitCost"] = money_text((amount / quantity).quantize(_UNIT_COST)) if quantity else None
