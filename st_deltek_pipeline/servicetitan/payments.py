"""A payment record, and how it becomes the domain's ``Payment`` (servicetitan.md section 3.2)."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

import msgspec

from st_deltek_pipeline.domain.documents import Kind, content_hash
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.payments import Application, Payment
from st_deltek_pipeline.servicetitan.document_fields import FieldReader, identity, is_ready
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.shapes import NOBODY, Id, Named, Record, Text, Unfit, date_part, plain_text
from st_deltek_pipeline.servicetitan.surroundings import Surroundings


class AppliedRow(msgspec.Struct, rename="camel", gc=False):
    """Money applied to an invoice (APPLIED of servicetitan.md section 2); of a payment or a credit memo."""

    applied_id: Id
    applied_to: Id
    applied_amount: Decimal | None = None
    applied_to_reference_number: Text = None
    applied_on: str | None = None


class PaymentRecord(Record):
    """A payment; ``type_id`` is a text in the lists and the feed."""

    sync_status: str | None = None
    reference_number: Text = None
    check_number: Text = None
    date: str | None = None
    type: Text = None
    type_id: Id | None = None
    total: Decimal | None = None
    unapplied_amount: Decimal | None = None
    memo: Text = None
    customer: Named | None = None
    business_unit: Named | None = None
    deposit: Named | None = None
    refunded_payment_id: Id | None = None
    applied_to: list[AppliedRow] | None = None


def references(record: PaymentRecord) -> Iterator[tuple[RecordKind, int | None]]:
    """Name the records whose words a payment copies."""
    yield RecordKind.CUSTOMER, (record.customer or NOBODY).id
    yield RecordKind.BUSINESS_UNIT, (record.business_unit or NOBODY).id
    yield RecordKind.PAYMENT_TYPE, record.type_id
    yield RecordKind.BANK_DEPOSIT, (record.deposit or NOBODY).id
    yield RecordKind.JOURNAL_ENTRY_PAYMENT, record.id


def to_payment(
    record: PaymentRecord,
    *,
    connection: str,
    business_day: Callable[[date], date],
    surroundings: Surroundings,
    raw_seq: int | None = None,
    staged: tuple[int, str] | None = None,
) -> Payment | Unfit:
    """Make the domain's payment out of a record.

    That a payment is a journal entry belongs to its revision, although another list says so: it decides whether any
    money moved. Its deposit does not: it groups receipts and changes none of them.

    Args:
        record: As decoded.
        connection: The connection's name.
        business_day: Gives the business day of a document date.
        surroundings: What the records named by the payment say; the payment's own words fill gaps.
        raw_seq: The stored version the record was read from.
        staged: Revision and revision hash that are staged now, if any.

    Returns:
        The payment, its revision raised by one when what matters to accounting differs from ``staged``; or every
        reason why the record does not fit.
    """
    reader = FieldReader()
    document_date = reader.day(record.date, "$.date")
    sync_status = reader.sync_status(record.sync_status)
    total = reader.amount(record.total, "$.total")
    unapplied = reader.amount_or_zero(record.unapplied_amount, "$.unappliedAmount")
    applications = _applications(reader, record.applied_to or ())
    if reader.reasons:
        return Unfit(tuple(reader.reasons))

    customer = record.customer or NOBODY
    facts = surroundings.customers.get(customer.id) if customer.id is not None else None
    number = plain_text(record.reference_number) or plain_text(record.check_number)
    stated_type = plain_text(record.type)
    type_name = surroundings.payment_types.get(record.type_id, "") if record.type_id is not None else ""
    deposit_id = (record.deposit or NOBODY).id
    is_journal_entry = record.id in surroundings.journal_entries
    active = record.active is not False
    revision_hash = content_hash(
        (
            active,
            is_ready(sync_status),
            number,
            document_date,
            customer.id,
            (record.business_unit or NOBODY).id,
            # A type is known by its id; its name may be edited.
            record.type_id if record.type_id is not None else stated_type,
            is_journal_entry,
            record.refunded_payment_id,
            total,
            unapplied,
            sorted((application.invoice_id, application.amount) for application in applications),
        )
    )
    return Payment(
        **identity(
            Kind.PAYMENT,
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
        type_id=record.type_id,
        type_name=type_name or stated_type,
        is_journal_entry=is_journal_entry,
        deposit_id=deposit_id,
        deposit_date=surroundings.deposits.get(deposit_id) if deposit_id is not None else None,
        refunded_payment_id=record.refunded_payment_id,
        memo=plain_text(record.memo),
        total=total,
        unapplied=unapplied,
        applications=applications,
    )


def _applications(reader: FieldReader, rows: list[AppliedRow] | tuple[()]) -> tuple[Application, ...]:
    found = [
        Application(
            application_id=row.applied_id,
            invoice_id=row.applied_to,
            invoice_number=plain_text(row.applied_to_reference_number),
            amount=reader.amount(row.applied_amount, f"$.appliedTo[{position}].appliedAmount"),
            applied_on=date_part(row.applied_on),
        )
        for position, row in enumerate(rows)
    ]
    applied = (application for application in found if application.amount != ZERO)
    return tuple(sorted(applied, key=lambda application: application.application_id))
