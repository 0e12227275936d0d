"""One request on its way to a resource, and what the resource answers. HTTP itself is in ``app``."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import errors
from st_deltek_pipeline.sandbox.vantagepoint.conventions import Parameters, Query, parse_query, select, without_hidden
from st_deltek_pipeline.sandbox.vantagepoint.errors import ApiError
from st_deltek_pipeline.sandbox.vantagepoint.ledger import Ledger
from st_deltek_pipeline.sandbox.vantagepoint.state import VantagepointState

OK = 200
CREATED = 201
_BAD_REQUEST = 400
_FORBIDDEN = 403
_NOT_FOUND = 404


@dataclass(frozen=True)
class Call:
    """One request of a signed-in user.

    Attributes:
        state, ledger: The twin's data.
        user: Whose token it carries.
        path: Parts of the path that name a record.
        parameters: Query string, or the form body of a long query sent as POST.
        body: As it came.
    """

    state: VantagepointState
    ledger: Ledger
    user: str
    path: dict[str, str]
    parameters: Parameters = ()
    body: bytes = b""

    def query(self, *, entry_or_ledger: bool = False) -> Query:
        """Read the list parameters (``conventions.parse_query``)."""
        return parse_query(self.parameters, self.state.switches, entry_or_ledger=entry_or_ledger)

    def json(self) -> Any:  # noqa: ANN401 - whatever the client sent
        """Return the body; a number with a fraction is a Decimal.

        Raises:
            ApiError: 400, the body is not JSON.
        """
        try:
            return json.loads(self.body, parse_float=Decimal, parse_constant=_refuse_constant)
        except (ValueError, ArithmeticError, RecursionError):
            raise ApiError(_BAD_REQUEST, "The request body is not valid JSON.") from None

    def require(self, *, allowed: bool) -> None:
        """Go on only when the user's role allows it.

        Raises:
            ApiError: 403.
        """
        if not allowed:
            raise ApiError(_FORBIDDEN, errors.NOT_PERMITTED)


@dataclass(frozen=True)
class Answer:
    """What goes back: rows, or a text for the one endpoint that answers a JSON string."""

    content: list[Row] | str
    status: int = OK
    headers: dict[str, str] = field(default_factory=dict[str, str])


def list_answer(call: Call, rows: list[Row], resource: str, *, entry_or_ledger: bool = False) -> Answer:
    """Answer a list as it was asked for."""
    query = call.query(entry_or_ledger=entry_or_ledger)
    return Answer(select(rows, query, call.state.switches, resource))


def record_answer(call: Call, row: Row | None, resource: str) -> Answer:
    """Answer one record, or 404.

    Raises:
        ApiError: There is no such record.
    """
    if row is None:
        raise ApiError(_NOT_FOUND, errors.NOT_FOUND)
    query = call.query()
    shaped = select([row], Query(fields=query.fields), call.state.switches, resource)
    return Answer(shaped)


def written_answer(call: Call, row: Row, resource: str, *, status: int = OK, location: str = "") -> Answer:
    """Answer a write with the record it made or changed."""
    headers = {"Location": location} if location else {}
    return Answer([without_hidden(row, call.state.switches, resource)], status, headers)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)
