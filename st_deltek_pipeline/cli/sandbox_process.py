"""Runs the sandbox as a child process, for commands that need one while they last."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from st_deltek_pipeline.cli.child_process import ChildProcess
from st_deltek_pipeline.domain.errors import BrokenError

_READ_SECONDS = 30


class SandboxProcess(ChildProcess):
    """A running ``st-deltek sandbox serve``; a context manager that stops it.

    It makes its contractor between ``begin`` and ``with``, while the caller does something else.

    Args:
        arguments: Options of ``st-deltek sandbox serve``.
        log: Where its messages go.
    """

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        super().__init__("The sandbox", ["sandbox", "serve", "--json", *arguments], log)

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
            raise BrokenError(message, advice=f"Its log is {self.log}.")
        return json.loads(answer.text, parse_float=Decimal)
