"""What ``st-deltek reconcile`` does and prints, to people, machines and spreadsheets. Money is exact text in JSON and CSV."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import print_json, print_table
from st_deltek_pipeline.cli.progress import LineProgress, SilentProgress
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.money import shown, written
from st_deltek_pipeline.domain.three_way import LedgerDifference, Sides, ThreeWay
from st_deltek_pipeline.pages.spreadsheet import write_csv
from st_deltek_pipeline.services.clients import servicetitan_client, vantagepoint_client
from st_deltek_pipeline.services.three_way import reads_journal_entries, reconcile
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.vault import open_vault

_MOST_SHOWN = 50
_AMOUNTS = ("servicetitan", "outside", "journal", "ledger", "difference")
_CSV = (
    "what",
    "document",
    "kind",
    "reference",
    "business_day",
    "period",
    "project",
    "account",
    "documents",
    *_AMOUNTS,
    "words",
    "advice",
)


def reconcile_and_show(
    settings: Settings,
    name: str,
    first: date,
    last: date,
    *,
    kinds: Sequence[Kind],
    by: str,
    csv_file: Path | None,
    as_json: bool,
) -> ExitCode:
    """Reconcile a range, and print and write what was found.

    Args:
        settings: The installation.
        name: The connection.
        first: First day, included.
        last: Last day, included.
        kinds: Kinds of document; none means all.
        by: What a row of the table is: day, kind, period, project or account.
        csv_file: Where to write CSV, if anywhere.
        as_json: Print JSON instead of tables.

    Returns:
        0 when nothing needs a person, else 4.

    Raises:
        ConfigurationError: There is no such connection, its file is wrong, or the CSV file cannot be written.
        CredentialsError: The vault has no credentials.
    """
    connection = find_connection(settings, name)
    engine = ready_database(settings)
    try:
        vault = open_vault(engine, settings)
        with ExitStack() as stack:
            progress = stack.enter_context(SilentProgress() if as_json else LineProgress())
            client = stack.enter_context(vantagepoint_client(settings, connection, vault.get(name, "vantagepoint")))
            servicetitan = None
            if reads_journal_entries(connection):
                secrets = vault.get(name, "servicetitan")
                servicetitan = stack.enter_context(servicetitan_client(settings, connection, secrets))
            result = reconcile(
                engine,
                client,
                connection,
                first,
                last,
                kinds=kinds or None,
                servicetitan=servicetitan,
                progress=lambda day, number, of: progress.doing(f"Comparing {day}, business day {number} of {of} ..."),
            )
    finally:
        engine.dispose()
    if csv_file is not None:
        _write(csv_file, result)
    if as_json:
        print_json(as_data(name, result))
    else:
        _show(name, result, by)
        if csv_file is not None:
            click.echo(f"Written to {csv_file}.")
    return ExitCode.OK if result.clean else ExitCode.HELD


def as_data(name: str, result: ThreeWay) -> dict[str, Any]:
    """Return a reconciliation as plain data for JSON.

    Args:
        name: The connection.
        result: The reconciliation.
    """
    return {
        "connection": name,
        "first": result.first,
        "last": result.last,
        "clean": result.clean,
        "documents": result.documents,
        "ledger_lines": result.ledger_lines,
        "classes": {each.value: count for each, count in result.by_class.items()},
        "rows": [
            {
                "day": row.business_day,
                "kind": row.kind.value if row.kind else None,
                "period": row.period,
                "project": row.project,
                "account": row.account,
                **_sides(row),
            }
            for row in result.rows
        ],
        "differences": [_difference(each) for each in result.differences],
        "accounts": [
            {
                "month": f"{each.month:%Y-%m}",
                "account": each.account,
                "name": each.name,
                "servicetitan": written(each.servicetitan),
                "journal": written(each.journal),
                "ledger": written(each.ledger),
            }
            for each in result.accounts
        ],
        "accounts_read": result.accounts_read,
        "balances": [
            {
                "project": each.project,
                "invoice": each.invoice,
                "expected": written(each.expected),
                "shown": written(each.shown),
            }
            for each in result.balances
        ],
        "balances_read": result.balances_read,
    }


def _lines(result: ThreeWay) -> Iterator[Sequence[object]]:
    """Lay a reconciliation out for a spreadsheet: its rows, then its differences place by place."""
    for row in result.rows:
        where = (row.business_day or "", row.period or "", row.project, row.account, row.documents)
        kind = row.kind.value if row.kind else "others"
        amounts = (row.servicetitan, row.outside, row.journal, row.ledger, row.difference)
        yield ("sum", "", kind, "", *where, *amounts, "", "")
    for each in result.differences:
        for part in each.parts:
            place = part.place
            yield (
                each.difference_class.value,
                each.document,
                each.kind.value if each.kind else "others",
                each.reference,
                each.business_day or "",
                place.period or "",
                place.project,
                place.account,
                "",
                part.servicetitan,
                "",
                part.journal,
                part.ledger,
                part.ledger - part.journal,
                each.words,
                each.advice,
            )


def _write(path: Path, result: ThreeWay) -> None:
    try:
        path.write_text(write_csv(_CSV, _lines(result)), encoding="utf-8", newline="")
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}."
        raise ConfigurationError(message, advice="Give --csv a file in a folder that may be written to.") from None


def _sides(sides: Sides) -> dict[str, object]:
    return {"documents": sides.documents, **{name: written(getattr(sides, name)) for name in _AMOUNTS}}


def _difference(each: LedgerDifference) -> dict[str, object]:
    return {
        "class": each.difference_class.value,
        "document": each.document,
        "kind": each.kind.value if each.kind else None,
        "reference": each.reference,
        "day": each.business_day,
        "period": each.period,
        "project": each.project,
        "account": each.account,
        "servicetitan": written(each.servicetitan),
        "journal": written(each.journal),
        "ledger": written(each.ledger),
        "difference": written(each.amount),
        "words": each.words,
        "advice": each.advice,
        "parts": [
            {
                "period": part.place.period,
                "project": part.place.project,
                "account": part.place.account,
                "servicetitan": written(part.servicetitan),
                "journal": written(part.journal),
                "ledger": written(part.ledger),
            }
            for part in each.parts
        ],
    }


def _show(name: str, result: ThreeWay, by: str) -> None:
    groups: Mapping[Any, Sides] = {
        "day": result.by_day,
        "kind": result.by_kind,
        "period": result.by_period,
        "project": result.by_project,
        "account": result.by_account,
    }[by]
    print_table(
        (by, ">documents", ">ServiceTitan", ">held or ignored", ">journal", ">ledger", ">difference"),
        [
            (
                _named(by, key),
                f"{sides.documents:,}",
                shown(sides.servicetitan),
                shown(sides.outside),
                shown(sides.journal),
                shown(sides.ledger),
                shown(sides.difference),
            )
            for key, sides in groups.items()
        ],
        title=f"{name}, {result.first} to {result.last}: ServiceTitan, our journal, Vantagepoint's ledger now",
    )
    if result.differences:
        print_table(
            ("class", "document", "day", ">journal", ">ledger", "what is wrong, and what to do"),
            [
                (
                    each.difference_class.value,
                    each.document or "by others",
                    each.business_day or "no date",
                    shown(each.journal),
                    shown(each.ledger),
                    f"{each.words} {each.advice}".strip(),
                )
                for each in result.differences[:_MOST_SHOWN]
            ],
            title="Differences",
        )
        if len(result.differences) > _MOST_SHOWN:
            click.echo(f"{len(result.differences) - _MOST_SHOWN:,} more: --json and --csv have all.")
    _show_cross_checks(result)
    counted = ", ".join(f"{count:,} {each.value}" for each, count in result.by_class.items()) or "no differences"
    verdict = "Nothing needs a person." if result.clean else "Somebody has to look at it."
    click.echo(
        f"{result.documents:,} documents and {result.ledger_lines:,} ledger lines compared: {counted}. {verdict}"
    )


def _show_cross_checks(result: ThreeWay) -> None:
    unlike = [each for each in result.accounts if not each.agrees]
    if unlike:
        print_table(
            ("month", "account", "name", ">ServiceTitan", ">journal", ">ledger"),
            [
                (
                    f"{each.month:%Y-%m}",
                    each.account,
                    each.name,
                    shown(each.servicetitan),
                    shown(each.journal),
                    shown(each.ledger),
                )
                for each in unlike
            ],
            title="Accounts that differ from ServiceTitan's journal entries (debits are positive)",
        )
    if result.accounts_read:
        click.echo(f"{len(result.accounts):,} accounts of a month compared with ServiceTitan's journal entries.")
    if result.balances:
        print_table(
            ("project", "invoice", ">expected", ">in Vantagepoint"),
            [(each.project, each.invoice, shown(each.expected), shown(each.shown)) for each in result.balances],
            title="Open amounts that differ from Vantagepoint's receivables",
        )
    if result.balances_read:
        click.echo(f"{result.balances_read:,} open amounts compared with Vantagepoint's receivables.")


def _named(by: str, key: object) -> str:
    if key is None:
        return {"kind": "by others", "day": "no date"}.get(by, "not in the ledger")
    if isinstance(key, Kind):
        return key.value.replace("_", " ")
    return str(key) or ("no account yet" if by == "account" else "no project")
