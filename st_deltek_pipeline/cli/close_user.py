"""Users of the close reports, from a person or a pipe. Only a generated password is printed, once."""

import sys
from collections.abc import Sequence

import click

from st_deltek_pipeline.cli.output import print_json, print_table
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.services.page_users import LONGEST_PASSWORD, add_user, new_password
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.page_users import remove_user, users

# Enough to notice that what came is something else.
_LARGEST_INPUT = 8 * LONGEST_PASSWORD


def add(settings: Settings, name: str, connections: Sequence[str], *, generate: bool, as_json: bool) -> None:
    """Let a user in.

    Args:
        settings: The installation.
        name: The user.
        connections: Which they may see; all when empty.
        generate: Make the password instead of asking for it.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: There is no such connection, or the name or password cannot be one.
    """
    for connection in connections:
        find_connection(settings, connection)
    password = new_password() if generate else _asked(name)
    engine = ready_database(settings)
    try:
        was_there = add_user(engine, name, password, connections)
    finally:
        engine.dispose()
    allowed = ", ".join(connections) or "every connection"
    if as_json:
        made = {"password": password} if generate else {}
        print_json({"user": name, **made, "connections": list(connections) or None, "replaced": was_there})
        return
    if generate:
        click.echo(f"The password of {name}, which is not shown again:\n\n  {password}\n")
    said = "has another password now, and is logged out everywhere" if was_there else "may open the close reports"
    click.echo(f"{name} {said}: {allowed}.")


def show(settings: Settings, *, as_json: bool) -> None:
    """List the users.

    Args:
        settings: The installation.
        as_json: Answer in JSON.
    """
    engine = ready_database(settings)
    try:
        found = users(engine)
    finally:
        engine.dispose()
    if as_json:
        print_json(
            [
                {"user": each.name, "connections": None if each.connections is None else list(each.connections)}
                for each in found
            ]
        )
    elif found:
        rows = [
            (
                each.name,
                "all" if each.connections is None else ", ".join(each.connections),
                f"{each.created_at:%Y-%m-%d}",
            )
            for each in found
        ]
        print_table(("user", "connections", "since"), rows)
    else:
        click.echo("Nobody may open the close reports yet: st-deltek close user add NAME")


def remove(settings: Settings, name: str) -> None:
    """Let a user in no longer.

    Args:
        settings: The installation.
        name: The user.

    Raises:
        ConfigurationError: There is no such user.
    """
    engine = ready_database(settings)
    try:
        was_there = remove_user(engine, name)
    finally:
        engine.dispose()
    if not was_there:
        message = f"There is no user {name}."
        raise ConfigurationError(message, advice="Who there is: st-deltek close user list")
    click.echo(f"{name} may no longer open the close reports, and is logged out.")


def _asked(name: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True, err=True))
    # A piped secret often brings a line end along.
    return sys.stdin.buffer.read(_LARGEST_INPUT).decode("utf-8", "replace").strip("\r\n")
