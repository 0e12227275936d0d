"""``st-deltek rules``: which rule decided each line of a document, and what has no rule."""

from datetime import datetime

import click

from st_deltek_pipeline.cli.document_argument import read_document
from st_deltek_pipeline.cli.kind_option import kinds_option
from st_deltek_pipeline.cli.output import json_option
from st_deltek_pipeline.domain.documents import Kind

# What a command needs beyond click is imported when it runs, so that its --help answers at once.

_DAY = click.DateTime(["%Y-%m-%d"])

_TEST_EPILOG = """\b
Examples:
  st-deltek rules test acme invoice:104417
  st-deltek rules test acme bill:88231 --json

\b
Exit codes:
  0  every line is coded, and what the rules name exists
  4  the document would be held
"""

_GAPS_EPILOG = """\b
Examples:
  st-deltek rules gaps acme
  st-deltek rules gaps acme --kind bill --kind ap_credit
  st-deltek rules gaps acme --from 2026-10-01 --to 2026-10-31 --csv > gaps.csv

\b
Exit codes:
  0  nothing is missing
  4  something has no rule
"""


@click.group(epilog="\b\nExample:\n  st-deltek rules gaps acme")
def rules() -> None:
    """Coding rules: try the connection's file on the documents that are staged. Nothing is written or sent.

    Edit coding in connections/NAME.yaml and look again; no run is needed in between.
    """


@rules.command(epilog=_TEST_EPILOG)
@click.argument("name")
@click.argument("document", callback=read_document, metavar="KIND:ID")
@json_option
def test(*, name: str, document: tuple[Kind, int], as_json: bool) -> int:
    """Show which rule of connection NAME decides each field of each line of a document.

    The document is named by ServiceTitan's id, not by its number, and looked at in the revision that was staged last.
    Shows the hold it would get from coding and alignment, with advice, or else the lines that should stand in
    Vantagepoint. Whether it is ready and its period open is shown by preview.
    """
    from st_deltek_pipeline.cli import rules_document  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    return rules_document.test(load_settings(), name, *document, as_json=as_json)


@rules.command(epilog=_GAPS_EPILOG)
@click.argument("name")
@click.option("--from", "first", type=_DAY, help="First business day; the first that is staged when not given.")
@click.option("--to", "last", type=_DAY, help="Last business day; the last that is staged when not given.")
@kinds_option("Kind of document to look at.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV for a spreadsheet.")
@json_option
def gaps(
    *, name: str, first: datetime | None, last: datetime | None, kinds: tuple[Kind, ...], as_csv: bool, as_json: bool
) -> int:
    """List what no rule of connection NAME gives, over the documents that are staged, largest amounts first.

    One row per kind, missing field and combination of facts that a rule could match on, with counts and amounts.
    """
    from st_deltek_pipeline.cli import rules_gaps  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    if as_csv and as_json:
        message = "--csv and --json exclude each other."
        raise click.UsageError(message)
    if first is not None and last is not None and first > last:
        message = "--from is later than --to."
        raise click.UsageError(message)
    return rules_gaps.gaps(
        load_settings(),
        name,
        first.date() if first else None,
        last.date() if last else None,
        kinds=kinds,
        shape=rules_gaps.Shape.CSV if as_csv else rules_gaps.Shape.JSON if as_json else rules_gaps.Shape.TABLE,
    )
