r"""Cutting a page into its records' own bytes, even when one of them holds half a character.

A JSON text may hold half of a surrogate pair (``"\ud83d"`` alone), as programs write that cut an emoji in two. The
decoder refuses the whole page for it; one such record must not stop the others.
"""

import re
from collections.abc import Sequence

import msgspec

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
# As long as what it stands for, so that every record keeps its place in the page.
_STAND_IN = rb"\ufffd"


def decodable(body: bytes) -> bytes:
    """Return the body with a stand-in for every escaped surrogate, whole pairs included, byte for byte as long."""
    return _SURROGATE.sub(_STAND_IN.replace(b"\\", b"\\\\"), body) if b"\\ud" in body or b"\\uD" in body else body


def verbatim_rows(body: bytes, rows: Sequence[msgspec.Raw]) -> list[bytes]:
    """Return the records of a page exactly as they were sent.

    Args:
        body: The page as it came.
        rows: Its records, cut from ``decodable(body)`` in their order.
    """
    stand_in = decodable(body)
    if stand_in is body:
        return [bytes(row) for row in rows]
    found: list[bytes] = []
    position = 0
    for row in rows:
        piece = bytes(row)
        position = stand_in.index(piece, position)
        found.append(body[position : position + len(piece)])
        position += len(piece)
    return found
