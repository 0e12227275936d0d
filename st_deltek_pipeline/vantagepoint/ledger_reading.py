"""Reading the ledger in bulk, by date, and what is open on invoices: for comparing, never for deciding what to send."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from urllib.parse import quote

from st_deltek_pipeline.domain.errors import BrokenError, PermissionMissingError, RefusedError
from st_deltek_pipeline.vantagepoint.bodies import Row, folded
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.filters import Filter, conditions
from st_deltek_pipeline.vantagepoint.rows import LedgerRow, ledger_row

_BALANCES = "ARReview/ARBalance"
_ONE_DAY = timedelta(days=1)
# A chunk of numbers that fits a URL with its other parameters, where long queries may not be sent as POST.
_LONGEST = 1200


@dataclass(frozen=True)
class OpenBalance:
    """What Vantagepoint's receivables say is open on an invoice of a project (vantagepoint.md section 4.7)."""

    wbs1: str
    invoice: str
    balance: Decimal


def rows_dated(
    client: VantagepointClient, trans_type: str, first: date, last: date, *, accounts: Sequence[str] | None = None
) -> Iterator[list[LedgerRow]]:
    """Read the posted rows of one type whose ``TransDate`` is in a range, page by page.

    Args:
        client: Vantagepoint.
        trans_type: ``IN``, ``CR``, ``AP`` or ``JE``.
        first: First date, included.
        last: Last date, included.
        accounts: Only these; an empty list answers nothing, ``None`` does not restrict.

    Yields:
        The rows of a page that are in the range, also where a tenant ignores a condition.

    Raises:
        PipelineError: As for ``VantagepointClient.rows``.
    """
    dated = (
        Filter("TransDate", first.isoformat(), ">=", "datetime"),
        Filter("TransDate", (last + _ONE_DAY).isoformat(), "<", "datetime"),
    )
    wanted = None if accounts is None else {folded(account) for account in accounts}
    narrowed = [()] if accounts is None else [(each,) for each in conditions("Account", list(accounts), _LONGEST)]
    for more in narrowed:
        for page in client.rows(f"PSALedger/{quote(trans_type, safe='')}", filters=(*dated, *more)):
            rows = [ledger_row(row) for row in page]
            yield [
                row
                for row in rows
                if row.trans_date is not None
                and first <= row.trans_date <= last
                and (wanted is None or folded(row.account) in wanted)
            ]


def open_balances(client: VantagepointClient, invoices: Sequence[str]) -> list[OpenBalance] | None:
    """Read what is open on some invoice numbers, whatever project they stand on.

    Args:
        client: Vantagepoint.
        invoices: Numbers as Vantagepoint has them; an empty list answers nothing.

    Returns:
        One row per project and number; ``None`` where the tenant has no such review, or the role may not see it.

    Raises:
        PipelineError: As for ``VantagepointClient.rows``.
    """
    wanted = list(dict.fromkeys(invoices))
    allowed = {folded(number) for number in wanted}
    found: list[OpenBalance] = []
    try:
        for condition in conditions("Invoice", wanted, _LONGEST):
            for page in client.rows(_BALANCES, filters=(condition,)):
                found += [_open_balance(row) for row in page if folded(str(row.get("Invoice") or "")) in allowed]
    except PermissionMissingError:
        return None
    except RefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return None
    return found


def _open_balance(row: Row) -> OpenBalance:
    text = str(row.get("Balance"))
    try:
        balance = Decimal(text)
    except InvalidOperation:
        message = f"Vantagepoint's ARBalance has {text[:40]!r} as the balance of invoice {row.get('Invoice')}."
        raise BrokenError(message) from None
    return OpenBalance(str(row.get("WBS1") or "").rstrip(), str(row.get("Invoice") or "").rstrip(), balance)
