"""The sensor of a connection reads from Dagster what failed and what was done, and a tick never fails over a channel."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.errors import InDoubtError, TransientError
from st_deltek_pipeline.domain.run_failures import FailedWork
from st_deltek_pipeline.orchestration.alert_sensors import alert_sensor, alert_sensor_name
from st_deltek_pipeline.orchestration.build import build_definitions, wiring_of
from st_deltek_pipeline.orchestration.ended_runs import EndedRuns, ended_runs
from st_deltek_pipeline.orchestration.failures import MAX_RETRIES, explained
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.run_tags import PARENT_RUN_TAG
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.command_lock import command_lock
from st_deltek_pipeline.store.vault import open_vault
from st_deltek_pipeline_tests.scripted_server import Reply, ScriptedServer, unused_port
from st_deltek_pipeline_tests.services.rule_settings import rule, settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret
DAYS = dg.DailyPartitionsDefinition("2026-10-01", end_date="2026-10-10")

# What the assets of the tests do next, by name.
failing: dict[str, Exception] = {}


def do(name: str) -> None:
    with explained(MAX_RETRIES):
        if name in failing:
            raise failing[name]


def asset(connection: str, name: str, partitions: dg.PartitionsDefinition[Any] | None = None) -> dg.AssetsDefinition:
    @dg.asset(key=[connection, name], partitions_def=partitions)
    def made() -> None:
        do(name)

    return made


@dg.op(name="plan")
def plan() -> int:
    return 1


@dg.op(name="post")
def post(planned: int) -> int:
    do("post")
    return planned


@dg.graph_asset(key=["acme", "posted_invoices"], partitions_def=DAYS)
def posted() -> Any:
    return post(plan())


@dg.op(name="acme_handle_changes")
def handle_changes() -> None:
    do("sync")


@dg.job(name="acme_sync", tags={"connection": "acme"})
def sync() -> None:
    handle_changes()


DEFINITIONS = dg.Definitions(
    assets=[asset("acme", "raw_invoices"), asset("acme", "raw_jobs"), asset("other", "raw_invoices"), posted],
    jobs=[
        dg.define_asset_job(
            "acme_take_in",
            selection=dg.AssetSelection.assets(["acme", "raw_invoices"], ["acme", "raw_jobs"]),
            tags={"connection": "acme"},
        ),
        sync,
    ],
    executor=dg.in_process_executor,
)


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance]:
    failing.clear()
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def take_in(instance: dg.DagsterInstance, **tags: str) -> str:
    job = DEFINITIONS.resolve_job_def("acme_take_in")
    return job.execute_in_process(instance=instance, raise_on_error=False, tags=tags).run_id


def materialize(instance: dg.DagsterInstance, *key: str, day: str | None = None) -> str:
    """Run some assets the way "Materialize" does: without the connection's tag."""
    job = DEFINITIONS.resolve_implicit_global_asset_job_def()
    selection = [dg.AssetKey(list(key))]
    return job.execute_in_process(
        instance=instance, asset_selection=selection, partition_key=day, raise_on_error=False
    ).run_id


def read(instance: dg.DagsterInstance, cursor: str | None = None, **options: Any) -> EndedRuns:
    return ended_runs(instance, "acme", cursor, now=datetime.now(UTC), **options)


def in_short(failed: FailedWork) -> tuple[str, str, str]:
    return failed.work, failed.error_class, failed.system


def test_what_failed_is_told_with_its_class_and_the_system_it_was_about(instance: dg.DagsterInstance) -> None:
    failing["raw_invoices"] = TransientError("It cannot be reached.", advice="Check the network.")
    run = take_in(instance)
    found = read(instance)
    (failed,) = found.failed
    assert in_short(failed) == ("acme__raw_invoices", "TransientError", "ServiceTitan")
    assert (failed.run_id, failed.what_happened) == (run, "raw_invoices: It cannot be reached.")
    assert failed.what_next == "Check the network."
    # The other feed was read in the same run, which makes an earlier failure of it good.
    assert [done.work for done in found.done] == [frozenset({"acme__raw_jobs"})]


def test_the_words_of_a_foreign_error_stay_in_dagsters_log(instance: dg.DagsterInstance) -> None:
    failing["raw_jobs"] = KeyError("Jane Doe, card 4111")
    take_in(instance)
    (failed,) = read(instance).failed
    assert failed.error_class == "KeyError"
    assert "Jane" not in f"{failed.what_happened} {failed.what_next}"


