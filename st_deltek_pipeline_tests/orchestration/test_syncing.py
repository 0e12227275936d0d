"""The main job, through Dagster in this process, against both systems over HTTP. The tests follow one connection."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import text

from st_deltek_pipeline.cli.preview_report import compute_plans
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError, CredentialsError, TransientError
from st_deltek_pipeline.domain.reconciliation import AREAS, Area
from st_deltek_pipeline.orchestration.build import wiring_of
from st_deltek_pipeline.orchestration.in_process import STARTED_BY, STARTED_BY_TAG, InProcessRunner
from st_deltek_pipeline.orchestration.instance import open_instance
from st_deltek_pipeline.orchestration.syncing import SyncReport, SyncRequest, synchronise
from st_deltek_pipeline.services.preview import pin_plan, preview_day
from st_deltek_pipeline.services.verifying import Findings, verify
from st_deltek_pipeline.store.command_lock import command_lock
from st_deltek_pipeline_tests.orchestration.installations import CONNECTION, Installation


class Told:
    """Remembers what progress it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def doing(self, what: str) -> None:
        pass

    def done(self, what: str) -> None:
        self.lines.append(what)


def sync(acme: Installation, **request: Any) -> SyncReport:
    return synchronise(acme.settings, SyncRequest(CONNECTION, **request), Told())


def events_of(acme: Installation, asset: str) -> Sequence[dg.AssetMaterialization]:
    with open_instance(acme.settings) as instance:
        records = instance.fetch_materializations(dg.AssetKey([CONNECTION, asset]), limit=100).records
    return [record.asset_materialization for record in records if record.asset_materialization is not None]


def runs_of(acme: Installation, asset: str) -> Sequence[str]:
    with open_instance(acme.settings) as instance:
        records = instance.fetch_materializations(dg.AssetKey([CONNECTION, asset]), limit=100).records
    return [record.run_id for record in records]


def values(materialization: dg.AssetMaterialization) -> Mapping[str, Any]:
    return {name: value.value for name, value in materialization.metadata.items()}


def a_posted_document(acme: Installation, kind: Kind) -> Any:
    """Some posted document of a kind; of payments one that is applied to a single invoice."""
    single = (
        "AND (SELECT count(*) FROM staged.payment_applications AS applied"
        " WHERE applied.connection = staged.connection AND applied.document_id = staged.document_id) = 1"
    )
    statement = f"""
        SELECT staged.document_id, staged.total FROM staged.{kind.value}s AS staged
        JOIN journal.outcomes AS outcome USING (connection, document_id)
        WHERE outcome.kind = :kind AND outcome.outcome = 'posted' AND staged.total > 100
          {single if kind is Kind.PAYMENT else ""}
        ORDER BY staged.document_id LIMIT 1
    """  # noqa: S608 - our own words
    with acme.engine.connect() as db:
        return db.execute(text(statement), {"kind": kind.value}).one()


def outcome_of(acme: Installation, kind: Kind, document_id: int) -> str:
    statement = text("SELECT outcome FROM journal.outcomes WHERE kind = :kind AND document_id = :document_id")
    with acme.engine.connect() as db:
        return db.execute(statement, {"kind": kind.value, "document_id": document_id}).scalar_one()


