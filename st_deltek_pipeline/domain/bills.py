"""What vendors charge and credit: bills and AP credits (servicetitan.md sections 3.3 and 3.4).

A bill reads the same whether it came from ``inventory-bills`` or ``ap-bills``; which is read is a setting.
"""

from dataclasses import dataclass
from decimal import Decimal

from st_deltek_pipeline.domain.documents import Document
from st_deltek_pipeline.domain.money import ZERO


@dataclass(frozen=True)
class BillLine:
    """One item or expense of a bill.

    Attributes:
        item_type: Material, Equipment, Service and so on (``skuType``); ``Expense`` for a line without an item.
        gl_account: Number of the account ServiceTitan names: an expense's own, an item's income account.
        cost_account, asset_account: Numbers of an item's cost-of-sale and asset accounts.
        business_unit_id, business_unit_name: An expense line may name its own; else ``None`` and empty.
        job_id, job_number, job_type, project_number: Likewise; what is not known of the job is empty.
        quantity: Up to four decimals, any sign.
        amount: Whole cents: quantity times cost per unit rounded half up, or an expense's amount.
        allocated_tax, allocated_shipping, allocated_other: What ServiceTitan spread over the item, exactly as stated
            and so perhaps with more decimals than cents; ``None`` where it did not.
    """

    line_id: int
    item_type: str
    sku: str
    description: str
    gl_account: str | None
    cost_account: str | None
    asset_account: str | None
    business_unit_id: int | None
    business_unit_name: str
    job_number: str
    quantity: Decimal
    amount: Decimal
    allocated_tax: Decimal | None
    allocated_shipping: Decimal | None
    allocated_other: Decimal | None
    job_id: int | None = None
    job_type: str = ""
    project_number: str = ""


@dataclass(frozen=True, kw_only=True)
class Bill(Document):
    """A vendor's bill.

    Attributes:
        number: ``referenceNumber``, ServiceTitan's own number of it.
        total: ``billAmount``: items, tax, shipping and other costs together.
        active: False once cancelled or deleted.
        vendor_invoice: ``vendorNumber``: the number on the vendor's invoice; empty when not stated.
        purchase_order: The purchase order's number, its id while the number is unknown; empty without one.
        job_type, job_status, project_number: Of the records the bill names; empty while unknown.
        term_name: ServiceTitan's payment term.
        tax, shipping, other: What the bill charges besides its lines.
        lines: In the bill's order; items first, then expenses.
    """

    vendor_id: int | None
    vendor_name: str
    vendor_invoice: str
    purchase_order_id: int | None
    purchase_order: str
    job_id: int | None
    job_number: str
    job_type: str
    job_status: str
    project_number: str
    tax_zone_id: int | None
    tax_zone_name: str
    term_name: str
    tax: Decimal
    shipping: Decimal
    other: Decimal
    lines: tuple[BillLine, ...]

    @property
    def party(self) -> str:
        """The vendor's name."""
        return self.vendor_name

    @property
    def is_zero(self) -> bool:
        """Whether every amount is zero."""
        amounts = (self.total, self.tax, self.shipping, self.other, *(line.amount for line in self.lines))
        return all(amount == ZERO for amount in amounts)


@dataclass(frozen=True)
class BillCredit:
    """What an AP credit takes off one bill, in whole cents."""

    split_id: int
    bill_id: int
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class ApCredit(Document):
    """A vendor's credit, for goods returned or a price corrected.

    Attributes:
        number: ``number``, ServiceTitan's own.
        total: ``amount``, positive: what the vendor owes us.
        active: False once cancelled or deleted.
        vendor_invoice: ``referenceNumber``: the number on the vendor's credit note; empty when not stated.
        splits: Which bills it is taken off; informative, a payable is the vendor's.
    """

    vendor_id: int | None
    vendor_name: str
    vendor_invoice: str
    job_id: int | None
    job_number: str
    job_type: str
    project_number: str
    memo: str
    splits: tuple[BillCredit, ...]

    @property
    def party(self) -> str:
        """The vendor's name."""
        return self.vendor_name

    @property
    def effect(self) -> Decimal:
        """It takes away from what is owed to the vendor."""
        return -self.total + ZERO

    @property
    def is_zero(self) -> bool:
        """Whether its amount is zero."""
        return self.total == ZERO
