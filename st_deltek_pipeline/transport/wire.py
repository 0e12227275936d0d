"""Sends one request once, with ``requests``: pooled connections, time-outs, no redirects, bounded answers.

No proxy is used because the environment names one (``HTTPS_PROXY``): only the one in ``ST_DELTEK_PROXY``, which then decides
about addresses in our place.

``session`` imports this when something is going to be sent, and decides what may be sent where, and how often.
"""

import os
import ssl
from collections.abc import Iterator, Mapping

import requests
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError

from st_deltek_pipeline.settings import PROXY_VARIABLE, secret_value
from st_deltek_pipeline.transport.attempts import Failure, Fault, Received
from st_deltek_pipeline.transport.hosts import HostPolicy
from st_deltek_pipeline.transport.options import TransportOptions
from st_deltek_pipeline.transport.pinned import ForbiddenAddressError, PinningAdapter

_CHUNK = 64 * 1024


class Wire:
    """Pooled connections; shared by threads.

    Args:
        options: Time-outs, sizes, clocks.
        hosts: Judges the addresses that names lead to.

    Raises:
        ConfigurationError: See ``settings.secret_value``.
    """

    def __init__(self, options: TransportOptions, hosts: HostPolicy) -> None:
        self._options = options
        proxy = secret_value(PROXY_VARIABLE, os.environ)
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._session = requests.Session()
        # The environment may name a .netrc whose password would replace our own Authorization header.
        self._session.trust_env = False
        self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        adapter = options.adapter or PinningAdapter(hosts.allows, connections=options.connections)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, use_proxies: bool
    ) -> Received | Failure:
        """Send a request once.

        Args:
            method: HTTP's.
            url: Absolute and percent-encoded, with its query.
            headers: All of them.
            body: What to send, if anything.
            use_proxies: Go through the proxy, where there is one.
        """
        deadline = self._options.timing.monotonic() + self._options.answer_seconds
        try:
            prepared = self._session.prepare_request(requests.Request(method, url, headers=headers, data=body))
            response = self._session.send(
                prepared,
                stream=True,
                allow_redirects=False,
                timeout=(self._options.connect_seconds, self._options.read_seconds),
                proxies=self._proxies if use_proxies else {},
            )
            with response:
                content = self._bounded(response.iter_content(_CHUNK), deadline)
        except (requests.RequestException, HTTPError) as error:
            return _classified(error)
        if isinstance(content, Failure):
            return content
        return Received(
            response.status_code, {name.lower(): value for name, value in response.headers.items()}, content
        )

    def _bounded(self, chunks: Iterator[bytes], deadline: float) -> bytes | Failure:
        pieces: list[bytes] = []
        size = 0
        for chunk in chunks:
            pieces.append(chunk)
            size += len(chunk)
            if size > self._options.largest_answer:
                return Failure(Fault.TOO_LARGE, f"more than {self._options.largest_answer} bytes")
            if self._options.timing.monotonic() > deadline:
                return Failure(Fault.LOST, f"not finished after {self._options.answer_seconds:g} s")
        return b"".join(pieces)


def _classified(error: requests.RequestException | HTTPError) -> Failure:
    """Say what kind of failure it is, by type only: texts of these errors may hold URLs."""
    cause = _root(error)
    reason = type(cause).__name__
    if isinstance(cause, ForbiddenAddressError):
        return Failure(Fault.FORBIDDEN, f"the address {cause.address}, which is not one of the internet")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Failure(Fault.UNTRUSTED, reason)
    if isinstance(error, (requests.ConnectTimeout, requests.exceptions.ProxyError)) or isinstance(
        cause, NewConnectionError
    ):
        return Failure(Fault.NOT_SENT, reason)
    if isinstance(error, ValueError):
        return Failure(Fault.UNSENDABLE, reason)
    return Failure(Fault.LOST, reason)


def _root(error: BaseException) -> BaseException:
    """Follow an error to what caused it, through the wrappings of requests and urllib3."""
    if isinstance(error, (NewConnectionError, ssl.SSLError)):
        return error
    inner: object = error.reason if isinstance(error, MaxRetryError) else None
    for argument in (inner, *error.args):
        if isinstance(argument, BaseException):
            return _root(argument)
    return error
