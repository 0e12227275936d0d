"""``st-deltek reverse``: take back what was posted, exactly and once."""

import click

from st_deltek_pipeline.cli.document_argument import read_document
from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import json_option
from st_deltek_pipeline.cli.person import by_option, words
from st_deltek_pipeline.domain.documents import Kind

_EPILOG = """\b
Examples:
  st-deltek reverse acme --document invoice:104417 --reason "Wrong customer" --preview
  st-deltek reverse acme --document invoice:104417 --reason "Wrong customer" --by jane
  st-deltek reverse acme --file 3f0c9a7be1d24c55a1b2c3d4e5f60718 --reason "Posted in the wrong company"
  st-deltek reverse acme --run 5be0c1d2 --reason "Rules were wrong"

\b
Exit codes:
  0  reversed, or reversed before
  4  some of it is held or refused
"""


def _read_optional_document(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[Kind, int] | None:
    return None if value is None else read_document(context, parameter, value)


@click.command(epilog=_EPILOG)
@click.argument("name")
@click.option("--file", "batch", metavar="BATCH", help="Everything that this transaction file posted.")
@click.option("--run", metavar="ID", help="Everything that this run of Dagster posted; how its id begins will do.")
@click.option(
    "--document", metavar="KIND:ID", callback=_read_optional_document, help="Everything that stands of this document."
)
@click.option("--reason", callback=words, default="", help="Why, in your words; a preview needs none.")
@by_option
@click.option("--preview", is_flag=True, help="Show what would be sent, and its hash; sends and records nothing.")
@click.option("--plan-hash", metavar="HASH", help="Send only if it is still what a preview showed.")
@json_option
def reverse(
    *,
    name: str,
    batch: str | None,
    run: str | None,
    document: tuple[Kind, int] | None,
    reason: str,
    by: str,
    preview: bool,
    plan_hash: str | None,
    as_json: bool,
) -> ExitCode:
    """Post the exact reversal of what was posted for connection NAME, once, linked to what it takes back.

    Give one of --file, --run, --document. What is reversed stays so, ignored with your reason and name in the tie-out,
    until the document changes in ServiceTitan or st-deltek holds release takes it back.
    """
    from st_deltek_pipeline.cli import reverse_report  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    if [batch is not None, run is not None, document is not None].count(True) != 1:
        message = "Give one of: --file, --run, --document."
        raise click.UsageError(message)
    if not preview and not reason:
        message = "Say why it is reversed: --reason. It is kept in the journal."
        raise click.UsageError(message)
    selection = reverse_report.selection_of(name, batch=batch, run=run, document=document)
    if preview:
        return reverse_report.show_preview(load_settings(), name, selection, reason=reason, by=by, as_json=as_json)
    return reverse_report.carry_out(
        load_settings(), name, selection, reason=reason, by=by, plan_hash=plan_hash, as_json=as_json
    )
