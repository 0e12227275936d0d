"""Rows of purchasing: purchase orders, receipts, and one bill as both of ServiceTitan's resources show it.

What is bought, when and from whom is in ``purchasing``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.money import ZERO, allocate, round_to_cents, total
from st_deltek_pipeline.sandbox.contractor.ledger_accounts import item_account
from st_deltek_pipeline.sandbox.contractor.payment_terms import TERMS_BY_NAME
from st_deltek_pipeline.sandbox.contractor.pricebook import BY_WORK, Kind, Sku
from st_deltek_pipeline.sandbox.contractor.working_days import servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row

WAREHOUSE = {"id": 6501, "name": "Brighton Blvd Warehouse", "type": "Warehouse"}
SHOP: Row = {
    "street": "4800 Brighton Blvd",
    "unit": None,
    "city": "Denver",
    "state": "CO",
    "zip": "80216",
    "country": "USA",
}
ORDER_TYPE_ID = 6601

_UNIT_COST_DECIMALS = Decimal("0.0001")
_HVAC_INCOME = frozenset({"4010", "4020", "4030", "4040", "4050", "4200"})


@dataclass(slots=True)
class BoughtLine:
    """One line: cost per unit, up to four decimals, and the extended amount in whole cents."""

    sku: Sku
    quantity: Decimal
    cost: Decimal
    amount: Decimal


def buy(sku: Sku, quantity: Decimal, cost: Decimal) -> BoughtLine:
    """Extend one line: quantity times cost, rounded half away from zero to the cent."""
    return BoughtLine(sku, quantity, cost, round_to_cents(quantity * cost))


@dataclass(frozen=True, slots=True)
class Extras:
    """What a bill charges besides its items, in whole cents.

    Attributes:
        landed: Whether ServiceTitan has spread the extras over the items (``landedCostMethod`` ByValue).
    """

    tax: Decimal = ZERO
    shipping: Decimal = ZERO
    other: Decimal = ZERO
    landed: bool = False

    @property
    def total(self) -> Decimal:
        """All of them."""
        return self.tax + self.shipping + self.other


@dataclass(slots=True)
class BillRows:
    """One bill twice: as a row of the inventory-bills feed, and as a row of ap-bills. Both have one id."""

    inventory: Row
    payable: Row


@dataclass(frozen=True, slots=True)
class SkuAccounts:
    """The accounts that every line of an item names."""

    income: Row | None
    cost_of_sale: Row
    asset: Row


def _accounts(sku: Sku) -> SkuAccounts:
    hvac = sku.income is None or sku.income in _HVAC_INCOME
    income = item_account(sku.income) if sku.income else None
    return SkuAccounts(income, item_account("5010" if hvac else "5110"), item_account("1310"))


GOODS = {
    work: tuple(sku for sku in skus if sku.kind in (Kind.MATERIAL, Kind.EQUIPMENT)) for work, skus in BY_WORK.items()
}
ACCOUNTS = {sku.sku_id: _accounts(sku) for skus in GOODS.values() for sku in skus}


@dataclass(slots=True)
class BillHeader:
    """What a bill says around its lines.

    Attributes:
        order: The purchase order's row; ``None`` for a bill without one.
        number: ServiceTitan's number of the bill. vendor_number: The vendor's invoice number.
        job: ``jobId`` and ``jobNumber``, when bought for a job.
    """

    bill_id: int
    order: Row | None
    number: str
    vendor_number: str | None
    vendor: Row | None
    unit: Row | None
    job: tuple[int, str] | None
    term: str
    dated: date
    created: str
    created_by: str
    tax_zone: Row | None = None
    summary: str | None = None


def bill_rows(header: BillHeader, lines: Sequence[BoughtLine], extras: Extras, first_item_id: int) -> BillRows:
    """Write one bill whose lines and extras sum to its amount exactly.

    ``billAmount`` includes tax, shipping and other costs, as the totals of orders and receipts do
    (servicetitan.md section 3.5; assumed for bills).

    Args:
        header: What it says around its lines.
        lines: What is billed.
        extras: What it charges besides.
        first_item_id: The id of its first item; the others follow.

    Returns:
        Both rows, not yet posted.
    """
    items = _items(lines, extras, first_item_id)
    amount = total(line.amount for line in lines) + extras.total
    common = _common(header, extras, amount)
    inventory: Row = {**common, "items": items, "active": True}
    payable: Row = {
        **common,
        "status": "Reconciled",
        "source": "Purchasing" if header.order else "Standalone",
        "billType": "Procurement" if header.order else "ApBill",
        "earlyDiscountDate": None,
        "vendorInvoiceTotal": str(amount),
        "doNotPay": False,
        "dateCanceled": None,
        "canceledBy": None,
        "remittanceVendorInfo": None,
        "items": [
            {**item, "inventoryLocation": WAREHOUSE, "vendorPartNumber": f"{item['skuCode']}-{item['skuId'] % 97:02d}"}
            for item in items
        ],
        "expenseItems": [],
    }
    return BillRows(inventory, payable)


def _common(header: BillHeader, extras: Extras, amount: Decimal) -> Row:
    order = header.order
    return {
        "id": header.bill_id,
        "purchaseOrderId": order["id"] if order else None,
        "syncStatus": "Pending",
        "referenceNumber": header.number,
        "vendorNumber": header.vendor_number,
        "summary": header.summary,
        "billDate": servicetitan_instant(header.dated, 0),
        "billAmount": str(amount),
        "taxAmount": str(extras.tax),
        "shippingAmount": str(extras.shipping),
        "landedCostMethod": "ByValue" if extras.landed else "None",
        "otherAmount": str(extras.other) if extras.landed or extras.other else None,
        "createdBy": header.created_by,
        "createdOn": header.created,
        "modifiedOn": header.created,
        "termName": header.term,
        "dueDate": servicetitan_instant(TERMS_BY_NAME[header.term].due_on(header.dated), 0),
        "shipToDescription": WAREHOUSE["name"] if order else None,
        "postDate": None,
        "batch": None,
        "businessUnit": header.unit,
        "taxZone": header.tax_zone,
        "vendor": header.vendor,
        "shipTo": SHOP if order else None,
        "budgetCodeId": None,
        "customFields": [],
        "jobId": header.job[0] if header.job else None,
        "jobNumber": header.job[1] if header.job else None,
        "dateReconciled": None,
    }


def _items(lines: Sequence[BoughtLine], extras: Extras, first_id: int) -> list[Row]:
    rows = [_item(line, place + 1, first_id + place) for place, line in enumerate(lines)]
    if extras.landed and any(line.amount for line in lines):
        for row, line, (tax, shipping, other) in zip(rows, lines, _shares(lines, extras), strict=True):
            row["allocatedTax"] = str(tax)
            row["allocatedShipping"] = str(shipping)
            row["allocatedOtherCosts"] = str(other)
            landed = (line.amount + tax + shipping + other) / line.quantity
            row["fullyLandedUnitCost"] = str(landed.quantize(_UNIT_COST_DECIMALS))
    return rows


def _item(line: BoughtLine, order: int, item_id: int) -> Row:
    sku, accounts = line.sku, ACCOUNTS[line.sku.sku_id]
    return {
        "order": order,
        "name": sku.name,
        "description": sku.name,
        "quantity": str(line.quantity),
        "cost": str(line.cost),
        "allocatedTax": None,
        "allocatedShipping": None,
        "allocatedOtherCosts": None,
        "fullyLandedUnitCost": None,
        "inventoryLocation": WAREHOUSE["name"],
        "serialNumber": None,
        "generalLedgerAccount": accounts.income,
        "costOfSaleAccount": accounts.cost_of_sale,
        "assetAccount": accounts.asset,
        "id": item_id,
        "skuId": sku.sku_id,
        "receiptItemId": None,
        "skuType": sku.kind.value,
        "skuCode": sku.code,
        "budgetCodeId": None,
    }


def _shares(lines: Sequence[BoughtLine], extras: Extras) -> list[tuple[Decimal, Decimal, Decimal]]:
    weights = [line.amount for line in lines]
    parts = [allocate(amount, weights) for amount in (extras.tax, extras.shipping, extras.other)]
    return list(zip(*parts, strict=True))


def expense_bill(header: BillHeader, expenses: Sequence[tuple[str, str, Decimal]], first_item_id: int) -> Row:
    """Write a bill that no purchase order asked for, as ap-bills shows it; inventory-bills does not.

    Args:
        header: What it says around its lines; without an order.
        expenses: Description, number of ServiceTitan's account and amount of each line.
        first_item_id: The id of its first line; the others follow.

    Returns:
        The row, not yet posted.
    """
    rows = bill_rows(header, (), Extras(), first_item_id)
    amount = str(total(each for _, _, each in expenses))
    rows.payable["billAmount"] = rows.payable["vendorInvoiceTotal"] = amount
    rows.payable["expenseItems"] = [
        {
            "id": first_item_id + place,
            "amount": str(each),
            "description": description,
            "generalLedgerAccount": item_account(account),
            "job": {"id": header.job[0], "name": header.job[1]} if header.job else None,
            "businessUnit": header.unit,
            "budgetCodeId": None,
            "projectLabelIds": [],
        }
        for place, (description, account, each) in enumerate(expenses)
    ]
    return rows.payable


def order_row(order_id: int, number: str, vendor_id: int, *, unit_id: int | None, job: Row | None, day: date) -> Row:
    """Return a purchase order without items (servicetitan.md section 3.5).

    Args:
        order_id: Its id.
        number: Its number.
        vendor_id: Whom it is sent to.
        unit_id: For which business unit.
        job: For which job, when not for stock.
        day: Its date.
    """
    created = servicetitan_instant(day, 15 * 3600, order_id % 10_000_000)
    return {
        "id": order_id,
        "number": number,
        "invoiceId": job["invoiceId"] if job else None,
        "jobId": job["id"] if job else None,
        "projectId": job["projectId"] if job else None,
        "status": "Sent",
        "typeId": ORDER_TYPE_ID + (job is None),
        "vendorId": vendor_id,
        "technicianId": None,
        "shipTo": SHOP,
        "businessUnitId": unit_id,
        "inventoryLocationId": WAREHOUSE["id"],
        "batchId": None,
        "budgetCodeId": None,
        "vendorDocumentNumber": "",
        "date": servicetitan_instant(day, 0),
        "requiredOn": servicetitan_instant(day, 0),
        "sentOn": created,
        "receivedOn": None,
        "createdOn": created,
        "modifiedOn": created,
        "total": ZERO,
        "tax": ZERO,
        "shipping": ZERO,
        "createdById": 70121,
        "summary": "",
        "items": [],
        "customFields": [],
    }


def add_to_order(
    order: Row, lines: Sequence[BoughtLine], extras: Extras, first_item_id: int, *, received: bool
) -> None:
    """Add what one delivery brings, or is to bring, to a purchase order's row."""
    for place, line in enumerate(lines):
        order["items"].append(
            {
                "id": first_item_id + place,
                "skuId": line.sku.sku_id,
                "description": line.sku.name,
                "createdOn": order["createdOn"],
                "modifiedOn": order["createdOn"],
                "skuName": line.sku.name,
                "skuCode": line.sku.code,
                "skuType": line.sku.kind.value,
                "vendorPartNumber": f"{line.sku.code}-{line.sku.sku_id % 97:02d}",
                "quantity": line.quantity,
                "quantityReceived": line.quantity if received else Decimal(0),
                "cost": line.cost,
                "total": line.amount,
                "serialNumbers": [],
                "status": "Received" if received else "Pending",
                "chargeable": True,
                "budgetCodeId": None,
            }
        )
    order["tax"] += extras.tax
    order["shipping"] += extras.shipping
    order["total"] += total(line.amount for line in lines) + extras.total


