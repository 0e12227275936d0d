"""ServiceTitan's records as typed values, and an invoice record as the domain's ``Invoice``.

Only the fields this project uses are read; everything else stays in the stored payload. ServiceTitan's schema
is treated as a hint (servicetitan.md sections 2 and 8): everything but an id may be null or missing, ids may
come as strings, money as decimal strings or as JSON numbers. What cannot be read at all is never guessed: the
record does not fit, and the reasons name the field's path. Whether a fitting invoice may be posted is decided
by the domain, so a null business unit or amounts that do not add up do not matter here.

Asking for records is the client's business, keeping them is the store's.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, TypeVar

import msgspec

from st_deltek_pipeline.domain.documents import DocumentKey, Kind, SyncStatus, content_hash
from st_deltek_pipeline.domain.invoices import Invoice, InvoiceLine
from st_deltek_pipeline.domain.money import CENT, AmountError, parse_amount

_T = TypeVar("_T")


class RecordKind(StrEnum):
    """The kinds of record that are taken in; an invoice's value is the document kind's."""

    INVOICE = "invoice"
    CUSTOMER = "customer"
    LOCATION = "location"
    BUSINESS_UNIT = "business_unit"
    JOB = "job"
    PROJECT = "project"
    JOB_TYPE = "job_type"
    GL_ACCOUNT = "gl_account"
    TAX_ZONE = "tax_zone"
    PAYMENT_TYPE = "payment_type"
    VENDOR = "vendor"


# The store's integers; an id beyond them is not an id.
_LARGEST_ID = 2**63 - 1
Id = Annotated[int, msgspec.Meta(ge=-_LARGEST_ID, le=_LARGEST_ID)]

# What people type arrives as text or as a JSON number; both mean the same text.
Text = str | int | None


class Record(msgspec.Struct, rename="camel", gc=False):
    """What every record has. Unknown members of the JSON are skipped."""

    id: Id
    active: bool | None = None


class Named(msgspec.Struct, rename="camel", gc=False):
    """A reference to another record (REF of servicetitan.md)."""

    id: Id | None = None
    name: Text = None


class JobReference(msgspec.Struct, rename="camel", gc=False):
    """An invoice's job."""

    id: Id | None = None
    number: Text = None
    type: Text = None


class LedgerAccount(msgspec.Struct, rename="camel", gc=False):
    """A general-ledger account as items name it."""

    number: Text = None


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
    """An invoice (servicetitan.md section 3.1)."""

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


class PostalAddress(msgspec.Struct, rename="camel", gc=False):
    """An address (ADDR of servicetitan.md)."""

    street: Text = None
    unit: Text = None
    city: Text = None
    state: Text = None
    zip: Text = None
    country: Text = None


class CustomerRecord(Record):
    """A customer; ``merged_to_id`` names the customer it was merged into (section 3.6)."""

    name: Text = None
    type: Text = None
    merged_to_id: Id | None = None
    address: PostalAddress | None = None


class ContactInfo(msgspec.Struct, rename="camel", gc=False):
    """How to reach a vendor."""

    phone: Text = None
    email: Text = None


class VendorRecord(Record):
    """A vendor (section 3.5); ServiceTitan merges none."""

    name: Text = None
    address: PostalAddress | None = None
    contact_info: ContactInfo | None = None


class LocationRecord(Record):
    """A service location (section 3.6)."""

    name: Text = None
    customer_id: Id | None = None
    merged_to_id: Id | None = None
    tax_zone_id: Id | None = None


class BusinessUnitRecord(Record):
    """A business unit (section 3.7)."""

    name: Text = None


class JobRecord(Record):
    """A job (section 3.7)."""

    job_number: Text = None
    job_status: Text = None
    job_type_id: Id | None = None
    business_unit_id: Id | None = None
    customer_id: Id | None = None
    project_id: Id | None = None


class ProjectRecord(Record):
    """A ServiceTitan project, not a Vantagepoint one (section 3.7)."""

    number: Text = None
    name: Text = None
    status: Text = None
    customer_id: Id | None = None


class TaxZoneRecord(Record):
    """A tax zone (section 3.4)."""

    name: Text = None


class JobTypeRecord(Record):
    """A job type (section 3.7)."""

    name: Text = None


class GlAccountRecord(Record):
    """An account of ServiceTitan's chart (section 3.4)."""

    number: Text = None
    name: Text = None
    type: Text = None


