"""Faults on purpose: the rules in force, and the one middleware that both twins stand behind.

The middleware also writes the request log. What a request normally does is the twins' business. The admin
endpoints under ``/_sandbox`` are neither logged nor disturbed. What a rule can say is in ``fault_rules``.
"""

import asyncio
import random
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from st_deltek_pipeline.sandbox.altered_bodies import changed_answer, half_of_file
from st_deltek_pipeline.sandbox.body_limit import BodyLimit
from st_deltek_pipeline.sandbox.fault_rules import Arrival, FaultRule, Happening, System
from st_deltek_pipeline.sandbox.request_log import LoggedRequest, RequestLog
from st_deltek_pipeline.sandbox.wire import OpenConnections

ADMIN_PREFIX = "/_sandbox"

# ServiceTitan counts calls against its APIs only; the token endpoint is throttled apart (servicetitan.md section 1).
_UNCOUNTED_PATHS = ("/connect/token",)

_HTML_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>{status}</title></head>"
    "<body><h1>{status}</h1><p>The service is unavailable.</p></body></html>\n"
)


@dataclass
class _Counted:
    rule: FaultRule
    pattern: re.Pattern[str]
    dice: random.Random
    matches: int = 0
    hits: int = 0

    def concerns(self, system: str, method: str, target: str) -> bool:
        return _concerns(self.rule, self.pattern, system, method, target)

    def strikes(self) -> bool:
        rule = self.rule
        self.matches += 1
        struck = True
        if rule.nth is not None:
            struck = self.matches in ((rule.nth,) if isinstance(rule.nth, int) else rule.nth)
        elif rule.first is not None:
            struck = self.matches <= rule.first
        elif rule.every is not None:
            struck = self.matches % rule.every == 0
        elif rule.probability is not None:
            struck = self.dice.random() < rule.probability
        if rule.most is not None and self.hits >= rule.most:
            struck = False
        self.hits += struck
        return struck


def _concerns(rule: FaultRule, pattern: re.Pattern[str], system: str, method: str, target: str) -> bool:
    if rule.system not in {None, system} or (rule.method is not None and rule.method.upper() != method):
        return False
    return pattern.search(target) is not None


class FaultPlan:
    """The rules in force, with their counts; safe to change while the servers run.

    Every rule that concerns a request counts it; the first that strikes decides what happens.
    """

    def __init__(self, rules: Iterable[FaultRule] = ()) -> None:
        self._lock = threading.Lock()
        self._rules: list[_Counted] = []
        self.add(*rules)

    def add(self, *rules: FaultRule) -> None:
        """Put rules in force behind those that are there."""
        counted = [_Counted(rule, re.compile(rule.path), random.Random(rule.seed)) for rule in rules]  # noqa: S311 - a reproducible draw, not a secret
        with self._lock:
            self._rules.extend(counted)

    def clear(self) -> None:
        """Let everything work again."""
        with self._lock:
            self._rules.clear()

    def choose(self, system: str, method: str, target: str) -> FaultRule | None:
        """Count a request and say which fault strikes it.

        Args:
            system: ``servicetitan`` or ``vantagepoint``.
            method: HTTP method in capitals.
            target: ``/path?query``.

        Returns:
            The rule, or ``None`` when the request goes through.
        """
        if not self._rules:
            return None
        with self._lock:
            struck = [each.rule for each in self._rules if each.concerns(system, method, target) and each.strikes()]
        return struck[0] if struck else None

    def describe(self) -> list[dict[str, Any]]:
        """Return every rule with how often it matched and struck."""
        with self._lock:
            return [
                {"rule": each.rule.model_dump(exclude_defaults=True), "matches": each.matches, "hits": each.hits}
                for each in self._rules
            ]


@dataclass(frozen=True)
class _OnItsWay:
    rule: FaultRule
    pattern: re.Pattern[str]
    arrive: Callable[[], Awaitable[None]]


class LateRequests:
    """Requests whose clients have given up, and which have not arrived yet. For the event loop of the servers only."""

    def __init__(self) -> None:
        self._waiting: list[_OnItsWay] = []

    def send(self, rule: FaultRule, arrive: Callable[[], Awaitable[None]]) -> None:
        """Keep a request on its way.

        Args:
            rule: Says when it arrives.
            arrive: Lets it have its effect.
        """
        self._waiting.append(_OnItsWay(rule, re.compile(rule.path), arrive))

    def due(self, arrival: Arrival, system: str, method: str, target: str) -> list[Callable[[], Awaitable[None]]]:
        """Take those that arrive just before, or just after, a request, oldest first."""
        due = [
            each
            for each in self._waiting
            if each.rule.arrives == arrival and _concerns(each.rule, each.pattern, system, method, target)
        ]
        self._waiting = [each for each in self._waiting if each not in due]
        return [each.arrive for each in due]

    async def arrive(self) -> None:
        """Let all of them arrive now, oldest first."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            await each.arrive()


@dataclass
class RequestHooks:
    """What stands between the wire and a twin: faults, the request log and the open connections.

    Attributes:
        late: Requests that are still on their way.
        happenings: What lets something happen in a system.
    """

    faults: FaultPlan = field(default_factory=FaultPlan)
    log: RequestLog = field(default_factory=RequestLog)
    connections: OpenConnections = field(default_factory=OpenConnections)
    late: LateRequests = field(default_factory=LateRequests)
    happenings: dict[tuple[System, Happening], Callable[[], object]] = field(
        default_factory=dict[tuple[System, Happening], Callable[[], object]]
    )

    def wrap(self, app: ASGIApp, system: System) -> ASGIApp:
        """Return the app of a twin with faults, request log and the limit of a request's size in front of it."""
        return FaultMiddleware(BodyLimit(app), system=system, hooks=self)


