"""Reading back: does Vantagepoint hold exactly what we sent, in the file and in the ledger?

Pure comparisons over rows as Vantagepoint answers them: numbers may be padded, blank levels are a single
space, amounts may carry more decimals (vantagepoint.md sections 2 and 4).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from st_deltek_pipeline.domain.coded_amounts import LineKey
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.numbers import folded_number, invoice_number_key, same_invoice_number
from st_deltek_pipeline.domain.posting_keys import line_key
from st_deltek_pipeline.domain.postings import Posting

_Place = TypeVar("_Place")
_Row = TypeVar("_Row", bound="LedgerLine")

_CORRECTIONS_LOOKED_FOR = 20

# What a line must say again, beside its amount and the invoice number it carries.
_COMPARED: Mapping[EntryType, tuple[str, ...]] = {
    EntryType.INVOICES: ("WBS1", "WBS2", "WBS3", "InvoiceSection", "Account", "TaxCode"),
    EntryType.RECEIPTS: ("WBS1", "WBS2", "WBS3", "Account", "RefNo"),
    EntryType.VOUCHERS: ("WBS1", "WBS2", "WBS3", "Account", "MasterPKey"),
    EntryType.JOURNAL_ENTRIES: ("WBS1", "WBS2", "WBS3", "Account", "RefNo"),
}


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
        """Invoice number: of an AR invoice or of what a receipt pays (perhaps padded), or the vendor's."""
        ...

    @property
    def vendor(self) -> str:
        """Vendor code of a voucher; else empty."""
        ...

    @property
    def amount(self) -> Decimal:
        """In the ledger's sign: revenue is negative."""
        ...


def file_differences(
    body: Mapping[str, Any], details: Iterable[Mapping[str, Any]], *, entry: EntryType, padded_to: int
) -> list[str]:
    """Compare a frozen body with the detail rows Vantagepoint holds for its Batch.

    Args:
        body: The request we froze.
        details: Rows of ``{entry}Detail/{Batch}``.
        entry: The file's type.
        padded_to: Width of padded invoice numbers.

    Returns:
        What differs, in words; empty when the file holds exactly our lines.
    """
    ours = {str(row["PKey"]): _comparable(row, entry, padded_to) for row in body[f"{entry}Detail"]}
    theirs = {str(row.get("PKey", "")): _comparable(row, entry, padded_to) for row in details}
    found = [f"line {key} is missing" for key in sorted(ours.keys() - theirs.keys())]
    found += [f"line {key} is not ours" for key in sorted(theirs.keys() - ours.keys())]
    found += [
        f"line {key} reads {theirs[key]}, we sent {ours[key]}"
        for key in sorted(ours.keys() & theirs.keys())
        if ours[key] != theirs[key]
    ]
    return found


def ledger_differences(
    body: Mapping[str, Any], rows: Iterable[LedgerLine], *, entry: EntryType, padded_to: int
) -> list[str]:
    """Compare a frozen body with the posted ledger rows of its Batch.

    The rows the system added itself (receivable, bank, payable) are recognised by not carrying one of our line keys
    and are left out.

    Returns:
        What differs, in words; empty when every line stands in the ledger once, with its amount, in the file's
        period: the session decides where a posting lands, and somebody may have moved it (section 4.8).
    """
    ours = {str(row["PKey"]): row for row in body[f"{entry}Detail"]}
    vouchers = {row["MasterPKey"]: row for row in body[f"{entry}Master"]} if entry is EntryType.VOUCHERS else {}
    seen: dict[str, Decimal] = {}
    found: list[str] = []
    for row in rows:
        if row.line_key not in ours:
            continue
        seen[row.line_key] = seen.get(row.line_key, ZERO) + entry.ledger_sign * row.amount
        sent = ours[row.line_key]
        if row.account != sent["Account"] or row.wbs1.strip() != sent["WBS1"]:
            found.append(f"line {row.line_key} stands on {row.wbs1} {row.account}")
        if row.period != body["Period"]:
            found.append(f"line {row.line_key} stands in period {row.period}, not {body['Period']}")
        if entry is EntryType.VOUCHERS:
            voucher = vouchers[sent["MasterPKey"]]
            if (folded_number(row.vendor), folded_number(row.invoice)) != (
                folded_number(voucher["Vendor"]),
                folded_number(voucher["Invoice"]),
            ):
                found.append(f"line {row.line_key} stands under invoice {row.invoice} of vendor {row.vendor}")
        elif not same_invoice_number(row.invoice, str(sent.get("Invoice", "")), padded_to=padded_to):
            found.append(f"line {row.line_key} stands under invoice {row.invoice}")
    found += [
        f"line {key} stands with {seen.get(key, 'nothing')}, we sent {_amount(sent)}"
        for key, sent in ours.items()
        if seen.get(key) != _amount(sent)
    ]
    return sorted(found)


