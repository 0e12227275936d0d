"""Dagster's storage: the named Postgres or the embedded one, chosen when an instance is opened.

dagster.yaml names this class. Dagster's own switch between backends does not exist (dagster.md section 8), and a
URL written into dagster.yaml could neither be optional nor start a server.

A day of ours is some two hundred events, stored one by one. Dagster asks PostgreSQL's catalogue with nearly each of them
which of its own tables and columns there are, and sends a notification that nobody has listened to for years
(``PostgresEventLogStorage.store_event``); neither is done here.
"""

from collections.abc import Callable
from typing import Any, Self

import dagster as dg
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from sqlalchemy import Connection

from st_deltek_pipeline.settings import load_settings
from st_deltek_pipeline.store.database import postgres_url_for_dagster


class EventLog(PostgresEventLogStorage):
    """Dagster's event log, which looks at its own schema once and stores an event in one statement."""

    def __init__(self, postgres_url: str) -> None:
        # The tables exist: the storage that this one is a part of has seen to that.
        super().__init__(postgres_url, should_autocreate_tables=False)
        self._seen: set[tuple[str, str]] = set()

    def has_table(self, table_name: str) -> bool:
        """Say whether a table exists; one that was seen still does."""
        return self._remembered("table", table_name, lambda: super(EventLog, self).has_table(table_name))

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        return self._remembered(
            "column", column_name, lambda: super(EventLog, self)._has_asset_key_col_on_connection(conn, column_name)
        )

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store an event the way every database of Dagster does, without PostgreSQL's notification."""
        super(PostgresEventLogStorage, self).store_event(event)

    def _remembered(self, what: str, name: str, look: Callable[[], bool]) -> bool:
        if (what, name) in self._seen:
            return True
        found = look()
        if found:
            self._seen.add((what, name))
        return found


class InstanceStorage(DagsterPostgresStorage):
    """``DagsterPostgresStorage`` on the database of the installation's settings."""

    def __init__(self, postgres_url: str, inst_data: Any = None) -> None:  # noqa: ANN401 - Dagster's private type
        super().__init__(postgres_url, inst_data=inst_data)
        self._event_log_storage = EventLog(postgres_url)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return an empty schema: everything comes from ``ST_DELTEK_*`` variables."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:  # noqa: ANN401, ARG003 - Dagster's private types
        """Open the storage, starting the embedded server when no other is named.

        Args:
            inst_data: What Dagster needs to build the same storage in another process.
            config_value: Nothing; see ``config_type``.

        Returns:
            A storage whose tables exist.
        """
        return cls(postgres_url=postgres_url_for_dagster(load_settings()), inst_data=inst_data)
