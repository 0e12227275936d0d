"""``st-deltek sync``: the main job for one connection, through Dagster, without a UI."""

from datetime import date, datetime

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.kind_option import kinds_option
from st_deltek_pipeline.cli.output import json_option, print_json
from st_deltek_pipeline.domain.documents import Kind

DAY = click.DateTime(["%Y-%m-%d"])

_EXAMPLE = """\b
Examples:
  st-deltek sync acme
  st-deltek sync acme --from 2026-10-05 --to 2026-10-09
  st-deltek sync acme --kind invoice --kind credit_memo
  st-deltek sync acme --from 2026-10-05 --to 2026-10-05 --kind invoice --plan-hash 3f9c...

\b
Exit code: 0 when every document is accounted for (posted, held or ignored with a reason),
1 when a cent differs or a document is unaccounted for, other codes when the job itself failed.
"""


@click.command(epilog=_EXAMPLE)
@click.argument("name")
@click.option("--from", "first", type=DAY, help="First business day to post; with --to. Default: every day with work.")
@click.option("--to", "last", type=DAY, help="Last business day to post.")
@kinds_option("Kind of document to post and tie out.")
@click.option(
    "--plan-hash", help="Send only if the plan of the day and kind still has this hash (st-deltek preview prints it)."
)
@click.option("--by-project", is_flag=True, help="Show a row per project in the tie-out; --json always has them.")
@json_option
def sync(
    *,
    name: str,
    first: datetime | None,
    last: datetime | None,
    kinds: tuple[Kind, ...],
    plan_hash: str | None,
    by_project: bool,
    as_json: bool,
) -> ExitCode:
    """Take in, post and tie out connection NAME.

    Days that were posted before are looked at again only when something in them is new or on hold; posting a day
    again posts only what is new in it.
    """
    # Dagster takes a second to import; --help need not wait for it.
    from st_deltek_pipeline.cli.progress import LineProgress, SilentProgress  # noqa: PLC0415
    from st_deltek_pipeline.cli.sync_report import exit_code_of_report, report_as_data, show_report  # noqa: PLC0415
    from st_deltek_pipeline.orchestration.syncing import SyncRequest, synchronise  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    if (first is None) != (last is None):
        message = "--from and --to go together"
        raise click.UsageError(message)
    if plan_hash and first is None:
        message = "--plan-hash needs --from and --to with the day it is for"
        raise click.UsageError(message)
    request = SyncRequest(name, _day(first), _day(last), plan_hash, kinds=kinds)
    with SilentProgress() if as_json else LineProgress() as progress:
        report = synchronise(load_settings(), request, progress)
    if as_json:
        print_json(report_as_data(report))
    else:
        show_report(report, by_project=by_project)
    return exit_code_of_report(report)


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
