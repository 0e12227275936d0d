"""The conventions every list shares: filterHash, paging, fieldFilter, order (vantagepoint.md section 2).

Which rows a list has is the resources' business. Text compares as on SQL Server: case and trailing blanks do
not matter, so a filter on ``""`` finds the single blank of an absent level.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import errors
from st_deltek_pipeline.sandbox.vantagepoint.errors import ApiError
from st_deltek_pipeline.sandbox.vantagepoint.switches import VantagepointSwitches

Parameters = Sequence[tuple[str, str]]

_BAD_REQUEST = 400
_SERVER_FAULT = 500

_FILTER_KEY = re.compile(r"filterHash\[(\d+)\]\[(\w+)\]$", re.IGNORECASE)
_FILTER_PARTS = frozenset({"name", "value", "opp", "tablename", "seq", "condition", "type"})
_FILTER_TYPES = frozenset({"", "string", "int", "datetime"})

# Symbols are what one public script sends, words what a Go client sends; both are real (section 12 item 1).
_OPERATORS = {
    "": "eq",
    "=": "eq",
    "eq": "eq",
    "!=": "ne",
    "<>": "ne",
    "ne": "ne",
    ">": "gt",
    "gt": "gt",
    ">=": "ge",
    "ge": "ge",
    "<": "lt",
    "lt": "lt",
    "<=": "le",
    "le": "le",
    "like": "like",
    "in": "in",
}
_ORDER = re.compile(r"(?P<name>\w+?)(?:_(?P<letter>[AD])|\s+(?P<word>asc|desc))?$", re.IGNORECASE)

_DATE_FIELDS = frozenset({"AccountPdStart", "AccountPdEnd", "FYStart", "FYEnd"})


@dataclass(frozen=True)
class Filter:
    """One condition of a filterHash; all of them must hold."""

    name: str
    operator: str
    value: str


@dataclass(frozen=True)
class Query:
    """What a list was asked for.

    Attributes:
        filters: Conditions, all of which must hold.
        offset: Rows to leave out at the start.
        rows: The most rows to answer; ``None`` is all.
        fields: Fields to answer; empty is all.
        order: Field and whether it goes down, the most significant first.
        parameters: Every parameter by its name in lower case, for those only some resources know.
    """

    filters: tuple[Filter, ...] = ()
    offset: int = 0
    rows: int | None = None
    fields: tuple[str, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    parameters: dict[str, str] = field(default_factory=dict[str, str])

    def equal_to(self, name: str) -> frozenset[str] | None:
        """Return the folded values a field is limited to by an equality or a list, or ``None``."""
        for each in self.filters:
            if each.name.lower() == name.lower() and each.operator in {"eq", "in"}:
                values = each.value.split(",") if each.operator == "in" else [each.value]
                return frozenset(fold(value.strip() if each.operator == "in" else value) for value in values)
        return None


def fold(text: str) -> str:
    """Fold text as SQL Server's usual collation compares it."""
    return text.rstrip().casefold()


def parse_query(parameters: Parameters, switches: VantagepointSwitches, *, entry_or_ledger: bool = False) -> Query:
    """Read the parameters of a list.

    Args:
        parameters: Query string, or the form body of a long query sent as POST.
        switches: Page sizes, and whether ``limit`` is refused.
        entry_or_ledger: The list is one of PSALedger or DataEntry.

    Raises:
        ApiError: A malformed parameter (400), or ``limit`` where it is refused (500).
    """
    by_name = {name.lower(): value for name, value in parameters}
    if entry_or_ledger and switches.limit_refused_on_ledger_and_entry and "limit" in by_name:
        raise ApiError(_SERVER_FAULT, "Object reference not set to an instance of an object.")
    size = _number(by_name, "limit", "pagesize", "q.maxrows")
    page = _number(by_name, "page")
    offset = _number(by_name, "offset") or 0
    rows = size if size is not None else switches.default_rows or None
    if switches.largest_rows and (rows is None or rows > switches.largest_rows):
        rows = switches.largest_rows
    if page is not None and "offset" not in by_name:
        offset = (max(page, 1) - 1) * (rows or 0)
    fields = tuple(name.strip() for name in by_name.get("fieldfilter", "").split(",") if name.strip())
    return Query(_filters(parameters), offset, rows, fields, _order(by_name.get("order", "")), by_name)


def select(rows: Iterable[Row], query: Query, switches: VantagepointSwitches, resource: str) -> list[Row]:
    """Answer a list: filter, order, page, leave fields out.

    Args:
        rows: All rows of the resource; they are not changed.
        query: What was asked for.
        switches: Hidden fields, and what an unknown field in the query does.
        resource: Its name in ``hidden_fields``.

    Returns:
        New rows.

    Raises:
        ApiError: The query names a field that the rows do not have, or compares a number with text.
    """
    found = list(rows)
    names = _FieldNames(found, switches)
    for each in query.filters:
        name = names.find(each.name)
        if name is not None:
            matches = _condition(name, each)
            found = [row for row in found if matches(row.get(name))]
    for wanted, down in reversed(query.order):
        name = names.find(wanted)
        if name is not None:
            key = _sort_key(name)
            found.sort(key=key, reverse=down)
    end = None if query.rows is None else query.offset + query.rows
    found = found[query.offset : end]
    if query.fields:
        kept = [name for name in map(names.find, query.fields) if name is not None]
        found = [{name: row[name] for name in kept if name in row} for row in found]
    return [without_hidden(row, switches, resource) for row in found]