class PaymentTypeRecord(Record):
    """A payment type (section 3.4)."""

    name: Text = None


AnyRecord = (
    InvoiceRecord
    | CustomerRecord
    | LocationRecord
    | BusinessUnitRecord
    | JobRecord
    | ProjectRecord
    | TaxZoneRecord
    | JobTypeRecord
    | GlAccountRecord
    | PaymentTypeRecord
    | VendorRecord
)


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a record cannot be used, one reason per field, each naming its path."""

    reasons: tuple[str, ...]

    def __str__(self) -> str:
        """Return the reasons in one line."""
        return "; ".join(self.reasons)


class Header(msgspec.Struct, rename="camel", gc=False):
    """The part of any record that intake needs. A document's date and total are null in other records.

    Attributes:
        modified_on: As sent; without a zone it is UTC.
        invoice_date: As sent.
    """

    id: Id
    modified_on: datetime | None = None
    active: bool | None = None
    invoice_date: str | None = None
    total: Decimal | None = None


_NULL = msgspec.Raw(b"null")


class _RawHeader(msgspec.Struct, rename="camel"):
    id: msgspec.Raw
    modified_on: msgspec.Raw = _NULL
    active: msgspec.Raw = _NULL
    invoice_date: msgspec.Raw = _NULL
    total: msgspec.Raw = _NULL


# strict=False reads "12" as an int; a text with digits stays a text where both are allowed.
_HEADER = msgspec.json.Decoder(Header, strict=False)
_RAW_HEADER = msgspec.json.Decoder(_RawHeader)
_ID = msgspec.json.Decoder(Id, strict=False)
_MODIFIED_ON = msgspec.json.Decoder(datetime | None, strict=False)
_ACTIVE = msgspec.json.Decoder(bool | None, strict=False)
_INVOICE_DATE = msgspec.json.Decoder(str | None)
_TOTAL = msgspec.json.Decoder(Decimal | None)
_INVOICE = msgspec.json.Decoder(InvoiceRecord, strict=False)

_DECODERS: Mapping[RecordKind, msgspec.json.Decoder[AnyRecord]] = {
    RecordKind.INVOICE: msgspec.json.Decoder(InvoiceRecord, strict=False),
    RecordKind.CUSTOMER: msgspec.json.Decoder(CustomerRecord, strict=False),
    RecordKind.LOCATION: msgspec.json.Decoder(LocationRecord, strict=False),
    RecordKind.BUSINESS_UNIT: msgspec.json.Decoder(BusinessUnitRecord, strict=False),
    RecordKind.JOB: msgspec.json.Decoder(JobRecord, strict=False),
    RecordKind.PROJECT: msgspec.json.Decoder(ProjectRecord, strict=False),
    RecordKind.JOB_TYPE: msgspec.json.Decoder(JobTypeRecord, strict=False),
    RecordKind.GL_ACCOUNT: msgspec.json.Decoder(GlAccountRecord, strict=False),
    RecordKind.TAX_ZONE: msgspec.json.Decoder(TaxZoneRecord, strict=False),
    RecordKind.PAYMENT_TYPE: msgspec.json.Decoder(PaymentTypeRecord, strict=False),
    RecordKind.VENDOR: msgspec.json.Decoder(VendorRecord, strict=False),
}

# SKUTYPE of servicetitan.md section 2.
_ITEM_TYPES = frozenset({"Service", "Material", "Equipment", "PriceModifier", "Unspecified"})
_SYNC_STATUSES = {status.value: status for status in SyncStatus}
_READY = frozenset({SyncStatus.POSTED, SyncStatus.EXPORTED})
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_LENGTH = len("2026-10-05")
_NOT_STATED = Decimal(0)
# Postgres' numeric takes more, but a total with more digits than this is no amount of money.
_LARGEST_TOTAL = Decimal("1e15")
_MOST_DECIMALS = 12


def read_header(payload: bytes) -> Header | Unfit:
    """Read what intake needs of a record.

    Args:
        payload: One record's JSON.

    Returns:
        The header; a member that is missing or not readable is ``None`` in it. ``Unfit`` when there is no
        usable id, so that the record cannot even be kept as one.
    """
    try:
        header = _HEADER.decode(payload)
    except msgspec.ValidationError as error:
        header = _read_header_piecemeal(payload, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Unfit((f"not readable as JSON: {error}",))
    if isinstance(header, Unfit):
        return header
    if header.modified_on is not None and header.modified_on.tzinfo is None:
        header.modified_on = header.modified_on.replace(tzinfo=UTC)
    if header.total is not None and not _is_plausible(header.total):
        header.total = None
    return header


def _read_header_piecemeal(payload: bytes, reason: str) -> Header | Unfit:
    try:
        raw = _RAW_HEADER.decode(payload)
        record_id = _ID.decode(raw.id)
    except msgspec.MsgspecError:
        return Unfit((reason,))
    return Header(
        id=record_id,
        modified_on=_readable(_MODIFIED_ON, raw.modified_on),
        active=_readable(_ACTIVE, raw.active),
        invoice_date=_readable(_INVOICE_DATE, raw.invoice_date),
        total=_readable(_TOTAL, raw.total),
    )


def _readable(decoder: msgspec.json.Decoder[_T], raw: msgspec.Raw) -> _T | None:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        return None


def _is_plausible(amount: Decimal) -> bool:
    if amount.same_quantum(CENT):  # nearly always, and far cheaper than what follows
        return -_LARGEST_TOTAL < amount < _LARGEST_TOTAL
    if not amount.is_finite() or abs(amount) >= _LARGEST_TOTAL:
        return False
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_MOST_DECIMALS


@lru_cache(maxsize=4096)
def _parse_date(text: str) -> date | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def date_part(text: str | None) -> date | None:
    """Take the date out of a date-time exactly as sent; no time zone ever shifts it (servicetitan.md section 8).

    Args:
        text: ``2026-10-05``, ``2026-10-05T00:00:00Z`` or the like.

    Returns:
        The date, or ``None`` when the text is missing or does not start with a real date.
    """
    if text is None or (len(text) > _DATE_LENGTH and text[_DATE_LENGTH] not in "T "):
        return None
    return _parse_date(text[:_DATE_LENGTH])


def read_record(kind: RecordKind, payload: str | bytes) -> AnyRecord | Unfit:
    """Read a stored record.

    Args:
        kind: Which record it is.
        payload: Its JSON.

    Returns:
        The typed record, or why it does not fit its type: the reason names the path of the field.
    """
    try:
        return _DECODERS[kind].decode(payload)
    except msgspec.ValidationError as error:
        return Unfit((str(error),))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Unfit((f"not readable as JSON: {error}",))


def read_invoice(payload: str | bytes) -> InvoiceRecord | Unfit:
    """Read a stored invoice.

    Args:
        payload: Its JSON.

    Returns:
        The record, or why it does not fit.
    """
    try:
        return _INVOICE.decode(payload)
    except msgspec.ValidationError as error:
        return Unfit((str(error),))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Unfit((f"not readable as JSON: {error}",))


def plain_text(value: Text) -> str:
    """Write a text or number as text that every database takes.

    Args:
        value: As decoded; ``None`` is the empty text.

    Returns:
        The text unchanged but for NUL characters, which Postgres cannot hold: each becomes U+FFFD.
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else str(value)
    return text.replace("\x00", "\ufffd") if "\x00" in text else text


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """A customer as an invoice needs it.

    Attributes:
        customer_type: Residential or Commercial; empty when not stated.
        billing_customer_id: The customer that survives after merges.
    """

    customer_type: str
    billing_customer_id: int


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job as an invoice needs it; ``job_type`` is the type's name, empty while unknown."""

    job_type: str
    status: str


