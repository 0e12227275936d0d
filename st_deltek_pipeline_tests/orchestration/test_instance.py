"""The instance of our own commands: the project's dagster.yaml, on our database, with its files in the data folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster_postgres import PostgresRunStorage
from sqlalchemy import create_engine, event, text

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.orchestration import instance as instance_module
from st_deltek_pipeline.orchestration.instance import instance_file, open_instance, prepare_home
from st_deltek_pipeline.orchestration.instance_storage import ScheduleStorage
from st_deltek_pipeline.settings import Settings, load_settings
from st_deltek_pipeline.store.database import postgres_url_for_dagster

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def installation(empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("ST_DELTEK_DATABASE_URL", empty_database_url)
    monkeypatch.setenv("ST_DELTEK_DATA_DIR", str(tmp_path / "data"))
    return load_settings()


def test_runs_are_kept_in_our_postgres(installation: Settings) -> None:
    with open_instance(installation) as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        assert instance.run_storage.postgres_url == postgres_url_for_dagster(installation)


def test_a_command_keeps_its_connection_to_dagsters_database(installation: Settings) -> None:
    with open_instance(installation) as instance:
        sessions: set[int] = set()
        for _ in range(3):
            with instance.event_log_storage.index_connection() as connection:
                sessions.add(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        assert len(sessions) == 1


def test_reading_the_state_of_sensors_is_one_statement_on_a_kept_connection(installation: Settings) -> None:
    with open_instance(installation) as instance:
        storage = instance.schedule_storage
        assert isinstance(storage, ScheduleStorage)
        assert storage.get_instigator_state("origin", "selector") is None
        statements: list[str] = []
        connections: list[object] = []
        engine = storage._engine
        event.listen(engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
        event.listen(engine, "connect", lambda *seen: connections.append(seen[0]))
        assert storage.get_instigator_state("origin", "selector") is None
        assert storage.all_instigator_state() == []
        assert [statement.split()[0] for statement in statements] == ["SELECT", "SELECT"]
        assert connections == []


def test_the_ticks_of_a_sensor_survive_a_database_that_was_restarted(installation: Settings) -> None:
    """T11: restarted between two ticks."""
    with open_instance(installation) as instance:
        storage = instance.schedule_storage
        assert storage is not None
        assert storage.get_instigator_state("origin", "selector") is None
        _end_sessions(postgres_url_for_dagster(installation))
        assert storage.get_instigator_state("origin", "selector") is None


def _end_sessions(url: str) -> None:
    others = create_engine(url, isolation_level="AUTOCOMMIT")
    with others.connect() as db:
        db.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    others.dispose()


def test_the_limits_of_dagster_yaml_are_in_force(installation: Settings) -> None:
    with open_instance(installation) as instance:
        assert instance.global_op_concurrency_default_limit == 1
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 3600
        assert instance.run_retries_max_retries == 1
        assert instance.run_retries_retry_on_asset_or_op_failure is False
        assert instance.telemetry_enabled is False
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 8
        assert [limit["key"] for limit in queue.tag_concurrency_limits] == ["posts", "connection"]


def test_runs_whose_pool_is_taken_wait_in_the_queue_and_not_in_a_process(installation: Settings) -> None:
    with dg.DagsterInstance.from_config(str(prepare_home(installation))) as instance:
        assert instance.get_concurrency_config().pool_config.pool_granularity.value == "run"


def test_files_lie_in_the_data_folder_wherever_the_command_is_started(
    installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    @dg.op
    def produce() -> int:
        return 1

    @dg.job(executor_def=dg.in_process_executor)
    def something() -> None:
        produce()

    with open_instance(installation) as instance:
        assert something.execute_in_process(instance=instance).success
        assert Path(instance.storage_directory()) == installation.data_dir / "dagster" / "storage"
    assert list(elsewhere.iterdir()) == []


def test_a_named_dagster_home_is_obeyed(
    installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    assert prepare_home(installation) == home
    assert list(home.iterdir()) == []


def test_a_dagster_home_that_does_not_exist_is_named(installation: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/nowhere/at/all")
    with pytest.raises(ConfigurationError, match="DAGSTER_HOME names /nowhere/at/all"):
        prepare_home(installation)


def test_the_home_follows_a_changed_dagster_yaml(
    installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    sections = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    for limit in (4, 7):
        sections["concurrency"]["runs"]["max_concurrent_runs"] = limit
        (project / "dagster.yaml").write_text(yaml.safe_dump(sections))
        written = yaml.safe_load((prepare_home(installation) / "dagster.yaml").read_text())
        assert written["concurrency"]["runs"]["max_concurrent_runs"] == limit


@pytest.mark.parametrize("command", [("dagster", "definitions", "validate"), ("dg", "check", "defs")])
def test_dagsters_own_validation_passes_in_the_projects_root(installation: Settings, command: tuple[str, ...]) -> None:
    program = Path(sys.executable).parent / command[0]
    answer = subprocess.run(  # noqa: S603 - our own arguments, no shell
        [program, *command[1:]],
        cwd=PROJECT,
        env=os.environ.copy(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert installation.connections_dir


def test_an_installed_package_brings_its_own_dagster_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = "from hatchling.build import build_wheel; print(build_wheel(__import__('sys').argv[1]))"
    answer = subprocess.run(  # noqa: S603 - our own arguments, no shell
        [sys.executable, "-c", build, tmp_path], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
    )
    installed = tmp_path / "site-packages"
    zipfile.ZipFile(tmp_path / answer.stdout.split()[-1]).extractall(installed)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(instance_module, "files", lambda package: installed / package)
    assert instance_file().read_text() == (PROJECT / "dagster.yaml").read_text()
