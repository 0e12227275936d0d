"""Runs the sandbox as a child process, for commands that need one while they last."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import requests

from st_deltek_pipeline.domain.errors import BrokenError

_START_SECONDS = 90
_STOP_SECONDS = 20
_READ_SECONDS = 30
_POLL_SECONDS = 0.1


class SandboxProcess:
    """A running ``st-deltek sandbox serve``; a context manager that stops it.

    Args:
        arguments: Options of ``st-deltek sandbox serve``.
        log: Where its messages go.
    """

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self._arguments = arguments
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}

    def begin(self) -> None:
        """Start it without waiting; it makes its contractor while the caller does something else."""
        command = [sys.executable, "-m", "st_deltek_pipeline.cli.child", str(os.getpid())]
        with self._log.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [*command, "sandbox", "serve", "--json", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C is for us; we stop the child when we are done with it.
                start_new_session=True,
            )
        self._process = process

    def __enter__(self) -> Self:
        """Start it, if that was not done yet, and wait until both systems answer.

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

    @property
    def admin_url(self) -> str:
        """Base of the endpoints that look into both systems."""
        return str(self.ready["admin_url"])

    def look(self, what: str) -> Any:  # noqa: ANN401 - JSON
        """Read one of the sandbox's own endpoints, which know nothing of our journal.

        Args:
            what: For example ``totals``.
        """
        return self.act("GET", what)

    def act(self, method: str, what: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Call one of the sandbox's own endpoints, such as those that do what its users would.

        Args:
            method: Of the call.
            what: For example ``servicetitan/payments/7/void``.
            body: JSON, where the call has any.

        Raises:
            BrokenError: The sandbox does not do that; the message has its own words.
        """
        answer = requests.request(method, f"{self.admin_url}/{what}", json=body, timeout=_READ_SECONDS)
        if not answer.ok:
            message = f"The sandbox answered {method} {what} with status {answer.status_code}: {answer.text[:500]}"
            raise BrokenError(message, advice=f"Its log is {self._log}.")
        return json.loads(answer.text, parse_float=Decimal)

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
        words = ""
        with contextlib.suppress(OSError):
            words = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
        message = f"The sandbox did not start: {what}.\n{words}".strip()
        return BrokenError(message, advice=f"Its log is {self._log}.")
