"""Vantagepoint's answers as typed values. Asking for them is the client's work."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True)
class LedgerRow:
    """One posted row of ``PSALedger/{TransType}`` (vantagepoint.md section 4.7).

    Attributes:
        line_key: The detail's ``PKey``, which we chose.
        wbs1, wbs2, wbs3: An absent level is the empty string, whatever blank was sent.
        section: ``InvoiceSection``.
        trans_date: The document's date; the accounting period is ``period`` (YYYYPP).
        amount: With the ledger's sign: revenue is negative.
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
