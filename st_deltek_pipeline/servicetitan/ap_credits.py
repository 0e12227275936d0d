"""A vendor's credit, and how it becomes the domain's ``ApCredit`` (servicetitan.md section 3.4)."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

import msgspec

from st_deltek_pipeline.domain.bills import ApCredit, BillCredit
from st_deltek_pipeline.domain.documents import Kind, content_hash
from st_deltek_pipeline.servicetitan.document_fields import FieldReader, identity, is_ready
from st_deltek_pipeline.servicetitan.headers import CANCELED
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.shapes import NOBODY, Id, Named, Record, Text, Unfit, plain_text
from st_deltek_pipeline.servicetitan.surroundings import JobFacts, Surroundings

_STATUSES = frozenset({"Unreconciled", CANCELED})
_NO_JOB = JobFacts("", "")


class BillSplit(msgspec.Struct, rename="camel", gc=False):
    """What a credit takes off one bill."""

    id: Id
    inventory_bill_id: Id
    active: bool | None = None
    amount: Decimal | None = None


class ApCreditRecord(Record):
    """A vendor's credit."""

    job_id: Id | None = None
    date: str | None = None
    canceled_on: str | None = None
    number: Text = None
    reference_number: Text = None
    memo: Text = None
    amount: Decimal | None = None
    status: str | None = None
    sync_status: str | None = None
    business_unit: Named | None = None
    vendor: Named | None = None
    splits: list[BillSplit] | None = None


def references(record: ApCreditRecord) -> Iterator[tuple[RecordKind, int | None]]:
    """Name the records whose words a vendor's credit copies."""
    yield RecordKind.BUSINESS_UNIT, (record.business_unit or NOBODY).id
    yield RecordKind.JOB, record.job_id


def to_ap_credit(
    record: ApCreditRecord,
    *,
    connection: str,
    business_day: Callable[[date], date],
    surroundings: Surroundings,
    raw_seq: int | None = None,
    staged: tuple[int, str] | None = None,
) -> ApCredit | Unfit:
    """Make the domain's vendor credit out of a record.

    Which bills it is split over is no part of its revision: the payable is the vendor's, whatever it is set against.

    Args:
        record: As decoded.
        connection: The connection's name.
        business_day: Gives the business day of a document date.
        surroundings: What the records named by the credit say; its own words fill gaps.
        raw_seq: The stored version the record was read from.
        staged: Revision and revision hash that are staged now, if any.

    Returns:
        The credit, its revision raised by one when what matters to accounting differs from ``staged``; or every
        reason why the record does not fit.
    """
    reader = FieldReader()
    document_date = reader.day(record.date, "$.date")
    sync_status = reader.sync_status(record.sync_status)
    if record.status is not None and record.status not in _STATUSES:
        reader.reasons.append(f"{record.status!r} at $.status is not a known status")
    total = reader.amount(record.amount, "$.amount")
    splits = tuple(
        BillCredit(split.id, split.inventory_bill_id, reader.amount(split.amount, f"$.splits[{position}].amount"))
        for position, split in enumerate(record.splits or ())
        if split.active is not False
    )
    if reader.reasons:
        return Unfit(tuple(reader.reasons))

    vendor = record.vendor or NOBODY
    job = surroundings.jobs.get(record.job_id, _NO_JOB) if record.job_id is not None else _NO_JOB
    number, vendor_invoice = plain_text(record.number), plain_text(record.reference_number)
    active = record.active is not False and record.status != CANCELED and record.canceled_on is None
    revision_hash = content_hash(
        (
            active,
            is_ready(sync_status),
            number,
            document_date,
            vendor.id,
            vendor_invoice,
            (record.business_unit or NOBODY).id,
            record.job_id,
            total,
        )
    )
    return ApCredit(
        **identity(
            Kind.AP_CREDIT,
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
        vendor_id=vendor.id,
        vendor_name=plain_text(vendor.name),
        vendor_invoice=vendor_invoice,
        job_id=record.job_id,
        job_number=job.number,
        job_type=job.job_type,
        project_number=job.project_number,
        memo=plain_text(record.memo),
        total=total,
        splits=splits,
    )
