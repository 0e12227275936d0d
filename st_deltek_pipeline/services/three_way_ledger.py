"""One business day of Vantagepoint's ledger, read back and told apart: our documents' lines, and what others posted.

Nothing is compared here; that is ``domain.three_way_comparison``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.account_months import AccountSums
from st_deltek_pipeline.domain.coded_amounts import Heading
from st_deltek_pipeline.domain.documents import DocumentKey
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.numbers import folded_number, invoice_number_key
from st_deltek_pipeline.domain.posting_keys import NaturalKey, natural_key
from st_deltek_pipeline.domain.receivables import ReceivableKey, receivable_key
from st_deltek_pipeline.domain.three_way import Place
from st_deltek_pipeline.domain.three_way_comparison import JournalLine, LedgerLine, LineState, Particulars
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.ledger_reading import rows_dated
from st_deltek_pipeline.vantagepoint.rows import LedgerRow

Group = tuple[str, NaturalKey]
"""Batch, and what a document is known by in it."""


@dataclass
class OtherRows:
    """Rows of one document and file that carry none of the keys asked for.

    Attributes:
        sums: By place, with the ledger's sign.
        heading: As the ledger shows it.
        lines: Batch and PKey of each.
        organizations: Of its rows.
        invoices: Project and folded number of the AR invoices its rows name.
        dated: Their date.
    """

    heading: Heading
    voucher: str
    sums: dict[Place, Decimal] = field(default_factory=dict[Place, Decimal])
    lines: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    organizations: set[str] = field(default_factory=set[str])
    invoices: set[ReceivableKey] = field(default_factory=set[ReceivableKey])
    dated: date | None = None

    @property
    def by_account(self) -> dict[str, Decimal]:
        """Its amounts by account, with the ledger's sign; accounts on which nothing stands are left out."""
        found: dict[str, Decimal] = {}
        for place, amount in self.sums.items():
            found[place.account] = found.get(place.account, ZERO) + amount
        return {account: amount for account, amount in found.items() if amount}


@dataclass
class DayLedger:
    """What the ledger shows of one day.

    Attributes:
        found: The rows under documents' keys.
        others: Everything else that is dated on the day.
        owners: Whose lines stand in a group of rows.
        vouchers: Vantagepoint's numbers of documents' vouchers.
        lines: Number of rows read.
        sums: By month and account, of the rows under documents' keys.
    """

    found: dict[DocumentKey, list[LedgerLine]] = field(default_factory=dict[DocumentKey, list[LedgerLine]])
    others: dict[Group, OtherRows] = field(default_factory=dict[Group, OtherRows])
    owners: dict[Group, DocumentKey] = field(default_factory=dict[Group, DocumentKey])
    vouchers: dict[DocumentKey, str] = field(default_factory=dict[DocumentKey, str])
    lines: int = 0
    sums: AccountSums = field(default_factory=AccountSums)


