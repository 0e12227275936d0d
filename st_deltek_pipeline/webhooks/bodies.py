"""Reads the body of a request, never more of it than the limits allow, of one and of all together."""

from collections.abc import AsyncIterator

_TOO_LONG_A_NUMBER = 19


class BodyTooLargeError(Exception):
    """The body is larger than one may be."""


class MemoryFullError(Exception):
    """Too many bodies are being received at once."""


class BodyReader:
    """Reads bodies, and counts what of them is in memory.

    Args:
        largest: Bytes of one body.
        all_together: Bytes of all bodies that are not given back yet.
    """

    def __init__(self, largest: int, all_together: int) -> None:
        self._largest = largest
        self._free = all_together

    def check_announced(self, content_length: bytes | None) -> None:
        """Refuse a body by what its sender announces; what it then sends is counted all the same.

        Args:
            content_length: The header, if there is one.

        Raises:
            BodyTooLargeError: It is announced to be too large.
        """
        if content_length is None:
            return
        # h11 has seen to it that these are digits.
        if len(content_length) > _TOO_LONG_A_NUMBER or int(content_length) > self._largest:
            raise BodyTooLargeError

    async def read(self, pieces: AsyncIterator[bytes]) -> bytes:
        """Return the whole body; give it back when done with it.

        Args:
            pieces: As they arrive.

        Raises:
            BodyTooLargeError: More arrived than one may have.
            MemoryFullError: More arrived than there is room for now.
        """
        body = bytearray()
        try:
            async for piece in pieces:
                self._free -= len(piece)
                body += piece
                self._check(len(body))
        except BaseException:
            self._free += len(body)
            raise
        return bytes(body)

    def give_back(self, body: bytes) -> None:
        """Say that a body of ``read`` is in memory no more."""
        self._free += len(body)

    def _check(self, size: int) -> None:
        if size > self._largest:
            raise BodyTooLargeError
        if self._free < 0:
            raise MemoryFullError
