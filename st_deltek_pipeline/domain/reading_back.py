"""Reading back: does Vantagepoint hold exactly what we sent, in the file and in the ledger?

Pure comparisons over rows as Vantagepoint answers them: numbers may be padded, blank levels are a single
space, amounts may carry more decimals (vantagepoint.md sections 2 and 4.1).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.postings import Posting


class LedgerLine(Protocol):
    """One posted row, as far as the comparison goes; the client's rows have these and more."""

    @property
    def line_key(self) -> str:
        """The detail's PKey."""
        ...

    @property
    def period(self) -> int:
        """The accounting period it stands in, YYYYPP."""
        ...

    @property
    def wbs1(self) -> str:
        """Project."""
        ...

    @property
    def account(self) -> str:
        """Account."""
        ...

    @property
    def invoice(self) -> str:
        """Invoice number, perhaps padded."""
        ...

    @property
    def amount(self) -> Decimal:
        """In the ledger's sign: revenue is negative."""
        ...


def same_invoice_number(first: str, second: str, *, padded_to: int) -> bool:
    """Compare invoice numbers, one of which Vantagepoint may have padded with zeros."""
    return invoice_number_key(first, padded_to) == invoice_number_key(second, padded_to)


def invoice_number_key(number: str, padded_to: int) -> str:
    """Fold an invoice number so that all its spellings are equal: padding, blanks, and case as in SQL Server."""
    return pad_invoice_number(number, padded_to).casefold()


def pad_invoice_number(number: str, padded_to: int) -> str:
    """Left-pad a manual invoice number the way Vantagepoint does."""
    return number.strip().rjust(padded_to, "0")


def file_differences(
    body: Mapping[str, Any], details: Iterable[Mapping[str, Any]], *, prefix: str, padded_to: int
) -> list[str]:
    """Compare a frozen body with the detail rows Vantagepoint holds for its Batch.

    Args:
        body: The request we froze.
        details: Rows of ``{prefix}Detail/{Batch}``.
        prefix: Two-letter entry type, ``in``.
        padded_to: Width of padded invoice numbers.

    Returns:
        What differs, in words; empty when the file holds exactly our lines.
    """
    ours = {str(row["PKey"]): _comparable(row, padded_to) for row in body[f"{prefix}Detail"]}
    theirs = {str(row.get("PKey", "")): _comparable(row, padded_to) for row in details}
    found = [f"line {key} is missing" for key in sorted(ours.keys() - theirs.keys())]
    found += [f"line {key} is not ours" for key in sorted(theirs.keys() - ours.keys())]
    found += [
        f"line {key} reads {theirs[key]}, we sent {ours[key]}"
        for key in sorted(ours.keys() & theirs.keys())
        if ours[key] != theirs[key]
    ]
    return found


def ledger_differences(
    body: Mapping[str, Any], rows: Iterable[LedgerLine], *, prefix: str, padded_to: int
) -> list[str]:
    """Compare a frozen body with the posted ledger rows of its Batch.

    The receivable rows the system added itself are recognised by not carrying one of our line keys and
    are left out.

    Returns:
        What differs, in words; empty when every line stands in the ledger once, with its amount, in the file's
        period: the session decides where a posting lands, and somebody may have moved it (section 4.8).
    """
    ours = {str(row["PKey"]): row for row in body[f"{prefix}Detail"]}
    seen: dict[str, Decimal] = {}
    found: list[str] = []
    for row in rows:
        if row.line_key not in ours:
            continue
        seen[row.line_key] = seen.get(row.line_key, ZERO) - row.amount
        sent = ours[row.line_key]
        if row.account != sent["Account"] or row.wbs1 != sent["WBS1"]:
            found.append(f"line {row.line_key} stands on {row.wbs1} {row.account}")
        if row.period != body["Period"]:
            found.append(f"line {row.line_key} stands in period {row.period}, not {body['Period']}")
        if not same_invoice_number(row.invoice, str(sent["Invoice"]), padded_to=padded_to):
            found.append(f"line {row.line_key} stands under invoice {row.invoice}")
    found += [
        f"line {key} stands with {seen.get(key, 'nothing')}, we sent {sent['Amount']}"
        for key, sent in ours.items()
        if seen.get(key) != Decimal(sent["Amount"])
    ]
    return sorted(found)


def missing_from_ledger(body: Mapping[str, Any], rows: Iterable[LedgerLine], *, prefix: str) -> list[str]:
    """Return the keys of our lines the ledger does not show (yet)."""
    seen = {row.line_key for row in rows}
    return sorted(key for key in (str(row["PKey"]) for row in body[f"{prefix}Detail"]) if key not in seen)


def stands_already(posting: Posting, rows: Iterable[LedgerLine], *, receivables_account: str | None) -> bool:
    """Say whether ledger rows under a posting's project and number are this very posting, entered before.

    Args:
        posting: What we would send.
        rows: All rows under its project and invoice number.
        receivables_account: The account of the rows Vantagepoint adds itself; without it nothing is certain.

    Returns:
        True when every account stands with exactly our amount.
    """
    if receivables_account is None:
        return False
    ours: dict[str, Decimal] = {}
    for line in posting.lines:
        ours[line.key.account] = ours.get(line.key.account, ZERO) + line.amount
    theirs: dict[str, Decimal] = {}
    for row in rows:
        if row.account != receivables_account:
            theirs[row.account] = theirs.get(row.account, ZERO) - row.amount
    return ours == theirs


def nets_to_nothing(rows: Iterable[LedgerLine]) -> bool:
    """Say whether ledger rows take each other back account by account: somebody reversed what was entered."""
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row.account] = sums.get(row.account, ZERO) + row.amount
    return not any(sums.values())


def _comparable(row: Mapping[str, Any], padded_to: int) -> tuple[str, ...]:
    amount = Decimal(str(row.get("Amount") or 0)).quantize(Decimal("0.0001"))
    texts = [str(row.get(name) or "").strip() for name in ("WBS1", "WBS2", "WBS3", "InvoiceSection", "Account")]
    number = invoice_number_key(str(row.get("Invoice") or ""), padded_to)
    return (*texts, number, str(row.get("TaxCode") or "").strip(), str(amount))
