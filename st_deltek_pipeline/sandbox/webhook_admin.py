"""The endpoints under ``/_sandbox/servicetitan/webhooks``: who is sent the tenant's webhooks, and what became of them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_deltek_pipeline.sandbox.faults import ADMIN_PREFIX
from st_deltek_pipeline.sandbox.servicetitan.webhooks import Webhooks

_BASE = f"{ADMIN_PREFIX}/servicetitan/webhooks"

ReadObject = Callable[[Request], Awaitable[Mapping[str, Any]]]
Answer = Callable[[object], Response]


def webhook_routes(webhooks: Webhooks, read_object: ReadObject, answer: Answer) -> list[Route]:
    """Return the routes.

    Args:
        webhooks: The tenant's.
        read_object: Reads the JSON object of a request.
        answer: Writes JSON.
    """

    async def described(_request: Request) -> Response:
        return answer(webhooks.described())

    async def subscribe(request: Request) -> Response:
        return answer(webhooks.subscribe(await read_object(request)))

    async def unsubscribe(_request: Request) -> Response:
        webhooks.unsubscribe()
        return Response(status_code=204)

    async def deliveries(_request: Request) -> Response:
        return answer(webhooks.deliveries())

    async def replay(request: Request) -> Response:
        return answer(webhooks.replay(request.path_params["id"]))

    return [
        Route(_BASE, described, methods=["GET"]),
        Route(_BASE, subscribe, methods=["PUT"]),
        Route(_BASE, unsubscribe, methods=["DELETE"]),
        Route(f"{_BASE}/deliveries", deliveries, methods=["GET"]),
        Route(f"{_BASE}/deliveries/{{id}}/replay", replay, methods=["POST"]),
    ]
