"""Reads the bodies of Vantagepoint's answers, in the several shapes they come in (vantagepoint.md section 2)."""

from collections.abc import Mapping
from typing import Any, cast

from st_deltek_pipeline.domain.errors import BrokenError, InDoubtError
from st_deltek_pipeline.transport.answers import Answer, BrokenAnswerError, UnreadableAnswerError
from st_deltek_pipeline.transport.exact_json import NotJsonError, loads

Row = dict[str, Any]


def listed(value: object) -> list[object]:
    """Give what an answer holds as a list: an array as it is, one record alone, null as nothing."""
    if value is None:
        return []
    return cast("list[object]", value) if isinstance(value, list) else [value]


def rows_of(answer: Answer) -> list[Row]:
    """Read rows from an array or from one object (section 2).

    Raises:
        UnreadableAnswerError: A page or half a body; reading may be repeated.
        BrokenAnswerError: Not rows.
    """
    rows = listed(answer.json())
    if not all(isinstance(row, dict) for row in rows):
        reason = "something else than rows"
        raise answer.unreadable(reason, may_heal=False)
    return cast("list[Row]", rows)


def first_row(value: object) -> Row | None:
    """Give the first record of an array, or the one record, if there is any."""
    rows = listed(value)
    return cast("Row", rows[0]) if rows and isinstance(rows[0], dict) else None


def field_of(value: object, name: str) -> str | None:
    """Read one field of a row, of the first of several rows, or a bare value, whatever case its name has."""
    rows = listed(value)
    first = rows[0] if rows else None
    if isinstance(first, dict):
        folded = {key.casefold(): member for key, member in cast("Mapping[str, object]", first).items()}
        first = folded.get(name.casefold())
    return str(first).strip() if isinstance(first, str | int) and not isinstance(first, bool) else None


def period_of(text: str) -> int:
    """Read a period, YYYYPP.

    Raises:
        BrokenError: It is none.
    """
    if not text.isascii() or not text.isdigit():
        message = f"Vantagepoint's active period is {text[:20]!r}, where YYYYPP was expected."
        raise BrokenError(message)
    return int(text)


def after_writing(answer: Answer) -> object:
    """Read the answer to a write.

    Raises:
        InDoubtError: It cannot be read, so nobody knows what was done.
    """
    try:
        return answer.json()
    except (UnreadableAnswerError, BrokenAnswerError) as error:
        message = error.message
    raise InDoubtError(message, advice="Read back before anything is sent again.")


def post_text(answer: Answer) -> object:
    """Read PostTransFile's answer: a JSON string with a text, or that text without the string around it."""
    try:
        return loads(answer.body)
    except NotJsonError:
        return answer.body.decode("utf-8", "replace")


def folded(text: str) -> str:
    """Fold a key as SQL Server's usual collation compares it: case and surrounding blanks do not matter."""
    return text.strip().casefold()
