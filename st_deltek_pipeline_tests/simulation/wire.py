"""Requests of our clients, answered by the twins in the same thread: no sockets, no event loop.

Faults that need no wire are the sandbox's own (``sandbox.faults``). What only the wire can do is here: a request that is
given up and arrives later. Every request is a moment at which our process may die.
"""

import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from starlette.types import ASGIApp, Message

from st_deltek_pipeline.sandbox.faults import ConnectionDroppedError
from st_deltek_pipeline_tests.simulation.clock import VirtualClock

# What a real call takes there and back.
_SECONDS_A_CALL = 0.02
_GIVEN_UP_AFTER = 110.0


@dataclass(frozen=True)
class Reply:
    """What an app answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def call_app(app: ASGIApp, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Ask an ASGI app that waits for nothing but its request.

    Raises:
        ConnectionDroppedError: A fault breaks the connection.
    """
    parts = urlsplit(url)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": parts.scheme,
        "path": requests.utils.unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode("latin-1"),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "server": (parts.hostname, parts.port),
        "client": ("127.0.0.1", 1),
    }
    arriving: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        return arriving.pop() if arriving else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    _run(app(scope, receive, send))
    start, *rest = sent
    content = b"".join(message.get("body", b"") for message in rest)
    return Reply(
        start["status"], {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}, content
    )


def _run(coroutine: Any) -> None:
    """Run a coroutine that never really waits; ``asyncio.sleep(0)`` gives way to nobody."""
    steps: Generator[Any] = coroutine
    try:
        while steps.send(None) is None:
            pass
    except StopIteration:
        return
    message = "a twin waits for an event loop, which a simulation does not have"
    raise RuntimeError(message)


@dataclass
class Late:
    """A rule that keeps a request on its way: our side gives up, and the request arrives afterwards.

    Attributes:
        seconds: How long after it was given up.
    """

    method: str
    path: str
    seconds: float

    def concerns(self, method: str, url: str) -> bool:
        """Say whether a request is the one."""
        return method == self.method and re.search(self.path, url) is not None


@dataclass
class Network:
    """Joins addresses with apps; the clock moves with each request.

    Attributes:
        apps: By ``host:port``.
        before, after: Called around each request with what it is; either may end our process.
        late: Rules, each used once.
        under_way: Requests that arrive later: when, and how.
    """

    clock: VirtualClock
    apps: dict[str, ASGIApp] = field(default_factory=dict)
    before: Callable[[str], None] = lambda _what: None
    after: Callable[[str], None] = lambda _what: None
    late: list[Late] = field(default_factory=list)
    under_way: list[tuple[int, Callable[[], object]]] = field(default_factory=list)
    calls: int = 0

    def arrive(self) -> None:
        """Let those late requests arrive whose time has come."""
        due = [each for each in self.under_way if each[0] <= self.clock.microseconds]
        self.under_way = [each for each in self.under_way if each[0] > self.clock.microseconds]
        for _, deliver in sorted(due, key=lambda each: each[0]):
            try:
                deliver()
            except ConnectionDroppedError:
                # Nobody waits for its answer.
                continue

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send a request.

        Raises:
            requests.RequestException: No answer.
        """
        self.calls += 1
        self.arrive()
        parts = urlsplit(url)
        what = f"{method} {parts.path}"
        self.before(what)
        self.clock.sleep(_SECONDS_A_CALL)
        app = self.apps[f"{parts.hostname}:{parts.port}"]
        for rule in self.late:
            if rule.concerns(method, parts.path):
                self.late.remove(rule)
                self.clock.sleep(_GIVEN_UP_AFTER)
                arrives = self.clock.microseconds + round(rule.seconds * 1_000_000)
                self.under_way.append((arrives, lambda: call_app(app, method, url, headers, body)))
                message = "given up"
                raise requests.ReadTimeout(message)
        try:
            reply = call_app(app, method, url, headers, body)
        except ConnectionDroppedError:
            message = "dropped"
            raise requests.ConnectionError(message) from None
        if method != "GET":
            self.after(what)
        return reply


class TwinAdapter(BaseAdapter):
    """What ``requests`` sends through instead of sockets."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._network = network

    def send(self, request: requests.PreparedRequest, *_args: Any, **_options: Any) -> requests.Response:
        """Answer a prepared request."""
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else bytes(body)
        reply = self._network.send(str(request.method), str(request.url), request.headers, content)
        response = requests.Response()
        response.status_code = reply.status
        response.headers = CaseInsensitiveDict(reply.headers)
        response.request = request
        response.url = str(request.url)
        response._content = reply.body
        response._content_consumed = True
        return response

    def close(self) -> None:
        """Close nothing."""
