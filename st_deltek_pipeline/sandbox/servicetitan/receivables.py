"""The resources of what customers owe and pay (servicetitan.md sections 3.1, 3.2 and 3.4)."""

from typing import Any, cast

from st_deltek_pipeline.sandbox.contractor.world import Row
from st_deltek_pipeline.sandbox.servicetitan import filters as f
from st_deltek_pipeline.sandbox.servicetitan.resource import BY_ID_AND_TIME, SYNC_STATUSES, Resource

REVIEW_STATUSES = (
    "NeedsReview",
    "OnHold",
    "Reviewed",
    "PendingApproval",
    "Rejected",
    "ReadyForBilling",
    "Invoiced",
)
INVOICE_CONFIGURATIONS = (
    "JobInvoice",
    "ProjectInvoice",
    "CounterSales",
    "MembershipInvoice",
    "InterestChargeInvoice",
    "ARImportInvoice",
)
_TRANSACTION_TYPES = ("Undefined", "JournalEntry", "ReceivePayment")
_DEPOSIT_REVIEW_STATUSES = ("NeedsReview", "Reviewed")
_DEPOSIT_STATUSES = ("Undefined", "Open", "Deposited")


def transaction_type(row: Row) -> str:
    """Return what ``transactionType`` asks for; no row shows it (servicetitan.md section 3.2).

    A payment is a journal entry when the tenant says so, or when its payment type is named like that.
    """
    known: str | None = row.get("transactionType")
    if known is not None:
        return known
    named = str(row["type"] or "").replace(" ", "").casefold()
    return "JournalEntry" if named == "journalentry" else "ReceivePayment"


def _applied(name: str) -> f.Getter:
    def get(row: Row) -> list[Any]:
        return [each[name] for each in cast("list[Row]", row["appliedTo"] or [])]

    return get


INVOICES = Resource(
    "accounting",
    "invoices",
    "tn.acc.invoices",
    lambda world: world.invoices,
    filters=(
        f.active_state,
        f.choices("statuses", f.field("syncStatus"), SYNC_STATUSES),
        f.whole("batchId", f.field("batch", "id")),
        f.text("batchNumber", f.field("batch", "number")),
        f.custom_fields(),
        f.whole("jobId", f.field("job", "id")),
        f.text("jobNumber", f.field("job", "number")),
        f.whole("businessUnitId", f.field("businessUnit", "id")),
        f.whole("customerId", f.field("customer", "id")),
        f.on_or_after("invoicedOnOrAfter", f.field("invoiceDate")),
        f.before("invoicedOnBefore", f.field("invoiceDate")),
        f.whole("adjustmentToId", f.field("adjustmentToId")),
        f.text("number", f.field("referenceNumber")),
        f.at_least("totalGreater", f.field("total")),
        f.at_most("totalLess", f.field("total")),
        f.balance,
        f.before("dueDateBefore", f.field("dueDate")),
        f.on_or_after("dueDateOnOrAfter", f.field("dueDate")),
        f.choices("reviewStatuses", f.field("reviewStatus"), REVIEW_STATUSES),
        f.wholes("assignedToIds", f.field("assignedTo", "id")),
        f.choices("invoiceConfigurations", f.field("invoiceConfiguration"), INVOICE_CONFIGURATIONS),
    ),
    # The specification names no sort fields for invoices; these are assumed.
    sort_fields=(*BY_ID_AND_TIME, "Number", "InvoicedOn", "DueDate"),
    exported=True,
)

PAYMENTS = Resource(
    "accounting",
    "payments",
    "tn.acc.payments",
    lambda world: world.payments,
    filters=(
        f.active_state,
        f.comma_wholes("appliedToInvoiceIds", _applied("appliedTo")),
        f.text("appliedToReferenceNumber", _applied("appliedToReferenceNumber")),
        f.whole("batchId", f.field("batch", "id")),
        f.text("batchNumber", f.field("batch", "number")),
        f.comma_wholes("businessUnitIds", f.field("businessUnit", "id")),
        f.whole("customerId", f.field("customer", "id")),
        f.custom_fields(),
        f.comma_wholes("depositIds", f.field("deposit", "id")),
        f.on_or_after("paidOnAfter", f.field("date")),
        f.before("paidOnBefore", f.field("date")),
        f.comma_choices("statuses", f.field("syncStatus"), SYNC_STATUSES),
        f.at_least("totalGreater", f.field("total")),
        f.at_most("totalLess", f.field("total")),
        f.choice("transactionType", transaction_type, _TRANSACTION_TYPES),
    ),
    exported=True,
    hidden=("exportId", "transactionType"),
)

CREDIT_MEMOS = Resource(
    "accounting",
    "credit-memos",
    "tn.acc.creditmemos",
    lambda world: world.credit_memos,
    filters=(
        f.active,
        f.comma_wholes("businessUnitIds", f.field("businessUnit", "id")),
        f.comma_wholes("appliedToInvoiceIds", _applied("appliedTo")),
        f.text("appliedToReferenceNumber", _applied("appliedToReferenceNumber")),
        f.before("dateBefore", f.field("date")),
        f.on_or_after("dateOnOrAfter", f.field("date")),
        f.before("appliedBefore", _applied("appliedOn")),
        f.on_or_after("appliedOnOrAfter", _applied("appliedOn")),
        f.whole("batchId", f.field("batch", "id")),
        f.text("batchNumber", f.field("batch", "number")),
        f.custom_fields(),
        f.compared("totalFilter", f.field("total")),
        f.compared("balanceFilter", f.field("balance")),
    ),
)

BANK_DEPOSITS = Resource(
    "accounting",
    "bank-deposits",
    "tn.acc.bankdeposits",
    lambda world: world.bank_deposits,
    filters=(
        f.before("depositDateBefore", f.field("depositDate")),
        f.on_or_after("depositDateOnOrAfter", f.field("depositDate")),
        f.before("reviewedBefore", f.field("reviewedOn")),
        f.on_or_after("reviewedOnOrAfter", f.field("reviewedOn")),
        f.choice("reviewStatus", f.field("reviewStatus"), _DEPOSIT_REVIEW_STATUSES),
        f.choice("depositStatus", f.field("depositStatus"), _DEPOSIT_STATUSES),
        f.choice("syncStatus", f.field("syncStatus"), SYNC_STATUSES),
        f.at_least("grossAmountGreater", f.field("grossAmount")),
        f.at_most("grossAmountLess", f.field("grossAmount")),
    ),
)

PAYMENT_TERMS = Resource(
    "accounting",
    "payment-terms",
    "tn.acc.paymentterms",
    lambda world: world.payment_terms,
    sort_fields=("Id", "Name", "CreatedOn"),
    by_id=True,
)

PAYMENT_TYPES = Resource(
    "accounting",
    "payment-types",
    "tn.acc.paymenttypes",
    lambda world: world.payment_types,
    by_id=True,
    modified_filters=False,
)