class TestAnAwkwardMonth:
    """One connection from its first synchronisation on; each test continues where the last one stopped."""

    def test_the_first_run_accounts_for_every_document_to_the_cent(self, shared_acme: Installation) -> None:
        report = sync(shared_acme)
        assert report.accounted_for
        assert report.tie_out is not None
        books = shared_acme.books
        assert {area: amounts.posted for area, amounts in report.tie_out.by_area.items()} == books
        for area, kinds in AREAS.items():
            posted = [report.posted_now_by_kind.get(kind, (0, Decimal("0.00"))) for kind in kinds]
            assert sum(amount for _, amount in posted) == books[area]
        assert {kind for kind, (documents, _) in report.posted_now_by_kind.items() if documents > 10} >= {
            Kind.INVOICE,
            Kind.PAYMENT,
            Kind.BILL,
        }
        assert any(day.held for day in report.days)

    def test_only_business_days_were_posted(self, shared_acme: Installation) -> None:
        posted = {event.partition for event in events_of(shared_acme, "posted_invoices")}
        calendar = wiring_of(shared_acme.connection).calendar
        assert posted
        assert all(day is not None and calendar.is_business_day(date.fromisoformat(day)) for day in posted)

    def test_a_second_run_shows_what_is_held_and_runs_no_day_again_for_it(self, shared_acme: Installation) -> None:
        before = shared_acme.books
        report = sync(shared_acme)
        assert report.days == []
        assert report.accounted_for
        assert report.tie_out is not None
        assert report.tie_out.waiting
        assert shared_acme.books == before

    def test_posting_named_days_again_posts_nothing_new(self, shared_acme: Installation) -> None:
        """T14: posted days again."""
        before = shared_acme.books
        report = sync(shared_acme, first=date(2026, 10, 23), last=date(2026, 10, 27))
        assert {day.day for day in report.days} == {date(2026, 10, 23), date(2026, 10, 26), date(2026, 10, 27)}
        assert {each.kind for day in report.days for each in day.kinds} == set(POSTING_ORDER)
        assert report.posted_now == 0
        assert shared_acme.books == before

    def test_an_edited_invoice_posts_only_its_difference(self, shared_acme: Installation) -> None:
        before = shared_acme.books[Area.AR]
        invoice = shared_acme.sandbox.add_invoice(date="2026-10-22", total="100.00")
        sync(shared_acme, first=date(2026, 10, 22), last=date(2026, 10, 22))
        assert shared_acme.books[Area.AR] == before + Decimal("100.00")
        shared_acme.sandbox.edit_invoice(invoice["id"], total="120.00")
        report = sync(shared_acme)
        assert date(2026, 10, 22) in {day.day for day in report.days}
        assert report.posted_now_by_kind == {Kind.INVOICE: (1, Decimal("20.00"))}
        assert shared_acme.books[Area.AR] == before + Decimal("120.00")
        assert report.accounted_for

    def test_an_edited_bill_posts_only_its_difference(self, shared_acme: Installation) -> None:
        before = shared_acme.books[Area.AP]
        bill = a_posted_document(shared_acme, Kind.BILL)
        more = Decimal("12.50")
        shared_acme.sandbox.edit_bill(bill.document_id, billAmount=f"{bill.total + more:.2f}")
        report = sync(shared_acme)
        assert report.posted_now_by_kind == {Kind.BILL: (1, more)}
        assert shared_acme.books[Area.AP] == before + more
        assert report.accounted_for

    def test_a_voided_payment_is_taken_back(self, shared_acme: Installation) -> None:
        """T35: voided."""
        before = shared_acme.books[Area.CASH]
        payment = a_posted_document(shared_acme, Kind.PAYMENT)
        shared_acme.sandbox.payment(payment.document_id, "void")
        report = sync(shared_acme)
        assert report.posted_now_by_kind[Kind.PAYMENT] == (1, -payment.total)
        assert shared_acme.books[Area.CASH] == before - payment.total
        assert report.accounted_for

    def test_every_materialization_reports_rows_and_its_money_as_text(self, shared_acme: Installation) -> None:
        names = [f"{step}_{kind.value}s" for kind in POSTING_ORDER for step in ("staged", "aligned", "posted")]
        for asset in ("raw_invoices", "raw_payments", "raw_inventory_bills", *names, "daily_tie_out"):
            events = events_of(shared_acme, asset)
            assert events, asset
            for event in events:
                reported = values(event)
                assert reported["dagster/row_count"] >= 0, asset
                assert not [name for name, value in reported.items() if isinstance(value, float)], asset

    def test_every_event_is_in_the_journal_range_of_the_one_materialization_that_wrote_it(
        self, shared_acme: Installation
    ) -> None:
        told = [values(event) for kind in POSTING_ORDER for event in events_of(shared_acme, f"posted_{kind.value}s")]
        with shared_acme.engine.connect() as db:
            recorded = db.execute(
                text("SELECT count(*), max(sequence) FROM journal.events WHERE event_type <> 'day_closed'")
            ).one()
            closing = set(db.scalars(text("SELECT run_id FROM journal.events WHERE event_type = 'day_closed'")))
        assert closing
        assert closing <= set(runs_of(shared_acme, "daily_close"))
        assert sum(each["journal_events"] for each in told) == recorded.count
        assert max(each["journal_last"] for each in told if each["journal_events"]) == recorded.max
        nothing = [each for each in told if not each["journal_events"]]
        assert nothing
        assert {(each["journal_first"], each["journal_last"]) for each in nothing} == {("none", "none")}
        written = [each for each in told if each["journal_events"]]
        assert all(0 < each["journal_first"] <= each["journal_last"] for each in written)

    def test_a_tie_out_says_which_part_of_the_journal_it_rests_on(self, shared_acme: Installation) -> None:
        event = next(event for event in events_of(shared_acme, "daily_tie_out") if event.partition == "2026-10-26")
        with shared_acme.engine.connect() as db:
            first = db.scalar(
                text(
                    """
                    SELECT min(event.sequence) FROM journal.events AS event
                    JOIN journal.outcomes AS outcome USING (connection, kind, document_id)
                    WHERE outcome.business_day = '2026-10-26'
                    """
                )
            )
        assert values(event)["journal_first"] == first
        assert values(event)["journal_last"] >= values(event)["journal_events"] > 0

    def test_every_invariant_holds_after_all_of_it(self, shared_acme: Installation) -> None:
        findings = Findings(lambda *_: None)
        verify(shared_acme.engine, CONNECTION, vendors_may_repeat=False, findings=findings)
        assert [violation for check in findings.checks for violation in check.named] == []

    def test_a_tied_out_day_shows_each_area_kind_and_project(self, shared_acme: Installation) -> None:
        event = next(event for event in events_of(shared_acme, "daily_tie_out") if event.partition == "2026-10-26")
        shown = values(event)
        assert shown["difference"] == "0.00"
        assert {"ar_posted", "cash_posted", "ap_posted", "ap_held"} <= shown.keys()
        for kind in (Kind.INVOICE, Kind.PAYMENT, Kind.BILL):
            assert f"| {kind.value} |" in shown["tie_out"]
        assert "| invoice | RHS2026 |" in shown["by_project"]

    def test_a_posted_day_links_to_its_transaction_files(self, shared_acme: Installation) -> None:
        files = [values(event)["transaction_files"] for event in events_of(shared_acme, "posted_invoices")]
        address = re.escape(shared_acme.sandbox.vantagepoint_url)
        assert any(re.search(rf"\]\({address}\S*/DataEntry/inControl/[0-9a-f]{{32}}\)", found) for found in files)

    def test_a_replayed_day_still_links_to_the_files_of_its_first_run(self, shared_acme: Installation) -> None:
        events = [event for event in events_of(shared_acme, "posted_invoices") if event.partition == "2026-10-23"]
        latest, first = values(events[0]), values(events[-1])
        assert (latest["posted_now"], first["posted_now"] > 0) == (0, True)
        assert latest["transaction_files"] == first["transaction_files"]
        assert "/DataEntry/inControl/" in latest["transaction_files"]
        assert latest["posted_total"] == first["posted_total"] == first["posted_now_total"]

    def test_a_day_with_holds_is_materialized_and_warned_about_with_reasons(self, shared_acme: Installation) -> None:
        event = next(event for event in events_of(shared_acme, "posted_invoices") if values(event)["held"])
        assert "| kind | reason | documents | amount | what to do |" in values(event)["held_by_reason"]
        with open_instance(shared_acme.settings) as instance:
            key = dg.AssetCheckKey(dg.AssetKey([CONNECTION, "daily_tie_out"]), "nothing_held")
            checks = instance.event_log_storage.get_asset_check_execution_history(key, limit=50)
        evaluations = [check.event.dagster_event.asset_check_evaluation_data for check in checks]
        of_the_day = next(each for each in evaluations if each.partition == event.partition)
        assert not of_the_day.passed
        assert of_the_day.severity is dg.AssetCheckSeverity.WARN

    def test_what_is_set_aside_is_listed_with_its_reason(self, shared_acme: Installation) -> None:
        invoice = shared_acme.sandbox.add_invoice(date="2026-10-22", total="10.00")
        shared_acme.sandbox.edit_invoice(invoice["id"], verbatim=True, total=None)
        report = sync(shared_acme)
        assert report.accounted_for
        event = next(event for event in events_of(shared_acme, "staged_invoices") if event.partition == "2026-10-22")
        assert values(event)["set_aside"] == 1
        assert f"| {invoice['id']} |" in values(event)["set_aside_because"]
        assert "$.total" in values(event)["set_aside_because"]

    def test_a_monday_names_the_days_off_whose_documents_it_gathers(self, shared_acme: Installation) -> None:
        event = next(event for event in events_of(shared_acme, "staged_invoices") if event.partition == "2026-10-26")
        assert values(event)["document_dates"] == "Sat 2026-10-24, Sun 2026-10-25, Mon 2026-10-26"

    def test_the_ledgers_downstream_show_what_was_posted(self, shared_acme: Installation) -> None:
        with open_instance(shared_acme.settings) as instance:
            for area in ("ar", "cash", "ap"):
                key = dg.AssetKey([CONNECTION, f"vantagepoint_{area}_ledger"])
                assert instance.fetch_observations(key, limit=5).records, area

    def test_the_runs_are_tagged_with_their_connection(self, shared_acme: Installation) -> None:
        with open_instance(shared_acme.settings) as instance:
            runs = instance.get_runs()
        assert {run.job_name for run in runs} == {"acme_take_in", "acme_post_days"}
        assert {run.tags["connection"] for run in runs} == {CONNECTION}
        assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}

    def test_no_secret_is_in_any_event_or_file_of_dagster(self, shared_acme: Installation) -> None:
        with open_instance(shared_acme.settings) as instance:
            logged = [str(entry) for run in instance.get_runs() for entry in instance.all_logs(run.run_id)]
            storage = instance.storage_directory()
        files = [path.read_bytes() for path in shared_acme.settings.data_dir.rglob("*") if path.is_file()]
        assert logged
        assert files
        assert storage.startswith(str(shared_acme.settings.data_dir))
        for secret in shared_acme.secrets:
            assert not [entry for entry in logged if secret in entry]
            assert not [content for content in files if secret.encode() in content]

    def test_no_customer_is_pickled(self, shared_acme: Installation) -> None:
        with shared_acme.engine.connect() as db:
            names = [name.encode() for name in db.scalars(text("SELECT customer_name FROM staged.invoices"))]
        stored = shared_acme.settings.data_dir / "dagster" / "storage"
        contents = [path.read_bytes() for path in stored.rglob("*") if path.is_file()]
        assert contents
        assert not [name for name in names if len(name) > 8 and any(name in content for content in contents)]


