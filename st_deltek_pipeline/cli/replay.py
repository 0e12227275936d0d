"""``st-deltek replay``: run a day, a document, the holds or the webhooks again."""

from datetime import date, datetime

import click

from st_deltek_pipeline.cli.document_argument import read_document
from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import json_option, print_json
from st_deltek_pipeline.domain.documents import Kind

_DAY = click.DateTime(["%Y-%m-%d"])
_EXAMPLE = """\b
Examples:
  st-deltek replay acme --day 2026-10-05
  st-deltek replay acme --range 2026-10-01 2026-10-31
  st-deltek replay acme --document invoice:104445 --document payment:7713
  st-deltek replay acme --holds
  st-deltek replay acme --webhooks

\b
Exit code: 0 when every document of the days is accounted for, 1 when a cent differs or a document is
unaccounted for, other codes when a run failed.
"""


def _documents(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[Kind, int], ...]:
    return tuple(read_document(context, parameter, value) for value in values)


@click.command(epilog=_EXAMPLE)
@click.argument("name")
@click.option("--day", type=_DAY, help="A business day, from what is stored.")
@click.option("--range", "between", type=_DAY, nargs=2, help="Every business day from the first to the second.")
@click.option(
    "--document", "documents", multiple=True, callback=_documents, help="KIND:ID, read again from ServiceTitan."
)
@click.option("--holds", is_flag=True, help="Every day with a held document.")
@click.option("--webhooks", is_flag=True, help="Every webhook that was handled: its record is read again.")
@click.option("--by-project", is_flag=True, help="Show a row per project in the tie-out; --json always has them.")
@json_option
def replay(
    *,
    name: str,
    day: datetime | None,
    between: tuple[datetime, datetime] | None,
    documents: tuple[tuple[Kind, int], ...],
    holds: bool,
    webhooks: bool,
    by_project: bool,
    as_json: bool,
) -> ExitCode:
    """Run something of connection NAME again.

    A replay posts only what the journal does not have yet, so it may be repeated, and what stands in Vantagepoint is
    never posted twice. The same as materializing the day again in Dagster's UI.
    """
    from st_deltek_pipeline.cli.progress import LineProgress, SilentProgress  # noqa: PLC0415
    from st_deltek_pipeline.cli.sync_report import exit_code_of_report, report_as_data, show_report  # noqa: PLC0415
    from st_deltek_pipeline.orchestration.replaying import ReplayRequest  # noqa: PLC0415
    from st_deltek_pipeline.orchestration.replaying import replay as run_again  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    if sum((day is not None, between is not None, bool(documents), holds, webhooks)) != 1:
        message = "say what to replay: one of --day, --range, --document, --holds and --webhooks"
        raise click.UsageError(message)
    first, last = _range(day, between)
    request = ReplayRequest(name, first, last, documents, holds=holds, webhooks=webhooks)
    with SilentProgress() if as_json else LineProgress() as progress:
        report = run_again(load_settings(), request, progress)
    if as_json:
        print_json(report_as_data(report))
    else:
        show_report(report, by_project=by_project)
    return exit_code_of_report(report)


def _range(day: datetime | None, between: tuple[datetime, datetime] | None) -> tuple[date, date] | tuple[None, None]:
    if day is not None:
        return day.date(), day.date()
    return (None, None) if between is None else (between[0].date(), between[1].date())
