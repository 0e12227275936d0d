"""``st-deltek alerts``: what needs a person, where it is told, and whether that works."""

from typing import BinaryIO

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import json_option
from st_deltek_pipeline.settings import load_settings

# What a command needs beyond click is imported when it runs, so that its --help answers at once.

_STORE_EPILOG = """\b
Examples:
  st-deltek alerts secret acme
  st-deltek alerts secret acme --new
  st-deltek alerts secret acme --file secrets.json
  pass show acme-alerts | st-deltek alerts secret acme

\b
The JSON object (any of them may be left out):
  {"webhook_secret": "whsec_...", "smtp_username": "...", "smtp_password": "..."}
"""

_TEST_EPILOG = """\b
Example:
  st-deltek alerts test acme

\b
Exit codes:
  0  every channel accepted it
  other  the first channel that did not, by the kind of its error
"""

_LIST_EPILOG = """\b
Examples:
  st-deltek alerts list acme
  st-deltek alerts list acme --json
"""

_CHECK_EPILOG = """\b
Example:
  st-deltek alerts check-journal acme

\b
Exit codes:
  0  every event is as it was recorded
  1  the chain is broken
"""


@click.group(epilog="\b\nExample:\n  st-deltek alerts list acme")
def alerts() -> None:
    """Alerts: failed runs, files in doubt, a changed journal, old holds, silent webhooks, feeds that are not read.

    Where they are told is in connections/NAME.yaml (docs/alerts.md); secrets are in the vault. Dagster's daemon looks once a
    minute.
    """


@alerts.command(epilog=_STORE_EPILOG)
@click.argument("name")
@click.option("--file", "source", type=click.File("rb"), help="JSON with the secrets; - is standard input.")
@click.option("--new", is_flag=True, help="Make a new signing secret, store it and print it, this once.")
@json_option
def secret(*, name: str, source: BinaryIO | None, new: bool, as_json: bool) -> None:
    """Store what alerts of connection NAME need: the webhook's signing secret, user and password of the mail server.

    Asks for them without showing them, or reads a JSON object from a file or from standard input when that is no terminal.
    What is not given stays as it is; an empty text forgets it. Two signing secrets, separated by a comma, are both used to
    sign while the receiver changes from one to the other.
    """
    from st_deltek_pipeline.cli import alert_secrets  # noqa: PLC0415

    if new and source is not None:
        message = "--new and --file exclude each other."
        raise click.UsageError(message)
    if new:
        alert_secrets.make(load_settings(), name, as_json=as_json)
    else:
        alert_secrets.store(load_settings(), name, source, as_json=as_json)


@alerts.command(epilog=_TEST_EPILOG)
@click.argument("name")
@json_option
def test(*, name: str, as_json: bool) -> ExitCode:
    """Send a test alert on every channel of connection NAME, and say what the other side answered."""
    from st_deltek_pipeline.cli import alert_report  # noqa: PLC0415

    return alert_report.test(load_settings(), name, as_json=as_json)


@alerts.command("list", epilog=_LIST_EPILOG)
@click.argument("name")
@json_option
def list_(*, name: str, as_json: bool) -> None:
    """List the open alerts of connection NAME as last seen, the oldest first, and whether they were sent."""
    from st_deltek_pipeline.cli import alert_report  # noqa: PLC0415

    alert_report.show_open(load_settings(), name, as_json=as_json)


@alerts.command("check-journal", epilog=_CHECK_EPILOG)
@click.argument("name")
@json_option
def check_journal(*, name: str, as_json: bool) -> ExitCode:
    """Check the whole hash chain of connection NAME's journal, from the first event to the last.

    Dagster's daemon checks new events once a minute and goes through all others again and again; this does it at once.
    """
    from st_deltek_pipeline.cli import alert_report  # noqa: PLC0415

    return alert_report.check_journal(load_settings(), name, as_json=as_json)
