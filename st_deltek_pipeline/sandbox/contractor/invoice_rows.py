"""One invoice's row: its totals and everything around its lines."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from st_deltek_pipeline.domain.money import ZERO, round_to_cents
from st_deltek_pipeline.sandbox.contractor.line_items import SoldLine
from st_deltek_pipeline.sandbox.contractor.pricebook import Kind
from st_deltek_pipeline.sandbox.contractor.world import Row


@dataclass(frozen=True, slots=True)
class Totals:
    """An invoice's totals in whole cents; ``discount`` is the sum of its price modifiers."""

    subtotal: Decimal
    tax: Decimal
    total: Decimal
    discount: Decimal


def totals_of(lines: Iterable[SoldLine], rate: Decimal) -> Totals:
    """Add an invoice up.

    Args:
        lines: What was sold.
        rate: The tax zone's rates together, as a fraction.

    Returns:
        The totals; tax is computed once on the sum of the taxable lines and rounded half away from zero.
    """
    subtotal = base = discount = ZERO
    for line in lines:
        subtotal += line.total
        if line.sku.taxable:
            base += line.total
        if line.sku.kind is Kind.PRICE_MODIFIER:
            discount += line.total
    tax = round_to_cents(base * rate)
    return Totals(subtotal, tax, subtotal + tax, discount)


def blank_invoice() -> Row:
    """Return an export row with every field of the API in its order and nothing decided."""
    return {
        "summary": None,
        "items": None,
        "customFields": None,
        "active": True,
        "discountTotal": None,
        "importId": None,
        "exportId": None,
        "materialSkuId": None,
        "membershipId": None,
        "paidOn": None,
        "invoiceConfiguration": "JobInvoice",
        "id": 0,
        "syncStatus": "Pending",
        "budgetCodeId": None,
        "referenceNumber": None,
        "invoiceDate": None,
        "dueDate": None,
        "subTotal": "0.00",
        "salesTax": "0.00",
        "salesTaxCode": None,
        "taxZoneId": None,
        "total": "0.00",
        "balance": "0.00",
        "invoiceType": None,
        "customer": None,
        "customerAddress": None,
        "location": None,
        "locationAddress": None,
        "businessUnit": None,
        "termName": None,
        "createdBy": None,
        "batch": None,
        "depositedOn": None,
        "createdOn": "",
        "modifiedOn": None,
        "adjustmentToId": None,
        "job": None,
        "projectId": None,
        "royalty": None,
        "employeeInfo": None,
        "commissionEligibilityDate": None,
        "sentStatus": "NotSent",
        "reviewStatus": "NeedsReview",
        "assignedTo": None,
    }


def set_totals(invoice: Row, totals: Totals) -> None:
    """Write totals into the row of an invoice of which nothing is paid yet."""
    invoice["subTotal"] = str(totals.subtotal)
    invoice["salesTax"] = str(totals.tax)
    invoice["total"] = str(totals.total)
    invoice["balance"] = str(totals.total)
    invoice["discountTotal"] = str(totals.discount)
