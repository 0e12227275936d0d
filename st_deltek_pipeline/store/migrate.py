"""Brings a database's schema up to date with this code, and says when it cannot.

Steps are plain SQL in ``migrations/versions``; there is no way down: a database is restored from its backup.
"""

from pathlib import Path

import psycopg2.errors
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError, TransientError
from st_deltek_pipeline.store.roles import grant_again

VERSION_SCHEMA = "migrations"

_MIGRATIONS = Path(__file__).parent / "migrations"
# Any constant will do, as long as every version of this program uses the same.
_ADVISORY_LOCK = 7_305_219_418_880_201
_LOCK_SECONDS = 120


def known_revisions() -> list[str]:
    """Return the revisions this code knows, oldest first.

    A file's name is its revision and sorts in order, so the common case (nothing to do) needs no Alembic, whose
    import would cost every command a tenth of a second.
    """
    return sorted(path.stem for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def current_revision(engine: Engine) -> str | None:
    """Return the database's revision, or ``None`` for a database without our schema.

    Args:
        engine: The application's database.
    """
    with engine.connect() as connection:
        return _read_revision(connection)


def migrate(engine: Engine) -> None:
    """Bring the database to the newest revision. Safe when several processes do it at once.

    All steps are one transaction: whatever stops it, the database is at the revision it had, or at the newest.

    Args:
        engine: The application's database.

    Raises:
        BrokenError: A step failed; nothing was changed.
        ConfigurationError: The database is newer than this code.
        OperationalError: The connection was lost; nothing was changed.
        TransientError: Another process has been migrating for two minutes, or works with the tables that a step changes.
    """
    known = known_revisions()
    with engine.connect() as connection:
        if _is_newest(connection, known):
            return
        connection.rollback()
        _take_lock(connection)
        try:
            # Whoever had the lock before us has probably done the work.
            if not _is_newest(connection, known):
                connection.rollback()
                _upgrade(connection)
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _ADVISORY_LOCK})
            connection.commit()


def _is_newest(connection: Connection, known: list[str]) -> bool:
    revision = _read_revision(connection)
    if revision is not None and revision not in known:
        message = f"The database is at revision {revision}, which this version of st-deltek does not know."
        raise ConfigurationError(message, advice="A newer version has been used on it: install that one.")
    return revision == known[-1]


def _read_revision(connection: Connection) -> str | None:
    table = f"{VERSION_SCHEMA}.alembic_version"
    if connection.execute(text("SELECT to_regclass(:name)"), {"name": table}).scalar() is None:
        return None
    return connection.execute(text(f"SELECT version_num FROM {table}")).scalar()  # noqa: S608 (a constant)


def _take_lock(connection: Connection) -> None:
    try:
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        connection.commit()
    except OperationalError:
        message = f"Another process has been changing the database's schema for {_LOCK_SECONDS} s."
        raise TransientError(message, advice="Wait for it to end, then try again.") from None


def _upgrade(connection: Connection) -> None:
    # Imported here: only a database that is behind needs it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {VERSION_SCHEMA}"))
    connection.commit()
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["version_schema"] = VERSION_SCHEMA
    before = _read_revision(connection)
    try:
        command.upgrade(config, "head")
        grant_again(connection)
        connection.commit()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        raise _failed(error, before) from error


def _failed(error: DBAPIError, before: str | None) -> BrokenError | TransientError:
    kept = f"Nothing was changed: the schema is still at revision {before}." if before else "Nothing was changed."
    words = " ".join(str(error.orig).split())
    if isinstance(error.orig, (psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected)):
        message = f"The schema could not be changed, since somebody works with its tables ({words}). {kept}"
        return TransientError(message, advice="Stop the daemon and what else uses the database, then try again.")
    message = f"Changing the schema failed: {words} {kept}"
    return BrokenError(message, advice="The version before goes on with it as it is; report this with the message.")
