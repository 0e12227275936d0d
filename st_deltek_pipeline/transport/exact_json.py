"""JSON in which amounts stay exact: Decimals in, Decimals out, never a float."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn, cast

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class NotJsonError(ValueError):
    """Bytes that are not the JSON they should be.

    Args:
        reason: What is wrong, without quoting the bytes.
        cut_off: They end too early, so another try may bring them whole.
    """

    def __init__(self, reason: str, *, cut_off: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cut_off = cut_off


def strip_mark(body: bytes) -> bytes:
    """Take off the byte order mark that some gateways put before UTF-8."""
    return body.removeprefix(_BYTE_ORDER_MARK)


def loads(body: bytes) -> Any:  # noqa: ANN401 - any JSON value, to be validated by whoever asked for it
    """Read JSON exactly.

    Args:
        body: UTF-8, with or without a byte order mark.

    Returns:
        The value; numbers with a fraction are Decimals.

    Raises:
        NotJsonError: Empty, cut off, not UTF-8, NaN or Infinity in it, a key twice in one object.
    """
    try:
        text = strip_mark(body).decode()
    except UnicodeDecodeError as error:
        message = f"not UTF-8 at byte {error.start}"
        raise NotJsonError(message, cut_off=error.end >= len(body)) from None
    if not text.strip():
        message = "empty"
        raise NotJsonError(message, cut_off=True)
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        cut_off = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        message = f"{'cut off' if cut_off else 'not JSON'} at character {error.pos} of {len(text)}"
        raise NotJsonError(message, cut_off=cut_off) from None
    except NotJsonError:
        raise
    except (ValueError, RecursionError) as error:
        message = f"JSON that cannot be read ({type(error).__name__})"
        raise NotJsonError(message) from None


def dumps(value: object) -> bytes:
    """Write JSON exactly: a Decimal becomes the same number, digit for digit.

    Args:
        value: Mappings with text keys, sequences, text, int, bool, None and finite Decimals.

    Returns:
        Compact UTF-8; the order of keys is kept.

    Raises:
        TypeError: A float, or anything else that JSON has no exact form for.
        ValueError: A Decimal that is not finite.
    """
    return "".join(_pieces(value)).encode()


def _pieces(value: object) -> list[str]:
    match value:
        case None | bool() | str() | int():
            return [json.dumps(value, ensure_ascii=False)]
        case Decimal():
            if not value.is_finite():
                message = f"{value} is not a number JSON knows"
                raise ValueError(message)
            return [format(value, "f")]
        case Mapping():
            pieces: list[str] = []
            for key, member in cast("Mapping[object, object]", value).items():
                if not isinstance(key, str):
                    message = f"{key!r} is not a text and cannot be a JSON key"
                    raise TypeError(message)
                pieces += [",", json.dumps(key, ensure_ascii=False), ":", *_pieces(member)]
            return ["{", *pieces[1:], "}"]
        case list() | tuple():
            pieces = []
            for member in cast("Sequence[object]", value):
                pieces += [",", *_pieces(member)]
            return ["[", *pieces[1:], "]"]
        case _:
            message = f"a {type(value).__name__} has no exact form in JSON"
            raise TypeError(message)


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name}, which is not JSON"
    raise NotJsonError(message)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                message = f"the key {key[:60]!r} twice in one object"
                raise NotJsonError(message)
            seen.add(key)
    return members
