"""Columns of the staged documents' tables, shown in Dagster's UI; one entry per kind of document."""

from collections.abc import Mapping

from st_deltek_pipeline.orchestration.columns import (
    BUSINESS_DAY,
    CONNECTION,
    DOCUMENT,
    REVISION,
    REVISION_HASH,
    Column,
)

_EVERY_KIND: Mapping[str, Column] = {
    "connection": CONNECTION,
    "document_id": DOCUMENT,
    "revision": REVISION,
    "revision_hash": REVISION_HASH,
    "business_day": BUSINESS_DAY,
    "document_date": Column("date", "The document's own date; it decides the accounting period."),
    "due_date": Column("date", "When payment is due; null where the kind has none."),
    "sync_status": Column("text", "ServiceTitan's status: Pending, Posted or Exported."),
    "active": Column("boolean", "False once it was voided, cancelled or deleted."),
    "business_unit_id": Column("bigint", "The business unit; null where ServiceTitan names none."),
    "business_unit_name": Column("text", "The business unit's name; coding rules match it."),
    "raw_seq": Column("bigint", "The version in raw.records it was read from."),
    "shape": Column("smallint", "Which reading of payloads made the row."),
    "staged_at": Column("timestamp with time zone", "When the row was written."),
}

_CUSTOMER: Mapping[str, Column] = {
    "customer_id": Column("bigint", "The document's customer."),
    "customer_name": Column("text", "The customer's name."),
    "billing_customer_id": Column("bigint", "The customer that is left after merges; its firm is the one that counts."),
}
_CUSTOMER_TYPE = Column("text", "Residential or Commercial.")

_VENDOR: Mapping[str, Column] = {
    "vendor_id": Column("bigint", "The vendor; null makes a hold."),
    "vendor_name": Column("text", "The vendor's name."),
}

_JOB: Mapping[str, Column] = {
    "job_id": Column("bigint", "The job it is for; null for stock."),
    "job_number": Column("text", "The job's number; empty while unknown."),
    "job_type": Column("text", "The job's type; coding rules match it."),
    "project_number": Column("text", "Number of ServiceTitan's project; coding rules match it."),
}

_TAX_ZONE: Mapping[str, Column] = {
    "tax_zone_id": Column("bigint", "The tax zone; null when exempt."),
    "tax_zone_name": Column("text", "The tax zone's name; coding rules match it."),
}

STAGED_TABLES: Mapping[str, Mapping[str, Column]] = {
    "staged.invoices": {
        **_EVERY_KIND,
        **_CUSTOMER,
        **_TAX_ZONE,
        "number": Column("text", "Invoice number in ServiceTitan."),
        "review_status": Column("text", "ServiceTitan's review status."),
        "customer_type": _CUSTOMER_TYPE,
        "location_id": Column("bigint", "Where the work was done."),
        "job_id": Column("bigint", "The job that was invoiced."),
        "job_type": Column("text", "The job's type; coding rules match it."),
        "job_status": Column("text", "The job's status."),
        "project_id": Column("bigint", "ServiceTitan's project, where the job belongs to one."),
        "project_number": Column("text", "That project's number; coding rules match it."),
        "adjustment_to_id": Column("bigint", "The invoice this one adjusts."),
        "subtotal": Column("numeric", "Sum of the items, without tax."),
        "sales_tax": Column("numeric", "Sales tax."),
        "total": Column("numeric", "What the customer owes: subtotal and tax."),
    },
    "staged.credit_memos": {
        **_EVERY_KIND,
        **_CUSTOMER,
        "number": Column("text", "The credit memo's number in ServiceTitan."),
        "customer_type": _CUSTOMER_TYPE,
        "description": Column("text", "What it was given for."),
        "subtotal": Column("numeric", "Sum of the items, without tax; positive."),
        "sales_tax": Column("numeric", "Sales tax; positive."),
        "total": Column("numeric", "What it takes off what the customer owes; positive."),
        "balance": Column("numeric", "What of it is applied to no invoice yet."),
        "tax_name": Column("text", "Name of the sales tax code; empty when not stated."),
    },
    "staged.payments": {
        **_EVERY_KIND,
        **_CUSTOMER,
        "number": Column("text", "Reference or check number."),
        "type_id": Column("bigint", "The payment type."),
        "type_name": Column("text", "The payment type's name; coding rules match it, and it decides the bank."),
        "is_journal_entry": Column("boolean", "ServiceTitan calls it a journal entry: no money moved."),
        "deposit_id": Column("bigint", "The bank deposit it is in."),
        "deposit_date": Column("date", "When that deposit went to the bank; null while it is open."),
        "refunded_payment_id": Column("bigint", "The payment that this one gives back."),
        "memo": Column("text", "What people wrote to it."),
        "total": Column("numeric", "The money received; negative in a refund."),
        "unapplied": Column("numeric", "What of it is applied to no invoice."),
    },
    "staged.bills": {
        **_EVERY_KIND,
        **_VENDOR,
        **_JOB,
        **_TAX_ZONE,
        "number": Column("text", "ServiceTitan's own number of the bill."),
        "vendor_invoice": Column("text", "The number on the vendor's invoice."),
        "purchase_order_id": Column("bigint", "The purchase order it is for."),
        "purchase_order": Column("text", "The purchase order's number; carried to Vantagepoint."),
        "job_status": Column("text", "The job's status."),
        "term_name": Column("text", "ServiceTitan's payment term."),
        "tax": Column("numeric", "Tax that the bill charges besides its lines."),
        "shipping": Column("numeric", "Shipping that it charges besides its lines."),
        "other": Column("numeric", "Other costs that it charges besides its lines."),
        "total": Column("numeric", "What is owed to the vendor: lines, tax, shipping and other costs."),
    },
    "staged.ap_credits": {
        **_EVERY_KIND,
        **_VENDOR,
        **_JOB,
        "number": Column("text", "ServiceTitan's own number of the credit."),
        "vendor_invoice": Column("text", "The number on the vendor's credit note."),
        "memo": Column("text", "What people wrote to it."),
        "total": Column("numeric", "What it takes off what is owed to the vendor; positive."),
    },
}
"""Table to its columns."""
