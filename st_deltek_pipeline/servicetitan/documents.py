"""How each kind of document is read from its payload; one entry per kind, and nothing else knows the difference."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from st_deltek_pipeline.domain.documents import Document, Kind
from st_deltek_pipeline.servicetitan import ap_credits, bills, credit_memos, invoices, payments
from st_deltek_pipeline.servicetitan.ap_credits import ApCreditRecord, to_ap_credit
from st_deltek_pipeline.servicetitan.bills import BillRecord, to_bill
from st_deltek_pipeline.servicetitan.credit_memos import CreditMemoRecord, to_credit_memo
from st_deltek_pipeline.servicetitan.invoices import InvoiceRecord, to_invoice
from st_deltek_pipeline.servicetitan.payments import PaymentRecord, to_payment
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.shapes import Unfit
from st_deltek_pipeline.servicetitan.surroundings import Surroundings

_R = TypeVar("_R")
_R_contra = TypeVar("_R_contra", contravariant=True)


class ToDocument(Protocol[_R_contra]):
    """Makes a document out of a record: ``to_invoice`` and its like."""

    def __call__(
        self,
        record: _R_contra,
        /,
        *,
        connection: str,
        business_day: Callable[[date], date],
        surroundings: Surroundings,
        raw_seq: int | None = None,
        staged: tuple[int, str] | None = None,
    ) -> Document | Unfit:
        """Make the document, or say why the record does not fit."""
        ...


@dataclass(frozen=True)
class DocumentForm(Generic[_R]):
    """How one kind of document is read.

    Attributes:
        record: The type of its record.
        date_path: Where its own date is, for messages.
        dated: Its own date as sent.
        references: The records whose words it copies; ids may be ``None``.
        to_document: Makes the domain's document.
    """

    record: type[_R]
    date_path: str
    dated: Callable[[_R], str | None]
    references: Callable[[_R], Iterator[tuple[RecordKind, int | None]]]
    to_document: ToDocument[_R]
    decoder: msgspec.json.Decoder[_R]

    def read(self, payload: str | bytes) -> _R | Unfit:
        """Read a stored record.

        Args:
            payload: Its JSON.

        Returns:
            The record, or why it does not fit its type: the reason names the path of the field.
        """
        try:
            return self.decoder.decode(payload)
        except msgspec.ValidationError as error:
            return Unfit((str(error),))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Unfit((f"not readable as JSON: {error}",))


def _form(
    record: type[_R],
    date_path: str,
    dated: Callable[[_R], str | None],
    references: Callable[[_R], Iterator[tuple[RecordKind, int | None]]],
    to_document: ToDocument[_R],
) -> DocumentForm[_R]:
    return DocumentForm(record, date_path, dated, references, to_document, msgspec.json.Decoder(record, strict=False))


FORMS: Mapping[Kind, DocumentForm[Any]] = {
    Kind.INVOICE: _form(
        InvoiceRecord, "$.invoiceDate", lambda record: record.invoice_date, invoices.references, to_invoice
    ),
    Kind.PAYMENT: _form(PaymentRecord, "$.date", lambda record: record.date, payments.references, to_payment),
    Kind.BILL: _form(BillRecord, "$.billDate", lambda record: record.bill_date, bills.references, to_bill),
    Kind.AP_CREDIT: _form(ApCreditRecord, "$.date", lambda record: record.date, ap_credits.references, to_ap_credit),
    Kind.CREDIT_MEMO: _form(
        CreditMemoRecord, "$.date", lambda record: record.date, credit_memos.references, to_credit_memo
    ),
}
"""Every kind of document has one; a kind without a form cannot be staged."""
