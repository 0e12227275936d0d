"""The exact bodies of transaction entry: control, masters and details of one file, by entry type.

Field names and rules: vantagepoint.md sections 4.1 to 4.5. Grouping postings into files is ``transaction_files``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from st_deltek_pipeline.domain.coded_amounts import RETAINER
from st_deltek_pipeline.domain.entry_types import DATED, EntryType
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.posting_keys import balance_key, line_key, master_key
from st_deltek_pipeline.domain.postings import Posting, PostingLine

_DESCRIPTION_LENGTH = 40
_MASTER_KEYS = {
    EntryType.INVOICES: ("Invoice", "WBS1", "WBS2", "WBS3"),
    EntryType.RECEIPTS: ("RefNo",),
    EntryType.VOUCHERS: ("MasterPKey",),
    EntryType.JOURNAL_ENTRIES: ("RefNo",),
}
_LINE_DESCRIPTION_LENGTH = 80

Row = dict[str, Any]


def file_body(connection: str, company: str, batch: str, postings: Sequence[Posting]) -> Row:
    """Build the body that enters a transaction file.

    Args:
        connection: The connection's name, for the file's description.
        company: Company code; empty in a single-company database.
        batch: The file's key.
        postings: Its documents in order, all of one kind, entry type and period.

    Returns:
        JSON-shaped; amounts are Decimals.
    """
    first = postings[0]
    entry = first.heading.entry
    shape = _SHAPES[entry]
    day = min(posting.business_day for posting in postings)
    what = first.together or f"{first.document.kind.value}s"
    description = f"ServiceTitan {connection} {what} {day}"
    masters = [
        {"Batch": batch, **shape.key(posting), **shape.master(posting), "Seq": number}
        for number, posting in enumerate(postings, start=1)
    ]
    details = [
        {"Batch": batch, **shape.key(posting), **detail, "Seq": number}
        for posting in postings
        for number, detail in enumerate(shape.details(posting), start=1)
    ]
    return {
        "Batch": batch,
        "Description": description[:_DESCRIPTION_LENGTH],
        "Recurring": "N",
        "Selected": "N",
        "Posted": "N",
        "Period": first.master.period,
        "Company": company,
        **shape.totals(details),
        f"{entry}Master": masters,
        f"{entry}Detail": details,
    }


def as_single_document(entry: EntryType, body: Mapping[str, Any]) -> tuple[tuple[str, ...], Row]:
    """Turn a frozen file of one document into what enters the document where no files are used.

    Args:
        entry: The file's type.
        body: From ``file_body``.

    Returns:
        The document's key within its Batch, and its master with its details.
    """
    (master,) = body[f"{entry}Master"]
    return tuple(str(master[name]) for name in _MASTER_KEYS[entry]), {
        **master,
        f"{entry}Detail": body[f"{entry}Detail"],
    }


def stated_total(entry: EntryType) -> str:
    """Name the control's column that states what the lines sum to, beside our ``Total``."""
    return "SumDebitsTotal" if entry is EntryType.JOURNAL_ENTRIES else "SumTotal"


@dataclass(frozen=True)
class _Shape:
    """What differs between entry types: a master's key and fields, its lines, and the control's totals."""

    key: Callable[[Posting], Row]
    master: Callable[[Posting], Row]
    details: Callable[[Posting], Sequence[Row]]
    totals: Callable[[Sequence[Row]], Row]


def _comment(posting: Posting) -> str:
    reverses = "" if posting.reverses is None else f", reverses posting {posting.reverses}"
    return f"ServiceTitan {posting.document} revision {posting.revision}{reverses}"


def _timestamp(day: date) -> str:
    return f"{day.isoformat()}T00:00:00.000"


def _project(wbs1: str, wbs2: str, wbs3: str) -> Row:
    return {"WBS1": wbs1, "WBS2": wbs2, "WBS3": wbs3}


def _line_project(line: PostingLine) -> Row:
    return _project(line.key.wbs1, line.key.wbs2, line.key.wbs3)


def _sum_of_amounts(details: Sequence[Row]) -> Row:
    return {"Total": total(detail["Amount"] for detail in details)}


# --- AR invoices (section 4.1) ---------------------------------------------------------------------------------------


def _invoice_key(posting: Posting) -> Row:
    heading = posting.heading
    return {"Invoice": heading.number, **_project(heading.wbs1, heading.wbs2, heading.wbs3)}


def _invoice_master(posting: Posting) -> Row:
    return {
        "TransDate": _timestamp(posting.master.trans_date),
        "DueDate": _timestamp(posting.due_date or posting.master.trans_date),
        "TransComment": _comment(posting),
    }


