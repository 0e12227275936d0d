"""docs/deploy.md: what it tells people to type exists."""

import re
import shlex

import pytest

from st_deltek_pipeline_tests.deploy.deployment import DEPLOY, PROGRAMS, PROJECT, load, wrong_words

_PAGE = (PROJECT / "docs/deploy.md").read_text()
_FENCES = re.findall(r"^ *```console\n(.*?)^ *```", _PAGE, re.MULTILINE | re.DOTALL)
_LINES = [line.strip()[2:] for fence in _FENCES for line in fence.splitlines() if line.strip()]
_COMPOSE = {**load(DEPLOY / "compose.yaml")["services"], **load(DEPLOY / "compose.proxy.yaml")["services"]}


def _calls(line: str) -> list[list[str]]:
    """Our programs' calls in a line, also behind ``exec daemon`` or ``--``."""
    words = shlex.split(line)
    begins = [number for number, word in enumerate(words) if word in PROGRAMS and (number == 0 or "=" not in word)]
    # A release, a namespace or a secret may have the program's name; a call follows a service, `--` or the wrapper.
    before = {*_COMPOSE, "--", "/opt/st-deltek/deploy/systemd/run"}
    return [words[number:] for number in begins if number == 0 or words[number - 1] in before]


def test_the_page_has_commands_of_every_way_of_running() -> None:
    assert all(re.match(r" *[$#] ", line) for fence in _FENCES for line in fence.splitlines() if line.strip())
    for word in ("docker compose", "kubectl", "helm", "systemctl"):
        assert any(line.startswith(word) for line in _LINES)


def test_every_command_of_ours_on_the_page_exists() -> None:
    calls = [call for line in _LINES for call in _calls(line)]
    assert ["st-deltek", "connection", "add", "acme"] in calls
    assert {" ".join(call): wrong_words(call) for call in calls if wrong_words(call)} == {}


def test_every_command_of_ours_in_its_sentences_exists() -> None:
    calls = [shlex.split(words) for words in re.findall(r"`((?:st-deltek|dagster|dagster-\w+) [a-z][^`]*)`", _PAGE)]
    assert ["dagster-daemon", "liveness-check"] in calls
    assert {" ".join(call): wrong_words(call) for call in calls if wrong_words(call)} == {}


@pytest.mark.parametrize("line", [line for line in _LINES if line.startswith("docker compose")])
def test_compose_is_told_files_and_services_that_there_are(line: str) -> None:
    words = shlex.split(line.partition(">")[0].partition("<")[0])
    files = [words[number + 1] for number, word in enumerate(words) if word == "--file"]
    assert files
    assert [name for name in files if not (PROJECT / name).is_file()] == []
    verb = next(number for number, word in enumerate(words) if word in {"up", "ps", "exec", "run", "stop", "build"})
    rest = [word for word in words[verb + 1 :] if not word.startswith("-")]
    services = rest if words[verb] == "stop" else rest[:1] if words[verb] in {"exec", "run"} else []
    assert [name for name in services if name not in _COMPOSE] == []
    if "--profile" in words:
        assert words[words.index("--profile") + 1] in _COMPOSE["oauth2-proxy"]["profiles"]


def test_every_file_of_the_project_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"(?<![\w/-])(deploy/[\w./-]*\w)", _PAGE))
    assert "deploy/compose.yaml" in named
    made_by_the_reader = {"deploy/.env", "deploy/secrets"}
    missing = [name for name in named if not (PROJECT / name).exists()]
    assert [name for name in missing if name not in made_by_the_reader and not name.startswith("deploy/secrets/")] == []


def test_variables_of_the_page_are_those_that_the_files_read() -> None:
    files = [*DEPLOY.glob("*.yaml"), *(DEPLOY / "proxy").iterdir()]
    text = "".join(path.read_text() for path in files)
    read = set(re.findall(r"\{\$?(DEPLOY_\w+|UI_\w+|WEBHOOKS_ADDRESS|ST_DELTEK_CONNECTIONS_DIR)\b", text))
    described = set(re.findall(r"`(DEPLOY_\w+|UI_\w+|WEBHOOKS_ADDRESS|ST_DELTEK_CONNECTIONS_DIR)`", _PAGE))
    assert read - {"UI_UPSTREAM"} == described
