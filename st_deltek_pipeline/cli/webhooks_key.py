"""Signing keys of webhooks from a person or a pipe into the vault. Only a generated key is printed, once."""

import re
import sys

import click

from st_deltek_pipeline.cli.output import print_json
from st_deltek_pipeline.connections.settings import CONNECTION_NAME_PATTERN
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.webhook_signatures import LONGEST_KEY
from st_deltek_pipeline.services.webhook_keys import SigningKeys, new_key, retire_previous, signing_keys, store_key
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.vault import open_vault

# Enough to notice that what came is something else.
_LARGEST_INPUT = 4 * LONGEST_KEY


def store(settings: Settings, name: str, *, generate: bool, as_json: bool) -> None:
    """Put a key in force.

    Args:
        settings: The installation.
        name: The connection.
        generate: Make the key instead of asking for it.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: The name or the key cannot be one; the key is never repeated.
    """
    _check_name(name)
    given = new_key() if generate else _asked(name)
    engine = ready_database(settings)
    try:
        stored = store_key(open_vault(engine, settings), name, given)
    finally:
        engine.dispose()
    if as_json:
        print_json({"connection": name, **({"key": given} if generate else {}), "keys_in_force": len(stored.keys)})
        return
    if generate:
        click.echo(f"The signing key of connection {name}, which is not shown again:\n\n  {given}\n")
        click.echo(
            "Type it in where ServiceTitan's developer portal asks for the key of the webhooks (docs/webhooks.md)."
        )
    else:
        click.echo(f"Stored the signing key of connection {name}.")
    if len(stored.keys) > 1:
        click.echo("The key before it is in force too. Once ServiceTitan signs with the new one:")
        click.echo(f"  st-deltek webhooks key {name} --retire-previous")


def retire(settings: Settings, name: str, *, as_json: bool) -> None:
    """Let only the newest key of a connection be in force.

    Args:
        settings: The installation.
        name: The connection.
        as_json: Answer in JSON.
    """
    _check_name(name)
    engine = ready_database(settings)
    try:
        vault = open_vault(engine, settings)
        retired = retire_previous(vault, name)
        left: SigningKeys = signing_keys(vault, name)
    finally:
        engine.dispose()
    if as_json:
        print_json({"connection": name, "retired": retired, "keys_in_force": len(left.keys)})
    elif retired:
        click.echo(f"Only the newest signing key of connection {name} is in force now.")
    else:
        click.echo(f"Connection {name} has {'one signing key' if left.keys else 'no signing key'}: nothing to retire.")


def _check_name(name: str) -> None:
    if not re.fullmatch(CONNECTION_NAME_PATTERN, name):
        message = f"{name!r} cannot be a connection's name."
        raise ConfigurationError(message, advice="Use lower-case letters, digits and _, beginning with a letter.")


def _asked(name: str) -> str:
    if sys.stdin.isatty():
        typed = str(click.prompt(f"Signing key of the webhooks of {name}", hide_input=True, err=True))
    else:
        typed = sys.stdin.buffer.read(_LARGEST_INPUT).decode("latin-1")
    # A pasted or piped secret often brings a line end along.
    return typed.strip("\r\n\t ")
