"""Instants as ServiceTitan writes and reads them, and the twin's clock.

An instant is a whole number of ticks of 100 nanoseconds since 1970 in UTC: ServiceTitan's seven fractional
digits do not fit into a ``datetime``.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

TICKS_PER_SECOND = 10_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A plus sign of an offset that was not escaped in a query arrives as a space.
_INSTANT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<clock>\d\d:\d\d(?::\d\d)?)(?:\.(?P<fraction>\d{1,9}))?"
    r"(?:Z|(?P<sign>[+\- ])(?P<hours>\d\d):?(?P<minutes>\d\d))?)?",
    re.IGNORECASE,
)


@lru_cache(maxsize=65_536)
def parse_instant(text: str) -> int:
    """Read an instant in any spelling that clients send (servicetitan.md section 7, point 3).

    Args:
        text: ``2026-10-05``, ``...Z``, ``...+00:00``, with up to nine fractional digits; without a zone it is UTC.

    Returns:
        Ticks since 1970; digits beyond the seventh are cut off.

    Raises:
        ValueError: It is not an instant.
    """
    found = _INSTANT.fullmatch(text.strip())
    if found is None:
        message = f"{text!r} is not a date-time"
        raise ValueError(message)
    whole = datetime.fromisoformat(f"{found['day']}T{found['clock'] or '00:00'}").replace(tzinfo=UTC)
    if found["hours"]:
        offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
        whole = whole + offset if found["sign"] == "-" else whole - offset
    fraction = int((found["fraction"] or "")[:7].ljust(7, "0"))
    return (whole - _EPOCH) // timedelta(seconds=1) * TICKS_PER_SECOND + fraction


def format_instant(ticks: int) -> str:
    """Return an instant with seven fractional digits and ``Z``."""
    seconds, fraction = divmod(ticks, TICKS_PER_SECOND)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{fraction:07d}Z"


def ticks_of(value: str | None) -> int:
    """Return the ticks of a row's instant; 0 when the row has none."""
    return parse_instant(value) if value else 0


class TwinClock:
    """The twin's own time: the real time, moved forward when the world is younger than that; never backward.

    Args:
        not_before: The newest instant in the world, in ticks.
        now_ns: The real time in nanoseconds since 1970.
    """

    def __init__(self, not_before: int, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        self._ahead = max(0, not_before + 1 - now_ns() // 100)
        self._last = not_before

    def now(self) -> int:
        """Return the present in ticks."""
        self._last = max(self._last, self._now_ns() // 100 + self._ahead)
        return self._last
