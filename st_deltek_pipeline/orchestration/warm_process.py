"""The launcher's end of a warm process (``warm_worker``): starts it, has it fork, and is told when a fork has ended.

Nothing here knows Dagster; what a run is and what its end means is the launcher's business.
"""

import contextlib
import json
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import st_deltek_pipeline
from st_deltek_pipeline.connections.files import connection_files
from st_deltek_pipeline.connections.shard_file import shard_file
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.orchestration.run_workers import RunWorker
from st_deltek_pipeline.settings import Settings

Fingerprint = tuple[int, frozenset[tuple[str, int, int]]]
"""The year, and name, time of change in nanoseconds and size of every file."""

_MODULE = "st_deltek_pipeline.orchestration.warm_worker"
# Imports took 2 s on two quiet cores; a machine that has just started takes several times as long.
_READY_SECONDS = 60
# The first run of a shard has its definitions built, some seconds on a busy machine.
_ANSWER_SECONDS = 60
_STOP_SECONDS = 20
_CHUNK = 65_536


def fingerprint(settings: Settings) -> Fingerprint:
    """Describe all that definitions are made from: this package's source, the connection files, and calendars' years.

    Which connections share a code location is a file too.

    Args:
        settings: Says where the connection files are.
    """
    source = Path(st_deltek_pipeline.__path__[0]).rglob("*.py")
    connections = (path for paths in connection_files(settings).values() for path in paths)
    found: set[tuple[str, int, int]] = set()
    for path in (*source, *connections, shard_file(settings)):
        with contextlib.suppress(FileNotFoundError):
            facts = path.stat()
            found.add((str(path), facts.st_mtime_ns, facts.st_size))
    return datetime.now(UTC).year, frozenset(found)


class WarmProcess:
    """One warm process and the runs it has forked.

    Args:
        module: A module of this package with definitions, which are built once for all runs; ``""`` for none.
        settings: The installation.
        on_end: Called with a run's id and the status of ``os.waitpid`` when its process has ended, in a thread of this
            object.
        on_pause: Called in the same thread every ``pause_seconds`` while a run is going on.
        pause_seconds: See there.

    Raises:
        BrokenError: It did not start.
    """

    def __init__(
        self,
        module: str,
        settings: Settings,
        *,
        on_end: Callable[[str, int], None],
        on_pause: Callable[[], None],
        pause_seconds: float,
    ) -> None:
        self._settings = settings
        self._on_end = on_end
        self._on_pause = on_pause
        self._pause_seconds = pause_seconds
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._running: set[str] = set()
        self._gone = threading.Event()
        self._fingerprint = fingerprint(settings)
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
                [sys.executable, "-m", _MODULE, str(theirs.fileno()), module],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._thread = threading.Thread(target=self._listen, name="st-deltek-warm-process", daemon=True)
        self._thread.start()
        if self._answer(_READY_SECONDS) is None:
            self._process.kill()
            message = "The warm process for runs did not start."
            raise BrokenError(message, advice="Its messages are above.")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_usable(self) -> bool:
        """Whether it lives, and what it has built is what would be built now."""
        return not self._gone.is_set() and self._fingerprint == fingerprint(self._settings)

    def start(self, run_id: str, attribute: str, arguments: str, record: Callable[[RunWorker], None]) -> None:
        """Fork for a run.

        Args:
            run_id: The run.
            attribute: What the run's definitions are called in the module; built at the first run that asks for it.
            arguments: What follows ``dagster api execute_run``.
            record: Writes down which process works on the run; only then the run begins.

        Raises:
            BrokenError: The warm process has died. The run has not begun.
        """
        # Known before it can end.
        self._running.add(run_id)
        try:
            self._tell(do="start", run=run_id, attribute=attribute, arguments=arguments)
            record(RunWorker.here(run_id, self._forked(run_id)))
            self._tell(do="go", run=run_id)
        except (OSError, BrokenError) as error:
            self._running.discard(run_id)
            # A fork that waits ends with it; the others go on.
            self._process.kill()
            message = f"The warm process for runs has died: {error}"
            raise BrokenError(message) from error

    def release(self) -> None:
        """Have nothing more started: it ends with its last run, of which ``on_end`` is still told."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)

    def stop(self) -> None:
        """Interrupt its runs, give them some seconds to end, and release it."""
        with contextlib.suppress(OSError):
            self._tell(do="stop")
        self.release()
        self._thread.join(_STOP_SECONDS)

    def _tell(self, **message: Any) -> None:  # noqa: ANN401 - JSON
        self._channel.sendall(json.dumps(message).encode() + b"\n")

    def _forked(self, run_id: str) -> int:
        answer = self._answer(_ANSWER_SECONDS)
        if answer is None or answer["started"] != run_id:
            message = "The warm process for runs does not answer."
            raise BrokenError(message)
        return answer["pid"]

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            return None

    def _listen(self) -> None:
        received = b""
        while True:
            self._channel.settimeout(self._pause_seconds if self._running else None)
            try:
                data = self._channel.recv(_CHUNK)
            except TimeoutError:
                self._on_pause()
                continue
            except ConnectionResetError:
                break
            if not data:
                break
            *lines, received = (received + data).split(b"\n")
            for line in lines:
                self._hear(json.loads(line))
        self._gone.set()
        self._answers.put(None)
        self._channel.close()
        self._process.wait()

    def _hear(self, message: dict[str, Any]) -> None:
        if "ended" not in message:
            self._answers.put(message)
            return
        self._running.discard(message["ended"])
        self._on_end(message["ended"], message["status"])
