"""The live system's job, sensors and schedules against both systems over HTTP. The first class follows one connection."""

import os
from collections.abc import Generator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.deliveries import Delivery, DeliveryState
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError
from st_deltek_pipeline.domain.reconciliation import Area
from st_deltek_pipeline.orchestration import posting_assets
from st_deltek_pipeline.orchestration.build import build_definitions, wiring_of
from st_deltek_pipeline.orchestration.instance import open_instance
from st_deltek_pipeline.orchestration.live_sensors import sync_request
from st_deltek_pipeline.orchestration.replaying import ReplayRequest, replay
from st_deltek_pipeline.orchestration.resources import RESOURCE_KEY, Pipeline
from st_deltek_pipeline.orchestration.run_tags import DAY_TAG, PARENT_RUN_TAG, POSTS_TAG, TRIGGER_TAG
from st_deltek_pipeline.orchestration.run_workers import RunWorker
from st_deltek_pipeline.orchestration.schedules import days_to_close
from st_deltek_pipeline.orchestration.settling import Settling, why_not_settled
from st_deltek_pipeline.orchestration.syncing import SyncReport, SyncRequest, day_runs, synchronise
from st_deltek_pipeline.store import inbox
from st_deltek_pipeline.store.changes import note_change
from st_deltek_pipeline.store.command_lock import command_lock
from st_deltek_pipeline_tests.orchestration.installations import CONNECTION, Installation, installed
from st_deltek_pipeline_tests.tampering import tampering

SYNC = f"{CONNECTION}_sync"


class Silent:
    def doing(self, what: str) -> None:
        pass

    def done(self, what: str) -> None:
        pass


@pytest.fixture(scope="module")
def instance(shared_acme: Installation) -> Generator[dg.DagsterInstance]:
    with open_instance(shared_acme.settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def definitions(shared_acme: Installation) -> dg.Definitions:
    return build_definitions(shared_acme.settings)


@pytest.fixture(scope="module")
def live(shared_acme: Installation, instance: dg.DagsterInstance, definitions: dg.Definitions) -> "Live":
    synchronise(shared_acme.settings, SyncRequest(CONNECTION), Silent())
    return Live(shared_acme, instance, definitions)


class Live:
    """A connection whose month has been posted once, and the means to go on with it."""

    def __init__(self, acme: Installation, instance: dg.DagsterInstance, definitions: dg.Definitions) -> None:
        self.acme = acme
        self.instance = instance
        self.definitions = definitions

    def deliver(self, kind: str, record_id: int, occurrence: str | None = None) -> None:
        delivery = Delivery(
            connection=CONNECTION,
            occurrence=occurrence or f"user:{kind}-{record_id}-{datetime.now(UTC).timestamp()}",
            event_type="test",
            delivery_id="",
            occurred_at=None,
            tenant_id=None,
            record_kind=kind,
            record_id=record_id,
            body=b"{}",
            state=DeliveryState.WAITING,
        )
        with self.acme.engine.begin() as db:
            inbox.keep(db, [delivery])

    def run(self, *, settle: bool = False, trigger: str = "webhooks", ok: bool = True) -> dg.ExecuteInProcessResult:
        request = sync_request(CONNECTION, trigger, settle=settle)
        result = self.definitions.resolve_job_def(SYNC).execute_in_process(
            instance=self.instance, run_config=request.run_config, tags=request.tags, raise_on_error=False
        )
        assert result.success is ok
        return result

    def tick(self, sensor: str) -> Any:
        found = self.definitions.resolve_sensor_def(f"{CONNECTION}_{sensor}")
        resources = {RESOURCE_KEY: (self.definitions.resources or {})[RESOURCE_KEY]}
        context = dg.build_sensor_context(instance=self.instance, definitions=self.definitions, resources=resources)
        return found(context)

    def requests(self, schedule: str, at: datetime) -> Sequence[dg.RunRequest]:
        found = self.definitions.resolve_schedule_def(f"{CONNECTION}_{schedule}")
        context = dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=at,
            repository_def=self.definitions.get_repository_def(),
        )
        return found.evaluate_tick(context).run_requests or ()

    def replay(self, **what: Any) -> SyncReport:
        return replay(self.acme.settings, ReplayRequest(CONNECTION, **what), Silent())

    def waiting(self) -> Sequence[inbox.WaitingEvent]:
        return inbox.waiting(self.acme.engine, CONNECTION, limit=100)

    def days_run(self, result: dg.ExecuteInProcessResult) -> set[str]:
        runs = self.instance.get_runs(dg.RunsFilter(tags={PARENT_RUN_TAG: result.run_id}))
        return {run.tags[DAY_TAG] for run in runs if DAY_TAG in run.tags}


