"""What ``st-deltek database roles`` does, in our database and in Dagster's own where it has one."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError

from st_deltek_pipeline.domain.errors import (
    ConfigurationError,
    CredentialsError,
    PermissionMissingError,
    TransientError,
)
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import database_url, engine_for, postgres_url_for_dagster
from st_deltek_pipeline.store.migrate import current_revision
from st_deltek_pipeline.store.roles import Role, apply_login, apply_roles, read_catalogue, role_statements


def sql_for(settings: Settings) -> list[str]:
    """Write what ``apply_to`` would execute, for somebody who would rather do it themselves.

    Args:
        settings: The installation.

    Returns:
        Statements; with a database of Dagster's own, those for it after a comment that says so.
    """
    application, *dagsters = _urls(settings)
    with _opened(application) as connection:
        found = read_catalogue(connection)
        written = role_statements(found, found.database)
    for url in dagsters:
        with _opened(url, of_dagster=True) as connection:
            theirs = read_catalogue(connection, found.database)
            written.append(f"-- In the database {theirs.database}, as the statements above have created the roles")
            written += [line for line in role_statements(theirs, found.database) if not line.startswith("CREATE ROLE")]
    return written


def apply_to(settings: Settings, logins: Sequence[str]) -> dict[str, Any]:
    """Create the roles with their rights, and logins for them.

    Args:
        settings: The installation, by the login of somebody who may do so.
        logins: ``ROLE=FILE``; the file holds the database URL that this login will use.

    Returns:
        ``roles`` and ``logins`` (login to role), for printing.

    Raises:
        ConfigurationError: A login is not ``ROLE=FILE``, its file holds no such URL, or the schema is not there yet.
        PermissionMissingError: Who is logged in may not do it, or a login may do more than its role.
    """
    wanted = [_login(each) for each in logins]
    application, *dagsters = _urls(settings)
    with _opened(application) as connection:
        name = read_catalogue(connection).database
        apply_roles(connection)
        for role, user, password in wanted:
            apply_login(connection, role, user, password, name)
        connection.commit()
    for url in dagsters:
        with _opened(url, of_dagster=True) as connection:
            apply_roles(connection, name)
            connection.commit()
    members: Mapping[str, str] = {user: role.of(name) for role, user, _ in wanted}
    return {"database": name, "roles": [role.of(name) for role in Role], "logins": dict(members)}


def _urls(settings: Settings) -> list[str]:
    ours, dagsters = database_url(settings), postgres_url_for_dagster(settings)
    places = [
        (parts.host, parts.port, parts.database, parts.query.get("host")) for parts in map(make_url, (ours, dagsters))
    ]
    return [ours] if places[0] == places[1] else [ours, dagsters]


@contextmanager
def _opened(url: str, *, of_dagster: bool = False) -> Generator[Connection]:
    engine = engine_for(url)
    try:
        if not of_dagster and current_revision(engine) is None:
            message = f"The database {engine.url.database} has no schema of ours yet."
            raise ConfigurationError(
                message, advice="Run first: st-deltek database migrate && dagster instance migrate"
            )
        with engine.connect() as connection:
            yield connection
    except OperationalError as error:
        message = f"The database {engine.url.database} cannot be used: {' '.join(str(error.orig).split())}"
        raise TransientError(message, advice="Check that the server runs and lets this login in.") from None
    except ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        message = f"{engine.url.username} may not set up the roles: {' '.join(str(error.orig).split())}."
        advice = "Use a login that may create roles and owns the tables, or give the printed SQL to who has one."
        raise PermissionMissingError(message, advice=advice) from None
    finally:
        engine.dispose()


def _login(word: str) -> tuple[Role, str, str]:
    name, _, path = word.partition("=")
    if name not in set(Role) or not path:
        message = f"{word!r} is not a login."
        raise ConfigurationError(message, advice=f"Write ROLE=FILE, the role one of {', '.join(Role)}.")
    try:
        url = make_url(Path(path).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError, ArgumentError, ValueError):
        # The text of the error may quote the URL.
        url = None
    if url is None or not url.username or not url.drivername.startswith("postgres"):
        message = f"The file {path} does not hold a PostgreSQL URL with a user."
        raise ConfigurationError(
            message,
            advice="Write into it: postgresql://USER:PASSWORD@HOST:5432/DATABASE",  # pragma: allowlist secret
        )  # pragma: allowlist secret
    if not url.password:
        message = f"The URL in {path} has no password for {url.username}."
        raise CredentialsError(message, advice="Write one into it, between the user and the @.")
    return Role(name), url.username, str(url.password)
