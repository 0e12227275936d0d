"""Bodies changed on their way by a fault: pages and rows of answers, and transaction files of which half is taken.

Pure functions on JSON bytes; amounts keep every digit. When a body is changed is the fault rule's part.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import parse_qs

from st_deltek_pipeline.sandbox.fault_rules import AnswerChange
from st_deltek_pipeline.sandbox.vantagepoint.transaction_types import TYPES
from st_deltek_pipeline.transport.exact_json import NotJsonError, dumps, loads

# A feed takes a date in place of a token; this one is before every record.
_BEGINNING = "1970-01-01T00:00:00Z"

Row = dict[str, Any]


def changed_answer(body: bytes, change: AnswerChange, *, query: str, seed: int) -> bytes:
    """Change a true answer.

    Args:
        body: As the twin gave it.
        change: What becomes of it.
        query: The request's, which holds the token of a feed's page.
        seed: Decides the other order of rows.

    Returns:
        The changed answer; one that holds no rows is left as it is.
    """
    try:
        value = loads(body)
    except NotJsonError:
        return body
    rows = _rows_of(value)
    if rows is None:
        return body
    changed = [_changed_row(row, change) for row in rows]
    if not isinstance(value, dict):
        return dumps(changed)
    page = {**cast("Row", value), "data": changed}
    if change.page is not None:
        asked_from = parse_qs(query).get("from", [_BEGINNING])[0]
        page = _PAGES[change.page](page, asked_from, random.Random(seed))  # noqa: S311 - a reproducible order, not a secret
    return dumps(page)


def half_of_file(body: bytes) -> bytes:
    """Return the part of a transaction file that is taken when only half of it is.

    Args:
        body: The request's: control, masters and details, with the control's total of all of them.

    Returns:
        The first half of its documents, or of the lines of its only one; anything but a file is left as it is.
    """
    try:
        value = loads(body)
    except NotJsonError:
        return body
    kind = next((kind for kind in TYPES.values() if isinstance(value, dict) and kind.master_name in value), None)
    if kind is None:
        return body
    file = cast("Row", value)
    masters: list[Row] = file[kind.master_name]
    lines = {name: cast("list[Row]", rows) for name, rows in file.items() if isinstance(rows, list)}
    del lines[kind.master_name]
    if len(masters) == 1:
        return dumps({**file, **{name: rows[: len(rows) // 2] for name, rows in lines.items()}})
    kept = masters[: len(masters) // 2]
    keys = [[master.get(name) for name in kind.key] for master in kept]
    left = {name: [row for row in rows if [row.get(each) for each in kind.key] in keys] for name, rows in lines.items()}
    return dumps({**file, **left, kind.master_name: kept})


def _rows_of(value: object) -> list[Row] | None:
    if isinstance(value, dict):
        value = cast("Row", value).get("data")
    if not isinstance(value, list):
        return None
    rows = cast("list[object]", value)
    return cast("list[Row]", rows) if all(isinstance(row, dict) for row in rows) else None


def _changed_row(row: Row, change: AnswerChange) -> Row:
    changed = {name: value for name, value in row.items() if name not in change.remove_fields}
    changed |= {name: value for name, value in change.replace_fields.items() if name in row}
    changed |= {name: _retyped(row[name]) for name in change.retype_fields if name in row}
    return changed | change.set_fields


def _retyped(value: object) -> object:
    match value:
        case None | bool():
            return value
        case str():
            return [value]
        case list():
            return {"items": cast("list[object]", value)}
        case Mapping():
            return cast("Mapping[str, object]", value).get("id")
        case _:
            return str(value)


def _rows_twice(page: Row, _from: str, _dice: random.Random) -> Row:
    return {**page, "data": [*page["data"], *page["data"]]}


def _rows_reordered(page: Row, _from: str, dice: random.Random) -> Row:
    return {**page, "data": dice.sample(page["data"], len(page["data"]))}


def _token_repeated(page: Row, asked_from: str, _dice: random.Random) -> Row:
    return {**page, "hasMore": True, "continueFrom": asked_from}


def _rows_dropped(page: Row, _from: str, _dice: random.Random) -> Row:
    return {**page, "data": []}


def _empty_with_more(page: Row, asked_from: str, _dice: random.Random) -> Row:
    return {**page, "hasMore": True, "data": [], "continueFrom": asked_from}


def _nothing_new(page: Row, asked_from: str, _dice: random.Random) -> Row:
    return {**page, "hasMore": False, "data": [], "continueFrom": asked_from}


_PAGES: Mapping[str, Callable[[Row, str, random.Random], Row]] = {
    "rows_twice": _rows_twice,
    "rows_reordered": _rows_reordered,
    "token_repeated": _token_repeated,
    "rows_dropped": _rows_dropped,
    "empty_with_more": _empty_with_more,
    "nothing_new": _nothing_new,
}
