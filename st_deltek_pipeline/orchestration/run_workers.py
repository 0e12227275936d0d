"""Which process works on a run: how that is recorded with the run, and whether the process still lives.

A process id alone says little: it is used again after a while, and means another process on another machine or in another
container. So the time the process was started, the boot and the container are recorded with it.
"""

import contextlib
import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

WORKER_TAG = "st_deltek/worker"

_PROC = Path("/proc")
_BOOT_ID = _PROC / "sys/kernel/random/boot_id"
_PID_NAMESPACE = _PROC / "self/ns/pid"
# Fields of /proc/PID/stat after the name in brackets, which may hold blanks and brackets itself (man 5 proc).
_STATE_FIELD = 0
_START_TIME_FIELD = 19
_ENDED_STATES = frozenset("ZXx")


@dataclass(frozen=True)
class RunWorker:
    """The process of one run.

    Attributes:
        run_id: Its run. A run that is retried takes its parent's tags along, and with them the parent's worker.
        host: Name of the machine or container.
        boot: Kernel's id of this boot.
        namespace: The namespace in which ``pid`` means this process.
        pid: Process id.
        started: When the process was started, in the kernel's ticks since the boot.
    """

    run_id: str
    host: str
    boot: str
    namespace: str
    pid: int
    started: int

    @classmethod
    def here(cls, run_id: str, pid: int) -> Self:
        """Describe a process of this machine.

        Raises:
            ProcessLookupError: There is no such process.
        """
        started = _started(pid)
        if started is None:
            message = f"There is no process {pid}."
            raise ProcessLookupError(message)
        return cls(run_id, *_here(), pid, started)

    @classmethod
    def of_run(cls, run_id: str, tags: Mapping[str, str]) -> Self | None:
        """Read what was recorded with a run, or ``None`` when nothing was, or only for the run it is a retry of."""
        text = tags.get(WORKER_TAG)
        if text is None:
            return None
        worker = msgspec.json.decode(text, type=cls)
        return worker if worker.run_id == run_id else None

    @property
    def tags(self) -> dict[str, str]:
        """What to record with the run."""
        return {WORKER_TAG: msgspec.json.encode(self).decode()}

    @property
    def on_this_host(self) -> bool:
        """Whether it was started on this machine or container, perhaps before that was restarted."""
        return self.host == socket.gethostname()

    @property
    def in_reach(self) -> bool:
        """Whether ``pid`` means here what it meant there, so that it can be looked at and sent a signal."""
        return (self.host, self.boot, self.namespace) == _here()

    @property
    def is_running(self) -> bool:
        """Whether the process lives and can be seen from here."""
        return self.in_reach and _started(self.pid) == self.started

    def interrupt(self) -> bool:
        """Ask the process to stop, as Ctrl-C does.

        Returns:
            Whether it was running.
        """
        if not self.is_running:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGINT)
        return True


def processes_can_be_told_apart() -> bool:
    """Say whether this system has what ``RunWorker`` needs: Linux has."""
    return _BOOT_ID.exists() and _PID_NAMESPACE.is_symlink()


def _here() -> tuple[str, str, str]:
    return socket.gethostname(), _BOOT_ID.read_text().strip(), str(_PID_NAMESPACE.readlink())


def _started(pid: int) -> int | None:
    """Return the start time of a process, or ``None`` when there is none or it has ended and only its parent knows not."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[_STATE_FIELD] in _ENDED_STATES else int(fields[_START_TIME_FIELD])
