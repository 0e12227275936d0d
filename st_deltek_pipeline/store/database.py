"""Which database the program uses: the server named in the settings, or the embedded one.

Schema changes are in ``migrate``, the embedded server in ``embedded``.
"""

import time

import psycopg2
import psycopg2.errors
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DisconnectionError, OperationalError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry

from st_deltek_pipeline.domain.errors import (
    ConfigurationError,
    CredentialsError,
    PermissionMissingError,
    TransientError,
)
from st_deltek_pipeline.settings import DAGSTER_DATABASE_URL_VARIABLE, DATABASE_URL_VARIABLE, Settings
from st_deltek_pipeline.store.embedded import DAGSTER_DATABASE, EmbeddedPostgres
from st_deltek_pipeline.store.migrate import migrate

_DRIVER = "postgresql+psycopg2"
_ACCEPTED_SCHEMES = frozenset({"postgres", "postgresql", _DRIVER})
_CONNECT_SECONDS = 10
_PAUSE_SECONDS = 1
_IDLE_SINCE = "st_deltek_idle_since"
# Dagster's log is the monitor, not the audit book: a power cut may cost its last second. It commits after every event,
# and waiting for the disk each time took a fifth of a run. The journal has a database of its own, which always waits.
_DAGSTER_SESSION_OPTIONS = "-c synchronous_commit=off"
# A hung statement must end before Dagster's run monitoring gives up on the run.
_SESSION_OPTIONS = "-c statement_timeout=600s -c lock_timeout=60s -c idle_in_transaction_session_timeout=900s"


def database_url(settings: Settings) -> str:
    """Return the URL of the application's database, starting the embedded server when no other is named.

    Args:
        settings: The installation.

    Returns:
        ``postgresql+psycopg2://...``, with the password in it: never print it.

    Raises:
        ConfigurationError: The URL is not one of PostgreSQL.
    """
    if settings.database_url:
        return _normalised(settings.database_url, DATABASE_URL_VARIABLE)
    return EmbeddedPostgres(settings.data_dir).ensure_running()


def postgres_url_for_dagster(settings: Settings) -> str:
    """Return the URL of the database Dagster keeps its runs and events in.

    A named server is shared (Dagster's tables in ``public``, ours in named schemas) unless
    ``ST_DELTEK_DAGSTER_DATABASE_URL`` names another; the embedded server has a database of its own for Dagster.

    Args:
        settings: The installation.

    Returns:
        ``postgresql+psycopg2://...``, with the password in it: never print it.

    Raises:
        ConfigurationError: The URL is not one of PostgreSQL.
    """
    if settings.dagster_database_url:
        return _normalised(settings.dagster_database_url, DAGSTER_DATABASE_URL_VARIABLE)
    if settings.database_url:
        return _normalised(settings.database_url, DATABASE_URL_VARIABLE)
    embedded = EmbeddedPostgres(settings.data_dir)
    embedded.ensure_running()
    url = make_url(embedded.url(DAGSTER_DATABASE)).update_query_dict({"options": _DAGSTER_SESSION_OPTIONS})
    return url.render_as_string(hide_password=False)


def open_database(settings: Settings) -> Engine:
    """Open the application's database as it is, without touching its schema.

    Args:
        settings: The installation.

    Returns:
        An engine with a small pool; dispose of it when done.

    Raises:
        ConfigurationError: The URL is not one of PostgreSQL.
    """
    return engine_for(database_url(settings))


def engine_for(url: str) -> Engine:
    """Build the engine for a database URL, with our time-outs (statement 600 s, lock 60 s).

    Args:
        url: A PostgreSQL URL.
    """
    engine = create_engine(
        _normalised(url, "The database URL"),
        pool_size=5,
        max_overflow=10,
        pool_recycle=1800,
        connect_args={
            "application_name": "st-deltek",
            "connect_timeout": _CONNECT_SECONDS,
            "options": _SESSION_OPTIONS,
        },
    )
    _ping_after_a_pause(engine)
    return engine


def _ping_after_a_pause(engine: Engine) -> None:
    """Find out whether a connection that lay idle still works, and replace it when it does not.

    SQLAlchemy's own ping asks each time a connection is taken, which was a thirtieth of a run's time.
    """

    @event.listens_for(engine, "checkin")
    def given_back(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_IDLE_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def taken(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        now = time.monotonic()
        if now - record.info.get(_IDLE_SINCE, now) < _PAUSE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg2.Error as error:
            raise DisconnectionError from error


def ready_database(settings: Settings) -> Engine:
    """Open the application's database and bring its schema up to date.

    Args:
        settings: The installation.

    Returns:
        An engine with a small pool; dispose of it when done.

    Raises:
        ConfigurationError: The URL is wrong, the database does not exist, or it is newer than this code.
        CredentialsError: The server does not accept the user or password.
        PermissionMissingError: The schema is behind, and this login may not change it.
        TransientError: The server cannot be reached.
    """
    engine = open_database(settings)
    try:
        migrate(engine)
    except OperationalError as error:
        engine.dispose()
        raise _explained(error, engine.url) from None
    except ProgrammingError as error:
        engine.dispose()
        if not isinstance(error.orig, psycopg2.errors.InsufficientPrivilege):
            raise
        message = (
            f"The schema of database {engine.url.database!r} is behind, and {engine.url.username} may not change it."
        )
        advice = "As the login for schema changes, run: st-deltek database migrate"
        raise PermissionMissingError(message, advice=advice) from None
    except BaseException:
        engine.dispose()
        raise
    return engine


def _normalised(url: str, source: str) -> str:
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        parts = None
    if parts is None or parts.drivername not in _ACCEPTED_SCHEMES:
        message = f"{source} is not a PostgreSQL URL."
        raise ConfigurationError(message, advice="Write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE")
    return parts.set(drivername=_DRIVER).render_as_string(hide_password=False)


def _explained(error: OperationalError, url: URL) -> ConfigurationError | CredentialsError | TransientError:
    where = f"The database {url.database!r} at {url.host or url.query.get('host', 'the local socket')}"
    words = " ".join(str(error.orig).split()) if isinstance(error.orig, psycopg2.Error) else ""
    if "does not exist" in words and "database" in words:
        return ConfigurationError(f"{where} does not exist.", advice=f"Create it, or correct {DATABASE_URL_VARIABLE}.")
    if "authentication failed" in words or "no pg_hba.conf entry" in words or "role" in words:
        return CredentialsError(f"{where} does not let us in: {words}", advice=f"Correct {DATABASE_URL_VARIABLE}.")
    return TransientError(f"{where} cannot be reached: {words}", advice="Check that the server runs and is reachable.")
