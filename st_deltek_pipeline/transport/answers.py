"""One answer of another system, and whether it can be read at all. What it means is the clients' business."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from st_deltek_pipeline.domain.errors import BrokenError, TransientError
from st_deltek_pipeline.transport.exact_json import NotJsonError, loads, strip_mark
from st_deltek_pipeline.transport.redaction import Redactor


class UnreadableAnswerError(TransientError):
    """A page, or half a body, where JSON should be: the sender was interrupted, and reading may be repeated."""


class BrokenAnswerError(BrokenError):
    """Whole, and still not what was promised: repeating would give the same."""


@dataclass(frozen=True)
class Answer:
    """A whole answer within bounds.

    Attributes:
        system: Who answered, for messages.
        what: What was asked for, for messages.
        status: HTTP status.
        headers: With lower-case names.
        body: Decompressed.
        retry_after: Seconds that its ``Retry-After`` asks us to wait, if it does.
        redactor: Makes excerpts fit to be shown.
    """

    system: str
    what: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    retry_after: int | None = field(repr=False)
    redactor: Redactor = field(repr=False, compare=False)

    @property
    def succeeded(self) -> bool:
        """True for a status from 200 to 299."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_page(self) -> bool:
        """True for HTML or XML, by its first character or its content type: a gateway speaking, not the API."""
        if strip_mark(self.body).lstrip()[:1] == b"<":
            return True
        content_type = self.headers.get("content-type", "").lower()
        return "html" in content_type and strip_mark(self.body).lstrip()[:1] not in (b"{", b"[", b'"')

    def excerpt(self, limit: int = 200) -> str:
        """Give the beginning of the body, redacted, on one line."""
        return self.redactor.excerpt(self.body, limit)

    def json(self) -> Any:  # noqa: ANN401 - any JSON value, to be validated by whoever asked for it
        """Read the body as JSON, exactly.

        Returns:
            The value; numbers with a fraction are Decimals.

        Raises:
            UnreadableAnswerError: An HTML page, nothing, or half a body.
            BrokenAnswerError: Whole, but not JSON we accept (NaN, a key twice).
        """
        if self.is_page:
            reason = "an HTML page instead of JSON"
            raise self.unreadable(reason, may_heal=True)
        try:
            return loads(self.body)
        except NotJsonError as error:
            reason, may_heal = error.reason, error.cut_off
        raise self.unreadable(f"a body that is {reason}" if may_heal else f"a body with {reason}", may_heal=may_heal)

    def unreadable(self, reason: str, *, may_heal: bool) -> UnreadableAnswerError | BrokenAnswerError:
        """Build the error for an answer that cannot be used.

        Args:
            reason: What it is instead, such as "an HTML page instead of JSON".
            may_heal: Whether reading again may help.

        Returns:
            An error that names the system, the status and the beginning of the body.
        """
        shown = self.excerpt()
        message = f"{self.system} answered {self.what} with status {self.status} and {reason}"
        message += f": {shown}" if shown else "."
        if may_heal:
            return UnreadableAnswerError(message, advice="If it stays so, check the URL in the connection.")
        return BrokenAnswerError(message)
