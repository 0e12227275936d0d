"""Reads how long another system asks us to wait."""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"(\d{1,12})(?:\.\d+)?")
_LONGEST = 10**9


def parse_retry_after(value: str | None, now: datetime) -> int | None:
    """Read a ``Retry-After`` header.

    Args:
        value: Seconds or an HTTP date; anything else is taken as absent.
        now: The present moment, with a time zone.

    Returns:
        Whole seconds from now, rounded up, never negative; ``None`` when it says nothing.
    """
    text = (value or "").strip()
    seconds = _SECONDS.fullmatch(text)
    if seconds is not None and text.isascii():
        return min(_LONGEST, math.ceil(float(text)))
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        difference = (moment - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(_LONGEST, max(0, math.ceil(difference)))
