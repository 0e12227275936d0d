"""The journal's events and their hash chain. Storing them is ``store.journal``.

Each event carries the hash of the one before it in its connection, so that a changed, removed or reordered
event breaks every later hash.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from st_deltek_pipeline.domain.canonical import canonical_json, sha256_hex
from st_deltek_pipeline.domain.documents import DocumentKey

FIRST_HASH = "0" * 64


class FileState(StrEnum):
    """States of a transaction file (docs/posting-protocol.md); the first five occupy their documents."""

    PLANNED = "planned"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    ENTERED = "entered"
    POSTING = "posting"
    POSTED = "posted"
    ADOPTED = "adopted"
    REFUSED = "refused"
    SPLIT = "split"
    HELD = "held"


OPEN_STATES = frozenset(
    {FileState.PLANNED, FileState.SENDING, FileState.IN_DOUBT, FileState.ENTERED, FileState.POSTING}
)
"""States a run goes on from."""

STANDING_STATES = frozenset({FileState.POSTED, FileState.ADOPTED})
"""States whose lines stand in Vantagepoint's ledger."""

# HELD occupies too: the file exists in Vantagepoint, and a person must look before anything else is sent.
OCCUPYING_STATES = OPEN_STATES | {FileState.HELD}


class EventType(StrEnum):
    """What can happen; stored, so a name never changes its meaning."""

    FILE_PLANNED = "file_planned"
    FILE_SENDING = "file_sending"
    FILE_IN_DOUBT = "file_in_doubt"
    FILE_ENTERED = "file_entered"
    FILE_POSTING = "file_posting"
    FILE_POST_ANSWERED = "file_post_answered"
    FILE_POSTED = "file_posted"
    FILE_REFUSED = "file_refused"
    FILE_SPLIT = "file_split"
    FILE_HELD = "file_held"
    FILE_ABSENT = "file_absent"
    FILE_RELEASED = "file_released"
    DOCUMENT_PLANNED = "document_planned"
    DOCUMENT_POSTED = "document_posted"
    DOCUMENT_ADOPTED = "document_adopted"
    DOCUMENT_HELD = "document_held"
    DOCUMENT_IGNORED = "document_ignored"
    DOCUMENT_UNCHANGED = "document_unchanged"
    DOCUMENT_WAITING = "document_waiting"
    DOCUMENT_RELEASED = "document_released"
    DOCUMENT_REVERSED = "document_reversed"
    DOCUMENT_ALLOWED = "document_allowed"
    DOCUMENT_EXPORTED = "document_exported"
    EXPORT_SENDING = "export_sending"
    EXPORT_IN_DOUBT = "export_in_doubt"
    EXPORT_REFUSED = "export_refused"
    PLAN_PINNED = "plan_pinned"
    DAY_CLOSED = "day_closed"


@dataclass(frozen=True)
class Event:
    """One fact to be recorded.

    Attributes:
        body: JSON-shaped details; amounts as Decimal, never a secret.
    """

    event_type: EventType
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    document: DocumentKey | None = None
    revision: int | None = None
    batch: str | None = None


@dataclass(frozen=True)
class ChainedEvent:
    """An event in its place in a connection's chain."""

    connection: str
    sequence: int
    occurred_at: datetime
    run_id: str
    event: Event
    body: str
    previous_hash: str
    hash: str


def chain(
    connection: str, events: Iterable[Event], *, sequence: int, previous_hash: str, occurred_at: datetime, run_id: str
) -> Iterator[ChainedEvent]:
    """Give events their places after ``sequence`` and ``previous_hash``.

    Args:
        connection: The chain's owner.
        events: In the order they happened.
        sequence: Sequence number of the last recorded event, 0 for an empty chain.
        previous_hash: Its hash, ``FIRST_HASH`` for an empty chain.
        occurred_at: Aware instant.
        run_id: Which run recorded them.
    """
    for event in events:
        sequence += 1
        body = canonical_json(event.body)
        digest = event_hash(
            connection=connection,
            sequence=sequence,
            occurred_at=occurred_at,
            run_id=run_id,
            event=event,
            body=body,
            previous_hash=previous_hash,
        )
        yield ChainedEvent(connection, sequence, occurred_at, run_id, event, body, previous_hash, digest)
        previous_hash = digest


def event_hash(
    *,
    connection: str,
    sequence: int,
    occurred_at: datetime,
    run_id: str,
    event: Event,
    body: str,
    previous_hash: str,
) -> str:
    """Hash one event with the one before it; 64 hex digits."""
    return link_hash(
        connection=connection,
        sequence=sequence,
        occurred_at=occurred_at,
        run_id=run_id,
        event_type=event.event_type.value,
        document=str(event.document) if event.document else "",
        revision=event.revision or 0,
        batch=event.batch or "",
        body=body,
        previous_hash=previous_hash,
    )


def link_hash(
    *,
    connection: str,
    sequence: int,
    occurred_at: datetime,
    run_id: str,
    event_type: str,
    document: str,
    revision: int,
    batch: str,
    body: str,
    previous_hash: str,
) -> str:
    """Hash one event as it stands in the database; 64 hex digits.

    Args:
        connection: The chain's owner.
        sequence: Its place in the chain.
        occurred_at: Aware instant.
        run_id: Which run recorded it.
        event_type: An ``EventType``'s value, or whatever stands there.
        document: ``invoice:123``, empty for none.
        revision: 0 for none.
        batch: Empty for none.
        body: Canonical JSON.
        previous_hash: Of the event before it.
    """
    parts = [
        previous_hash,
        connection,
        sequence,
        occurred_at.astimezone(UTC).isoformat(timespec="microseconds"),
        run_id,
        event_type,
        document,
        revision,
        batch,
        body,
    ]
    return sha256_hex(canonical_json(parts))
