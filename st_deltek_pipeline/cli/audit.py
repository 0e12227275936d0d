"""``st-deltek audit``: a document's whole life, and everything of a period for auditors."""

from datetime import datetime
from pathlib import Path

import click

from st_deltek_pipeline.cli.document_argument import read_document
from st_deltek_pipeline.cli.output import json_option
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.settings import load_settings

# What a command needs beyond click is imported when it runs, so that its --help answers at once.

_DAY = click.DateTime(["%Y-%m-%d"])
_DAGSTER = "http://127.0.0.1:3000"

_SHOW_EPILOG = """\b
Examples:
  st-deltek audit show invoice:104445
  st-deltek audit show payment:7713 --connection acme --html payment-7713.html
"""

_EXPORT_EPILOG = """\b
Examples:
  st-deltek audit export acme --from 2026-10-01 --to 2026-10-31 --format csv --to-dir october
  st-deltek audit export acme --from 2026-01-01 --to 2026-12-31 --format parquet --to-dir 2026
"""


@click.group(epilog="\b\nExample:\n  st-deltek audit show invoice:104445")
def audit() -> None:
    """What an auditor asks for: a document's whole history, and everything of a period in files.

    Nothing is ever deleted from the journal (docs/audit.md); st-deltek verify checks that nothing was rewritten.
    """


@audit.command(epilog=_SHOW_EPILOG)
@click.argument("document", metavar="KIND:ID", callback=read_document)
@click.option("--connection", help="The connection; needed only where several know the document.")
@click.option(
    "--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write a self-contained page to this file."
)
@click.option(
    "--dagster-url", default=_DAGSTER, show_default=True, help="Where runs are looked at, for the page's links."
)
@json_option
def show(
    *, document: tuple[Kind, int], connection: str | None, page: Path | None, dagster_url: str, as_json: bool
) -> None:
    """Show a document's whole life: how it came, what was decided, sent, answered and proved, and by whom."""
    from st_deltek_pipeline.cli import audit_report  # noqa: PLC0415

    audit_report.show(
        load_settings(), document, connection=connection, page=page, dagster_url=dagster_url, as_json=as_json
    )


@audit.command(epilog=_EXPORT_EPILOG)
@click.argument("name")
@click.option("--from", "first", type=_DAY, required=True, help="First business day.")
@click.option("--to", "last", type=_DAY, required=True, help="Last business day.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True, help="Of the files."
)
@click.option(
    "--to-dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="A new or empty folder for them.",
)
@json_option
def export(*, name: str, first: datetime, last: datetime, form: str, folder: Path, as_json: bool) -> None:
    """Write everything about the documents of a period of connection NAME to files, with a manifest.

    Documents, payload versions, postings with their lines, transaction files, events with their hashes, ledger rows and
    people's decisions, each in a file of its own. Amounts are exact. The manifest says how many rows and which sums are in
    each file, its SHA-256, and which part of the hash chain is covered.
    """
    from st_deltek_pipeline.cli import audit_files  # noqa: PLC0415

    audit_files.export(load_settings(), name, first.date(), last.date(), form=form, folder=folder, as_json=as_json)
