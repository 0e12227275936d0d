"""``st-deltek connection``: from the first credentials to a check, never showing a secret."""

import io
import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from sqlalchemy import Engine

from st_deltek_pipeline.cli.connection import connection as connection_group
from st_deltek_pipeline.cli.connection_report import exit_code_of_findings
from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.connections.example import starting_file
from st_deltek_pipeline.connections.files import load_connection
from st_deltek_pipeline.sandbox.server import RunningSandbox, Sandbox, SandboxSettings
from st_deltek_pipeline.services.findings import Cause, Finding, Level
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.vault import open_vault

_CREDENTIALS = {
    "servicetitan": {"client_id": "cid.a1", "client_secret": "cs1.b2", "app_key": "ak1.c3"},
    "vantagepoint": {"username": "api", "password": "pa ss-d4", "client_id": "vp/e5=", "client_secret": "f6"},
}
_SECRETS = [value for values in _CREDENTIALS.values() for value in values.values() if value != "api"]


@pytest.fixture
def installation(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ST_DELTEK_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("ST_DELTEK_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("ST_DELTEK_CONNECTIONS_DIR", str(settings.connections_dir))
    monkeypatch.delenv("ST_DELTEK_MASTER_KEY", raising=False)
    monkeypatch.delenv("ST_DELTEK_CONNECTIONS", raising=False)
    return settings


def _pipe(monkeypatch: pytest.MonkeyPatch, document: object) -> None:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.fixture
def stored(installation: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Settings:
    _pipe(monkeypatch, _CREDENTIALS)
    assert run(["connection", "add", "acme"]) == 0
    capsys.readouterr()
    return installation


def test_credentials_from_standard_input_are_in_the_vault_and_a_starting_file_is_offered(
    installation: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _pipe(monkeypatch, _CREDENTIALS)
    assert run(["connection", "add", "acme"]) == 0
    vault = open_vault(engine, installation)
    assert {system: vault.get("acme", system) for system in _CREDENTIALS} == _CREDENTIALS
    shown = capsys.readouterr()
    assert not any(secret in shown.out + shown.err for secret in _SECRETS)
    assert f"Next: write {installation.connections_dir}/acme.yaml" in shown.out
    path = installation.connections_dir / "acme.yaml"
    path.write_text(shown.out.split("every key):\n\n")[1])
    assert load_connection(path).name == "acme"


def test_credentials_from_a_file_and_one_system_at_a_time(
    installation: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "credentials.json"
    source.write_text(json.dumps({"servicetitan": _CREDENTIALS["servicetitan"]}))
    assert run(["connection", "add", "acme", "--file", str(source), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "connection": "acme",
        "stored": {"servicetitan": ["app_key", "client_id", "client_secret"]},
        "missing": ["vantagepoint"],
        "file": str(installation.connections_dir / "acme.yaml"),
        "file_exists": False,
    }
    assert run(["connection", "add", "acme", "--file", str(tmp_path / "absent.json")]) == 2


@pytest.mark.parametrize(
    "file_name", ["connections/acme.yaml", "connections/acme.local.yaml", "data/connections/acme.yaml"]
)
def test_a_connection_that_has_a_file_is_sent_to_the_check(
    stored: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file_name: str
) -> None:
    path = stored.connections_dir.parent / file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(starting_file("acme"))
    _pipe(monkeypatch, _CREDENTIALS)
    assert run(["connection", "add", "acme"]) == 0
    assert "Next: st-deltek connection check acme" in capsys.readouterr().out


def test_prompts_ask_for_every_credential_and_show_none(
    installation: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = CliRunner()
    given = "y\ncid.a1\ncs1.b2\nak1.c3\nn\n"
    # Click's stand-in for standard input is no terminal; prompts are only for one.
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _self: True, raising=False)
    result = runner.invoke(connection_group, ["add", "acme"], input=given, catch_exceptions=False)
    assert result.exit_code == 0
    assert open_vault(engine, installation).get("acme", "servicetitan") == _CREDENTIALS["servicetitan"]
    assert "ServiceTitan client secret" in result.output
    assert "cs1.b2" not in result.output


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"", "No credentials were given"),
        (b'{"servicetitan": "cs1.b2', "not a JSON object"),
        (["cs1.b2"], "not a JSON object with servicetitan or vantagepoint"),
        ({}, "not a JSON object with"),
        ({"quickbooks": {"x": "cs1.b2"}}, "'quickbooks' is not a system"),
        ({"servicetitan": "cs1.b2"}, "servicetitan must be an object with client_id"),
        ({"servicetitan": {"client_id": "cs1.b2"}}, "servicetitan.client_secret is missing"),
        ({"servicetitan": {**_CREDENTIALS["servicetitan"], "app_key": 5}}, "servicetitan.app_key is missing, empty"),
        ({"servicetitan": {**_CREDENTIALS["servicetitan"], "app_key": " "}}, "servicetitan.app_key is missing, empty"),
        ({"servicetitan": {**_CREDENTIALS["servicetitan"], "secret": "x"}}, "servicetitan.secret is not a credential"),
        (b'{"servicetitan": {}, "servicetitan": {}}', "not a JSON object"),
        (b"[" * 30_000, "not a JSON object"),
        (b" " * 70_000, "longer than 64 KiB"),
    ],
)
def test_unusable_credentials_are_refused_without_repeating_them(
    installation: Settings,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    document: object,
    words: str,
) -> None:
    _pipe(monkeypatch, document)
    assert run(["connection", "add", "acme"]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "cs1.b2" not in error


def test_a_name_that_dagster_could_not_use_is_refused(
    installation: Settings,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _pipe(monkeypatch, _CREDENTIALS)
    assert run(["connection", "add", "Acme-1"]) == 2
    assert "'Acme-1' cannot be a connection's name" in capsys.readouterr().err


def test_the_list_shows_broken_files_and_missing_credentials(
    stored: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    (stored.connections_dir / "broken.yaml").write_text("name: broken\n")
    assert run(["connection", "list", "--json"]) == 0
    acme, broken = json.loads(capsys.readouterr().out)
    assert (acme["name"], acme["state"], acme["credentials"]) == ("acme", "no file", ["servicetitan", "vantagepoint"])
    assert (broken["name"], broken["state"], broken["credentials"]) == ("broken", "broken", [])
    assert any("broken.yaml, line 1, coding: is required" in problem for problem in broken["problems"])
    assert run(["connection", "list"]) == 0
    assert "broken.yaml, line 1, coding: is required" in capsys.readouterr().out


def test_an_empty_installation_says_how_to_begin(installation: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["connection", "list"]) == 0
    assert f"no connections in {installation.connections_dir}" in capsys.readouterr().out


def test_removing_asks_first_and_says_what_stays(
    stored: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _pipe(monkeypatch, b"n\n")
    assert run(["connection", "remove", "acme"]) != 0
    assert "acme" in open_vault(engine, stored).stored()
    assert run(["connection", "remove", "acme", "--yes"]) == 0
    assert "Its file and its journal stay" in capsys.readouterr().out
    assert open_vault(engine, stored).stored() == {}


def test_rotating_keeps_every_secret_readable(
    stored: Settings, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (stored.data_dir / "master.key").read_text()
    assert run(["connection", "rotate-key", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"encrypted": 7}
    assert (stored.data_dir / "master.key").read_text() != before
    assert open_vault(engine, stored).get("acme", "vantagepoint") == _CREDENTIALS["vantagepoint"]


def test_a_malformed_file_ends_the_check_with_line_and_key(
    stored: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    (stored.connections_dir / "acme.yaml").write_text("name: acme\nstart_date: soon\n")
    assert run(["connection", "check", "acme"]) == 2
    error = capsys.readouterr().err
    assert "acme.yaml, line 2, start_date: Input should be a valid date" in error
    assert "docs/connections.md" in error


@pytest.mark.parametrize(
    ("causes", "code"),
    [
        ([], 0),
        ([Cause.MAPPING], 4),
        ([Cause.MAPPING, Cause.UNREACHABLE], 5),
        ([Cause.UNREACHABLE, Cause.BROKEN], 1),
        ([Cause.BROKEN, Cause.CONFIGURATION], 2),
        ([Cause.CONFIGURATION, Cause.PERMISSION], 3),
    ],
)
def test_what_must_be_settled_first_decides_the_exit_code(causes: list[Cause], code: int) -> None:
    findings = [Finding(Level.PROBLEM, "s", "m", "a", cause) for cause in causes]
    assert exit_code_of_findings([Finding(Level.WARNING, "s", "m"), *findings]) == code


@pytest.fixture
def sandbox() -> Generator[RunningSandbox]:
    with Sandbox(SandboxSettings(invoices=30, scenario="clean")).start() as running:
        yield running


def _write_connection(settings: Settings, sandbox: RunningSandbox, **changes: Any) -> None:
    ready = sandbox.ready_line
    document = {
        "name": "acme",
        **ready["connection"],
        "servicetitan": {name: ready["servicetitan"][name] for name in ("api_url", "auth_url", "tenant_id")},
        "vantagepoint": {name: ready["vantagepoint"][name] for name in ("base_url", "database", "company")},
        **changes,
    }
    (settings.connections_dir / "acme.yaml").write_text(yaml.safe_dump(document))


def test_a_connection_to_both_systems_is_added_and_checked(
    installation: Settings,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _pipe(monkeypatch, sandbox.credentials)
    assert run(["connection", "add", "acme"]) == 0
    _write_connection(installation, sandbox)
    capsys.readouterr()
    code = run(["connection", "check", "acme", "--json"])
    answer = json.loads(capsys.readouterr().out)
    # The sandbox's periods end some day; everything else must fit.
    problems = {finding["subject"] for finding in answer["findings"] if finding["level"] == "problem"}
    assert problems <= {"accounting period"}
    assert code == (4 if problems else 0)
    assert run(["connection", "list"]) == 0
    assert "servicetitan, vantagepoint" in capsys.readouterr().out


def test_wrong_credentials_end_the_check_with_their_own_code(
    stored: Settings, sandbox: RunningSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    _write_connection(stored, sandbox)
    assert run(["connection", "check", "acme"]) == 3
    shown = capsys.readouterr().out
    assert "ServiceTitan login" in shown
    assert "Vantagepoint login" in shown
    assert not any(secret in shown for secret in _SECRETS)
