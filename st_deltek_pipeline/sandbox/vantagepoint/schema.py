"""The columns of the AR invoice tables: names, types, lengths; and reading a JSON row by them.

Names are the published ones (vantagepoint.md section 4). A column that only answers carry may be sent, as
real clients do, and is ignored. What the values mean is checked in ``entry``.
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

_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,7})?)?$", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,10}$", re.ASCII)


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    FLAG = "flag"
    INTEGER = "integer"
    AMOUNT = "amount"
    DATE = "date"
    ANSWER = "answer"


@dataclass(frozen=True)
class Column:
    """One column; ``length`` counts characters and matters for text only."""

    name: str
    kind: Kind = Kind.TEXT
    length: int = 0
    default: Any = ""


@dataclass(frozen=True)
class Table:
    """One table: its name in the database and its columns in the published order."""

    name: str
    columns: tuple[Column, ...]
    by_name: Mapping[str, Column] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})


def _text(name: str, length: int, default: str = "") -> Column:
    return Column(name, Kind.TEXT, length, default)


def _amount(name: str) -> Column:
    return Column(name, Kind.AMOUNT, default=ZERO)


def _answers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Kind.ANSWER) for name in names)


_FLAG = Kind.FLAG
_WBS = (_text("WBS1", 30), _text("WBS2", 30), _text("WBS3", 30))


@lru_cache(maxsize=8)
def control_table(longest_batch: int) -> Table:
    """Return inControl; the length of a Batch is a switch."""
    return Table(
        "inControl",
        (
            _text("Batch", longest_batch),
            _text("Description", 40),
            Column("Recurring", _FLAG, default="N"),
            Column("EndDate", Kind.DATE),
            _text("DefaultTaxCode", 10),
            _amount("Total"),
            *_answers("SumTotal", "DiffTotal"),
            _amount("RetTotal"),
            *_answers("SumRetTotal", "DiffRetTotal"),
            Column("Selected", _FLAG, default="N"),
            Column("Posted", _FLAG, default="N"),
            _text("Creator", 20),
            Column("Period", Kind.INTEGER, default=None),
            _text("Company", 14),
        ),
    )


@lru_cache(maxsize=8)
def master_table(longest_batch: int, longest_invoice: int, longest_comment: int) -> Table:
    """Return inMaster; the lengths of Batch, Invoice and TransComment are switches."""
    return Table(
        "inMaster",
        (
            _text("Batch", longest_batch),
            _text("Invoice", longest_invoice),
            *_WBS,
            *_answers("WBS1Name", "ClientName", "WBS2Level", "ChargeType", "WBS2Name", "WBS3Level", "WBS3Name", "Org"),
            Column("TransDate", Kind.DATE),
            Column("DueDate", Kind.DATE),
            _text("TransComment", longest_comment),
            Column("Posted", _FLAG, default="N"),
            Column("Seq", Kind.INTEGER, default=0),
            _text("CurrencyCode", 3),
            _text("CurrencyExchangeOverrideMethod", 1, "N"),
            Column("CurrencyExchangeOverrideDate", Kind.DATE),
            _amount("CurrencyExchangeOverrideRate"),
            _text("Status", 1, "N"),
            *_answers("StatusDescription", "AuthorizedByName"),
            _text("AuthorizedBy", 20),
            _text("RejectReason", 255),
            _text("ModUser", 20),
            *_answers("ModUserEmployee"),
            Column("ModDate", Kind.DATE),
            _text("Diary", 10),
            Column("DiaryNo", Kind.INTEGER, default=0),
        ),
    )


@lru_cache(maxsize=8)
def detail_table(longest_batch: int, longest_invoice: int) -> Table:
    """Return inDetail; the lengths of Batch and Invoice are switches."""
    return Table(
        "inDetail",
        (
            _text("Batch", longest_batch),
            _text("Invoice", longest_invoice),
            *_WBS,
            _text("PKey", 32),
            Column("Seq", Kind.INTEGER, default=0),
            _text("InvoiceSection", 1),
            _text("TaxCode", 10),
            _text("Account", 13),
            *_answers("AccountName", "AccountCurrencyCode", "GlobalAccount", "AccountType"),
            Column("Amount", Kind.AMOUNT, default=None),
            _amount("RetAmount"),
            _amount("TaxBasis"),
            Column("Retainer", _FLAG, default="N"),
            _text("LinkWBS1", 30),
            _text("LinkWBS2", 30),
            _text("LinkWBS3", 30),
            _text("CreditMemoRefNo", 12),
        ),
    )


def read_row(table: Table, raw: object, *, database: str, partial: bool = False) -> Row:
    """Read one row of a request.

    Args:
        table: Which columns there are.
        raw: The JSON value, numbers with a fraction as Decimal.
        database: Named in SQL Server's truncation text.
        partial: Leave out columns that were not sent, instead of filling in their defaults.

    Returns:
        Column to value, in the published order: text stripped of trailing blanks, amounts as Decimal, dates as
        ``YYYY-MM-DDTHH:MM:SS.mmm`` or ``""``. Columns of answers are not in it.

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
    for column in table.columns:
        kind = column.kind
        if kind is Kind.ANSWER:
            continue
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
    elif value in {"Y", "N"}:
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
