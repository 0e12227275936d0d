"""Row filters of Vantagepoint's lists: ``filterHash[0][name]=...`` (vantagepoint.md section 2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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
