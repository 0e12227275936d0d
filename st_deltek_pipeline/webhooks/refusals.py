"""Counts what is turned away, and says so in the log: at once the first time, then at most once a minute per cause."""

import logging
import re
import time
from collections import Counter
from collections.abc import Callable

from st_deltek_pipeline.connections.settings import CONNECTION_NAME_PATTERN

_logger = logging.getLogger(__name__)

_EVERY_SECONDS = 60
_NAME = re.compile(CONNECTION_NAME_PATTERN)


class Refusals:
    """What was turned away since the start, by cause.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[str, float] = {}
        self._unsaid: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()

    def note(self, cause: str, connection: str = "") -> None:
        """Count one, and perhaps say so.

        Args:
            cause: One of a few, for example ``wrong signature``.
            connection: The name in the address, which may be anything; only what could be a name is shown.
        """
        self.counts[cause] += 1
        self._unsaid[cause] += 1
        now = self._clock()
        if now - self._said.get(cause, -_EVERY_SECONDS) < _EVERY_SECONDS:
            return
        self._said[cause] = now
        count, self._unsaid[cause] = self._unsaid[cause], 0
        where = f", the last one for {connection}" if _NAME.match(connection) else ""
        _logger.warning("Turned away: %s (%d since last told%s).", cause, count, where)
