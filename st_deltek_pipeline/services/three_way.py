"""The three-way reconciliation of a range: ServiceTitan's documents, our journal, Vantagepoint's ledger read back now.

It only reads, and never moves the Vantagepoint user's session, so that it may run beside a posting. Memory grows with the
largest business day and with what is found, not with the range; calls with pages of rows, never with documents.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.account_months import AccountSums, account_months
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.journal import STANDING_STATES
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.numbers import pad_invoice_number
from st_deltek_pipeline.domain.receivables import ReceivableKey, receivable_key
from st_deltek_pipeline.domain.three_way import BalanceDifference, LedgerDifference, ThreeWay
from st_deltek_pipeline.domain.three_way_comparison import Comparison, DocumentLines, LineState
from st_deltek_pipeline.services.three_way_documents import DocumentReader, DocumentSide
from st_deltek_pipeline.services.three_way_ledger import DayLedger, LedgerReader
from st_deltek_pipeline.services.three_way_strangers import Sorter
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.journal_entries import summary_lines
from st_deltek_pipeline.store.three_way import standing_receivables
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.ledger_reading import open_balances

Progress = Callable[[date, int, int], None]
"""Is told before each business day: the day, its number, and how many there are."""


def reconcile(
    engine: Engine,
    client: VantagepointClient,
    settings: ConnectionSettings,
    first: date,
    last: date,
    *,
    kinds: Collection[Kind] | None = None,
    servicetitan: ServiceTitanClient | None = None,
    progress: Progress | None = None,
) -> ThreeWay:
    """Compare a range of business days on all three sides.

    Args:
        engine: The database.
        client: Vantagepoint; it is only read.
        settings: The connection.
        first: First day of the range, included; its business days are compared.
        last: Last day, included.
        kinds: Kinds of document; all that the connection moves by default.
        servicetitan: Where the summaries of its journal entries are to be read (``reads_journal_entries``).
        progress: Is told of each day.

    Raises:
        ConfigurationError: There is no business day in the range.
        PipelineError: Vantagepoint's ledger cannot be read; nothing was changed.
    """
    calendar = business_calendar(settings.calendar, first.year, last.year)
    days = list(calendar.business_days(first, last))
    if not days:
        message = f"There is no business day from {first} to {last} in the calendar of {settings.name}."
        raise ConfigurationError(message, advice="Choose a range with a business day.")
    moved = [kind for kind in settings.posting.documents if kinds is None or kind in kinds]
    run = _Reconciliation(engine, client, settings, moved)
    for number, day in enumerate(days, start=1):
        dates = [dated for dated in calendar.document_dates(day) if dated >= settings.start_date]
        if progress is not None:
            progress(day, number, len(days))
        if dates:
            run.take(day, dates)
    result = run.result(first, last)
    if servicetitan is None or not reads_journal_entries(settings):
        return result
    dated = [each for day in (days[0], days[-1]) for each in calendar.document_dates(day)]
    stated = [
        (line.post_date, line.number, line.name, line.amount)
        for line in summary_lines(servicetitan, max(min(dated), settings.start_date), max(dated))
    ]
    accounts = account_months(stated, run.posted.sums, run.shown.sums, settings.reconciliation.accounts)
    return replace(result, accounts=accounts, accounts_read=True)


def reads_journal_entries(settings: ConnectionSettings) -> bool:
    """Say whether the connection compares accounts with ServiceTitan's journal entries."""
    return settings.reconciliation.journal_entries == "summaries"


