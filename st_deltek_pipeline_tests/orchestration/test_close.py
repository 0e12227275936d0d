"""The close of a business day through Dagster: its figures are kept, and nothing is closed on a ledger that differs."""

import json
from collections.abc import Generator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.cli import close_command
from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.cli.sync_report import exit_code_of_report
from st_deltek_pipeline.domain.close_report import CloseState
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import BrokenError, CredentialsError, PipelineError, TransientError
from st_deltek_pipeline.domain.journal import Event, EventType
from st_deltek_pipeline.domain.three_way import ThreeWay
from st_deltek_pipeline.orchestration import close_assets, failures
from st_deltek_pipeline.orchestration.instance import open_instance
from st_deltek_pipeline.orchestration.replaying import ReplayRequest, replay
from st_deltek_pipeline.orchestration.syncing import SyncReport, SyncRequest, synchronise
from st_deltek_pipeline.services.three_way import reconcile
from st_deltek_pipeline.settings import load_settings
from st_deltek_pipeline.store.closes import close_report_of, closes_of_day, latest_closes
from st_deltek_pipeline.store.journal_transaction import JournalTransaction
from st_deltek_pipeline_tests.orchestration.installations import CONNECTION, Installation, installed
from st_deltek_pipeline_tests.orchestration.test_syncing import Told
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox

FIRST, SECOND = date(2026, 10, 29), date(2026, 10, 30)
EVER = (date(2026, 1, 1), date(2026, 12, 31))
BLOCKING = ["books_agree", "nothing_missing", "nothing_double", "nothing_altered"]
COMPARING_TOO = ["nothing_foreign", "nothing_out_of_time", "nothing_rounded"]
WARNING = ["nothing_waits", *COMPARING_TOO, "everything_read"]
COMPARING = [*BLOCKING[1:], *COMPARING_TOO]


