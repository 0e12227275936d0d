"""What was asked of the twins: the latest requests, how many per path, and the busiest second.

Bodies and headers are never kept, so no credential can be read back from here.
"""

import re
import threading
from collections import Counter, deque
from dataclasses import dataclass

_ONE_SECOND = 1.0
# A key of either system in a path: a number, a GUID, a batch hash, a project number. "v2" is not one.
_KEY_SEGMENT = re.compile(r"^\d+$|\d{3,}|^[0-9a-f-]{16,}$", re.IGNORECASE)


@dataclass(frozen=True)
class LoggedRequest:
    """One answered request.

    Attributes:
        time: Arrival in seconds since the epoch.
        status: HTTP status sent; 0 when the connection was dropped without an answer.
        milliseconds: From arrival to the last byte handed over.
    """

    time: float
    system: str
    method: str
    path: str
    query: str
    status: int
    milliseconds: float


def path_template(path: str) -> str:
    """Return a path with the keys in it replaced by ``{key}``, so that calls can be counted by kind."""
    return "/".join("{key}" if _KEY_SEGMENT.search(segment) else segment for segment in path.split("/"))


class RequestLog:
    """A ring of the latest requests with counters over all of them; safe to use from several threads.

    Args:
        capacity: How many requests are kept; the counters go on beyond it.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._lock = threading.Lock()
        self._entries: deque[LoggedRequest] = deque(maxlen=capacity)
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._statuses: Counter[tuple[str, int]] = Counter()
        self._window: dict[str, deque[float]] = {}
        self._busiest: dict[str, int] = {}

    def arrived(self, system: str, at: float) -> None:
        """Count a call for the busiest second.

        Args:
            system: ``servicetitan`` or ``vantagepoint``.
            at: Arrival in seconds on a clock that never goes back.
        """
        with self._lock:
            window = self._window.setdefault(system, deque())
            window.append(at)
            while window[0] <= at - _ONE_SECOND:
                window.popleft()
            self._busiest[system] = max(self._busiest.get(system, 0), len(window))

    def answered(self, entry: LoggedRequest) -> None:
        """Keep a request whose answer was sent or dropped."""
        with self._lock:
            self._entries.append(entry)
            self._calls[entry.system, entry.method, path_template(entry.path)] += 1
            self._statuses[entry.system, entry.status] += 1

    def entries(self) -> list[LoggedRequest]:
        """Return the kept requests, oldest first."""
        with self._lock:
            return list(self._entries)

    def calls(self, system: str | None = None) -> int:
        """Return how many requests were answered since the start or the last ``clear``."""
        with self._lock:
            return sum(count for key, count in self._calls.items() if system in {None, key[0]})

    def calls_by_template(self, system: str) -> dict[str, int]:
        """Return the number of calls per ``METHOD /path/{key}`` of one system, most frequent first."""
        with self._lock:
            return {f"{method} {path}": n for (of, method, path), n in self._calls.most_common() if of == system}

    def calls_by_status(self, system: str) -> dict[int, int]:
        """Return the number of answers per HTTP status; status 0 stands for a dropped connection."""
        with self._lock:
            return {status: count for (of, status), count in self._statuses.most_common() if of == system}

    def most_calls_in_any_second(self, system: str) -> int:
        """Return the most calls that arrived within any one second, wherever that second starts."""
        with self._lock:
            return self._busiest.get(system, 0)

    def clear(self) -> None:
        """Forget everything, for example between two measured runs."""
        with self._lock:
            self._entries.clear()
            self._calls.clear()
            self._statuses.clear()
            self._window.clear()
            self._busiest.clear()
