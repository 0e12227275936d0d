"""The container file and the compose files: what they start exists, and they are closed where they can be.

Their form is checked by ``make lint`` (hadolint, and the schema of the Compose specification).
"""

import re
import shlex
import tomllib
from typing import Any

import pytest

from st_deltek_pipeline_tests.deploy.deployment import (
    DEPLOY,
    KNOWN_VARIABLES,
    PROJECT,
    SECRET_VARIABLES,
    WORKDIR,
    containerfile,
    load,
    program_calls,
    wrong_words,
)

_COMPOSE = load(DEPLOY / "compose.yaml")
_PROXY = load(DEPLOY / "compose.proxy.yaml")
_MANY = load(DEPLOY / "compose.many.yaml")["services"]
_SERVICES: dict[str, Any] = {**_COMPOSE["services"], **_PROXY["services"]}
_OURS = [name for name, service in _SERVICES.items() if "build" in service]
_SOCKET = f"{WORKDIR}/.st_deltek/code.sock"


def _words(command: Any) -> list[str]:
    return shlex.split(command) if isinstance(command, str) else list(command)


def _instructions(name: str) -> list[str]:
    return [rest for found, rest in containerfile() if found == name]


def _variables() -> dict[str, str]:
    return dict(word.split("=", 1) for rest in _instructions("ENV") for word in shlex.split(rest))


def _mounts(service: Any) -> dict[str, tuple[str, bool]]:
    """Targets, each with its source and whether it is read-only."""
    # A source may hold a variable with a default, and so a colon.
    pairs = [re.sub(r"\$\{[^}]*\}", "VARIABLE", volume).split(":") for volume in service.get("volumes", ())]
    return {target: (source, mode == ["ro"]) for source, target, *mode in pairs}


def test_every_package_of_the_image_comes_from_the_lock_with_its_hash() -> None:
    installs = [
        call for rest in _instructions("RUN") for call in rest.split("&&") if re.search(r"\bpip\b.*install", call)
    ]
    assert len(installs) == 2
    assert all("--no-deps" in call for call in installs)
    assert "--require-hashes --requirement requirements.lock" in installs[0]
    # The second one installs the project itself, with the build tools that the lock has brought.
    assert installs[1].split()[-2:] == ["--no-build-isolation", "."]
    assert not any(re.search(r"curl|wget|git clone|https?://", rest) for rest in _instructions("RUN"))


def test_what_the_image_copies_is_in_the_project_and_passes_the_ignore_file() -> None:
    copied = [word for rest in _instructions("COPY") if not rest.startswith("--from") for word in rest.split()[:-1]]
    assert "dagster.yaml" in copied
    ignore = (PROJECT / ".dockerignore").read_text().splitlines()
    assert ignore[1] == "*"
    assert {line[1:] for line in ignore if line.startswith("!")} == set(copied)
    assert [name for name in copied if not (PROJECT / name).exists()] == []


def test_dagsters_settings_in_the_image_are_the_projects_own_and_their_folders_are_in_the_data_folder() -> None:
    assert "dagster.yaml workspace.yaml /srv/st-deltek/" in _instructions("COPY")
    variables = _variables()
    assert _instructions("WORKDIR")[-1] == variables["DAGSTER_HOME"] == WORKDIR
    folders = [
        section["config"]["base_dir"]
        for section in load(PROJECT / "dagster.yaml").values()
        if isinstance(section, dict) and "base_dir" in section.get("config", {})
    ]
    assert len(folders) == 2
    assert [folder for folder in folders if not f"{WORKDIR}/{folder}".startswith(variables["ST_DELTEK_DATA_DIR"])] == []


def test_the_image_runs_as_an_account_without_rights() -> None:
    (user,) = _instructions("USER")
    assert user == "10001:10001"
    assert containerfile()[-1][0] == "CMD"
    assert "ENTRYPOINT" not in {name for name, _ in containerfile()}


