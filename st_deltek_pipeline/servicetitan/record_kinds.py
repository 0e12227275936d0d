"""The kinds of record that are taken in. What each of them holds is in ``records`` and the documents' modules."""

from enum import StrEnum


class RecordKind(StrEnum):
    """A kind of record; stored, so a value never changes. A document's value is its ``domain.documents.Kind``'s."""

    INVOICE = "invoice"
    PAYMENT = "payment"
    BILL = "bill"
    AP_CREDIT = "ap_credit"
    CREDIT_MEMO = "credit_memo"
    CREDIT_MEMO_ITEM = "credit_memo_item"
    BANK_DEPOSIT = "bank_deposit"
    JOURNAL_ENTRY_PAYMENT = "journal_entry_payment"
    PURCHASE_ORDER = "purchase_order"
    CUSTOMER = "customer"
    LOCATION = "location"
    BUSINESS_UNIT = "business_unit"
    JOB = "job"
    PROJECT = "project"
    JOB_TYPE = "job_type"
    GL_ACCOUNT = "gl_account"
    TAX_ZONE = "tax_zone"
    PAYMENT_TYPE = "payment_type"
    VENDOR = "vendor"