def without_hidden(row: Row, switches: VantagepointSwitches, resource: str) -> Row:
    """Return a copy of a row without the fields that the user's role does not show."""
    hidden = switches.hidden_fields
    if not hidden:
        return dict(row)
    return {name: value for name, value in row.items() if name not in hidden and f"{resource}.{name}" not in hidden}


class _FieldNames:
    """Finds a field whatever its case; the union of the rows' fields, made only when a query names one."""

    def __init__(self, rows: list[Row], switches: VantagepointSwitches) -> None:
        self._rows = rows
        self._refuse = switches.unknown_query_field == "refuse"
        self._names: dict[str, str] = {}

    def find(self, name: str) -> str | None:
        if not self._rows:
            return None
        if name in self._rows[0]:
            return name
        if not self._names:
            self._names = {each.lower(): each for row in self._rows for each in row}
        found = self._names.get(name.lower())
        if found is None and self._refuse:
            raise ApiError(_BAD_REQUEST, errors.unknown_field(name))
        return found


def _filters(parameters: Parameters) -> tuple[Filter, ...]:
    parts: dict[int, dict[str, str]] = {}
    for name, value in parameters:
        match = _FILTER_KEY.match(name)
        if match:
            part = match[2].lower()
            if part not in _FILTER_PARTS:
                raise ApiError(_BAD_REQUEST, f"The parameter {name} is not valid.")
            parts.setdefault(int(match[1]), {})[part] = value
        elif name.lower().startswith("filterhash"):
            raise ApiError(_BAD_REQUEST, f"The parameter {name} is not valid.")
    filters: list[Filter] = []
    for number in sorted(parts):
        part = parts[number]
        operator = _OPERATORS.get(part.get("opp", "").strip().lower())
        condition = part.get("condition", "").strip().lower()
        if not part.get("name") or operator is None or condition not in {"", "and"}:
            raise ApiError(_BAD_REQUEST, f"filterHash[{number}] is not valid.")
        if part.get("type", "").lower() not in _FILTER_TYPES:
            raise ApiError(_BAD_REQUEST, f"filterHash[{number}][type] is not valid.")
        filters.append(Filter(part["name"], operator, part.get("value", "")))
    return tuple(filters)


def _number(by_name: dict[str, str], *names: str) -> int | None:
    for name in names:
        text = by_name.get(name)
        if text is not None:
            if not text.isascii() or not text.isdigit():
                raise ApiError(_BAD_REQUEST, f"The parameter {name} is not valid.")
            return int(text)
    return None


def _order(text: str) -> tuple[tuple[str, bool], ...]:
    order: list[tuple[str, bool]] = []
    for part in text.split(","):
        if not part.strip():
            continue
        match = _ORDER.match(part.strip())
        if match is None:
            raise ApiError(_BAD_REQUEST, "The parameter order is not valid.")
        down = (match["letter"] or "").upper() == "D" or (match["word"] or "").lower() == "desc"
        order.append((match["name"], down))
    return tuple(order)


def _is_date(name: str) -> bool:
    return name.endswith("Date") or name in _DATE_FIELDS


def _instant(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    # Fields carry no zone; a caller that names one means that instant.
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _condition(name: str, wanted: Filter) -> Callable[[Any], bool]:
    if wanted.operator == "like":
        pattern = _like(wanted.value)
        return lambda cell: pattern.match(str(cell or "").rstrip()) is not None
    if wanted.operator == "in":
        values = [value.strip() for value in wanted.value.split(",")]
        comparables = {_comparable(name, value) for value in values} | {_as_number(value) for value in values}
        return lambda cell: _cell(name, cell) in comparables
    return _comparison(name, wanted)


def _comparison(name: str, wanted: Filter) -> Callable[[Any], bool]:
    operator = wanted.operator
    text = _comparable(name, wanted.value)
    number = _as_number(wanted.value)

    def holds(cell: Any) -> bool:  # noqa: ANN401 - a JSON value
        left = _cell(name, cell)
        right: Any = text
        if isinstance(left, (int, Decimal)):
            if number is None:
                raise ApiError(_BAD_REQUEST, errors.invalid_value(name, wanted.value))
            right = number
        if type(left) is not type(right) and not isinstance(left, (int, Decimal)):
            # A blank date, or a value that is no date, never equals and never compares.
            return operator == "ne"
        return _compare(operator, left, right)

    return holds


def _compare(operator: str, left: Any, right: Any) -> bool:  # noqa: ANN401 - both are comparable, whatever they are
    if operator in {"eq", "ne"}:
        return bool(left == right) == (operator == "eq")
    if operator in {"gt", "le"}:
        return bool(left > right) == (operator == "gt")
    return bool(left < right) == (operator == "lt")


def _cell(name: str, cell: Any) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(cell, (int, Decimal)):
        return cell
    return _comparable(name, "" if cell is None else str(cell))


def _comparable(name: str, text: str) -> str | datetime:
    if _is_date(name):
        moment = _instant(text)
        if moment is not None:
            return moment
    return fold(text)


def _as_number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _like(pattern: str) -> re.Pattern[str]:
    parts = {"%": ".*", "_": "."}
    expression = "".join(parts.get(letter, re.escape(letter)) for letter in pattern.rstrip())
    return re.compile(expression + r"\Z", re.IGNORECASE | re.DOTALL)


def _sort_key(name: str) -> Callable[[Row], tuple[bool, Any]]:
    def key(row: Row) -> tuple[bool, Any]:
        cell = row.get(name)
        number = isinstance(cell, (int, Decimal))
        return (not number, cell if number else fold("" if cell is None else str(cell)))

    return key
