"""The vocabulary of list filters: small functions that turn a parameter into a test of one row.

Which resource has which filters is in ``resources``.
"""

import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, cast

from st_deltek_pipeline.sandbox.servicetitan.answers import bad_value
from st_deltek_pipeline.sandbox.servicetitan.instants import parse_instant
from st_deltek_pipeline.sandbox.servicetitan.parameters import Parameters
from st_deltek_pipeline.sandbox.state import Row

Test = Callable[[Row], bool]
Filter = Callable[[Parameters], Test | None]
Getter = Callable[[Row], Any]


def field(*path: str) -> Getter:
    """Return a function that reads a field by its path; ``None`` where something on the way is missing."""

    def get(row: Row) -> Any:  # noqa: ANN401 - a row's field may hold anything JSON can
        value: Any = row
        for name in path:
            if not isinstance(value, dict):
                return None
            value = cast("Row", value).get(name)
        return value

    return get


def whole(name: str, get: Getter) -> Filter:
    """Keep rows whose number equals the parameter."""

    def read(parameters: Parameters) -> Test | None:
        wanted = parameters.whole(name)
        return None if wanted is None else lambda row: get(row) == wanted

    return read


def wholes(name: str, get: Getter) -> Filter:
    """Keep rows whose number is one of a repeated parameter."""

    def read(parameters: Parameters) -> Test | None:
        wanted = frozenset(parameters.wholes(name))
        return (lambda row: get(row) in wanted) if wanted else None

    return read


def text(name: str, get: Getter) -> Filter:
    """Keep rows whose text, or one of whose texts, equals the parameter, letter case aside."""

    def read(parameters: Parameters) -> Test | None:
        given = parameters.text(name)
        if given is None:
            return None
        wanted = _folded(given)
        return lambda row: any(_folded(each) == wanted for each in _several(get(row)))

    return read


def contains(name: str, get: Getter) -> Filter:
    """Keep rows whose text contains the parameter, letter case aside."""

    def read(parameters: Parameters) -> Test | None:
        wanted = parameters.text(name)
        return None if wanted is None else lambda row: _folded(wanted) in _folded(get(row))

    return read


def comma_texts(name: str, get: Getter) -> Filter:
    """Keep rows whose text is in a comma-delimited list."""

    def read(parameters: Parameters) -> Test | None:
        parts = parameters.comma_texts(name)
        if parts is None:
            return None
        wanted = frozenset(_folded(part) for part in parts)
        return lambda row: _folded(get(row)) in wanted

    return read


def comma_wholes(name: str, get: Getter) -> Filter:
    """Keep rows whose number, or one of whose numbers, is in a comma-delimited list."""

    def read(parameters: Parameters) -> Test | None:
        parts = parameters.comma_wholes(name)
        if parts is None:
            return None
        wanted = frozenset(parts)

        def test(row: Row) -> bool:
            value = get(row)
            return not wanted.isdisjoint(cast("list[int]", value)) if isinstance(value, list) else value in wanted

        return test

    return read


def flag(name: str, get: Getter) -> Filter:
    """Keep rows whose truth value equals the parameter."""

    def read(parameters: Parameters) -> Test | None:
        wanted = parameters.flag(name)
        return None if wanted is None else lambda row: bool(get(row)) is wanted

    return read


def choice(name: str, get: Getter, values: Sequence[str], *, default: str | None = None) -> Filter:
    """Keep rows whose value equals the one value of an enumeration; ``default`` when none is given."""

    def read(parameters: Parameters) -> Test | None:
        wanted = parameters.choice(name, values) or default
        return None if wanted is None else lambda row: get(row) == wanted

    return read


def choices(name: str, get: Getter, values: Sequence[str]) -> Filter:
    """Keep rows whose value is among those of a repeated enumeration parameter."""

    def read(parameters: Parameters) -> Test | None:
        wanted = frozenset(parameters.choices(name, values))
        return (lambda row: get(row) in wanted) if wanted else None

    return read


def comma_choices(name: str, get: Getter, values: Sequence[str]) -> Filter:
    """Keep rows whose value is among those of a comma-delimited enumeration parameter."""

    def read(parameters: Parameters) -> Test | None:
        wanted = frozenset(parameters.comma_choices(name, values))
        return (lambda row: get(row) in wanted) if wanted else None

    return read


def on_or_after(name: str, get: Getter) -> Filter:
    """Keep rows whose instant is at the parameter or later."""
    return _instant(name, get, operator.ge)


def before(name: str, get: Getter) -> Filter:
    """Keep rows whose instant is earlier than the parameter."""
    return _instant(name, get, operator.lt)


def after(name: str, get: Getter) -> Filter:
    """Keep rows whose instant is later than the parameter."""
    return _instant(name, get, operator.gt)


def on_or_before(name: str, get: Getter) -> Filter:
    """Keep rows whose instant is at the parameter or earlier."""
    return _instant(name, get, operator.le)


