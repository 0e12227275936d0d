"""A vendor's bill, and how it becomes the domain's ``Bill`` (servicetitan.md section 3.3).

``inventory-bills`` and ``ap-bills`` show the same bills under the same ids; a record of either reads the same, so a
connection may change from one to the other without a single new revision. A missing vendor or a negative quantity does
not matter here: what can be posted is decided by the domain.
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Context, Decimal

import msgspec

from st_deltek_pipeline.domain.bills import Bill, BillLine
from st_deltek_pipeline.domain.documents import Kind, content_hash
from st_deltek_pipeline.domain.money import LARGEST_AMOUNT, ZERO, round_to_cents
from st_deltek_pipeline.servicetitan.document_fields import FieldReader, identity, is_ready, name_of
from st_deltek_pipeline.servicetitan.headers import CANCELED
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.shapes import (
    NOBODY,
    Id,
    LedgerAccount,
    Named,
    Record,
    Text,
    Unfit,
    account_number,
    date_part,
    is_plausible,
    plain_text,
)
from st_deltek_pipeline.servicetitan.surroundings import JobFacts, Surroundings

# Enough digits for the product of any two numbers that are read.
_EXACT = Context(prec=64)
_STATUSES = frozenset({"Unreconciled", "Discrepancy", "Reconciled", CANCELED})
_EXPENSE = "Expense"
_NO_JOB = JobFacts("", "")
_ONE = Decimal(1)


class BillItem(msgspec.Struct, rename="camel", gc=False):
    """One item of a bill."""

    id: Id
    name: Text = None
    description: Text = None
    sku_type: Text = None
    sku_code: Text = None
    quantity: Decimal | None = None
    cost: Decimal | None = None
    allocated_tax: Decimal | None = None
    allocated_shipping: Decimal | None = None
    allocated_other_costs: Decimal | None = None
    general_ledger_account: LedgerAccount | None = None
    cost_of_sale_account: LedgerAccount | None = None
    asset_account: LedgerAccount | None = None


class ExpenseItem(msgspec.Struct, rename="camel", gc=False):
    """One expense of a bill without a purchase order; only ``ap-bills`` shows them."""

    id: Id
    amount: Decimal | None = None
    description: Text = None
    general_ledger_account: LedgerAccount | None = None
    job: Named | None = None
    business_unit: Named | None = None


class BillRecord(Record):
    """A bill of either resource. ``landedCostMethod``, which may arrive as a number, is not read."""

    purchase_order_id: Id | None = None
    sync_status: str | None = None
    status: str | None = None
    reference_number: Text = None
    vendor_number: Text = None
    bill_date: str | None = None
    due_date: str | None = None
    date_canceled: str | None = None
    bill_amount: Decimal | None = None
    tax_amount: Decimal | None = None
    shipping_amount: Decimal | None = None
    other_amount: Decimal | None = None
    term_name: Text = None
    business_unit: Named | None = None
    tax_zone: Named | None = None
    vendor: Named | None = None
    job_id: Id | None = None
    job_number: Text = None
    items: list[BillItem] | None = None
    expense_items: list[ExpenseItem] | None = None


def references(record: BillRecord) -> Iterator[tuple[RecordKind, int | None]]:
    """Name the records whose words a bill copies."""
    yield RecordKind.BUSINESS_UNIT, (record.business_unit or NOBODY).id
    yield RecordKind.JOB, record.job_id
    yield RecordKind.TAX_ZONE, (record.tax_zone or NOBODY).id
    yield RecordKind.PURCHASE_ORDER, record.purchase_order_id
    for expense in record.expense_items or ():
        yield RecordKind.BUSINESS_UNIT, (expense.business_unit or NOBODY).id
        yield RecordKind.JOB, (expense.job or NOBODY).id


def to_bill(
    record: BillRecord,
    *,
    connection: str,
    business_day: Callable[[date], date],
    surroundings: Surroundings,
    raw_seq: int | None = None,
    staged: tuple[int, str] | None = None,
) -> Bill | Unfit:
    """Make the domain's bill out of a record.

    Args:
        record: As decoded.
        connection: The connection's name.
        business_day: Gives the business day of a document date.
        surroundings: What the records named by the bill say; the bill's own words fill gaps.
        raw_seq: The stored version the record was read from.
        staged: Revision and revision hash that are staged now, if any.

    Returns:
        The bill, its revision raised by one when what matters to accounting differs from ``staged``; or every reason
        why the record does not fit.
    """
    reader = FieldReader()
    document_date = reader.day(record.bill_date, "$.billDate")
    sync_status = reader.sync_status(record.sync_status)
    if record.status is not None and record.status not in _STATUSES:
        reader.reasons.append(f"{record.status!r} at $.status is not a known status")
    total = reader.amount(record.bill_amount, "$.billAmount")
    tax = reader.amount_or_zero(record.tax_amount, "$.taxAmount")
    shipping = reader.amount_or_zero(record.shipping_amount, "$.shippingAmount")
    other = reader.amount_or_zero(record.other_amount, "$.otherAmount")
    lines = (
        *(_item_line(reader, item, f"$.items[{place}]") for place, item in enumerate(record.items or ())),
        *(
            _expense_line(reader, expense, f"$.expenseItems[{place}]", surroundings)
            for place, expense in enumerate(record.expense_items or ())
        ),
    )
    if reader.reasons:
        return Unfit(tuple(reader.reasons))

    vendor, tax_zone = record.vendor or NOBODY, record.tax_zone or NOBODY
    job = surroundings.jobs.get(record.job_id, _NO_JOB) if record.job_id is not None else _NO_JOB
    number, vendor_invoice = plain_text(record.reference_number), plain_text(record.vendor_number)
    active = record.active is not False and record.status != CANCELED and record.date_canceled is None
    revision_hash = content_hash(
        (
            active,
            is_ready(sync_status),
            number,
            document_date,
            vendor.id,
            vendor_invoice,
            record.purchase_order_id,
            (record.business_unit or NOBODY).id,
            record.job_id,
            tax_zone.id,
            total,
            tax,
            shipping,
            other,
            [_hashed_line(line) for line in lines],
        )
    )
    return Bill(
        **identity(
            Kind.BILL,
            record.id,
            connection=connection,
            revision_hash=revision_hash,
            document_date=document_date,
            business_day=business_day,
            sync_status=sync_status,
            active=active,
            unit=record.business_unit,
            surroundings=surroundings,
            raw_seq=raw_seq,
            staged=staged,
        ),
        number=number,
        due_date=date_part(record.due_date),
        vendor_id=vendor.id,
        vendor_name=plain_text(vendor.name),
        vendor_invoice=vendor_invoice,
        purchase_order_id=record.purchase_order_id,
        purchase_order=_purchase_order(record.purchase_order_id, surroundings),
        job_id=record.job_id,
        job_number=job.number or plain_text(record.job_number),
        job_type=job.job_type,
        job_status=job.status,
        project_number=job.project_number,
        tax_zone_id=tax_zone.id,
        tax_zone_name=name_of(tax_zone, surroundings.tax_zones),
        term_name=plain_text(record.term_name),
        tax=tax,
        shipping=shipping,
        other=other,
        total=total,
        lines=lines,
    )


def _purchase_order(order_id: int | None, surroundings: Surroundings) -> str:
    return "" if order_id is None else surroundings.purchase_orders.get(order_id, "") or str(order_id)


def _item_line(reader: FieldReader, item: BillItem, path: str) -> BillLine:
    quantity = reader.quantity(item.quantity, f"{path}.quantity")
    return BillLine(
        line_id=item.id,
        item_type=plain_text(item.sku_type) or "Unspecified",
        sku=plain_text(item.sku_code),
        description=plain_text(item.description) or plain_text(item.name),
        gl_account=account_number(item.general_ledger_account),
        cost_account=account_number(item.cost_of_sale_account),
        asset_account=account_number(item.asset_account),
        business_unit_id=None,
        business_unit_name="",
        job_number="",
        quantity=quantity,
        amount=_extended(reader, item, path),
        allocated_tax=_share(reader, item.allocated_tax, f"{path}.allocatedTax"),
        allocated_shipping=_share(reader, item.allocated_shipping, f"{path}.allocatedShipping"),
        allocated_other=_share(reader, item.allocated_other_costs, f"{path}.allocatedOtherCosts"),
    )


def _extended(reader: FieldReader, item: BillItem, path: str) -> Decimal:
    """Multiply quantity and cost per unit; the cost may have more decimals than cents."""
    if item.quantity is None or item.cost is None:
        reader.reasons.append(f"{path}.{'quantity' if item.quantity is None else 'cost'} is missing")
        return ZERO
    if not is_plausible(item.cost):
        reader.reasons.append(f"{item.cost} at {path}.cost is not an amount")
        return ZERO
    if not is_plausible(item.quantity):
        return ZERO  # the quantity has its own reason
    amount = _EXACT.multiply(item.quantity, item.cost)
    if abs(amount) > LARGEST_AMOUNT:
        reader.reasons.append(f"{path}.quantity times cost is {amount}, which is not an amount that can be booked")
        return ZERO
    return round_to_cents(amount)


def _share(reader: FieldReader, value: Decimal | None, path: str) -> Decimal | None:
    """Read what ServiceTitan spread over an item; it may have more decimals than cents."""
    if value is not None and not is_plausible(value):
        reader.reasons.append(f"{value} at {path} is not an amount")
    return value


def _expense_line(reader: FieldReader, expense: ExpenseItem, path: str, surroundings: Surroundings) -> BillLine:
    unit, job = expense.business_unit or NOBODY, expense.job or NOBODY
    facts = surroundings.jobs.get(job.id, _NO_JOB) if job.id is not None else _NO_JOB
    return BillLine(
        line_id=expense.id,
        item_type=_EXPENSE,
        sku="",
        description=plain_text(expense.description),
        gl_account=account_number(expense.general_ledger_account),
        cost_account=None,
        asset_account=None,
        business_unit_id=unit.id,
        business_unit_name=name_of(unit, surroundings.business_units),
        job_number=facts.number or plain_text(job.name),
        quantity=_ONE,
        amount=reader.amount(expense.amount, f"{path}.amount"),
        allocated_tax=None,
        allocated_shipping=None,
        allocated_other=None,
        job_id=job.id,
        job_type=facts.job_type,
        project_number=facts.project_number,
    )


def _hashed_line(line: BillLine) -> tuple[object, ...]:
    return (
        line.item_type,
        line.sku,
        line.gl_account,
        line.cost_account,
        line.asset_account,
        line.business_unit_id,
        line.job_id,
        # "1.0" and "1.00" are the same quantity.
        line.quantity.normalize(),
        line.amount,
        *(
            share.normalize() if share is not None else None
            for share in (line.allocated_tax, line.allocated_shipping, line.allocated_other)
        ),
    )
