"""Reading what users and clients write into fields, and writing what rows hold. No row is changed here."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from st_deltek_pipeline.domain.money import ZERO, round_to_cents
from st_deltek_pipeline.sandbox.servicetitan.answers import bad_value
from st_deltek_pipeline.sandbox.servicetitan.instants import parse_instant
from st_deltek_pipeline.sandbox.state import Row

USER = "office"
"""Who enters what a user of the sandbox is made to enter."""

_MIDNIGHT = "T00:00:00Z"
_DATE_LENGTH = len("2026-10-05")


def read_day(name: str, value: Any) -> date:  # noqa: ANN401 - as it came in JSON
    """Return a day, given as ``2026-10-05`` or as an instant.

    Raises:
        ApiError: 400 when it is neither.
    """
    try:
        parse_instant(str(value))
        return date.fromisoformat(str(value).strip()[:_DATE_LENGTH])
    except ValueError:
        raise bad_value(name, "A day such as 2026-10-05 is expected.") from None


def read_instant(name: str, value: Any) -> str | None:  # noqa: ANN401 - as it came in JSON
    """Return an instant as rows write it; a day becomes its midnight.

    Raises:
        ApiError: 400 when it cannot be read.
    """
    if value is None:
        return None
    try:
        parse_instant(str(value))
    except ValueError:
        raise bad_value(name, f"The value '{value}' is not valid.") from None
    return f"{value}{_MIDNIGHT}" if len(str(value)) == _DATE_LENGTH else str(value)


def midnight(day: date) -> str:
    """Return a day as rows write it."""
    return f"{day}{_MIDNIGHT}"


def read_id(name: str, value: Any) -> int:  # noqa: ANN401 - as it came in JSON
    """Return an id.

    Raises:
        ApiError: 400 when it is not a whole number.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_value(name, "An id is expected.")
    return value


def read_choice(name: str, value: Any, values: Sequence[str]) -> str:  # noqa: ANN401 - as it came in JSON
    """Return one value of an enumeration.

    Raises:
        ApiError: 400 when it is not one of them.
    """
    if value not in values:
        raise bad_value(name, f"One of {', '.join(values)} is expected.")
    return str(value)


def read_amount(name: str, value: Any) -> Decimal:  # noqa: ANN401 - as it came in JSON
    """Return an amount, given as a number or as a text.

    Raises:
        ApiError: 400 when it is not a finite number.
    """
    amount = None
    if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool):
        try:
            amount = Decimal(value)
        except ArithmeticError:
            amount = None
    if amount is None or not amount.is_finite():
        raise bad_value(name, f"The value '{value}' is not an amount.")
    return amount


def read_rows(name: str, value: Any) -> list[Row]:  # noqa: ANN401 - as it came in JSON
    """Return rows that stand in a row, such as the items of an invoice.

    Raises:
        ApiError: 400 when it is not a list of objects.
    """
    try:
        return msgspec.convert(value, list[Row])
    except msgspec.ValidationError as error:
        raise bad_value(name, f"{error}.") from None


def amount_of(value: Any) -> Decimal:  # noqa: ANN401 - as it stands in a row
    """Return the amount of a row's field; 0.00 for none, and for one that a user left unreadable."""
    if not isinstance(value, (str, int, Decimal)):
        return ZERO
    try:
        amount = Decimal(value)
    except ArithmeticError:
        return ZERO
    return amount if amount.is_finite() else ZERO


def money_text(amount: Decimal) -> str:
    """Return an amount as text: with two decimals, or with more when it has more."""
    cents = round_to_cents(amount)
    return str(cents if cents == amount else amount)


def reference(name: str, value: Any, rows: Mapping[int, Row]) -> Row | None:  # noqa: ANN401 - as it came in JSON
    """Return the ``{id, name}`` of a row.

    Raises:
        ApiError: 400 when there is no such row.
    """
    if value is None:
        return None
    if not isinstance(value, int) or value not in rows:
        raise bad_value(name, f"There is no {value}.")
    return {"id": value, "name": rows[value]["name"]}
