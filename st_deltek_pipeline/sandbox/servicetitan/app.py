"""The ServiceTitan twin: its routes, and what it does when something is changed.

Handlers run in the server's event loop, one at a time, so nothing here is locked.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, cast

import msgspec
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.sandbox.contractor.world import World
from st_deltek_pipeline.sandbox.faults import RequestHooks
from st_deltek_pipeline.sandbox.servicetitan.access import Access
from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError, bad_value, json_bytes
from st_deltek_pipeline.sandbox.servicetitan.edits import InvoiceEdits, NewInvoice
from st_deltek_pipeline.sandbox.servicetitan.feeds import Feeds
from st_deltek_pipeline.sandbox.servicetitan.instants import TwinClock, format_instant
from st_deltek_pipeline.sandbox.servicetitan.parameters import Parameters
from st_deltek_pipeline.sandbox.servicetitan.resources import INVOICES, RESOURCES, Resource
from st_deltek_pipeline.sandbox.servicetitan.switches import ServiceTitanSwitches
from st_deltek_pipeline.sandbox.servicetitan.tables import Table
from st_deltek_pipeline.sandbox.state import Row, StatePersistence

_DEFAULT_PAGE_SIZE = 50
_ROWS_TABLE = "servicetitan.rows"
_CHANGES_TABLE = "servicetitan.changes"

_decoder = msgspec.json.Decoder(float_hook=Decimal)

Handler = Callable[[Request], Awaitable[Response]]


class ServiceTitanTwin:
    """One ServiceTitan tenant. Made by ``build_servicetitan_app``.

    Args:
        world: The contractor; its ServiceTitan rows belong to the twin from now on.
        switches: How the tenant behaves at first.
        persistence: Where changes are written before they are answered.
        hooks: Faults and request log in front of the API.
        new_invoice: The generator's function for one more invoice.
    """

    def __init__(
        self,
        world: World,
        *,
        switches: ServiceTitanSwitches,
        persistence: StatePersistence,
        hooks: RequestHooks,
        new_invoice: NewInvoice,
    ) -> None:
        self.switches = switches
        self._tenant = world.servicetitan
        self._persistence = persistence
        self.tables = {each.path: Table(each, each.rows(world.servicetitan)) for each in RESOURCES}
        self._changes = self._replay()
        self.clock = TwinClock(max(table.newest for table in self.tables.values()))
        self.access = Access(world.servicetitan, lambda: self.switches)
        self.edits = InvoiceEdits(world, new_invoice)
        self._feeds = Feeds(f"{world.seed}/{world.month}/{world.servicetitan.tenant_id}", self.clock)
        api = Starlette(routes=self._routes(), exception_handlers=_EXCEPTION_HANDLERS)
        self.app: ASGIApp = hooks.wrap(api, "servicetitan")

    @property
    def invoices(self) -> Table:
        """The table of invoices."""
        return self.tables[INVOICES.path]

    def set_switches(self, changes: Mapping[str, Any]) -> ServiceTitanSwitches:
        """Change some switches, and return all of them.

        Raises:
            ConfigurationError: An unknown switch, or a value it does not take.
        """
        try:
            self.switches = ServiceTitanSwitches.model_validate({**self.switches.model_dump(), **changes})
        except ValidationError as error:
            first = error.errors()[0]
            message = f"ServiceTitan switch {'.'.join(str(part) for part in first['loc'])}: {first['msg']}."
            raise ConfigurationError(
                message, advice=f"Known: {', '.join(ServiceTitanSwitches.model_fields)}."
            ) from None
        return self.switches

    def add_invoice(self, wanted: Mapping[str, Any]) -> Row:
        """Let a user make one more invoice; see ``InvoiceEdits.added``.

        Raises:
            ApiError: 400 for a value that cannot be read.
        """
        row = self.edits.added(wanted, self._changes)
        return self._store({**row, "createdOn": format_instant(self.clock.now())})

    def edit_invoice(self, invoice_id: int, fields: Mapping[str, Any], *, verbatim: bool = False) -> Row:
        """Let a user change an invoice; see ``InvoiceEdits.edited``.

        Raises:
            ApiError: 404 for an unknown invoice, 400 for a value that cannot be read.
        """
        return self._store(self.edits.edited(self._invoice(invoice_id), fields, verbatim=verbatim))

    def void_invoice(self, invoice_id: int) -> Row:
        """Let a user void an invoice.

        Raises:
            ApiError: 404 for an unknown invoice.
        """
        return self._store(self.edits.voided(self._invoice(invoice_id)))

    def unpost_invoice(self, invoice_id: int) -> Row:
        """Let a user un-post the batch of an invoice.

        Raises:
            ApiError: 404 for an unknown invoice.
        """
        return self._store(self.edits.unposted(self._invoice(invoice_id)))

    def edit_row(self, path: str, key: int, fields: Mapping[str, Any]) -> Row:
        """Let a user change a row that is not an invoice, such as a customer or a business unit.

        Args:
            path: The resource, such as ``crm/customers``.
            key: The row's id.
            fields: API field names and new values.

        Raises:
            ApiError: 404 for an unknown resource or row, 400 for an unknown field.
        """
        table = self.tables.get(path)
        if table is None or key not in table.rows:
            raise ApiError(404, f"There is no {path}/{key}.")
        row = table.rows[key]
        for name in fields:
            if name not in row or name in {"id", "createdOn", "modifiedOn"}:
                raise bad_value(name, f"{path} has no such field, or it cannot be changed.")
        return self._store({**row, **fields}, path)

    def totals(self) -> Row:
        """Return counts and money totals; amounts are strings, days are invoice dates."""
        rows = self.invoices.rows.values()
        days: dict[str, list[Row]] = {}
        for row in rows:
            days.setdefault((row["invoiceDate"] or "")[:10], []).append(row)
        return {
            "invoices": {
                **_sums(rows),
                "by_status": dict(Counter(str(row["syncStatus"]) for row in rows)),
                "by_day": {day: _sums(found) for day, found in sorted(days.items())},
            },
            "rows": {path: len(table.rows) for path, table in self.tables.items()},
        }

    def _invoice(self, invoice_id: int) -> Row:
        row = self.invoices.rows.get(invoice_id)
        if row is None:
            raise ApiError(404, f"Invoice {invoice_id} was not found.")
        return row

    def _replay(self) -> int:
        rows = self._persistence.load(_ROWS_TABLE)
        changes = self._persistence.load(_CHANGES_TABLE)
        for change in changes.values():
            self.tables[change["path"]].put(rows[f"{change['path']}/{change['id']}"])
        return len(changes)

    def _store(self, row: Row, path: str = INVOICES.path) -> Row:
        """Make a row the current version now, and with it the rows that the generator made along with it."""
        instant = format_instant(self.clock.now())
        changed = [(path, {**row, "modifiedOn": instant})]
        for other, table in self.tables.items():
            changed += [
                (other, {**new, "modifiedOn": instant})
                for new in table.unlogged()
                if (other, new["id"]) != (path, row["id"])
            ]
        self._persistence.put_many(_ROWS_TABLE, {f"{where}/{each['id']}": each for where, each in changed})
        log: dict[str, Row] = {}
        for where, each in changed:
            self._changes += 1
            log[str(self._changes)] = {"path": where, "id": each["id"]}
        self._persistence.put_many(_CHANGES_TABLE, log)
        for where, each in changed:
            self.tables[where].put(each)
        return changed[0][1]

    def _routes(self) -> list[BaseRoute]:
        routes: list[BaseRoute] = [Route("/connect/token", self._issue_token, methods=["POST"])]
        for resource in RESOURCES:
            base = f"/{resource.module}/v2/tenant/{{tenant:int}}"
            reading, table = f"{resource.scope}:r", self.tables[resource.path]
            routes.append(_get(f"{base}/{resource.name}", self._guarded(reading, partial(self._list, table))))
            if resource.exported:
                handler = self._guarded(reading, partial(self._export, table))
                routes.append(_get(f"{base}/export/{resource.name}", handler))
            if resource.by_id:
                handler = self._guarded(reading, partial(self._one, table))
                routes.append(_get(f"{base}/{resource.name}/{{id:int}}", handler))
        return [*routes, *self._invoice_writes(INVOICES)]

    def _invoice_writes(self, resource: Resource) -> list[BaseRoute]:
        base = f"/{resource.module}/v2/tenant/{{tenant:int}}/{resource.name}"
        write = partial(self._guarded, f"{resource.scope}:w")
        return [
            Route(f"{base}/markasexported", write(self._mark_exported), methods=["POST"]),
            Route(f"{base}/{{id:int}}", write(self._patch_invoice), methods=["PATCH"]),
            Route(f"{base}/{{id:int}}/items", write(self._patch_item), methods=["PATCH"]),
            Route(f"{base}/{{id:int}}/items/{{item:int}}", write(self._delete_item), methods=["DELETE"]),
        ]

    def _guarded(self, scope: str, handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            self.access.admit(request.headers, request.path_params["tenant"], scope)
            return await handler(request)

        return handle

    async def _issue_token(self, request: Request) -> Response:
        return self.access.issue(request.headers.get("content-type", ""), await request.body())

    async def _list(self, table: Table, request: Request) -> Response:
        parameters = _parameters(request)
        page = _positive(parameters, "page", 1)
        size = _positive(parameters, "pageSize", _DEFAULT_PAGE_SIZE)
        limit = self.switches.list_page_limit
        if size > limit:
            raise bad_value(name="pageSize", message=f"The field must be between 1 and {limit}.")
        ids = table.select(parameters, scattered=self.switches.unsorted_lists)
        first = (page - 1) * size
        total = str(len(ids)).encode() if parameters.flag("includeTotal") else b"null"
        more = b"true" if first + size < len(ids) else b"false"
        rows = table.listed(ids[first : first + size])
        template = b'{"page":%d,"pageSize":%d,"hasMore":%b,"totalCount":%b,"data":[%b]}'
        return json_bytes(template % (page, size, more, total, rows))

    async def _export(self, table: Table, request: Request) -> Response:
        return json_bytes(self._feeds.page(table, _parameters(request), self.switches))

    async def _one(self, table: Table, request: Request) -> Response:
        key: int = request.path_params["id"]
        if key not in table.rows:
            raise ApiError(404, f"{table.resource.path} {key} was not found.")
        return json_bytes(table.listed([key]))

    async def _mark_exported(self, request: Request) -> Response:
        body = await _json(request)
        if not isinstance(body, list):
            raise bad_value(name="$", message="A JSON array is expected.")
        marks = [_mark(each) for each in cast("list[Any]", body)]
        results: list[Row] = []
        for invoice_id, external_id in marks:
            row = self.invoices.rows.get(invoice_id)
            problem = _why_not_exportable(row)
            if row is not None and problem is None:
                self._store(self.edits.marked_exported(row, external_id))
            results.append({"invoiceId": invoice_id, "success": problem is None, "errorMessage": problem})
        return json_bytes(msgspec.json.encode(results))

    async def _patch_invoice(self, request: Request) -> Response:
        row, body = self._invoice(request.path_params["id"]), await _json_object(request)
        self._store(self.edits.header_updated(row, body))
        return Response()

    async def _patch_item(self, request: Request) -> Response:
        row, body = self._invoice(request.path_params["id"]), await _json_object(request)
        self._store(self.edits.item_updated(row, body))
        return Response()

    async def _delete_item(self, request: Request) -> Response:
        row = self._invoice(request.path_params["id"])
        self._store(self.edits.item_deleted(row, request.path_params["item"]))
        return Response()


def build_servicetitan_app(
    world: World,
    *,
    switches: ServiceTitanSwitches,
    persistence: StatePersistence,
    hooks: RequestHooks,
    new_invoice: NewInvoice,
) -> ServiceTitanTwin:
    """Return the twin of one tenant.

    Args:
        world: The contractor.
        switches: How the tenant behaves.
        persistence: Where changes are written, and read back from at the start.
        hooks: Faults and request log to stand in front of the API.
        new_invoice: The generator's function for one more invoice.
    """
    return ServiceTitanTwin(world, switches=switches, persistence=persistence, hooks=hooks, new_invoice=new_invoice)


def _get(path: str, handler: Handler) -> Route:
    return Route(path, handler, methods=["GET"])


def _parameters(request: Request) -> Parameters:
    return Parameters(request.scope["query_string"])


def _positive(parameters: Parameters, name: str, default: int) -> int:
    number = parameters.whole(name)
    if number is None:
        return default
    if number < 1:
        raise bad_value(name, "The field must be greater than 0.")
    return number


async def _json(request: Request) -> Any:  # noqa: ANN401 - whatever the client sent
    try:
        return _decoder.decode(await request.body())
    except msgspec.DecodeError as error:
        raise bad_value(name="$", message=f"The body is not JSON: {error}.") from None


async def _json_object(request: Request) -> Row:
    body = await _json(request)
    if not isinstance(body, dict):
        raise bad_value(name="$", message="A JSON object is expected.")
    return cast("Row", body)


def _mark(mark: Any) -> tuple[int, str | None]:  # noqa: ANN401 - whatever the client sent
    fields = cast("Row", mark) if isinstance(mark, dict) else {}
    invoice_id = fields.get("invoiceId")
    external_id = fields.get("externalId")
    if not isinstance(invoice_id, int) or isinstance(invoice_id, bool):
        raise bad_value(name="invoiceId", message="The field is required and must be a number.")
    if external_id is not None and not isinstance(external_id, str):
        raise bad_value(name="externalId", message="The field must be a text.")
    return invoice_id, external_id


def _why_not_exportable(row: Row | None) -> str | None:
    if row is None:
        return "Invoice was not found."
    if row["syncStatus"] == "Pending":
        return "Invoice must be posted before it can be marked as exported."
    return None


def _sums(rows: Iterable[Row]) -> Row:
    found = list(rows)
    active = [row for row in found if row["active"]]
    return {
        "count": len(found),
        "active": len(active),
        "total": str(sum((Decimal(row["total"] or 0) for row in found), start=ZERO)),
        "active_total": str(sum((Decimal(row["total"] or 0) for row in active), start=ZERO)),
    }


async def _api_error(_: Request, error: Exception) -> Response:
    return cast("ApiError", error).response()


async def _http_error(_: Request, error: Exception) -> Response:
    # A method the path does not have is 404 as well: assumed (servicetitan.md section 7, point 9).
    status = 404 if cast("HTTPException", error).status_code in {404, 405} else 400
    return ApiError(status).response()


_EXCEPTION_HANDLERS: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    ApiError: _api_error,
    HTTPException: _http_error,
}
