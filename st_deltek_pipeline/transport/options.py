"""How patient and how careful a session is; tests put their own clock and sleep in here."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Timing:
    """The clocks of a session.

    Attributes:
        sleep: Waits for so many seconds.
        monotonic: Seconds that never go back, for measuring and for token lifetimes.
        now: Wall clock in UTC, only for ``Retry-After`` given as a date.
        jitter: A number from 0 to 1 that spreads waits.
    """

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = _now
    # SystemRandom is not needed for spreading waits, but costs nothing and is not seeded by anyone's test.
    jitter: Callable[[], float] = field(default_factory=lambda: random.SystemRandom().random)


@dataclass(frozen=True)
class RetryPolicy:
    """How often something without effect is tried again, and how long is waited in between.

    Attributes:
        attempts: Tries in all when the other side is unreachable or unwell.
        attempts_when_limited: Tries in all when it says 429.
        first_delay, longest_delay: Seconds; doubled from one to the other, each with jitter.
        longest_asked_wait: A ``Retry-After`` above this many seconds is not waited for here but handed to
            the caller, who has better things to do.
        longest_wait_in_all: Seconds that one call may spend waiting, over all its attempts.
    """

    attempts: int = 5
    attempts_when_limited: int = 10
    first_delay: float = 0.5
    longest_delay: float = 20.0
    longest_asked_wait: int = 120
    longest_wait_in_all: float = 300.0

    def delay(self, attempt: int, asked: int | None, jitter: float) -> float:
        """Say how long to wait before the next attempt.

        Args:
            attempt: The one that just failed, from 1.
            asked: Seconds the other side asked for, when it did.
            jitter: From 0 to 1.

        Returns:
            Seconds; never less than asked for.
        """
        if asked is not None:
            # A little on top keeps the workers that were all told the same number from coming back together.
            return asked + self.first_delay * jitter
        step = min(self.longest_delay, self.first_delay * 2 ** min(attempt - 1, 30))
        return step / 2 + step / 2 * jitter


@dataclass(frozen=True)
class TransportOptions:
    """Everything about a session that is not about whom it talks to.

    Attributes:
        connect_seconds: For TCP and TLS.
        read_seconds: For each wait on the socket; ServiceTitan itself gives up after 100 s (section 2).
        answer_seconds: For a whole answer, so that a dripping one ends.
        largest_answer: Bytes after decompression.
        connections: Sockets kept open per host.
        adapter: What carries requests instead of sockets: a system that lives in this process.
    """

    timing: Timing = field(default_factory=Timing)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    connect_seconds: float = 10.0
    read_seconds: float = 110.0
    answer_seconds: float = 300.0
    largest_answer: int = 64 * 1024 * 1024
    connections: int = 8
    adapter: "BaseAdapter | None" = None
