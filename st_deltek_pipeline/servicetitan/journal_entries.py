"""The summaries of ServiceTitan's journal entries (servicetitan.md section 3.4): what its own books say, by account."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

import msgspec

from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient

T = TypeVar("T")

RESOURCE = "accounting/journal-entries"
_LARGEST_PAGE = 500
_DAY_LENGTH = len("2026-10-05")


@dataclass(frozen=True)
class SummaryLine:
    """What one journal entry adds to one account.

    Attributes:
        post_date: The line's, else its entry's.
        number: Of ServiceTitan's account; empty when it has none.
        name: Of the account.
        amount: Debit less credit.
    """

    post_date: date
    number: str
    name: str
    amount: Decimal


class _Entry(msgspec.Struct, rename="camel"):
    id: str | None = None
    post_date: str | None = None
    source: str | None = None


class _Account(msgspec.Struct, rename="camel"):
    number: str | None = None
    name: str | None = None


class _Line(msgspec.Struct, rename="camel"):
    account: _Account
    credit: Decimal
    debit: Decimal
    post_date: str | None = None


_ENTRY = msgspec.json.Decoder(_Entry)
_LINE = msgspec.json.Decoder(_Line)


def summary_lines(client: ServiceTitanClient, first: date, last: date) -> Iterator[SummaryLine]:
    """Read the summaries of the journal entries that are posted in a range; one call for each of its entries.

    Entries that others made in ServiceTitan by its API (source External) are left out: no document is behind them.

    Args:
        client: ServiceTitan.
        first: First post date, included.
        last: Last post date, included.

    Raises:
        PermissionMissingError: The scope ``tn.acc.journalentries:r`` is missing.
        BrokenError: An entry cannot be read.
        PipelineError: ServiceTitan cannot be read.
    """
    asked = {"postedFrom": first.isoformat(), "postedTo": last.isoformat()}
    for page in client.short_pages(RESOURCE, _LARGEST_PAGE, **asked):
        for row in page:
            entry = _decoded(_ENTRY, row)
            posted = _day(entry.post_date)
            if entry.id and entry.source != "External" and posted is not None and first <= posted <= last:
                yield from _lines(client, entry.id, posted)


def _lines(client: ServiceTitanClient, entry_id: str, posted: date) -> Iterator[SummaryLine]:
    for page in client.short_pages(f"{RESOURCE}/{entry_id}/summary", _LARGEST_PAGE):
        for row in page:
            line = _decoded(_LINE, row)
            yield SummaryLine(
                _day(line.post_date) or posted,
                (line.account.number or "").strip(),
                (line.account.name or "").strip(),
                line.debit - line.credit,
            )


def _decoded(decoder: msgspec.json.Decoder[T], row: bytes) -> T:
    try:
        return decoder.decode(row)
    except msgspec.MsgspecError as error:
        message = f"ServiceTitan's journal entries have a row that cannot be read: {error}."
        raise BrokenError(message, advice="Set reconciliation.journal_entries: off until it can.") from None


def _day(text: str | None) -> date | None:
    # Documented as a date, seen as a time without a zone (section 2).
    try:
        return None if text is None else date.fromisoformat(text[:_DAY_LENGTH])
    except ValueError:
        return None
