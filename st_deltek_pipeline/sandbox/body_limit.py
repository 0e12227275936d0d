"""The largest request that a twin reads; what it does with a smaller one is its own business.

The figure is the default of the web servers that both systems are thought to run on (assumed).
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 30_000_000
_TOO_LARGE = 413


class BodyLimit:
    """Answers 413 to a request with a larger body, announced or not, before the app sees any of it.

    Args:
        app: What answers the others.
        largest: In bytes.
    """

    def __init__(self, app: ASGIApp, largest: int = LARGEST_BODY) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        messages = await self._read(receive)
        if messages is None:
            await send({"type": "http.response.start", "status": _TOO_LARGE, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, replay, send)

    async def _read(self, receive: Receive) -> list[Message] | None:
        """Take in the whole request; a larger one is read to its end too, so that its sender hears the answer."""
        messages: list[Message] = []
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
            if size <= self._largest:
                messages.append(message)
        return messages if size <= self._largest else None
