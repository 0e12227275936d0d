"""Faults on purpose: which requests go wrong, and how; and the one middleware that both twins stand behind.

The middleware also writes the request log. What a request normally does is the twins' business. The admin
endpoints under ``/_sandbox`` are neither logged nor disturbed.
"""

import asyncio
import random
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from st_deltek_pipeline.sandbox.body_limit import BodyLimit
from st_deltek_pipeline.sandbox.request_log import LoggedRequest, RequestLog
from st_deltek_pipeline.sandbox.wire import OpenConnections

System = Literal["servicetitan", "vantagepoint"]

ADMIN_PREFIX = "/_sandbox"

# ServiceTitan counts calls against its APIs only; the token endpoint is throttled apart (servicetitan.md section 1).
_UNCOUNTED_PATHS = ("/connect/token",)

_HTML_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>{status}</title></head>"
    "<body><h1>{status}</h1><p>The service is unavailable.</p></body></html>\n"
)

Effect = Literal[
    "none",
    "answer",
    "answer_after_effect",
    "drop_before_effect",
    "drop_after_effect",
    "truncate",
]


class FaultRule(BaseModel):
    """One kind of trouble. All given conditions must hold; without a condition on the count, every match counts.

    Attributes:
        name: Free text, to find the rule again in the list.
        system: ``servicetitan`` or ``vantagepoint``; ``None`` is both.
        method: HTTP method; ``None`` is any.
        path: Regular expression searched in ``/path?query``.
        nth: The n-th matching request only, or several of them, counted from 1.
        first: The first so many matching requests.
        every: Every k-th matching request.
        probability: Share of the matching requests, drawn from ``seed``; same seed, same requests.
        effect: What happens instead of, or after, what the request normally does. ``none`` only delays,
            ``answer`` sends status and body instead of the effect, ``answer_after_effect`` has the effect and
            sends them instead of the true answer, ``drop_before_effect`` and ``drop_after_effect`` break the
            connection, ``truncate`` announces the whole true answer and stops in the middle of it.
        status, headers, body: The answer of the two ``answer`` effects.
        html: Send an HTML page as the body, as proxies in front of both systems do.
        delay_ms: Wait before the request is looked at.
        delay_after_ms: Wait between the effect and the answer: a client that gives up has still had the effect.
        truncate_to: How many bytes of the body are sent by ``truncate``.
        drip_ms: Send the true answer in sixteen pieces with this pause between them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    system: System | None = None
    method: str | None = None
    path: str = ""
    nth: int | tuple[int, ...] | None = None
    first: int | None = Field(default=None, ge=1)
    every: int | None = Field(default=None, ge=1)
    probability: float | None = Field(default=None, ge=0, le=1)
    seed: int = 0
    effect: Effect = "none"
    status: int = Field(default=500, ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    body: str = ""
    html: bool = False
    delay_ms: int = Field(default=0, ge=0)
    delay_after_ms: int = Field(default=0, ge=0)
    truncate_to: int = Field(default=20, ge=0)
    drip_ms: int = Field(default=0, ge=0)

    @field_validator("path")
    @classmethod
    def _is_an_expression(cls, path: str) -> str:
        try:
            re.compile(path)
        except re.error as error:
            message = f"not a regular expression: {error}"
            raise ValueError(message) from None
        return path

    @model_validator(mode="after")
    def _counts_one_way(self) -> Self:
        if sum(way is not None for way in (self.nth, self.first, self.every, self.probability)) > 1:
            message = "give at most one of nth, first, every, probability"
            raise ValueError(message)
        return self


@dataclass
class _Counted:
    rule: FaultRule
    pattern: re.Pattern[str]
    dice: random.Random
    matches: int = 0
    hits: int = 0

    def concerns(self, system: str, method: str, target: str) -> bool:
        rule = self.rule
        if rule.system not in {None, system} or (rule.method is not None and rule.method.upper() != method):
            return False
        return self.pattern.search(target) is not None

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
        self.hits += struck
        return struck


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

    def replace(self, rules: Iterable[FaultRule]) -> None:
        """Put these rules in force instead of all others; counts begin anew."""
        self.clear()
        self.add(*rules)

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


@dataclass
class RequestHooks:
    """What stands between the wire and a twin: faults, the request log and the open connections."""

    faults: FaultPlan = field(default_factory=FaultPlan)
    log: RequestLog = field(default_factory=RequestLog)
    connections: OpenConnections = field(default_factory=OpenConnections)

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
            rule = self._hooks.faults.choose(self._system, method, f"{path}?{query}" if query else path)
            if rule is None:
                await self._app(scope, receive, sent)
            else:
                await self._disturb(rule, scope, receive, sent)
        finally:
            milliseconds = round((time.perf_counter() - clock) * 1000, 3)
            entry = LoggedRequest(started, self._system, method, path, query, sent.status, milliseconds)
            self._hooks.log.answered(entry)

    async def _disturb(self, rule: FaultRule, scope: Scope, receive: Receive, send: "_Sent") -> None:
        await asyncio.sleep(rule.delay_ms / 1000)
        if rule.effect == "drop_before_effect":
            await _read_all(receive)
            await self._drop(scope, receive)
            return
        if rule.effect == "answer":
            await _read_all(receive)
            await asyncio.sleep(rule.delay_after_ms / 1000)
            await _send_answer(send, rule)
            return
        start, body = await self._effect(scope, receive)
        await asyncio.sleep(rule.delay_after_ms / 1000)
        if rule.effect == "drop_after_effect":
            await self._drop(scope, receive)
        elif rule.effect == "answer_after_effect":
            await _send_answer(send, rule)
        elif rule.effect == "truncate":
            await send(start)
            await send({"type": "http.response.body", "body": body[: rule.truncate_to], "more_body": True})
            if not self._hooks.connections.close(scope):
                raise ConnectionDroppedError
            await _wait_until_gone(receive)
        else:
            await send(start)
            await _drip(send, body, rule.drip_ms / 1000)

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


async def _read_all(receive: Receive) -> None:
    """Take in the whole request first, so that the client surely sees its request as sent."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


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