@pytest.mark.parametrize("name", _OURS)
def test_every_command_of_a_service_and_of_its_health_check_exists(name: str) -> None:
    service = _SERVICES[name]
    calls = list(program_calls(_words(service["command"])))
    assert calls
    check = _words(service["healthcheck"]["test"])[1:] if "healthcheck" in service else []
    assert {call[0]: wrong_words(call) for call in (*calls, *program_calls(check)) if wrong_words(call)} == {}


@pytest.mark.parametrize("name", ["daemon", "webserver"])
def test_with_many_connections_the_same_commands_read_the_file_that_spreads_them(name: str) -> None:
    usual, many = _SERVICES[name]["command"], _MANY[name]["command"]
    assert many == [".st_deltek/workspace.yaml" if word == "workspace.yaml" else word for word in usual]
    assert wrong_words(many) == []
    mounts = {**_mounts(_SERVICES[name]), **_mounts(_MANY[name])}
    assert mounts[f"{WORKDIR}/connections"] == ("VARIABLE", True)
    assert _MANY["code"] == {"scale": 0}


@pytest.mark.parametrize("name", _SERVICES)
def test_no_image_is_an_unnamed_version(name: str) -> None:
    image = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", _SERVICES[name]["image"])
    assert re.fullmatch(r"[a-z0-9.]+/[\w./-]+:v?\d+(\.\d+)+[\w.-]*", image)


def test_the_base_image_is_the_oldest_python_that_is_supported_which_the_tests_run_on() -> None:
    (default,) = _instructions("ARG")
    oldest = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    assert re.fullmatch(rf"PYTHON_IMAGE=docker\.io/library/python:{re.escape(oldest)}-slim-\w+", default)
    assert {rest.split()[0] for rest in _instructions("FROM")} == {"${PYTHON_IMAGE}"}


@pytest.mark.parametrize("name", _OURS)
def test_a_service_is_told_only_what_the_program_knows_and_no_secret(name: str) -> None:
    environment = _SERVICES[name]["environment"]
    assert set(environment) <= KNOWN_VARIABLES
    assert not set(environment) & SECRET_VARIABLES
    # A variable that names a file names one that the service is given.
    files = {value.removeprefix("/run/secrets/") for key, value in environment.items() if key.endswith("_FILE")}
    # Or its command reads it, as what makes the logins of the others does.
    files |= set(re.findall(r"=/run/secrets/(\w+)", " ".join(_SERVICES[name]["command"])))
    assert files == set(_SERVICES[name]["secrets"])


def test_no_secret_has_a_value_in_a_file_of_the_project() -> None:
    for compose in (_COMPOSE, _PROXY):
        assert all(set(secret) == {"file"} for secret in compose["secrets"].values())
    assert "/deploy/secrets/" in (PROJECT / ".gitignore").read_text().splitlines()
    text = "".join(path.read_text() for path in DEPLOY.rglob("*") if path.is_file())
    assert re.findall(r"(?i)postgres(?:ql)?://[^\s'\"]*:[^\s'\"/]*@", text) == []
    assert re.findall(r"(?im)^\s*(?:\w*password|\w*secret|\w*token)[ \t]*[:=][ \t]*['\"]?\w{8,}", text) == []


@pytest.mark.parametrize("name", _SERVICES)
def test_a_service_gains_no_rights_and_writes_only_where_it_has_to(name: str) -> None:
    service = _SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    if name != "proxy":
        assert "cap_add" not in service
    if name in {*_OURS, "postgres"}:
        assert int(service["user"].split(":")[0]) > 0


@pytest.mark.parametrize("name", [name for name in _SERVICES if name != "migrate"])
def test_what_ends_is_started_again_and_what_hangs_is_seen(name: str) -> None:
    service = _SERVICES[name]
    assert service["restart"] == "unless-stopped"
    if name in _COMPOSE["services"]:
        assert set(service["healthcheck"]) == {"test", "interval", "timeout", "retries", "start_period"}


