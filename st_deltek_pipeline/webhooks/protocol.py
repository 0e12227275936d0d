"""uvicorn's HTTP protocol with a deadline for every request and a bound on open connections.

uvicorn itself waits for a request's head and body for ever, so a few slow senders could take every place.
"""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from st_deltek_pipeline.webhooks.limits import Limits

_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedProtocol(H11Protocol):
    """One connection. Use a class of ``bounded_protocol``, whose connections share their limits.

    Attributes:
        limits: ``request_seconds`` and ``connections`` are kept here.
        arriving: Connections whose request has not wholly arrived, the slowest first.
    """

    limits: ClassVar[Limits]
    arriving: ClassVar[dict["BoundedProtocol", None]]

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 (uvicorn's own, passed through)
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] (as uvicorn's)
        """Give the new connection a deadline for its first request, and make room for it."""
        super().connection_made(transport)
        self._begin()
        if len(self.connections) > self.limits.connections:
            next(iter(self.arriving)).give_up()

    def data_received(self, data: bytes) -> None:
        """Read on, and see whether the request has arrived."""
        super().data_received(data)
        request = self._request()
        arrived = request is not None and not request.more_body and not request.response_complete
        if arrived or self.transport.is_closing():
            self._end()
        elif self._deadline is None:
            self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._end()
        super().connection_lost(exc)

    def give_up(self) -> None:
        """Close the connection without waiting for anything more."""
        self._end()
        if self.transport.is_closing():
            return
        request = self._request()
        if request is None or request.response_complete or not request.response_started:
            self.transport.write(_TOO_SLOW)
        self.transport.close()

    def _request(self) -> RequestResponseCycle | None:
        return self.cycle

    def _begin(self) -> None:
        self.arriving[self] = None
        self._deadline = self.loop.call_later(self.limits.request_seconds, self.give_up)

    def _end(self) -> None:
        self.arriving.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def bounded_protocol(limits: Limits) -> type[asyncio.Protocol]:
    """Return a protocol class whose connections share the limits.

    Args:
        limits: Of one receiver.
    """
    return type("ReceiverProtocol", (BoundedProtocol,), {"limits": limits, "arriving": {}})
