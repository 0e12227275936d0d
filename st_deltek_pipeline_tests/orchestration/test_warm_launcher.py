"""The warm launcher on a real instance: runs as forks, and what is noticed when a process dies."""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine

import st_deltek_pipeline
from st_deltek_pipeline.connections.shard_file import write_shards
from st_deltek_pipeline.domain.shards import Shards
from st_deltek_pipeline.orchestration import run_workers
from st_deltek_pipeline.orchestration.build import build_definitions
from st_deltek_pipeline.orchestration.instance import prepare_home
from st_deltek_pipeline.orchestration.jobs import take_in_job_name
from st_deltek_pipeline.orchestration.run_workers import WORKER_TAG, RunWorker
from st_deltek_pipeline.orchestration.warm_launcher import WarmRunLauncher
from st_deltek_pipeline.orchestration.warm_process import fingerprint
from st_deltek_pipeline.settings import Settings, load_settings
from st_deltek_pipeline_tests.orchestration.installations import CONNECTION, write_connection_file

_SECONDS = 60

_JOBS = """
import pathlib, time
import dagster as dg

@dg.op(config_schema={"folder": str})
def wait_for_a_file(context):
    folder = pathlib.Path(context.op_config["folder"])
    (folder / "begun").touch()
    while not (folder / "finish").exists():
        time.sleep(0.02)

@dg.job(executor_def=dg.in_process_executor)
def waiting():
    wait_for_a_file()
"""

_DAEMON = """
import json, os, signal, sys, types
import dagster as dg

if __name__ == "__main__":
    with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
        run = instance.get_run_by_id(sys.argv[2])
        instance.run_launcher.launch_run(types.SimpleNamespace(dagster_run=run, workspace=None))
        os.kill(os.getpid(), signal.SIGKILL)
"""


@dataclass
class Desk:
    """An instance with the warm launcher, and runs of a job that ends when it is told to."""

    instance: dg.DagsterInstance
    home: Path
    folder: Path
    settings: Settings

    @property
    def launcher(self) -> WarmRunLauncher:
        launcher = self.instance.run_launcher
        assert isinstance(launcher, WarmRunLauncher)
        return launcher

    def started(self, name: str = "waiting", **changes: Any) -> "Started":
        """Launch a run and wait until its step works."""
        made = self.made(name, **changes)
        self.launch(made.run_id)
        self.until((made.folder / "begun").exists)
        return made

    def made(self, name: str = "waiting", *, executable: str = sys.executable) -> "Started":
        file = self.folder / "jobs.py"
        folder = self.folder / uuid.uuid4().hex
        folder.mkdir()
        pointer = {
            "__class__": "FileCodePointer",
            "python_file": str(file),
            "fn_name": name,
            "working_directory": str(self.folder),
        }
        run = self.run_of(
            runpy.run_path(str(file))[name],
            pointer,
            executable=executable,
            run_config={"ops": {"wait_for_a_file": {"config": {"folder": str(folder)}}}},
        )
        return Started(run.run_id, folder)

    def run_of(self, job: Any, pointer: dict[str, Any], *, executable: str = sys.executable, **options: Any) -> Any:
        """Create a run as the queue does before it is launched."""
        code: Any = dg.deserialize_value(
            json.dumps(
                {
                    "__class__": "PipelinePythonOrigin",
                    "pipeline_name": job.name,
                    "repository_origin": {
                        "__class__": "RepositoryPythonOrigin",
                        "code_pointer": pointer,
                        "container_context": None,
                        "container_image": None,
                        "entry_point": ["dagster"],
                        "executable_path": executable,
                    },
                }
            )
        )
        remote: Any = dg.deserialize_value(
            json.dumps(
                {
                    "__class__": "ExternalPipelineOrigin",
                    "pipeline_name": job.name,
                    "external_repository_origin": {
                        "__class__": "ExternalRepositoryOrigin",
                        "repository_name": "__repository__",
                        "repository_location_origin": {
                            "__class__": "GrpcServerRepositoryLocationOrigin",
                            "host": "localhost",
                            "port": None,
                            "socket": "/nowhere",
                            "location_name": "here",
                            "use_ssl": None,
                            "additional_metadata": None,
                        },
                    },
                }
            )
        )
        return self.instance.create_run_for_job(
            job_def=job,
            status=dg.DagsterRunStatus.STARTING,
            job_code_origin=code,
            remote_job_origin=remote,
            **options,
        )

    def launch(self, run_id: str) -> None:
        self.launcher.launch_run(SimpleNamespace(dagster_run=self.instance.get_run_by_id(run_id), workspace=None))

    def worker(self, run_id: str) -> RunWorker:
        worker = RunWorker.of_run(run_id, self.run(run_id).tags)
        assert worker is not None
        return worker

    def run(self, run_id: str) -> dg.DagsterRun:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run

    def ended(self, run_id: str) -> dg.DagsterRunStatus:
        self.until(lambda: self.run(run_id).is_finished)
        return self.run(run_id).status

    def words(self, run_id: str) -> str:
        return "\n".join(f"{entry.user_message} {entry.dagster_event}" for entry in self.instance.all_logs(run_id))

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _SECONDS
        while not condition():
            assert time.monotonic() < deadline, "It did not come to pass."
            time.sleep(0.05)


