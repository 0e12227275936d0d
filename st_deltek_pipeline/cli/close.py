"""``st-deltek close``: what a day or a month came to, and who may look at it in a browser."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import json_option

# What a command needs beyond click is imported when it runs, so that its --help answers at once.

_DAY = click.DateTime(["%Y-%m-%d"])
_MONTH = click.DateTime(["%Y-%m"])
_FILE = click.Path(dir_okay=False, path_type=Path)
_REPORT = "report"

_EPILOG = """\b
Examples:
  st-deltek close acme                        (the last business day that is over)
  st-deltek close acme --day 2026-10-29
  st-deltek close acme --month 2026-10 --html october.html --csv october.csv
  st-deltek close acme --from 2026-10-26 --to 2026-10-30 --json
  st-deltek close user add jane               (lets jane open the pages)

\b
Exit codes:
  0  closed
  4  something is held, differs, or was not compared, or the days are not over
  5  Vantagepoint could not be read now: nothing is said about the day
"""

_USER_EPILOG = """\b
Examples:
  st-deltek close user add jane                          (asks for a password)
  st-deltek close user add jane --generate               (makes one, and prints it once)
  st-deltek close user add bob --connection acme --connection acme_west
  st-deltek close user list
  st-deltek close user remove jane
"""


class _CloseGroup(click.Group):
    """A group whose first word may be a connection: then it is about the report."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the report's own name before what is meant for it."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [_REPORT, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_CloseGroup, epilog=_EPILOG)
def close() -> None:
    """Say whether a day, a month or any days of a connection can be closed: st-deltek close NAME (docs/close.md)."""


@close.command(_REPORT, epilog=_EPILOG)
@click.argument("name")
@click.option("--day", type=_DAY, help="A business day. Default: the last one that is over.")
@click.option("--month", type=_MONTH, help="A month, as 2026-10; days ahead are left out.")
@click.option("--from", "first", type=_DAY, help="First day of a range.")
@click.option("--to", "last", type=_DAY, help="Last day of a range.")
@click.option(
    "--kept", is_flag=True, help="Do not read Vantagepoint's ledger; take what was kept at each day's last close."
)
@click.option("--html", "html_file", type=_FILE, help="Write the report as a page that needs nothing else.")
@click.option("--csv", "csv_file", type=_FILE, help="Write the report for a spreadsheet.")
@json_option
def report(
    *,
    name: str,
    day: datetime | None,
    month: datetime | None,
    first: datetime | None,
    last: datetime | None,
    kept: bool,
    html_file: Path | None,
    csv_file: Path | None,
    as_json: bool,
) -> ExitCode:
    """Compare days of connection NAME three ways, and say whether they can be closed. Nothing is posted or changed.

    The short form is st-deltek close NAME. The close of each day itself is made by Dagster (asset daily_close); this shows
    the days as they are now.
    """
    from st_deltek_pipeline.cli import close_command  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    if (first is None) != (last is None):
        message = "--from and --to go together"
        raise click.UsageError(message)
    if sum((day is not None, month is not None, first is not None)) > 1:
        message = "give one of --day, --month, and --from with --to"
        raise click.UsageError(message)
    wanted = close_command.Wanted(name, _date(day), _date(month), _date(first), _date(last), kept=kept)
    output = close_command.Output(html_file, csv_file, as_json=as_json)
    return close_command.run(load_settings(), wanted, output)


@close.group(epilog=_USER_EPILOG)
def user() -> None:
    """Say who may open the close reports in a browser. Without anybody, they answer nobody."""


@user.command("add", epilog=_USER_EPILOG)
@click.argument("name")
@click.option("--generate", is_flag=True, help="Make a password, and print it this once.")
@click.option("--connection", "connections", multiple=True, help="Only this connection; may be repeated. Default: all.")
@json_option
def add(*, name: str, generate: bool, connections: Sequence[str], as_json: bool) -> None:
    """Let user NAME in, or give them another password; whoever uses the old one is logged out.

    Asks for the password without showing it, or reads it from standard input when that is no terminal.
    """
    from st_deltek_pipeline.cli import close_user  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    close_user.add(load_settings(), name, connections, generate=generate, as_json=as_json)


@user.command("list", epilog=_USER_EPILOG)
@json_option
def list_(*, as_json: bool) -> None:
    """List who may open the close reports, and of which connections."""
    from st_deltek_pipeline.cli import close_user  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    close_user.show(load_settings(), as_json=as_json)


@user.command("remove", epilog=_USER_EPILOG)
@click.argument("name")
def remove(*, name: str) -> None:
    """Let user NAME in no longer; where they are logged in, they are logged out."""
    from st_deltek_pipeline.cli import close_user  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    close_user.remove(load_settings(), name)


def _date(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
