"""All rows of a tenant, and the one way to change them: written to the state first, then shown.

What a change is, is the business of ``edits``, ``payments``, ``bills`` and ``purchasing``.
"""

import time
from collections.abc import Callable, Sequence

from st_deltek_pipeline.sandbox.contractor.world import ServiceTitanWorld
from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError
from st_deltek_pipeline.sandbox.servicetitan.customer_balances import changed_customers
from st_deltek_pipeline.sandbox.servicetitan.instants import TwinClock, format_instant
from st_deltek_pipeline.sandbox.servicetitan.resource import Resource
from st_deltek_pipeline.sandbox.servicetitan.resources import CUSTOMERS, RESOURCES
from st_deltek_pipeline.sandbox.servicetitan.tables import Table
from st_deltek_pipeline.sandbox.state import Row, StatePersistence

Change = tuple[Resource, Row]
# Told of every stored change: the resource, the version before (none of a new row), the version now.
Observer = Callable[[Sequence[tuple[Resource, Row | None, Row]]], None]

_ROWS_TABLE = "servicetitan.rows"
_CHANGES_TABLE = "servicetitan.changes"
_RESOURCES = {each.path: each for each in RESOURCES}

# Where a tenant without a row of a kind begins to count.
_FIRST_ID = 90_000_000


class Book:
    """The tables of one tenant, its clock, and the log of changes.

    Args:
        world: The tenant; its rows belong to the book from now on.
        persistence: Where changes are written, and read back from at the start.
        now_ns: The real time in nanoseconds since 1970.
    """

    def __init__(
        self, world: ServiceTitanWorld, persistence: StatePersistence, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._persistence = persistence
        self.world = world
        self.observer: Observer | None = None
        self.tables: dict[str, Table] = {}
        for resource in RESOURCES:
            more = resource.world_filters(world) if resource.world_filters else ()
            self.tables[resource.path] = Table(resource, resource.rows(world), more)
        self.changes = self._replay()
        self.clock = TwinClock(max(table.newest for table in self.tables.values()), now_ns)

    def now(self) -> str:
        """Return the present as rows write it."""
        return format_instant(self.clock.now())

    def table(self, resource: Resource) -> Table:
        """Return the table of a resource."""
        return self.tables[resource.path]

    def rows(self, resource: Resource) -> dict[int, Row]:
        """Return the rows of a resource by id."""
        return self.tables[resource.path].rows

    def row(self, resource: Resource, key: int) -> Row:
        """Return one row.

        Raises:
            ApiError: 404 when there is none.
        """
        row = self.rows(resource).get(key)
        if row is None:
            raise ApiError(404, f"There is no {resource.path}/{key}.")
        return row

    def resource(self, path: str) -> Resource:
        """Return a resource by its path, such as ``crm/customers``.

        Raises:
            ApiError: 404 when there is none.
        """
        if path not in _RESOURCES:
            raise ApiError(404, f"There is no {path}.")
        return _RESOURCES[path]

    def next_id(self, *resources: Resource) -> int:
        """Return an id that no row of these resources has."""
        return max((max(self.rows(each), default=_FIRST_ID) for each in resources), default=_FIRST_ID) + 1

    def next_detail_id(self, resource: Resource, details: str, name: str) -> int:
        """Return an id that no detail of a resource has, such as ``appliedId`` in ``appliedTo`` of payments."""
        found = (each[name] for row in self.rows(resource).values() for each in row.get(details) or ())
        return max(found, default=_FIRST_ID) + 1

    def store(self, *changes: Change) -> list[Row]:
        """Make rows the current versions now, and with them what changes along with them.

        That are the balances of customers, and rows that the generator made.

        Args:
            changes: Resources and new versions, no row twice; ``modifiedOn`` is set here.

        Returns:
            The rows as they are now, in the order of the arguments.
        """
        if not changes:
            return []
        instant = self.now()
        versions = [(resource, self.rows(resource).get(row["id"]), row) for resource, row in changes]
        changed = [(resource.path, {**_own(resource, row), "modifiedOn": instant}) for resource, row in changes]
        changed += [
            (CUSTOMERS.path, {**row, "modifiedOn": instant})
            for row in changed_customers(self.rows(CUSTOMERS), versions)
        ]
        asked = {(path, row["id"]) for path, row in changed}
        for path, table in self.tables.items():
            changed += [
                (path, {**new, "modifiedOn": instant}) for new in table.unlogged() if (path, new["id"]) not in asked
            ]
        self._persistence.put_many(_ROWS_TABLE, {f"{path}/{row['id']}": row for path, row in changed})
        log: dict[str, Row] = {}
        for path, row in changed:
            self.changes += 1
            log[str(self.changes)] = {"path": path, "id": row["id"]}
        self._persistence.put_many(_CHANGES_TABLE, log)
        for path, row in changed:
            self.tables[path].put(row)
        for table in self.tables.values():
            table.forget_selections()
        stored = [row for _, row in changed[: len(changes)]]
        if self.observer is not None:
            self.observer(
                [(resource, before, now) for (resource, before, _), now in zip(versions, stored, strict=True)]
            )
        return stored

    def _replay(self) -> int:
        rows = self._persistence.load(_ROWS_TABLE)
        changes = self._persistence.load(_CHANGES_TABLE)
        for change in changes.values():
            self.tables[change["path"]].put(rows[f"{change['path']}/{change['id']}"])
        return len(changes)


def _own(resource: Resource, row: Row) -> Row:
    """Return a row that somebody has changed, which is no longer one of which only the balance has changed."""
    mark = resource.accounting_mark
    return {name: value for name, value in row.items() if name != mark} if mark in row else row
