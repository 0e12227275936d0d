"""The documentation is complete and its links work; no file names a folder of the machine it was written on."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

import click
import pytest
from pydantic import BaseModel

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.main import root
from st_deltek_pipeline.connections.settings import ConnectionSettings, RuleSettings
from st_deltek_pipeline.domain.coding import CODING_FIELDS, FACT_FIELDS
from st_deltek_pipeline.domain.holds import HoldReason, IgnoreReason
from st_deltek_pipeline.domain.journal import FileState

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "st_deltek_pipeline"
PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
FOLDERS = ("st_deltek_pipeline", "st_deltek_pipeline_tests", "docs", "benchmarks", "connections", "deploy", ".ci")

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_VARIABLE = re.compile(r"ST_DELTEK_[A-Z][A-Z_]*[A-Z]")
# Folders of one person's or one build's machine.
_MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:work|root|home/\w+|Users/\w+)/")
# Every machine has this one; code may use it, instructions should not name what lies in it.
_TEMPORARY_PATH = re.compile(r"(?<![\w.~/-])/(?:var/)?tmp/\w+")
_INSTRUCTIONS = frozenset({".md", ".yaml", ".yml", ".toml", ".svg", ""})


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _page(name: str) -> str:
    return _text(PROJECT / "docs" / name)


def _commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _commands(found, (*words, name))
    else:
        yield " ".join(words), command


def _settings(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, object, object]]:
    """Yield the path, annotation and default of every setting, nested ones included."""
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _settings(annotation, f"{path}{name}.")
        elif name == "coding":
            yield from _settings(RuleSettings, f"{path}coding[].")
        else:
            yield (
                f"{path}{field.alias or name}",
                annotation,
                None if field.is_required() or field.default_factory else field.default,
            )


def _headings(page: str) -> set[str]:
    lines = [line.lstrip("#").strip() for line in _FENCE.sub("", page).splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def _files() -> Iterator[Path]:
    yield from (path for path in PROJECT.iterdir() if path.is_file())
    for folder in FOLDERS:
        for path in (PROJECT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def test_every_command_is_documented_with_its_options() -> None:
    text = "\n".join(map(_text, PAGES))
    commands = dict(_commands(root, ("st-deltek",)))
    assert len(commands) > 10
    assert [name for name in commands if name not in text] == []
    options = {
        f"{name} {option}"
        for name, command in commands.items()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--") and option not in text
    }
    assert options == set()


def test_every_setting_of_a_connection_is_described() -> None:
    page = _page("settings.md")
    names = [name for name, _, _ in _settings(ConnectionSettings)]
    assert "posting.closed_period" in names
    assert [name for name in names if f"`{name}`" not in page] == []
    assert [name for name in (*FACT_FIELDS, *CODING_FIELDS) if f"`{name}`" not in page] == []


def test_settings_are_described_with_their_real_defaults_and_choices() -> None:
    lines = _page("settings.md").splitlines()
    for name, annotation, default in _settings(ConnectionSettings):
        begin = next(
            number for number, line in enumerate(lines) if line.startswith((f"| `{name}` |", f"#### `{name}`"))
        )
        described = lines[begin]
        if described.startswith("####"):
            end = next(number for number in range(begin + 1, len(lines)) if lines[number].startswith("#"))
            described = "\n".join(lines[begin:end])
            if isinstance(default, tuple):
                assert [value for value in default if f"`{value}`" not in described] == [], name
            else:
                assert f"| `{default}` (default) |" in described, name
        elif isinstance(default, str | bool | int) and default != "":
            value = str(default).lower() if isinstance(default, bool) else str(default)
            assert value in described.split("|")[2], name
        if get_origin(annotation) is Literal:
            assert [choice for choice in get_args(annotation) if f"`{choice}`" not in described] == [], name


def test_every_environment_variable_is_described() -> None:
    used = {name for path in PACKAGE.rglob("*.py") for name in _VARIABLE.findall(_text(path))}
    assert "ST_DELTEK_DATABASE_URL" in used
    page = _page("settings.md")
    assert sorted(name for name in used if f"| `{name}` |" not in page) == []


def test_every_state_and_reason_is_described() -> None:
    states, reasons = _page("posting-protocol.md"), _page("holds.md")
    assert [state.value for state in FileState if f"`{state.value}`" not in states] == []
    names = [reason.value for kind in (HoldReason, IgnoreReason) for reason in kind]
    assert [name for name in names if f"`{name}`" not in reasons] == []


def test_every_exit_code_and_make_target_is_described() -> None:
    page = _page("development.md")
    assert [code.value for code in ExitCode if f"| {code.value} |" not in page] == []
    targets = re.findall(r"^([a-z]+):.*## ", _text(PROJECT / "Makefile"), re.MULTILINE)
    assert "demo" in targets
    assert [name for name in targets if name != "help" and f"`make {name}`" not in page] == []


def test_every_dependency_has_its_reason() -> None:
    page = _page("dependencies.md")
    project = tomllib.loads(_text(PROJECT / "pyproject.toml"))["project"]
    wanted = [
        *project["dependencies"],
        *(item for extra in project["optional-dependencies"].values() for item in extra),
    ]
    names = [re.split(r"[<>=!~\[; ]", item)[0] for item in wanted]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_every_decision_is_in_the_index() -> None:
    folder = PROJECT / "docs" / "adr"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [name[:4] for name in records] == [f"{number:04d}" for number in range(1, len(records) + 1)]
    index = _text(folder / "README.md")
    assert [name for name in records if f"({name})" not in index] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_between_pages_work(path: Path) -> None:
    broken: list[str] = []
    for link in _LINK.findall(_FENCE.sub("", _text(path))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        page = (path.parent / target).resolve() if target else path
        if not page.exists() or (anchor and anchor not in _headings(_text(page))):
            broken.append(link)
    assert broken == []


def test_no_file_names_a_folder_of_one_machine() -> None:
    found: list[str] = []
    for path in _files():
        try:
            text = _text(path)
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(PROJECT)}: {match}" for match in _MACHINE_PATH.findall(text)]
        if path.suffix in _INSTRUCTIONS:
            found += [f"{path.relative_to(PROJECT)}: {match}" for match in _TEMPORARY_PATH.findall(text)]
    assert found == []


@pytest.mark.parametrize("folder", ["work", "root", "home/me", "Users/me"])
@pytest.mark.parametrize("before", ["cd ", "(", "=", '"', ""])
def test_such_folders_are_recognised(before: str, folder: str) -> None:
    assert _MACHINE_PATH.search(f"{before}/{folder}/project")
    assert not _MACHINE_PATH.search(f"{before}docs/{folder}/project")