class ConnectionDroppedError(Exception):
    """A connection should break, but the app is called without a socket (an in-process test client)."""


class FaultMiddleware:
    """Logs each request and lets the fault plan have its way with it."""

    def __init__(self, app: ASGIApp, *, system: System, hooks: RequestHooks) -> None:
        self._app = app
        self._system: System = system
        self._hooks = hooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI request."""
        path: str = scope.get("path", "")
        if scope["type"] != "http" or path.startswith(ADMIN_PREFIX):
            await self._app(scope, receive, send)
            return
        started, clock = time.time(), time.perf_counter()
        if path not in _UNCOUNTED_PATHS:
            self._hooks.log.arrived(self._system, time.monotonic())
        method: str = scope["method"]
        query: str = scope["query_string"].decode("latin-1")
        sent = _Sent(send)
        try:
            target = f"{path}?{query}" if query else path
            for arrive in self._hooks.late.due("before_next", self._system, method, target):
                await arrive()
            late = self._hooks.late.due("after_next", self._system, method, target)
            rule = self._hooks.faults.choose(self._system, method, target)
            if late and rule is None:
                # It is known to be answered only once what came behind it has had its effect as well.
                rule = FaultRule()
            if rule is None:
                await self._app(scope, receive, sent)
            else:
                await self._disturb(rule, scope, receive, sent, late)
        finally:
            milliseconds = round((time.perf_counter() - clock) * 1000, 3)
            entry = LoggedRequest(started, self._system, method, path, query, sent.status, milliseconds)
            self._hooks.log.answered(entry)

    async def _disturb(
        self,
        rule: FaultRule,
        scope: Scope,
        receive: Receive,
        send: "_Sent",
        late: Iterable[Callable[[], Awaitable[None]]],
    ) -> None:
        if rule.happens is not None:
            self._hooks.happenings[self._system, rule.happens]()
        await asyncio.sleep(rule.delay_ms / 1000)
        start: Message = {}
        answer = b""
        if rule.effect in {"drop_before_effect", "answer", "late"}:
            body = await _read_all(receive)
            if rule.effect == "late":
                self._hooks.late.send(rule, lambda: self._arrive(scope, body))
        else:
            start, answer = await self._effect(scope, await _half_of(receive) if rule.half else receive)
        for arrive in late:
            await arrive()
        await asyncio.sleep(rule.delay_after_ms / 1000)
        match rule.effect:
            case "drop_before_effect" | "drop_after_effect" | "late":
                await self._drop(scope, receive)
            case "answer" | "answer_after_effect":
                await _send_answer(send, rule)
            case "truncate":
                await self._truncate(scope, receive, send, start, answer[: rule.truncate_to])
            case "none":
                if rule.change is not None:
                    query = scope["query_string"].decode("latin-1")
                    answer = changed_answer(answer, rule.change, query=query, seed=rule.seed)
                    start = _with_length(start, len(answer))
                await send(start)
                await _drip(send, answer, rule.drip_ms / 1000)

    async def _arrive(self, scope: Scope, body: bytes) -> None:
        """Let a request have its effect that nobody waits for any more."""
        await self._effect(scope, _once(body))

    async def _truncate(self, scope: Scope, receive: Receive, send: "_Sent", start: Message, beginning: bytes) -> None:
        await send(start)
        await send({"type": "http.response.body", "body": beginning, "more_body": True})
        if not self._hooks.connections.close(scope):
            raise ConnectionDroppedError
        await _wait_until_gone(receive)

    async def _effect(self, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
        starts: list[Message] = []
        parts: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                starts.append(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self._app(scope, receive, keep)
        return starts[0], b"".join(parts)

    async def _drop(self, scope: Scope, receive: Receive) -> None:
        if not self._hooks.connections.abort(scope):
            raise ConnectionDroppedError
        await _wait_until_gone(receive)


class _Sent:
    """Passes messages on and remembers the status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


async def _read_all(receive: Receive) -> bytes:
    """Take in the whole request first, so that the client surely sees its request as sent."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _half_of(receive: Receive) -> Receive:
    return _once(half_of_file(await _read_all(receive)))


def _once(body: bytes) -> Receive:
    """Give a body that was read already to an app."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _with_length(start: Message, length: int) -> Message:
    others = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    return {**start, "headers": [*others, (b"content-length", str(length).encode())]}


async def _wait_until_gone(receive: Receive) -> None:
    """Return when the server knows the connection is gone: before, it would send a 500 of its own."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_answer(send: Send, rule: FaultRule) -> None:
    if rule.html:
        body, content_type = _HTML_PAGE.format(status=rule.status).encode(), "text/html; charset=utf-8"
    else:
        body, content_type = rule.body.encode(), "application/json"
    headers = {"content-type": content_type, **{name.lower(): value for name, value in rule.headers.items()}}
    if rule.retry_after is not None:
        until = datetime.now(UTC) + timedelta(seconds=rule.retry_after)
        headers["retry-after"] = format_datetime(until, usegmt=True) if rule.retry_after_date else str(rule.retry_after)
    headers["content-length"] = str(len(body))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": rule.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _drip(send: Send, body: bytes, pause: float) -> None:
    pieces = 16 if pause else 1
    size = max(1, -(-len(body) // pieces))
    for offset in range(0, len(body), size):
        await send({"type": "http.response.body", "body": body[offset : offset + size], "more_body": True})
        await asyncio.sleep(pause)
    await send({"type": "http.response.body", "body": b""})
