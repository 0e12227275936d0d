"""Hold of the open TCP connections of the sandbox's servers, so that a fault can really break one.

Which connection is broken, and when, is decided in ``faults``.
"""

import asyncio
from typing import cast

from starlette.types import Scope
from uvicorn.protocols.http.auto import AutoHTTPProtocol

# Client host and port, server port: one client socket may talk to both servers.
_Address = tuple[str, int, int]


class OpenConnections:
    """The transports of all open client connections, by their addresses."""

    def __init__(self) -> None:
        self._transports: dict[_Address, asyncio.Transport] = {}

    def opened(self, transport: asyncio.Transport) -> _Address:
        """Remember a new connection, and return what to give to ``closed``."""
        peer: tuple[str, int] = transport.get_extra_info("peername")
        own: tuple[str, int] = transport.get_extra_info("sockname")
        address = (peer[0], peer[1], own[1])
        self._transports[address] = transport
        return address

    def closed(self, address: _Address) -> None:
        """Forget a connection that is gone."""
        self._transports.pop(address, None)

    def abort(self, scope: Scope) -> bool:
        """Break the connection of a request at once; what was not yet sent is lost.

        Returns:
            False when the connection is not one of ours (an app that is called without a socket).
        """
        transport = self._find(scope)
        if transport is not None:
            transport.abort()
        return transport is not None

    def close(self, scope: Scope) -> bool:
        """Close the connection of a request after what was written so far has been sent.

        Returns:
            False when the connection is not one of ours.
        """
        transport = self._find(scope)
        if transport is not None:
            transport.close()
        return transport is not None

    def _find(self, scope: Scope) -> asyncio.Transport | None:
        client, server = scope.get("client"), scope.get("server")
        return self._transports.get((client[0], client[1], server[1])) if client and server else None


def tracked_protocol(connections: OpenConnections) -> type[asyncio.Protocol]:
    """Return uvicorn's HTTP protocol class, made to report every connection to ``connections``."""

    class TrackedProtocol(AutoHTTPProtocol):
        """uvicorn's own protocol with a note of who is connected."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            """Note the new connection."""
            self._address = connections.opened(cast("asyncio.Transport", transport))
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            """Drop the note."""
            connections.closed(self._address)
            super().connection_lost(exc)

    return TrackedProtocol
