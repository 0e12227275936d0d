"""The ServiceTitan twin: its routes, and what it does when something is changed.

Handlers run in the server's event loop, one at a time, so nothing here is locked.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.sandbox.contractor.firms import HOUSE_NAME
from st_deltek_pipeline.sandbox.contractor.world import World
from st_deltek_pipeline.sandbox.faults import RequestHooks
from st_deltek_pipeline.sandbox.servicetitan.access import Access
from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError, bad_value, json_bytes
from st_deltek_pipeline.sandbox.servicetitan.bills import Bills
from st_deltek_pipeline.sandbox.servicetitan.bodies import read_object
from st_deltek_pipeline.sandbox.servicetitan.book import Book
from st_deltek_pipeline.sandbox.servicetitan.calls import (
    Handler,
    base_path,
    envelope,
    feed_path,
    get,
    page_of,
    parameters_of,
    writing_routes,
)
from st_deltek_pipeline.sandbox.servicetitan.credits import BankDeposits, CreditMemos
from st_deltek_pipeline.sandbox.servicetitan.edits import InvoiceEdits, NewInvoice
from st_deltek_pipeline.sandbox.servicetitan.feeds import ChangeLog, Feeds
from st_deltek_pipeline.sandbox.servicetitan.invoice_items import INVOICE_ITEMS, InvoiceItems
from st_deltek_pipeline.sandbox.servicetitan.journal_entries import JournalEntries
from st_deltek_pipeline.sandbox.servicetitan.marking import MarkCalls
from st_deltek_pipeline.sandbox.servicetitan.money_calls import MoneyCalls
from st_deltek_pipeline.sandbox.servicetitan.payables import AP_BILLS, AP_CREDITS, INVENTORY_BILLS
from st_deltek_pipeline.sandbox.servicetitan.payments import Payments
from st_deltek_pipeline.sandbox.servicetitan.purchasing import Purchasing
from st_deltek_pipeline.sandbox.servicetitan.receivables import CREDIT_MEMOS, INVOICES, PAYMENTS
from st_deltek_pipeline.sandbox.servicetitan.resource import Resource
from st_deltek_pipeline.sandbox.servicetitan.resources import RESOURCES
from st_deltek_pipeline.sandbox.servicetitan.switches import ServiceTitanSwitches
from st_deltek_pipeline.sandbox.servicetitan.tables import Table
from st_deltek_pipeline.sandbox.servicetitan.values import amount_of, read_id
from st_deltek_pipeline.sandbox.servicetitan.webhook_events import occurrences
from st_deltek_pipeline.sandbox.servicetitan.webhooks import Webhooks
from st_deltek_pipeline.sandbox.state import Row, StatePersistence

# The live service writes these enumerations as numbers now and then (servicetitan.md section 2).
_LANDED_COST_NUMBERS = (
    (b'"landedCostMethod":"None"', b'"landedCostMethod":0'),
    (b'"landedCostMethod":"ByValue"', b'"landedCostMethod":1'),
)

# What is summed up in the totals: the resource, its date and its amount.
_SUMMED = {
    "invoices": (INVOICES, "invoiceDate", "total"),
    "payments": (PAYMENTS, "date", "total"),
    "credit_memos": (CREDIT_MEMOS, "date", "total"),
    "inventory_bills": (INVENTORY_BILLS, "billDate", "billAmount"),
    "ap_bills": (AP_BILLS, "billDate", "billAmount"),
    "ap_credits": (AP_CREDITS, "date", "amount"),
}


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
        self.book = Book(world.servicetitan, persistence)
        self.webhooks = Webhooks(world.servicetitan.tenant_id, HOUSE_NAME, self.book.now)
        self.book.observer = self._tell
        self.access = Access(world.servicetitan, lambda: self.switches)
        self.edits = InvoiceEdits(world, new_invoice)
        first_day = f"{world.month}-01"
        self.payments = Payments(self.book, lambda: self.switches, first_day)
        self.credit_memos = CreditMemos(self.book, first_day)
        self.deposits = BankDeposits(self.book, first_day)
        self.bills = Bills(self.book, world)
        self.purchasing = Purchasing(self.book, self.bills, lambda: self.switches)
        self._feeds = Feeds(f"{world.seed}/{world.month}/{world.servicetitan.tenant_id}", self.book.clock)
        self.routes = self._routes()
        api = Starlette(routes=self.routes, exception_handlers=_EXCEPTION_HANDLERS)
        self.app: ASGIApp = hooks.wrap(api, "servicetitan")

    @property
    def tables(self) -> dict[str, Table]:
        """All tables by the paths of their resources."""
        return self.book.tables

    @property
    def invoices(self) -> Table:
        """The table of invoices."""
        return self.book.table(INVOICES)

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
        row = self.edits.added(wanted, self.book.changes)
        return self._store({**row, "createdOn": self.book.now()})

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
        resource = self.book.resource(path)
        row = self.book.row(resource, key)
        return self._store({**row, **_row_fields(resource, row, fields)}, resource)

    def add_row(self, path: str, fields: Mapping[str, Any]) -> Row:
        """Let a user make one more row that is like another one, such as a vendor.

        Args:
            path: The resource, such as ``inventory/vendors``.
            fields: ``copyOf``, the id of the row that it is like (default: the newest), and new values.

        Raises:
            ApiError: 404 for an unknown resource or row, 400 for an unknown field.
        """
        resource = self.book.resource(path)
        own = dict(fields)
        newest = next(reversed(self.book.rows(resource)), 0)
        like = self.book.row(resource, read_id("copyOf", own.pop("copyOf", newest)))
        made = {"id": self.book.next_id(resource), "createdOn": self.book.now()}
        return self._store({**like, **_row_fields(resource, like, own), **made}, resource)

    def totals(self) -> Row:
        """Return counts and money totals; amounts are strings, days are the documents' own dates."""
        kinds: Row = {}
        for kind, (resource, date_name, amount_name) in _SUMMED.items():
            rows = self.book.rows(resource).values()
            days: dict[str, list[Row]] = {}
            for row in rows:
                days.setdefault((row[date_name] or "")[:10], []).append(row)
            kinds[kind] = {
                **_sums(rows, amount_name),
                "by_status": dict(Counter(str(row["syncStatus"]) for row in rows)),
                "by_day": {day: _sums(found, amount_name) for day, found in sorted(days.items())},
            }
        return {**kinds, "rows": {path: len(table.rows) for path, table in self.tables.items()}}

    def _tell(self, changes: Sequence[tuple[Resource, Row | None, Row]]) -> None:
        self.webhooks.happened([each for change in changes for each in occurrences(*change)])

    def _invoice(self, invoice_id: int) -> Row:
        row = self.invoices.rows.get(invoice_id)
        if row is None:
            raise ApiError(404, f"Invoice {invoice_id} was not found.")
        return row

    def _store(self, row: Row, resource: Resource = INVOICES) -> Row:
        return self.book.store((resource, row))[0]

    def _routes(self) -> list[Route]:
        routes = [Route("/connect/token", self._issue_token, methods=["POST"])]
        marks = MarkCalls(
            self.book,
            payments=self.payments,
            bills=self.bills,
            deposits=self.deposits,
            switches=lambda: self.switches,
        )
        calls = MoneyCalls(
            self.book,
            payments=self.payments,
            memos=self.credit_memos,
            deposits=self.deposits,
            purchasing=self.purchasing,
            switches=lambda: self.switches,
        )
        journal = JournalEntries(self.book, self.credit_memos)
        routes += [
            *marks.routes(self._guarded),
            *calls.routes(self._guarded),
            *journal.routes(self._guarded),
        ]
        for resource in RESOURCES:
            base, reading, table = base_path(resource), f"{resource.scope}:r", self.book.table(resource)
            handler = self._list if resource is not INVENTORY_BILLS else self._bare_list
            routes.append(get(base, self._guarded(reading, partial(handler, table))))
            if resource.exported:
                routes.append(get(feed_path(resource), self._guarded(reading, partial(self._export, table))))
            if resource.by_id:
                routes.append(get(f"{base}/{{id:int}}", self._guarded(reading, partial(self._one, table))))
        bills = self.book.table(INVENTORY_BILLS)
        paginated = self._guarded(f"{INVENTORY_BILLS.scope}:r", partial(self._list, bills))
        items = partial(self._export, InvoiceItems(self.invoices))
        return [
            *routes,
            get(f"{base_path(INVENTORY_BILLS)}/paginated", paginated),
            get(feed_path(INVOICE_ITEMS), self._guarded(f"{INVOICE_ITEMS.scope}:r", items)),
            *self._invoice_writes(),
        ]

    def _invoice_writes(self) -> list[Route]:
        return writing_routes(
            INVOICES,
            self._guarded,
            ("PATCH", "/{id:int}", self._patch_invoice),
            ("PATCH", "/{id:int}/items", self._patch_item),
            ("DELETE", "/{id:int}/items/{item:int}", self._delete_item),
        )

    def _guarded(self, scope: str, handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            self.access.admit(request.headers, request.path_params["tenant"], scope)
            return await handler(request)

        return handle

    async def _issue_token(self, request: Request) -> Response:
        return self.access.issue(request.headers.get("content-type", ""), await request.body())

    async def _list(self, table: Table, request: Request) -> Response:
        parameters = parameters_of(request)
        page_of(parameters, self.switches.list_page_limit)
        body = envelope(parameters, self.switches.list_page_limit, self._selected(table, request), table.listed)
        return self._written(table.resource, body)

    async def _bare_list(self, table: Table, request: Request) -> Response:
        page, size = page_of(parameters_of(request), self.switches.list_page_limit)
        ids = self._selected(table, request)[(page - 1) * size : page * size]
        return self._written(table.resource, b"[%b]" % table.listed(ids))

    def _selected(self, table: Table, request: Request) -> list[int]:
        return table.select(
            parameters_of(request),
            scattered=self.switches.unsorted_lists,
            active_only=table.resource.hides_inactive and not self.switches.list_canceled_inventory_bills,
        )

    async def _export(self, table: ChangeLog, request: Request) -> Response:
        return self._written(table.resource, self._feeds.page(table, parameters_of(request), self.switches))

    async def _one(self, table: Table, request: Request) -> Response:
        key: int = request.path_params["id"]
        if key not in table.rows:
            raise ApiError(404, f"{table.resource.path} {key} was not found.")
        return self._written(table.resource, table.listed([key]))

    def _written(self, resource: Resource, body: bytes) -> Response:
        if resource.numbered_enumerations and self.switches.landed_cost_method_as_number:
            for text, number in _LANDED_COST_NUMBERS:
                body = body.replace(text, number)
        return json_bytes(body)

    async def _patch_invoice(self, request: Request) -> Response:
        row, body = self._invoice(request.path_params["id"]), await read_object(request)
        self._store(self.edits.header_updated(row, body))
        return Response()

    async def _patch_item(self, request: Request) -> Response:
        row, body = self._invoice(request.path_params["id"]), await read_object(request)
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


def _row_fields(resource: Resource, row: Row, fields: Mapping[str, Any]) -> Row:
    for name in fields:
        if name not in row or name in {"id", "createdOn", "modifiedOn"}:
            raise bad_value(name, f"{resource.path} has no such field, or it cannot be changed.")
    return dict(fields)


def _sums(rows: Iterable[Row], amount_name: str) -> Row:
    found = list(rows)
    active = [row for row in found if row.get("active", True) and row.get("status") != "Canceled"]
    return {
        "count": len(found),
        "active": len(active),
        "total": str(total(amount_of(row[amount_name]) for row in found)),
        "active_total": str(total(amount_of(row[amount_name]) for row in active)),
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