def _invoice_details(posting: Posting) -> list[Row]:
    credit_memo = posting.heading.credit_memo
    return [
        {
            "PKey": line_key(posting, line),
            "InvoiceSection": line.key.section,
            "Account": line.key.account,
            "Amount": line.amount,
            "RetAmount": ZERO,
            "TaxCode": line.key.tax_code,
            "TaxBasis": line.tax_basis,
            "Retainer": "N",
            **({"CreditMemoRefNo": credit_memo} if credit_memo else {}),
        }
        for line in posting.lines
    ]


def _invoice_totals(details: Sequence[Row]) -> Row:
    return {**_sum_of_amounts(details), "RetTotal": ZERO}


# --- Cash receipts (section 4.2) -------------------------------------------------------------------------------------


def _reference_key(posting: Posting) -> Row:
    return {"RefNo": posting.heading.number}


def _receipt_master(posting: Posting) -> Row:
    return {
        "TransDate": _timestamp(posting.master.trans_date),
        "TransComment": _comment(posting),
        "BankCode": posting.heading.bank,
    }


def _receipt_details(posting: Posting) -> list[Row]:
    return [
        {
            "PKey": line_key(posting, line),
            "Description": line.description[:_LINE_DESCRIPTION_LENGTH],
            **_line_project(line),
            "Invoice": line.key.invoice,
            "Account": line.key.account,
            "Amount": line.amount,
            "Interest": "N",
            "Retainer": "Y" if line.key.section == RETAINER else "N",
            "TaxCode": "",
        }
        for line in posting.lines
    ]


# --- AP vouchers (section 4.3) ---------------------------------------------------------------------------------------


def _voucher_key(posting: Posting) -> Row:
    return {"MasterPKey": master_key(posting)}


def _voucher_master(posting: Posting) -> Row:
    heading, dated = posting.heading, posting.master.trans_date
    return {
        "Vendor": heading.vendor,
        "InvoiceDate": _timestamp(dated),
        "Invoice": heading.number,
        "TransDate": _timestamp(dated),
        "LiabCode": heading.liability,
        # An empty text is not the same as nothing to Vantagepoint (section 11).
        **({"BankCode": heading.bank} if heading.bank else {}),
        "PayTerms": posting.terms or DATED,
        "PayDate": _timestamp(posting.due_date or dated),
        "Address": "<Default>",
    }


def _voucher_details(posting: Posting) -> list[Row]:
    return [
        {
            "PKey": line_key(posting, line),
            "Description": line.description[:_LINE_DESCRIPTION_LENGTH],
            **_line_project(line),
            "Account": line.key.account,
            "Amount": line.amount,
            "NetAmount": line.amount,
            "SuppressBill": "N",
            **({"PONumber": line.purchase_order} if line.purchase_order else {}),
        }
        for line in posting.lines
    ]


# --- Journal entries (section 4.5) -----------------------------------------------------------------------------------


def _journal_master(posting: Posting) -> Row:
    return {
        "TransDate": _timestamp(posting.master.trans_date),
        "Description": _comment(posting)[:_LINE_DESCRIPTION_LENGTH],
    }


def _journal_details(posting: Posting) -> list[Row]:
    lines = [
        {
            "PKey": line_key(posting, line),
            "Description": line.description[:_LINE_DESCRIPTION_LENGTH],
            **_line_project(line),
            "Account": line.key.account,
            **_two_sided(line.amount),
            "SuppressBill": "N",
        }
        for line in posting.lines
    ]
    if posting.amount == ZERO:
        # What only moves between accounts owes nothing more to anybody.
        return lines
    balance: Row = {
        "PKey": balance_key(posting),
        "Description": _comment(posting)[:_LINE_DESCRIPTION_LENGTH],
        **_project("", "", ""),
        "Account": posting.heading.liability,
        **_two_sided(-posting.amount),
        "SuppressBill": "N",
    }
    return [*lines, balance]


def _two_sided(amount: Decimal) -> Row:
    return {"DebitAmount": max(amount, ZERO), "CreditAmount": max(-amount, ZERO)}


def _journal_totals(details: Sequence[Row]) -> Row:
    return {
        "Total": total(detail["DebitAmount"] for detail in details),
        "CreditsTotal": total(detail["CreditAmount"] for detail in details),
    }


_SHAPES = {
    EntryType.INVOICES: _Shape(_invoice_key, _invoice_master, _invoice_details, _invoice_totals),
    EntryType.RECEIPTS: _Shape(_reference_key, _receipt_master, _receipt_details, _sum_of_amounts),
    EntryType.VOUCHERS: _Shape(_voucher_key, _voucher_master, _voucher_details, _sum_of_amounts),
    EntryType.JOURNAL_ENTRIES: _Shape(_reference_key, _journal_master, _journal_details, _journal_totals),
}
