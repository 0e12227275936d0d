"""The warm process: everything is imported and the definitions are built once, and every run is a fork of it.

It is started by ``warm_process`` as ``python -m st_deltek_pipeline.orchestration.warm_worker DESCRIPTOR [MODULE]`` and
ends when its socket is closed. It opens no database or connection and starts no threads: a fork takes over none of that
in a usable state. Building definitions reads connection files and nothing else; ``warm_process`` replaces this process
when one of them has changed. The fork runs Dagster's own command for one run, ``dagster api execute_run``, and is an
ordinary run worker from there on.

Messages are lines of JSON. To the warm process: ``start`` (build what the run's definitions are named by, where that was not
done yet; fork, and let the fork wait), ``go`` (the
run's worker is recorded, begin), ``stop`` (interrupt the runs). From it: ``ready``, ``started`` with the process id,
``ended`` with the status of ``os.waitpid``.
"""

import contextlib
import gc
import importlib
import json
import logging
import os
import selectors
import signal
import socket
import sys
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from types import FrameType
from typing import Any

import dagster as dg

from st_deltek_pipeline.orchestration.instance_storage import keep_connections
from st_deltek_pipeline.private_memory import keep_memory_private

# What a run imports late, whatever its code location is.
_IMPORTED = (
    "psycopg2.extras",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "st_deltek_pipeline.orchestration.build",
    "st_deltek_pipeline.transport.wire",
    "upath.implementations.local",
)
_CHUNK = 65_536
_ENDED_WITH_ERROR = 1

_logger = logging.getLogger("dagster.st_deltek_pipeline")


@dataclass(frozen=True)
class _Run:
    """What a fork has to do: the arguments of ``dagster api execute_run``, once ``go`` can be read."""

    arguments: str
    go: int


@dataclass
class _Forks:
    """The forks that have not ended: their runs, and where those that wait are told to begin."""

    runs: dict[int, str] = field(default_factory=dict[int, str])
    waiting: dict[str, int] = field(default_factory=dict[str, int])


class _WarmProcess:
    """The loop of the warm process; ``serve`` returns in every fork as well.

    Args:
        channel: The socket to the launcher.
        module: The module with the runs' definitions; ``""`` for none.
    """

    def __init__(self, channel: socket.socket, module: str) -> None:
        self._channel = channel
        self._module = module
        self._built: set[str] = set()
        self._forks = _Forks()
        self._was_interrupted = False
        self._received = b""
        self._woken, self._waking = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waking, False)

    def serve(self) -> _Run | None:
        """Fork for runs until the launcher is gone and the last fork has ended.

        Returns:
            In a fork, its run; in the warm process, ``None`` at its end.
        """
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGINT, self._note_interrupt)
        signal.signal(signal.SIGTERM, self._note_interrupt)
        signal.set_wakeup_fd(self._waking, warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            selector.register(self._channel, selectors.EVENT_READ)
            self._tell(ready=os.getpid())
            connected = True
            while connected or self._forks.runs:
                ready = {key.fd for key, _ in selector.select()}
                if self._woken in ready:
                    os.read(self._woken, _CHUNK)
                    self._reap()
                if self._channel.fileno() in ready:
                    data = self._channel.recv(_CHUNK)
                    if not data:
                        connected = False
                        selector.unregister(self._channel)
                        self._forget_waiting()
                    run = self._obey(data)
                    if run is not None:
                        return run
        return None

    def _obey(self, data: bytes) -> _Run | None:
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            match message["do"]:
                case "start":
                    self._build(message["attribute"])
                    run = self._fork(message["run"], message["arguments"])
                    if run is not None:
                        return run
                case "go":
                    self._begin(message["run"])
                case _:
                    self._interrupt_all()
        return None

    def _build(self, attribute: str) -> None:
        """Build an attribute that the module makes when it is asked for, as ``shards`` does; once for all of its runs."""
        if not self._module or attribute in self._built:
            return
        self._built.add(attribute)
        _build_definitions(self._module, attribute)
        _freeze()

    def _fork(self, run_id: str, arguments: str) -> _Run | None:
        go, told = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os.close(told)
            self._leave()
            return _Run(arguments, go)
        os.close(go)
        self._forks.runs[pid] = run_id
        self._forks.waiting[run_id] = told
        self._tell(started=run_id, pid=pid)
        return None

    def _begin(self, run_id: str) -> None:
        told = self._forks.waiting.pop(run_id, None)
        if told is None:
            return
        # It may have been killed while it waited.
        with contextlib.suppress(BrokenPipeError):
            os.write(told, b"\n")
        os.close(told)

    def _leave(self) -> None:
        """Undo, in a fork, what makes it the warm process."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._channel.close()
        os.close(self._woken)
        os.close(self._waking)
        # Else a fork that waits would not notice that the warm process is gone.
        self._forget_waiting()

    def _forget_waiting(self) -> None:
        for told in self._forks.waiting.values():
            os.close(told)
        self._forks.waiting.clear()

    def _reap(self) -> None:
        while self._forks.runs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            run_id = self._forks.runs.pop(pid)
            if run_id in self._forks.waiting:
                os.close(self._forks.waiting.pop(run_id))
            self._tell(ended=run_id, status=status)

    def _interrupt_all(self) -> None:
        # The Ctrl-C of a terminal has reached the forks already; a second one would disturb how a run is ended.
        if not self._was_interrupted:
            for pid in self._forks.runs:
                os.kill(pid, signal.SIGINT)

    def _note_interrupt(self, _number: int, _frame: FrameType | None) -> None:
        # What ends this process is that its launcher goes.
        self._was_interrupted = True

    def _tell(self, **message: Any) -> None:  # noqa: ANN401 - JSON
        try:
            self._channel.sendall(json.dumps(message).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            # The launcher was killed. Its runs go on; the next one finds them by their tags.
            return


def main() -> None:
    """Become the warm process, and in each of its forks a run worker."""
    keep_memory_private()
    descriptor, module = sys.argv[1:]
    channel = socket.socket(fileno=int(descriptor))
    channel.set_inheritable(False)
    for name in _IMPORTED:
        importlib.import_module(name)
    if module:
        _build_definitions(module)
    (dagster,) = entry_points(group="console_scripts", name="dagster")
    command = dagster.load()
    _freeze()
    run = _WarmProcess(channel, module).serve()
    if run is None:
        return
    begun = os.read(run.go, 1)
    os.close(run.go)
    if not begun:
        # Nobody has recorded who works on this run, and nobody will.
        sys.exit(_ENDED_WITH_ERROR)
    keep_connections()
    sys.argv = ["dagster", "api", "execute_run", run.arguments]
    command()


def _build_definitions(module: str, attribute: str = "") -> None:
    try:
        imported = importlib.import_module(module)
        for value in [getattr(imported, attribute)] if attribute else list(vars(imported).values()):
            if isinstance(value, dg.Definitions):
                value.get_repository_def()
    except Exception:
        # Half-changed source, most likely. The run tries again and reports what is wrong where people look for it.
        _logger.exception("The definitions could not be built ahead of runs")


def _freeze() -> None:
    # Collections in a fork neither look at nor copy what was there before it.
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    main()
