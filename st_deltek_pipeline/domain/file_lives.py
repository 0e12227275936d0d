"""The life of a transaction file as its events tell it: which event may follow which state, and where it ends.

The same rules as docs/posting-protocol.md, read from the other side: the journal's events are played again, and must end in
the state that the file's row says.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from st_deltek_pipeline.domain.journal import EventType, FileState

_NOT_YET = None
_FRESH = frozenset({_NOT_YET, FileState.REFUSED, FileState.SPLIT})

SPLIT_UP = "split_up"
"""What a file lives through when a part is split off it. The event names the part; its body names the file."""


@dataclass(frozen=True)
class _Step:
    after: frozenset[FileState | None]
    becomes: FileState


_S = FileState
_STEPS = {
    EventType.FILE_PLANNED: _Step(_FRESH, _S.PLANNED),
    # A part of another file begins by being split off it.
    EventType.FILE_SPLIT: _Step(_FRESH, _S.PLANNED),
    EventType.FILE_SENDING: _Step(frozenset({_S.PLANNED}), _S.SENDING),
    EventType.FILE_IN_DOUBT: _Step(frozenset({_S.SENDING}), _S.IN_DOUBT),
    EventType.FILE_ABSENT: _Step(frozenset({_S.SENDING, _S.IN_DOUBT}), _S.PLANNED),
    EventType.FILE_ENTERED: _Step(
        frozenset({_S.PLANNED, _S.SENDING, _S.IN_DOUBT, _S.ENTERED, _S.POSTING, _S.HELD}), _S.ENTERED
    ),
    EventType.FILE_POSTING: _Step(frozenset({_S.ENTERED, _S.POSTING, _S.HELD}), _S.POSTING),
    EventType.FILE_POST_ANSWERED: _Step(frozenset({_S.POSTING}), _S.POSTING),
    EventType.FILE_POSTED: _Step(frozenset({_S.POSTING}), _S.POSTED),
    EventType.FILE_REFUSED: _Step(frozenset({_S.PLANNED, _S.SENDING, _S.ENTERED, _S.POSTING, _S.HELD}), _S.REFUSED),
    EventType.FILE_HELD: _Step(
        frozenset({_S.PLANNED, _S.SENDING, _S.IN_DOUBT, _S.ENTERED, _S.POSTING, _S.HELD}), _S.HELD
    ),
    EventType.FILE_RELEASED: _Step(frozenset({_S.HELD}), _S.HELD),
    EventType.DOCUMENT_ADOPTED: _Step(frozenset({_S.PLANNED, _S.ADOPTED}), _S.ADOPTED),
    SPLIT_UP: _Step(frozenset({_S.PLANNED, _S.SENDING, _S.SPLIT}), _S.SPLIT),
}

FILE_EVENTS = tuple(str(name) for name in _STEPS if name != SPLIT_UP)
"""The events that move a file."""


@dataclass(frozen=True)
class FileEvent:
    """One event of a file.

    Attributes:
        event_type: A value of ``FILE_EVENTS``, or ``SPLIT_UP``.
    """

    sequence: int
    event_type: str


def why_not_lived(events: Iterable[FileEvent], state: str | None) -> str:
    """Play a file's events again.

    Args:
        events: In their order.
        state: What its row says; ``None`` when it has no row.

    Returns:
        What does not fit, in words; empty when everything does.
    """
    now: FileState | None = None
    seen = False
    for event in events:
        seen = True
        step = _STEPS.get(event.event_type)
        if step is None or now not in step.after:
            return f"event {event.sequence} says {event.event_type} of a file that was {_named(now)}"
        now = step.becomes
    if not seen:
        return f"it is {state}, and no event says so"
    if state is None:
        return "it has events and no row"
    if state != now:
        return f"it is {state}, and its events say {_named(now)}"
    return ""


def _named(state: FileState | None) -> str:
    return "never planned" if state is None else state.value