class LedgerReader:
    """Reads days of the ledger.

    Args:
        client: Vantagepoint.
        padded_to: Width of padded AR invoice numbers.
    """

    def __init__(self, client: VantagepointClient, *, padded_to: int) -> None:
        self._client = client
        self._padded_to = padded_to

    def read(
        self,
        dates: Sequence[date],
        entries: Mapping[EntryType, Sequence[str] | None],
        journal: Mapping[DocumentKey, Sequence[JournalLine]],
    ) -> DayLedger:
        """Read what is dated on some dates, and our documents' lines wherever they are dated.

        Args:
            dates: The dates of one business day.
            entries: Types of transaction; with accounts, only rows on those.
            journal: The day's documents and their lines.

        Raises:
            PipelineError: Vantagepoint cannot be read.
        """
        owner = {line.key: document for document, lines in journal.items() for line in lines}
        day = DayLedger()
        for entry, accounts in entries.items():
            for page in rows_dated(self._client, entry.ledger_type, min(dates), max(dates), accounts=accounts):
                day.lines += len(page)
                self._assign(day, entry, page, owner, keep_others=True)
        self._look_again(day, journal, owner)
        return day

    def _look_again(
        self, day: DayLedger, journal: Mapping[DocumentKey, Sequence[JournalLine]], owner: Mapping[str, DocumentKey]
    ) -> None:
        """Look by file for what is not dated as it was posted, or as its document is: only then it is missing."""
        batches: dict[EntryType, set[str]] = {}
        unseen: dict[str, DocumentKey] = {}
        for document, lines in journal.items():
            seen = {row.key for row in day.found.get(document, ())}
            for line in lines:
                if line.state is LineState.STANDING and line.key not in seen:
                    unseen[line.key] = owner[line.key]
                    batches.setdefault(line.entry, set()).add(line.key.rpartition("|")[0] or line.batch)
        for entry, wanted in batches.items():
            rows = self._client.ledger_rows(entry.ledger_type, batches=sorted(wanted))
            day.lines += len(rows)
            self._assign(day, entry, rows, unseen, keep_others=False)

    def _assign(
        self,
        day: DayLedger,
        entry: EntryType,
        rows: Iterable[LedgerRow],
        owner: Mapping[str, DocumentKey],
        *,
        keep_others: bool,
    ) -> None:
        for row in rows:
            taken_over = f"{row.batch}|{row.line_key}"
            key = taken_over if taken_over in owner else row.line_key if row.line_key in owner else ""
            if key:
                document = owner[key]
                line = LedgerLine(
                    key, row.batch, _place(row), entry.ledger_sign * row.amount, self._particulars(entry, row)
                )
                day.found.setdefault(document, []).append(line)
                if row.trans_date is not None:
                    day.sums.add(row.trans_date, row.account, row.amount)
                if keep_others:
                    day.owners.setdefault(self._group(entry, row), document)
                    if row.voucher:
                        day.vouchers.setdefault(document, row.voucher)
            elif keep_others:
                self._keep(day, entry, row)

    def _keep(self, day: DayLedger, entry: EntryType, row: LedgerRow) -> None:
        other = day.others.setdefault(
            self._group(entry, row), OtherRows(_heading(entry, row), row.voucher, dated=row.trans_date)
        )
        place = _place(row)
        other.sums[place] = other.sums.get(place, ZERO) + row.amount
        other.lines.add((row.batch, row.line_key))
        other.organizations.add(row.organization)
        if row.credit_memo and not other.heading.credit_memo:
            other.heading = replace(other.heading, credit_memo=row.credit_memo)
        if row.invoice.strip() and entry in {EntryType.INVOICES, EntryType.RECEIPTS}:
            other.invoices.add(receivable_key(row.wbs1, row.invoice, self._padded_to))

    def _group(self, entry: EntryType, row: LedgerRow) -> Group:
        # The side that Vantagepoint posts itself does not name the credit memo, nor the invoice a receipt is for.
        number = row.reference if entry in {EntryType.RECEIPTS, EntryType.JOURNAL_ENTRIES} else row.invoice
        plain = Heading(entry, number, wbs1=row.wbs1, vendor=row.vendor)
        return row.batch, natural_key(plain, padded_to=self._padded_to)

    def _particulars(self, entry: EntryType, row: LedgerRow) -> Particulars:
        return Particulars(
            row.trans_date,
            compared_number(entry, row.vendor, row.invoice, padded_to=self._padded_to),
            f"{row.wbs2}|{row.wbs3}",
        )


def compared_number(entry: EntryType, vendor: str, invoice: str, *, padded_to: int) -> str:
    """Fold what a line's number is compared by: the vendor's with the vendor, an AR invoice's in any spelling."""
    if entry is EntryType.VOUCHERS:
        return f"{folded_number(vendor)}|{folded_number(invoice)}"
    return "" if entry is EntryType.JOURNAL_ENTRIES else invoice_number_key(invoice, padded_to)


def _place(row: LedgerRow) -> Place:
    return Place(row.period, row.wbs1.strip(), row.account)


def _heading(entry: EntryType, row: LedgerRow) -> Heading:
    number = row.reference if entry in {EntryType.RECEIPTS, EntryType.JOURNAL_ENTRIES} else row.invoice
    of_project = row.wbs1 if entry is EntryType.INVOICES else ""
    return Heading(entry, number, wbs1=of_project, vendor=row.vendor, credit_memo=row.credit_memo)
