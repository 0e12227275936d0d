"""``st-deltek firms``: which firm each customer and vendor is, who waits for a decision, and deciding."""

from pathlib import Path

import click

from st_deltek_pipeline.cli.output import json_option
from st_deltek_pipeline.cli.party_argument import read_party
from st_deltek_pipeline.cli.person import by_option
from st_deltek_pipeline.domain.firm_links import LinkState, PartyKey, PartyKind

# What a command needs beyond click is imported when it runs, so that its --help answers at once.

_STATE = click.Choice([state.value for state in LinkState])
_KIND = click.Choice([kind.value for kind in PartyKind])
_FILE = click.Path(dir_okay=False, path_type=Path)

_REVIEW_EPILOG = """\b
Examples:
  st-deltek firms review acme
  st-deltek firms review acme --csv firms.csv
  st-deltek firms review acme --all --json
"""

_IMPORT_EPILOG = """\b
Example:
  st-deltek firms import acme firms.csv --by jane

\b
Exit codes:
  0  every line with a decision was applied
  4  some lines were not; they are listed with their numbers
"""

_LINK_EPILOG = """\b
Examples:
  st-deltek firms link acme customer:41004480 00001214
  st-deltek firms link acme vendor:5201862 3FDEBBD116FB939AFA55F76724302D87 --by jane
  st-deltek firms link acme customer:41004480 new
"""

_UNLINK_EPILOG = """\b
Example:
  st-deltek firms unlink acme customer:41004480
"""

_LIST_EPILOG = """\b
Examples:
  st-deltek firms list acme --state linked
  st-deltek firms list acme --kind vendor --json
"""


@click.group(epilog="\b\nExample:\n  st-deltek firms review acme")
def firms() -> None:
    """Firms: customers and vendors of ServiceTitan, and which firm of Vantagepoint each of them is.

    What is certain is linked by itself in every run; docs/firms.md says how. Decisions take effect at once; documents
    follow in the next run.
    """


@firms.command(epilog=_REVIEW_EPILOG)
@click.argument("name")
@click.option("--csv", "csv_file", type=_FILE, metavar="FILE", help="Write them to FILE, to fill in decisions.")
@click.option("--all", "everybody", is_flag=True, help="Also those that no document names.")
@json_option
def review(*, name: str, csv_file: Path | None, everybody: bool, as_json: bool) -> None:
    """List the customers and vendors of connection NAME that have no firm to post to, with candidates and scores.

    Without --all, those that a document names.
    """
    from st_deltek_pipeline.cli import firms_report  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    if csv_file is not None and as_json:
        message = "--csv and --json exclude each other."
        raise click.UsageError(message)
    firms_report.review(load_settings(), name, csv_file=csv_file, everybody=everybody, as_json=as_json)


@firms.command("import", epilog=_IMPORT_EPILOG)
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
@by_option
@json_option
def import_(*, name: str, file: Path, by: str, as_json: bool) -> int:
    """Apply the decisions in FILE, as firms review --csv wrote it, to connection NAME.

    The column decision takes a firm's number or ClientID, or the word new for a firm of its own; lines where it is empty
    decide nothing. A line that makes no sense stops no other.
    """
    from st_deltek_pipeline.cli import firms_decisions  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    return firms_decisions.import_file(load_settings(), name, file, by=by, as_json=as_json)


@firms.command(epilog=_LINK_EPILOG)
@click.argument("name")
@click.argument("party", metavar="KIND:ID", callback=read_party)
@click.argument("firm", metavar="FIRM")
@by_option
@json_option
def link(*, name: str, party: PartyKey, firm: str, by: str, as_json: bool) -> None:
    """Say which FIRM a customer or vendor of connection NAME is: a number, a ClientID, or the word new.

    It stays linked whatever the names are. With new, a firm of its own is created by the next run where firms.create
    allows it.
    """
    from st_deltek_pipeline.cli import firms_decisions  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    firms_decisions.link(load_settings(), name, party, firm, by=by, as_json=as_json)


@firms.command(epilog=_UNLINK_EPILOG)
@click.argument("name")
@click.argument("party", metavar="KIND:ID", callback=read_party)
@by_option
@json_option
def unlink(*, name: str, party: PartyKey, by: str, as_json: bool) -> None:
    """Say that a customer or vendor of connection NAME is not the firm it is linked to.

    That firm is never linked to it by itself again. What was posted stays posted.
    """
    from st_deltek_pipeline.cli import firms_decisions  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    firms_decisions.unlink(load_settings(), name, party, by=by, as_json=as_json)


@firms.command("list", epilog=_LIST_EPILOG)
@click.argument("name")
@click.option("--state", type=_STATE, metavar="STATE", help="Only in this state.")
@click.option("--kind", type=_KIND, help="Only customers, or only vendors.")
@json_option
def list_(*, name: str, state: str | None, kind: str | None, as_json: bool) -> None:
    """List all customers and vendors of connection NAME with their firms."""
    from st_deltek_pipeline.cli import firms_report  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    firms_report.show_all(
        load_settings(),
        name,
        state=LinkState(state) if state else None,
        kind=PartyKind(kind) if kind else None,
        as_json=as_json,
    )