def missing_from_ledger(body: Mapping[str, Any], rows: Iterable[LedgerLine], *, entry: EntryType) -> list[str]:
    """Return the keys of our lines the ledger does not show (yet)."""
    seen = {row.line_key for row in rows}
    return sorted(key for key in (str(row["PKey"]) for row in body[f"{entry}Detail"]) if key not in seen)


def our_rows(posting: Posting, rows: Iterable[_Row]) -> list[_Row]:
    """Return the ledger rows under the keys of a posting's lines: they surely are our own.

    A database that was lost and made anew knows nothing of earlier corrections, so keys that later postings of the same
    lines would have count as well.
    """
    keys = {line_key(numbered, line) for numbered in _successors(posting) for line in posting.lines}
    return [row for row in rows if row.line_key in keys]


def carries_our_lines(posting: Posting, rows: Iterable[LedgerLine]) -> bool:
    """Say whether every line of a posting stands in the ledger under its own keys with exactly our amount."""
    place = {line_key(numbered, line): line for numbered in _successors(posting) for line in posting.lines}
    sign, seen = posting.heading.entry.ledger_sign, dict[LineKey, Decimal]()
    for row in rows:
        if row.line_key in place:
            key = place[row.line_key].key
            seen[key] = seen.get(key, ZERO) + sign * row.amount
    return seen == {line.key: line.amount for line in posting.lines}


def _successors(posting: Posting) -> list[Posting]:
    return [replace(posting, posting_no=posting.posting_no + number) for number in range(_CORRECTIONS_LOOKED_FOR)]


def stands_already(
    posting: Posting, rows: Iterable[LedgerLine], *, own_accounts: frozenset[str], padded_to: int
) -> bool:
    """Say whether ledger rows under a posting's natural key are this very posting, entered before by whomever.

    Args:
        posting: What we would send.
        rows: All rows under its natural key.
        own_accounts: The accounts of the rows Vantagepoint adds itself; without them nothing is certain.
        padded_to: Width of padded invoice numbers.

    Returns:
        True when every account, and of a receipt every invoice, stands with exactly our amount.
    """
    if not own_accounts:
        return False
    by_invoice = posting.heading.entry is EntryType.RECEIPTS

    def place(account: str, wbs1: str, invoice: str) -> tuple[str, ...]:
        return (account, wbs1.strip(), invoice_number_key(invoice, padded_to)) if by_invoice else (account,)

    ours: dict[tuple[str, ...], Decimal] = {}
    for line in posting.lines:
        key = place(line.key.account, line.key.wbs1, line.key.invoice)
        ours[key] = ours.get(key, ZERO) + line.amount
    theirs: dict[tuple[str, ...], Decimal] = {}
    for row in rows:
        if row.account not in own_accounts:
            key = place(row.account, row.wbs1, row.invoice)
            theirs[key] = theirs.get(key, ZERO) + posting.heading.entry.ledger_sign * row.amount
    # Where a correction has taken everything away again, nothing stands.
    return _what_stands(ours) == _what_stands(theirs)


def nets_to_nothing(rows: Iterable[LedgerLine]) -> bool:
    """Say whether ledger rows take each other back account by account: somebody reversed what was entered."""
    return not _what_stands(_by_account(rows))


def balancing_accounts(posting: Posting, rows: Iterable[LedgerLine]) -> frozenset[str]:
    """Find the account that balances ledger rows of receipts or vouchers: the side the system posts by itself.

    It is none of the posting's own accounts, and what stands there is all that the other rows sum to. Accounts on which
    nothing stands any more, such as that of an earlier bank, do not count.

    Returns:
        That account, or nothing when it cannot be told.
    """
    own = {line.key.account for line in posting.lines}
    sums = _by_account(rows)
    others = _what_stands({account: amount for account, amount in sums.items() if account not in own})
    rest = total(amount for account, amount in sums.items() if account in own)
    return frozenset(others) if len(others) == 1 and total(others.values()) == -rest else frozenset()


def _by_account(rows: Iterable[LedgerLine]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row.account] = sums.get(row.account, ZERO) + row.amount
    return sums


def _what_stands(sums: Mapping[_Place, Decimal]) -> dict[_Place, Decimal]:
    return {place: amount for place, amount in sums.items() if amount}


def _amount(row: Mapping[str, Any]) -> Decimal:
    if "Amount" in row:
        return Decimal(str(row.get("Amount") or 0))
    return Decimal(str(row.get("DebitAmount") or 0)) - Decimal(str(row.get("CreditAmount") or 0))


def _comparable(row: Mapping[str, Any], entry: EntryType, padded_to: int) -> tuple[str, ...]:
    amount = _amount(row).quantize(Decimal("0.0001"))
    texts = [str(row.get(name) or "").strip() for name in _COMPARED[entry]]
    number = invoice_number_key(str(row.get("Invoice") or ""), padded_to)
    return (*texts, number, str(amount))
