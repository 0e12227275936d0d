"""The moments between two lasting effects, by name: where a process may die, and the next run goes on.

``Reached`` is told of each of them. In production that is ``pass_by``, which does nothing: it is what every parameter is by
default, and nothing in this program gives anything else, so no setting, variable or argument can make a run stop here. Tests
give functions that kill, freeze or cut off their own worker. What the next run does at each is in docs/posting-protocol.md.
"""

from collections.abc import Callable
from enum import StrEnum


class Boundary(StrEnum):
    """A moment of the posting protocol, of writing back, of intake or of receiving; in that order."""

    LOCKED = "locked"
    DECIDED = "decided"
    PLANNED = "planned"
    LOOKED = "looked"
    FOUND_RECORDED = "found recorded"
    SESSION_SET = "session set"
    SENDING_RECORDED = "sending recorded"
    FILE_ANSWERED = "file answered"
    ENTERED_RECORDED = "entered recorded"
    REFUSAL_HEARD = "refusal heard"
    REFUSAL_RECORDED = "refusal recorded"
    SPLIT_RECORDED = "split recorded"
    DOUBT_HEARD = "doubt heard"
    DOUBT_RECORDED = "doubt recorded"
    ABSENCE_RECORDED = "absence recorded"
    HOLD_RECORDED = "hold recorded"
    POSTING_RECORDED = "posting recorded"
    POST_ANSWERED = "post answered"
    POST_REFUSAL_RECORDED = "post refusal recorded"
    LEDGER_READ = "ledger read"
    POSTED_RECORDED = "posted recorded"

    EXPORT_RECORDED = "export recorded"
    EXPORT_ANSWERED = "export answered"
    EXPORTED_RECORDED = "exported recorded"

    PAGE_READ = "page read"
    PAGE_WRITTEN = "page written"
    PAGE_STORED = "page stored"

    DELIVERY_WRITTEN = "delivery written"
    DELIVERY_KEPT = "delivery kept"


Reached = Callable[[Boundary], None]
"""Told of a moment that a process has reached, in the thread that has reached it."""


def pass_by(_boundary: Boundary) -> None:
    """Go on."""
