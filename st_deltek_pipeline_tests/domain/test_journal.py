"""The hash chain: nothing recorded can be changed, removed or moved without breaking it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.journal import FIRST_HASH, ChainedEvent, Event, EventType, chain, event_hash

NOW = datetime(2026, 10, 7, 12, 0, 0, 123456, tzinfo=UTC)
EVENTS = [
    Event(EventType.FILE_PLANNED, {"amount": Decimal("10.10")}, batch="b1"),
    Event(EventType.DOCUMENT_POSTED, {}, document=DocumentKey("acme", Kind.INVOICE, 1), revision=1, batch="b1"),
]


def recorded(events: list[Event] = EVENTS) -> list[ChainedEvent]:
    return list(chain("acme", events, sequence=0, previous_hash=FIRST_HASH, occurred_at=NOW, run_id="r1"))


def test_each_event_carries_the_hash_of_the_one_before() -> None:
    first, second = recorded()
    assert first.previous_hash == FIRST_HASH
    assert second.previous_hash == first.hash
    assert (first.sequence, second.sequence) == (1, 2)


def test_going_on_later_gives_the_same_chain_as_going_on_at_once() -> None:
    together = recorded()
    (later,) = chain("acme", EVENTS[1:], sequence=1, previous_hash=together[0].hash, occurred_at=NOW, run_id="r1")
    assert later == together[1]


@pytest.mark.parametrize(
    "change",
    [
        {"connection": "other"},
        {"sequence": 9},
        {"occurred_at": NOW.replace(microsecond=0)},
        {"run_id": "r2"},
        {"body": '{"amount":10.11}'},
        {"previous_hash": "f" * 64},
        {"event": replace(EVENTS[0], batch="b2")},
        {"event": replace(EVENTS[0], event_type=EventType.FILE_POSTED)},
        {"event": replace(EVENTS[0], document=DocumentKey("acme", Kind.INVOICE, 2))},
        {"event": replace(EVENTS[0], revision=7)},
    ],
)
def test_changing_anything_changes_the_hash(change: dict[str, object]) -> None:
    first = recorded()[0]
    parts: dict[str, object] = {
        "connection": first.connection,
        "sequence": first.sequence,
        "occurred_at": first.occurred_at,
        "run_id": first.run_id,
        "event": first.event,
        "body": first.body,
        "previous_hash": first.previous_hash,
    }
    assert event_hash(**parts) == first.hash  # type: ignore[arg-type]
    assert event_hash(**{**parts, **change}) != first.hash  # type: ignore[arg-type]
