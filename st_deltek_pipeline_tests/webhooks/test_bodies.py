"""Bodies are read whole or refused, however they are cut into pieces, and what they take is given back."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.webhooks.bodies import BodyReader, BodyTooLargeError, MemoryFullError

_LARGEST, _ALL = 40, 60


async def _pieces(pieces: Sequence[bytes], error: Exception | None = None) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if error is not None:
        raise error


def _free(reader: BodyReader) -> int:
    return reader._free


@given(st.lists(st.binary(max_size=25), max_size=8))
def test_a_body_in_any_pieces_is_read_whole_or_refused(pieces: list[bytes]) -> None:
    reader = BodyReader(_LARGEST, _ALL)
    whole = b"".join(pieces)
    if len(whole) > _LARGEST:
        with pytest.raises(BodyTooLargeError):
            asyncio.run(reader.read(_pieces(pieces)))
    else:
        assert asyncio.run(reader.read(_pieces(pieces))) == whole
        assert _free(reader) == _ALL - len(whole)
        reader.give_back(whole)
    assert _free(reader) == _ALL


def test_several_bodies_share_the_memory_and_give_it_back() -> None:
    reader = BodyReader(_LARGEST, _ALL)
    first = asyncio.run(reader.read(_pieces([b"x" * _LARGEST])))
    with pytest.raises(MemoryFullError):
        asyncio.run(reader.read(_pieces([b"x" * 15, b"x" * 15])))
    reader.give_back(first)
    assert len(asyncio.run(reader.read(_pieces([b"x" * 15, b"x" * 15])))) == 30


def test_a_sender_that_goes_away_leaves_nothing_behind() -> None:
    reader = BodyReader(_LARGEST, _ALL)
    with pytest.raises(ConnectionResetError):
        asyncio.run(reader.read(_pieces([b"x" * 20], ConnectionResetError())))
    assert _free(reader) == _ALL


@pytest.mark.parametrize("announced", [b"41", b"9" * 5_000, b"00000000000000000000000"])
def test_what_is_announced_too_large_is_refused_unread(announced: bytes) -> None:
    with pytest.raises(BodyTooLargeError):
        BodyReader(_LARGEST, _ALL).check_announced(announced)


@pytest.mark.parametrize("announced", [None, b"0", b"40"])
def test_what_is_announced_within_the_limit_may_come(announced: bytes | None) -> None:
    BodyReader(_LARGEST, _ALL).check_announced(announced)
