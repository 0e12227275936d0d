"""Documents: what every kind of them has in common, and when one counts as changed.

The kinds themselves are in ``invoices``, ``payments``, ``bills`` and ``credit_memos``.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="string")


class Kind(StrEnum):
    """The kinds of document, by the words of the design's vocabulary; stored, so a value never changes."""

    INVOICE = "invoice"
    CREDIT_MEMO = "credit_memo"
    PAYMENT = "payment"
    BILL = "bill"
    AP_CREDIT = "ap_credit"
    BANK_DEPOSIT = "bank_deposit"
    """Never moved by itself: what the bank kept of it is posted with its payments (``deposits``)."""


POSTING_ORDER: tuple[Kind, ...] = (Kind.INVOICE, Kind.CREDIT_MEMO, Kind.PAYMENT, Kind.BILL, Kind.AP_CREDIT)
"""In which order a day's kinds are posted: a receipt names an invoice that must stand before it."""


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


@dataclass(frozen=True, kw_only=True)
class Document(ABC):
    """What every kind of document has.

    Attributes:
        revision: 1 for the first version we saw, one more for each change that matters to accounting.
        number: What people call it in ServiceTitan; a person may edit it, so it is carried, never used as a key.
        document_date: Date part of the document's own date exactly as sent; no time zone ever shifts it.
        business_day: The partition it belongs to.
        active: False once voided, cancelled or deleted.
        business_unit_id: ``None`` where ServiceTitan names none.
        total: Whole cents as ServiceTitan states them, not recomputed.
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
    active: bool
    business_unit_id: int | None
    business_unit_name: str
    total: Decimal
    raw_seq: int | None = None

    @property
    @abstractmethod
    def party(self) -> str:
        """Whom it was made out to, or who made it out; empty when not stated."""

    @property
    def effect(self) -> Decimal:
        """What it adds to what customers owe, to the bank, or to what is owed to vendors, while it is active."""
        return self.total

    @property
    @abstractmethod
    def is_zero(self) -> bool:
        """Whether there is nothing in it to post."""


def content_hash(fields: Sequence[object]) -> str:
    """Hash the fields that matter for accounting.

    Args:
        fields: Strings, 64-bit ints, bools, dates, Decimals, ``None``, or nested sequences of them; every position
            always holds the same field.

    Returns:
        64 hex digits. Equal fields give equal digits on every machine and in every run.
    """
    return hashlib.sha256(_ENCODER.encode(fields)).hexdigest()
