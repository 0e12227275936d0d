"""ServiceTitan's answers: JSON bytes, and the error body with all six keys (servicetitan.md section 5)."""

import uuid
from collections.abc import Mapping, Sequence

import msgspec
from starlette.responses import Response

_TYPES = {
    400: "https://tools.ietf.org/html/rfc9110#section-15.5.1",
    401: "https://tools.ietf.org/html/rfc9110#section-15.5.2",
    403: "https://tools.ietf.org/html/rfc9110#section-15.5.4",
    404: "https://tools.ietf.org/html/rfc9110#section-15.5.5",
    429: "https://tools.ietf.org/html/rfc6585#section-4",
}
_TITLES = {
    400: "One or more validation errors occurred.",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
}


class ApiError(Exception):
    """A refusal of the API.

    Args:
        status: HTTP status.
        title: Text for a person; the usual one of the status when it is empty.
        errors: Field name to messages.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        title: str = "",
        *,
        errors: Mapping[str, Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title or _TITLES.get(status, "Error")
        self.errors = dict(errors or {})
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Return the answer that tells the client."""
        body = {
            "type": _TYPES.get(self.status, "about:blank"),
            "title": self.title,
            "status": self.status,
            "traceId": uuid.uuid4().hex,
            "errors": self.errors,
            "data": {},
        }
        return json_bytes(msgspec.json.encode(body), status=self.status, headers=self.headers)


def bad_value(name: str, message: str) -> ApiError:
    """Return the 400 that names one parameter or field."""
    return ApiError(400, errors={name: [message]})


def json_bytes(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return JSON that is already written as bytes."""
    return Response(body, status_code=status, headers=headers, media_type="application/json")
