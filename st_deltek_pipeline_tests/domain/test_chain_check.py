"""A change anywhere in the chain is found, and where it is found is where it was made."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.chain_check import (
    BEFORE_THE_FIRST,
    ChainBreak,
    ChainPosition,
    RecordedLink,
    against_head,
    follow,
)
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.journal import FIRST_HASH, Event, EventType, chain

NOW = datetime(2026, 11, 3, 12, 0, 0, 5, tzinfo=UTC)


def recorded(count: int) -> list[RecordedLink]:
    events = [
        Event(EventType.DOCUMENT_POSTED, {"n": number}, DocumentKey("acme", Kind.BILL, number), 1, "B")
        if number % 2
        else Event(EventType.FILE_PLANNED)
        for number in range(count)
    ]
    return [
        RecordedLink(
            link.connection,
            link.sequence,
            link.occurred_at,
            link.run_id,
            link.event.event_type.value,
            str(link.event.document) if link.event.document else "",
            link.event.revision or 0,
            link.event.batch or "",
            link.body,
            link.previous_hash,
            link.hash,
        )
        for link in chain("acme", events, sequence=0, previous_hash=FIRST_HASH, occurred_at=NOW, run_id="r")
    ]


LINKS = recorded(8)


@given(cut=st.integers(0, 8))
def test_a_sound_chain_is_followed_to_its_end_from_anywhere(cut: int) -> None:
    middle = follow(LINKS[:cut], BEFORE_THE_FIRST)
    assert isinstance(middle, ChainPosition)
    assert follow(LINKS[cut:], middle) == ChainPosition(8, LINKS[-1].hash)


@given(
    place=st.integers(0, 7),
    change=st.sampled_from(
        [
            {"body": "{}x"},
            {"run_id": "other"},
            {"event_type": "no_such_event"},
            {"document": "invoice:1"},
            {"revision": 9},
            {"batch": "other"},
            {"occurred_at": NOW.replace(second=1)},
            {"hash": "f" * 64},
        ]
    ),
)
def test_a_changed_event_is_found_where_it_is(place: int, change: dict[str, object]) -> None:
    changed = [*LINKS]
    changed[place] = replace(changed[place], **change)  # type: ignore[arg-type]
    found = follow(changed, BEFORE_THE_FIRST)
    assert isinstance(found, ChainBreak)
    assert found.sequence == place + 1


@given(place=st.integers(0, 6))
def test_a_removed_event_is_found_where_it_was(place: int) -> None:
    found = follow(LINKS[:place] + LINKS[place + 1 :], BEFORE_THE_FIRST)
    assert found == ChainBreak(place + 1, f"event {place + 1} is missing")


def test_events_missing_at_the_end_or_a_journal_that_was_cut_are_found() -> None:
    at, head = ChainPosition(5, LINKS[4].hash), ChainPosition(8, LINKS[-1].hash)
    assert against_head(at, head, complete=False) is None
    assert against_head(at, head, complete=True) == ChainBreak(6, "the events 6 to 8 are missing")
    assert against_head(head, head, complete=True) is None
    cut = against_head(head, at, complete=True)
    assert cut is not None
    assert cut.sequence == 6
    assert against_head(ChainPosition(8, "0" * 64), head, complete=True) == ChainBreak(
        8, "event 8 is not the one that was recorded last"
    )
