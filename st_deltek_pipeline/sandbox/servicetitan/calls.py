"""What the handlers of all calls share: guards, paging and how an answer is written."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_deltek_pipeline.sandbox.servicetitan.answers import bad_value, json_bytes
from st_deltek_pipeline.sandbox.servicetitan.parameters import Parameters
from st_deltek_pipeline.sandbox.servicetitan.resource import Resource
from st_deltek_pipeline.sandbox.state import Row, encode_row

_DEFAULT_PAGE_SIZE = 50
_ENVELOPE = b'{"page":%d,"pageSize":%d,"hasMore":%b,"totalCount":%b,"data":[%b]}'

Handler = Callable[[Request], Awaitable[Response]]

Guard = Callable[[str, Handler], Handler]
"""Puts the check of a scope such as ``tn.acc.payments:w`` in front of a handler."""


def get(path: str, handler: Handler) -> Route:
    """Return the route of a GET."""
    return Route(path, handler, methods=["GET"])


def base_path(resource: Resource) -> str:
    """Return the address of a resource, with the tenant as a parameter."""
    return f"/{resource.module}/v2/tenant/{{tenant:int}}/{resource.name}"


def feed_path(resource: Resource) -> str:
    """Return the address of a resource's export feed, with the tenant as a parameter."""
    return f"/{resource.module}/v2/tenant/{{tenant:int}}/export/{resource.name}"


def writing_routes(resource: Resource, guard: Guard, *calls: tuple[str, str, Handler]) -> list[Route]:
    """Return routes that need the scope to write.

    Args:
        resource: Whose address they begin with.
        guard: Puts the check of the scope in front.
        calls: Method, rest of the address, handler.
    """
    scope = f"{resource.scope}:w"
    return [
        Route(base_path(resource) + rest, guard(scope, handler), methods=[method]) for method, rest, handler in calls
    ]


def parameters_of(request: Request) -> Parameters:
    """Return the parameters of a call."""
    return Parameters(request.scope["query_string"])


def page_of(parameters: Parameters, limit: int) -> tuple[int, int]:
    """Return the page, from 1, and its size.

    Args:
        parameters: Of the call.
        limit: The largest size.

    Raises:
        ApiError: 400 when one is out of range.
    """
    page, size = _positive(parameters, "page", 1), _positive(parameters, "pageSize", _DEFAULT_PAGE_SIZE)
    if size > limit:
        raise bad_value(name="pageSize", message=f"The field must be between 1 and {limit}.")
    return page, size


def envelope(parameters: Parameters, limit: int, ids: Sequence[int], write: Callable[[Sequence[int]], bytes]) -> bytes:
    """Return one page of a list (servicetitan.md section 2).

    Args:
        parameters: Of the call.
        limit: The largest page.
        ids: Of all pages.
        write: Returns rows as the inside of a JSON array.

    Raises:
        ApiError: 400 when page or size is out of range.
    """
    page, size = page_of(parameters, limit)
    first = (page - 1) * size
    total = str(len(ids)).encode() if parameters.flag("includeTotal") else b"null"
    more = b"true" if first + size < len(ids) else b"false"
    return _ENVELOPE % (page, size, more, total, write(ids[first : first + size]))


def row_envelope(parameters: Parameters, limit: int, rows: Sequence[Row]) -> bytes:
    """Return one page of rows that are written for this answer only.

    Raises:
        ApiError: 400 when page or size is out of range.
    """
    return envelope(
        parameters, limit, range(len(rows)), lambda places: b",".join(encode_row(rows[place]) for place in places)
    )


def row_answer(row: Row) -> Response:
    """Return one row as an answer."""
    return json_bytes(encode_row(row))


def _positive(parameters: Parameters, name: str, default: int) -> int:
    number = parameters.whole(name)
    if number is None:
        return default
    if number < 1:
        raise bad_value(name, "The field must be greater than 0.")
    return number