def enter_by_hand(acme: Installation, number: str, amount: str) -> None:
    """Enter and post an invoice in Vantagepoint the way a person would."""
    key = {"Batch": "BYHAND", "Invoice": number, "WBS1": "CHS2026", "WBS2": "", "WBS3": ""}
    line = {"PKey": "1", "Seq": 1, "InvoiceSection": "L", "Account": "401.00", "Amount": Decimal(amount)}
    body = {
        "Batch": "BYHAND",
        "Total": Decimal(amount),
        "inMaster": [{**key, "TransDate": "2026-10-01T00:00:00.000"}],
        "inDetail": [{**key, **line}],
    }
    pipeline = Pipeline(acme.settings)
    try:
        client = pipeline.vantagepoint(wiring_of(acme.connection))
        client.set_active_period(202610)
        client.enter_file("in", body)
        assert client.post_file("in", "BYHAND", company="01", period=202610, description="by hand").posted
    finally:
        pipeline.close()


class TestWebhooks:
    def test_an_invoice_named_by_a_webhook_is_posted_and_only_its_day_is_run(self, live: Live) -> None:
        before = live.acme.books[Area.AR]
        invoice = live.acme.sandbox.add_invoice(date="2026-10-22", total="100.00")
        live.deliver("invoice", invoice["id"])
        assert isinstance(live.tick("inbox"), dg.RunRequest)
        result = live.run()
        assert live.acme.books[Area.AR] == before + Decimal("100.00")
        assert live.days_run(result) == {"2026-10-22"}
        assert live.waiting() == []
        assert isinstance(live.tick("inbox"), dg.SkipReason)

    def test_the_days_of_one_run_are_tagged_with_what_made_them(self, live: Live) -> None:
        (run,) = live.instance.get_runs(dg.RunsFilter(tags={DAY_TAG: "2026-10-22", TRIGGER_TAG: "webhooks"}))
        assert run.tags[POSTS_TAG] == CONNECTION
        assert run.tags["dagster/partition"] == "2026-10-22"

    def test_a_day_says_which_process_works_on_it_so_that_it_is_ended_when_that_is_killed(self, live: Live) -> None:
        (run,) = live.instance.get_runs(dg.RunsFilter(tags={DAY_TAG: "2026-10-22", TRIGGER_TAG: "webhooks"}))
        assert RunWorker.of_run(run.run_id, run.tags) == RunWorker.here(run.run_id, os.getpid())

    def test_many_events_are_one_run_and_one_call_for_all_their_records(self, live: Live) -> None:
        before = live.acme.books[Area.AR]
        invoices = [
            live.acme.sandbox.add_invoice(date=f"2026-10-{day}", total="10.00") for day in (22, 22, 22, 23, 23, 26)
        ]
        for invoice in invoices:
            live.deliver("invoice", invoice["id"])
            live.deliver("invoice", invoice["id"])
        live.acme.sandbox.admin("DELETE", "requests")
        result = live.run()
        calls = live.acme.sandbox.admin("GET", "requests")["systems"]["servicetitan"]["by_call"]
        assert {call: count for call, count in calls.items() if "invoices" in call} == {
            "GET /accounting/v2/tenant/{key}/invoices": 1
        }
        assert live.acme.books[Area.AR] == before + Decimal("60.00")
        assert live.days_run(result) == {"2026-10-22", "2026-10-23", "2026-10-26"}

    def test_a_job_stands_for_its_invoice(self, live: Live) -> None:
        with live.acme.engine.connect() as db:
            job_id, invoice_id, total = db.execute(
                text(
                    """
                    SELECT staged.job_id, staged.document_id, staged.total FROM staged.invoices AS staged
                    JOIN journal.outcomes AS outcome USING (connection, document_id)
                    WHERE outcome.kind = 'invoice' AND outcome.outcome = 'posted' AND staged.total > 100
                      AND EXISTS (
                        SELECT FROM raw.latest AS l JOIN raw.records AS r USING (seq)
                        WHERE l.kind = 'job' AND l.record_id = staged.job_id
                          AND CAST(r.payload ->> 'invoiceId' AS bigint) = staged.document_id)
                    ORDER BY staged.document_id LIMIT 1
                    """
                )
            ).one()
        before = live.acme.books[Area.AR]
        live.acme.sandbox.edit_invoice(invoice_id, total=f"{total + 5:.2f}")
        live.deliver("job", job_id)
        live.run()
        assert live.acme.books[Area.AR] == before + Decimal("5.00")

    def test_an_invoice_of_a_customer_nobody_has_heard_of_brings_the_customer_along(self, live: Live) -> None:
        """T24: an update of a record that is not known yet."""
        invoice = live.acme.sandbox.add_invoice(date="2026-10-22", total="10.00")
        customer = invoice["customer"]["id"]
        with tampering(live.acme.engine) as db:
            db.execute(
                text("DELETE FROM raw.latest WHERE kind = 'customer' AND record_id = :customer"), {"customer": customer}
            )
            db.execute(
                text("DELETE FROM raw.records WHERE kind = 'customer' AND record_id = :customer"),
                {"customer": customer},
            )
        before = live.acme.books[Area.AR]
        live.deliver("invoice", invoice["id"])
        live.run()
        assert live.acme.books[Area.AR] == before + Decimal("10.00")
        with live.acme.engine.connect() as db:
            known = text("SELECT count(*) FROM raw.latest WHERE kind = 'customer' AND record_id = :customer")
            assert db.scalar(known, {"customer": customer}) == 1

    def test_a_payment_named_by_a_webhook_pays_its_invoice(self, live: Live) -> None:
        before = live.acme.books
        invoice = live.acme.sandbox.add_invoice(date="2026-10-26", total="80.00")
        payment = live.acme.sandbox.add_payment(
            date="2026-10-26", total="80.00", splits=[{"invoiceId": invoice["id"], "amount": "80.00"}]
        )
        live.deliver("payment", payment["id"])
        live.deliver("invoice", invoice["id"])
        live.run()
        assert live.acme.books[Area.CASH] == before[Area.CASH] + Decimal("80.00")

    def test_a_payment_for_an_invoice_from_before_the_start_is_received_where_others_entered_it(
        self, live: Live
    ) -> None:
        invoice = live.acme.sandbox.add_invoice(date="2026-09-28", total="80.00", syncStatus="Posted")
        enter_by_hand(live.acme, invoice["referenceNumber"], "80.00")
        payment = live.acme.sandbox.add_payment(
            date="2026-10-26", total="80.00", splits=[{"invoiceId": invoice["id"], "amount": "80.00"}]
        )
        before = live.acme.books
        live.deliver("invoice", invoice["id"])
        live.deliver("payment", payment["id"])
        live.run()
        assert live.acme.books[Area.CASH] == before[Area.CASH] + Decimal("80.00")
        assert live.acme.books[Area.AR] == before[Area.AR]
        on_it = [row for row in live.acme.sandbox.ledger() if row["RefNo"] == f"P{payment['id']}" and row["Invoice"]]
        assert [(row["WBS1"], row["Invoice"]) for row in on_it] == [
            ("CHS2026", invoice["referenceNumber"].rjust(7, "0"))
        ]

    def test_vantagepoint_is_not_asked_for_old_invoices_where_nothing_is_applied_to_one(self, live: Live) -> None:
        invoice = live.acme.sandbox.add_invoice(date="2026-10-26", total="10.00")
        live.deliver("invoice", invoice["id"])
        result = live.run()
        runs = live.instance.get_runs(dg.RunsFilter(tags={PARENT_RUN_TAG: result.run_id}))
        assert {run.job_name for run in runs} == {f"{CONNECTION}_post_days"}

    def test_a_record_that_is_not_known_is_handled_with_that_reason(self, live: Live) -> None:
        live.deliver("invoice", 999_999_999, "user:unknown")
        live.run()
        with live.acme.engine.connect() as db:
            state, reason = db.execute(
                text("SELECT state, reason FROM inbox.events WHERE occurrence = 'user:unknown'")
            ).one()
        assert (state, "no such record" in reason) == ("handled", True)

    def test_no_event_is_handled_before_its_effect_is_in_the_journal(self, live: Live) -> None:
        invoice = live.acme.sandbox.add_invoice(date="2026-10-23", total="33.00")
        live.deliver("invoice", invoice["id"])
        before = live.acme.books[Area.AR]
        live.acme.sandbox.fault(system="vantagepoint", effect="answer", status=403, body="{}")
        live.run(ok=False)
        assert [event.record_id for event in live.waiting()] == [invoice["id"]]
        tick = live.tick("inbox")
        assert isinstance(tick, dg.SkipReason)
        assert "failed" in str(tick.skip_message)
        live.acme.sandbox.no_faults()
        live.run()
        assert live.acme.books[Area.AR] == before + Decimal("33.00")
        assert live.waiting() == []

    def test_a_day_that_fails_stops_neither_the_other_days_nor_their_events(
        self, live: Live, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bad = live.acme.sandbox.add_invoice(date="2026-10-22", total="11.00")
        good = live.acme.sandbox.add_invoice(date="2026-10-27", total="13.00")
        for invoice in (bad, good):
            live.deliver("invoice", invoice["id"])
        before = live.acme.books[Area.AR]
        really = posting_assets.plan_day

        def plan(context: Any, kind: Kind, day: date, **options: Any) -> Any:
            if day == date(2026, 10, 22):
                message = "This day is broken."
                raise BrokenError(message)
            return really(context, kind, day, **options)

        with monkeypatch.context() as patch:
            patch.setattr(posting_assets, "plan_day", plan)
            live.run(ok=False)
        assert live.acme.books[Area.AR] == before + Decimal("13.00")
        assert [event.record_id for event in live.waiting()] == [bad["id"]]
        live.run()
        assert live.acme.books[Area.AR] == before + Decimal("24.00")

    def test_a_record_that_servicetitan_refuses_to_give_stops_no_other(self, live: Live) -> None:
        invoices = [live.acme.sandbox.add_invoice(date="2026-10-27", total="1.00") for _ in range(3)]
        before = live.acme.books[Area.AR]
        for invoice in invoices:
            live.deliver("invoice", invoice["id"], f"user:refused-{invoice['id']}")
        bad = invoices[1]["id"]
        live.acme.sandbox.fault(
            system="servicetitan",
            effect="answer",
            status=400,
            path=f"ids=[^&]*{bad}",
            body='{"title": "No such thing."}',
        )
        live.run()
        live.acme.sandbox.no_faults()
        assert live.acme.books[Area.AR] == before + Decimal("2.00")
        with live.acme.engine.connect() as db:
            reason = db.scalar(text(f"SELECT reason FROM inbox.events WHERE occurrence = 'user:refused-{bad}'"))  # noqa: S608
        assert "refuses" in reason
        live.replay(documents=((Kind.INVOICE, bad),))


class TestChanges:
    def test_a_connection_is_settled_once_everything_was_decided_with_what_is_known(self, live: Live) -> None:
        live.run(settle=True, trigger="changes")
        assert why_not_settled(live.acme.engine, wiring_of(live.acme.connection)) == ""
        assert isinstance(live.tick("changes"), dg.SkipReason)

    def test_events_that_were_handled_leave_no_work_behind(self, live: Live) -> None:
        invoice = live.acme.sandbox.add_invoice(date="2026-10-23", total="12.00")
        live.deliver("invoice", invoice["id"])
        live.run()
        assert isinstance(live.tick("changes"), dg.SkipReason)

    def test_what_a_poll_brings_is_posted_by_the_run_that_the_sensor_requests(self, live: Live) -> None:
        """T29: no webhook came: the poll finds it."""
        before = live.acme.books[Area.AR]
        live.acme.sandbox.add_invoice(date="2026-10-23", total="44.00")
        poll = live.definitions.resolve_job_def(f"{CONNECTION}_take_in").execute_in_process(
            instance=live.instance, asset_selection=[dg.AssetKey([CONNECTION, "raw_invoices"])]
        )
        assert poll.success
        request = live.tick("changes")
        assert isinstance(request, dg.RunRequest)
        assert request.tags[TRIGGER_TAG] == "changes"
        live.run(settle=True, trigger="changes")
        assert live.acme.books[Area.AR] == before + Decimal("44.00")
        assert isinstance(live.tick("changes"), dg.SkipReason)

    def test_changed_rules_are_work(self, live: Live) -> None:
        wiring = wiring_of(live.acme.connection)
        posting = wiring.connection.posting.model_copy(update={"zero_documents": "post"})
        other = wiring_of(wiring.connection.model_copy(update={"posting": posting}))
        assert "rules" in why_not_settled(live.acme.engine, other)

    def test_a_change_that_comes_while_days_are_decided_is_still_work_afterwards(self, live: Live) -> None:
        settling = Settling.begin(live.acme.engine, wiring_of(live.acme.connection))
        with live.acme.engine.begin() as db:
            note_change(db, CONNECTION, "invoice", run_id="poll")
        settling.end(run_id="r")
        assert isinstance(live.tick("changes"), dg.RunRequest)
        live.run(settle=True, trigger="changes")

    def test_a_run_under_way_is_waited_for(self, live: Live) -> None:
        live.deliver("invoice", 999_999_998)
        run = live.instance.create_run_for_job(live.definitions.resolve_job_def(SYNC))
        tick = live.tick("inbox")
        assert isinstance(tick, dg.SkipReason)
        assert "under way" in str(tick.skip_message)
        live.instance.report_run_failed(run, "for this test")
        live.run()

    def test_a_persons_sync_goes_first_and_nothing_is_lost(self, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
        """T12: a person and a webhook at once."""
        monkeypatch.setattr("st_deltek_pipeline.orchestration.sync_job._LOCK_SECONDS", 0.0)
        live.deliver("invoice", 999_999_997)
        with command_lock(live.acme.engine, "sync", CONNECTION):
            live.run()
        assert len(live.waiting()) == 1
        live.run()
        assert live.waiting() == []


class TestSchedules:
    def test_every_schedule_and_sensor_runs_unless_it_is_switched_off(self, live: Live) -> None:
        schedules = {each.name: each for each in live.definitions.schedules or []}
        assert set(schedules) == {f"acme_{name}" for name in ("poll", "poll_reference", "rescan", "close")}
        for each in [*schedules.values(), *(live.definitions.sensors or [])]:
            assert "RUNNING" in str(each.default_status)
            assert each.description

    def test_a_rescan_reads_the_feeds_again_from_some_weeks_ago(self, live: Live) -> None:
        schedule = live.definitions.resolve_schedule_def("acme_rescan")
        at = datetime(2026, 11, 20, 9, tzinfo=UTC)
        (request,) = (
            schedule.evaluate_tick(
                dg.build_schedule_context(instance=live.instance, scheduled_execution_time=at)
            ).run_requests
            or ()
        )
        assert request.run_config["ops"]["acme__raw_invoices"]["config"] == {"since": "2026-10-16"}
        take_in = live.definitions.resolve_job_def("acme_take_in")
        for _ in range(2):
            result = take_in.execute_in_process(
                instance=live.instance, run_config=request.run_config, asset_selection=request.asset_selection
            )
            assert result.success
            if isinstance(live.tick("changes"), dg.RunRequest):
                live.run(settle=True, trigger="changes")
        assert isinstance(live.tick("changes"), dg.SkipReason), "what is known already is no change"

    def test_the_close_takes_every_business_day_that_is_over_once(self, live: Live) -> None:
        # A Tuesday just after midnight in Denver; Saturday and Sunday belong to the Monday.
        requests = live.requests("close", datetime(2026, 10, 27, 6, 45, tzinfo=UTC))
        assert [request.partition_key for request in requests] == [
            "2026-10-22",
            "2026-10-23",
            "2026-10-26",
        ]
        assert requests[-1].run_key == "close 2026-10-26"

    def test_nothing_before_the_start_date_is_closed(self, live: Live) -> None:
        wiring = wiring_of(live.acme.connection)
        start = wiring.connection.start_date
        assert days_to_close(wiring, start) == []
        assert days_to_close(wiring, start + timedelta(days=1)) == [start]
        assert days_to_close(wiring, date(2026, 1, 1)) == []


class TestReplay:
    def test_a_range_of_days_run_again_posts_nothing_new(self, live: Live) -> None:
        """T14: a backfill over days that are posted."""
        before = live.acme.books
        report = live.replay(first=date(2026, 10, 22), last=date(2026, 10, 23))
        assert {day.day for day in report.days} == {date(2026, 10, 22), date(2026, 10, 23)}
        assert (report.posted_now, report.accounted_for) == (0, True)
        assert live.acme.books == before

    def test_a_document_is_read_again_and_its_difference_posted(self, live: Live) -> None:
        invoice = live.acme.sandbox.add_invoice(date="2026-10-26", total="20.00")
        before = live.acme.books[Area.AR]
        report = live.replay(documents=((Kind.INVOICE, invoice["id"]),))
        assert live.acme.books[Area.AR] == before + Decimal("20.00")
        assert report.new_versions["invoice"] == 1
        again = live.replay(documents=((Kind.INVOICE, invoice["id"]),))
        assert (again.posted_now, [day.day for day in again.days]) == (0, [date(2026, 10, 26)])

    def test_a_document_nobody_knows_is_an_error_that_says_so(self, live: Live) -> None:
        with pytest.raises(ConfigurationError, match="invoice 999999996"):
            live.replay(documents=((Kind.INVOICE, 999_999_996),))

    def test_the_days_of_holds_are_run_again_and_nothing_is_posted_twice(self, live: Live) -> None:
        before = live.acme.books
        report = live.replay(holds=True)
        assert any(day.held for day in report.days)
        assert report.posted_now == 0
        assert live.acme.books == before

    def test_the_whole_inbox_again_posts_nothing_new(self, live: Live) -> None:
        """T26: everything that ever came, again."""
        before = live.acme.books
        with live.acme.engine.connect() as db:
            events = db.scalar(text("SELECT count(*) FROM inbox.events"))
        report = live.replay(webhooks=True)
        assert report.posted_now == 0
        assert live.acme.books == before
        assert live.waiting() == []
        with live.acme.engine.connect() as db:
            assert db.scalar(text("SELECT count(*) FROM inbox.events WHERE state = 'handled'")) == events

    def test_the_whole_inbox_on_a_fresh_database_posts_nothing_new(
        self, live: Live, engine: Engine, tmp_path: Path
    ) -> None:
        columns = "connection, occurrence, event_type, delivery_id, record_kind, record_id, body, state"
        with live.acme.engine.connect() as db:
            events = [dict(row) for row in db.execute(text(f"SELECT {columns} FROM inbox.events")).mappings()]  # noqa: S608
        assert len({event["record_id"] for event in events}) > 10
        with installed(engine, tmp_path, live.acme.sandbox) as fresh:
            fresh.write_file(start_date="2026-10-22")
            with engine.begin() as db:
                values = ", ".join(f":{name.strip()}" for name in columns.split(","))
                db.execute(text(f"INSERT INTO inbox.events ({columns}) VALUES ({values})"), events)  # noqa: S608
            wiring = wiring_of(fresh.connection)
            with day_runs(fresh.settings, wiring, Silent()) as days:
                days.runner.take_in_reference()
            ledger = fresh.sandbox.ledger()
            replay(fresh.settings, ReplayRequest(CONNECTION, webhooks=True), Silent())
            with engine.connect() as db:
                outcomes = dict(
                    db.execute(text("SELECT outcome, count(*) FROM journal.outcomes GROUP BY outcome")).all()  # pyright: ignore[reportArgumentType]
                )
        assert outcomes["posted"] > 10
        assert live.acme.sandbox.ledger() == ledger


def test_a_connection_that_was_never_read_is_read_by_its_first_run_and_posted(acme: Installation) -> None:
    acme.write_file(start_date="2026-10-29")
    with open_instance(acme.settings) as instance:
        new = Live(acme, instance, build_definitions(acme.settings))
        assert isinstance(new.tick("changes"), dg.RunRequest)
        new.run(settle=True, trigger="changes")
        assert isinstance(new.tick("changes"), dg.SkipReason)
    assert acme.books[Area.AR] > Decimal("0.00")
