"""Dagster's storage: the named Postgres or the embedded one, chosen when an instance is opened.

dagster.yaml names this class. Dagster's own switch between backends does not exist (dagster.md section 8), and a
URL written into dagster.yaml could neither be optional nor start a server.

A day of ours is some two hundred events, stored one by one. Dagster asks PostgreSQL's catalogue with nearly each of them
which of its own tables and columns there are, and sends a notification that nobody has listened to for years
(``PostgresEventLogStorage.store_event``); neither is done here.
"""

import threading
from collections.abc import Callable
from typing import Any, ClassVar, Self

import dagster as dg
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)
from sqlalchemy import Connection, create_engine, make_url

from st_deltek_pipeline.orchestration.instance import KEPT_CONNECTION
from st_deltek_pipeline.private_memory import keep_memory_private
from st_deltek_pipeline.settings import load_settings
from st_deltek_pipeline.store.database import postgres_url_for_dagster

# As many as ticks that are likely to write at the same moment; processes without ticks open none.
_KEPT_BY_TICKS = 4

_keeping = threading.Event()


def keep_connections() -> None:
    """Let storages that are opened from now on in this process keep a connection, for a process with a single run."""
    _keeping.set()


class _Seeing:
    """Remembers tables and columns that are there. One that was missing is looked for again: a migration adds it."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - those of the storage
        super().__init__(*args, **options)
        self._seen: set[tuple[str, str]] = set()

    def _remembered(self, what: str, name: str, look: Callable[[], bool]) -> bool:
        if (what, name) in self._seen:
            return True
        found = look()
        if found:
            self._seen.add((what, name))
        return found


class EventLog(_Seeing, PostgresEventLogStorage):
    """Dagster's event log, which looks at its own schema once and stores an event in one statement."""

    def __init__(self, postgres_url: str) -> None:
        # The tables exist: the storage that this one is a part of has seen to that.
        super().__init__(postgres_url, should_autocreate_tables=False)

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


class RunStorage(_Seeing, PostgresRunStorage):
    """Dagster's run storage, which looks at its own schema once; it did so with every read of a run."""

    def __init__(self, postgres_url: str) -> None:
        # As above.
        super().__init__(postgres_url, should_autocreate_tables=False)

    def has_run_stats_index_cols(self) -> bool:
        """Say whether columns exist; those that were seen still do."""
        return self._remembered("column", "start_time", super().has_run_stats_index_cols)

    def has_backfill_id_column(self) -> bool:
        """Say whether a column exists; one that was seen still does."""
        return self._remembered("column", "backfill_id", super().has_backfill_id_column)


class ScheduleStorage(_Seeing, PostgresScheduleStorage):
    """Dagster's storage of ticks, which looks at its own schema once and keeps some connections.

    A tick of a sensor reads and writes its state several times. Dagster asks the catalogue for its tables with each, and opens
    a connection for each question.
    """

    def __init__(self, postgres_url: str) -> None:
        # As above.
        super().__init__(postgres_url, should_autocreate_tables=False)
        self.optimize_for_webserver(**KEPT_CONNECTION)

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        """Keep connections, in the daemon as in the web server.

        Each is asked whether it lives before it is used, so a database that was restarted fails no tick.

        Args:
            statement_timeout: Milliseconds.
            pool_recycle: Seconds after which a connection is opened anew.
            max_overflow: Connections beside those that are kept.
        """
        options = [
            str(make_url(self.postgres_url).query.get("options", "")),
            f"-c statement_timeout={statement_timeout}",
        ]
        self._engine = create_engine(
            self.postgres_url,
            isolation_level="AUTOCOMMIT",
            connect_args={"options": " ".join(options).strip()},
            pool_size=_KEPT_BY_TICKS,
            max_overflow=max_overflow,
            pool_recycle=pool_recycle,
            pool_pre_ping=True,
        )

    def has_secondary_index_table(self) -> bool:
        """Say whether a table exists; one that was seen still does."""
        return self._remembered("table", "secondary_indexes", super().has_secondary_index_table)

    def has_built_index(self, migration_name: str) -> bool:
        """Say whether a migration was completed; one that was still is."""
        return self._remembered(
            "migration", migration_name, lambda: super(ScheduleStorage, self).has_built_index(migration_name)
        )

    def has_instigators_table(self) -> bool:
        """Say whether a table exists; one that was seen still does."""
        return self._remembered("table", "instigators", super().has_instigators_table)

    def _has_instigators_table(self, conn: Connection) -> bool:
        return self._remembered(
            "table", "instigators", lambda: super(ScheduleStorage, self)._has_instigators_table(conn)
        )


_TYPES = dg.DagsterEventType
# What a step tells between its start and its end. Nothing waits for it, and a run that dies loses what its last step told.
_TOLD_BY_STEPS = frozenset(
    each.value
    for each in (
        _TYPES.LOADED_INPUT,
        _TYPES.STEP_INPUT,
        _TYPES.STEP_OUTPUT,
        _TYPES.HANDLED_OUTPUT,
        _TYPES.STEP_SUCCESS,
        _TYPES.RESOURCE_INIT_STARTED,
        _TYPES.RESOURCE_INIT_SUCCESS,
        _TYPES.ENGINE_EVENT,
    )
)


class CommandEventLog(EventLog):
    """The event log of runs inside a command: what a step tells is stored together, with the start of the next step.

    Storing a day's events one by one was a seventh of a run's time. Whatever somebody waits for or decides by (starts,
    failures, materializations, checks, the run's own status) is stored at once, after what came before it.
    """

    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url)
        self._waiting: list[dg.EventLogEntry] = []
        self._lock = threading.Lock()

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store an event now, or with the next one that is."""
        with self._lock:
            if event.dagster_event is not None and event.dagster_event.event_type_value in _TOLD_BY_STEPS:
                self._waiting.append(event)
                return
            self._store_waiting()
            super().store_event(event)

    def dispose(self) -> None:
        """Store what waits, and close the connections."""
        with self._lock:
            self._store_waiting()
        super().dispose()

    def _store_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        insert = self.prepare_insert_event(waiting[0]).table.insert()
        with self.run_connection(waiting[0].run_id) as db:
            db.execute(insert, [self._event_to_row(event) for event in waiting])


class InstanceStorage(DagsterPostgresStorage):
    """``DagsterPostgresStorage`` on the database of the installation's settings."""

    event_log: ClassVar[type[EventLog]] = EventLog

    def __init__(self, postgres_url: str, inst_data: Any = None) -> None:  # noqa: ANN401 - Dagster's private type
        super().__init__(postgres_url, inst_data=inst_data)
        self._event_log_storage = self.event_log(postgres_url)
        self._run_storage = RunStorage(postgres_url)
        self._schedule_storage = ScheduleStorage(postgres_url)

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
        # Every process of Dagster comes by here before it knows a secret: web server, daemon, code server, run.
        keep_memory_private()
        storage = cls(postgres_url=postgres_url_for_dagster(load_settings()), inst_data=inst_data)
        if _keeping.is_set():
            for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
                part.optimize_for_webserver(**KEPT_CONNECTION)
        return storage


class CommandStorage(InstanceStorage):
    """The same for runs inside a command (``CommandEventLog``)."""

    event_log: ClassVar[type[EventLog]] = CommandEventLog
