"""``st-deltek connection``: credentials into the vault, checks against both real systems, the master key."""

from typing import BinaryIO

import click

from st_deltek_pipeline.cli.output import json_option
from st_deltek_pipeline.settings import load_settings

# What a command needs beyond click is imported when it runs, so that its --help answers at once.

_ADD_EPILOG = """\b
Examples:
  st-deltek connection add acme
  st-deltek connection add acme --file credentials.json
  pass show acme | st-deltek connection add acme

\b
The JSON object (either system may be left out):
  {"servicetitan": {"client_id": "...", "client_secret": "...", "app_key": "..."},
   "vantagepoint": {"username": "...", "password": "...", "client_id": "...", "client_secret": "..."}}
"""


_EPILOG = """\b
Example:
  st-deltek connection add acme
  st-deltek connection check acme
"""


@click.group(epilog=_EPILOG)
def connection() -> None:
    """Connections: one ServiceTitan tenant each, paired with one Vantagepoint database and company.

    Settings are in connections/NAME.yaml (docs/connections.md); credentials are in the vault, encrypted.
    """


@connection.command(epilog=_ADD_EPILOG)
@click.argument("name")
@click.option("--file", "source", type=click.File("rb"), help="JSON with the credentials; - is standard input.")
@json_option
def add(*, name: str, source: BinaryIO | None, as_json: bool) -> None:
    """Store the credentials of connection NAME in the vault.

    Asks for them without showing them, or reads a JSON object from a file or from standard input when that is no
    terminal. What was stored before for a system is replaced.
    """
    from st_deltek_pipeline.cli import connection_credentials  # noqa: PLC0415

    connection_credentials.add(load_settings(), name, source, as_json=as_json)


@connection.command("list", epilog="\b\nExample:\n  st-deltek connection list --json")
@json_option
def list_(*, as_json: bool) -> None:
    """List the connections, what is wrong with their files, and whether credentials are stored."""
    from st_deltek_pipeline.cli import connection_list  # noqa: PLC0415

    connection_list.show(load_settings(), as_json=as_json)


@connection.command(epilog="\b\nExample:\n  st-deltek connection check acme")
@click.argument("name")
@json_option
def check(*, name: str, as_json: bool) -> int:
    """Ask both real systems whether connection NAME fits them, changing nothing.

    Logins, scopes, what the role sees, business units without a rule, what coding rules name, open periods.
    Ends with a code other than 0 when there is a problem.
    """
    from st_deltek_pipeline.cli import connection_report  # noqa: PLC0415

    return connection_report.check(load_settings(), name, as_json=as_json)


@connection.command(epilog="\b\nExample:\n  st-deltek connection remove acme --yes")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(*, name: str, yes: bool, as_json: bool) -> None:
    """Forget the credentials of connection NAME.

    Its file and everything it has posted stay: the journal is never removed.
    """
    from st_deltek_pipeline.cli import connection_credentials  # noqa: PLC0415

    if not yes:
        click.confirm(f"Forget the credentials of connection {name}?", abort=True, err=True)
    connection_credentials.remove(load_settings(), name, as_json=as_json)


@connection.command(epilog="\b\nExample:\n  st-deltek connection rotate-key")
@json_option
def rotate_key(*, as_json: bool) -> None:
    """Encrypt every secret of the vault anew with a new master key.

    Without ST_DELTEK_MASTER_KEY a new key file is made. With it, put the new key first (NEW,OLD), run this, then
    take the old one out.
    """
    from st_deltek_pipeline.cli import connection_credentials  # noqa: PLC0415

    connection_credentials.rotate_key(load_settings(), as_json=as_json)
