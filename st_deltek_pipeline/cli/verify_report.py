"""What ``st-deltek verify`` does and prints."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
from sqlalchemy import Engine

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import print_json, print_table
from st_deltek_pipeline.connections.files import find_connection, load_connections
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.verification import MEANINGS, Invariant
from st_deltek_pipeline.services.clients import vantagepoint_client
from st_deltek_pipeline.services.ledger_verifying import verify_ledger
from st_deltek_pipeline.services.verifying import Findings, Progress, verify
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.chain_checks import connections_with_events
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.vault import open_vault

_ALL = "all"
_NO_FILE = (
    "Vantagepoint's ledger was not read for {name}: it has no connection file, or one that is wrong. "
    "See: st-deltek connection list"
)


@dataclass(frozen=True)
class _Verified:
    """What came of one connection.

    Attributes:
        not_checked: Why something that was asked for was not checked; empty when all of it was.
    """

    connection: str
    events: int
    findings: Findings
    not_checked: str = ""


def show(settings: Settings, name: str, *, ledger: bool, as_json: bool) -> ExitCode:
    """Verify connections, and print what was found.

    Args:
        settings: The installation.
        name: A connection, or ``all``: those with a file and those that have a journal only.
        ledger: Read Vantagepoint's ledger back as well.
        as_json: Answer in JSON.

    Returns:
        OK only when everything that was asked for was checked and holds.

    Raises:
        ConfigurationError: There is no such connection, or its file is wrong.
        CredentialsError, TransientError: With ``ledger``, Vantagepoint could not be read.
    """
    chosen: dict[str, ConnectionSettings | None] = {}
    if name != _ALL:
        chosen[name] = find_connection(settings, name)
    engine = ready_database(settings)
    try:
        if name == _ALL:
            # A journal stays when its connection's file is gone or broken, and is verified all the same.
            known = load_connections(settings).connections
            chosen = {each: known.get(each) for each in sorted({*known, *connections_with_events(engine)})}
        found = [_verified(settings, engine, each, chosen[each], ledger=ledger, quiet=as_json) for each in chosen]
    finally:
        engine.dispose()
    holds = all(each.findings.holds for each in found)
    if as_json:
        print_json({"holds": holds, "connections": [_data(each) for each in found]})
    else:
        for each in found:
            _print(each)
        if not found:
            click.echo("There is no connection and no journal.")
    if not holds:
        return ExitCode.BROKEN
    return ExitCode.CONFIGURATION if any(each.not_checked for each in found) else ExitCode.OK


def _verified(
    settings: Settings, engine: Engine, name: str, connection: ConnectionSettings | None, *, ledger: bool, quiet: bool
) -> _Verified:
    with _bar(name, quiet=quiet) as progress:
        findings = Findings(progress)
        may_repeat = connection is None or connection.posting.duplicate_vendor_invoice == "allow"
        events = verify(engine, name, vendors_may_repeat=may_repeat, findings=findings)
        if ledger and connection is not None:
            secrets = open_vault(engine, settings).get(name, "vantagepoint")
            with vantagepoint_client(settings, connection, secrets) as client:
                verify_ledger(engine, connection, client, findings)
    return _Verified(name, events, findings, _NO_FILE.format(name=name) if ledger and connection is None else "")


@contextmanager
def _bar(name: str, *, quiet: bool) -> Generator[Progress]:
    """Show a bar for each invariant on standard error, where somebody watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda _invariant, _done, _of: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}"), TimeElapsedColumn())
    tasks: dict[Invariant, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:

        def tell(invariant: Invariant, done: int, of: int | None) -> None:
            if invariant not in tasks:
                for earlier in tasks.values():
                    bar.remove_task(earlier)
                tasks.clear()
                tasks[invariant] = bar.add_task(f"{name}: {invariant.value}", total=of)
            bar.update(tasks[invariant], completed=done)

        yield tell


def _data(found: _Verified) -> dict[str, Any]:
    return {
        "connection": found.connection,
        "holds": found.findings.holds,
        "events": found.events,
        "not_checked": found.not_checked,
        "checks": [
            {
                "invariant": check.invariant.value,
                "meaning": MEANINGS[check.invariant],
                "looked_at": check.looked_at,
                "violations": check.violations,
            }
            for check in found.findings.checks
        ],
        "violations": [
            {
                "invariant": violation.invariant.value,
                "subject": violation.subject,
                "what": violation.words,
                "advice": violation.advice,
            }
            for check in found.findings.checks
            for violation in check.named
        ],
    }


def _print(found: _Verified) -> None:
    print_table(
        ("what must hold", ">looked at", ">violations"),
        ((MEANINGS[each.invariant], f"{each.looked_at:,}", f"{each.violations:,}") for each in found.findings.checks),
        title=f"{found.connection}: {found.events:,} events",
    )
    broken = [check for check in found.findings.checks if check.violations]
    if not broken:
        click.echo(f"Everything {'that was checked ' if found.not_checked else ''}holds for {found.connection}.")
    if found.not_checked:
        click.echo(found.not_checked)
    for check in broken:
        print_table(
            ("subject", "what is wrong", "what to do"),
            ((each.subject, each.words, each.advice) for each in check.named),
            title=f"Does not hold: {MEANINGS[check.invariant]}",
        )
        if check.violations > len(check.named):
            click.echo(f"... and {check.violations - len(check.named):,} more.")
