"""A credit memo and its items, and how they become the domain's ``CreditMemo`` (servicetitan.md section 3.4).

The items are records of their own, which ServiceTitan lists apart from the memos.
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.credit_memos import CreditMemo, CreditSplit
from st_deltek_pipeline.domain.documents import Kind, content_hash
from st_deltek_pipeline.domain.invoices import InvoiceLine
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.servicetitan.document_fields import FieldReader, identity, is_ready
from st_deltek_pipeline.servicetitan.invoices import hashed_lines
from st_deltek_pipeline.servicetitan.payments import AppliedRow
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
    plain_text,
)
from st_deltek_pipeline.servicetitan.surroundings import MemoItems, Surroundings

_NO_ITEMS = MemoItems()


class CreditMemoRecord(Record):
    """A credit memo."""

    sync_status: str | None = None
    reference_number: Text = None
    date: str | None = None
    sub_total: Decimal | None = None
    sales_tax: Decimal | None = None
    total: Decimal | None = None
    balance: Decimal | None = None
    sales_tax_code: Named | None = None
    description: Text = None
    customer: Named | None = None
    business_unit: Named | None = None
    applied_to: list[AppliedRow] | None = None


class CreditMemoItemRecord(Record):
    """One item of a credit memo, as ``credit-memo-items`` lists it."""

    credit_memo_id: Id | None = None
    type: str | None = None
    sku_name: Text = None
    description: Text = None
    quantity: Decimal | None = None
    total: Decimal | None = None
    taxable: bool | None = None
    revenue_general_ledger_account: LedgerAccount | None = None
    business_unit: Named | None = None


def references(record: CreditMemoRecord) -> Iterator[tuple[RecordKind, int | None]]:
    """Name the records whose words a credit memo copies; its items are found by its own id."""
    yield RecordKind.CUSTOMER, (record.customer or NOBODY).id
    yield RecordKind.BUSINESS_UNIT, (record.business_unit or NOBODY).id
    yield RecordKind.CREDIT_MEMO_ITEM, record.id


def to_memo_line(record: CreditMemoItemRecord) -> InvoiceLine | Unfit:
    """Make a line out of an item.

    Args:
        record: As decoded.

    Returns:
        The line, or every reason why the item does not fit.
    """
    reader = FieldReader()
    path = f"$.items[id={record.id}]"
    line = InvoiceLine(
        line_id=record.id,
        item_type=reader.item_type(record.type, f"{path}.type"),
        sku=plain_text(record.sku_name),
        description=plain_text(record.description),
        gl_account=account_number(record.revenue_general_ledger_account),
        business_unit_id=(record.business_unit or NOBODY).id,
        taxable=bool(record.taxable),
        quantity=reader.quantity(record.quantity, f"{path}.quantity"),
        total=reader.amount(record.total, f"{path}.total"),
    )
    return Unfit(tuple(reader.reasons)) if reader.reasons else line


def to_credit_memo(
    record: CreditMemoRecord,
    *,
    connection: str,
    business_day: Callable[[date], date],
    surroundings: Surroundings,
    raw_seq: int | None = None,
    staged: tuple[int, str] | None = None,
) -> CreditMemo | Unfit:
    """Make the domain's credit memo out of a record and the items that are known.

    Args:
        record: As decoded.
        connection: The connection's name.
        business_day: Gives the business day of a document date.
        surroundings: Its items, and what the records it names say; its own words fill gaps.
        raw_seq: The stored version the record was read from.
        staged: Revision and revision hash that are staged now, if any.

    Returns:
        The memo, its revision raised by one when what matters to accounting differs from ``staged``; or every reason
        why the memo or one of its items does not fit.
    """
    reader = FieldReader()
    items = surroundings.memo_items.get(record.id, _NO_ITEMS)
    document_date = reader.day(record.date, "$.date")
    sync_status = reader.sync_status(record.sync_status)
    subtotal = reader.amount(record.sub_total, "$.subTotal")
    sales_tax = reader.amount(record.sales_tax, "$.salesTax")
    total = reader.amount(record.total, "$.total")
    balance = reader.amount_or_zero(record.balance, "$.balance")
    splits = _splits(reader, record.applied_to or [])
    reader.reasons.extend(items.problems)
    if reader.reasons:
        return Unfit(tuple(reader.reasons))

    customer = record.customer or NOBODY
    facts = surroundings.customers.get(customer.id) if customer.id is not None else None
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
            subtotal,
            sales_tax,
            total,
            balance,
            sorted((split.invoice_id, split.amount) for split in splits),
            hashed_lines(items.lines),
        )
    )
    return CreditMemo(
        **identity(
            Kind.CREDIT_MEMO,
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
        due_date=None,
        customer_id=customer.id,
        customer_name=plain_text(customer.name),
        billing_customer_id=facts.billing_customer_id if facts is not None else customer.id,
        customer_type=facts.customer_type if facts is not None else "",
        description=plain_text(record.description),
        subtotal=subtotal,
        sales_tax=sales_tax,
        total=total,
        balance=balance,
        lines=items.lines,
        splits=splits,
        tax_name=plain_text((record.sales_tax_code or NOBODY).name),
    )


def _splits(reader: FieldReader, rows: list[AppliedRow]) -> tuple[CreditSplit, ...]:
    found = [
        CreditSplit(
            split_id=row.applied_id,
            invoice_id=row.applied_to,
            invoice_number=plain_text(row.applied_to_reference_number),
            amount=reader.amount(row.applied_amount, f"$.appliedTo[{position}].appliedAmount"),
        )
        for position, row in enumerate(rows)
    ]
    return tuple(sorted((split for split in found if split.amount != ZERO), key=lambda split: split.split_id))
