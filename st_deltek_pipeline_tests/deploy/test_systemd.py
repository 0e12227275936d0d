"""The units for a plain machine: systemd understands them, what they start exists, and they are closed where they can be."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from st_deltek_pipeline_tests.deploy.deployment import (
    DEPLOY,
    KNOWN_VARIABLES,
    PROJECT,
    SECRET_VARIABLES,
    load,
    program_calls,
    wrong_words,
)

_FOLDER = DEPLOY / "systemd"
_SERVICES = sorted(_FOLDER.glob("*.service"))
_ENVIRONMENT = dict(
    line.split("=", 1) for line in (_FOLDER / "environment").read_text().splitlines() if not line.startswith("#")
)
_ANALYZE = shutil.which("systemd-analyze")


class _Unit(configparser.ConfigParser):
    """A unit file. Keys that stand in it several times hold all their values, one a line."""

    def __init__(self, path: Path) -> None:
        super().__init__(delimiters=("=",), interpolation=None, strict=False, dict_type=_Several)
        self.optionxform = str  # type: ignore[assignment,method-assign] - as the class describes it
        self.read_string(path.read_text())

    def values_of(self, key: str) -> list[str]:
        return self.get("Service", key, fallback="").split("\n")


class _Several(dict[str, object]):
    def __setitem__(self, key: str, value: object) -> None:
        before = self.get(key)
        super().__setitem__(key, [*before, *value] if isinstance(before, list) and isinstance(value, list) else value)


def _loaded(unit: _Unit) -> set[str]:
    return {value.split(":", 1)[0] for value in unit.values_of("LoadCredential")}


def _commands(path: Path) -> list[list[str]]:
    return [call for line in _Unit(path).values_of("ExecStart") for call in program_calls(line.split())]


@pytest.mark.skipif(_ANALYZE is None, reason="systemd-analyze is not on this machine")
def test_systemd_understands_every_unit(tmp_path: Path) -> None:
    for path in _FOLDER.glob("st-deltek*"):
        text = path.read_text().replace("/opt/st-deltek/.venv/bin/", f"{Path(sys.executable).parent}/")
        (tmp_path / path.name).write_text(text)
    units = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(  # noqa: S603 - our own files
        [str(_ANALYZE), "verify", "--man=no", *units], capture_output=True, text=True, check=False, timeout=60
    )
    assert [line for line in done.stderr.splitlines() if "st-deltek" in line] == []


@pytest.mark.parametrize("path", _SERVICES, ids=lambda path: path.stem)
def test_every_command_of_a_unit_exists(path: Path) -> None:
    calls = _commands(path)
    assert calls
    assert {call[0]: wrong_words(call) for call in calls if wrong_words(call)} == {}


@pytest.mark.parametrize("path", _SERVICES, ids=lambda path: path.stem)
def test_a_unit_runs_without_rights_and_its_secrets_come_as_credentials(path: Path) -> None:
    unit = _Unit(path)
    service = unit["Service"]
    assert service["User"] == "st-deltek"
    assert (service["NoNewPrivileges"], service["CapabilityBoundingSet"]) == ("yes", "")
    assert (service["ProtectSystem"], service["ProtectHome"], service["PrivateTmp"]) == ("strict", "yes", "yes")
    named = dict(value.split("=", 1) for value in unit.values_of("Environment"))
    assert set(named) <= KNOWN_VARIABLES
    loaded = _loaded(unit)
    used = {*named.values(), *re.findall(r"=(%d/\S+)", " ".join(unit.values_of("ExecStart")))}
    assert {value.removeprefix("%d/") for value in used} == loaded
    assert ("master_key" in loaded) == (path.stem not in {"st-deltek-webserver", "st-deltek-migrate"})


def test_only_the_migration_has_the_owners_login_and_the_ui_has_its_own() -> None:
    urls = {path.stem.removeprefix("st-deltek-"): _loaded(_Unit(path)) - {"master_key"} for path in _SERVICES}
    assert urls.pop("migrate") == {"owner_database_url", "database_url", "ui_database_url"}
    assert urls.pop("webserver") == {"ui_database_url"}
    assert {*map(frozenset, urls.values())} == {frozenset({"database_url"})}
    migrate = _Unit(_FOLDER / "st-deltek-migrate.service")
    assert migrate.values_of("Environment") == ["ST_DELTEK_DATABASE_URL_FILE=%d/owner_database_url"]
    # The others find schemas and rights ready.
    assert migrate["Service"]["Type"] == "oneshot"
    logins = "--login app=%d/database_url --login ui=%d/ui_database_url"
    assert migrate.values_of("ExecStart")[-1].endswith(f"st-deltek database roles --apply {logins}")


def test_the_shared_environment_names_what_the_program_knows_and_no_secret() -> None:
    assert set(_ENVIRONMENT) <= KNOWN_VARIABLES
    assert not set(_ENVIRONMENT) & SECRET_VARIABLES
    # dagster.yaml's folders are relative to the working directory.
    assert _ENVIRONMENT["ST_DELTEK_DATA_DIR"] == "/var/lib/st-deltek/.st_deltek"
    assert {_Unit(path)["Service"]["WorkingDirectory"] for path in _SERVICES} == {"%S/st-deltek"}
    folders = re.findall(r"base_dir: (.*)", (PROJECT / "dagster.yaml").read_text())
    assert folders
    assert [folder for folder in folders if not folder.startswith(".st_deltek/")] == []


def test_web_server_and_daemon_find_the_code_server_at_its_socket() -> None:
    (location,) = load(_FOLDER / "workspace.yaml")["load_from"]
    socket = location["grpc_server"]["socket"]
    (call,) = _commands(_FOLDER / "st-deltek-code.service")
    assert call[call.index("--socket") + 1] == socket
    assert _Unit(_FOLDER / "st-deltek-code.service")["Service"]["RuntimeDirectory"] == Path(socket).parent.name
    for name in ("daemon", "webserver"):
        (call,) = _commands(_FOLDER / f"st-deltek-{name}.service")
        assert call[call.index("--workspace") + 1] == "/etc/st-deltek/workspace.yaml"


def test_only_loopback_addresses_are_listened_on() -> None:
    hosts = [call[call.index("--host") + 1] for path in _SERVICES for call in _commands(path) if "--host" in call]
    assert hosts == ["127.0.0.1", "127.0.0.1"]


def test_everything_stops_with_the_target_and_starts_after_the_schemas_are_up_to_date() -> None:
    for path in _SERVICES:
        unit = _Unit(path)["Unit"]
        assert unit["PartOf"] == "st-deltek.target"
        if path.stem != "st-deltek-migrate":
            assert unit["Requires"] == "st-deltek-migrate.service"
            assert "st-deltek-migrate.service" in unit["After"].split()
    wanted = re.findall(r"^Wants=(.*)", (_FOLDER / "st-deltek.target").read_text(), re.MULTILINE)[0].split()
    assert sorted(wanted) == sorted(path.name for path in _SERVICES if path.stem != "st-deltek-migrate")
