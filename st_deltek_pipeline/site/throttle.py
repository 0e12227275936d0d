"""How often somebody may try a password: the longer the more often they were wrong, and nobody else waits for it.

Failures are counted for a name from an address, and for an address alone. A name alone is never locked: else anybody could
keep its owner out. Counts live in this process and are bounded; a restart forgets them.
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_FREE_BY_NAME, _FREE_BY_ADDRESS = 5, 40
_FIRST_WAIT, _LONGEST_WAIT = 2.0, 900.0
_FORGOTTEN_AFTER = 3600.0
_MOST_KEYS = 20_000
_MOST_DOUBLINGS = 12
_IPV6_NETWORK = 64


@dataclass
class _Failures:
    count: int
    last: float
    before: float
    """When the one before the last was, so that the last can be given back."""


class Throttle:
    """Counts attempts.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def attempt(self, name: str, address: str) -> float:
        """Begin an attempt. It counts as failed until ``succeeded`` says otherwise, so many at once gain nothing.

        Args:
            name: As typed.
            address: The sender's.

        Returns:
            Seconds to wait; then there was no attempt. 0.0 when the password may be looked at.
        """
        keys = self._keys(name, address)
        with self._lock:
            now = self._clock()
            wait = max(self._wait(key, free, now) for key, free in keys)
            if wait > 0:
                return wait
            for key, _ in keys:
                known = self._known(key, now)
                self._failures[key] = _Failures((known.count if known else 0) + 1, now, known.last if known else now)
                self._failures.move_to_end(key)
            while len(self._failures) > _MOST_KEYS:
                self._failures.popitem(last=False)
            return 0.0

    def succeeded(self, name: str, address: str) -> None:
        """The password was right: forget the failures of this name from this address, and this attempt of the address."""
        (by_name, _), (by_address, _) = self._keys(name, address)
        with self._lock:
            self._failures.pop(by_name, None)
            known = self._failures.get(by_address)
            if known is not None:
                known.count = max(known.count - 1, 0)

    def given_back(self, name: str, address: str) -> None:
        """Nobody has looked at the password, so this attempt was none."""
        with self._lock:
            for key, _ in self._keys(name, address):
                known = self._failures.get(key)
                if known is not None and known.count > 1:
                    self._failures[key] = _Failures(known.count - 1, known.before, known.before)
                elif known is not None:
                    del self._failures[key]

    def _wait(self, key: tuple[str, str], free: int, now: float) -> float:
        known = self._known(key, now)
        if known is None or known.count < free:
            return 0.0
        doublings = min(known.count - free, _MOST_DOUBLINGS)
        return known.last + min(_FIRST_WAIT * 2**doublings, _LONGEST_WAIT) - now

    def _known(self, key: tuple[str, str], now: float) -> _Failures | None:
        known = self._failures.get(key)
        return None if known is None or now - known.last > _FORGOTTEN_AFTER else known

    @staticmethod
    def _keys(name: str, address: str) -> tuple[tuple[tuple[str, str], int], tuple[tuple[str, str], int]]:
        where = _network(address)
        return ((name.casefold(), where), _FREE_BY_NAME), (("", where), _FREE_BY_ADDRESS)


def _network(address: str) -> str:
    """Return what one sender cannot change at will: of an IPv6 address its network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004 (the version's number)
        return str(parsed)
    return str(ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False))
