"""The Vantagepoint twin over HTTP: tokens, routing, error bodies, exact numbers (vantagepoint.md sections 1, 2, 5).

Faults and the request log stand in front of this app and are not its business.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_deltek_pipeline.sandbox.vantagepoint import errors
from st_deltek_pipeline.sandbox.vantagepoint.auth import Tokens
from st_deltek_pipeline.sandbox.vantagepoint.calls import Answer, Call
from st_deltek_pipeline.sandbox.vantagepoint.errors import ApiError, RuleError, TokenError
from st_deltek_pipeline.sandbox.vantagepoint.ledger import Ledger
from st_deltek_pipeline.sandbox.vantagepoint.routes import ENDPOINTS, Handler
from st_deltek_pipeline.sandbox.vantagepoint.state import VantagepointState

_BAD_REQUEST = 400
_NOT_FOUND = 404
_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]

_encoder = msgspec.json.Encoder(decimal_format="number")


def make_app(state: VantagepointState, ledger: Ledger, tokens: Tokens, base_path: str) -> Starlette:
    """Make the ASGI app.

    Args:
        state: Master data, files, sessions, switches.
        ledger: The posted rows.
        tokens: Who may call.
        base_path: For example ``/summit/api``; everything is below it.
    """
    front = _Front(state, ledger, tokens, base_path)
    return Starlette(routes=[Route("/{path:path}", front.serve, methods=_METHODS)])


class _Front:
    def __init__(self, state: VantagepointState, ledger: Ledger, tokens: Tokens, base_path: str) -> None:
        self._state = state
        self._ledger = ledger
        self._base = f"{base_path.strip('/')}/"
        # The second root stands beside the first one on the same host (section 1).
        self._vision = f"{self._base.rstrip('/').rpartition('/')[0]}/vision/".lstrip("/")
        self._tokens = tokens
        self._endpoints = [(endpoint.pattern, endpoint.handlers) for endpoint in ENDPOINTS]

    async def serve(self, request: Request) -> Response:
        """Answer one request."""
        body = await request.body()
        path: str = request.path_params["path"]
        try:
            below = self._below_base(path)
            # Other threads read the twin's totals and change its periods while it serves.
            with self._state.lock:
                if below.rstrip("/").lower() == "token" and request.method == "POST":
                    return _json(self._tokens.answer(body))
                return self._send(request, self._handle(request, below, body))
        except TokenError as error:
            return _json({"error": error.error, "error_description": error.description}, _BAD_REQUEST)
        except RuleError as error:
            detail = error.record if self._state.switches.name_offending_record else ""
            return self._refusal(self._state.switches.refusal_status, error.message, detail)
        except ApiError as error:
            return self._refusal(error.status, error.message, error.detail)

    def _below_base(self, path: str) -> str:
        if path.lower().startswith(self._base.lower()):
            return path[len(self._base) :]
        if path.lower().startswith(self._vision.lower()):
            return f"vision/{path[len(self._vision) :]}"
        raise ApiError(_NOT_FOUND, errors.NOT_FOUND)

    def _handle(self, request: Request, below: str, body: bytes) -> Answer:
        user = self._tokens.user_of(request.headers.get("authorization"))
        method, parameters = request.method, request.query_params.multi_items()
        if method == "POST" and request.headers.get("dvp-postasget", "").lower() == "true":
            method, parameters = "GET", [*parameters, *parse_qsl(body.decode(errors="replace"), keep_blank_values=True)]
        handler, parts = self._find(method, below)
        return handler(Call(self._state, self._ledger, user, parts, parameters, body))

    def _find(self, method: str, below: str) -> tuple[Handler, dict[str, str]]:
        for pattern, handlers in self._endpoints:
            match = pattern.fullmatch(below)
            if match and method in handlers:
                return handlers[method], match.groupdict()
        # 404 stands for a path that does not exist and for a method that a path does not have (section 5).
        raise ApiError(_NOT_FOUND, errors.NOT_FOUND)

    def _send(self, request: Request, answer: Answer) -> Response:
        content: object = answer.content
        if isinstance(content, list) and len(answer.content) == 1 and self._state.switches.single_answers_as_object:
            content = answer.content[0]
        headers = dict(answer.headers)
        if "Location" in headers:
            origin = f"{request.url.scheme}://{request.url.netloc}"
            headers["Location"] = f"{origin}/{self._base}{headers['Location']}"
        return _json(content, answer.status, headers)

    def _refusal(self, status: int, message: str, detail: str) -> Response:
        names = ("Message", "Detail") if self._state.switches.capital_error_keys else ("message", "detail")
        return _json(dict(zip(names, (message, detail), strict=True)), status)


def _json(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(_encoder.encode(content), status, dict(headers or {}), "application/json; charset=utf-8")
