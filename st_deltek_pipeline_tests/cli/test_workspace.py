"""``st-deltek workspace``: the file loads with Dagster, says what it would change, and keeps what is not ours."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from st_deltek_pipeline.cli.live_locations import dagster_target
from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.settings import Settings, load_settings

WriteFiles = Callable[..., None]


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for variable in ("ST_DELTEK_CONNECTIONS", "DAGSTER_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ST_DELTEK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ST_DELTEK_CONNECTIONS_DIR", str(tmp_path / "connections"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "connections").mkdir()
    return load_settings()


@pytest.fixture
def files(installation: Settings) -> WriteFiles:
    """A function that writes the file of each connection it is given."""

    def write(*names: str) -> None:
        for number, name in enumerate(names, start=1):
            content: dict[str, Any] = {
                "name": name,
                "environment": "sandbox",
                "start_date": "2026-10-01",
                "allow_insecure_hosts": True,
                "servicetitan": {
                    "api_url": "http://127.0.0.1:9",
                    "auth_url": "http://127.0.0.1:9",
                    "tenant_id": number,
                },
                "vantagepoint": {"base_url": "http://127.0.0.1:9/api", "database": "D"},
                "calendar": {"time_zone": "UTC"},
                "coding": [{"give": {"wbs1": "P"}}],
            }
            (installation.connections_dir / f"{name}.yaml").write_text(yaml.safe_dump(content))

    return write


def entries() -> list[dict[str, str]]:
    return [each["python_module"] for each in yaml.safe_load(Path("workspace.yaml").read_text())["load_from"]]


def test_what_the_workspace_names_can_be_loaded_and_has_each_connection_once(
    files: WriteFiles, installation: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    files("acme", "beta", "gamma")
    assert run(["workspace", "--per-shard", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "output": "workspace.yaml",
        "per_shard": 2,
        "locations": {"st_deltek_pipeline": ["acme", "beta"], "st_deltek_pipeline_02": ["gamma"]},
        "new": ["acme", "beta", "gamma"],
        "gone": [],
        "changed": True,
    }
    # A new file before anybody gives it a place.
    files("delta")
    (installation.connections_dir / "broken.yaml").write_text("name: [")
    program = (
        "import importlib, yaml\n"
        "for entry in yaml.safe_load(open('workspace.yaml'))['load_from']:\n"
        "    target = entry['python_module']\n"
        "    definitions = getattr(importlib.import_module(target['module_name']), target['attribute'])\n"
        "    keys = definitions.resolve_asset_graph().get_all_asset_keys()\n"
        "    print(target['location_name'], *sorted({key.path[0] for key in keys}))\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    assert answer.stdout.splitlines() == [
        "st_deltek_pipeline acme beta delta",
        "st_deltek_pipeline_02 gamma",
    ], answer.stderr
    assert "No code location has a place for broken, delta yet" in answer.stderr


def test_the_check_names_new_and_gone_connections_and_writes_nothing(
    files: WriteFiles, installation: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    files("acme", "beta")
    assert run(["workspace"]) == 0
    assert run(["workspace", "--check"]) == 0
    assert "Everything is in its place." in capsys.readouterr().out
    files("gamma")
    (installation.connections_dir / "beta.yaml").unlink()
    before = {path: path.read_bytes() for path in installation.data_dir.parent.rglob("*") if path.is_file()}
    assert run(["workspace", "--check"]) == 2
    shown = capsys.readouterr().out
    assert "New: gamma." in shown
    assert "Gone: beta." in shown
    assert {path: path.read_bytes() for path in before} == before
    assert run(["workspace", "--check", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["fits"] is False


def test_one_location_has_the_name_and_module_that_it_always_had(files: WriteFiles) -> None:
    files("acme")
    assert run(["workspace"]) == 0
    only = {"module_name": "st_deltek_pipeline.definitions", "location_name": "st_deltek_pipeline"}
    assert entries() == [only]
    files("beta")
    assert run(["workspace", "--per-shard", "1"]) == 0
    assert [entry["location_name"] for entry in entries()] == ["st_deltek_pipeline", "st_deltek_pipeline_02"]


def test_code_locations_of_others_in_the_file_are_kept(files: WriteFiles) -> None:
    files("acme", "beta")
    others = [
        {"python_file": "reports.py"},
        {"grpc_server": {"host": "there", "port": 4266}},
        {"python_module": "mine"},
    ]
    ours = {"python_module": "st_deltek_pipeline.definitions"}
    Path("workspace.yaml").write_text(yaml.safe_dump({"load_from": [others[0], ours, *others[1:]]}))
    for _ in range(2):
        assert run(["workspace", "--per-shard", "1"]) == 0
        written = yaml.safe_load(Path("workspace.yaml").read_text())["load_from"]
        assert written[2:] == others
        assert len(written) == 5


@pytest.mark.parametrize("content", ["", "load_from: {}", "load_from: [", "- a list"])
def test_a_file_that_is_no_workspace_is_left_alone(
    files: WriteFiles, installation: Settings, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files("acme")
    Path("workspace.yaml").write_text(content)
    assert run(["workspace"]) == 2
    assert "workspace.yaml is not a workspace of Dagster's" in capsys.readouterr().err
    assert Path("workspace.yaml").read_text() == content
    assert not installation.data_dir.exists()


def test_the_live_system_shards_by_itself_once_there_are_many(
    files: WriteFiles, installation: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    files(*(f"firm_{number:02d}" for number in range(20)))
    assert dagster_target(installation).options == ["-m", "st_deltek_pipeline.definitions"]
    files("a_new_one")
    target = dagster_target(installation)
    assert target.locations == 2
    assert target.options == ["-w", str(installation.data_dir / "workspace.yaml")]
    assert "21 in 2 code locations" in capsys.readouterr().out
    assert run(["workspace", "--check", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["locations"]["st_deltek_pipeline_02"] == ["a_new_one"]


def test_connections_that_are_not_chosen_keep_their_places(
    files: WriteFiles, installation: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    files("acme", "beta", "gamma")
    assert run(["workspace", "--per-shard", "1"]) == 0
    placed = (installation.data_dir / "shards.json").read_bytes()
    monkeypatch.setenv("ST_DELTEK_CONNECTIONS", "gamma")
    assert run(["workspace"]) == 0
    assert (installation.data_dir / "shards.json").read_bytes() == placed
    assert [entry["location_name"] for entry in entries()] == ["st_deltek_pipeline", "st_deltek_pipeline_03"]
