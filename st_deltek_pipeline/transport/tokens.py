"""One access token per client: fetched once for all threads, renewed before it lapses. How is the clients' business."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from st_deltek_pipeline.domain.errors import BrokenError, CredentialsError
from st_deltek_pipeline.transport.answers import Answer
from st_deltek_pipeline.transport.options import Timing

_EARLY_SECONDS = 60.0
_REFUSAL_SECONDS = 60.0


class TokenRefusedError(CredentialsError):
    """A call was answered 401: its token is not accepted (any more)."""


@dataclass(frozen=True)
class Token:
    """An access token; its repr shows nothing.

    Attributes:
        value: What goes into the ``Authorization`` header.
        seconds: How long it lives.
        refresh: What it can be renewed with, where the system gives one.
        scopes: What it allows, where the system says so.
    """

    value: str = field(repr=False)
    seconds: float
    refresh: str | None = field(default=None, repr=False)
    scopes: frozenset[str] | None = None


def token_of(answer: Answer, body: object) -> Token:
    """Read a token endpoint's answer.

    Args:
        answer: For messages.
        body: Its JSON.

    Returns:
        The token, safe to put into a header.

    Raises:
        BrokenError: No token, or one that cannot be a header, or a lifetime that is none.
    """
    members: dict[str, object] = {}
    if isinstance(body, dict):
        members = {str(key).lower(): value for key, value in body.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    value, lifetime, refresh = members.get("access_token"), members.get("expires_in"), members.get("refresh_token")
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable() or " " in value:
        message = f"{answer.system} answered the sign-in with status {answer.status} but without a usable access token."
        raise BrokenError(message, advice="Check the sign-in URL in the connection.")
    try:
        seconds = float(str(lifetime))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        message = f"{answer.system} answered the sign-in with a token that has no lifetime (expires_in)."
        raise BrokenError(message)
    answer.redactor.learn(value, *([refresh] if isinstance(refresh, str) else []))
    scope = members.get("scope")
    scopes = frozenset(scope.split()) if isinstance(scope, str) and scope.strip() else None
    return Token(value, seconds, refresh if isinstance(refresh, str) and refresh else None, scopes)


class TokenCache:
    """Hands out the current token; one thread fetches while the others wait for it.

    Refused credentials are not tried again for a minute: every try counts towards a lock-out.

    Args:
        fetch: Gets a new token; it is given the lapsing one, whose refresh token may still be good, or
            ``None`` when there is none or it was refused.
        timing: Clocks.
    """

    def __init__(self, fetch: Callable[[Token | None], Token], timing: Timing) -> None:
        self._fetch = fetch
        self._monotonic = timing.monotonic
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0
        self._refusal: CredentialsError | None = None
        self._refused_until = 0.0

    def current(self) -> str:
        """Give a token that is good for a minute at least (for half its life, when that is shorter).

        Raises:
            CredentialsError: The system does not accept our credentials.
            TransientError: It cannot be reached now.
        """
        with self._lock:
            if self._token is not None and self._monotonic() < self._renew_at:
                return self._token.value
            if self._refusal is not None and self._monotonic() < self._refused_until:
                raise CredentialsError(self._refusal.message, advice=self._refusal.advice)
            asked_at = self._monotonic()
            try:
                token = self._fetch(self._token)
            except CredentialsError as error:
                self._token, self._refusal = None, error
                self._refused_until = self._monotonic() + _REFUSAL_SECONDS
                raise
            self._token, self._refusal = token, None
            # Counted from before asking, since the token's life began somewhere in between.
            self._renew_at = asked_at + max(token.seconds - _EARLY_SECONDS, token.seconds / 2)
            return token.value

    def scopes(self) -> frozenset[str] | None:
        """Say what the current token allows; ``None`` where the system does not tell.

        Raises:
            CredentialsError, TransientError: As ``current``.
        """
        self.current()
        with self._lock:
            return self._token.scopes if self._token is not None else None

    def forget(self, value: str) -> None:
        """Drop a token that was refused, unless another thread has replaced it already."""
        with self._lock:
            if self._token is not None and self._token.value == value:
                self._token = None
