"""Progress of long commands: a spinner for people at a terminal, plain lines for logs, nothing for machines."""

import os
import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from st_deltek_pipeline.domain.shown_text import in_lines


class LineProgress:
    """Writes a line for each finished step to standard error, and shows the current one where there is a terminal."""

    def __init__(self) -> None:
        # A descriptor of our own: a Dagster run may redirect the process's standard error while it lasts.
        self._stream = os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1)
        self._console = Console(file=self._stream)
        self._status: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._stream.close()

    def doing(self, what: str) -> None:
        """Show what has begun."""
        if not self._console.is_terminal:
            return
        if self._status is None:
            self._status = self._console.status(what)
            self._status.start()
        else:
            self._status.update(what)

    def done(self, what: str) -> None:
        """Write what has ended."""
        self._console.print(in_lines(what), highlight=False, markup=False, soft_wrap=True)

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


class SilentProgress:
    """Says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was opened."""

    def doing(self, what: str) -> None:
        """Ignore it."""

    def done(self, what: str) -> None:
        """Ignore it."""
