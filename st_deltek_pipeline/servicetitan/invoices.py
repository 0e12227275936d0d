"""An invoice record, and how it becomes the domain's ``Invoice`` (servicetitan.md section 3.1).

What cannot be read at all is never guessed: the record does not fit, and the reasons name the field's path. Whether a
fitting invoice may be posted is decided by the domain, so a null business unit or amounts that do not add up do not
matter here.
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

import msgspec

from st_deltek_pipeline.domain.documents import Kind, content_hash
from st_deltek_pipeline.domain.invoices import Invoice, InvoiceLine
from st_deltek_pipeline.servicetitan.document_fields import FieldReader, identity, is_ready
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
    plain_text,
)
from st_deltek_pipeline.servicetitan.surroundings import Surroundings


class JobReference(msgspec.Struct, rename="camel", gc=False):
    """An invoice's job."""

    id: Id | None = None
    number: Text = None
    type: Text = None


class InvoiceItem(msgspec.Struct, rename="camel", gc=False):
    """One item of an invoice."""

    id: Id
    type: str | None = None
    sku_name: Text = None
    description: Text = None
    general_ledger_account: LedgerAccount | None = None
    business_unit: Named | None = None
    taxable: bool | None = None
    quantity: Decimal | None = None
    total: Decimal | None = None


class InvoiceRecord(Record):
    """An invoice."""

    sync_status: str | None = None
    review_status: Text = None
    reference_number: Text = None
    invoice_date: str | None = None
    due_date: str | None = None
    sub_total: Decimal | None = None
    sales_tax: Decimal | None = None
    total: Decimal | None = None
    tax_zone_id: Id | None = None
    customer: Named | None = None
    location: Named | None = None
    business_unit: Named | None = None
    job: JobReference | None = None
    project_id: Id | None = None
    adjustment_to_id: Id | None = None
    items: list[InvoiceItem] | None = None


_NO_JOB = JobReference()


def references(record: InvoiceRecord) -> Iterator[tuple[RecordKind, int | None]]:
    """Name the records whose words an invoice copies."""
    yield RecordKind.CUSTOMER, (record.customer or NOBODY).id
    yield RecordKind.BUSINESS_UNIT, (record.business_unit or NOBODY).id
    yield RecordKind.JOB, (record.job or _NO_JOB).id
    yield RecordKind.PROJECT, record.project_id
    yield RecordKind.TAX_ZONE, record.tax_zone_id


def to_invoice(
    record: InvoiceRecord,
    *,
    connection: str,
    business_day: Callable[[date], date],
    surroundings: Surroundings,
    raw_seq: int | None = None,
    staged: tuple[int, str] | None = None,
) -> Invoice | Unfit:
    """Make the domain's invoice out of a record.

    A missing ``active`` counts as active: only ``active: false`` marks a voided or deleted record (section 4).

    Args:
        record: As decoded.
        connection: The connection's name.
        business_day: Gives the business day of a document date.
        surroundings: What the records named by the invoice say; the invoice's own words fill gaps.
        raw_seq: The stored version the record was read from.
        staged: Revision and revision hash that are staged now, if any.

    Returns:
        The invoice, its revision raised by one when what matters to accounting differs from ``staged``; or
        every reason why the record does not fit.
    """
    reader = FieldReader()
    document_date = reader.day(record.invoice_date, "$.invoiceDate")
    sync_status = reader.sync_status(record.sync_status)
    subtotal = reader.amount(record.sub_total, "$.subTotal")
    sales_tax = reader.amount(record.sales_tax, "$.salesTax")
    total = reader.amount(record.total, "$.total")
    lines = tuple(_line(reader, item, position) for position, item in enumerate(record.items or ()))
    if reader.reasons:
        return Unfit(tuple(reader.reasons))

    customer = record.customer or NOBODY
    job = record.job or _NO_JOB
    customer_facts = surroundings.customers.get(customer.id) if customer.id is not None else None
    job_facts = surroundings.jobs.get(job.id) if job.id is not None else None
    number = plain_text(record.reference_number)
    active = record.active is not False
    revision_hash = content_hash(
        (
            active,
            is_ready(sync_status),
            number,
            document_date,
            customer.id,
            (record.business_unit or NOBODY).id,
            job.id,
            record.project_id,
            record.tax_zone_id,
            subtotal,
            sales_tax,
            total,
            hashed_lines(lines),
        )
    )
    return Invoice(
        **identity(
            Kind.INVOICE,
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
        review_status=plain_text(record.review_status),
        customer_id=customer.id,
        customer_name=plain_text(customer.name),
        location_id=record.location.id if record.location is not None else None,
        job_id=job.id,
        job_type=(job_facts.job_type if job_facts is not None else "") or plain_text(job.type),
        project_id=record.project_id,
        adjustment_to_id=record.adjustment_to_id,
        tax_zone_id=record.tax_zone_id,
        subtotal=subtotal,
        sales_tax=sales_tax,
        total=total,
        lines=lines,
        customer_type=customer_facts.customer_type if customer_facts is not None else "",
        billing_customer_id=customer_facts.billing_customer_id if customer_facts is not None else customer.id,
        tax_zone_name=surroundings.tax_zones.get(record.tax_zone_id, "") if record.tax_zone_id is not None else "",
        project_number=surroundings.projects.get(record.project_id, "") if record.project_id is not None else "",
        job_status=job_facts.status if job_facts is not None else "",
    )


def _line(reader: FieldReader, item: InvoiceItem, position: int) -> InvoiceLine:
    return InvoiceLine(
        line_id=item.id,
        item_type=reader.item_type(item.type, f"$.items[{position}].type"),
        sku=plain_text(item.sku_name),
        description=plain_text(item.description),
        gl_account=account_number(item.general_ledger_account),
        business_unit_id=item.business_unit.id if item.business_unit is not None else None,
        # Only a stated "taxable" is taxable; tax itself is stated in the header alone (section 3.1).
        taxable=bool(item.taxable),
        quantity=reader.quantity(item.quantity, f"$.items[{position}].quantity"),
        total=reader.amount(item.total, f"$.items[{position}].total"),
    )


def hashed_lines(lines: tuple[InvoiceLine, ...]) -> list[tuple[object, ...]]:
    """Return what a revision hash holds of sold items."""
    return [
        (
            line.item_type,
            line.sku,
            line.gl_account,
            line.business_unit_id,
            line.taxable,
            # "1.0" and "1.00" are the same quantity.
            line.quantity.normalize(),
            line.total,
        )
        for line in lines
    ]