@dataclass(frozen=True)
class Started:
    run_id: str
    folder: Path

    def finish(self) -> None:
        (self.folder / "finish").touch()


@pytest.fixture(scope="module")
def desk(module_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Generator[Desk]:
    folder = tmp_path_factory.mktemp("warm")
    (folder / "jobs.py").write_text(_JOBS)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DAGSTER_HOME", raising=False)
        patch.setenv("ST_DELTEK_DATA_DIR", str(folder / "data"))
        patch.setenv("ST_DELTEK_CONNECTIONS_DIR", str(folder / "connections"))
        patch.setenv("ST_DELTEK_DATABASE_URL", module_engine.url.render_as_string(hide_password=False))
        (folder / "connections").mkdir()
        settings = load_settings()
        home = prepare_home(settings)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield Desk(instance, home, folder, settings)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_runs_are_forks_of_one_process(desk: Desk) -> None:
    first, second = desk.started(), desk.started()
    parents = {_parent(desk.worker(each.run_id).pid) for each in (first, second)}
    assert len(parents) == 1
    assert parents != {os.getpid()}
    for each in (first, second):
        each.finish()
        assert desk.ended(each.run_id) is dg.DagsterRunStatus.SUCCESS


def test_a_killed_worker_fails_its_run_and_no_other(desk: Desk) -> None:
    killed, other = desk.started(), desk.started()
    os.kill(desk.worker(killed.run_id).pid, signal.SIGKILL)
    assert desk.ended(killed.run_id) is dg.DagsterRunStatus.FAILURE
    assert "The process of this run ended unexpectedly: it was killed by signal 9." in desk.words(killed.run_id)
    other.finish()
    assert desk.ended(other.run_id) is dg.DagsterRunStatus.SUCCESS


def test_a_run_is_cancelled_from_another_process(desk: Desk) -> None:
    made = desk.started()
    with dg.DagsterInstance.from_config(str(desk.home)) as webserver:
        assert webserver.run_launcher.terminate(made.run_id)
    assert desk.ended(made.run_id) is dg.DagsterRunStatus.CANCELED


def test_a_run_is_cancelled_from_another_machine(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made = desk.started()
    with dg.DagsterInstance.from_config(str(desk.home)) as webserver, monkeypatch.context() as elsewhere:
        elsewhere.setattr(run_workers.socket, "gethostname", lambda: "elsewhere")
        assert webserver.run_launcher.terminate(made.run_id)
    assert desk.ended(made.run_id) is dg.DagsterRunStatus.CANCELED


def test_a_run_without_a_process_is_cancelled_at_once(desk: Desk) -> None:
    made = desk.made()
    gone = replace(RunWorker.here(made.run_id, os.getpid()), started=1)
    desk.instance.add_run_tags(made.run_id, gone.tags)
    assert desk.launcher.terminate(made.run_id)
    assert desk.run(made.run_id).status is dg.DagsterRunStatus.CANCELED
    assert not desk.launcher.terminate(made.run_id)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({}, "RUNNING", id="it lives"),
        pytest.param({"started": 1}, "FAILED", id="its id is another process's now"),
        pytest.param({"pid": 2**22 + 1}, "FAILED", id="it is gone"),
        pytest.param({"boot": "before the power cut"}, "FAILED", id="the machine was restarted"),
        pytest.param({"namespace": "pid:[1]"}, "FAILED", id="the container was restarted"),
        pytest.param({"host": "elsewhere", "pid": 2**22 + 1}, "RUNNING", id="only another machine knows"),
        pytest.param({"run_id": "its parent", "pid": 2**22 + 1}, "RUNNING", id="that was its parent's"),
    ],
)
def test_a_worker_that_died_with_its_daemon_is_found(desk: Desk, changes: dict[str, Any], status: str) -> None:
    made = desk.made()
    desk.instance.add_run_tags(made.run_id, replace(RunWorker.here(made.run_id, os.getpid()), **changes).tags)
    assert desk.launcher.supports_check_run_worker_health
    assert desk.launcher.check_run_worker_health(desk.run(made.run_id)).status.value == status


