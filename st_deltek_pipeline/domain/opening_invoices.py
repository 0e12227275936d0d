"""Invoices from before the connection's start: where they stand in Vantagepoint, entered there by somebody else.

The ledger's rows decide, never ServiceTitan's data and never a coding rule: a receipt names the project and number that
the invoice has there. Reading rows is ``services.opening_invoices``; what may still be received is ``receivables``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.receivables import OpenItem, Receivable, ReceivableKey, receivable_key

_Level = tuple[str, str, str]
_MOST_NAMED = 5


@dataclass(frozen=True, order=True)
class OpeningRow:
    """A row of Vantagepoint's ledger under an invoice's number that this connection did not post.

    Attributes:
        entry: An invoice's line, or a receipt's.
        number: The invoice number as Vantagepoint has it.
        reference: ``RefNo`` of a receipt; ``CreditMemoRefNo`` of what a credit memo takes off.
        batch, line_key: Transaction file and line (``PKey``).
        amount: With the document's sign: what an invoice bills and what a receipt receives is positive.
    """

    entry: EntryType
    wbs1: str
    wbs2: str
    wbs3: str
    number: str
    account: str
    reference: str
    batch: str
    line_key: str
    amount: Decimal


@dataclass(frozen=True)
class OpeningInvoice:
    """What Vantagepoint's ledger showed of an invoice when it was asked.

    Attributes:
        number: ServiceTitan's, which it was asked for; empty when the invoice has none.
        rows: Empty when Vantagepoint does not have it.
    """

    number: str
    rows: Sequence[OpeningRow]

    @property
    def stands(self) -> bool:
        """Whether somebody has entered the invoice in Vantagepoint."""
        return any(row.entry is EntryType.INVOICES for row in self.rows)


@dataclass(frozen=True)
class OpeningProblem:
    """Why it is not certain where an old invoice stands.

    Attributes:
        words: A clause about the invoice, such as ``which Vantagepoint does not have``.
    """

    reason: HoldReason
    words: str


_OLD = "which is dated before the connection's start_date"
_NO_ACCOUNT = "Vantagepoint names no receivables account"

NOT_READ = OpeningProblem(
    HoldReason.OPENING_INVOICE_NOT_READ, f"{_OLD}, and Vantagepoint's ledger has not been asked for it yet."
)


def opening_items(
    invoice: OpeningInvoice, stated: Decimal | None, receivables_account: str | None
) -> Sequence[OpenItem] | OpeningProblem:
    """Say where an old invoice stands, if that is certain.

    It is when one project has the number, under one spelling, and what was billed there is what ServiceTitan's invoice is
    for. Credit memos do not count in that: ServiceTitan states them apart from the invoice.

    Args:
        invoice: What the ledger shows.
        stated: ServiceTitan's total; ``None`` when it is not readable.
        receivables_account: The company's, which tells the two sides of a ledger row apart.

    Returns:
        One item per level of the project, with what others received there; or why it is not certain.
    """
    if not receivables_account:
        return OpeningProblem(HoldReason.RECEIVABLES_ACCOUNT_UNKNOWN, f"{_OLD}, and {_NO_ACCOUNT}.")
    billed = [row for row in invoice.rows if _is_billed(row, receivables_account) and not row.reference]
    if not billed:
        words = f"no invoice {invoice.number}" if invoice.number else "nothing to find it by: it has no number"
        return OpeningProblem(HoldReason.OPENING_INVOICE_MISSING, f"{_OLD}, and Vantagepoint's ledger has {words}.")
    places = _by_place(billed)
    problem = _amount_problem(invoice.number, places, stated)
    return problem or _items(billed, invoice.rows, places, receivables_account)


def redated_words(invoice: OpeningInvoice, receivables_account: str | None) -> str:
    """Say where an invoice stands that was dated before the start once, so that it must not be posted again.

    Args:
        invoice: What the ledger shows.
        receivables_account: The company's.
    """
    billed = [row for row in invoice.rows if _is_billed(row, receivables_account) and not row.reference]
    where = _named(_by_place(billed)) or "0.00"
    return f"it was dated before the connection's start_date and stands in Vantagepoint, entered by others: {where}."


def with_opening(
    standing: Mapping[ReceivableKey, Receivable],
    rows: Iterable[OpeningRow],
    *,
    receivables_account: str | None,
    padded_to: int,
) -> Mapping[ReceivableKey, Receivable]:
    """Add what others billed and received to what our journal says of the same invoices.

    Args:
        standing: By our journal.
        rows: Of others, each once.
        receivables_account: The company's.
        padded_to: Width of padded AR invoice numbers.
    """
    found = dict(standing)
    for row in rows:
        key = receivable_key(row.wbs1, row.number, padded_to)
        before = found.get(key, Receivable())
        if _is_billed(row, receivables_account):
            found[key] = replace(before, billed=before.billed + row.amount)
        elif _is_received(row, receivables_account):
            found[key] = replace(before, received=before.received + row.amount)
    return found


def stands_under_references(
    rows: Iterable[OpeningRow], *, receivables_account: str | None, padded_to: int
) -> Mapping[str, Mapping[ReceivableKey, Decimal]]:
    """Sum up what others' receipts have received, by folded reference and invoice.

    A receipt that has the reference of one of ours is that receipt: it is adopted, so that posting it adds nothing.

    Args:
        rows: Of others, each once.
        receivables_account: The company's.
        padded_to: Width of padded AR invoice numbers.
    """
    found: dict[str, dict[ReceivableKey, Decimal]] = {}
    for row in rows:
        if row.reference.strip() and _is_received(row, receivables_account):
            by_invoice = found.setdefault(row.reference.strip().casefold(), {})
            key = receivable_key(row.wbs1, row.number, padded_to)
            by_invoice[key] = by_invoice.get(key, ZERO) + row.amount
    return found


def _is_billed(row: OpeningRow, receivables_account: str | None) -> bool:
    # The credit side of an invoice: the debit on the receivables account may or may not be shown beside it.
    return row.entry is EntryType.INVOICES and row.account != receivables_account


def _is_received(row: OpeningRow, receivables_account: str | None) -> bool:
    return row.entry is EntryType.RECEIPTS and row.account == receivables_account


def _by_place(billed: Iterable[OpeningRow]) -> dict[tuple[str, str], Decimal]:
    """Sum up by project and spelling of the number; what was taken back wholly stands nowhere."""
    found: dict[tuple[str, str], Decimal] = {}
    for row in billed:
        place = (row.wbs1, row.number.strip().casefold())
        found[place] = found.get(place, ZERO) + row.amount
    return {place: amount for place, amount in sorted(found.items()) if amount != ZERO}


def _amount_problem(
    number: str, places: Mapping[tuple[str, str], Decimal], stated: Decimal | None
) -> OpeningProblem | None:
    if len(places) > 1:
        words = f"{_OLD}, and Vantagepoint's ledger has invoice {number} {len(places)} times: {_named(places)}."
        return OpeningProblem(HoldReason.OPENING_INVOICE_AMBIGUOUS, words)
    amount = total(places.values())
    if amount == stated == ZERO:
        return OpeningProblem(HoldReason.OVER_APPLIED, "which is for 0.00 in all.")
    if amount != stated:
        says = "states no readable total" if stated is None else f"says {stated}"
        where = next((f" on project {wbs1}" for wbs1, _ in places), "")
        words = f"{_OLD}: Vantagepoint's ledger has invoice {number}{where} with {amount}, ServiceTitan {says}."
        return OpeningProblem(HoldReason.OPENING_INVOICE_DIFFERS, words)
    return None


def _named(places: Mapping[tuple[str, str], Decimal]) -> str:
    spellings = {number for _, number in places}
    named = [
        f"{amount} on project {wbs1}" + (f" as {number}" if len(spellings) > 1 else "")
        for (wbs1, number), amount in places.items()
    ]
    more = len(named) - _MOST_NAMED
    return ", ".join(named[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _items(
    billed: Sequence[OpeningRow],
    rows: Sequence[OpeningRow],
    places: Mapping[tuple[str, str], Decimal],
    receivables_account: str,
) -> Sequence[OpenItem]:
    amounts: dict[_Level, Decimal] = {}
    numbers: dict[_Level, str] = {}
    for row in billed:
        if (row.wbs1, row.number.strip().casefold()) in places:
            level = (row.wbs1, row.wbs2, row.wbs3)
            amounts[level] = amounts.get(level, ZERO) + row.amount
            numbers.setdefault(level, row.number)
    received: dict[_Level, Decimal] = {}
    for row in rows:
        if _is_received(row, receivables_account):
            level = (row.wbs1, row.wbs2, row.wbs3)
            received[level] = received.get(level, ZERO) + row.amount
    return [
        OpenItem(*level, numbers[level], amount, others=received.get(level, ZERO))
        for level, amount in sorted(amounts.items())
        if amount != ZERO
    ]
