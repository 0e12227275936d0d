"""Vantagepoint's answers as typed values. Asking for them is the client's work."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from st_deltek_pipeline.domain.errors import BrokenError, PermissionMissingError


@dataclass(frozen=True)
class LedgerRow:
    """One posted row of ``PSALedger/{TransType}`` (vantagepoint.md section 4.7).

    Attributes:
        line_key: The detail's ``PKey``, which we chose.
        wbs1, wbs2, wbs3: An absent level is the empty string, whatever blank was sent.
        section: ``InvoiceSection``.
        trans_date: The document's date; the accounting period is ``period`` (YYYYPP).
        amount: With the ledger's sign: revenue is negative.
        reference: ``RefNo`` of a receipt or journal entry.
        vendor: Vendor code of a voucher; its ``invoice`` is the vendor's number.
        credit_memo: ``CreditMemoRefNo`` of an AR invoice's line.
        voucher: Vantagepoint's own number of a voucher.
    """

    batch: str
    period: int
    post_sequence: int | None
    line_key: str
    wbs1: str
    wbs2: str
    wbs3: str
    account: str
    organization: str
    trans_type: str
    invoice: str
    section: str
    trans_date: date | None
    amount: Decimal
    tax_code: str
    reference: str = ""
    vendor: str = ""
    credit_memo: str = ""
    voucher: str = ""


@dataclass(frozen=True)
class PostAnswer:
    """What ``PostTransFile`` said about one transaction file (vantagepoint.md section 4.6).

    Attributes:
        posted: All of the file's records reached the ledger, by Vantagepoint's own words.
        period: The period it was posted in, YYYYPP.
        post_sequence: Counts from 1 in each period.
        message: The lines about this file, as sent.
    """

    posted: bool
    period: int | None
    post_sequence: int | None
    message: str


def ledger_row(row: Mapping[str, object]) -> LedgerRow:
    """Read one row of ``PSALedger``.

    Args:
        row: As answered; numbers may be numbers or texts.

    Returns:
        The row, its texts without trailing blanks.

    Raises:
        PermissionMissingError: A field we cannot do without is missing: roles hide fields silently (section 1).
        BrokenError: A field holds something else than it should.
    """
    for name in ("Batch", "Period", "PKey", "WBS1", "Account", "Invoice", "Amount"):
        if name not in row:
            message = f"Vantagepoint's ledger rows come without {name}."
            advice = "The API user's role may hide it: give the role access to this field."
            raise PermissionMissingError(message, advice=advice)
    period = _whole(row, "Period")
    if period is None:
        message = f"Vantagepoint's ledger has a row of file {_text(row, 'Batch')} without a period."
        raise BrokenError(message)
    return LedgerRow(
        batch=_text(row, "Batch"),
        period=period,
        post_sequence=_whole(row, "PostSeq"),
        line_key=_text(row, "PKey"),
        wbs1=_text(row, "WBS1"),
        wbs2=_text(row, "WBS2"),
        wbs3=_text(row, "WBS3"),
        account=_text(row, "Account"),
        organization=_text(row, "Org"),
        trans_type=_text(row, "TransType"),
        invoice=_text(row, "Invoice"),
        section=_text(row, "InvoiceSection"),
        trans_date=_day(row, "TransDate"),
        amount=_amount(row, "Amount"),
        tax_code=_text(row, "TaxCode"),
        reference=_text(row, "RefNo"),
        vendor=_text(row, "Vendor"),
        credit_memo=_text(row, "CreditMemoRefNo"),
        voucher=_text(row, "Voucher"),
    )


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value).rstrip()


def _unexpected(row: Mapping[str, object], name: str, expected: str) -> BrokenError:
    message = (
        f"Vantagepoint's ledger has {str(row.get(name))[:40]!r} as {name} in a row of file {_text(row, 'Batch')}, "
        f"where {expected} belongs."
    )
    return BrokenError(message)


def _whole(row: Mapping[str, object], name: str) -> int | None:
    text = _text(row, name).strip()
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise _unexpected(row, name, "a whole number") from None


def _day(row: Mapping[str, object], name: str) -> date | None:
    text = _text(row, name).strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise _unexpected(row, name, "a date") from None


def _amount(row: Mapping[str, object], name: str) -> Decimal:
    try:
        amount = Decimal(_text(row, name).strip())
    except InvalidOperation:
        raise _unexpected(row, name, "an amount") from None
    if not amount.is_finite():
        raise _unexpected(row, name, "an amount")
    return amount
