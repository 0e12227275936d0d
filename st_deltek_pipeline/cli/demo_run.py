"""What ``st-deltek demo`` does, step by step, and the proof at its end."""

import contextlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table

from st_deltek_pipeline.cli.demo_books import differences, month_of
from st_deltek_pipeline.cli.demo_changes import Change, make_changes, posted_for
from st_deltek_pipeline.cli.demo_connection import CONNECTION, DemoPlaces, connect
from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.progress import LineProgress
from st_deltek_pipeline.cli.sandbox_process import SandboxProcess
from st_deltek_pipeline.cli.sync_report import show_findings
from st_deltek_pipeline.cli.tie_out_tables import area_table, day_table, plain_console
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.domain.reconciliation import TieOut
from st_deltek_pipeline.orchestration.build import wiring_of
from st_deltek_pipeline.orchestration.syncing import SyncRequest, synchronise
from st_deltek_pipeline.services.connection_check import check_connection
from st_deltek_pipeline.services.findings import Level
from st_deltek_pipeline.services.reconciliation import tie_out_days
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.store.vault import open_vault


def run_demo(settings: Settings, places: DemoPlaces, sandbox: SandboxProcess) -> ExitCode:
    """Run the demo in this process, on the embedded database.

    Args:
        settings: The demo's own (``demo_settings``).
        places: Where it keeps its things.
        sandbox: Begun, and not entered yet.

    Returns:
        ``OK`` when every cent and every document is accounted for on both sides and nothing is left running.
    """
    began = time.monotonic()
    with LineProgress() as progress:
        progress.doing("starting the embedded PostgreSQL")
        EmbeddedPostgres(settings.data_dir).ensure_running()
        progress.done(f"PostgreSQL runs in {settings.data_dir / 'postgres'}")
        progress.doing("starting the sandbox of both systems")
        with sandbox:
            progress.done(f"ServiceTitan at {sandbox.ready['servicetitan']['api_url']}")
            progress.done(f"Vantagepoint at {sandbox.ready['vantagepoint']['base_url']}")
            connection = connect(settings, places, sandbox.ready)
            progress.done(f"connection {CONNECTION}: {places.connection_file}, credentials in the vault")
            _check(settings, connection, progress)
            shown = _post_month(settings, connection, sandbox, places, progress)
        progress.doing("stopping")
    console = plain_console()
    _show(console, shown)
    problems = [*shown.problems, *_left_running(settings)]
    for problem in problems:
        console.print(problem, style="bold red")
    if problems:
        return ExitCode.BROKEN
    console.print(
        "The sandbox's own books agree to the cent: ServiceTitan's documents of every kind, and Vantagepoint's ledgers of "
        "AR, cash and AP."
    )
    if not shown.posted and not shown.changes:
        console.print("Everything had been posted before, so this run posted nothing new.")
    console.print(f"Done in {time.monotonic() - began:.0f} s; nothing is left running. See its runs: st-deltek up")
    return ExitCode.OK


@dataclass(frozen=True)
class _Shown:
    """What the demo shows at its end.

    Attributes:
        posted: What was posted of the month, by kind.
        changes: What users of ServiceTitan did then, and what was posted for it.
        tie_out: Of the whole month, after that.
    """

    posted: Mapping[Kind, tuple[int, Decimal]]
    changes: Sequence[tuple[Change, str]]
    tie_out: TieOut
    problems: Sequence[str]


def _post_month(
    settings: Settings,
    connection: ConnectionSettings,
    sandbox: SandboxProcess,
    places: DemoPlaces,
    progress: LineProgress,
) -> _Shown:
    request = SyncRequest(CONNECTION)
    posted = synchronise(settings, request, progress).posted_now_by_kind
    engine = ready_database(settings)
    try:
        progress.doing("changing a few documents in ServiceTitan")
        changes = make_changes(engine, CONNECTION, sandbox, places.changes)
        for change in changes:
            progress.done(f"in ServiceTitan: {change.said}")
        if changes:
            synchronise(settings, request, progress)
        progress.doing("tying out the month")
        calendar = wiring_of(connection).calendar
        days = month_of(connection, calendar, calendar.business_day(calendar.today(datetime.now(UTC))))
        result = tie_out_days(engine, connection, days, undated=True)
        return _Shown(
            posted,
            [(change, posted_for(engine, CONNECTION, change)) for change in changes],
            result,
            _problems(result, sandbox, {each for day in days for each in calendar.document_dates(day)}),
        )
    finally:
        engine.dispose()


def _problems(result: TieOut, sandbox: SandboxProcess, dates: Collection[date]) -> Sequence[str]:
    problems = differences(result, sandbox.look("totals"), sandbox.look("ledger"), dates)
    if not result.balanced:
        problems.insert(0, "The tie-out above has a difference, or a document without an outcome.")
    return problems


def _show(console: Console, shown: _Shown) -> None:
    console.print(day_table(shown.tie_out))
    if shown.changes:
        table = Table(title="Changed in ServiceTitan after the month was posted", title_justify="left")
        for heading in ("what happened", "document", "posted for it"):
            table.add_column(heading)
        for change, lines in shown.changes:
            table.add_row(change.said, f"{change.kind}:{change.document_id}", lines)
        console.print(table)
    console.print(area_table(shown.tie_out))
    show_findings(console, CONNECTION, shown.tie_out, shown.posted)


def _check(settings: Settings, connection: ConnectionSettings, progress: LineProgress) -> None:
    progress.doing("checking the connection")
    engine = ready_database(settings)
    try:
        findings = check_connection(
            settings, connection, engine=engine, vault=open_vault(engine, settings), now=datetime.now(UTC)
        )
    finally:
        engine.dispose()
    fits = sum(1 for finding in findings if finding.level is Level.OK)
    progress.done(f"connection checked: {fits} things fit")
    for finding in findings:
        if finding.level is not Level.OK:
            progress.done(f"  {finding.level.value}: {finding.subject}: {finding.message}")


def _left_running(settings: Settings) -> list[str]:
    problems: list[str] = []
    # Another command, such as st-deltek up, may be using it: then it goes on.
    with contextlib.suppress(TransientError):
        EmbeddedPostgres(settings.data_dir).stop()
    for task in Path("/proc/self/task").glob("*/children"):
        problems += [f"Process {pid} is left running." for pid in task.read_text().split()]
    return problems
