"""The resources of what vendors supply, bill and are paid (servicetitan.md sections 3.3 to 3.5)."""

from collections.abc import Callable

from st_deltek_pipeline.sandbox.contractor.world import Row, ServiceTitanWorld
from st_deltek_pipeline.sandbox.servicetitan import filters as f
from st_deltek_pipeline.sandbox.servicetitan.resource import SYNC_STATUSES, Resource

BILL_STATUSES = ("Unreconciled", "Discrepancy", "Reconciled", "Canceled")
_BILL_SOURCES = ("Undefined", "Standalone", "Purchasing", "Recurring", "OCR", "API")
_MATCHES = ("NoDiscrepancy", "Discrepancy")
_ORDER_STATUSES = ("Pending", "Sent", "PartiallyReceived", "Received", "Exported", "Canceled")


def _no_rows(_: ServiceTitanWorld) -> dict[int, Row]:
    return {}


def _bill_type(row: Row) -> str:
    """An inventory bill does not show its type: one for a purchase order is procurement."""
    return "ApBill" if row["purchaseOrderId"] is None else "Procurement"


def _match(row: Row) -> str:
    return "Discrepancy" if row["status"] == "Discrepancy" else "NoDiscrepancy"


def _order_filters(world: ServiceTitanWorld) -> tuple[f.Filter, ...]:
    def order(name: str) -> Callable[[Row], object]:
        return lambda row: world.purchase_orders.get(row["purchaseOrderId"], {}).get(name)

    return (
        f.contains("purchaseOrderNumber", order("number")),
        f.comma_wholes("purchaseOrderTypes", order("typeId")),
    )


# Of both kinds of bill. "dateFrom" and "dateTo" are documented as the dates of creation.
_BILL_FILTERS = (
    f.whole("batchId", f.field("batch", "id")),
    f.text("batchNumber", f.field("batch", "number")),
    f.contains("billNumber", f.field("referenceNumber")),
    f.comma_wholes("businessUnitIds", f.field("businessUnit", "id")),
    f.custom_fields(),
    f.on_or_after("dateFrom", f.field("createdOn")),
    f.on_or_before("dateTo", f.field("createdOn")),
    f.contains("jobNumber", f.field("jobNumber")),
    f.sync_statuses,
    f.at_least("minCost", f.field("billAmount")),
    f.at_most("maxCost", f.field("billAmount")),
    f.on_or_before("dateReconciledBefore", f.field("dateReconciled")),
    f.after("dateReconciledOnOrAfter", f.field("dateReconciled")),
)

INVENTORY_BILLS = Resource(
    "accounting",
    "inventory-bills",
    "tn.acc.inventorybills",
    lambda world: world.inventory_bills,
    filters=(
        *_BILL_FILTERS,
        f.choice("billType", _bill_type, ("NotSet", "Procurement", "ApBill", "RecurringBill")),
        f.refuse("threeWayMatchDiscrepancy"),
    ),
    world_filters=_order_filters,
    sort_fields=(),
    exported=True,
    active_only_in_export=True,
    hides_inactive=True,
    numbered_enumerations=True,
)

AP_BILLS = Resource(
    "accounting",
    "ap-bills",
    "tn.acc.apbills",
    lambda world: world.ap_bills,
    filters=(
        *_BILL_FILTERS,
        f.choices("statuses", f.field("status"), BILL_STATUSES),
        f.choices("sources", f.field("source"), _BILL_SOURCES),
        # Only bills for purchase orders are listed unless another type is asked for.
        f.choice("billType", f.field("billType"), ("NotSet", "Procurement", "ApBill"), default="Procurement"),
        f.choice("threeWayMatchDiscrepancy", _match, _MATCHES),
    ),
    world_filters=_order_filters,
    sort_fields=(),
    by_id=True,
)

AP_CREDITS = Resource(
    "accounting",
    "ap-credits",
    "tn.acc.apcredits",
    lambda world: world.ap_credits,
    filters=(f.custom_fields(), f.sync_statuses),
)

# The contractor pays its vendors from Vantagepoint, so the tenant has no payments and no remittance vendors.
AP_PAYMENTS = Resource(
    "accounting",
    "ap-payments",
    "tn.acc.appayments",
    _no_rows,
    filters=(f.custom_fields(), f.sync_statuses),
)

REMITTANCE_VENDORS = Resource(
    "accounting",
    "remittance-vendors",
    "tn.acc.remittancevendors",
    _no_rows,
    filters=(f.active,),
    by_id=True,
)

VENDORS = Resource(
    "inventory",
    "vendors",
    "tn.inv.vendors",
    lambda world: world.vendors,
    filters=(f.active, f.custom_fields(), f.refuse("externalDataKey", "externalDataValues")),
    by_id=True,
)

PURCHASE_ORDERS = Resource(
    "inventory",
    "purchase-orders",
    "tn.inv.purchaseorders",
    lambda world: world.purchase_orders,
    filters=(
        f.choice("status", f.field("status"), _ORDER_STATUSES),
        f.text("number", f.field("number")),
        f.whole("jobId", f.field("jobId")),
        f.comma_wholes("jobIds", f.field("jobId")),
        f.whole("technicianId", f.field("technicianId")),
        f.whole("projectId", f.field("projectId")),
        f.on_or_after("dateOnOrAfter", f.field("date")),
        f.before("dateBefore", f.field("date")),
        f.on_or_after("sentOnOrAfter", f.field("sentOn")),
        f.before("sentBefore", f.field("sentOn")),
    ),
    exported=True,
    by_id=True,
)

RECEIPTS = Resource(
    "inventory",
    "receipts",
    "tn.inv.receipts",
    lambda world: world.receipts,
    filters=(
        f.active,
        f.text("number", f.field("number")),
        f.text("vendorInvoiceNumber", f.field("vendorInvoiceNumber")),
        f.whole("billId", f.field("billId")),
        f.whole("batchId", f.field("batchId")),
        f.comma_wholes("vendorIds", f.field("vendorId")),
        f.comma_wholes("businessUnitIds", f.field("businessUnitId")),
        f.comma_wholes("inventoryLocationIds", f.field("inventoryLocationId")),
        f.comma_wholes("purchaseOrderIds", f.field("purchaseOrderId")),
        f.comma_choices("syncStatuses", f.field("syncStatus"), SYNC_STATUSES),
        f.custom_fields("customFields"),
        f.on_or_after("receivedOnOrAfter", f.field("receivedOn")),
        f.before("receivedBefore", f.field("receivedOn")),
    ),
    numbered_enumerations=True,
)
