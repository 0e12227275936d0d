"""``st-deltek reconcile``: ServiceTitan, our journal and Vantagepoint's ledger, read back now and compared."""

from datetime import datetime
from pathlib import Path

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.kind_option import kinds_option
from st_deltek_pipeline.cli.output import json_option
from st_deltek_pipeline.domain.documents import Kind

_DAY = click.DateTime(["%Y-%m-%d"])

_EXAMPLE = """\b
Examples:
  st-deltek reconcile acme --from 2026-10-01 --to 2026-10-31
  st-deltek reconcile acme --from 2026-10-05 --to 2026-10-05 --by account
  st-deltek reconcile acme --from 2026-10-01 --to 2026-10-31 --csv october.csv

\b
Exit code: 0 when nothing needs a person, 4 when documents are missing, double, altered or foreign;
other codes when a system could not be read.
"""


@click.command(epilog=_EXAMPLE)
@click.argument("name")
@click.option("--from", "first", type=_DAY, required=True, help="First day.")
@click.option("--to", "last", type=_DAY, required=True, help="Last day.")
@kinds_option("Kind of document to compare.")
@click.option(
    "--by",
    type=click.Choice(["day", "kind", "period", "project", "account"]),
    default="kind",
    show_default=True,
    help="What a row of the table is; --json and --csv always have all.",
)
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Also write a CSV file.")
@json_option
def reconcile(
    *,
    name: str,
    first: datetime,
    last: datetime,
    kinds: tuple[Kind, ...],
    by: str,
    csv_file: Path | None,
    as_json: bool,
) -> ExitCode:
    """Compare connection NAME on three sides over a range of days.

    The sides are ServiceTitan's documents as taken in, what should stand by our journal, and Vantagepoint's ledger as it is
    now. Every difference is named by document. Nothing is changed anywhere.
    """
    from st_deltek_pipeline.cli.reconcile_report import reconcile_and_show  # noqa: PLC0415 (--help need not wait for it)
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    if last < first:
        message = "--to is before --from"
        raise click.UsageError(message)
    return reconcile_and_show(
        load_settings(), name, first.date(), last.date(), kinds=kinds, by=by, csv_file=csv_file, as_json=as_json
    )
