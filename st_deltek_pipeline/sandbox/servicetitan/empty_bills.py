"""A bill, an item and an expense with every field of the API and nothing in them (servicetitan.md section 3.3)."""

from st_deltek_pipeline.sandbox.servicetitan.values import USER
from st_deltek_pipeline.sandbox.state import Row

EMPTY_ITEM: Row = {
    "order": 1,
    "name": None,
    "description": None,
    "quantity": "1.00",
    "cost": "0.00",
    "allocatedTax": None,
    "allocatedShipping": None,
    "allocatedOtherCosts": None,
    "fullyLandedUnitCost": None,
    "inventoryLocation": None,
    "vendorPartNumber": None,
    "serialNumber": None,
    "generalLedgerAccount": None,
    "costOfSaleAccount": None,
    "assetAccount": None,
    "id": 0,
    "skuId": 0,
    "receiptItemId": None,
    "skuType": "Material",
    "skuCode": "",
    "budgetCodeId": None,
}
EMPTY_EXPENSE: Row = {
    "id": 0,
    "amount": "0.00",
    "description": None,
    "generalLedgerAccount": None,
    "job": None,
    "businessUnit": None,
    "budgetCodeId": None,
    "projectLabelIds": None,
}


def empty_bill(key: int, day: str, now: str, number: str) -> Row:
    """Return an ``ap-bills`` row without lines and amounts.

    Args:
        key: Its id.
        day: Its date, as rows write it.
        now: When it is entered.
        number: Its ``referenceNumber``.
    """
    return {
        "id": key,
        "purchaseOrderId": None,
        "syncStatus": "Pending",
        "status": "Unreconciled",
        "source": "Purchasing",
        "billType": "Procurement",
        "postDate": None,
        "referenceNumber": number,
        "vendorNumber": None,
        "summary": None,
        "billDate": day,
        "earlyDiscountDate": None,
        "billAmount": "0.00",
        "vendorInvoiceTotal": "0.00",
        "taxAmount": "0.00",
        "shippingAmount": "0.00",
        "landedCostMethod": "None",
        "otherAmount": "0.00",
        "createdBy": USER,
        "createdOn": now,
        "modifiedOn": now,
        "termName": None,
        "dueDate": day,
        "doNotPay": False,
        "dateCanceled": None,
        "canceledBy": None,
        "shipToDescription": None,
        "batch": None,
        "businessUnit": None,
        "taxZone": None,
        "vendor": None,
        "remittanceVendorInfo": None,
        "shipTo": None,
        "budgetCodeId": None,
        "items": [],
        "expenseItems": [],
        "customFields": [],
        "jobId": None,
        "jobNumber": None,
        "dateReconciled": None,
    }