def test_runs_without_a_tag_belong_to_the_connection_of_their_assets(instance: dg.DagsterInstance) -> None:
    failing["raw_invoices"] = TransientError("It cannot be reached.")
    mine = materialize(instance, "acme", "raw_invoices")
    materialize(instance, "other", "raw_invoices")
    assert [failed.run_id for failed in read(instance).failed] == [mine]


def test_the_same_work_of_the_same_day_makes_a_failure_good_whoever_runs_it(instance: dg.DagsterInstance) -> None:
    failing["post"] = InDoubtError("No answer came.")
    materialize(instance, "acme", "posted_invoices", day="2026-10-05")
    (failed,) = read(instance).failed
    assert in_short(failed) == ("acme__posted_invoices 2026-10-05", "InDoubtError", "Vantagepoint")
    failing.clear()
    materialize(instance, "acme", "posted_invoices", day="2026-10-06")
    found = read(instance)
    # The step before the one that failed was done, and yet the day was not.
    assert [failed.work in done.work for done in found.done] == [False, False]
    materialize(instance, "acme", "posted_invoices", day="2026-10-05")
    assert [failed.work in done.work for done in read(instance).done] == [False, False, True]


def test_a_run_that_died_without_a_word_is_a_failure_of_its_job(instance: dg.DagsterInstance) -> None:
    job = DEFINITIONS.resolve_job_def("acme_take_in")
    run = instance.create_run_for_job(job, tags={"connection": "acme"})
    instance.report_run_failed(run, "The process is gone.")
    (failed,) = read(instance).failed
    assert in_short(failed) == ("job acme_take_in", "RunDied", "st-deltek")
    take_in(instance)
    assert "job acme_take_in" in read(instance).done[-1].work


def test_a_run_that_dagster_starts_again_by_itself_is_not_told_of(instance: dg.DagsterInstance) -> None:
    failing["raw_invoices"] = TransientError("It cannot be reached.")
    take_in(instance, **{"dagster/will_retry": "true"})
    assert read(instance).failed == []


def test_a_run_that_fails_by_itself_failed_over_servicetitan_and_one_of_its_parts_tells_for_it(
    instance: dg.DagsterInstance,
) -> None:
    failing["sync"] = TransientError("It cannot be reached.")
    job = DEFINITIONS.resolve_job_def("acme_sync")
    job.execute_in_process(instance=instance, raise_on_error=False)
    (alone,) = read(instance).failed
    assert in_short(alone) == ("acme_handle_changes", "TransientError", "ServiceTitan")
    parent = job.execute_in_process(instance=instance, raise_on_error=False).run_id
    part = instance.create_run_for_job(
        DEFINITIONS.resolve_job_def("acme_take_in"), tags={"connection": "acme", PARENT_RUN_TAG: parent}
    )
    instance.report_run_failed(part, "A day failed.")
    assert {failed.run_id for failed in read(instance).failed} == {alone.run_id, part.run_id}
    failing.clear()
    job.execute_in_process(instance=instance)
    assert alone.work in read(instance).done[-1].work


def test_runs_are_read_in_parts_with_an_overlap_and_always_to_the_end(instance: dg.DagsterInstance) -> None:
    failing["raw_invoices"] = TransientError("It cannot be reached.")
    runs = [materialize(instance, "acme", "raw_invoices") for _ in range(5)]
    seen: set[str] = set()
    cursor = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    for _ in range(5):
        found = read(instance, cursor, limit=2)
        seen |= {failed.run_id for failed in found.failed}
        assert datetime.fromisoformat(found.cursor) >= datetime.fromisoformat(cursor)
        cursor = found.cursor
    assert seen == set(runs)


def test_what_was_done_is_only_read_where_it_matters(instance: dg.DagsterInstance) -> None:
    take_in(instance)
    assert read(instance, failures_stand=False).done == []
    assert len(read(instance).done) == 1


@pytest.fixture
def receiver() -> Generator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def connection(url: str, schedules: dict[str, Any] | None = None, **alerts: Any) -> ConnectionSettings:
    plain = settings(rule(wbs1="P")).model_dump()
    plain["vantagepoint"]["database"] = "ACME_TEST"
    changes = {
        "environment": "sandbox",
        "allow_insecure_hosts": True,
        "schedules": schedules or {},
        "alerts": {"webhook_url": url, **alerts},
    }
    return ConnectionSettings.model_validate({**plain, **changes})


