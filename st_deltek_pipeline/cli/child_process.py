"""Runs a serving command of ours as a child process, from its line of JSON when it is ready until it is stopped."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from st_deltek_pipeline.domain.errors import BrokenError

_START_SECONDS = 90
_STOP_SECONDS = 20
_POLL_SECONDS = 0.1


class ChildProcess:
    """A running ``st-deltek ... --json`` that prints one line of JSON when it is ready; a context manager that stops it.

    Args:
        name: What it is called in messages, for example ``The sandbox``.
        arguments: Words after ``st-deltek``.
        log: Where its messages go.
        environment: Variables for it beside those of this process, and instead of them.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._name = name
        self._arguments = arguments
        self._log = log
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}

    @property
    def log(self) -> Path:
        """Where its messages are."""
        return self._log

    def begin(self) -> None:
        """Start it without waiting until it is ready."""
        command = [sys.executable, "-m", "st_deltek_pipeline.cli.child", str(os.getpid())]
        with self._log.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [*command, *self._arguments],
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C is for us; we stop the child when we are done with it.
                start_new_session=True,
            )
        self._process = process

    def __enter__(self) -> Self:
        """Start it, if that was not done yet, and wait until it is ready.

        Raises:
            BrokenError: It ended, or was not ready in 90 seconds; the message has its own words.
        """
        if self._process is None:
            self.begin()
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            if self._process is None or self._process.stdout is None:
                raise self._failed("its output cannot be read")  # noqa: EM101, TRY003 - a part of the message
            self.ready = json.loads(self._first_line(self._process.stdout))
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def insist_running(self) -> None:
        """Do nothing while it runs.

        Raises:
            BrokenError: It ended by itself.
        """
        if self._process is not None and self._process.poll() is not None:
            message = (
                f"{self._name} ended by itself with code {self._process.returncode}.\n{self._last_words()}".strip()
            )
            raise BrokenError(message, advice=f"Its log is {self._log}.")

    def stop(self) -> None:
        """Stop it and wait until it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _first_line(self, output: IO[bytes]) -> bytes:
        problem = ""
        deadline = time.monotonic() + _START_SECONDS
        line = b""
        while not problem and not line.endswith(b"\n"):
            readable, _, _ = select.select([output], [], [], _POLL_SECONDS)
            if readable:
                piece = os.read(output.fileno(), 1 << 16)
                line += piece
                problem = "" if piece else "it ended"
            elif time.monotonic() > deadline:
                problem = f"it was not ready in {_START_SECONDS} s"
        if problem:
            raise self._failed(problem)
        return line

    def _failed(self, what: str) -> BrokenError:
        message = f"{self._name} did not start: {what}.\n{self._last_words()}".strip()
        return BrokenError(message, advice=f"Its log is {self._log}.")

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
        return ""