class TestWhatWaits:
    """A clean month of which two days are posted, with the two kinds it is about; each test adds its own documents."""

    def test_a_payment_dated_before_its_invoice_is_posted_in_the_same_synchronisation(self, acme: Installation) -> None:
        acme.move_only(Kind.INVOICE, Kind.PAYMENT)
        invoice = acme.sandbox.add_invoice(date="2026-10-08", total="150.00", syncStatus="Posted")
        paid = [{"invoiceId": invoice["id"], "amount": "150.00"}]
        payment = acme.sandbox.add_payment(
            date="2026-10-07", splits=paid, total="150.00", customerId=invoice["customer"]["id"]
        )
        report = sync(acme, first=date(2026, 10, 7), last=date(2026, 10, 8))
        assert report.accounted_for
        assert outcome_of(acme, Kind.PAYMENT, payment["id"]) == "posted"
        days = [day.day for day in report.days if any(each.kind is Kind.PAYMENT for each in day.kinds)]
        assert days.count(date(2026, 10, 7)) == 1

    def test_a_credit_memo_dated_before_its_invoice_is_released_by_the_same_synchronisation(
        self, acme: Installation
    ) -> None:
        acme.move_only(Kind.INVOICE, Kind.CREDIT_MEMO)
        invoice = acme.sandbox.add_invoice(date="2026-10-08", total="150.00", syncStatus="Posted")
        memo = acme.sandbox.admin(
            "POST",
            "servicetitan/credit-memos",
            {"invoiceId": invoice["id"], "total": "40.00", "applied": "40.00", "date": "2026-10-07"},
        )
        report = sync(acme, first=date(2026, 10, 7), last=date(2026, 10, 8))
        assert report.accounted_for
        assert outcome_of(acme, Kind.CREDIT_MEMO, memo["id"]) == "posted"
        runs = [day for day in report.days if any(each.kind is Kind.CREDIT_MEMO for each in day.kinds)]
        of_the_day = [day for day in runs if day.day == date(2026, 10, 7)]
        assert [day.held > 0 for day in of_the_day] == [True, False]
        assert [each.kind for each in of_the_day[-1].kinds] == [Kind.CREDIT_MEMO]

    def test_what_waits_for_an_invoice_of_another_day_still_waits_when_that_is_not_posted(
        self, acme: Installation
    ) -> None:
        acme.move_only(Kind.INVOICE, Kind.PAYMENT)
        invoice = acme.sandbox.add_invoice(date="2026-10-08", total="150.00", syncStatus="Pending")
        paid = [{"invoiceId": invoice["id"], "amount": "150.00"}]
        payment = acme.sandbox.add_payment(
            date="2026-10-07", splits=paid, total="150.00", customerId=invoice["customer"]["id"]
        )
        report = sync(acme, first=date(2026, 10, 7), last=date(2026, 10, 8))
        assert report.accounted_for
        assert report.tie_out is not None
        assert outcome_of(acme, Kind.PAYMENT, payment["id"]) == "held"
        waiting = {(each.kind, each.reason): each.document_ids for each in report.tie_out.waiting}
        assert payment["id"] in waiting[Kind.PAYMENT, "waiting_for_invoice"]