class Ticks:
    """The sensor of one connection, tick by tick with the cursor of the last one."""

    def __init__(self, settings: Settings, engine: Engine, instance: dg.DagsterInstance, url: str) -> None:
        open_vault(engine, settings).put("acme", "alerts", {"webhook_secret": SECRET})
        self.pipeline = Pipeline(settings)
        self.instance = instance
        self.sensor = alert_sensor(wiring_of(connection(url)))
        self.cursor: str | None = None

    def tick(self) -> str:
        """Evaluate the sensor; returns what people see of the tick."""
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"pipeline": self.pipeline}
        ) as context:
            result = self.sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor or self.cursor
        assert isinstance(result.skip_reason, dg.SkipReason)
        return result.skip_reason.skip_message or ""


def test_a_tick_tells_the_webhook_once_and_one_that_cannot_look_reads_the_runs_again(
    engine: Engine, settings: Settings, instance: dg.DagsterInstance, receiver: ScriptedServer
) -> None:
    ticks = Ticks(settings, engine, instance, receiver.url)
    failing["raw_invoices"] = TransientError("It cannot be reached.", advice="Check the network.")
    take_in(instance)
    with command_lock(engine, "alerts", "acme"):
        assert "is running" in ticks.tick()
    assert ticks.cursor is None
    assert "opened run_failure:TransientError:ServiceTitan; 1 sent" in ticks.tick()
    take_in(instance)
    assert ticks.tick() == "1 open"
    (call,) = receiver.calls
    assert call.json["type"] == "alert.opened"
    assert call.json["data"]["what_to_do"].startswith("Check the network.")
    ticks.pipeline.close()


@pytest.mark.parametrize("down", ["refuses", "is gone"])
def test_a_tick_survives_a_receiver_that_does_not_work_and_no_secret_is_told(
    engine: Engine, settings: Settings, instance: dg.DagsterInstance, receiver: ScriptedServer, down: str
) -> None:
    receiver.replies(Reply(500, body=SECRET.encode()))
    url = receiver.url if down == "refuses" else f"http://127.0.0.1:{unused_port()}"
    ticks = Ticks(settings, engine, instance, url)
    failing["raw_invoices"] = TransientError("It cannot be reached.")
    take_in(instance)
    words = ticks.tick()
    assert "not sent, tried again: webhook: " in words
    with engine.connect() as db:
        stored = db.execute(text("SELECT last_error, attempts FROM alerts.messages")).one()
    assert stored.attempts == 1
    assert SECRET not in f"{words} {stored.last_error}"
    ticks.pipeline.close()


def test_feeds_that_dagster_saw_read_long_ago_are_late(
    engine: Engine, settings: Settings, instance: dg.DagsterInstance, receiver: ScriptedServer
) -> None:
    ticks = Ticks(settings, engine, instance, receiver.url)
    take_in(instance)
    assert ticks.tick() == "0 open"
    # What is not read on a schedule is not missed.
    hasty = connection(receiver.url, {"feeds_by_name": {"jobs": "off"}}, feed_lag_minutes=5)
    ticks.sensor = alert_sensor(wiring_of(hasty))
    with pytest.MonkeyPatch.context() as patch:
        later = datetime.now(UTC) + timedelta(minutes=10)

        class Later(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return later.astimezone(tz)

        patch.setattr("st_deltek_pipeline.orchestration.alert_sensors.datetime", Later)
        assert "opened feed_lag" in ticks.tick()
    assert receiver.calls[0].json["data"]["subjects"] == ["invoices"]
    ticks.pipeline.close()


def test_every_connection_has_its_alert_sensor_and_it_runs_by_default(tmp_path: Path) -> None:
    folder = tmp_path / "connections"
    folder.mkdir()
    (folder / "acme.yaml").write_text(connection("https://hooks.example.com/x").model_dump_json(exclude={"firms"}))
    definitions = build_definitions(Settings(tmp_path / "data", None, folder, None))
    sensor = definitions.resolve_sensor_def(alert_sensor_name("acme"))
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 60
    crowded = alert_sensor(wiring_of(connection("https://hooks.example.com/x")), connections=200)
    assert crowded.minimum_interval_seconds == 200
