"""Columns of the tables behind the assets, shown in Dagster's UI. A test compares them with the migrated database."""

from collections.abc import Mapping
from typing import NamedTuple


class Column(NamedTuple):
    """A column as people see it: PostgreSQL's type, and what stands in it."""

    type: str
    description: str


_CONNECTION = Column("text", "The connection, by its name.")
_KIND_OF_DOCUMENT = Column("text", "Kind of document: invoice.")
_DOCUMENT = Column("bigint", "ServiceTitan's id of the document.")
_REVISION = Column("integer", "Counts the versions that differ in what matters for accounting, from 1.")
_REVISION_HASH = Column("text", "Hash of the fields that matter for accounting.")
_BUSINESS_DAY = Column("date", "The partition: the document's date, or the next business day after a day off.")
_RUN = Column("text", "The Dagster run that wrote the row.")

TABLES: Mapping[str, Mapping[str, Column]] = {
    "raw.records": {
        "seq": Column("bigint", "Order of arrival."),
        "connection": _CONNECTION,
        "kind": Column("text", "Kind of record: invoice, customer, job and so on."),
        "record_id": Column("bigint", "ServiceTitan's id of the record."),
        "payload": Column("json", "The record exactly as ServiceTitan sent it, byte for byte."),
        "payload_hash": Column("text", "SHA-256 of the payload; a version that a feed repeats is stored once."),
        "modified_on": Column("timestamp with time zone", "When ServiceTitan says it was changed."),
        "active": Column("boolean", "False once it was voided or deactivated in ServiceTitan."),
        "document_date": Column("date", "A document's own date; null in other records and where not readable."),
        "total": Column("numeric", "A document's own total; null in other records and where not readable."),
        "is_open": Column("boolean", "True for a bill that may still be edited without a new modified_on."),
        "fetched_at": Column("timestamp with time zone", "When this version arrived here."),
        "run_id": _RUN,
    },
    "reference.snapshots": {
        "connection": _CONNECTION,
        "kind": Column("text", "Kind of master data: firms, projects, accounts and so on."),
        "key": Column("text", "Vantagepoint's own key of the row."),
        "row": Column("json", "The row as Vantagepoint sent it."),
        "hash": Column("text", "SHA-256 of the row; a changed one replaces it."),
        "first_seen": Column("timestamp with time zone", "When the key was first seen."),
        "changed_at": Column("timestamp with time zone", "When the row last differed from the one before."),
        "gone_at": Column("timestamp with time zone", "When it had vanished from Vantagepoint; null while it exists."),
        "run_id": _RUN,
    },
    "staged.invoices": {
        "connection": _CONNECTION,
        "document_id": _DOCUMENT,
        "revision": _REVISION,
        "revision_hash": _REVISION_HASH,
        "business_day": _BUSINESS_DAY,
        "document_date": Column("date", "The invoice's own date; it decides the accounting period."),
        "due_date": Column("date", "When payment is due."),
        "number": Column("text", "Invoice number in ServiceTitan."),
        "sync_status": Column("text", "ServiceTitan's status: Pending, Posted or Exported."),
        "review_status": Column("text", "ServiceTitan's review status."),
        "active": Column("boolean", "False once the invoice was voided."),
        "customer_id": Column("bigint", "The invoice's customer."),
        "customer_name": Column("text", "The customer's name."),
        "customer_type": Column("text", "Residential or Commercial."),
        "billing_customer_id": Column(
            "bigint", "The customer that is left after merges; its firm is the one that counts."
        ),
        "location_id": Column("bigint", "Where the work was done."),
        "business_unit_id": Column("bigint", "The business unit; null makes a hold."),
        "business_unit_name": Column("text", "The business unit's name; coding rules match it."),
        "job_id": Column("bigint", "The job that was invoiced."),
        "job_type": Column("text", "The job's type; coding rules match it."),
        "job_status": Column("text", "The job's status."),
        "project_id": Column("bigint", "ServiceTitan's project, where the job belongs to one."),
        "project_number": Column("text", "That project's number; coding rules match it."),
        "adjustment_to_id": Column("bigint", "The invoice this one adjusts."),
        "tax_zone_id": Column("bigint", "The tax zone; null when exempt."),
        "tax_zone_name": Column("text", "The tax zone's name; coding rules match it."),
        "subtotal": Column("numeric", "Sum of the items, without tax."),
        "sales_tax": Column("numeric", "Sales tax."),
        "total": Column("numeric", "What the customer owes: subtotal and tax."),
        "raw_seq": Column("bigint", "The version in raw.records it was read from."),
        "shape": Column("smallint", "Which reading of payloads made the row."),
        "staged_at": Column("timestamp with time zone", "When the row was written."),
    },
    "mapping.alignments": {
        "connection": _CONNECTION,
        "kind": _KIND_OF_DOCUMENT,
        "document_id": _DOCUMENT,
        "revision": _REVISION,
        "revision_hash": _REVISION_HASH,
        "business_day": _BUSINESS_DAY,
        "reason": Column("text", "Why the document is held; null when everything it needs was found."),
        "message": Column("text", "What is missing or wrong, by name."),
        "firm_id": Column("text", "The customer's firm in Vantagepoint."),
        "total": Column("numeric", "The document's total."),
        "run_id": _RUN,
        "aligned_at": Column("timestamp with time zone", "When the row was written."),
        "terms": Column("text", "Payment terms of a voucher; else empty."),
    },
    "mapping.firm_mappings": {
        "connection": _CONNECTION,
        "party_kind": Column("text", "customer or vendor."),
        "party_id": Column("bigint", "ServiceTitan's id of the customer or vendor."),
        "name": Column("text", "Its name in ServiceTitan."),
        "active": Column("boolean", "False once it was deactivated or merged in ServiceTitan."),
        "needed": Column("boolean", "A document since the start date names it."),
        "merged_into": Column("bigint", "The one that is left after merges; its firm is the one that counts."),
        "state": Column("text", "linked, ambiguous, missing and so on; only linked can be posted to."),
        "firm_id": Column("text", "ClientID of its firm in Vantagepoint; empty without one."),
        "firm_number": Column("text", "That firm's number."),
        "firm_name": Column("text", "That firm's name."),
        "vendor": Column("text", "That firm's code as a vendor; empty while it has none."),
        "decided_by": Column("text", "What the link rests on: person, external_id, name_and_address and so on."),
        "score": Column("integer", "How likely it is that firm, 0 to 100; 0 without a firm."),
        "candidates": Column("json", "Firms it may be, with scores and reasons."),
        "message": Column("text", "What is wrong, as the end of a sentence; empty when linked."),
        "words": Column("text", "Vantagepoint's own text when it refused to create the firm."),
        "person": Column("text", "Who decided, where a person did."),
        "since": Column("timestamp with time zone", "When it came into its state, or to its firm."),
        "run_id": _RUN,
    },
    "journal.postings": {
        "connection": _CONNECTION,
        "kind": _KIND_OF_DOCUMENT,
        "document_id": _DOCUMENT,
        "posting_no": Column(
            "integer", "Counts the document's postings, from 1: first amounts, then what changes them."
        ),
        "revision": Column("integer", "The revision this posting brings into Vantagepoint."),
        "revision_hash": _REVISION_HASH,
        "business_day": _BUSINESS_DAY,
        "batch": Column("text", "The transaction file in Vantagepoint, by its Batch."),
        "period": Column("integer", "Accounting period, for example 202610."),
        "trans_date": Column("date", "The transaction's date in Vantagepoint."),
        "due_date": Column("date", "When payment is due."),
        "wbs1": Column("text", "Project of an AR invoice; lines of other types have their own."),
        "wbs2": Column("text", "Phase, or empty."),
        "wbs3": Column("text", "Task, or empty."),
        "number": Column("text", "Invoice number, receipt or entry reference, or the vendor's invoice number."),
        "amount": Column(
            "numeric", "What the posting adds to the receivable, money received or payable; negative in a reversal."
        ),
        "correction": Column("boolean", "True when it changes or takes back what was posted before."),
        "moved_from": Column("integer", "The closed period of the document's date, where it is posted in a later one."),
        "entry": Column("text", "Vantagepoint's transaction type: in, cr, ap or je."),
        "vendor": Column("text", "Vendor code of a voucher."),
        "bank": Column("text", "Bank code of a receipt or voucher."),
        "liability": Column("text", "Liability code of a voucher; the account a journal entry balances on."),
        "credit_memo": Column("text", "Reference of the credit memo that takes something off the invoice."),
        "terms": Column("text", "Payment terms of a voucher."),
        "together": Column("text", "What it is posted with, whole or not at all; else empty."),
        "key_scope": Column("text", "Within what its number belongs to one document."),
        "key_number": Column("text", "The number that it has there, folded."),
        "reverses": Column("integer", "The posting of the same document that a person had reversed by this one."),
    },
}
"""Table to its columns."""