@pytest.fixture(scope="module")
def acme(module_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Generator[Installation]:
    """An installation with the last days of a clean month, shared by the tests in their order."""
    with (
        running_sandbox(invoices=40) as sandbox,
        installed(module_engine, tmp_path_factory.mktemp("installation"), sandbox) as installation,
    ):
        installation.write_file(start_date=FIRST.isoformat())
        yield installation


def again(acme: Installation, *days: date) -> SyncReport:
    """Run days again from what is stored: the same as a synchronisation, without reading ServiceTitan first."""
    return replay(acme.settings, ReplayRequest(CONNECTION, days[0], days[-1]), Told())


def metadata_of(acme: Installation, asset: str, day: date) -> Mapping[str, Any]:
    with open_instance(acme.settings) as instance:
        records = instance.fetch_materializations(dg.AssetKey([CONNECTION, asset]), limit=50).records
    found = [each.asset_materialization for each in records if each.asset_materialization is not None]
    newest = next(each for each in found if each.partition == day.isoformat())
    return {name: value.value for name, value in newest.metadata.items()}


def checks_of(acme: Installation, run_id: str) -> dict[str, bool]:
    with open_instance(acme.settings) as instance:
        logged = instance.all_logs(run_id)
    events = [entry.dagster_event for entry in logged if entry.dagster_event is not None]
    found = [
        event.asset_check_evaluation_data for event in events if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    return {check.check_name: check.passed for check in found if check.asset_key.path[-1] == "daily_close"}


def status_of(acme: Installation, run_id: str) -> dg.DagsterRunStatus:
    with open_instance(acme.settings) as instance:
        found = instance.get_run_by_id(run_id)
    assert found is not None
    return found.status


def a_posted_invoice(acme: Installation, day: date) -> str:
    """The number of an invoice of a day as it stands in Vantagepoint's ledger."""
    rows = [
        row for row in acme.sandbox.ledger() if row["TransType"] == "IN" and row["TransDate"][:10] == day.isoformat()
    ]
    return str(rows[0]["Invoice"])


def record_something(acme: Installation, day: date) -> None:
    """Record something about a document of a day."""
    with acme.engine.begin() as db:
        number = db.execute(
            text("SELECT document_id FROM journal.outcomes WHERE kind = 'invoice' AND business_day = :day LIMIT 1"),
            {"day": day},
        ).scalar_one()
        event = Event(EventType.DOCUMENT_RELEASED, {}, document=DocumentKey(CONNECTION, Kind.INVOICE, number))
        JournalTransaction(db, CONNECTION, "test").append([event])


class TestDays:
    """Two days from their first run on; each test continues where the last one stopped."""

    def test_every_day_that_was_run_is_closed_and_its_figures_are_kept(self, acme: Installation) -> None:
        report = synchronise(acme.settings, SyncRequest(CONNECTION), Told())
        assert report.accounted_for
        assert report.not_closed == {}
        last = {day.day: day for day in report.days if day.verdict}
        kept = {each.business_day: each for each in latest_closes(acme.engine, [CONNECTION], *EVER)[CONNECTION]}
        assert set(last) == set(kept)
        assert len(kept) >= 2
        for day, each in kept.items():
            assert each.run_id == last[day].run_id
            assert each.verdict == last[day].verdict
            then = close_report_of(acme.engine, CONNECTION, each)
            assert then.ledger.complete
            assert then.journal.last <= then.journal.head
            assert checks_of(acme, each.run_id) | dict.fromkeys(WARNING, True) == dict.fromkeys(
                [*BLOCKING, *WARNING], True
            )

    def test_what_the_ledger_says_is_read_and_not_taken_from_our_journal(self, acme: Installation) -> None:
        kept = latest_closes(acme.engine, [CONNECTION], FIRST, FIRST)[CONNECTION][0]
        result = close_report_of(acme.engine, CONNECTION, kept).ledger.result
        assert result is not None
        assert result.ledger_lines > 0
        assert result.total.ledger == result.total.journal

    def test_the_close_says_in_dagster_what_it_found_and_leads_to_its_report(self, acme: Installation) -> None:
        said = metadata_of(acme, "daily_close", FIRST)
        kept = latest_closes(acme.engine, [CONNECTION], FIRST, FIRST)[CONNECTION][0]
        assert (said["state"], said["verdict"], said["difference"]) == (kept.state.value, kept.verdict, "0.00")
        assert said["dagster/row_count"] > 0
        assert 0 < said["journal_first"] <= said["journal_last"] <= said["journal_head"]
        for asset in ("daily_close", "daily_tie_out", "posted_invoices"):
            assert metadata_of(acme, asset, FIRST)["close_report"] == f"`st-deltek close acme --day {FIRST}`"

    def test_a_day_that_is_run_again_without_a_change_is_no_new_close(
        self, acme: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = closes_of_day(acme.engine, CONNECTION, FIRST)
        monkeypatch.setenv("ST_DELTEK_CLOSE_URL", "https://books.test/close")
        report = replay(load_settings(), ReplayRequest(CONNECTION, FIRST, FIRST), Told())
        assert [day.posted_now for day in report.days] == [0]
        assert closes_of_day(acme.engine, CONNECTION, FIRST) == before
        assert metadata_of(acme, "daily_close", FIRST)["close_report"] == f"https://books.test/close/acme/{FIRST}"

    def test_a_document_that_vanished_from_the_ledger_stops_the_close_and_no_other_day(
        self, acme: Installation, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """T43: through Dagster, one missing document."""
        gone = a_posted_invoice(acme, FIRST)
        acme.sandbox.admin("POST", "vantagepoint/ledger/delete", {"where": {"TransType": "IN", "Invoice": gone}})
        report = again(acme, FIRST, SECOND)
        assert set(report.not_closed) == {FIRST}
        error = report.not_closed[FIRST]
        assert isinstance(error, BrokenError)
        assert "1 document missing in Vantagepoint's ledger" in str(error)
        by_day = {day.day: day for day in report.days}
        assert status_of(acme, by_day[FIRST].run_id) is dg.DagsterRunStatus.FAILURE
        assert status_of(acme, by_day[SECOND].run_id) is dg.DagsterRunStatus.SUCCESS
        assert not checks_of(acme, by_day[FIRST].run_id)["nothing_missing"]
        kept = closes_of_day(acme.engine, CONNECTION, FIRST)
        assert kept[-1].state is CloseState.DIFFERENT
        capsys.readouterr()
        assert run(["replay", CONNECTION, "--day", f"{FIRST}", "--json"]) == 1
        assert "1 document missing" in json.loads(capsys.readouterr().out)["not_closed"][f"{FIRST}"]

    @pytest.mark.usefixtures("acme")
    def test_the_command_names_the_document_and_what_to_do(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        html, csv = tmp_path / "day.html", tmp_path / "day.csv"
        words = ["close", CONNECTION, "--day", f"{FIRST}"]
        assert run([*words, "--html", str(html), "--csv", str(csv)]) == 4
        shown = capsys.readouterr().out
        assert "Not closed: 1 document missing in Vantagepoint's ledger." in shown
        page = html.read_text()
        assert "What has changed since the close" in page
        assert "1 document missing" in page
        assert "\r\ndifference," in csv.read_bytes().decode()
        assert run([*words, "--json"]) == 4
        data = json.loads(capsys.readouterr().out)
        assert (data["state"], data["differences_by_class"]) == ("different", {"missing": 1})
        assert all(Decimal(row["posted"]) is not None and "." in row["posted"] for row in data["totals"])
        document = data["ledger"]["result"]["differences"][0]["document"]
        assert document in page
        # What was kept says the same, without asking Vantagepoint.
        assert run([*words, "--kept", "--json"]) == 4
        assert json.loads(capsys.readouterr().out)["differences_by_class"] == {"missing": 1}

    def test_what_somebody_posted_by_hand_is_a_warning_and_the_run_succeeds(self, acme: Installation) -> None:
        """T43: one foreign document."""
        row = next(row for row in acme.sandbox.ledger() if row["TransType"] == "IN")
        by_hand = {
            "type": "IN",
            "batch": "BYHAND",
            "number": "990001",
            "account": row["Account"],
            "amount": "75.00",
            "date": SECOND.isoformat(),
            "period": row["Period"],
            "wbs1": row["WBS1"],
            "wbs2": row["WBS2"],
            "wbs3": row["WBS3"],
        }
        acme.sandbox.admin("POST", "vantagepoint/ledger/by-hand", by_hand)
        report = again(acme, SECOND)
        assert report.not_closed == {}
        checks = checks_of(acme, report.days[-1].run_id)
        assert not checks["nothing_foreign"]
        assert all(checks[name] for name in BLOCKING)
        assert "1 posting of others" in report.days[-1].verdict

    @pytest.mark.parametrize(
        ("error", "code"),
        [(TransientError("Vantagepoint does not answer."), 5), (CredentialsError("Vantagepoint refuses us."), 3)],
    )
    def test_a_ledger_that_cannot_be_read_is_never_a_close(
        self, acme: Installation, monkeypatch: pytest.MonkeyPatch, error: PipelineError, code: int
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise error

        before = closes_of_day(acme.engine, CONNECTION, SECOND)
        monkeypatch.setattr(close_assets, "reconcile", fail)
        # Waiting between the attempts is tested where it is decided.
        monkeypatch.setattr(failures, "MAX_RETRIES", 0)
        report = again(acme, SECOND)
        assert type(report.not_closed[SECOND]) is type(error)
        assert exit_code_of_report(report) == code
        assert status_of(acme, report.days[-1].run_id) is dg.DagsterRunStatus.FAILURE
        assert closes_of_day(acme.engine, CONNECTION, SECOND) == before

    @pytest.mark.usefixtures("acme")
    def test_the_month_puts_its_days_together_and_misses_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["close", CONNECTION, "--month", "2026-10", "--kept", "--json"]) == 4
        kept = json.loads(capsys.readouterr().out)
        assert run(["close", CONNECTION, "--month", "2026-10", "--json"]) == 4
        read = json.loads(capsys.readouterr().out)
        assert kept["days"] == read["days"] == [f"{FIRST}", f"{SECOND}"]
        assert kept["differences_by_class"] == read["differences_by_class"] == {"missing": 1, "foreign": 1}
        assert kept["ledger"]["missing_days"] == []
        assert kept["verdict"] == read["verdict"]

    def test_what_was_kept_is_old_once_something_was_recorded_about_the_day(
        self, acme: Installation, capsys: pytest.CaptureFixture[str]
    ) -> None:
        record_something(acme, SECOND)
        capsys.readouterr()
        assert run(["close", CONNECTION, "--day", f"{SECOND}", "--kept"]) == 4
        assert "Not closed: Vantagepoint's ledger was not read." in capsys.readouterr().out

    def test_a_day_that_was_worked_on_while_the_ledger_was_read_is_not_called_compared(
        self, acme: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def worked_on(*sides: Any, **more: Any) -> ThreeWay:
            found = reconcile(*sides, **more)
            record_something(acme, SECOND)
            return found

        words = "Not closed: work went on while Vantagepoint's ledger was compared."
        with monkeypatch.context() as patched:
            patched.setattr(close_assets, "reconcile", worked_on)
            report = again(acme, SECOND)
        assert words in str(report.not_closed[SECOND])
        checks = checks_of(acme, report.days[-1].run_id)
        assert checks["books_agree"]
        assert not any(checks[name] for name in COMPARING)
        assert checks["everything_read"]
        kept = closes_of_day(acme.engine, CONNECTION, SECOND)[-1]
        assert (kept.state, kept.verdict) == (CloseState.NOT_COMPARED, words)
        # Nothing was recorded since that close, and it is none all the same.
        capsys.readouterr()
        assert run(["close", CONNECTION, "--day", f"{SECOND}", "--kept", "--json"]) == 4
        assert json.loads(capsys.readouterr().out)["ledger"]["missing_days"] == [f"{SECOND}"]
        with monkeypatch.context() as patched:
            patched.setattr(close_command, "reconcile", worked_on)
            assert run(["close", CONNECTION, "--day", f"{SECOND}"]) == 4
        assert words in capsys.readouterr().out
        # Once nobody works on it any more it is compared; a feed that was read too early is no reason not to close it.
        early = datetime(2026, 10, 30, 23, 59, tzinfo=ZoneInfo("America/Denver"))
        read_at = {"jobs": early, "invoices": datetime.now(UTC)}

        def looked_up(*_: object) -> dict[str, datetime]:
            return read_at

        monkeypatch.setattr(close_assets, "feeds_read_at", looked_up)
        report = again(acme, SECOND)
        assert report.not_closed == {}
        checks = checks_of(acme, report.days[-1].run_id)
        assert all(checks[name] for name in BLOCKING)
        assert not checks["everything_read"]
        assert closes_of_day(acme.engine, CONNECTION, SECOND)[-1].state is CloseState.WAITING
