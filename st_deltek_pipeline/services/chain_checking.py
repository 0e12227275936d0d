"""Checks the journal's hash chain: what is new and a part of the old at every look, or all of it at once."""

from collections.abc import Callable

from sqlalchemy import Connection, Engine

from st_deltek_pipeline.domain.chain_check import (
    BEFORE_THE_FIRST,
    ChainBreak,
    ChainPosition,
    against_head,
    follow,
)
from st_deltek_pipeline.store import chain_checks
from st_deltek_pipeline.store.chain_checks import CheckedUpTo

EVENTS_PER_LOOK = 5000
"""How many events one look reads of what is new, and once more of what is old; a tenth of a second each."""


def check_some(engine: Engine, connection: str, *, events: int = EVENTS_PER_LOOK) -> ChainBreak | None:
    """Check the events that came since the last look, and go on checking everything once more.

    Where a break was found the next look begins again, so it is found until it is gone. Nothing is written where the
    positions stay what they were.

    Args:
        engine: The database.
        connection: The chain's owner.
        events: The most to read for each of the two.

    Returns:
        The first break, or ``None``.
    """
    with chain_checks.chain_view(engine) as db:
        head = chain_checks.head(db, connection)
        before = chain_checks.checked_up_to(db, connection)
        newest = _part(db, connection, before.newest, head, events)
        again = _part(db, connection, before.round, head, events)
    broken = [found for found in (again, newest) if isinstance(found, ChainBreak)]
    at_newest = before.newest if isinstance(newest, ChainBreak) else newest
    at_round = before.round if isinstance(again, ChainBreak) else again
    # At the end of the journal the round begins anew.
    after = CheckedUpTo(at_newest, BEFORE_THE_FIRST if at_round.sequence >= head.sequence else at_round)
    if after != before:
        chain_checks.keep_checked(engine, connection, after)
    return broken[0] if broken else None


def check_all(
    engine: Engine, connection: str, *, progress: Callable[[int, int], None], events: int = EVENTS_PER_LOOK
) -> tuple[int, ChainBreak | None]:
    """Check a whole chain, and that it still has what was checked before.

    Args:
        engine: The database.
        connection: The chain's owner.
        progress: Told how many events were checked, of how many.
        events: How many to read at once.

    Returns:
        How many events are in order from the first one on, and the first break.
    """
    with chain_checks.chain_view(engine) as db:
        head = chain_checks.head(db, connection)
        known = chain_checks.checked_up_to(db, connection).newest
        at = BEFORE_THE_FIRST
        while True:
            # Part by part, ending at what was checked before, so that its hash can be compared.
            most = known.sequence - at.sequence if at.sequence < known.sequence else events
            found = _part(db, connection, at, head, min(events, most))
            if isinstance(found, ChainBreak):
                return found.sequence - 1, found
            if found.sequence == known.sequence and found.hash != known.hash:
                return found.sequence - 1, ChainBreak(
                    found.sequence, f"event {found.sequence} is not the one it was before"
                )
            progress(found.sequence, head.sequence)
            if found == at or found.sequence >= head.sequence:
                return found.sequence, against_head(known, head, complete=False)
            at = found


def _part(
    db: Connection, connection: str, start: ChainPosition, head: ChainPosition, events: int
) -> ChainPosition | ChainBreak:
    rows = chain_checks.links(db, connection, start.sequence, limit=events)
    found = follow(rows, start)
    if isinstance(found, ChainBreak):
        return found
    return against_head(found, head, complete=len(rows) < events) or found
