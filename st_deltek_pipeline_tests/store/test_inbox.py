"""The inbox: an occurrence once, however often and together with whatever it is delivered."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from st_deltek_pipeline.domain.deliveries import Delivery, DeliveryState
from st_deltek_pipeline.store import inbox

_POSTED = Delivery(
    connection="acme",
    occurrence="user:1",
    event_type="tn.acc.invoice-posted",
    delivery_id="d1",
    occurred_at=None,
    tenant_id=12,
    record_kind="invoice",
    record_id=77,
    body=b'{"id": "d1"}',
    state=DeliveryState.WAITING,
)


def _keep(engine: Engine, *deliveries: Delivery) -> list[bool]:
    with engine.begin() as db:
        return inbox.keep(db, deliveries)


def test_an_occurrence_waits_once_however_often_it_is_delivered(engine: Engine) -> None:
    again = replace(_POSTED, delivery_id="d2", body=b"other bytes")
    assert _keep(engine, _POSTED) == [True]
    assert _keep(engine, again) == [False]
    assert _keep(engine, again, again) == [False, False]
    assert [event.record_id for event in inbox.waiting(engine, "acme", limit=10)] == [77]
    with engine.connect() as db:
        deliveries, body = db.execute(text("SELECT deliveries, body FROM inbox.events")).one()
    assert (deliveries, bytes(body)) == (4, b'{"id": "d1"}')


def test_one_batch_may_deliver_an_occurrence_twice_and_others_beside_it(engine: Engine) -> None:
    other = replace(_POSTED, occurrence="user:0", record_id=78)
    elsewhere = replace(_POSTED, connection="bravo")
    assert _keep(engine, _POSTED, other, _POSTED, elsewhere) == [True, True, False, True]
    assert {event.record_id for event in inbox.waiting(engine, "acme", limit=10)} == {77, 78}
    found = inbox.backlog(engine, ["acme", "bravo", "charlie"])
    assert {name: each.events for name, each in found.items()} == {"acme": 2, "bravo": 1}


def test_an_empty_batch_keeps_nothing(engine: Engine) -> None:
    assert _keep(engine) == []


def test_a_handled_event_waits_no_more_and_a_repeated_delivery_does_not_wake_it(engine: Engine) -> None:
    """T26: a captured delivery again: its count goes up, and no more."""
    _keep(engine, _POSTED)
    (event,) = inbox.waiting(engine, "acme", limit=10)
    with engine.begin() as db:
        assert inbox.mark_handled(db, "bravo", [event.seq], run_id="r") == 0
        assert inbox.mark_handled(db, "acme", [event.seq], run_id="r") == 1
        assert inbox.mark_handled(db, "acme", [event.seq], run_id="r2") == 0
    assert _keep(engine, _POSTED) == [False]
    assert inbox.waiting(engine, "acme", limit=10) == []


def test_what_is_not_needed_or_refused_is_kept_and_never_waits(engine: Engine) -> None:
    nothing = replace(_POSTED, record_kind=None, record_id=None)
    _keep(
        engine,
        replace(nothing, state=DeliveryState.NOT_NEEDED),
        replace(nothing, occurrence="user:2", state=DeliveryState.REFUSED, reason="another tenant's"),
    )
    assert inbox.waiting(engine, "acme", limit=10) == []
    assert inbox.last_received(engine, "acme") is not None
    assert inbox.last_received(engine, "bravo") is None


def test_a_waiting_event_always_names_a_record(engine: Engine) -> None:
    with pytest.raises(IntegrityError, match="events_check"):
        _keep(engine, replace(_POSTED, record_id=None))


def test_writers_of_the_same_occurrences_do_not_block_each_other_for_ever(engine: Engine) -> None:
    some = [replace(_POSTED, occurrence=f"user:{number}") for number in range(40)]
    new: list[bool] = []
    writers = [
        threading.Thread(target=lambda batch=batch: new.extend(_keep(engine, *batch))) for batch in (some, some[::-1])
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert sorted(new) == [False] * 40 + [True] * 40


def test_every_handled_event_can_be_made_to_wait_again(engine: Engine) -> None:
    _keep(engine, _POSTED, replace(_POSTED, occurrence="user:9", state=DeliveryState.NOT_NEEDED))
    (event,) = inbox.waiting(engine, "acme", limit=10)
    with engine.begin() as db:
        inbox.mark_handled(db, "acme", [event.seq], run_id="r")
        assert inbox.wait_again(db, "acme") == 1
    assert [each.seq for each in inbox.waiting(engine, "acme", limit=10)] == [event.seq]


def test_a_thousand_deliveries_of_one_occurrence_under_a_thousand_ids_are_one_event_to_handle(engine: Engine) -> None:
    """T23: the same delivery 1,000 times, also under other ids."""
    repeated = [replace(_POSTED, delivery_id=f"d{number % 500}") for number in range(1000)]
    new = [each for start in range(0, 1000, 100) for each in _keep(engine, *repeated[start : start + 100])]
    assert new == [True] + [False] * 999
    (event,) = inbox.waiting(engine, "acme", limit=10)
    with engine.begin() as db:
        assert inbox.mark_handled(db, "acme", [event.seq], run_id="r") == 1
    assert not any(_keep(engine, *repeated[:100]))
    assert inbox.waiting(engine, "acme", limit=10) == []
