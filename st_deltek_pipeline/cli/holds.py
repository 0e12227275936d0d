"""``st-deltek holds``: the queue of documents that wait for something, and what a person decides about them."""

from datetime import datetime

import click

from st_deltek_pipeline.cli.document_argument import read_document
from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import json_option
from st_deltek_pipeline.cli.person import by_option, required_words, words
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.settings import load_settings

# What a command needs beyond click is imported when it runs, so that its --help answers at once.

_KIND = click.Choice([kind.value for kind in Kind])
_REASON = click.Choice([reason.value for reason in HoldReason])

_LIST_EPILOG = """\b
Examples:
  st-deltek holds list acme
  st-deltek holds list acme --kind bill --reason no_rule
  st-deltek holds list acme --day 2026-10-05 --json
  st-deltek holds list acme --csv > holds.csv
"""

_SHOW_EPILOG = """\b
Example:
  st-deltek holds show acme invoice:104417
"""

_RETRY_EPILOG = """\b
Examples:
  st-deltek holds retry acme invoice:104417
  st-deltek holds retry acme --kind payment --reason bank_missing
  st-deltek holds retry acme --all

\b
Exit codes:
  0  nothing of it is held any more
  1  a cent differs or a document is unaccounted for
  4  some of it is still held
"""

_IGNORE_EPILOG = """\b
Examples:
  st-deltek holds ignore acme invoice:104417 --reason "Paid in cash, booked by hand"
  st-deltek holds ignore acme invoice:104417 --reason "Test customer" --by jane
"""

_RELEASE_EPILOG = """\b
Examples:
  st-deltek holds release acme invoice:104417
  st-deltek holds release acme bill:88123 --reason "Two deliveries on one invoice" --by jane

\b
Exit codes:
  0  released
  4  its transaction file still differs in Vantagepoint
"""


def _read_optional_document(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[Kind, int] | None:
    return None if value is None else read_document(context, parameter, value)


@click.group(epilog="\b\nExample:\n  st-deltek holds list acme")
def holds() -> None:
    """Holds: documents that cannot be posted now, why, since when, and what would release them.

    A hold ends by itself in the next run once its cause has gone. docs/holds.md says who does what.
    """


@holds.command("list", epilog=_LIST_EPILOG)
@click.argument("name")
@click.option("--kind", type=_KIND, help="Only this kind of document.")
@click.option("--reason", type=_REASON, metavar="CODE", help="Only this reason code.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Only this business day.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV for a spreadsheet.")
@json_option
def list_(
    *, name: str, kind: str | None, reason: str | None, day: datetime | None, as_csv: bool, as_json: bool
) -> None:
    """List what is held of connection NAME, of every kind, longest first, and the sums per kind and reason."""
    from st_deltek_pipeline.cli import holds_report  # noqa: PLC0415

    if as_csv and as_json:
        message = "--csv and --json exclude each other."
        raise click.UsageError(message)
    holds_report.show_queue(
        load_settings(),
        name,
        kind=Kind(kind) if kind else None,
        reason=reason,
        day=day.date() if day else None,
        shape=holds_report.Shape.CSV if as_csv else holds_report.Shape.JSON if as_json else holds_report.Shape.TABLE,
    )


@holds.command(epilog=_SHOW_EPILOG)
@click.argument("name")
@click.argument("document", metavar="KIND:ID", callback=read_document)
@json_option
def show(*, name: str, document: tuple[Kind, int], as_json: bool) -> None:
    """Show everything that is known about a document of connection NAME, held or not.

    KIND:ID is a document by ServiceTitan's id. What was staged, how it is coded and which rules decided, what stands in
    Vantagepoint, its transaction files, and its events in the journal.
    """
    from st_deltek_pipeline.cli import history_report  # noqa: PLC0415

    history_report.show_document(load_settings(), name, document, as_json=as_json)


@holds.command(epilog=_RETRY_EPILOG)
@click.argument("name")
@click.argument("document", metavar="[KIND:ID]", callback=_read_optional_document, required=False)
@click.option("--kind", type=_KIND, help="Everything held of this kind.")
@click.option("--reason", type=_REASON, metavar="CODE", help="Everything held for this reason code.")
@click.option("--all", "everything", is_flag=True, help="Everything that is held.")
@json_option
def retry(
    *,
    name: str,
    document: tuple[Kind, int] | None,
    kind: str | None,
    reason: str | None,
    everything: bool,
    as_json: bool,
) -> ExitCode:
    """Take in what is new, and run the business days of held documents of connection NAME again, through Dagster.

    Whatever else of these days is new or under way goes on as well, as in st-deltek sync.
    """
    # Dagster takes a second to import; --help need not wait for it.
    from st_deltek_pipeline.cli import holds_retry  # noqa: PLC0415

    if [document is not None, kind is not None or reason is not None, everything].count(True) != 1:
        message = "Give one of: a document, --kind and --reason or one of them, --all."
        raise click.UsageError(message)
    return holds_retry.retry(
        load_settings(), name, document=document, kind=Kind(kind) if kind else None, reason=reason, as_json=as_json
    )


@holds.command(epilog=_IGNORE_EPILOG)
@click.argument("name")
@click.argument("document", metavar="KIND:ID", callback=read_document)
@click.option("--reason", required=True, callback=required_words, help="Why it shall not be posted, in your words.")
@by_option
@json_option
def ignore(*, name: str, document: tuple[Kind, int], reason: str, by: str, as_json: bool) -> None:
    """Do not post the current revision of a held document of connection NAME.

    It stays in the tie-out as ignored, with reason and name, and in the journal. When the document changes, it is
    decided about afresh. Refused for what is in a transaction file that is under way or held.
    """
    from st_deltek_pipeline.cli import holds_decisions  # noqa: PLC0415

    holds_decisions.ignore(load_settings(), name, document, reason=reason, by=by, as_json=as_json)


@holds.command(epilog=_RELEASE_EPILOG)
@click.argument("name")
@click.argument("document", metavar="KIND:ID", callback=read_document)
@by_option
@click.option("--reason", callback=words, default="", help="Why, in your words; needed for a duplicate vendor invoice.")
@json_option
def release(*, name: str, document: tuple[Kind, int], by: str, reason: str, as_json: bool) -> ExitCode:
    """Undo an ignore or a reversal of connection NAME, allow a duplicate, or release a held transaction file.

    What was ignored is held as before, what was reversed is posted again by the next run. A bill held for its vendor's
    invoice number (duplicate_vendor_invoice) may use it from now on; other bills may not.

    A held file is compared with Vantagepoint again, all documents in it. Gone from there, it is planned again; entered
    or posted exactly as it was sent, it goes on; still different, it stays held.
    """
    from st_deltek_pipeline.cli import holds_decisions  # noqa: PLC0415

    return holds_decisions.release(load_settings(), name, document, by=by, reason=reason, as_json=as_json)
