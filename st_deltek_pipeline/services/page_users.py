"""Passwords and sessions of those who may open pages: hashed with scrypt, compared in constant time, never stored.

How often somebody may try is the web server's business (``site.throttle``).
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.store.page_users import (
    StoredUser,
    end_session,
    find_user,
    open_session,
    put_user,
    user_of_session,
)

SESSION_LASTS = timedelta(hours=12)
"""A working day; then one logs in again."""

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 200
LONGEST_NAME = 64

# OWASP's password storage cheat sheet: scrypt with N = 2^17, r = 8, p = 1 (128 MiB for a moment).
_COST, _BLOCK, _LANES = 1 << 17, 8, 1
_SALT_BYTES, _HASH_BYTES, _TOKEN_BYTES = 16, 32, 32
_SLACK_BYTES = 1 << 20
_PASSWORD_BYTES = 18


@dataclass(frozen=True)
class PageUser:
    """Somebody who has logged in.

    Attributes:
        connections: Which they may see; ``None`` means all.
    """

    name: str
    connections: tuple[str, ...] | None

    def may_see(self, connection: str) -> bool:
        """Say whether they may see a connection."""
        return self.connections is None or connection in self.connections


def new_password() -> str:
    """Make a password that nobody can guess."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def could_be_a_name(name: str) -> bool:
    """Say whether a user can be called so: nothing that cannot be seen, no blanks around it, and not too long."""
    return bool(name) and name == name.strip() and name.isprintable() and len(name) <= LONGEST_NAME


def add_user(engine: Engine, name: str, password: str, connections: Sequence[str] = (), *, cost: int = _COST) -> bool:
    """Let somebody in, or give them another password and other connections.

    Args:
        engine: The database.
        name: What they type.
        password: Likewise.
        connections: Which they may see; all when empty.
        cost: Work factor of the hash, a power of two.

    Returns:
        Whether they were let in before; their sessions have ended then.

    Raises:
        ConfigurationError: The name or the password cannot be one; the password is never repeated.
    """
    if not could_be_a_name(name):
        message = "That cannot be a user's name."
        raise ConfigurationError(message, advice=f"Use up to {LONGEST_NAME} letters, without blanks around them.")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        message = f"The password has {len(password)} characters."
        advice = f"Use {SHORTEST_PASSWORD} to {LONGEST_PASSWORD}, or let one be made: --generate."
        raise ConfigurationError(message, advice=advice)
    salt = secrets.token_bytes(_SALT_BYTES)
    allowed = tuple(dict.fromkeys(connections)) or None
    return put_user(engine, StoredUser(name, salt, _hashed(password, salt, cost), cost, allowed))


def log_in(engine: Engine, name: str, password: str) -> str | None:
    """Open a session.

    Whether there is such a user makes no difference to how long it takes.

    Args:
        engine: The database.
        name: As typed; ``could_be_a_name``.
        password: Likewise.

    Returns:
        The session's token, which is stored nowhere; ``None`` when name and password do not go together.
    """
    user = find_user(engine, name) or _NOBODY
    given = _hashed(password[:LONGEST_PASSWORD], user.salt, user.cost)
    if not hmac.compare_digest(given, user.password_hash) or user is _NOBODY:
        return None
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    open_session(engine, user.name, _token_hash(token), SESSION_LASTS)
    return token


def user_of(engine: Engine, token: str) -> PageUser | None:
    """Return who has logged in with a session; ``None`` when it is none or has expired.

    Args:
        engine: The database.
        token: As the browser sends it.
    """
    found = user_of_session(engine, _token_hash(token))
    return None if found is None else PageUser(found.name, found.connections)


def log_out(engine: Engine, token: str) -> None:
    """End a session.

    Args:
        engine: The database.
        token: As the browser sends it.
    """
    end_session(engine, _token_hash(token))


def form_token(token: str) -> str:
    """Return what a form of this session has to send along: nobody else can make it."""
    return hmac.new(token.encode(), b"form", hashlib.sha256).hexdigest()


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _hashed(password: str, salt: bytes, cost: int) -> bytes:
    memory = 128 * cost * _BLOCK + _SLACK_BYTES
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=_BLOCK, p=_LANES, maxmem=memory, dklen=_HASH_BYTES)


_NOBODY = StoredUser("", bytes(_SALT_BYTES), bytes(_HASH_BYTES), _COST, ())
"""Whom a wrong name is compared with, so that it takes as long as a wrong password."""
