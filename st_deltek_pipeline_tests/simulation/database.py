"""A real PostgreSQL whose clock is virtual: templates that are made once, and a copy of one for each simulation.

In these databases ``now()`` and ``clock_timestamp()`` are functions of a schema that is searched before PostgreSQL's
own; they read a sequence, which is not bound to any transaction and which the simulation sets.
"""

import itertools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from sqlalchemy import Engine, event, make_url

from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.migrate import migrate
from st_deltek_pipeline_tests.simulation.clock import VirtualClock

_VIRTUAL_CLOCK = """
CREATE SCHEMA virtual;
CREATE SEQUENCE virtual.clock;
CREATE FUNCTION virtual.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT timestamptz 'epoch' + last_value * interval '1 microsecond' FROM virtual.clock $$;
CREATE FUNCTION virtual.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT timestamptz 'epoch' + last_value * interval '1 microsecond' FROM virtual.clock $$;
"""


@dataclass
class Databases:
    """The databases of one process on a server.

    Args:
        url: The server's; its own database is for administration only.
        prefix: Names of databases begin with it, so that several processes can share the server.
    """

    url: str
    prefix: str
    _templates: dict[str, str] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)

    def close(self) -> None:
        """Drop the templates."""
        for name in self._templates.values():
            self._drop(name)
        self._templates.clear()

    def template(self, key: str, fill: Callable[[Engine], None]) -> str:
        """Return the name of a database to copy from, made when it is first asked for.

        Args:
            key: Which one.
            fill: Puts into it what a simulation starts with.
        """
        if key not in self._templates:
            name = f"{self.prefix}_template{next(self._numbers)}"
            self._execute(self.url, f'CREATE DATABASE "{name}"')
            self._templates[key] = name
            own = self._url_of(name)
            self._execute(own, _VIRTUAL_CLOCK)
            self._execute(
                self.url,
                f'ALTER DATABASE "{name}" SET search_path = virtual, pg_catalog, public',
            )
            engine = engine_for(own)
            migrate(engine)
            fill(engine)
            engine.dispose()
        return self._templates[key]

    @contextmanager
    def copy(self, template: str) -> Generator[str]:
        """Copy a template for as long as a ``with`` block lasts, and give the copy's URL."""
        name = f"{self.prefix}_{next(self._numbers)}"
        self._execute(self.url, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        # Settings of a database are not copied with it.
        self._execute(self.url, f'ALTER DATABASE "{name}" SET search_path = virtual, pg_catalog, public')
        try:
            yield self._url_of(name)
        finally:
            self._drop(name)

    def _drop(self, name: str) -> None:
        self._execute(self.url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _url_of(self, name: str) -> str:
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    @staticmethod
    def _execute(url: str, statement: str) -> None:
        parts = make_url(url)
        connection = psycopg2.connect(
            host=parts.query.get("host", parts.host),
            port=parts.port,
            user=parts.username,
            password=parts.password,
            dbname=parts.database,
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()


def follow_clock(engine: Engine, clock: VirtualClock) -> None:
    """Set the database's clock before each statement, where it does not stand right already."""
    shown = 0

    @event.listens_for(engine, "before_cursor_execute")
    def before(_connection: Any, cursor: Any, *_rest: Any) -> None:
        nonlocal shown
        if clock.microseconds - shown > _UNSEEN:
            shown = clock.microseconds
            cursor.execute("SELECT setval('virtual.clock', %s)", (shown,))


# Two looks at the clock are a microsecond apart, which no rule of the program can tell from the same moment.
_UNSEEN = 10_000
