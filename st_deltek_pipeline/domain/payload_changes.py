"""What differs between two versions of a payload, field by field. Reading them is ``store.audit_trail``'s."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias, cast

Json: TypeAlias = Mapping[str, object]

_ABSENT = object()


@dataclass(frozen=True)
class FieldChange:
    """One field that is not what it was.

    Attributes:
        path: Such as ``items[id=12].total``; elements of a list that have ids are named by them, others by position.
        before: JSON of the value; ``None`` when the field was not there.
        after: Likewise; ``None`` when it is gone.
    """

    path: str
    before: str | None
    after: str | None


def payload_changes(before: str, after: str) -> tuple[FieldChange, ...]:
    """Compare two versions of a payload.

    Args:
        before: JSON as sent.
        after: JSON as sent.

    Returns:
        Every field that differs, in the order of the later version; amounts by their value, so ``1.50`` equals ``1.5``.
    """
    return tuple(_compare("", _parsed(before), _parsed(after)))


def _parsed(payload: str) -> object:
    return json.loads(payload, parse_float=Decimal)


def _compare(path: str, before: object, after: object) -> Iterator[FieldChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _members(path, cast("Json", before), cast("Json", after), "{path}.{name}")
    elif isinstance(before, list) and isinstance(after, list):
        lists = cast("list[object]", before), cast("list[object]", after)
        old, new = map(_by_id, lists)
        if old is None or new is None:
            old, new = map(_by_place, lists)
        yield from _members(path, old, new, "{path}[{name}]")
    else:
        yield from _leaf(path, cast("object", before), after)


def _leaf(path: str, before: object, after: object) -> Iterator[FieldChange]:
    if not _equal(before, after):
        yield FieldChange(path, _shown(before), _shown(after))


def _equal(before: object, after: object) -> bool:
    if before is _ABSENT or after is _ABSENT:
        return False
    return _same_number(before, after) or (type(before) is type(after) and before == after)


def _members(path: str, before: Json, after: Json, form: str) -> Iterator[FieldChange]:
    for name in [*after, *(name for name in before if name not in after)]:
        inner = form.format(path=path, name=name).removeprefix(".")
        yield from _compare(inner, before.get(name, _ABSENT), after.get(name, _ABSENT))


def _same_number(before: object, after: object) -> bool:
    numbers = [each for each in (before, after) if isinstance(each, int | Decimal) and not isinstance(each, bool)]
    return len(numbers) == 2 and numbers[0] == numbers[1]  # noqa: PLR2004 (both of them)


def _by_id(elements: Sequence[object]) -> Json | None:
    ids = [cast("Json", each).get("id") for each in elements if isinstance(each, dict)]
    if len(ids) != len(elements) or None in ids or len(set(map(str, ids))) != len(ids):
        return None
    return {f"id={name}": each for name, each in zip(ids, elements, strict=True)}


def _by_place(elements: Sequence[object]) -> Json:
    return {str(place): each for place, each in enumerate(elements)}


def _shown(value: object) -> str | None:
    return None if value is _ABSENT else json.dumps(value, ensure_ascii=False, default=str)
