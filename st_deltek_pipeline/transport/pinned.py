"""Connections that are opened to an address which was judged, and to no other.

A name is looked up once, the addresses are judged, and the socket is opened to one of them: a second look-up in between
could give another address (DNS rebinding). Certificates are checked against the name, as always.
"""

import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from st_deltek_pipeline.transport.addresses import Address

Allows = Callable[[str, Address], bool]


class ForbiddenAddressError(HTTPError):
    """A name leads to an address that credentials are not sent to.

    Args:
        address: The address.
    """

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class PinningAdapter(HTTPAdapter):
    """An adapter of ``requests`` whose connections are judged when they are opened; those through a proxy are not.

    Args:
        allows: Says whether a connection for a host may be opened to an address.
        connections: Sockets kept open per host.
    """

    def __init__(self, allows: Allows, *, connections: int) -> None:
        self._allows = allows
        super().__init__(pool_connections=4, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - those of requests
        """Make the pools, with connections of ours."""
        super().init_poolmanager(*args, **options)
        allows = self._allows

        class Plain(_Pinned, HTTPConnection):
            allows_address = staticmethod(allows)

        class Encrypted(_Pinned, HTTPSConnection):
            allows_address = staticmethod(allows)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain  # pyright: ignore[reportAssignmentType] - urllib3 types its own ones too narrowly

        class EncryptedPool(HTTPSConnectionPool):
            ConnectionCls = Encrypted  # pyright: ignore[reportAssignmentType] - as above

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}


class _Pinned(HTTPConnection):
    allows_address: Allows

    def _new_conn(self) -> socket.socket:
        addresses = self._judged_addresses()
        *others, last = addresses
        for address in others:
            try:
                return self._connected(address)
            except (NewConnectionError, ConnectTimeoutError):
                continue
        return self._connected(last)

    def _judged_addresses(self) -> Sequence[str]:
        host = self.host.lower()
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(host, self, error) from error  # pyright: ignore[reportArgumentType]
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        for address in addresses:
            # One that is not allowed among others that are is an attack too: nobody knows which one is used next time.
            if not self.allows_address(host, ip_address(address.partition("%")[0])):
                raise ForbiddenAddressError(address)
        return addresses

    def _connected(self, address: str) -> socket.socket:
        name = self._dns_host
        self._dns_host = address
        try:
            return super()._new_conn()
        finally:
            # What TLS and the Host header are about.
            self._dns_host = name