def exported(acme: Installation) -> Mapping[Kind, int]:
    """How many documents of a kind ServiceTitan itself has as exported."""
    names = {Kind.INVOICE: "invoices", Kind.PAYMENT: "payments", Kind.BILL: "inventory_bills"}
    totals = acme.sandbox.totals()["servicetitan"]
    return {kind: totals[name]["by_status"].get("Exported", 0) for kind, name in names.items()}


def test_servicetitan_is_told_what_was_posted_where_the_connection_says_so(acme: Installation) -> None:
    acme.write_file(posting={**acme.sandbox.connection.get("posting", {}), "write_back": "exported"})
    day = date(2026, 10, 6)
    before = exported(acme)
    report = sync(acme, first=day, last=day)
    assert report.accounted_for
    posted = {kind: documents for kind, (documents, _) in report.posted_now_by_kind.items()}
    assert exported(acme) == {kind: before[kind] + posted[kind] for kind in before}
    (event,) = events_of(acme, "servicetitan_exports")
    assert values(event)["dagster/row_count"] == report.posted_now
    # What ServiceTitan changed for it is taken in, and posts nothing.
    again = sync(acme, days=(day,))
    assert (again.posted_now, again.accounted_for) == (0, True)


def test_chosen_kinds_alone_are_posted_and_tied_out(acme: Installation) -> None:
    day = date(2026, 10, 6)
    report = sync(acme, first=day, last=day, kinds=(Kind.INVOICE,))
    assert report.accounted_for
    assert report.tie_out is not None
    assert list(report.tie_out.by_kind) == [Kind.INVOICE]
    assert acme.books[Area.AR] > 0
    assert (acme.books[Area.CASH], acme.books[Area.AP]) == (0, 0)