def at_least(name: str, get: Getter) -> Filter:
    """Keep rows whose amount is the parameter or more."""
    return _amount(name, get, operator.ge)


def at_most(name: str, get: Getter) -> Filter:
    """Keep rows whose amount is the parameter or less."""
    return _amount(name, get, operator.le)


def active(parameters: Parameters) -> Test | None:
    """Apply ``active``: True (the default), Any, False (servicetitan.md section 2)."""
    wanted = parameters.choice("active", ("True", "Any", "False")) or "True"
    return None if wanted == "Any" else lambda row: row["active"] is (wanted == "True")


def active_state(parameters: Parameters) -> Test | None:
    """Apply ``activeState``: ActiveOnly (assumed as the default), InactiveOnly, All."""
    wanted = parameters.choice("activeState", ("ActiveOnly", "InactiveOnly", "All")) or "ActiveOnly"
    return None if wanted == "All" else lambda row: row["active"] is (wanted == "ActiveOnly")


def balance(parameters: Parameters) -> Test | None:
    """Apply the invoices' pair ``balanceFilter.Balance`` and ``balanceFilter.Comparer``."""
    wanted = parameters.amount("balanceFilter.Balance")
    if wanted is None:
        return None
    comparer = parameters.choice("balanceFilter.Comparer", _COMPARERS) or "Equals"
    compare = _COMPARERS[comparer]
    return lambda row: row["balance"] is not None and compare(Decimal(row["balance"]), wanted)


def compared(prefix: str, get: Getter) -> Filter:
    """Apply a pair such as ``totalFilter.Amount`` and ``totalFilter.Comparer`` (credit memos)."""

    def read(parameters: Parameters) -> Test | None:
        wanted = parameters.amount(f"{prefix}.Amount")
        if wanted is None:
            return None
        compare = _AMOUNT_COMPARERS[parameters.choice(f"{prefix}.Comparer", _AMOUNT_COMPARERS) or "Equal"]
        return lambda row: get(row) is not None and compare(Decimal(get(row)), wanted)

    return read


def sync_statuses(parameters: Parameters) -> Test | None:
    """Apply ``syncStatuses`` of bills, AP credits and AP payments, where one value means two."""
    wanted: set[str] = set()
    for value in parameters.choices("syncStatuses", _SYNC_STATUS_SETS):
        wanted |= _SYNC_STATUS_SETS[value]
    return (lambda row: row["syncStatus"] in wanted) if wanted else None


def custom_fields(prefix: str = "customField") -> Filter:
    """Apply ``customField.Fields[Name]=value`` pairs, joined by ``customField.Operator``."""
    start = f"{prefix}.fields".lower()

    def read(parameters: Parameters) -> Test | None:
        pairs: list[tuple[str, str]] = []
        for given in parameters.names():
            if given.startswith(start) and len(given) > len(start):
                wanted = given.removeprefix(start).strip("[].")
                pairs.extend((wanted, value) for value in parameters.texts(given))
        if not pairs:
            return None
        join = any if parameters.choice(f"{prefix}.Operator", ("And", "Or")) == "Or" else all

        def test(row: Row) -> bool:
            fields = cast("list[Row]", row["customFields"] or [])
            found = {(_folded(each["name"]), each["value"]) for each in fields}
            return join(pair in found for pair in pairs)

        return test

    return read


def refuse(*names: str) -> Filter:
    """Refuse filters over data that the twin does not hold: an answer that ignores them would be wrong."""

    def read(parameters: Parameters) -> Test | None:
        for name in names:
            if parameters.text(name) is not None:
                raise bad_value(name, "The sandbox holds no data for this filter; leave it out.")
        return None

    return read


_COMPARERS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "Greater": operator.gt,
    "Less": operator.lt,
}

_AMOUNT_COMPARERS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "Equal": operator.eq,
    "NotEqual": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqual": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqual": operator.le,
}
_SYNC_STATUS_SETS = {
    "Pending": {"Pending"},
    "Posted": {"Posted"},
    "Exported": {"Exported"},
    "PostedAndExported": {"Posted", "Exported"},
}


def _several(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _folded(value: object) -> str:
    return str(value).strip().casefold() if value is not None else ""


def _instant(name: str, get: Getter, compare: Callable[[int, int], bool]) -> Filter:
    def read(parameters: Parameters) -> Test | None:
        wanted = parameters.instant(name)
        if wanted is None:
            return None

        def test(row: Row) -> bool:
            return any(value is not None and compare(parse_instant(value), wanted) for value in _several(get(row)))

        return test

    return read


def _amount(name: str, get: Getter, compare: Callable[[Decimal, Decimal], bool]) -> Filter:
    def read(parameters: Parameters) -> Test | None:
        wanted = parameters.amount(name)
        if wanted is None:
            return None

        def test(row: Row) -> bool:
            value = get(row)
            return value is not None and compare(Decimal(value), wanted)

        return test

    return read