def test_a_run_of_dagsters_own_launcher_is_left_alone(desk: Desk) -> None:
    assert desk.launcher.check_run_worker_health(desk.run(desk.made().run_id)).status.value == "RUNNING"


def test_a_run_of_another_python_is_left_to_dagsters_own_launcher(desk: Desk) -> None:
    made = desk.made(executable="/elsewhere/bin/python")
    with pytest.raises(dg.DagsterInvariantViolationError, match="requires a workspace"):
        desk.launch(made.run_id)
    assert WORKER_TAG not in desk.run(made.run_id).tags


def test_a_killed_warm_process_is_replaced_and_its_runs_go_on(desk: Desk) -> None:
    before = desk.started()
    worker = desk.worker(before.run_id)
    os.kill(_parent(worker.pid), signal.SIGKILL)
    after = desk.started()
    assert desk.launcher.check_run_worker_health(desk.run(before.run_id)).status.value == "RUNNING"
    for each in (before, after):
        each.finish()
        assert desk.ended(each.run_id) is dg.DagsterRunStatus.SUCCESS
    desk.until(lambda: not worker.is_running)


def test_a_changed_connection_file_replaces_the_warm_process_and_spares_its_runs(
    desk: Desk, ready: Mapping[str, Any]
) -> None:
    before = desk.started()
    write_connection_file(desk.settings.connections_dir, ready)
    after = desk.started()
    pids = {_parent(desk.worker(each.run_id).pid) for each in (before, after)}
    assert len(pids) == 2
    before.finish()
    assert desk.ended(before.run_id) is dg.DagsterRunStatus.SUCCESS
    after.finish()
    assert desk.ended(after.run_id) is dg.DagsterRunStatus.SUCCESS


def test_other_shards_are_another_fingerprint(settings: Settings) -> None:
    before = fingerprint(settings)
    write_shards(settings, Shards(1, (("acme",), ("beta",))))
    assert fingerprint(settings) != before


def test_changed_source_is_another_fingerprint(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "package" / "module.py"
    source.parent.mkdir()
    source.write_text("ONE = 1\n")
    monkeypatch.setattr(st_deltek_pipeline, "__path__", [str(source.parent)])
    before = fingerprint(settings)
    assert fingerprint(settings) == before
    source.write_text("ELEVEN = 11\n")
    assert fingerprint(settings) != before


@pytest.mark.parametrize(("module", "attribute"), [("definitions", "defs"), ("shards", "shard_01")])
def test_our_own_definitions_are_run_with_a_database_of_the_forks_own(
    desk: Desk, ready: Mapping[str, Any], module: str, attribute: str
) -> None:
    write_connection_file(desk.settings.connections_dir, ready)
    definitions = build_definitions(desk.settings)
    run = desk.run_of(
        definitions.resolve_job_def(take_in_job_name(CONNECTION)),
        {
            "__class__": "ModuleCodePointer",
            "module": f"st_deltek_pipeline.{module}",
            "fn_name": attribute,
            "working_directory": str(desk.folder),
        },
        asset_selection=frozenset([dg.AssetKey([CONNECTION, "raw_invoices"])]),
    )
    desk.launch(run.run_id)
    assert desk.ended(run.run_id) is dg.DagsterRunStatus.FAILURE
    assert f"No servicetitan credentials are stored for connection {CONNECTION}" in desk.words(run.run_id)
    assert WORKER_TAG in desk.run(run.run_id).tags


def test_runs_of_a_killed_daemon_go_on(desk: Desk) -> None:
    """T14: runs go on without their daemon."""
    made = desk.made()
    script = desk.folder / "daemon.py"
    script.write_text(_DAEMON)
    answer = subprocess.run(  # noqa: S603 - our own arguments, no shell
        [sys.executable, script, desk.home, made.run_id], timeout=_SECONDS, check=False
    )
    assert answer.returncode == -signal.SIGKILL
    desk.until((made.folder / "begun").exists)
    assert desk.launcher.check_run_worker_health(desk.run(made.run_id)).status.value == "RUNNING"
    made.finish()
    assert desk.ended(made.run_id) is dg.DagsterRunStatus.SUCCESS


def test_an_orderly_stop_interrupts_runs_and_leaves_no_process(desk: Desk) -> None:
    made = desk.started()
    worker = desk.worker(made.run_id)
    parent = RunWorker.here("", _parent(worker.pid))
    desk.launcher.dispose()
    assert desk.run(made.run_id).status is dg.DagsterRunStatus.FAILURE
    assert not worker.is_running
    assert not parent.is_running
