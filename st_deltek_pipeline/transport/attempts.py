"""What becomes of one attempt to send a request. What follows from it is decided in ``session``."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto


class Fault(Enum):
    """Why there is no answer."""

    NOT_SENT = auto()
    LOST = auto()
    TOO_LARGE = auto()
    UNTRUSTED = auto()
    FORBIDDEN = auto()
    UNSENDABLE = auto()


@dataclass(frozen=True)
class Failure:
    """No answer.

    Attributes:
        reason: For messages; it holds no URL and nothing else of the request.
    """

    fault: Fault
    reason: str


@dataclass(frozen=True)
class Received:
    """An answer, whole.

    Attributes:
        headers: By their names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