def test_a_kind_that_the_connection_does_not_move_is_named(acme: Installation) -> None:
    acme.write_file(posting={"documents": ["invoice"]})
    with pytest.raises(ConfigurationError, match="does not move this kind of document: bill"):
        sync(acme, kinds=(Kind.BILL,))


def test_a_plan_hash_is_that_of_one_kind(acme: Installation) -> None:
    day = date(2026, 10, 7)
    with pytest.raises(ConfigurationError, match="those of one kind"):
        sync(acme, first=day, last=day, pinned_plan_hash="0123")


def test_a_plan_that_changed_after_it_was_pinned_is_not_sent(acme: Installation) -> None:
    day = date(2026, 10, 7)
    acme.move_only(Kind.INVOICE)
    with pytest.raises(BrokenError, match="has changed: pinned 0123"):
        sync(acme, first=day, last=day, kinds=(Kind.INVOICE,), pinned_plan_hash="0123")


def test_a_pinned_plan_is_sent_exactly(acme: Installation) -> None:
    first, day = date(2026, 10, 6), date(2026, 10, 7)
    acme.move_only(Kind.INVOICE)
    sync(acme, first=first, last=first)
    (shown,) = compute_plans(acme.settings, CONNECTION, day, [Kind.INVOICE], pinned_by="accountant")
    assert preview_day(acme.engine, acme.connection, Kind.INVOICE, day).plan_hash == shown.plan_hash
    report = sync(acme, first=day, last=day, kinds=(Kind.INVOICE,), pinned_plan_hash=shown.plan_hash)
    (run,) = report.days[0].kinds
    assert run.plan_hash == shown.plan_hash
    assert run.posted_now == len({posting.document for file in shown.files for posting in file.postings})


def test_a_stored_pin_refuses_a_day_that_changed_since(acme: Installation) -> None:
    day = date(2026, 10, 7)
    acme.move_only(Kind.INVOICE)
    sync(acme, first=date(2026, 10, 6), last=date(2026, 10, 6))
    (plan,) = compute_plans(acme.settings, CONNECTION, day, [Kind.INVOICE], pinned_by=None)
    pin_plan(acme.engine, acme.connection, Kind.INVOICE, day, plan.plan_hash, actor="accountant")
    acme.sandbox.add_invoice(date=str(day), total="55.00")
    with pytest.raises(BrokenError, match="Look at the preview again"):
        sync(acme, first=day, last=day)


