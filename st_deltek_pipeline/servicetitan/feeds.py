"""One page of an export feed, as it came (servicetitan.md section 4). Reading rows is in ``records``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FeedPage:
    """What one call of a feed answered.

    Attributes:
        rows: Each record's JSON exactly as sent, byte for byte.
        has_more: False means caught up: ask again in five to ten minutes.
        continue_from: Token of the next call; opaque, never null.
    """

    rows: list[bytes]
    has_more: bool
    continue_from: str