@dataclass(frozen=True)
class Surroundings:
    """What other records say about the things that invoices name, by id. Unknown ids are simply absent."""

    customers: Mapping[int, CustomerFacts] = field(default_factory=dict[int, CustomerFacts])
    jobs: Mapping[int, JobFacts] = field(default_factory=dict[int, JobFacts])
    business_units: Mapping[int, str] = field(default_factory=dict[int, str])
    projects: Mapping[int, str] = field(default_factory=dict[int, str])
    tax_zones: Mapping[int, str] = field(default_factory=dict[int, str])


class _Reader:
    """Collects the reasons while an invoice's fields are read."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def amount(self, value: Decimal | None, path: str) -> Decimal:
        if value is None:
            self.reasons.append(f"{path} is missing")
            return _NOT_STATED
        try:
            return parse_amount(value)
        except AmountError:
            self.reasons.append(f"{value} at {path} is not an amount in whole cents")
            return _NOT_STATED

    def sync_status(self, value: str | None) -> SyncStatus:
        if value is None:
            self.reasons.append("$.syncStatus is missing")
        elif value in _SYNC_STATUSES:
            return _SYNC_STATUSES[value]
        else:
            self.reasons.append(f"{value!r} at $.syncStatus is not a known status")
        return SyncStatus.PENDING

    def invoice_date(self, value: str | None) -> date:
        day = date_part(value)
        if day is None:
            said = "is missing" if value is None else f"{value!r} is not a date"
            self.reasons.append(f"$.invoiceDate {said}")
            return date.min
        return day

    def line(self, item: InvoiceItem, position: int) -> InvoiceLine:
        item_type = item.type if item.type is not None else "Unspecified"
        if item_type not in _ITEM_TYPES:
            self.reasons.append(f"{item_type!r} at $.items[{position}].type is not a known item type")
        quantity = item.quantity if item.quantity is not None else _NOT_STATED
        if not _is_plausible(quantity):
            self.reasons.append(f"{quantity} at $.items[{position}].quantity is not a quantity")
        account = item.general_ledger_account
        return InvoiceLine(
            line_id=item.id,
            item_type=item_type,
            sku=plain_text(item.sku_name),
            description=plain_text(item.description),
            gl_account=plain_text(account.number) or None if account is not None else None,
            business_unit_id=item.business_unit.id if item.business_unit is not None else None,
            # Only a stated "taxable" is taxable; tax itself is stated in the header alone (section 3.1).
            taxable=bool(item.taxable),
            quantity=quantity,
            total=self.amount(item.total, f"$.items[{position}].total"),
        )


_NOBODY = Named()
_NO_JOB = JobReference()


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
        record: As read by ``read_invoice``.
        connection: The connection's name.
        business_day: Gives the business day of a document date.
        surroundings: What the records named by the invoice say; the invoice's own words fill gaps.
        raw_seq: The stored version the record was read from.
        staged: Revision and revision hash that are staged now, if any.

    Returns:
        The invoice, its revision raised by one when what matters to accounting differs from ``staged``; or
        every reason why the record does not fit.
    """
    reader = _Reader()
    document_date = reader.invoice_date(record.invoice_date)
    sync_status = reader.sync_status(record.sync_status)
    subtotal = reader.amount(record.sub_total, "$.subTotal")
    sales_tax = reader.amount(record.sales_tax, "$.salesTax")
    total = reader.amount(record.total, "$.total")
    lines = tuple(reader.line(item, position) for position, item in enumerate(record.items or ()))
    if reader.reasons:
        return Unfit(tuple(reader.reasons))

    customer = record.customer or _NOBODY
    unit = record.business_unit or _NOBODY
    job = record.job or _NO_JOB
    customer_facts = surroundings.customers.get(customer.id) if customer.id is not None else None
    job_facts = surroundings.jobs.get(job.id) if job.id is not None else None
    unit_name = surroundings.business_units.get(unit.id, "") if unit.id is not None else ""
    number = plain_text(record.reference_number)
    active = record.active is not False
    revision_hash = content_hash(
        (
            active,
            # Exporting is our own doing or another exporter's; it changes nothing that is booked.
            sync_status in _READY,
            number,
            document_date,
            customer.id,
            unit.id,
            job.id,
            record.project_id,
            record.tax_zone_id,
            subtotal,
            sales_tax,
            total,
            [
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
            ],
        )
    )
    revision = 1
    if staged is not None:
        revision = staged[0] if staged[1] == revision_hash else staged[0] + 1
    return Invoice(
        key=DocumentKey(connection, Kind.INVOICE, record.id),
        revision=revision,
        revision_hash=revision_hash,
        number=number,
        document_date=document_date,
        due_date=date_part(record.due_date),
        business_day=business_day(document_date),
        sync_status=sync_status,
        review_status=plain_text(record.review_status),
        active=active,
        customer_id=customer.id,
        customer_name=plain_text(customer.name),
        location_id=record.location.id if record.location is not None else None,
        business_unit_id=unit.id,
        business_unit_name=unit_name or plain_text(unit.name),
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
        raw_seq=raw_seq,
    )
