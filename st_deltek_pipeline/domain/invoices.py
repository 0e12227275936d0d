"""Invoices and adjustment invoices, as accounting sees them (servicetitan.md section 3.1)."""

from dataclasses import dataclass
from decimal import Decimal

from st_deltek_pipeline.domain.documents import Document
from st_deltek_pipeline.domain.money import ZERO


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


@dataclass(frozen=True, kw_only=True)
class Invoice(Document):
    """A ServiceTitan invoice.

    Attributes:
        subtotal, sales_tax: Whole cents as ServiceTitan states them, not recomputed.
        customer_type: Residential or Commercial, of the customer that is billed; empty while unknown.
        billing_customer_id: The customer that survives after merges; ``customer_id`` where none happened.
        tax_zone_name, project_number, job_status: Of the records the invoice names; empty while unknown.
    """

    review_status: str
    customer_id: int | None
    customer_name: str
    location_id: int | None
    job_id: int | None
    job_type: str
    project_id: int | None
    adjustment_to_id: int | None
    tax_zone_id: int | None
    subtotal: Decimal
    sales_tax: Decimal
    lines: tuple[InvoiceLine, ...]
    customer_type: str = ""
    billing_customer_id: int | None = None
    tax_zone_name: str = ""
    project_number: str = ""
    job_status: str = ""

    @property
    def party(self) -> str:
        """The customer's name."""
        return self.customer_name

    @property
    def is_zero(self) -> bool:
        """Whether every amount is zero."""
        return self.total == self.sales_tax == ZERO and all(line.total == ZERO for line in self.lines)
