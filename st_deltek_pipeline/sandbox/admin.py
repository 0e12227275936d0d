"""The endpoints under ``/_sandbox``: looking into both twins, changing them as their users would, and faults.

They need no credentials, since the sandbox listens on the loopback only, and they are neither logged nor
disturbed. Money is a decimal string in every answer.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from decimal import Decimal
from functools import partial
from typing import Any, cast

import msgspec
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.sandbox.contractor.cases import cases_of
from st_deltek_pipeline.sandbox.contractor.world import World
from st_deltek_pipeline.sandbox.faults import ADMIN_PREFIX, FaultRule, RequestHooks
from st_deltek_pipeline.sandbox.ledger_admin import ledger_routes
from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError
from st_deltek_pipeline.sandbox.servicetitan.app import ServiceTitanTwin
from st_deltek_pipeline.sandbox.servicetitan.user_actions import USER_ACTIONS, UserAction, UserCall
from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint.app import VantagepointTwin
from st_deltek_pipeline.sandbox.webhook_admin import webhook_routes

_SYSTEMS = ("servicetitan", "vantagepoint")
_DEFAULT_LIMIT = 1000

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="string")
_rules = TypeAdapter(list[FaultRule])


class Admin:
    """The admin app. Both servers mount the same one.

    Args:
        world: What both twins were made from.
        servicetitan: The ServiceTitan twin.
        vantagepoint: The Vantagepoint twin.
        hooks: Faults and request log of both.
    """

    def __init__(
        self, world: World, servicetitan: ServiceTitanTwin, vantagepoint: VantagepointTwin, hooks: RequestHooks
    ) -> None:
        self._world = world
        self._servicetitan = servicetitan
        self._vantagepoint = vantagepoint
        self._hooks = hooks
        routes = [
            _route("GET", "/totals", self._totals),
            _route("GET", "/cases", self._cases),
            _route("GET", "/ledger", self._ledger),
            _route("GET", "/requests", self._requests),
            _route("DELETE", "/requests", self._forget_requests),
            _route("GET", "/faults", self._faults),
            _route("POST", "/faults", self._add_faults),
            _route("PUT", "/faults", self._replace_faults),
            _route("DELETE", "/faults", self._clear_faults),
            *(
                _route(action.method, f"/servicetitan{action.path}", partial(self._user_action, action))
                for action in USER_ACTIONS
            ),
            *webhook_routes(servicetitan.webhooks, _object, _json),
            *ledger_routes(vantagepoint, _object, _json),
            _route("DELETE", "/servicetitan/tokens", self._expire_tokens),
            _route("PUT", "/servicetitan/switches", self._servicetitan_switches),
            _route("PUT", "/vantagepoint/periods/{period:int}", self._set_period),
            _route("PATCH", "/vantagepoint/projects/{wbs1}", self._update_project),
            _route("PATCH", "/vantagepoint/projects/{wbs1}/{wbs2}", self._update_project),
            _route("PATCH", "/vantagepoint/projects/{wbs1}/{wbs2}/{wbs3}", self._update_project),
            _route("PATCH", "/vantagepoint/firms/{client_id}", self._update_firm),
            _route("PUT", "/vantagepoint/switches", self._vantagepoint_switches),
        ]
        self.app = Starlette(routes=routes, exception_handlers=_EXCEPTION_HANDLERS)

    async def _totals(self, _: Request) -> Response:
        return _json({"servicetitan": self._servicetitan.totals(), "vantagepoint": self._vantagepoint.totals()})

    async def _cases(self, _: Request) -> Response:
        return _json({"cases": cases_of(self._world), "awkward": self._world.awkward})

    async def _ledger(self, _: Request) -> Response:
        return _json(self._vantagepoint.ledger_dump())

    async def _requests(self, request: Request) -> Response:
        limit = int(request.query_params.get("limit", _DEFAULT_LIMIT))
        log = self._hooks.log
        systems = {
            system: {
                "calls": log.calls(system),
                "most_calls_in_any_second": log.most_calls_in_any_second(system),
                "by_call": log.calls_by_template(system),
                "by_status": {str(status): count for status, count in log.calls_by_status(system).items()},
            }
            for system in _SYSTEMS
        }
        wanted = request.query_params.get("system")
        entries = [asdict(entry) for entry in log.entries() if wanted in {None, entry.system}]
        return _json({"systems": systems, "requests": entries[-limit:] if limit else []})

    async def _forget_requests(self, _: Request) -> Response:
        self._hooks.log.clear()
        return Response(status_code=204)

    async def _faults(self, _: Request) -> Response:
        return _json(self._hooks.faults.describe())

    async def _add_faults(self, request: Request) -> Response:
        self._hooks.faults.add(*await _fault_rules(request))
        return _json(self._hooks.faults.describe())

    async def _replace_faults(self, request: Request) -> Response:
        self._hooks.faults.replace(await _fault_rules(request))
        return _json(self._hooks.faults.describe())

    async def _clear_faults(self, _: Request) -> Response:
        self._hooks.faults.clear()
        return Response(status_code=204)

    async def _user_action(self, action: UserAction, request: Request) -> Response:
        levels = request.path_params
        call = UserCall(
            twin=self._servicetitan,
            key=levels.get("id", 0),
            path=f"{levels.get('module')}/{levels.get('name')}",
            body=await _object(request),
            verbatim=request.query_params.get("verbatim", "").lower() == "true",
        )
        return _json(action.do(call), status=action.status)

    async def _expire_tokens(self, _: Request) -> Response:
        return _json({"expired": self._servicetitan.access.expire_tokens()})

    async def _servicetitan_switches(self, request: Request) -> Response:
        switches = self._servicetitan.set_switches(await _object(request))
        return _json(switches.model_dump(mode="json"))

    async def _set_period(self, request: Request) -> Response:
        closed = (await _object(request)).get("closed")
        if not isinstance(closed, bool):
            raise ApiError(400, errors={"closed": ["true or false is expected."]})
        self._vantagepoint.set_period_closed(request.path_params["period"], closed)
        return _json({"period": request.path_params["period"], "closed": closed})

    async def _update_project(self, request: Request) -> Response:
        levels = request.path_params
        key = (levels["wbs1"], levels.get("wbs2", ""), levels.get("wbs3", ""))
        self._vantagepoint.update_project(key, await _object(request))
        return Response(status_code=204)

    async def _update_firm(self, request: Request) -> Response:
        self._vantagepoint.update_firm(request.path_params["client_id"], await _object(request))
        return Response(status_code=204)

    async def _vantagepoint_switches(self, request: Request) -> Response:
        self._vantagepoint.set_switches(await _object(request))
        return Response(status_code=204)


def _route(method: str, path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(f"{ADMIN_PREFIX}{path}", handler, methods=[method])


def _json(body: object, *, status: int = 200) -> Response:
    return Response(_encoder.encode(body), status_code=status, media_type="application/json")


async def _body(request: Request) -> Any:  # noqa: ANN401 - whatever the caller sent
    try:
        return _decoder.decode(await request.body() or b"{}")
    except msgspec.DecodeError as error:
        raise ApiError(400, f"The body is not JSON: {error}.") from None


async def _object(request: Request) -> Row:
    body = await _body(request)
    if not isinstance(body, dict):
        raise ApiError(400, "A JSON object is expected.")
    return cast("Row", body)


async def _fault_rules(request: Request) -> list[FaultRule]:
    body = await _body(request)
    try:
        return _rules.validate_python(body if isinstance(body, list) else [body])
    except ValidationError as error:
        errors = {".".join(str(part) for part in each["loc"]): [each["msg"]] for each in error.errors()}
        raise ApiError(400, "A fault rule is not valid.", errors=errors) from None


async def _api_error(_: Request, error: Exception) -> Response:
    return cast("ApiError", error).response()


async def _configuration_error(_: Request, error: Exception) -> Response:
    return ApiError(400, str(error)).response()


async def _key_error(_: Request, error: Exception) -> Response:
    return ApiError(404, f"There is no {error}.").response()


async def _value_error(_: Request, error: Exception) -> Response:
    return ApiError(400, str(error)).response()


_EXCEPTION_HANDLERS: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    ApiError: _api_error,
    ConfigurationError: _configuration_error,
    KeyError: _key_error,
    ValueError: _value_error,
}
