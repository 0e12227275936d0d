"""The part of a record that intake needs, read whatever the rest of it looks like.

A document's own date and total are kept with every version, so that the tie-out can compare ServiceTitan's figures
without any of the reading that staging does. So is whether it still counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from st_deltek_pipeline.domain.documents import SyncStatus
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.shapes import Id, Unfit, is_plausible

CANCELED = "Canceled"
"""The status of a bill or AP credit that does not count any more (servicetitan.md sections 3.3 and 3.4)."""


@dataclass(slots=True)
class Header:
    """The part of any record that intake needs. A document's date and total are ``None`` in other records.

    Attributes:
        modified_on, created_on: Without a zone they are UTC.
        active: False once voided, cancelled or deleted.
        document_date: As sent.
        total: As stated; ``None`` when it is not readable.
        is_open: A bill that is not posted yet, and may be edited without ServiceTitan saying when.
    """

    id: int
    modified_on: datetime | None
    created_on: datetime | None
    active: bool
    document_date: str | None = None
    total: Decimal | None = None
    is_open: bool = False


class _Plain(msgspec.Struct, rename="camel", gc=False):
    id: Id
    modified_on: datetime | None = None
    created_on: datetime | None = None
    active: bool | None = None


class _Invoice(_Plain):
    invoice_date: str | None = None
    total: Decimal | None = None


class _Dated(_Plain):
    """A payment or credit memo."""

    date: str | None = None
    total: Decimal | None = None


class _Bill(_Plain):
    bill_date: str | None = None
    bill_amount: Decimal | None = None
    sync_status: str | None = None
    status: str | None = None
    date_canceled: str | None = None


class _ApCredit(_Plain):
    date: str | None = None
    amount: Decimal | None = None
    status: str | None = None
    canceled_on: str | None = None


def _plain(row: _Plain) -> Header:
    return Header(row.id, _aware(row.modified_on), _aware(row.created_on), row.active is not False)


def _invoice(row: _Invoice) -> Header:
    return _document(row, row.invoice_date, row.total)


def _dated(row: _Dated) -> Header:
    return _document(row, row.date, row.total)


def _bill(row: _Bill) -> Header:
    header = _document(row, row.bill_date, row.bill_amount)
    header.active = header.active and row.status != CANCELED and row.date_canceled is None
    header.is_open = header.active and row.sync_status == SyncStatus.PENDING
    return header


def _ap_credit(row: _ApCredit) -> Header:
    header = _document(row, row.date, row.amount)
    header.active = header.active and row.status != CANCELED and row.canceled_on is None
    return header


def _document(row: _Plain, document_date: str | None, total: Decimal | None) -> Header:
    header = _plain(row)
    header.document_date = document_date
    header.total = total if total is not None and is_plausible(total) else None
    return header


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


class _HeaderReader:
    """Reads the headers of one kind of record."""

    def __init__(self, shape: type[_Plain], finish: Callable[[Any], Header]) -> None:
        # strict=False reads "12" as an int; a text with digits stays a text where both are allowed.
        self._whole = msgspec.json.Decoder(shape, strict=False)
        self._members = {
            member.encode_name: (member.name, msgspec.json.Decoder(member.type, strict=False))
            for member in msgspec.structs.fields(shape)
        }
        self._shape = shape
        self._finish = finish

    def read(self, payload: bytes) -> Header | Unfit:
        try:
            return self._finish(self._whole.decode(payload))
        except msgspec.ValidationError as error:
            return self._read_piecemeal(payload, str(error))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Unfit((f"not readable as JSON: {error}",))

    def _read_piecemeal(self, payload: bytes, reason: str) -> Header | Unfit:
        """Leave out what is not readable; without an id nothing can be kept."""
        try:
            sent = _MEMBERS.decode(payload)
        except msgspec.MsgspecError:
            return Unfit((reason,))
        readable: dict[str, Any] = {}
        for name, raw in sent.items():
            member, decoder = self._members.get(name, ("", None))
            if decoder is not None:
                try:
                    readable[member] = decoder.decode(raw)
                except msgspec.ValidationError:
                    continue
        return self._finish(self._shape(**readable)) if "id" in readable else Unfit((reason,))


_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_DEFAULT = _HeaderReader(_Plain, _plain)
_READERS: Mapping[RecordKind, _HeaderReader] = {
    RecordKind.INVOICE: _HeaderReader(_Invoice, _invoice),
    RecordKind.PAYMENT: _HeaderReader(_Dated, _dated),
    RecordKind.CREDIT_MEMO: _HeaderReader(_Dated, _dated),
    RecordKind.BILL: _HeaderReader(_Bill, _bill),
    RecordKind.AP_CREDIT: _HeaderReader(_ApCredit, _ap_credit),
}


def read_header(kind: RecordKind, payload: bytes) -> Header | Unfit:
    """Read what intake needs of a record.

    Args:
        kind: Which record it is.
        payload: One record's JSON.

    Returns:
        The header; a member that is missing or not readable is ``None`` in it. ``Unfit`` when there is no
        usable id, so that the record cannot even be kept as one.
    """
    return _READERS.get(kind, _DEFAULT).read(payload)
