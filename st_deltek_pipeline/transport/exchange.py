"""One request and its answer, redacted, as it is handed to a request log. Writing logs is the caller's work."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ExchangeRecord:
    """One attempt of one request. It holds no header, no request body and no secret.

    Attributes:
        system: ``servicetitan`` or ``vantagepoint``.
        url: With its query; secrets in it are starred out.
        status: HTTP status; ``None`` when no answer came.
        milliseconds: From sending to the answer's last byte, without waiting for the rate limit.
        request_bytes: Size of the request's body.
        answer_bytes: Size of the answer's body, decompressed.
        excerpt: The beginning of the answer, or what went wrong instead of one.
        attempt: 1 for the first.
    """

    system: str
    method: str
    url: str
    status: int | None
    milliseconds: int
    request_bytes: int
    answer_bytes: int
    excerpt: str
    attempt: int


RequestLog = Callable[[ExchangeRecord], None]
