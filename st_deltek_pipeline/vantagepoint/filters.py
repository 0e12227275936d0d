"""Row filters of Vantagepoint's lists: ``filterHash[0][name]=...`` (vantagepoint.md section 2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

# SQL Server takes at most 2,100 parameters in one statement.
_MOST_VALUES = 500

Comparison = Literal["=", "!=", ">=", ">", "<=", "<", "like", "in"]


@dataclass(frozen=True)
class Filter:
    """One condition on one column; several filters of a call are joined with AND.

    Attributes:
        name: Column, as the API spells it.
        value: What to compare with; for ``in`` a comma-separated list.
        comparison: Equality is sent without ``opp``, which every tenant understands.
        value_type: ``string``, ``int`` or ``datetime``, where a tenant needs to be told.
    """

    name: str
    value: str
    comparison: Comparison = "="
    value_type: Literal["string", "int", "datetime"] | None = None


def filter_parameters(filters: Sequence[Filter]) -> list[tuple[str, str]]:
    """Write filters as query parameters, unencoded.

    Args:
        filters: Conditions, all of which must hold.

    Returns:
        Name and value pairs in order.
    """
    parameters: list[tuple[str, str]] = []
    for position, condition in enumerate(filters):
        prefix = f"filterHash[{position}]"
        parameters.append((f"{prefix}[name]", condition.name))
        parameters.append((f"{prefix}[value]", condition.value))
        if condition.comparison != "=":
            parameters.append((f"{prefix}[opp]", condition.comparison))
        if condition.value_type is not None:
            parameters.append((f"{prefix}[type]", condition.value_type))
        if position:
            parameters.append((f"{prefix}[condition]", "AND"))
    return parameters


def conditions(name: str, values: Sequence[str], longest: int | None) -> Iterator[Filter]:
    """Spread values over conditions: as lists where that can be written, one by one otherwise.

    Args:
        name: Column.
        values: Those it may have.
        longest: Most characters of one condition, encoded; ``None`` is no limit.

    Yields:
        Conditions of which any may hold, each for a call of its own.
    """
    group: list[str] = []
    size = 0
    for value in values:
        if "," in value or not value.strip():
            yield Filter(name, value)
            continue
        length = len(quote(value)) + len("%2C")
        if len(group) == _MOST_VALUES or (group and longest is not None and size + length > longest):
            yield _any_of(name, group)
            group, size = [], 0
        group.append(value)
        size += length
    if group:
        yield _any_of(name, group)


def _any_of(name: str, values: Sequence[str]) -> Filter:
    return Filter(name, values[0]) if len(values) == 1 else Filter(name, ",".join(values), "in")
