"""Columns of tables, and reading a JSON row by them: names, types, lengths.

Which tables and columns there are is in ``entry_tables`` and ``firm_tables``; what the values mean is checked in
``entry_rules`` and ``firms``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import Any, cast

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import errors
from st_deltek_pipeline.sandbox.vantagepoint.errors import RuleError

ZERO = Decimal("0.00")
_CENT = Decimal("0.01")
# Amounts are decimal(19, 4) in Deltek's published data dictionary.
_DECIMALS = 4
_LARGEST = Decimal(10) ** 15
_LARGEST_INTEGER = 2**31 - 1
_FLAG_WORDS = {"y": "Y", "n": "N", "1": "Y", "0": "N", "true": "Y", "false": "N"}

_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,7})?)?$", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,10}$", re.ASCII)


class Kind(StrEnum):
    """What a column holds.

    A ``FLAG`` is Y or N and nothing else. A ``LOOSE_FLAG`` is also written 0, 1, true or false by real clients, and
    answered as Y or N. ``ANSWER`` is only in answers, and ``IGNORED`` in none: both may be sent, as real clients
    do, and are not kept.
    """

    TEXT = "text"
    FLAG = "flag"
    LOOSE_FLAG = "loose flag"
    INTEGER = "integer"
    AMOUNT = "amount"
    DATE = "date"
    ANSWER = "answer"
    IGNORED = "ignored"


@dataclass(frozen=True)
class Column:
    """One column; ``length`` counts characters and matters for text only."""

    name: str
    kind: Kind = Kind.TEXT
    length: int = 0
    default: Any = ""


@dataclass(frozen=True)
class Table:
    """One table: its name in the database and its columns in the published order.

    Attributes:
        by_name: All columns.
        kept: Those that a row of the database has.
        answered: The names of those that an answer has.
    """

    name: str
    columns: tuple[Column, ...]
    by_name: Mapping[str, Column] = field(init=False)
    kept: tuple[Column, ...] = field(init=False)
    answered: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})
        kept = tuple(column for column in self.columns if column.kind not in {Kind.ANSWER, Kind.IGNORED})
        object.__setattr__(self, "kept", kept)
        answered = tuple(column.name for column in self.columns if column.kind is not Kind.IGNORED)
        object.__setattr__(self, "answered", answered)


def read_row(table: Table, raw: object, *, database: str, partial: bool = False) -> Row:
    """Read one row of a request.

    Args:
        table: Which columns there are.
        raw: The JSON value, numbers with a fraction as Decimal.
        database: Named in SQL Server's truncation text.
        partial: Leave out columns that were not sent, instead of filling in their defaults.

    Returns:
        Column to value, in the published order: text stripped of trailing blanks, amounts as Decimal, dates as
        ``YYYY-MM-DDTHH:MM:SS.mmm`` or ``""``. Only columns that are kept are in it.

    Raises:
        RuleError: An unknown column, a wrong type, or a text that is too long.
    """
    sent = as_object(raw)
    if sent is None:
        raise RuleError(errors.invalid_value(table.name, raw))
    unknown = next((name for name in sent if name not in table.by_name), None)
    if unknown is not None:
        raise RuleError(errors.unknown_field(unknown))
    row: Row = {}
    for column in table.kept:
        kind = column.kind
        name = column.name
        if name not in sent:
            if not partial:
                row[name] = column.default
            continue
        value = sent[name]
        if value is None or value == "":
            row[name] = column.default
        elif kind is Kind.TEXT:
            row[name] = _as_text(table, column, value, database) or column.default
        else:
            row[name] = _converted(kind, name, value)
    return row


def as_object(value: object) -> Row | None:
    """Return a JSON value as an object, or ``None`` when it is something else."""
    return cast("Row", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[Any]:
    """Return a JSON value as a list: itself, or the one element that it is; nothing for null."""
    if isinstance(value, list):
        return cast("list[Any]", value)
    return [] if value is None else [value]


def _as_text(table: Table, column: Column, value: object, database: str) -> str:
    if not isinstance(value, str):
        raise RuleError(errors.invalid_value(column.name, value))
    text = value.rstrip()
    if len(text) > column.length:
        raise RuleError(errors.truncated(database, table.name, column.name, text[: column.length]))
    return text


def _converted(kind: Kind, name: str, value: object) -> object:
    converted: object = None
    if kind is Kind.AMOUNT:
        converted = _as_amount(value)
    elif kind is Kind.DATE:
        converted = as_date(value) if isinstance(value, str) else None
    elif kind is Kind.INTEGER:
        converted = _as_integer(value)
    elif kind is Kind.LOOSE_FLAG:
        converted = _FLAG_WORDS.get(str(value).lower())
    elif isinstance(value, str) and value in {"Y", "N"}:
        converted = value
    if converted is None:
        raise RuleError(errors.invalid_value(name, value))
    return converted


def _as_amount(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    if not amount.is_finite() or abs(amount) >= _LARGEST:
        return None
    cents = amount.quantize(_CENT)
    if cents == amount:
        return cents + ZERO  # turns -0.00 into 0.00
    exponent = amount.normalize().as_tuple().exponent
    return amount if isinstance(exponent, int) and -exponent <= _DECIMALS else None


def _as_integer(value: object) -> int | None:
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and _INTEGER.match(value):
        number = int(value)
    return number if number is not None and abs(number) <= _LARGEST_INTEGER else None


@lru_cache(maxsize=4096)
def as_date(text: str) -> str | None:
    """Return a date as answers write it, or ``None`` when the text is none (vantagepoint.md section 2)."""
    if not _DATE.match(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return write_moment(moment)


def write_moment(moment: datetime | date) -> str:
    """Write a moment as Vantagepoint does: milliseconds, no zone."""
    if not isinstance(moment, datetime):
        return f"{moment.isoformat()}T00:00:00.000"
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")
