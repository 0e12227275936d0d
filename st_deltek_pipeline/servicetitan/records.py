"""ServiceTitan's records as typed values: here those that are no documents, and the reading of any of them.

Only the fields this project uses are read; everything else stays in the stored payload. What cannot be read at all is
never guessed: the record does not fit, and the reason names the field's path. Asking for records is the client's
business, keeping them is the store's.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from st_deltek_pipeline.servicetitan.ap_credits import ApCreditRecord
from st_deltek_pipeline.servicetitan.bills import BillRecord
from st_deltek_pipeline.servicetitan.credit_memos import CreditMemoItemRecord, CreditMemoRecord
from st_deltek_pipeline.servicetitan.documents import FORMS
from st_deltek_pipeline.servicetitan.invoices import InvoiceRecord
from st_deltek_pipeline.servicetitan.payments import PaymentRecord
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.shapes import Id, LedgerAccount, Record, Text, Unfit


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

    invoice_id: Id | None = None
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


class BankDepositRecord(Record):
    """A bank deposit (section 3.4); only a deposited one has its final date."""

    name: Text = None
    deposit_status: Text = None
    deposit_date: str | None = None
    gross_amount: Decimal | None = None
    net_amount: Decimal | None = None
    fees: Decimal | None = None
    fee_account: LedgerAccount | None = None


class PurchaseOrderRecord(Record):
    """A purchase order (section 3.5)."""

    number: Text = None


class JournalEntryPaymentRecord(Record):
    """A payment of the list that is restricted to journal entries; that it is in there is all it says."""


AnyRecord = (
    InvoiceRecord
    | PaymentRecord
    | BillRecord
    | ApCreditRecord
    | CreditMemoRecord
    | CreditMemoItemRecord
    | BankDepositRecord
    | JournalEntryPaymentRecord
    | PurchaseOrderRecord
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

_DECODERS: Mapping[RecordKind, msgspec.json.Decoder[AnyRecord]] = {
    **{RecordKind(kind): form.decoder for kind, form in FORMS.items()},
    RecordKind.CREDIT_MEMO_ITEM: msgspec.json.Decoder(CreditMemoItemRecord, strict=False),
    RecordKind.BANK_DEPOSIT: msgspec.json.Decoder(BankDepositRecord, strict=False),
    RecordKind.JOURNAL_ENTRY_PAYMENT: msgspec.json.Decoder(JournalEntryPaymentRecord, strict=False),
    RecordKind.PURCHASE_ORDER: msgspec.json.Decoder(PurchaseOrderRecord, strict=False),
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