def test_only_the_proxy_opens_ports_to_others() -> None:
    ports = {name: service["ports"] for name, service in _SERVICES.items() if "ports" in service}
    assert ports.pop("proxy") == ["80:80", "443:443", "443:443/udp"]
    assert set(ports) == {"webserver", "receiver"}
    assert all(port.startswith("127.0.0.1:") for each in ports.values() for port in each)
    assert _COMPOSE["networks"]["database"] == {"internal": True}
    assert _SERVICES["postgres"]["networks"] == ["database"]
    assert [name for name in _PROXY["services"] if "database" in _SERVICES[name]["networks"]] == []


def test_whatever_works_on_runs_sees_the_same_files_and_the_ui_gets_no_master_key() -> None:
    kept, connections, workspace = f"{WORKDIR}/.st_deltek", f"{WORKDIR}/connections", f"{WORKDIR}/workspace.yaml"
    for name in ("code", "daemon", "receiver"):
        mounts = _mounts(_SERVICES[name])
        assert mounts[kept] == ("data", False)
        assert mounts[connections] == ("VARIABLE", True)
        assert _SERVICES[name]["environment"] == _SERVICES["daemon"]["environment"]
    mounts = _mounts(_SERVICES["webserver"])
    assert mounts[kept] == ("data", True)
    assert connections not in mounts
    assert _SERVICES["webserver"]["secrets"] == ["ui_database_url"]
    assert {_mounts(_SERVICES[name])[workspace] for name in ("daemon", "webserver")} == {
        ("./compose/workspace.yaml", True)
    }


def test_web_server_and_daemon_find_the_code_server_at_its_socket() -> None:
    (location,) = load(DEPLOY / "compose/workspace.yaml")["load_from"]
    assert location == {"grpc_server": {"socket": _SOCKET, "location_name": "st_deltek_pipeline"}}
    command = _SERVICES["code"]["command"]
    assert command[command.index("--socket") + 1] == _SOCKET
    # The same location as `make up` has, so that schedules that were switched on stay so.
    (own,) = load(PROJECT / "workspace.yaml")["load_from"]
    assert own["python_module"]["location_name"] == location["grpc_server"]["location_name"]
    assert command[command.index("--module-name") + 1] == own["python_module"]["module_name"]


def test_nothing_starts_before_both_schemas_are_up_to_date() -> None:
    for name in ("code", "daemon", "webserver", "receiver"):
        assert _SERVICES[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert _SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    calls = list(program_calls(_SERVICES["migrate"]["command"]))
    logins = ["--login", "app=/run/secrets/database_url", "--login", "ui=/run/secrets/ui_database_url"]
    assert calls == [
        ["st-deltek", "database", "migrate"],
        ["dagster", "instance", "migrate"],
        ["st-deltek", "database", "roles", "--apply", *logins],
    ]


def test_only_what_changes_the_schema_logs_in_as_its_owner() -> None:
    names = {name for name, service in _SERVICES.items() if "owner_database_url" in service.get("secrets", [])}
    assert names == {"migrate"}
    assert _SERVICES["migrate"]["environment"] == {"ST_DELTEK_DATABASE_URL_FILE": "/run/secrets/owner_database_url"}


@pytest.mark.parametrize(
    ("call", "wrong"),
    [
        ("st-deltek database migrate --json", []),
        ("st-deltek database upgrade", ["upgrade"]),
        ("st-deltek up --hots 127.0.0.1", ["--hots", "127.0.0.1"]),
        ("st-deltek connection check acme other", ["other"]),
        ("dagster code-server begin", ["begin"]),
        ("dagster instance", ["dagster instance: a sub-command is missing"]),
        ("dagster-webserver --port=3000 --workspace w.yaml", []),
        ("dagster-daemon run --workspase w.yaml", ["--workspase", "w.yaml"]),
    ],
)
def test_words_a_program_does_not_know_are_noticed(call: str, wrong: list[str]) -> None:
    assert wrong_words(call.split()) == wrong