class _Reconciliation:
    """One reconciliation, day by day."""

    def __init__(
        self, engine: Engine, client: VantagepointClient, settings: ConnectionSettings, kinds: Sequence[Kind]
    ) -> None:
        self._engine = engine
        self._client = client
        self._settings = settings
        self._kinds = kinds
        self._padded_to = settings.vantagepoint.pad_invoice_numbers_to
        self._documents = DocumentReader(engine, settings)
        self._ledger = LedgerReader(client, padded_to=self._padded_to)
        self._sorter = Sorter(engine, settings, self._documents)
        self._comparison = Comparison(settings.reconciliation.tolerance)
        self._lines = 0
        self._balances: dict[ReceivableKey, BalanceDifference] = {}
        self._balances_read: int | None = 0
        self._explained: set[ReceivableKey] = set()
        self.posted = AccountSums()
        self.shown = AccountSums()

    def take(self, day: date, dates: Sequence[date]) -> None:
        """Compare one business day."""
        sides = self._documents.of_day(day, dates, self._kinds)
        journal = {side.key: side.lines for side in sides if side.lines}
        entries = dict.fromkeys(self._entries(sides))
        ledger = self._ledger.read(dates, entries, journal)
        self._sorter.learn(ledger)
        if EntryType.JOURNAL_ENTRIES not in entries and self._settings.reconciliation.foreign != "off":
            control = {EntryType.JOURNAL_ENTRIES: self._sorter.control_accounts}
            more = self._ledger.read(dates, control, {})
            ledger.others.update(more.others)
            ledger.lines += more.lines
        others = self._sorter.sort(day, ledger, sides)
        self._lines += ledger.lines
        for side in sides:
            found = self._comparison.add_document(
                DocumentLines(
                    kind=side.key.kind,
                    document_id=side.key.document_id,
                    business_day=day,
                    servicetitan=side.servicetitan,
                    outside=side.outside,
                    outcome=side.outcome,
                    undecided=side.undecided,
                    home=side.home,
                    reference=side.reference(ledger.vouchers.get(side.key, "")),
                    journal=side.lines,
                    ledger=ledger.found.get(side.key, ()),
                    added=others.added.get(side.key, ()),
                )
            )
            self._explain(side, ledger, found)
        self._add_up_accounts(day, sides, ledger)
        for stranger in others.strangers:
            self._comparison.add_stranger(stranger)
        self._explained |= set(others.invoices)
        self._compare_balances(sides)

    def result(self, first: date, last: date) -> ThreeWay:
        """Return what was found."""
        rows, differences = self._comparison.result()
        balances = [each for key, each in sorted(self._balances.items()) if key not in self._explained]
        return ThreeWay(
            first,
            last,
            rows,
            differences,
            ledger_lines=self._lines,
            balances=tuple(balances),
            balances_read=self._balances_read,
        )

    def _entries(self, sides: Sequence[DocumentSide]) -> list[EntryType]:
        """Return the types of transaction of the connection's kinds; documents of before a setting was changed count too."""
        bills = EntryType.VOUCHERS if self._settings.posting.bills_as == "voucher" else EntryType.JOURNAL_ENTRIES
        of_kind = {
            Kind.INVOICE: EntryType.INVOICES,
            Kind.CREDIT_MEMO: EntryType.INVOICES,
            Kind.PAYMENT: EntryType.RECEIPTS,
            Kind.BILL: bills,
            Kind.AP_CREDIT: bills,
        }
        found = {of_kind[kind] for kind in self._kinds} | {line.entry for side in sides for line in side.lines}
        return [entry for entry in EntryType if entry in found]

    def _explain(self, side: DocumentSide, ledger: DayLedger, found: Sequence[LedgerDifference]) -> None:
        """What differs by name need not be named again by its open amount."""
        if not found:
            return
        for line in side.posted:
            if line.invoice:
                self._explained.add(receivable_key(line.wbs1, line.invoice, self._padded_to))
        for row in ledger.found.get(side.key, ()):
            if row.particulars.number:
                self._explained.add((row.place.project, row.particulars.number))

    def _add_up_accounts(self, day: date, sides: Sequence[DocumentSide], ledger: DayLedger) -> None:
        """Add up by month and account, with what Vantagepoint posts by itself on the receivables account."""
        receivables = self._sorter.receivables_account
        for side in sides:
            for line in side.lines:
                if line.state is LineState.STANDING:
                    dated, amount = line.particulars.trans_date or day, line.entry.ledger_sign * line.amount
                    self.posted.add(dated, line.place.account, amount)
                    if line.entry is EntryType.INVOICES and receivables:
                        self.posted.add(dated, receivables, -amount)
        for (month, account), amount in ledger.sums.sums.items():
            self.shown.add(month, account, amount)
        for group in ledger.owners.keys() & ledger.others.keys():
            rows = ledger.others[group]
            for place, amount in rows.sums.items():
                if place.account == receivables and group[1].entry is EntryType.INVOICES:
                    self.shown.add(rows.dated or day, place.account, amount)

    def _compare_balances(self, sides: Sequence[DocumentSide]) -> None:
        if self._balances_read is None:
            return
        posted = {
            (line.wbs1, line.invoice)
            for side in sides
            for line in side.posted
            if line.heading.entry is EntryType.INVOICES and line.state in STANDING_STATES and line.invoice
        }
        numbers = {number for _, number in posted}
        spellings = numbers | {pad_invoice_number(number, self._padded_to) for number in numbers}
        shown = open_balances(self._client, sorted(spellings))
        if shown is None:
            self._balances_read = None
            return
        balances: dict[ReceivableKey, Decimal] = {}
        for each in shown:
            key = receivable_key(each.wbs1, each.invoice, self._padded_to)
            balances[key] = balances.get(key, ZERO) + each.balance
        expected = standing_receivables(self._engine, self._settings.name, posted, padded_to=self._padded_to)
        self._balances_read += len(expected)
        for key, amount in expected.items():
            if balances.get(key, ZERO) != amount:
                self._balances[key] = BalanceDifference(*key, amount, balances.get(key, ZERO))
