"""Logging in and out. Fails closed: without a user nobody gets in, and whatever is odd about a request ends it."""

import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qs, quote, urlsplit

from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.pages.rendering import render
from st_deltek_pipeline.services.page_users import (
    SESSION_LASTS,
    PageUser,
    could_be_a_name,
    form_token,
    log_in,
    log_out,
    user_of,
)
from st_deltek_pipeline.site import answers
from st_deltek_pipeline.site.throttle import Throttle
from st_deltek_pipeline.site.workers import Workers
from st_deltek_pipeline.store.page_users import any_user

ROOT = "/close"
LOGIN, LOGOUT = f"{ROOT}/login", f"{ROOT}/logout"

_SESSION_COOKIE, _FORM_COOKIE = "st-deltek-close", "st-deltek-login"
_LARGEST_FORM = 8 << 10
_MOST_FIELDS = 8
_TOKEN_BYTES = 24
_WRONG = "Name and password do not go together."


class FormError(Exception):
    """A form that none of our pages sends."""


class Login:
    """Knows who has logged in.

    Args:
        engine: The database.
        secure: People come here by https.
        proxies: Addresses of proxies whose word about the sender is taken.
        throttle: Counts attempts.
    """

    def __init__(
        self, engine: Engine, *, secure: bool, proxies: frozenset[str] = frozenset(), throttle: Throttle | None = None
    ) -> None:
        self._engine = engine
        self._secure = secure
        self._proxies = proxies
        self._throttle = throttle or Throttle()
        # A password costs a tenth of a GiB and half a second of a core: one at a time.
        self._workers = Workers("close-login", threads=1, waiting=8, seconds=20)

    def stop(self) -> None:
        """Begin nothing more."""
        self._workers.stop()

    def user(self, request: Request) -> tuple[PageUser, str] | None:
        """Return who has sent a request, and their session's token; blocks on the database."""
        token = request.cookies.get(self._cookie_name, "")
        found = user_of(self._engine, token) if token else None
        return None if found is None else (found, token)

    def stranger(self, request: Request) -> Response:
        """Answer somebody who has not logged in; blocks on the database."""
        if not any_user(self._engine):
            return answers.words(
                answers.FORBIDDEN,
                "Nobody may open these pages yet",
                "Whoever runs this program has to let somebody in first. On the machine it runs on:",
                "st-deltek close user add NAME",
            )
        if request.headers.get("sec-fetch-site") == "cross-site":
            # A link from elsewhere brings no cookie that is for this site only; asking again from here does.
            return answers.page(render("again.html"))
        return answers.lead_to(f"{LOGIN}?to={quote(request.url.path, safe='/')}")

    async def show(self, request: Request) -> Response:
        """Show the form."""
        return self._form(_ours(request.query_params.get("to", ROOT)))

    async def submit(self, request: Request) -> Response:
        """Look at a name and a password."""
        try:
            form = await read_form(request)
        except FormError as error:
            return answers.words(answers.BAD_REQUEST, "That is not our form", str(error))
        to = _ours(form.get("to", ROOT))
        sent, cookie = form.get("token", ""), request.cookies.get(_FORM_COOKIE, "")
        if not cookie or not hmac.compare_digest(sent.encode(), cookie.encode()):
            return self._form(to, "The form was too old. Please try once more.", answers.FORBIDDEN)
        name, password = form.get("name", "").strip(), form.get("password", "")
        if not could_be_a_name(name):
            # There is no such user. Neither the throttle's memory nor the database is for whatever somebody sends.
            return self._form(to, _WRONG, answers.FORBIDDEN)
        address = self._address(request)
        wait = self._throttle.attempt(name, address)
        if wait > 0:
            answer = self._form(to, f"Too many attempts. Try again in {_span(wait)}.", answers.TOO_MANY)
            answer.headers["retry-after"] = str(int(wait) + 1)
            return answer
        try:
            token = await self._workers.run(lambda: log_in(self._engine, name, password))
        except TransientError:
            self._throttle.given_back(name, address)
            raise
        if token is None:
            return self._form(to, _WRONG, answers.FORBIDDEN)
        self._throttle.succeeded(name, address)
        answer = answers.lead_to(to)
        answer.delete_cookie(_FORM_COOKIE, path=LOGIN)
        answer.set_cookie(
            self._cookie_name,
            token,
            max_age=int(SESSION_LASTS.total_seconds()),
            path=self._cookie_path,
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    async def leave(self, request: Request) -> Response:
        """Log out."""
        try:
            form = await read_form(request)
        except FormError as error:
            return answers.words(answers.BAD_REQUEST, "That is not our form", str(error))
        token = request.cookies.get(self._cookie_name, "")
        if not token or not hmac.compare_digest(form.get("token", "").encode(), form_token(token).encode()):
            return answers.words(answers.FORBIDDEN, "That is not our form", "Open the page again, and log out there.")
        await self._workers.run(lambda: log_out(self._engine, token))
        answer = answers.lead_to(LOGIN)
        answer.delete_cookie(self._cookie_name, path=self._cookie_path, secure=self._secure, httponly=True)
        return answer

    @property
    def _cookie_name(self) -> str:
        # Browsers hold such a cookie to this host and to https, whatever another host of the domain sets.
        return f"__Host-{_SESSION_COOKIE}" if self._secure else _SESSION_COOKIE

    @property
    def _cookie_path(self) -> str:
        return "/" if self._secure else ROOT

    def _form(self, to: str, problem: str = "", status: int = answers.OK) -> Response:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        answer = answers.page(render("login.html", action=LOGIN, token=token, to=to, problem=problem), status)
        answer.set_cookie(
            _FORM_COOKIE, token, path=LOGIN, secure=self._secure, httponly=True, samesite="strict", max_age=3600
        )
        return answer

    def _address(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        if peer in self._proxies:
            # The last one is what our own proxy has seen; whatever stands before it may be invented.
            return request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip() or peer
        return peer


async def read_form(request: Request) -> Mapping[str, str]:
    """Read a form that one of our own pages has sent.

    Raises:
        FormError: Another site has sent it, it is too large, or no form.
    """
    if not _same_origin(request):
        message = "It came from another site."
        raise FormError(message)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        message = "It is no form."
        raise FormError(message)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            message = "It is too large."
            raise FormError(message)
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        message = "It cannot be read."
        raise FormError(message) from None
    return {name: values[-1] for name, values in fields.items()}


def _same_origin(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def _ours(path: str) -> str:
    """Return a path of ours; anything else becomes the first page."""
    parts = urlsplit(path)
    plain = not parts.scheme and not parts.netloc and not parts.query and "\\" not in path and path.isprintable()
    return path if plain and (path == ROOT or path.startswith(f"{ROOT}/")) else ROOT


def _span(seconds: float) -> str:
    whole = int(seconds) + 1
    minute = 60
    return f"{whole} s" if whole <= minute else f"{-(-whole // minute)} min"
