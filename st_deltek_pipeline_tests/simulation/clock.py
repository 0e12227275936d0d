"""Virtual time: it moves only when somebody waits, or when a step lets it pass."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A look at the clock takes a moment, as it does in life: otherwise a loop that waits for a moment never ends.
_TICK = 1


@dataclass
class VirtualClock:
    """One clock for both twins, our process and the database.

    Attributes:
        microseconds: Since 1970 in UTC.
    """

    microseconds: int

    @classmethod
    def at(cls, instant: datetime) -> "VirtualClock":
        """Return a clock that stands at an instant."""
        return cls((instant - EPOCH) // _MICROSECOND)

    def now(self) -> datetime:
        """Return the present in UTC."""
        self.microseconds += _TICK
        return EPOCH + timedelta(microseconds=self.microseconds)

    def now_ns(self) -> int:
        """Return the present in nanoseconds since 1970."""
        self.microseconds += _TICK
        return self.microseconds * 1000

    def monotonic(self) -> float:
        """Return seconds that never go back. Not money, so a float."""
        self.microseconds += _TICK
        return self.microseconds / 1_000_000

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.microseconds += max(0, round(seconds * 1_000_000))
