"""``st-deltek verify``: the hash chain and every invariant, over everything that was ever posted."""

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import json_option
from st_deltek_pipeline.settings import load_settings

_EPILOG = """\b
Examples:
  st-deltek verify
  st-deltek verify acme --json
  st-deltek verify acme --ledger

\b
Exit codes:
  0  everything holds
  1  something does not; each violation is named with what to do
  2  there is no such connection, or --ledger was asked for one whose file is missing or wrong
"""


@click.command(epilog=_EPILOG)
@click.argument("name", default="all")
@click.option(
    "--ledger", is_flag=True, help="Read Vantagepoint's ledger back as well, and look for what stands twice or differs."
)
@json_option
def verify(*, name: str, ledger: bool, as_json: bool) -> ExitCode:
    """Check that nothing of connection NAME (or of all) was lost, doubled or rewritten.

    The journal's hash chain from the first event to the last, and what always holds: every document has one outcome, files
    balance, sums agree to the cent, nothing stands twice, nothing is in a closed period without a recorded permission, no
    cursor is ahead of its rows, every state has its event. It only reads, in one view of the database; runs may go on.
    """
    # What a command needs beyond click is imported when it runs, so that its --help answers at once.
    from st_deltek_pipeline.cli import verify_report  # noqa: PLC0415

    return verify_report.show(load_settings(), name, ledger=ledger, as_json=as_json)
