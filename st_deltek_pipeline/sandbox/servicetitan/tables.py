"""A resource's rows: each version written as JSON bytes once, and the log of changes that the feeds read.

The log holds every row once in the order of modification; a change adds the row again at the end, and the
older entry is passed over. So a reader that stands anywhere in the log still meets every later change.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

from st_deltek_pipeline.sandbox.servicetitan.answers import bad_value
from st_deltek_pipeline.sandbox.servicetitan.filters import Filter, Getter, Test, before, field, on_or_after
from st_deltek_pipeline.sandbox.servicetitan.instants import ticks_of
from st_deltek_pipeline.sandbox.servicetitan.parameters import Parameters
from st_deltek_pipeline.sandbox.servicetitan.resource import Resource, sort_getter
from st_deltek_pipeline.sandbox.state import Row, encode_row

_PAGING = ("page", "pagesize", "includetotal")
_KEPT_SELECTIONS = 16
_DESCENDING = {"desc", "descending"}
_WITHOUT_ACCOUNTING = "excludeAccountingChangesFromModifiedDateRange"

# Knuth's multiplicative hash: an order that is stable and looks arbitrary.
_SCATTER, _SCATTER_RANGE = 2_654_435_761, 2**32


class Table:
    """The rows of one resource.

    Args:
        resource: Its paths, filters and shape.
        rows: The world's own dictionary; the table goes on changing it.
        world_filters: The resource's filters that look into other rows of the world.
    """

    def __init__(self, resource: Resource, rows: dict[int, Row], world_filters: Iterable[Filter] = ()) -> None:
        self.resource = resource
        self._filters = (*resource.filters, *world_filters)
        self.rows = rows
        self._listed: dict[int, bytes] = {}
        self._exported: dict[int, bytes] = {}
        self._log: list[int] = []
        self._log_ticks: list[int] = []
        self._position: dict[int, int] = {}
        self._selections: dict[Any, list[int]] = {}
        for row in sorted(rows.values(), key=lambda row: (_modified(row), row["id"])):
            self._append(row)

    @property
    def newest(self) -> int:
        """The latest modification in ticks; 0 without rows."""
        return max(self._log_ticks, default=0)

    @property
    def log_length(self) -> int:
        """The position behind the last change."""
        return len(self._log)

    def put(self, row: Row) -> None:
        """Make this version the current one, as the latest change."""
        self.rows[row["id"]] = row
        self._append(row)

    def unlogged(self) -> list[Row]:
        """Return rows that were put into the world behind the table's back, in the world's order."""
        if len(self.rows) == len(self._position):
            return []
        return [row for key, row in self.rows.items() if key not in self._position]

    def listed(self, ids: Iterable[int]) -> bytes:
        """Return rows as the inside of a JSON array, in the shape of the list."""
        return b",".join([self._listed[each] for each in ids])

    def exported(self, ids: Iterable[int]) -> bytes:
        """Return rows as the inside of a JSON array, in the shape of the feed."""
        return b",".join([self._exported[each] for each in ids])

    def forget_selections(self) -> None:
        """Select afresh from now on, since a row of another table that a filter looks at has changed."""
        self._selections.clear()

    def select(self, parameters: Parameters, *, scattered: bool, active_only: bool = False) -> list[int]:
        """Return the ids a list call asks for, in its order, over all pages.

        Args:
            parameters: The call's query.
            scattered: Without ``sort``, use an arbitrary order instead of that of creation.
            active_only: Leave inactive rows out, whatever the query says.

        Raises:
            ApiError: 400 for a parameter that cannot be read.
        """
        key = (len(self._log), scattered, active_only, parameters.key(without=_PAGING))
        found = self._selections.get(key)
        if found is None:
            found = self._select(parameters, scattered=scattered, active_only=active_only)
            if len(self._selections) >= _KEPT_SELECTIONS:
                self._selections.clear()
            self._selections[key] = found
        return found

    def position_at(self, ticks: int) -> int:
        """Return the position of the first change at or after an instant."""
        return bisect_left(self._log_ticks, ticks)

    def changes(self, start: int, count: int, *, not_after: int | None = None) -> tuple[list[int], int, bool]:
        """Return the rows whose latest change is at a position or later.

        Args:
            start: Position to begin at.
            count: Most rows to return.
            not_after: Stop before a change later than this instant in ticks.

        Returns:
            Ids in the order of change, the position to go on from, and whether there is more to have now.
        """
        found: list[int] = []
        end = len(self._log)
        if not_after is not None:
            while end > start and self._log_ticks[end - 1] > not_after:
                end -= 1
        position = start
        while position < end and len(found) < count:
            key = self._log[position]
            if self._position[key] == position:
                found.append(key)
            position += 1
        more = any(self._position[self._log[later]] == later for later in range(position, end))
        return found, position, more

    def changes_before(self, end: int, count: int) -> list[int]:
        """Return up to ``count`` rows whose latest change is just before a position, in the order of change."""
        found: list[int] = []
        position = end - 1
        while position >= 0 and len(found) < count:
            key = self._log[position]
            if self._position[key] == position:
                found.append(key)
            position -= 1
        return found[::-1]

    def _append(self, row: Row) -> None:
        key: int = row["id"]
        self._position[key] = len(self._log)
        self._log.append(key)
        # The log must stay sorted for a start by date, whatever instant a row claims.
        self._log_ticks.append(max(_modified(row), self._log_ticks[-1] if self._log_ticks else 0))
        hidden = self.resource.hidden
        shown = {name: value for name, value in row.items() if name not in hidden} if hidden else row
        if self.resource.active_only_in_export:
            self._listed[key] = encode_row({name: value for name, value in shown.items() if name != "active"})
            self._exported[key] = encode_row({**shown, "active": row.get("active", True)})
        else:
            self._listed[key] = self._exported[key] = encode_row(shown)

    def _select(self, parameters: Parameters, *, scattered: bool, active_only: bool) -> list[int]:
        tests = [test for read in self._filters if (test := read(parameters)) is not None]
        tests += self._common_tests(parameters)
        if active_only:
            tests.append(_is_active)
        ids = parameters.comma_wholes("ids")
        rows = (
            self.rows.values() if ids is None else [self.rows[each] for each in dict.fromkeys(ids) if each in self.rows]
        )
        kept = [row for row in rows if all(test(row) for test in tests)] if tests else list(rows)
        self._order(kept, parameters, scattered=scattered)
        return [row["id"] for row in kept]

    def _common_tests(self, parameters: Parameters) -> list[Test]:
        readers = [before("createdBefore", field("createdOn")), on_or_after("createdOnOrAfter", field("createdOn"))]
        if self.resource.modified_filters:
            modified = field("modifiedOn")
            mark = self.resource.accounting_mark
            if mark and parameters.flag(_WITHOUT_ACCOUNTING):
                modified = _first_of(field(mark), modified)
            readers += [before("modifiedBefore", modified), on_or_after("modifiedOnOrAfter", modified)]
        return [test for read in readers if (test := read(parameters)) is not None]

    def _order(self, rows: list[Row], parameters: Parameters, *, scattered: bool) -> None:
        name, descending = _asked_order(self.resource, parameters)
        if name is None:
            rows.sort(key=lambda row: row["id"] * _SCATTER % _SCATTER_RANGE if scattered else row["id"])
            return
        get = sort_getter(name)
        instants = name.endswith(("On", "Date"))

        # Rows without a value come first, and equal ones in the order of their ids.
        def key(row: Row) -> tuple[Any, ...]:
            value = get(row)
            if value is None:
                return (False,)
            return (True, ticks_of(value) if instants else value, row["id"])

        rows.sort(key=key, reverse=descending)


def _first_of(get: Getter, otherwise: Getter) -> Getter:
    return lambda row: get(row) or otherwise(row)


def _is_active(row: Row) -> bool:
    return bool(row.get("active", True))


def _modified(row: Row) -> int:
    return ticks_of(row.get("modifiedOn") or row.get("createdOn"))


def _asked_order(resource: Resource, parameters: Parameters) -> tuple[str | None, bool]:
    asked = parameters.text("sort")
    if not resource.sort_fields:
        return None, False
    if asked is not None:
        # An unescaped plus sign arrives as a space.
        name, descending = asked.strip().lstrip("+-").strip(), asked.strip().startswith("-")
        parameter = "sort"
    else:
        name = parameters.text("orderBy")
        if name is None:
            return None, False
        descending = (parameters.text("orderByDirection") or "").lower() in _DESCENDING
        parameter = "orderBy"
    for known in resource.sort_fields:
        if known.lower() == name.lower():
            return known, descending
    raise bad_value(
        parameter, f"Sorting by '{name}' is not supported. Available fields: {', '.join(resource.sort_fields)}."
    )
