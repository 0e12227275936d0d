"""A loopback HTTP server that answers what a test tells it to, over real sockets."""

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from st_deltek_pipeline.transport.options import Timing, TransportOptions


@dataclass(frozen=True)
class Call:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What to answer, and how to go wrong while doing it.

    Attributes:
        promise: Bytes promised in Content-Length beyond those sent.
        drop: Close without a word.
        chunks: Sent one after the other instead of the body, without Content-Length.
        length: Whether to send Content-Length.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    promise: int = 0
    drop: bool = False
    chunks: Iterable[bytes] = ()
    length: bool = True


def json_reply(value: object, status: int = 200, **headers: str) -> Reply:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, body, {"Content-Type": "application/json", **named})


def gzip_reply(body: bytes) -> Reply:
    return Reply(200, gzip.compress(body), {"Content-Type": "application/json", "Content-Encoding": "gzip"})


HTML = Reply(503, b"<html><body>Service unavailable</body></html>", {"Content-Type": "text/html"})

Script = Callable[[Call], Reply]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, owner: "ScriptedServer") -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: two would wait 40 ms for each other.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 30
    server: _Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.owner.answer(Call(self.command, parts.path, parts.query, headers, body)))

    def _send(self, reply: Reply) -> None:
        if reply.drop:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunks or not reply.length:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(reply.body) + reply.promise))
        if reply.promise:
            self.close_connection = True
        self.end_headers()
        for chunk in reply.chunks or (reply.body,):
            self.wfile.write(chunk)

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class ScriptedServer:
    """Listens on loopback; `script` answers, `calls` remembers."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.script: Script = lambda _: Reply()
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def answer(self, call: Call) -> Reply:
        with self._lock:
            self.calls.append(call)
        return self.script(call)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def replies(self, *replies: Reply) -> None:
        """Answer with these one after the other, and with the last one for ever."""
        waiting = list(replies)

        def script(_: Call) -> Reply:
            with self._lock:
                return waiting.pop(0) if len(waiting) > 1 else waiting[0]

        self.script = script

    def paths(self) -> list[str]:
        return [call.path for call in self.calls]


class FakeTime:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.start = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)
        self.sleeps: list[float] = []
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.sleeps.append(seconds)
            self.seconds += seconds

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds - 1000.0)

    def timing(self, jitter: float = 0.0) -> Timing:
        return Timing(sleep=self.sleep, monotonic=self.monotonic, now=self.now, jitter=lambda: jitter)

    def options(self, **changes: Any) -> TransportOptions:
        return TransportOptions(timing=self.timing(), **changes)


class NoLimit:
    """A rate limiter that never makes anybody wait."""

    def acquire(self, calls: int = 1) -> None:
        """Go ahead."""


def unused_port() -> int:
    """Give a loopback port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
