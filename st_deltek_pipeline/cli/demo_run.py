"""What ``st-deltek demo`` does, step by step, and the proof at its end."""

import contextlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console

from st_deltek_pipeline.cli.demo_connection import CONNECTION, connect, demo_places, demo_sandbox
from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.progress import LineProgress
from st_deltek_pipeline.cli.sync_report import show_report
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.orchestration.build import wiring_of
from st_deltek_pipeline.orchestration.syncing import SyncReport, SyncRequest, synchronise
from st_deltek_pipeline.services.coding_check import Level
from st_deltek_pipeline.services.connection_check import check_connection
from st_deltek_pipeline.settings import (
    CONNECTIONS_VARIABLE,
    DAGSTER_DATABASE_URL_VARIABLE,
    DATABASE_URL_VARIABLE,
    Settings,
    load_settings,
)
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.store.vault import open_vault

_DAYS = 5


def run_demo() -> ExitCode:
    """Run the demo in this process, on the embedded database.

    Returns:
        ``OK`` when every cent and every document is accounted for on both sides and nothing is left running.
    """
    # Dagster's instance reads the environment: neither a named server nor other connections are the demo's to touch.
    for variable in (DATABASE_URL_VARIABLE, DAGSTER_DATABASE_URL_VARIABLE, CONNECTIONS_VARIABLE, "DAGSTER_HOME"):
        os.environ.pop(variable, None)
    settings = load_settings()
    places = demo_places(settings)
    began = time.monotonic()
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 140)
    with LineProgress() as progress:
        progress.doing("starting the embedded PostgreSQL")
        EmbeddedPostgres(settings.data_dir).ensure_running()
        progress.done(f"PostgreSQL runs in {settings.data_dir / 'postgres'}")
        progress.doing("starting the sandbox of both systems")
        with demo_sandbox(places) as sandbox:
            progress.done(f"ServiceTitan at {sandbox.ready['servicetitan']['api_url']}")
            progress.done(f"Vantagepoint at {sandbox.ready['vantagepoint']['base_url']}")
            connection = connect(settings, places, sandbox.ready)
            progress.done(f"connection {CONNECTION}: {places.connection_file}, credentials in the vault")
            _check(settings, connection, progress)
            days = _first_days(connection)
            report = synchronise(settings, SyncRequest(CONNECTION, days[0], days[-1]), progress)
            totals, ledger = sandbox.look("totals"), sandbox.look("ledger")
        progress.doing("stopping")
    show_report(report)
    problems = [*_differences(connection, days, report, totals, ledger), *_left_running(settings)]
    if not report.accounted_for:
        problems.insert(0, "The tie-out above has a difference, or a document without an outcome.")
    for problem in problems:
        console.print(problem, style="bold red")
    if problems:
        return ExitCode.BROKEN
    console.print("The sandbox's own books agree to the cent: ServiceTitan's invoices, Vantagepoint's ledger.")
    if report.posted_now == 0:
        console.print("Everything had been posted before, so this run posted nothing new.")
    console.print(f"Done in {time.monotonic() - began:.0f} s; nothing is left running. See its runs: st-deltek up")
    return ExitCode.OK


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


def _first_days(connection: ConnectionSettings) -> Sequence[date]:
    calendar = wiring_of(connection).calendar
    days = [calendar.business_day(connection.start_date)]
    while len(days) < _DAYS:
        days.append(calendar.business_day(date.fromordinal(days[-1].toordinal() + 1)))
    return days


def _differences(
    connection: ConnectionSettings,
    days: Sequence[date],
    report: SyncReport,
    totals: Mapping[str, Any],
    ledger: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Compare the tie-out with what the sandbox has in its own books, which know nothing of our journal."""
    if report.tie_out is None:
        return ["There is no tie-out."]
    calendar = wiring_of(connection).calendar
    dates = {day.isoformat() for each in days for day in calendar.document_dates(each) if day >= connection.start_date}
    by_day = totals["servicetitan"]["invoices"]["by_day"]
    invoiced = total(Decimal(found["active_total"]) for day, found in by_day.items() if day in dates)
    posted = total(-Decimal(row["Amount"]) for row in ledger if row["AutoEntry"] == "N")
    sides = (
        ("ServiceTitan's invoices", invoiced, total(row.servicetitan_total for row in report.tie_out.rows)),
        ("Vantagepoint's ledger", posted, total(row.posted for row in report.tie_out.rows)),
    )
    return [
        f"{name}: the sandbox has {theirs:,.2f}, the tie-out says {ours:,.2f}."
        for name, theirs, ours in sides
        if theirs - ours != ZERO
    ]


def _left_running(settings: Settings) -> list[str]:
    problems: list[str] = []
    # Another command, such as st-deltek up, may be using it: then it goes on.
    with contextlib.suppress(TransientError):
        EmbeddedPostgres(settings.data_dir).stop()
    for task in Path("/proc/self/task").glob("*/children"):
        problems += [f"Process {pid} is left running." for pid in task.read_text().split()]
    return problems
