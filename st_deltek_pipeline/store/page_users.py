"""Who may open pages in a browser, and who has: names with hashed passwords, and hashed session tokens, in the vault's schema.

Nothing here can be turned back into a password or a session. How they are hashed is ``services.page_users``.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.engine import Row


@dataclass(frozen=True)
class StoredUser:
    """A user.

    Attributes:
        cost: The hash's work factor, scrypt's N.
        connections: Which they may see; ``None`` means all.
    """

    name: str
    salt: bytes = field(repr=False)
    password_hash: bytes = field(repr=False)
    cost: int
    connections: tuple[str, ...] | None
    created_at: datetime | None = None


def put_user(engine: Engine, user: StoredUser) -> bool:
    """Store a user in place of one with that name, whose sessions end.

    Returns:
        Whether there was one.
    """
    with engine.begin() as db:
        before = db.execute(text("DELETE FROM vault.page_users WHERE name = :name"), {"name": user.name}).rowcount
        db.execute(
            text(
                """
                INSERT INTO vault.page_users (name, salt, password_hash, cost, connections)
                VALUES (:name, :salt, :password_hash, :cost, :connections)
                """
            ),
            {
                "name": user.name,
                "salt": user.salt,
                "password_hash": user.password_hash,
                "cost": user.cost,
                "connections": None if user.connections is None else list(user.connections),
            },
        )
    return before > 0


def remove_user(engine: Engine, name: str) -> bool:
    """Forget a user, and end their sessions.

    Returns:
        Whether there was one.
    """
    with engine.begin() as db:
        return db.execute(text("DELETE FROM vault.page_users WHERE name = :name"), {"name": name}).rowcount > 0


def users(engine: Engine) -> list[StoredUser]:
    """Return everybody, by name."""
    with engine.connect() as db:
        rows = db.execute(text(f"{_SELECT} ORDER BY name"))
        return [_user(row) for row in rows]


def find_user(engine: Engine, name: str) -> StoredUser | None:
    """Return one user."""
    with engine.connect() as db:
        row = db.execute(text(f"{_SELECT} WHERE name = :name"), {"name": name}).one_or_none()
    return None if row is None else _user(row)


def any_user(engine: Engine) -> bool:
    """Say whether anybody may log in."""
    with engine.connect() as db:
        return bool(db.execute(text("SELECT EXISTS (SELECT FROM vault.page_users)")).scalar())


def open_session(engine: Engine, user: str, token_hash: bytes, lasts: timedelta) -> None:
    """Keep a session, and forget those that have expired.

    Args:
        engine: The database.
        user: Whose.
        token_hash: SHA-256 of its token.
        lasts: For how long.
    """
    with engine.begin() as db:
        db.execute(text("DELETE FROM vault.page_sessions WHERE expires_at < now()"))
        db.execute(
            text(
                """
                INSERT INTO vault.page_sessions (token_hash, user_name, expires_at)
                VALUES (:token_hash, :user, now() + :lasts)
                """
            ),
            {"token_hash": token_hash, "user": user, "lasts": lasts},
        )


def user_of_session(engine: Engine, token_hash: bytes) -> StoredUser | None:
    """Return whose a session is; nobody's once it has expired."""
    with engine.connect() as db:
        row = db.execute(
            text(
                f"""
                {_SELECT} JOIN vault.page_sessions AS session ON session.user_name = name
                WHERE session.token_hash = :token_hash AND session.expires_at > now()
                """
            ),
            {"token_hash": token_hash},
        ).one_or_none()
    return None if row is None else _user(row)


def end_session(engine: Engine, token_hash: bytes) -> None:
    """Forget a session."""
    with engine.begin() as db:
        db.execute(text("DELETE FROM vault.page_sessions WHERE token_hash = :token_hash"), {"token_hash": token_hash})


_SELECT = """
    SELECT page_users.name, page_users.salt, page_users.password_hash, page_users.cost, page_users.connections,
           page_users.created_at
    FROM vault.page_users
"""


def _user(row: Row[Any]) -> StoredUser:
    allowed = None if row.connections is None else tuple(row.connections)
    return StoredUser(row.name, bytes(row.salt), bytes(row.password_hash), row.cost, allowed, row.created_at)
