"""Carries out ``st-deltek firms link``, ``unlink`` and ``import``, and says what came of it."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Engine

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.firms_report import DECISION, NAME, PARTY
from st_deltek_pipeline.cli.output import print_json, print_table, working
from st_deltek_pipeline.cli.party_argument import party_of
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.firm_links import LinkState, PartyKey
from st_deltek_pipeline.pages.spreadsheet import read_csv
from st_deltek_pipeline.services.firm_decisions import (
    NEW_FIRM,
    BadLine,
    Decided,
    WantedLink,
    apply_decisions,
    link_party,
    unlink_party,
)
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.firm_mappings import FirmMapping

_RUN = "firms"
# A file of every customer of a large contractor is some tens of megabytes.
_LARGEST_FILE = 200 << 20


def link(settings: Settings, name: str, party: PartyKey, firm: str, *, by: str, as_json: bool) -> None:
    """Link a party to a firm, or ask for a new one.

    Args:
        settings: The installation.
        name: The connection.
        party: The customer or vendor.
        firm: ClientID or number, or ``new``.
        by: Who decides it.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: There is no such connection, party or firm.
    """
    with _opened(settings, name) as (engine, connection), working("Matching again ..."):
        mapping = link_party(engine, connection, party, firm, by=by, run_id=_RUN)
    _show(mapping, connection, by=by, wants_new=firm.strip().casefold() == NEW_FIRM, as_json=as_json)


def unlink(settings: Settings, name: str, party: PartyKey, *, by: str, as_json: bool) -> None:
    """Take a link back.

    Args:
        settings: The installation.
        name: The connection.
        party: The customer or vendor.
        by: Who decides it.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: There is no such connection or party, or it has no firm.
    """
    with _opened(settings, name) as (engine, connection), working("Matching again ..."):
        mapping = unlink_party(engine, connection, party, by=by, run_id=_RUN)
    _show(mapping, connection, by=by, wants_new=False, as_json=as_json)


def import_file(settings: Settings, name: str, path: Path, *, by: str, as_json: bool) -> ExitCode:
    """Apply the decisions in a file.

    Args:
        settings: The installation.
        name: The connection.
        path: The file.
        by: Who decides.
        as_json: Answer in JSON.

    Returns:
        ``HELD`` when some lines were not applied.

    Raises:
        ConfigurationError: There is no such connection, or the file cannot be read.
    """
    wanted, unreadable, undecided = _read(path)
    with _opened(settings, name) as (engine, connection), working(f"Applying {len(wanted):,} decisions ..."):
        decided = apply_decisions(engine, connection, wanted, by=by, run_id=_RUN)
    bad = sorted([*unreadable, *decided.bad], key=lambda each: each.line)
    if as_json:
        print_json(
            {
                "connection": name,
                "applied": decided.applied,
                "unchanged": decided.unchanged,
                "undecided": undecided,
                "bad": [{"line": each.line, "problem": each.problem} for each in bad],
                "by": by,
            }
        )
    else:
        _show_import(decided, bad, undecided)
    return ExitCode.HELD if bad else ExitCode.OK


def _read(path: Path) -> tuple[list[WantedLink], list[BadLine], int]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise ConfigurationError(message) from None
    if len(content) > _LARGEST_FILE:
        message = f"{path} is larger than {_LARGEST_FILE >> 20} MiB."
        raise ConfigurationError(message, advice="Import it in parts.")
    wanted: list[WantedLink] = []
    bad: list[BadLine] = []
    undecided = 0
    for line, cells in read_csv(content, (PARTY, NAME, DECISION)):
        decision = cells[DECISION].strip()
        key = party_of(cells[PARTY])
        if not decision:
            undecided += 1
        elif key is None:
            bad.append(BadLine(line, f"{cells[PARTY]!r} is no customer or vendor; it should read like customer:123."))
        else:
            wanted.append(WantedLink(line, key, decision, cells[NAME]))
    return wanted, bad, undecided


def _show(mapping: FirmMapping, connection: ConnectionSettings, *, by: str, wants_new: bool, as_json: bool) -> None:
    if as_json:
        data: dict[str, Any] = {"party": str(mapping.key), "name": mapping.name, "state": mapping.state.value}
        print_json({**data, "firm_id": mapping.firm_id, "message": mapping.message, "by": by})
        return
    who = f"{mapping.key} {mapping.name.strip()!r}"
    if mapping.state is LinkState.LINKED:
        click.echo(f"{who} is firm {mapping.firm_number or mapping.firm_id} {mapping.firm_name!r}.")
    else:
        click.echo(f"{who} {mapping.message}")
    if wants_new and mapping.state is LinkState.MISSING:
        allowed = connection.firms.create == "yes"
        click.echo(
            "The next run creates it." if allowed else "firms.create is no: create it in Vantagepoint, then link it."
        )
    click.echo("Documents follow in the next run.")


def _show_import(decided: Decided, bad: list[BadLine], undecided: int) -> None:
    click.echo(
        f"Applied {decided.applied:,} decisions; {decided.unchanged:,} had been made before, "
        f"{undecided:,} lines decide nothing."
    )
    if bad:
        print_table((">line", "not applied because"), [(each.line, each.problem) for each in bad])
    if decided.applied:
        click.echo("Documents follow in the next run.")


@contextmanager
def _opened(settings: Settings, name: str) -> Generator[tuple[Engine, ConnectionSettings]]:
    connection = find_connection(settings, name)
    engine = ready_database(settings)
    try:
        yield engine, connection
    finally:
        engine.dispose()
