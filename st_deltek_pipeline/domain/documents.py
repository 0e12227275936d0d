"""Documents and their revisions: what ServiceTitan said, typed, and when it counts as changed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="string")


class Kind(StrEnum):
    """The kinds of document, by the word of the design's vocabulary."""

    INVOICE = "invoice"


class SyncStatus(StrEnum):
    """ServiceTitan's ``syncStatus`` (reference 3.1); anything else is set aside, never guessed."""

    PENDING = "Pending"
    POSTED = "Posted"
    EXPORTED = "Exported"


@dataclass(frozen=True, order=True)
class DocumentKey:
    """One document, for ever: its number may change, its id never does."""

    connection: str
    kind: Kind
    document_id: int

    def __str__(self) -> str:
        """Return ``invoice:123``, the form people type."""
        return f"{self.kind.value}:{self.document_id}"


@dataclass(frozen=True)
class InvoiceLine:
    """One item of an invoice.

    Attributes:
        item_type: Service, Material, Equipment, PriceModifier or Unspecified.
        gl_account: Number of ServiceTitan's income account, when it has one.
        total: Extended price in whole cents, any sign.
    """

    line_id: int
    item_type: str
    sku: str
    description: str
    gl_account: str | None
    business_unit_id: int | None
    taxable: bool
    quantity: Decimal
    total: Decimal


@dataclass(frozen=True)
class Invoice:
    """A ServiceTitan invoice as accounting sees it (reference 3.1).

    Attributes:
        number: ``referenceNumber``; a person may edit it, so it is carried, never used as a key.
        document_date: Date part of ``invoiceDate`` exactly as sent; it is never shifted by a time zone.
        active: False once voided or deleted.
        revision: 1 for the first version we saw, one more for each change that matters to accounting.
        subtotal, sales_tax, total: Whole cents as ServiceTitan states them, not recomputed.
        customer_type: Residential or Commercial, of the customer that is billed; empty while unknown.
        billing_customer_id: The customer that survives after merges; ``customer_id`` where none happened.
        tax_zone_name, project_number, job_status: Of the records the invoice names; empty while unknown.
        raw_seq: The stored version (``raw.records``) this was read from.
    """

    key: DocumentKey
    revision: int
    revision_hash: str
    number: str
    document_date: date
    due_date: date | None
    business_day: date
    sync_status: SyncStatus
    review_status: str
    active: bool
    customer_id: int | None
    customer_name: str
    location_id: int | None
    business_unit_id: int | None
    business_unit_name: str
    job_id: int | None
    job_type: str
    project_id: int | None
    adjustment_to_id: int | None
    tax_zone_id: int | None
    subtotal: Decimal
    sales_tax: Decimal
    total: Decimal
    lines: tuple[InvoiceLine, ...]
    customer_type: str = ""
    billing_customer_id: int | None = None
    tax_zone_name: str = ""
    project_number: str = ""
    job_status: str = ""
    raw_seq: int | None = None


def content_hash(fields: Sequence[object]) -> str:
    """Hash the fields that matter for accounting.

    Args:
        fields: Strings, 64-bit ints, bools, dates, Decimals, ``None``, or nested sequences of them; every position
            always holds the same field.

    Returns:
        64 hex digits. Equal fields give equal digits on every machine and in every run.
    """
    return hashlib.sha256(_ENCODER.encode(fields)).hexdigest()
