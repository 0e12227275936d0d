"""What the receiver answers. A delivery is answered 200 only once it is durably in the inbox.

========  ==================================================================================
200       kept: its record will be read again, or its type needs nothing
400       rightly signed, but no JSON object, or without its record: kept as refused
401       not rightly signed, or no such connection: which of them is not told
403       rightly signed, but of another tenant: kept as refused
408       did not arrive in time
413       larger than 1 MiB
503       the database or memory has no room now: not kept, to be sent again
========  ==================================================================================
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.store.migrate import current_revision, known_revisions
from st_deltek_pipeline.webhooks.accounts import Accounts
from st_deltek_pipeline.webhooks.bodies import BodyReader, BodyTooLargeError, MemoryFullError
from st_deltek_pipeline.webhooks.limits import Limits
from st_deltek_pipeline.webhooks.reading import Verdict, read_delivery
from st_deltek_pipeline.webhooks.refusals import Refusals
from st_deltek_pipeline.webhooks.writer import InboxWriter

PATH = "/webhooks/{connection}/servicetitan"

_STATUS: Mapping[Verdict, int] = {
    Verdict.ACCEPTED: 200,
    Verdict.UNKNOWN_TYPE: 200,
    Verdict.NOT_JSON: 400,
    Verdict.NO_RECORD: 400,
    Verdict.OTHER_TENANT: 403,
}
_OK, _UNAUTHORIZED, _TOO_LARGE, _UNAVAILABLE = 200, 401, 413, 503
# Nobody can ask the database more often than that by asking us.
_READY_SECONDS = 1.0


class ReceiverApp:
    """The receiver's three addresses, and what else is mounted beside them.

    Args:
        accounts: Who receives webhooks.
        writer: Writes the inbox.
        engine: The database, to ask whether it answers.
        limits: What a sender may ask for.
        more_routes: What else this server answers.
    """

    def __init__(
        self,
        accounts: Accounts,
        writer: InboxWriter,
        engine: Engine,
        limits: Limits,
        more_routes: Sequence[BaseRoute] = (),
    ) -> None:
        self._accounts = accounts
        self._writer = writer
        self._engine = engine
        self._limits = limits
        self._bodies = BodyReader(limits.body_bytes, limits.all_bodies_bytes)
        self._ready: tuple[float, int, dict[str, object]] | None = None
        self._asking = asyncio.Lock()
        self.refusals = Refusals()
        self.app = Starlette(
            routes=[
                Route(PATH, self._receive, methods=["POST"]),
                Route("/healthz", self._healthz, methods=["GET"]),
                Route("/readyz", self._readyz, methods=["GET"]),
                *more_routes,
            ]
        )

    async def _receive(self, request: Request) -> Response:
        name: str = request.path_params["connection"]
        try:
            self._bodies.check_announced(request.headers.get("content-length", "").encode() or None)
            body = await self._bodies.read(request.stream())
        except BodyTooLargeError:
            self.refusals.note("larger than allowed", name)
            return _answer(_TOO_LARGE, f"A body may have {self._limits.body_bytes} bytes.")
        except MemoryFullError:
            self.refusals.note("no memory free", name)
            return self._unavailable()
        except ClientDisconnect:
            self.refusals.note("cut off or too slow", name)
            return Response(status_code=400)
        try:
            return await self._judge(name, body, request)
        finally:
            self._bodies.give_back(body)

    async def _judge(self, name: str, body: bytes, request: Request) -> Response:
        account = self._accounts.account(name) or self._accounts.nobody
        if not account.accepts(body, request.headers.raw):
            known = account is not self._accounts.nobody
            self.refusals.note("not rightly signed" if known else "no such connection", name)
            return _answer(_UNAUTHORIZED, "Not rightly signed.")
        reading = read_delivery(account.name, account.tenant_id, body)
        try:
            written = asyncio.wrap_future(self._writer.hand_in(reading.delivery))
            async with asyncio.timeout(self._limits.answer_seconds):
                await written
        except (TransientError, TimeoutError):
            self.refusals.note("the database did not take it", name)
            return self._unavailable()
        status = _STATUS[reading.verdict]
        if status != _OK:
            self.refusals.note(reading.verdict.value, name)
        return _answer(status, "Kept." if status == _OK else f"Refused: {reading.verdict.value}.")

    async def _healthz(self, _request: Request) -> Response:
        return _json({"alive": True}, _OK)

    async def _readyz(self, _request: Request) -> Response:
        async with self._asking:
            if self._ready is None or time.monotonic() - self._ready[0] > _READY_SECONDS:
                problem = await asyncio.to_thread(self._problem)
                found: dict[str, object] = {
                    "ready": not problem,
                    "problem": problem,
                    "connections": len(self._accounts.names),
                    "waiting": self._writer.waiting,
                }
                self._ready = (time.monotonic(), _UNAVAILABLE if problem else _OK, found)
            _, status, body = self._ready
        return _json(body, status)

    def _problem(self) -> str:
        try:
            revision = current_revision(self._engine)
        except SQLAlchemyError:
            return "the database does not answer"
        return "" if revision == known_revisions()[-1] else "the database's schema is not this version's"

    def _unavailable(self) -> Response:
        answer = _answer(_UNAVAILABLE, "Not kept. Send it again.")
        answer.headers["retry-after"] = str(self._limits.retry_after_seconds)
        return answer


def _answer(status: int, words: str) -> Response:
    return _json({"message": words}, status)


def _json(body: Mapping[str, object], status: int) -> Response:
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")
