"""Checking the journal's hash chain, from any point that was checked before. Reading it is ``store.chain_checks``."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from st_deltek_pipeline.domain.journal import FIRST_HASH, link_hash


@dataclass(frozen=True)
class ChainPosition:
    """A place in a connection's chain: the last event of what was looked at, and its hash."""

    sequence: int
    hash: str


BEFORE_THE_FIRST = ChainPosition(0, FIRST_HASH)


@dataclass(frozen=True)
class RecordedLink:
    """An event exactly as it stands in the database; texts that the code does not know included.

    Attributes:
        document: ``invoice:123``, or empty.
        revision: 0 for none.
        batch: Empty for none.
    """

    connection: str
    sequence: int
    occurred_at: datetime
    run_id: str
    event_type: str
    document: str
    revision: int
    batch: str
    body: str
    previous_hash: str
    hash: str


@dataclass(frozen=True)
class ChainBreak:
    """The first event that does not fit.

    Attributes:
        sequence: Its place, or the place where it is missing.
        words: What is wrong with it.
    """

    sequence: int
    words: str


def follow(links: Iterable[RecordedLink], start: ChainPosition) -> ChainPosition | ChainBreak:
    """Follow a part of a chain.

    Args:
        links: The events behind ``start``, by their sequence numbers.
        start: The place behind which they begin.

    Returns:
        Where they end, or the first break.
    """
    at = start
    for link in links:
        expected = at.sequence + 1
        if link.sequence != expected:
            return ChainBreak(expected, f"event {expected} is missing")
        if link.previous_hash != at.hash:
            return ChainBreak(expected, f"event {expected} does not follow the event before it, which was changed")
        if _hash_of(link) != link.hash:
            return ChainBreak(expected, f"event {expected} was changed after it was recorded")
        at = ChainPosition(link.sequence, link.hash)
    return at


def against_head(at: ChainPosition, head: ChainPosition, *, complete: bool) -> ChainBreak | None:
    """Compare how far a chain could be followed with the head that its writer left.

    Args:
        at: From ``follow``.
        head: Sequence number and hash of the event recorded last.
        complete: Everything that stands behind ``at`` was read.

    Returns:
        A break when events at the end are missing, were added, or the last one is another.
    """
    if at.sequence > head.sequence:
        return ChainBreak(head.sequence + 1, f"the journal ends with event {head.sequence}, but was longer before")
    if complete and at.sequence < head.sequence:
        return ChainBreak(at.sequence + 1, f"the events {at.sequence + 1} to {head.sequence} are missing")
    if at.sequence == head.sequence and at.hash != head.hash:
        return ChainBreak(at.sequence, f"event {at.sequence} is not the one that was recorded last")
    return None


def _hash_of(link: RecordedLink) -> str:
    return link_hash(
        connection=link.connection,
        sequence=link.sequence,
        occurred_at=link.occurred_at,
        run_id=link.run_id,
        event_type=link.event_type,
        document=link.document,
        revision=link.revision,
        batch=link.batch,
        body=link.body,
        previous_hash=link.previous_hash,
    )