def test_wrong_credentials_end_with_what_to_do(acme: Installation) -> None:
    acme.store_credentials(servicetitan={"client_secret": "wrong"})
    with pytest.raises(CredentialsError, match="acme_take_in"):
        sync(acme)


def test_an_unknown_connection_names_those_there_are(acme: Installation) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no connection nobody.*acme"):
        synchronise(acme.settings, SyncRequest("nobody"), Told())


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2026, 10, 8), date(2026, 10, 7), "is after"),
        (date(2026, 9, 1), date(2026, 10, 7), "before acme's start_date"),
        (date(2026, 10, 3), date(2026, 10, 5), "no business day"),
        (date(2026, 10, 7), date.today() + timedelta(days=30), "is in the future"),  # noqa: DTZ011 - far enough away
    ],
    ids=["reversed", "too_early", "days_off", "in_the_future"],
)
def test_days_that_cannot_be_posted_are_refused(acme: Installation, first: date, last: date, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        sync(acme, first=first, last=last)


def test_single_days_ahead_or_off_by_now_are_left_out(acme: Installation) -> None:
    acme.move_only(Kind.INVOICE)
    weekend, ahead = date(2026, 10, 3), date(2099, 10, 5)
    report = sync(acme, days=(ahead, weekend, date(2026, 10, 9)))
    assert {day.day for day in report.days} == {date(2026, 10, 9)}
    assert sync(acme, days=(ahead,)).days == []


def test_two_synchronisations_of_one_connection_at_once_are_refused(acme: Installation) -> None:
    """T12: two synchronisations at once."""
    with (
        command_lock(acme.engine, "sync", CONNECTION),
        pytest.raises(TransientError, match="Another st-deltek sync of connection acme is running"),
    ):
        sync(acme)


def test_a_run_left_behind_by_a_killed_command_is_ended_and_gives_its_pool_slot_back(acme: Installation) -> None:
    acme.move_only(Kind.INVOICE)
    with open_instance(acme.settings) as instance:
        run = instance.create_run_for_job(_dead_job, tags={"connection": CONNECTION, STARTED_BY_TAG: STARTED_BY})
        instance.report_dagster_event(_started(run), run.run_id)
        storage = instance.event_log_storage
        storage.initialize_concurrency_limit_to_default("servicetitan_acme")
        storage.claim_concurrency_slot("servicetitan_acme", run.run_id, "step")
    report = sync(acme, first=date(2026, 10, 6), last=date(2026, 10, 6))
    assert report.accounted_for
    with open_instance(acme.settings) as instance:
        left = instance.get_run_by_id(run.run_id)
    assert left is not None
    assert left.status is dg.DagsterRunStatus.FAILURE


def test_a_pool_slot_that_an_ended_run_kept_is_given_back(acme: Installation) -> None:
    with open_instance(acme.settings) as instance:
        run = instance.create_run_for_job(_dead_job)
        instance.report_run_failed(run, "The machine lost its power.")
        instance.event_log_storage.initialize_concurrency_limit_to_default("vantagepoint_acme")
        instance.event_log_storage.claim_concurrency_slot("vantagepoint_acme", run.run_id, "step")
        runner = InProcessRunner(dg.Definitions().resolve_job_def, instance, CONNECTION)
        assert runner.free_pools() == []
        assert not instance.event_log_storage.get_concurrency_info("vantagepoint_acme").claimed_slots


def test_a_run_that_is_alive_keeps_its_slot_and_is_named(acme: Installation) -> None:
    with open_instance(acme.settings) as instance:
        run = instance.create_run_for_job(_dead_job)
        instance.report_dagster_event(_started(run), run.run_id)
        instance.event_log_storage.initialize_concurrency_limit_to_default("vantagepoint_acme")
        instance.event_log_storage.claim_concurrency_slot("vantagepoint_acme", run.run_id, "step")
        assert InProcessRunner(dg.Definitions().resolve_job_def, instance, CONNECTION).free_pools() == [run.run_id]


@dg.job
def _dead_job() -> None:
    """A job of which only the name matters."""


def _started(run: dg.DagsterRun) -> dg.DagsterEvent:
    return dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_START.value, job_name=run.job_name)
