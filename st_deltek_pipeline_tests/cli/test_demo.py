"""``st-deltek demo`` and ``up`` as processes: they work from nothing, prove it, and leave nothing running."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import pytest
import requests

from st_deltek_pipeline.cli.sandbox_process import SandboxProcess
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline_tests.memory import quick_folder

PROGRAM = Path(sys.executable).parent / "st-deltek"
PROJECT = Path(__file__).parents[2]
INVOICES = 300


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Generator[Mapping[str, str]]:
    """An empty data folder, and a named database that must not be touched."""
    with quick_folder() as folder:
        yield {
            **os.environ,
            "ST_DELTEK_DATA_DIR": str(folder),
            "ST_DELTEK_CONNECTIONS_DIR": str(tmp_path_factory.mktemp("connections")),
            "ST_DELTEK_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/production",
            "DAGSTER_HOME": "/nowhere/at/all",
        }


def processes_of(folder: str) -> list[str]:
    """Command lines of processes that name a folder."""
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if folder in line:
            found.append(line)
    return found


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def demo(environment: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own program
        [PROGRAM, "demo", *options],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_demo_proves_itself_and_can_be_run_again_at_once(environment: Mapping[str, str]) -> None:
    # The whole month is what a person runs, and the benchmarks; every case happens in a small one too.
    first = demo(environment, "--invoices", str(INVOICES))
    assert first.returncode == 0, first.stdout + first.stderr
    posted = re.search(r"Posted ([\d,]+) invoices \S+; \d+ credit memos \S+; (\d+) payments", first.stdout)
    assert posted is not None
    assert 0.8 * INVOICES < int(posted.group(1)) < INVOICES
    assert "agree to the cent" in first.stdout
    assert "is edited after posting" in first.stdout
    assert processes_of(environment["ST_DELTEK_DATA_DIR"]) == []
    other = demo(environment, "--invoices", str(INVOICES + 1))
    assert other.returncode == 2
    assert "Leave --invoices out" in other.stderr
    second = demo(environment)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "this run posted nothing new" in second.stdout
    assert processes_of(environment["ST_DELTEK_DATA_DIR"]) == []


@pytest.fixture
def live(environment: Mapping[str, str]) -> Generator[subprocess.Popen[str]]:
    own = {name: value for name, value in environment.items() if name not in {"DAGSTER_HOME", "ST_DELTEK_DATABASE_URL"}}
    process = subprocess.Popen(  # noqa: S603 - our own program
        [PROGRAM, "up"], env=own, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    yield process
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)


def test_up_shows_the_demos_runs_and_stops_on_ctrl_c(
    environment: Mapping[str, str], live: subprocess.Popen[str]
) -> None:
    assert live.stdout is not None
    said: dict[str, str] = {}
    while "Dagster" not in said:
        line = live.stdout.readline()
        assert line, said
        name, address, *_ = (*line.split(), "", "")
        # The first of the two sandboxes is ServiceTitan.
        said.setdefault(name, address)
    address = said["Dagster"]
    assert said["Webhooks"].endswith("/webhooks/demo/servicetitan")
    _insist_told_of_changes(f"{said['Sandbox']}/_sandbox")
    query = (
        "{ assetNodes { assetKey { path } } runsOrError(limit: 100) { ... on Runs { results { jobName status } } }"
        " instance { daemonHealth { allDaemonStatuses { daemonType } } } }"
    )
    answer = requests.post(f"{address}/graphql", json={"query": query}, timeout=60).json()["data"]
    assert ["demo", "posted_invoices"] in [node["assetKey"]["path"] for node in answer["assetNodes"]]
    runs = answer["runsOrError"]["results"]
    assert {"jobName": "demo_post_days", "status": "SUCCESS"} in runs
    assert {run["status"] for run in runs} == {"SUCCESS"}
    live.send_signal(signal.SIGINT)
    assert live.wait(90) == 0
    folder = environment["ST_DELTEK_DATA_DIR"]
    assert wait_until(lambda: processes_of(folder) == [], 30), processes_of(folder)
    assert EmbeddedPostgres(Path(folder)).stop() is False


def _insist_told_of_changes(admin: str) -> None:
    assert requests.post(f"{admin}/servicetitan/invoices", json={"total": "12.00"}, timeout=30).ok

    def states() -> list[str]:
        found = requests.get(f"{admin}/servicetitan/webhooks/deliveries", timeout=30).json()
        return [each["state"] for each in found if each["type"] == "tn.acc.invoice-posted"]

    assert wait_until(lambda: states() == ["delivered"], 30), states()


def test_a_sandbox_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib\n"
        "from st_deltek_pipeline.cli.sandbox_process import SandboxProcess\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "with SandboxProcess(['--invoices', '20', '--state-dir', str(folder / 'state')], folder / 'log') as sandbox:\n"
        "    print(sandbox.admin_url, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    parent = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    address = parent.stdout.readline().strip()
    assert requests.get(f"{address}/totals", timeout=30).ok
    parent.kill()
    parent.communicate()
    state = str(tmp_path / "state")
    assert wait_until(lambda: processes_of(state) == [], 15), processes_of(state)


def test_a_sandbox_that_cannot_start_says_why(tmp_path: Path) -> None:
    with SandboxProcess(["--invoices", "20"], tmp_path / "first.log") as running:
        port = running.ready["servicetitan"]["api_url"].rsplit(":", 1)[1]
        arguments = ["--invoices", "20", "--servicetitan-port", port]
        with pytest.raises(BrokenError, match=port), SandboxProcess(arguments, tmp_path / "second.log"):
            pytest.fail("two sandboxes on one port")


def test_the_ready_line_is_whole_however_long_it_is(tmp_path: Path) -> None:
    with SandboxProcess(["--invoices", "20"], tmp_path / "log") as running:
        assert json.dumps(running.ready["connection"])
        assert running.look("totals")["servicetitan"]["invoices"]["count"] >= 20
