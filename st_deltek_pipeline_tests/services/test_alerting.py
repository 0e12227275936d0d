"""A look at a real database finds what needs a person, tells it once, and keeps what could not be sent."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.deliveries import Delivery, DeliveryState
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.domain.journal import Event, EventType
from st_deltek_pipeline.domain.run_failures import DoneWork, FailedWork
from st_deltek_pipeline.services.alerting import Look, Observations, look
from st_deltek_pipeline.services.chain_checking import check_all, check_some
from st_deltek_pipeline.store import chain_checks, inbox
from st_deltek_pipeline.store.alerts import Message, open_alerts
from st_deltek_pipeline.store.command_lock import command_lock
from st_deltek_pipeline.store.journal_transaction import JournalTransaction
from st_deltek_pipeline_tests.services.rule_settings import rule, settings

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def connection(**alerts: Any) -> ConnectionSettings:
    plain = settings(rule(wbs1="P")).model_dump()
    return ConnectionSettings.model_validate({**plain, "alerts": alerts})


@dataclass
class Listener:
    """A channel that remembers what it was sent, or fails."""

    name: str = "webhook"
    sent: list[Message] = field(default_factory=list)
    failing: bool = False
    tried: int = 0

    def send(self, message: Message, *, now: datetime) -> str:
        self.tried += 1
        if self.failing:
            reason = f"down at {now:%H:%M}"
            raise TransientError(reason)
        self.sent.append(message)
        return "ok"

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(json.loads(each.body)["type"].removeprefix("alert."), each.cause) for each in self.sent]


@dataclass
class Desk:
    """Looks at one connection, with a clock of its own."""

    engine: Engine
    listener: Listener
    now: datetime
    settings: ConnectionSettings

    def look(self, after: timedelta = MINUTE, *others: Listener, **observed: Any) -> Look:
        self.now += after
        return look(self.engine, self.settings, [self.listener, *others], Observations(**observed), now=self.now)

    def run(self, statement: str, **parameters: Any) -> None:
        with self.engine.begin() as db:
            db.execute(text(statement), parameters)

    def rows(self, statement: str) -> list[Any]:
        with self.engine.connect() as db:
            return list(db.execute(text(statement)))

    def file(self, batch: str, state: str, since: datetime) -> None:
        self.run("INSERT INTO journal.bodies VALUES ('h', '{}') ON CONFLICT DO NOTHING")
        self.run(
            """
            INSERT INTO journal.transaction_files (connection, batch, kind, company, period, business_day, state,
                documents, amount, body_hash, entry, changed_at)
            VALUES ('acme', :batch, 'invoice', '', 202611, '2026-11-02', :state, 2, 10, 'h', 'in', :since)
            """,
            batch=batch,
            state=state,
            since=since,
        )

    def hold(self, document: int, reason: str, since: datetime, connection: str = "acme") -> None:
        self.run(
            """
            INSERT INTO journal.outcomes (connection, kind, document_id, revision, revision_hash, outcome, reason, amount,
                since)
            VALUES (:connection, 'invoice', :document, 1, 'h', 'held', :reason, 12.50, :since)
            """,
            document=document,
            reason=reason,
            since=since,
            connection=connection,
        )

    def record(self, count: int) -> None:
        with self.engine.begin() as db:
            JournalTransaction(db, "acme", "run").append(
                Event(EventType.DOCUMENT_POSTED, {"n": number}, DocumentKey("acme", Kind.BILL, number), 1, "B")
                for number in range(count)
            )

    def tamper(self, statement: str) -> None:
        """Change the journal as only somebody can who may switch its triggers off."""
        with self.engine.begin() as db:
            db.execute(text("SET LOCAL session_replication_role = replica"))
            assert db.execute(text(statement)).rowcount


_WRITTEN = (
    "alerts.alerts",
    "alerts.messages",
    "alerts.run_failures",
    "alerts.chain_checks",
    "inbox.events",
    "journal.outcomes",
    "journal.events",
    "journal.chain_heads",
    "journal.transaction_files",
)


@pytest.fixture
def desk(module_engine: Engine) -> Desk:
    # One database for all: these tests write a handful of rows each.
    with module_engine.begin() as db:
        db.execute(text("SET LOCAL session_replication_role = replica"))
        for table in _WRITTEN:
            db.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    return Desk(module_engine, Listener(), datetime.now(UTC), connection())


def failed(run: str, at: datetime, work: str = "acme__raw_invoices", system: str = "ServiceTitan") -> FailedWork:
    return FailedWork(run, work, "TransientError", system, "It cannot be reached.", "Check the network.", at)


def test_nothing_wrong_tells_nobody_and_writes_nothing(desk: Desk) -> None:
    seen = desk.look(feeds_read_at={"invoices": desk.now})
    assert (seen.open_alerts, seen.told, seen.sent, seen.failures) == (0, (), 0, ())
    assert desk.rows("SELECT FROM alerts.alerts") == desk.rows("SELECT FROM alerts.messages") == []


def test_files_in_doubt_are_told_of_once_and_when_they_are_settled(desk: Desk) -> None:
    desk.file("B1", "in_doubt", desk.now - HOUR)
    desk.file("B2", "sending", desk.now - HOUR)
    desk.file("B3", "in_doubt", desk.now)
    desk.file("B4", "posted", desk.now - HOUR)
    assert desk.look().told == ("opened in_doubt",)
    assert json.loads(desk.listener.sent[0].body)["data"]["subjects"] == ["B1", "B2"]
    assert desk.look().told == ()
    desk.run("UPDATE journal.transaction_files SET state = 'posted' WHERE state <> 'posted'")
    assert desk.look().told == ()
    assert desk.look(20 * MINUTE).told == ("resolved in_doubt",)
    assert desk.listener.told == [("opened", "in_doubt"), ("resolved", "in_doubt")]
    assert len({message.message_id for message in desk.listener.sent}) == 2


def test_an_outage_is_one_alert_however_many_runs_fail_and_late_feeds_belong_to_it(desk: Desk) -> None:
    late = {"invoices": desk.now - 3 * HOUR, "jobs": desk.now - 3 * HOUR}
    for number in range(12):
        desk.look(failed=[failed(f"run{number}", desk.now)], feeds_read_at=late)
    assert desk.listener.told == [("opened", "run_failure:TransientError:ServiceTitan")]
    (known,) = open_alerts(desk.engine, "acme")
    assert known.known.alert.count == 12
    # One run that reads the invoices makes all twelve good; the jobs were never read since and are told of now.
    done = DoneWork(frozenset({"acme__raw_invoices"}), desk.now)
    desk.look(done=[done], feeds_read_at={**late, "invoices": desk.now})
    assert desk.listener.told[1:] == [("opened", "feed_lag")]
    desk.look(20 * MINUTE, feeds_read_at={"invoices": desk.now, "jobs": desk.now})
    assert set(desk.listener.told[2:]) == {
        ("resolved", "run_failure:TransientError:ServiceTitan"),
        ("resolved", "feed_lag"),
    }


def test_runs_read_twice_change_nothing_and_other_work_makes_nothing_good(desk: Desk) -> None:
    failure, at = failed("run1", desk.now), desk.now
    desk.look(failed=[failure], done=[DoneWork(frozenset({"acme__raw_jobs"}), at + MINUTE)])
    desk.look(failed=[failure], done=[DoneWork(frozenset({"acme__raw_invoices"}), at - MINUTE)])
    assert desk.look().open_alerts == 1
    desk.look(done=[DoneWork(frozenset({"acme__raw_invoices"}), at + MINUTE)])
    desk.look(failed=[failure])
    assert desk.rows("SELECT FROM alerts.run_failures WHERE made_good_at IS NULL") == []


def test_a_failure_that_nobody_makes_good_is_told_of_for_a_week(desk: Desk) -> None:
    desk.look(failed=[failed("run1", desk.now)])
    for _ in range(9):
        desk.look(timedelta(days=1))
    told = [what for what, _ in desk.listener.told]
    assert told == ["opened", *["reminder"] * 6, "resolved"]


def test_old_holds_are_told_of_by_reason_and_reasons_can_be_left_out(desk: Desk) -> None:
    desk.hold(1, "no_rule", desk.now - 50 * HOUR)
    desk.hold(2, "not_ready", desk.now - 60 * HOUR)
    desk.hold(3, "no_rule", desk.now - HOUR)
    desk.hold(4, "no_rule", desk.now - 99 * HOUR, connection="other")
    desk.settings = connection(holds_except=["not_ready"])
    assert desk.look().told == ("opened old_holds",)
    data = json.loads(desk.listener.sent[0].body)["data"]
    assert (data["count"], data["subjects"]) == (1, ["invoice:no_rule"])
    assert "12.50" in data["what_happened"]


def test_silent_webhooks_are_told_of_where_that_is_asked_for(desk: Desk) -> None:
    """T29: webhooks that stay away are told of."""
    delivery = Delivery(
        "acme", "o", "tn.acc.invoice-posted", "d", None, 1, "invoice", 1, b"{}", DeliveryState.WAITING, ""
    )
    with desk.engine.begin() as db:
        inbox.keep(db, [delivery])
    assert desk.look(30 * HOUR).told == ()
    desk.settings = connection(webhook_silence_hours=24)
    assert desk.look().told == ("opened webhook_silence",)


def test_what_cannot_be_sent_waits_longer_and_longer_and_is_never_lost_nor_stops_another_channel(desk: Desk) -> None:
    broken = Listener("email", failing=True)
    desk.file("B1", "in_doubt", desk.now - HOUR)
    seen = desk.look(MINUTE, broken)
    assert seen.sent == 1
    assert seen.failures == (f"email: down at {desk.now:%H:%M}",)
    for _ in range(30):
        desk.look(MINUTE, broken)
    # After 1, 2, 4, 8 and 16 minutes.
    assert broken.tried == 5
    (waiting,) = open_alerts(desk.engine, "acme")
    assert (waiting.waiting, waiting.attempts) == (1, 5)
    assert waiting.last_error.startswith("email: down")
    broken.failing = False
    desk.look(HOUR, broken)
    assert desk.listener.told == broken.told == [("opened", "in_doubt")]
    assert open_alerts(desk.engine, "acme")[0].last_sent == desk.now


def test_a_message_that_went_out_but_was_not_marked_goes_out_again_under_the_same_id(desk: Desk) -> None:
    desk.file("B1", "in_doubt", desk.now - HOUR)
    desk.look()
    desk.run("UPDATE alerts.messages SET sent_at = NULL")
    desk.look()
    first, second = desk.listener.sent
    assert first == second


def test_a_later_message_takes_the_place_of_one_that_could_not_be_sent(desk: Desk) -> None:
    desk.listener.failing = True
    desk.file("B1", "in_doubt", desk.now - HOUR)
    desk.look()
    desk.run("UPDATE journal.transaction_files SET state = 'posted' WHERE state <> 'posted'")
    desk.look(20 * MINUTE)
    desk.listener.failing = False
    desk.look(20 * MINUTE)
    assert desk.listener.told == [("resolved", "in_doubt")]


def test_a_channel_that_is_down_is_not_asked_for_every_message(desk: Desk) -> None:
    desk.listener.failing = True
    systems = [f"S{number}" for number in range(6)]
    desk.look(failed=[failed("run1", desk.now, work=name, system=name) for name in systems])
    assert desk.listener.tried == 2
    desk.listener.failing = False
    assert desk.look(10 * MINUTE).sent == 6


def test_sending_stops_when_its_time_is_over(desk: Desk) -> None:
    ticks = iter(range(0, 1000, 15))
    systems = [f"S{number}" for number in range(6)]
    observed = Observations(failed=[failed("run1", desk.now, work=name, system=name) for name in systems])
    seen = look(
        desk.engine, desk.settings, [desk.listener], observed, now=desk.now, monotonic=lambda: float(next(ticks))
    )
    assert seen.sent == 1
    assert desk.look().sent == 5


def test_without_a_channel_alerts_are_known_and_told_as_soon_as_there_is_one(desk: Desk) -> None:
    desk.file("B1", "in_doubt", desk.now - HOUR)
    seen = look(desk.engine, desk.settings, [], Observations(), now=desk.now)
    assert (seen.open_alerts, seen.told) == (1, ())
    assert desk.look().told == ("opened in_doubt",)


def test_two_looks_at_once_do_not_tell_twice(desk: Desk) -> None:
    with command_lock(desk.engine, "alerts", "acme"), pytest.raises(TransientError):
        desk.look()


def test_old_messages_and_alerts_are_forgotten(desk: Desk) -> None:
    desk.file("B1", "in_doubt", desk.now - HOUR)
    desk.look()
    desk.run("UPDATE journal.transaction_files SET state = 'posted' WHERE state <> 'posted'")
    desk.look(HOUR)
    desk.look(timedelta(days=91))
    assert desk.rows("SELECT FROM alerts.alerts") == desk.rows("SELECT FROM alerts.messages") == []


@pytest.mark.parametrize(
    ("tampering", "place"),
    [
        ("UPDATE journal.events SET body = '{}' WHERE sequence = 3", 3),
        ("UPDATE journal.events SET document_id = 99 WHERE sequence = 3", 3),
        ("DELETE FROM journal.events WHERE sequence = 3", 3),
        ("DELETE FROM journal.events WHERE sequence = 8", 8),
    ],
)
def test_a_change_of_the_journal_is_told_of_at_once_and_until_it_is_undone(
    desk: Desk, tampering: str, place: int
) -> None:
    desk.record(8)
    assert desk.look().told == ()
    kept = desk.rows(f"SELECT * FROM journal.events WHERE sequence = {place}")  # noqa: S608
    desk.tamper(tampering)
    assert desk.look().told == ("opened chain_break",)
    assert json.loads(desk.listener.sent[0].body)["data"]["subjects"] == [f"event {place}"]
    assert desk.look(HOUR).open_alerts == 1
    desk.tamper(f"DELETE FROM journal.events WHERE sequence = {place}") if "DELETE" not in tampering else None  # noqa: S608
    columns = ", ".join(f":{name}" for name in kept[0]._fields)
    desk.run(f"INSERT INTO journal.events VALUES ({columns})", **kept[0]._mapping)  # noqa: S608
    assert desk.look().told == ()
    assert desk.look(HOUR).told == ("resolved chain_break",)


def test_a_journal_that_was_cut_at_its_end_together_with_its_head_is_noticed(desk: Desk) -> None:
    desk.record(8)
    desk.look()
    desk.tamper("DELETE FROM journal.events WHERE sequence > 5")
    desk.tamper(
        """
        UPDATE journal.chain_heads SET sequence = 5, hash = (
            SELECT hash FROM journal.events WHERE sequence = 5 AND connection = 'acme')
        """
    )
    assert desk.look().told == ("opened chain_break",)
    assert check_all(desk.engine, "acme", progress=lambda *_: None)[1] is not None


def test_a_look_reads_a_bounded_part_and_all_of_it_is_gone_through_again_and_again(desk: Desk) -> None:
    desk.record(10)
    for _ in range(5):
        assert check_some(desk.engine, "acme", events=2) is None
    with desk.engine.connect() as db:
        at = chain_checks.checked_up_to(db, "acme")
    assert (at.newest.sequence, at.round.sequence) == (10, 0)
    desk.tamper("UPDATE journal.events SET run_id = 'other' WHERE sequence = 7")
    found = [check_some(desk.engine, "acme", events=2) for _ in range(4)]
    assert [each.sequence if each else None for each in found] == [None, None, None, 7]


def test_a_whole_check_reads_to_the_end_and_names_the_first_break(desk: Desk) -> None:
    progress: list[tuple[int, int]] = []
    told: Callable[[int, int], None] = lambda done, of: progress.append((done, of))  # noqa: E731
    assert check_all(desk.engine, "acme", progress=told) == (0, None)
    desk.record(10)
    assert check_all(desk.engine, "acme", progress=told, events=3) == (10, None)
    assert progress[-1] == (10, 10)
    desk.tamper("UPDATE journal.events SET run_id = 'other' WHERE sequence = 7")
    events, broken = check_all(desk.engine, "acme", progress=told, events=3)
    assert events == 6
    assert broken is not None
    assert broken.sequence == 7
