"""The endpoints under ``/_sandbox/vantagepoint/ledger``: troubles that a reconciliation should find."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_deltek_pipeline.sandbox.faults import ADMIN_PREFIX
from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError
from st_deltek_pipeline.sandbox.vantagepoint.app import VantagepointTwin
from st_deltek_pipeline.sandbox.vantagepoint.errors import RuleError

_BASE = f"{ADMIN_PREFIX}/vantagepoint/ledger"

Trouble = Literal["delete", "double", "alter", "add", "post_by_hand"]
ReadObject = Callable[[Request], Awaitable[Mapping[str, Any]]]
Answer = Callable[[object], Response]


def ledger_routes(twin: VantagepointTwin, read_object: ReadObject, answer: Answer) -> list[Route]:
    """Return the routes.

    Args:
        twin: Whose ledger.
        read_object: Reads the JSON object of a request.
        answer: Writes JSON.
    """

    async def trouble(kind: Trouble, request: Request) -> Response:
        try:
            return answer(twin.trouble(kind, await read_object(request)))
        except RuleError as refusal:
            raise ApiError(400, refusal.message) from None

    ways: dict[str, Trouble] = {
        "delete": "delete",
        "double": "double",
        "alter": "alter",
        "add": "add",
        "by-hand": "post_by_hand",
    }
    return [Route(f"{_BASE}/{path}", partial(trouble, kind), methods=["POST"]) for path, kind in ways.items()]
