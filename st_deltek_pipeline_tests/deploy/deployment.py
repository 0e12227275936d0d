"""Reads the files of deploy/, and knows which commands and variables there are."""

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
import yaml

from st_deltek_pipeline import settings
from st_deltek_pipeline.orchestration.instance import HOME_VARIABLE

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"
MANIFESTS = sorted(path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "values.yaml")

PROGRAMS = ("st-deltek", "dagster", "dagster-daemon", "dagster-webserver")
WORKDIR = "/srv/st-deltek"

_SECRETS = (
    settings.DATABASE_URL_VARIABLE,
    settings.DAGSTER_DATABASE_URL_VARIABLE,
    settings.MASTER_KEY_VARIABLE,
    settings.PROXY_VARIABLE,
)
# What the program reads, and what Python and the shell do.
KNOWN_VARIABLES = frozenset(
    {
        settings.DATA_DIR_VARIABLE,
        settings.CONNECTIONS_DIR_VARIABLE,
        settings.CONNECTIONS_VARIABLE,
        *_SECRETS,
        *(f"{name}{settings.FILE_SUFFIX}" for name in _SECRETS),
        HOME_VARIABLE,
        "PATH",
        "PYTHONUNBUFFERED",
    }
)
SECRET_VARIABLES = frozenset(_SECRETS)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


def containerfile() -> list[tuple[str, str]]:
    """Return the instructions of the container file: name in capitals, and the rest on one line."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(name.upper(), rest.strip()) for name, _, rest in (line.partition(" ") for line in lines if line.strip())]


def program_calls(words: Sequence[str]) -> Iterator[list[str]]:
    """Yield the calls of our programs in a command, also those inside ``sh -c``."""
    if words[:2] == ["sh", "-c"]:
        for part in re.split(r"&&|\|\||;|\|", words[2]):
            yield from program_calls(shlex.split(part))
    elif words and Path(words[0]).name in PROGRAMS:
        yield [Path(words[0]).name, *words[1:]]


def wrong_words(call: Sequence[str]) -> list[str]:
    """Return the words of a call that its program does not know: sub-commands, options, or a word too many."""
    program, *words = call
    command, wrong = _command(program), []
    while isinstance(command, click.Group):
        if not words:
            return [f"{' '.join(call)}: a sub-command is missing"]
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return [words[0]]
        command, words = found, words[1:]
    options = {
        spelling: option
        for option in command.params
        if isinstance(option, click.Option)
        for spelling in (*option.opts, *option.secondary_opts)
    }
    arguments = sum(1 if each.nargs > 0 else len(words) for each in command.params if isinstance(each, click.Argument))
    while words:
        word, *words = words
        name, equals, _ = word.partition("=")
        if name not in options and name in {"--help", "-h"}:
            continue
        if not word.startswith("-") or word == "-":
            arguments -= 1
            if arguments < 0:
                wrong.append(word)
        elif name not in options:
            wrong.append(name)
        elif not (options[name].is_flag or equals):
            words = words[1:]
    return wrong


def _command(program: str) -> click.Command:
    (entry,) = entry_points(group="console_scripts", name=program)
    entry.load()
    module = sys.modules[entry.module]
    command = getattr(module, "root", None) or module.cli
    assert isinstance(command, click.Command)
    return command
