"""Payments, credit memos, a deposit, vendors and a purchase order, written by hand, for the small contractor."""

from decimal import Decimal
from typing import Any

from st_deltek_pipeline.sandbox.contractor.world import Row, World
from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import small_world, stamp

ADDRESS = {"street": "1 Depot Rd", "unit": "", "city": "Boulder", "state": "CO", "zip": "80301", "country": "USA"}
ACCOUNT = {"id": 51, "name": "Materials", "number": "5100", "type": "CostOfGoodsSold", "detailType": "Supplies"}


def application(key: int, invoice_id: int, amount: str) -> Row:
    return {
        "appliedAmount": amount, "appliedBy": "office", "appliedId": key, "appliedOn": stamp(8),
        "appliedTo": invoice_id, "appliedToReferenceNumber": f"N{invoice_id}",
    }  # fmt: skip


def payment(key: int, day: int, total: str, unapplied: str, *applied: Row, **fields: Any) -> Row:
    return {
        "id": key, "syncStatus": "Posted", "referenceNumber": f"P{key}", "date": f"2026-10-{day:02d}T00:00:00Z",
        "type": "Check", "typeId": "61", "total": total, "unappliedAmount": unapplied, "memo": None,
        "customer": {"id": 11, "name": "Zoë Müller "}, "businessUnit": {"id": 31, "name": "HVAC Service"},
        "deposit": None, "batch": {"id": 6, "number": "13", "name": "P"}, "createdBy": "office",
        "generalLedgerAccount": None, "appliedTo": list(applied), "customFields": [], "authCode": None,
        "checkNumber": "1001", "modifiedOn": stamp(day), "createdOn": stamp(day), "active": True,
        "refundedPaymentId": None, **fields,
    }  # fmt: skip


def credit_memo(key: int, day: int, total: str) -> Row:
    return {
        "id": key, "date": f"2026-10-{day:02d}", "referenceNumber": f"CM{key}", "subTotal": Decimal(total),
        "salesTax": Decimal("0.00"), "salesTaxCode": None, "total": Decimal(total), "balance": Decimal(total),
        "appliedTo": [], "customer": {"id": 11, "name": "Zoë Müller "}, "customerAddress": None, "location": None,
        "locationAddress": None, "businessUnit": {"id": 31, "name": "HVAC Service"}, "syncStatus": "Posted",
        "batch": None, "customFields": [], "createdOn": stamp(day), "createdBy": "office", "modifiedOn": stamp(day),
        "modifiedBy": None, "description": "Goodwill", "active": True, "importId": None, "exportId": None,
    }  # fmt: skip


def vendor(key: int, name: str, *, active: bool = True) -> Row:
    contact = {"firstName": "", "lastName": "", "phone": "", "email": "", "fax": ""}
    return {
        "id": key, "name": name, "active": active, "isTruckReplenishment": False,
        "isMobileCreationRestricted": False, "memo": "", "deliveryOption": "Manual", "defaultTaxRate": Decimal(0),
        "contactInfo": contact, "address": dict(ADDRESS), "createdOn": stamp(1), "modifiedOn": stamp(1),
        "externalData": [], "customFields": [],
    }  # fmt: skip


def new_order(vendor_id: int, business_unit_id: int, **fields: Any) -> dict[str, Any]:
    """The body of a purchase order: 4 pipes of 2.50 and 1 pump of 89.99, tax 8.00, shipping 12.01."""
    items = [
        {"skuId": 9101, "description": "Pipe", "vendorPartNumber": "PI-1", "quantity": 4, "cost": 2.50},
        {"skuId": 9102, "description": "Pump", "vendorPartNumber": "PU-1", "quantity": 1, "cost": 89.99},
    ]
    return {
        "vendorId": vendor_id, "typeId": 71, "businessUnitId": business_unit_id, "inventoryLocationId": 81,
        "shipTo": {"description": "Depot", "address": ADDRESS}, "vendorInvoiceNumber": "V-77",
        "impactsTechnicianPayroll": False, "memo": "for the depot", "date": "2026-10-06T00:00:00Z",
        "requiredOn": "2026-10-08T00:00:00Z", "tax": 8.00, "shipping": 12.01, "items": items, **fields,
    }  # fmt: skip


def money_world() -> World:
    """Invoices 1 (107.00, paid 40.00 by 101), 2 (57.00, paid by 102); 102 has 20.00 unapplied; 103 is void.

    Payment 104 is a pending journal entry; 101 and 104 are in deposit 501. Credit memo 301 of 30.00 is unapplied.
    """
    world = small_world()
    titan = world.servicetitan
    titan.invoices[1]["balance"], titan.invoices[2]["balance"] = "67.00", "0.00"
    titan.invoices[2]["paidOn"] = "2026-10-09T00:00:00Z"
    deposit = {"id": 501, "name": "Monday"}
    rows = [
        payment(101, 8, "40.00", "0.00", application(201, 1, "40.00"), deposit=deposit),
        payment(102, 9, "77.00", "20.00", application(202, 2, "57.00"), type="Credit Card", typeId="62"),
        payment(103, 10, "10.00", "0.00", application(203, 1, "10.00"), active=False),
        payment(104, 11, "5.00", "5.00", type="Journal Entry", typeId="63", syncStatus="Pending", deposit=deposit),
    ]  # fmt: skip
    titan.payments.update({row["id"]: row for row in rows})
    titan.payment_types.update(
        {
            key: {"id": key, "name": name, "modifiedOn": stamp(1), "createdOn": stamp(1)}
            for key, name in ((61, "Check"), (62, "Credit Card"), (63, "Journal Entry"))
        }
    )
    titan.credit_memos[301] = credit_memo(301, 12, "30.00")
    titan.bank_deposits[501] = {
        "id": 501, "name": "Monday", "depositStatus": "Deposited", "syncStatus": "Posted", "batch": None,
        "createdOn": stamp(12), "createdBy": "office", "modifiedOn": stamp(12), "active": True, "importId": None,
        "depositDate": stamp(12, 0), "reviewStatus": "Reviewed", "reviewedOn": stamp(13),
        "grossAmount": Decimal("45.00"), "netAmount": Decimal("45.00"), "fees": Decimal(0), "bankAccount": None,
        "feeAccount": None,
    }  # fmt: skip
    titan.vendors.update({41: vendor(41, "Pipe Supply Co."), 42: vendor(42, "Gone Inc", active=False)})
    return world
