"""Secrets of alerts from a person or a file into the vault. Only one that was made here is printed, once."""

import json
import secrets
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import click

from st_deltek_pipeline.cli.output import print_json
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.standard_webhooks import secret_of, signing_keys
from st_deltek_pipeline.services.alert_channels import (
    SECRET_NAMES,
    SMTP_PASSWORD,
    SMTP_USERNAME,
    VAULT_SYSTEM,
    WEBHOOK_SECRET,
)
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.vault import Vault, open_vault

_LARGEST_INPUT = 1 << 16
_LONGEST_SECRET = 4096
_KEY_BYTES = 32
_LABELS = {
    WEBHOOK_SECRET: "Signing secret of the webhook (whsec_...)",
    SMTP_USERNAME: "User name at the mail server",
    SMTP_PASSWORD: "Password at the mail server",
}


def store(settings: Settings, name: str, source: BinaryIO | None, *, as_json: bool) -> None:
    """Store given secrets beside those that are there.

    Args:
        settings: The installation.
        name: The connection.
        source: A binary file with a JSON object, or ``None``.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: There is no such connection, or the JSON object is not usable; values are never repeated.
        CredentialsError: The signing secret is not one of the Standard Webhooks scheme.
    """
    find_connection(settings, name)
    if source is not None:
        given = _parsed(source.read(_LARGEST_INPUT + 1))
    elif sys.stdin.isatty():
        given = _asked()
    else:
        given = _parsed(sys.stdin.buffer.read(_LARGEST_INPUT + 1))
    if given.get(WEBHOOK_SECRET):
        signing_keys(given[WEBHOOK_SECRET])
    kept = _put(settings, name, given)
    if as_json:
        print_json({"connection": name, "stored": kept})
    else:
        click.echo(f"Stored for the alerts of {name}: {', '.join(kept) or 'nothing'}.")
        click.echo(f"Next: st-deltek alerts test {name}")


def make(settings: Settings, name: str, *, as_json: bool) -> None:
    """Make a signing secret, store it, and print it: the receiver needs it.

    Args:
        settings: The installation.
        name: The connection.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: There is no such connection.
    """
    find_connection(settings, name)
    made = secret_of(secrets.token_bytes(_KEY_BYTES))
    kept = _put(settings, name, {WEBHOOK_SECRET: made})
    if as_json:
        print_json({"connection": name, "stored": kept, WEBHOOK_SECRET: made})
    else:
        click.echo(made)
        click.echo("Give it to the receiver now; it is stored encrypted and not shown again.", err=True)


def _put(settings: Settings, name: str, given: Mapping[str, str]) -> list[str]:
    with _vault(settings) as vault:
        known = vault.get(name, VAULT_SYSTEM) if VAULT_SYSTEM in vault.stored().get(name, {}) else {}
        values = {key: value for key, value in {**known, **given}.items() if value}
        vault.put(name, VAULT_SYSTEM, values)
    return sorted(values)


@contextmanager
def _vault(settings: Settings) -> Generator[Vault]:
    engine = ready_database(settings)
    try:
        yield open_vault(engine, settings)
    finally:
        engine.dispose()


def _asked() -> dict[str, str]:
    click.echo("Press Enter for what shall stay as it is.", err=True)
    given = {
        key: click.prompt(label, default="", show_default=False, hide_input=key != SMTP_USERNAME, err=True)
        for key, label in _LABELS.items()
    }
    return _checked({key: value for key, value in given.items() if value})


def _parsed(content: bytes) -> dict[str, str]:
    shape = "Give a JSON object as in: st-deltek alerts secret --help"
    try:
        found = json.loads(content) if len(content) <= _LARGEST_INPUT else None
    except (ValueError, RecursionError):
        # Without the parser's own words: they can quote what they failed on.
        found = None
    if not isinstance(found, dict):
        message = f"The secrets are not a JSON object of at most {_LARGEST_INPUT >> 10} KiB."
        raise ConfigurationError(message, advice=shape)
    return _checked(cast("dict[str, Any]", found))


def _checked(given: Mapping[str, Any]) -> dict[str, str]:
    if not given:
        message = "No secrets were given."
        raise ConfigurationError(message)
    for key, value in given.items():
        if key not in SECRET_NAMES:
            message = f"{key!r} is not a secret of alerts; there are {', '.join(SECRET_NAMES)}."
            raise ConfigurationError(message)
        if not isinstance(value, str) or len(value) > _LONGEST_SECRET:
            message = f"{key} is not a text, or longer than {_LONGEST_SECRET} characters."
            raise ConfigurationError(message)
    return {key: str(value).strip("\r\n\t") for key, value in given.items()}
