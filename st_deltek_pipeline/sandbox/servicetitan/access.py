"""Who may call: access tokens, the app key, the tenant, scopes and the rate limit (servicetitan.md sections 1 and 5)."""

import hmac
import math
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import Response

from st_deltek_pipeline.sandbox.contractor.world import ServiceTitanWorld
from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError, json_bytes
from st_deltek_pipeline.sandbox.servicetitan.switches import ServiceTitanSwitches

_ONE_SECOND = 1.0
_BEARER = "bearer "
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class _Token:
    expires_at: float
    scopes: frozenset[str]


class Access:
    """Issues tokens and admits calls.

    Args:
        world: The tenant with its credentials.
        switches: Returns the switches in force.
        clock: Seconds on a clock that never goes back.
    """

    def __init__(
        self,
        world: ServiceTitanWorld,
        switches: Callable[[], ServiceTitanSwitches],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._world = world
        self._switches = switches
        self._clock = clock
        self._tokens: dict[str, _Token] = {}
        self._accepted: deque[float] = deque()

    def expire_tokens(self) -> int:
        """Let every issued token lapse now, and return how many there were."""
        count = len(self._tokens)
        self._tokens.clear()
        return count

    def issue(self, content_type: str, body: bytes) -> Response:
        """Answer ``POST /connect/token``: OAuth client credentials, form-urlencoded."""
        if not content_type.lower().startswith(_FORM):
            return _refused("invalid_request")
        form = dict(parse_qsl(body.decode("latin-1")))
        if not form.get("grant_type"):
            return _refused("invalid_request")
        if form["grant_type"] != "client_credentials":
            return _refused("unsupported_grant_type")
        known = _same(form.get("client_id", ""), self._world.client_id)
        if not (known and _same(form.get("client_secret", ""), self._world.client_secret)):
            return _refused("invalid_client")
        switches = self._switches()
        token = secrets.token_urlsafe(48)
        self._tokens[token] = _Token(self._clock() + switches.token_seconds, frozenset(switches.scopes))
        answer = {
            "access_token": token,
            "expires_in": switches.token_seconds,
            "token_type": "Bearer",
            "scope": " ".join(switches.scopes),
        }
        return json_bytes(msgspec.json.encode(answer), headers={"Cache-Control": "no-store"})

    def admit(self, headers: Mapping[str, str], tenant: int, scope: str) -> None:
        """Let a call pass, or refuse it.

        Args:
            headers: Of the request, with case-insensitive names.
            tenant: From the path.
            scope: Needed for it, such as ``tn.acc.invoices:r``.

        Raises:
            ApiError: 401, 429 or 403.
        """
        if not _same(headers.get("st-app-key", ""), self._world.app_key):
            raise ApiError(401, "Access denied due to a missing or invalid application key (ST-App-Key).")
        token = self._token(headers.get("authorization", ""))
        self._count()
        if tenant != self._world.tenant_id:
            raise ApiError(403, f"Tenant {tenant} has not connected this application.")
        if scope not in token.scopes:
            raise ApiError(403, f"The application lacks the scope {scope}.")

    def _token(self, authorization: str) -> _Token:
        # The official sample sends the bare token, most clients "Bearer ...": both are right.
        value = authorization[len(_BEARER) :] if authorization.lower().startswith(_BEARER) else authorization
        token = self._tokens.get(value.strip())
        if token is None or token.expires_at <= self._clock():
            raise ApiError(401, headers={"WWW-Authenticate": "Bearer"})
        return token

    def _count(self) -> None:
        switches, now = self._switches(), self._clock()
        while self._accepted and self._accepted[0] <= now - _ONE_SECOND:
            self._accepted.popleft()
        if switches.rate_limit and len(self._accepted) >= switches.rate_limit:
            seconds = max(1, math.ceil(self._accepted[0] + _ONE_SECOND - now))
            headers = {"Retry-After": str(seconds)} if switches.send_retry_after else {}
            # Clients read the number from the second-last word of the title (servicetitan.md section 5).
            raise ApiError(429, f"Rate limit is exceeded. Try again in {seconds} seconds.", headers=headers)
        self._accepted.append(now)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _refused(error: str) -> Response:
    return json_bytes(msgspec.json.encode({"error": error}), status=400)
