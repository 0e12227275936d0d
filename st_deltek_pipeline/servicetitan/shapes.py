"""What ServiceTitan's records have in common: ids, texts, references, dates, and why one cannot be used.

ServiceTitan's schema is treated as a hint (servicetitan.md sections 2 and 8): everything but an id may be null or
missing, ids may come as strings, money as decimal strings or as JSON numbers.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Annotated

import msgspec

from st_deltek_pipeline.domain.money import CENT

# The store's integers; an id beyond them is not an id.
_LARGEST_ID = 2**63 - 1
Id = Annotated[int, msgspec.Meta(ge=-_LARGEST_ID, le=_LARGEST_ID)]

# What people type arrives as text or as a JSON number; both mean the same text.
Text = str | int | None

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_LENGTH = len("2026-10-05")
# Postgres' numeric takes more, but a total with more digits than this is no amount of money.
_LARGEST_TOTAL = Decimal("1e15")
_MOST_DECIMALS = 12


class Record(msgspec.Struct, rename="camel", gc=False):
    """What every record has. Unknown members of the JSON are skipped."""

    id: Id
    active: bool | None = None


class Named(msgspec.Struct, rename="camel", gc=False):
    """A reference to another record (REF of servicetitan.md)."""

    id: Id | None = None
    name: Text = None


class LedgerAccount(msgspec.Struct, rename="camel", gc=False):
    """A general-ledger account as lines name it."""

    number: Text = None


NOBODY = Named()
"""A reference that is not there."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a record cannot be used, one reason per field, each naming its path."""

    reasons: tuple[str, ...]

    def __str__(self) -> str:
        """Return the reasons in one line."""
        return "; ".join(self.reasons)


def plain_text(value: Text) -> str:
    """Write a text or number as text that every database takes.

    Args:
        value: As decoded; ``None`` is the empty text.

    Returns:
        The text unchanged but for NUL characters, which Postgres cannot hold: each becomes U+FFFD.
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else str(value)
    return text.replace("\x00", "\ufffd") if "\x00" in text else text


def account_number(account: LedgerAccount | None) -> str | None:
    """Return an account's number; ``None`` when it has none."""
    return plain_text(account.number) or None if account is not None else None


@lru_cache(maxsize=4096)
def _parse_date(text: str) -> date | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def date_part(text: str | None) -> date | None:
    """Take the date out of a date-time exactly as sent; no time zone ever shifts it (servicetitan.md section 8).

    Args:
        text: ``2026-10-05``, ``2026-10-05T00:00:00Z`` or the like.

    Returns:
        The date, or ``None`` when the text is missing or does not start with a real date.
    """
    if text is None or (len(text) > _DATE_LENGTH and text[_DATE_LENGTH] not in "T "):
        return None
    return _parse_date(text[:_DATE_LENGTH])


def is_plausible(number: Decimal) -> bool:
    """Say whether a number can be an amount of money or a quantity at all, whatever its decimals."""
    if number.same_quantum(CENT):  # nearly always, and far cheaper than what follows
        return -_LARGEST_TOTAL < number < _LARGEST_TOTAL
    if not number.is_finite() or abs(number) >= _LARGEST_TOTAL:
        return False
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_MOST_DECIMALS
