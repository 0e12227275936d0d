"""Credit memos: what customers are credited for, and the invoices it is split over (servicetitan.md section 3.4)."""

from dataclasses import dataclass
from decimal import Decimal

from st_deltek_pipeline.domain.documents import Document
from st_deltek_pipeline.domain.invoices import InvoiceLine
from st_deltek_pipeline.domain.money import ZERO


@dataclass(frozen=True)
class CreditSplit:
    """What a credit memo takes off one invoice, in whole cents.

    Attributes:
        split_id: ``appliedId``.
        invoice_id: ``appliedTo``.
        invoice_number: As the memo states it; for people only.
    """

    split_id: int
    invoice_id: int
    invoice_number: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class CreditMemo(Document):
    """A credit memo; its amounts are positive and take away from what the customer owes.

    Attributes:
        subtotal, sales_tax, balance: Whole cents; the balance is what is split over no invoice yet.
        billing_customer_id: The customer that survives after merges.
        customer_type: Residential or Commercial; empty while unknown.
        lines: Its items (``credit-memo-items``), those that are active; empty while none were taken in.
        splits: In the order of their ids.
        tax_name: Name of ``salesTaxCode``; empty when not stated.
    """

    customer_id: int | None
    customer_name: str
    billing_customer_id: int | None
    customer_type: str
    description: str
    subtotal: Decimal
    sales_tax: Decimal
    balance: Decimal
    lines: tuple[InvoiceLine, ...]
    splits: tuple[CreditSplit, ...]
    tax_name: str = ""

    @property
    def party(self) -> str:
        """The customer's name."""
        return self.customer_name

    @property
    def effect(self) -> Decimal:
        """It takes away from what the customer owes."""
        return -self.total + ZERO

    @property
    def is_zero(self) -> bool:
        """Whether every amount is zero."""
        return self.total == self.sales_tax == ZERO and all(line.total == ZERO for line in self.lines)