def receipt_row(receipt_id: int, order: Row, lines: Sequence[BoughtLine], extras: Extras, bill: Row) -> Row:
    """Return the receipt that a bill was made from; its items follow the numbers of the bill's items.

    Args:
        receipt_id: Its id.
        order: The purchase order.
        lines: What was received.
        extras: What it costs besides.
        bill: The bill's row of inventory-bills; its items are told the receipt's.
    """
    ordered = {item["skuId"]: item["id"] for item in order["items"]}
    items: list[Row] = []
    for line, item in zip(lines, bill["items"], strict=True):
        item["receiptItemId"] = item["id"] + 1_000_000_000
        items.append(
            {
                "id": item["receiptItemId"],
                "skuId": line.sku.sku_id,
                "name": line.sku.name,
                "code": line.sku.code,
                "description": line.sku.name,
                "quantity": line.quantity,
                "cost": line.cost,
                "generalLedgerAccount": _without_id(item["generalLedgerAccount"]),
                "costOfSaleAccount": _without_id(item["costOfSaleAccount"]),
                "assetAccount": _without_id(item["assetAccount"]),
                "purchaseOrderItemId": ordered[line.sku.sku_id],
                "budgetCodeId": None,
                "allocatedShipping": _number(item["allocatedShipping"]),
                "allocatedTax": _number(item["allocatedTax"]),
                "allocatedOtherCosts": _number(item["allocatedOtherCosts"]),
                "fullyLandedUnitCost": _number(item["fullyLandedUnitCost"]),
            }
        )
    return {
        "id": receipt_id,
        "active": True,
        "number": bill["referenceNumber"],
        "vendorInvoiceNumber": bill["vendorNumber"] or "",
        "createdById": 70121,
        "memo": "",
        "purchaseOrderId": order["id"],
        "billId": bill["id"],
        "jobId": order["jobId"],
        "businessUnitId": order["businessUnitId"],
        "vendorId": order["vendorId"],
        "technicianId": None,
        "inventoryLocationId": WAREHOUSE["id"],
        "shipTo": SHOP,
        "shipToDescription": WAREHOUSE["name"],
        "receiptAmount": total(line.amount for line in lines) + extras.total,
        "taxAmount": extras.tax,
        "shippingAmount": extras.shipping,
        "receivedOn": bill["createdOn"],
        "createdOn": bill["createdOn"],
        "modifiedOn": bill["createdOn"],
        "batchId": None,
        "syncStatus": "Pending",
        "budgetCodeId": None,
        "landedCostMethod": bill["landedCostMethod"],
        "otherAmount": extras.other if extras.landed else None,
        "items": items,
        "customFields": [],
    }


def _without_id(account: Row | None) -> Row | None:
    return None if account is None else {name: value for name, value in account.items() if name != "id"}


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
