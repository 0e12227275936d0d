"""Credentials from a person or a file into the vault, and out of it. They are never printed."""

import json
import re
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import click

from st_deltek_pipeline.cli.output import print_json
from st_deltek_pipeline.connections.example import starting_file
from st_deltek_pipeline.connections.files import connection_files
from st_deltek_pipeline.connections.settings import CONNECTION_NAME_PATTERN
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.services.clients import CREDENTIAL_NAMES
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.vault import Vault, open_vault, replace_master_key

_LARGEST_INPUT = 1 << 16
_LONGEST_SECRET = 4096
_TITLES = {"servicetitan": "ServiceTitan", "vantagepoint": "Vantagepoint"}
_LABELS = {"client_id": "client id", "client_secret": "client secret", "app_key": "app key"}
_SHOWN_WHILE_TYPED = frozenset({"username"})

_Credentials = dict[str, dict[str, str]]


def add(settings: Settings, name: str, source: BinaryIO | None, *, as_json: bool) -> None:
    """Store credentials, and say what is still missing for the connection.

    Args:
        settings: The installation.
        name: The connection.
        source: A binary file with a JSON object, or ``None``.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: The name or the JSON object is not usable; values are never repeated.
    """
    _check_name(name)
    if source is not None:
        given = _parsed(source.read(_LARGEST_INPUT + 1))
    elif sys.stdin.isatty():
        given = _asked(name)
    else:
        given = _parsed(sys.stdin.buffer.read(_LARGEST_INPUT + 1))
    with _vault(settings) as vault:
        for system, values in given.items():
            vault.put(name, system, values)
        stored = vault.stored()[name]
    files = connection_files(settings).get(name, [])
    path = files[0] if files else settings.connections_dir / f"{name}.yaml"
    missing = [system for system in CREDENTIAL_NAMES if system not in stored]
    if as_json:
        print_json(
            {
                "connection": name,
                "stored": {system: sorted(names) for system, names in stored.items()},
                "missing": missing,
                "file": str(path),
                "file_exists": bool(files),
            }
        )
        return
    click.echo(f"Stored for connection {name}: {', '.join(_TITLES.get(system, system) for system in given)}.")
    if missing:
        click.echo(f"Still without credentials: {', '.join(_TITLES[system] for system in missing)}.")
    if files:
        click.echo(f"Next: st-deltek connection check {name}")
    else:
        click.echo(f"Next: write {path}. A starting point (docs/connections.md describes every key):\n")
        click.echo(starting_file(name))


def remove(settings: Settings, name: str, *, as_json: bool) -> None:
    """Forget the credentials of a connection.

    Args:
        settings: The installation.
        name: The connection.
        as_json: Answer in JSON.
    """
    with _vault(settings) as vault:
        count = vault.remove(name)
    if as_json:
        print_json({"connection": name, "removed": count})
    elif count:
        click.echo(f"The credentials of connection {name} are forgotten. Its file and its journal stay.")
    else:
        click.echo(f"There were no credentials of connection {name}.")


def rotate_key(settings: Settings, *, as_json: bool) -> None:
    """Replace the master key.

    Args:
        settings: The installation.
        as_json: Answer in JSON.
    """
    with _vault(settings) as vault:
        count = replace_master_key(vault, settings)
    if as_json:
        print_json({"encrypted": count})
    else:
        click.echo(f"{count} secrets are encrypted with the new master key.")


@contextmanager
def _vault(settings: Settings) -> Generator[Vault]:
    engine = ready_database(settings)
    try:
        yield open_vault(engine, settings)
    finally:
        engine.dispose()


def _check_name(name: str) -> None:
    if not re.fullmatch(CONNECTION_NAME_PATTERN, name):
        message = f"{name!r} cannot be a connection's name."
        raise ConfigurationError(message, advice="Use lower-case letters, digits and _, beginning with a letter.")


def _asked(name: str) -> _Credentials:
    given: _Credentials = {}
    for system, names in CREDENTIAL_NAMES.items():
        if not click.confirm(f"Enter the {_TITLES[system]} credentials of {name}?", default=True, err=True):
            continue
        values = {
            field: click.prompt(
                f"{_TITLES[system]} {_LABELS.get(field, field)}", hide_input=field not in _SHOWN_WHILE_TYPED, err=True
            )
            for field in names
        }
        given[system] = _checked(system, values)
    if not given:
        message = "No credentials were given."
        raise ConfigurationError(message)
    return given


def _parsed(content: bytes) -> _Credentials:
    shape = "Give a JSON object as in: st-deltek connection add --help"
    if len(content) > _LARGEST_INPUT:
        message = f"The credentials are longer than {_LARGEST_INPUT >> 10} KiB."
        raise ConfigurationError(message, advice=shape)
    try:
        found = json.loads(content, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError):
        # Without the parser's own words: they can quote what they failed on.
        message = "The credentials are not a JSON object." if content.strip() else "No credentials were given."
        raise ConfigurationError(message, advice=shape) from None
    if not isinstance(found, dict) or not found:
        message = "The credentials are not a JSON object with servicetitan or vantagepoint in it."
        raise ConfigurationError(message, advice=shape)
    given: _Credentials = {}
    for system, values in cast("dict[str, Any]", found).items():
        if system not in CREDENTIAL_NAMES:
            message = f"{system!r} is not a system with credentials; there are {' and '.join(CREDENTIAL_NAMES)}."
            raise ConfigurationError(message, advice=shape)
        if not isinstance(values, dict):
            message = f"{system} must be an object with {', '.join(CREDENTIAL_NAMES[system])}."
            raise ConfigurationError(message, advice=shape)
        given[system] = _checked(system, cast("dict[str, Any]", values))
    return given


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a key stands there twice"
        raise ValueError(message)
    return found


def _checked(system: str, values: Mapping[str, Any]) -> dict[str, str]:
    names = CREDENTIAL_NAMES[system]
    for name in values:
        if name not in names:
            message = f"{system}.{name} is not a credential; {system} has {', '.join(names)}."
            raise ConfigurationError(message)
    for name in names:
        value = values.get(name)
        if not isinstance(value, str) or not value.strip():
            message = f"{system}.{name} is missing, empty or not a text."
            raise ConfigurationError(message, advice=f"{system} needs {', '.join(names)}.")
        if len(value) > _LONGEST_SECRET:
            message = f"{system}.{name} is longer than {_LONGEST_SECRET} characters."
            raise ConfigurationError(message)
    # A pasted secret often brings a line end along; a password may begin or end with a space.
    return {name: str(values[name]).strip("\r\n\t") for name in names}
