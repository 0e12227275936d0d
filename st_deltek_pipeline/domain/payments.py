"""Payments and refunds, and the invoices they are applied to (servicetitan.md section 3.2)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.coding import fold
from st_deltek_pipeline.domain.documents import Document
from st_deltek_pipeline.domain.money import ZERO


@dataclass(frozen=True)
class Application:
    """Money of a payment for one invoice.

    Attributes:
        application_id: ``appliedId``.
        invoice_id: ServiceTitan's id of the invoice.
        invoice_number: As the payment states it; for people only.
        amount: Whole cents; negative when a refund takes money back.
        applied_on: When somebody applied it; ``None`` when not stated.
    """

    application_id: int
    invoice_id: int
    invoice_number: str
    amount: Decimal
    applied_on: date | None


@dataclass(frozen=True, kw_only=True)
class Payment(Document):
    """A ServiceTitan payment; a refund is one with a negative total.

    Attributes:
        number: ``referenceNumber``, else the check number.
        total: ``total``, any sign.
        billing_customer_id: The customer that survives after merges.
        type_name: Of the payment type that ``type_id`` names, else as the payment states it.
        is_journal_entry: ServiceTitan lists it among the payments of transaction type JournalEntry: no money moved.
        deposit_id: The bank deposit it is in.
        deposit_date: That deposit's date once it is deposited; ``None`` while it is open or not known.
        refunded_payment_id: The payment that this one gives back.
        unapplied: ``unappliedAmount``: what is applied to no invoice.
        applications: In the order of their ids; amounts of zero are left out.
    """

    customer_id: int | None
    customer_name: str
    billing_customer_id: int | None
    type_id: int | None
    type_name: str
    is_journal_entry: bool
    deposit_id: int | None
    deposit_date: date | None
    refunded_payment_id: int | None
    memo: str
    unapplied: Decimal
    applications: tuple[Application, ...]

    @property
    def party(self) -> str:
        """The customer's name."""
        return self.customer_name

    @property
    def is_zero(self) -> bool:
        """Whether no money moves."""
        return self.total == self.unapplied == ZERO and not self.applications

    def moves_no_money(self, journal_entry_types: frozenset[str]) -> bool:
        """Say whether it is a journal entry, of which no bank knows.

        Args:
            journal_entry_types: Payment types that are journal entries for this connection, folded with ``fold``.
        """
        return self.is_journal_entry or fold(self.type_name) in journal_entry_types
