"""The token endpoint and the bearer tokens it gave out (vantagepoint.md section 1).

Tokens live in this process only: after a restart every client signs in again.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import errors
from st_deltek_pipeline.sandbox.vantagepoint.errors import ApiError, TokenError
from st_deltek_pipeline.sandbox.vantagepoint.state import VantagepointState

_SCHEME = "bearer"
_INVALID_GRANT = "invalid_grant"
_INVALID_CLIENT = "invalid_client"
_UNAUTHORIZED = 401


@dataclass(frozen=True)
class _AccessToken:
    user: str
    expires: datetime


class Tokens:
    """Gives out tokens and knows whose they are."""

    def __init__(self, state: VantagepointState) -> None:
        self._state = state
        self._access: dict[str, _AccessToken] = {}
        self._refresh: dict[str, str] = {}

    def answer(self, body: bytes) -> Row:
        """Answer a token request.

        Args:
            body: The form, its field names in any case.

        Raises:
            TokenError: The request is refused.
        """
        form = {name.lower(): value for name, value in parse_qsl(body.decode(errors="replace"), keep_blank_values=True)}
        grant = form.get("grant_type", "").lower()
        if grant not in {"password", "refresh_token"}:
            error = "unsupported_grant_type" if grant else "invalid_request"
            raise TokenError(error, f"The grant type '{grant}' is not supported.")
        self._check_client(form)
        user = self._user_by_password(form) if grant == "password" else self._user_by_refresh_token(form)
        if user in self._state.switches.disabled_users:
            raise TokenError(_INVALID_GRANT, errors.LOGIN_DISABLED)
        if grant == "refresh_token" and not self._state.switches.refresh_token_reusable:
            del self._refresh[form["refresh_token"]]
        return self._issue(user)

    def user_of(self, authorization: str | None) -> str:
        """Return whose token a request carries.

        Raises:
            ApiError: 401, without a token, with an unknown one, or with an expired one.
        """
        scheme, _, value = (authorization or "").partition(" ")
        token = self._access.get(value.strip()) if scheme.lower() == _SCHEME else None
        if token is None or token.expires <= self._state.clock():
            raise ApiError(_UNAUTHORIZED, errors.NOT_AUTHENTICATED)
        return token.user

    def lapse(self) -> None:
        """Let every access token lapse now; refresh tokens stay."""
        self._access.clear()

    def _check_client(self, form: Mapping[str, str]) -> None:
        world = self._state.world
        given = (form.get("client_id", ""), form.get("client_secret", ""))
        if given != (world.client_id, world.client_secret):
            raise TokenError(_INVALID_CLIENT, errors.CLIENT_INVALID)
        if form.get("database", "") != world.database:
            raise TokenError(_INVALID_GRANT, errors.DATABASE_INVALID)

    def _user_by_password(self, form: Mapping[str, str]) -> str:
        allowed = self._state.switches.password_grant
        if allowed != "on":
            raise TokenError(allowed, errors.PASSWORD_GRANT_OFF)
        user = form.get("username", "")
        if not user or self._state.users.get(user) != form.get("password"):
            raise TokenError(_INVALID_GRANT, errors.LOGIN_INVALID)
        return user

    def _user_by_refresh_token(self, form: Mapping[str, str]) -> str:
        user = self._refresh.get(form.get("refresh_token", ""))
        if user is None:
            raise TokenError(_INVALID_GRANT, errors.REFRESH_TOKEN_INVALID)
        return user

    def _issue(self, user: str) -> Row:
        self._state.session(user)
        now = self._state.clock()
        seconds = self._state.switches.token_seconds
        self._access = {key: token for key, token in self._access.items() if token.expires > now}
        access, refresh = secrets.token_urlsafe(64), secrets.token_urlsafe(32)
        self._access[access] = _AccessToken(user, now + timedelta(seconds=seconds))
        self._refresh[refresh] = user
        return {"access_token": access, "token_type": _SCHEME, "expires_in": seconds, "refresh_token": refresh}
