"""Keeps calls under a system's limit, counted over every sliding second. Waiting out a 429 is the session's work.

At most N calls are let go in any second, without a burst on top: the call after N others waits until the
first of them is a whole second old. A caller that waits for its answers can shift arrival times by one call,
so K threads stay under N + K at the other end, however slow the wire: 55 leaves room under ServiceTitan's 60.
"""

import fcntl
import os
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

_WINDOW = 1.0
# Clocks are read a moment after the slot they prove: without this, two calls N apart could share a second.
_MARGIN = 0.002

# Other processes may allow more calls than this one, so a file keeps more times than its writer's own limit.
_MOST_KEPT = 256
_HEADER = struct.Struct("<4s32sII")  # magic, boot id, how many times follow, their checksum
_MAGIC = b"SDR1"


class RateLimiter(Protocol):
    """Makes callers wait so that a system is never asked too often."""

    def acquire(self, calls: int = 1) -> None:
        """Return when ``calls`` more calls may be sent."""
        ...


class LocalRateLimiter:
    """Counts the calls of this process; shared by its threads.

    Args:
        calls_per_second: Most calls in any sliding second.
        monotonic: Clock, in seconds.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        calls_per_second: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limit = _checked(calls_per_second)
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._granted: deque[float] = deque(maxlen=self._limit)

    def acquire(self, calls: int = 1) -> None:
        """Return when ``calls`` more calls may be sent; threads are served in order."""
        slot = 0.0
        with self._lock:
            now = self._monotonic()
            for _ in range(calls):
                slot = _next_slot(self._granted, self._limit, now)
                self._granted.append(slot)
        if slot > now:
            self._sleep(slot - now)


class FileRateLimiter:
    """Counts the calls of every process of this machine that names the same file.

    The file holds the times of the last granted calls; a lock on it is held only while it is read and written,
    never while waiting, and falls with the process that held it. A file that cannot be read (half written,
    or from before a reboot) counts as a second full of calls.

    Args:
        path: Made on first use, readable by its owner only; its folder must exist.
        calls_per_second: Most calls in any sliding second, over all processes.
        monotonic: Clock in seconds that all processes share.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        path: Path,
        calls_per_second: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limit = _checked(calls_per_second)
        self._path = path
        self._monotonic = monotonic
        self._sleep = sleep
        self._boot = _boot_id()

    def acquire(self, calls: int = 1) -> None:
        """Return when ``calls`` more calls may be sent; processes are served in order."""
        slot = 0.0
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            now = self._monotonic()
            granted = self._read(descriptor, now)
            for _ in range(calls):
                slot = _next_slot(granted, self._limit, now)
                granted.append(slot)
            _write(descriptor, self._boot, granted[-max(self._limit, _MOST_KEPT) :])
        finally:
            os.close(descriptor)
        if slot > now:
            self._sleep(slot - now)

    def _read(self, descriptor: int, now: float) -> list[float]:
        content = os.pread(descriptor, 1 << 20, 0)
        if not content:
            return []
        times = _unpack(content, self._boot)
        return [now] * self._limit if times is None else times


def _write(descriptor: int, boot: bytes, times: Sequence[float]) -> None:
    body = struct.pack(f"<{len(times)}d", *times)
    content = _HEADER.pack(_MAGIC, boot, len(times), zlib.crc32(body)) + body
    os.pwrite(descriptor, content, 0)
    os.ftruncate(descriptor, len(content))


def _unpack(content: bytes, boot: bytes) -> list[float] | None:
    if len(content) < _HEADER.size:
        return None
    magic, written_at_boot, count, checksum = _HEADER.unpack_from(content)
    body = content[_HEADER.size : _HEADER.size + 8 * count]
    if magic != _MAGIC or written_at_boot != boot or len(body) != 8 * count or zlib.crc32(body) != checksum:
        return None
    return list(struct.unpack(f"<{count}d", body))


def _next_slot(granted: Sequence[float], limit: int, now: float) -> float:
    if not granted:
        return now
    in_order = max(now, granted[-1])
    if len(granted) < limit:
        return in_order
    return max(in_order, granted[-limit] + _WINDOW + _MARGIN)


def _boot_id() -> bytes:
    """Name this run of the machine: the shared clock starts again at zero with each."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        text = ""
    return text.strip().replace("-", "").encode()[:32].ljust(32, b"0")


def _checked(calls_per_second: int) -> int:
    if calls_per_second < 1:
        message = f"calls_per_second must be at least 1, not {calls_per_second}"
        raise ValueError(message)
    return calls_per_second
