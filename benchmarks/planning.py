"""Measures alignment and planning alone, for one business day with many invoices: time and peak memory.

    python -m benchmarks.planning

The whole month of a sandbox is made one business day by giving its calendar enough days off. It is taken in and
staged first; then a process of its own aligns and plans it, so that its peak memory is its own.
"""

import argparse
import json
import subprocess
import sys
import time
from datetime import date, timedelta
from typing import Any

from benchmarks import machine
from benchmarks.connected import RUN_ID, connected
from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.services.alignment import align_day
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.services.posting.planner import plan_day
from st_deltek_pipeline.services.staging import stage_day
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.statistics import refresh_statistics
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.credentials import VantagepointCredentials

VOLUMES = (1_000, 10_000)
# Every day of October is off; November begins on a Sunday.
_DAYS_OFF = tuple(date(2026, 10, 1) + timedelta(days=number) for number in range(31))
_DAY = date(2026, 11, 2)


def measure(database_url: str, settings: ConnectionSettings) -> dict[str, Any]:
    """Align and plan the day; runs in a process of its own.

    Args:
        database_url: Where the day is staged.
        settings: The connection.

    Returns:
        The figures.
    """
    engine = engine_for(database_url)
    with VantagepointClient(
        base_url=settings.vantagepoint.base_url,
        database=settings.vantagepoint.database,
        credentials=VantagepointCredentials("nobody", "unused", "unused", "unused"),
        allow_insecure_hosts=True,
    ) as client:
        context = PostingContext(
            engine, settings, business_calendar(settings.calendar, 2026, 2026), client, "nobody", RUN_ID
        )
        at_start = machine.peak_memory_mib()
        started = time.perf_counter()
        # As the assets do before each of the two, and so a part of their time.
        refresh_statistics(engine)
        alignment = align_day(engine, settings, Kind.INVOICE, _DAY, run_id=RUN_ID)
        aligned = time.perf_counter()
        after_alignment = machine.peak_memory_mib()
        refresh_statistics(engine)
        plan = plan_day(context, Kind.INVOICE, _DAY)
        planned = time.perf_counter()
    engine.dispose()
    return {
        "invoices": plan.documents,
        "planned": plan.planned,
        "held": plan.held,
        "ignored": plan.ignored,
        "files": len(plan.batches),
        "align_seconds": round(aligned - started, 3),
        "plan_seconds": round(planned - aligned, 3),
        "aligned_per_second": round(alignment.documents / (aligned - started)),
        "planned_per_second": round(plan.documents / (planned - aligned)),
        "memory_at_start_mib": at_start,
        "peak_memory_after_alignment_mib": after_alignment,
        "peak_memory_after_planning_mib": machine.peak_memory_mib(),
    }


def _run(invoices: int) -> dict[str, Any]:
    with connected(invoices, days_off=_DAYS_OFF) as connection:
        connection.take_in()
        connection.poll_master_data()
        stage_day(connection.engine, connection.settings, connection.calendar, Kind.INVOICE, _DAY, run_id=RUN_ID)
        command = [sys.executable, "-m", "benchmarks.planning", "--measure", str(connection.installation.database_url)]
        answer = subprocess.run(
            command, check=True, input=connection.settings.model_dump_json(), stdout=subprocess.PIPE, text=True
        )
        return dict(json.loads(answer.stdout))


def run(volumes: tuple[int, ...] = VOLUMES) -> list[dict[str, Any]]:
    """Run every measurement.

    Args:
        volumes: Invoices of the day, one measurement each.

    Returns:
        The figures of each volume, ready for JSON.
    """
    return [_run(volume) for volume in volumes]


def show(figures: list[dict[str, Any]]) -> None:
    """Print the figures for people."""
    print("Alignment and planning of one business day")
    for day in figures:
        print(
            f"  {day['invoices']:>6,} invoices: align {day['align_seconds']:.2f} s ({day['aligned_per_second']:,}/s),"
            f" plan {day['plan_seconds']:.2f} s ({day['planned_per_second']:,}/s), {day['files']} files,"
            f" peak memory {day['memory_at_start_mib']:.0f} MiB at start, {day['peak_memory_after_alignment_mib']:.0f}"
            f" aligned, {day['peak_memory_after_planning_mib']:.0f} planned"
        )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Measure alignment and planning of a large day.")
    parser.add_argument("--volumes", type=int, nargs="+", default=list(VOLUMES), help="invoices of the day")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--measure", metavar="DATABASE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, ConnectionSettings.model_validate_json(sys.stdin.read()))))
        return
    figures = run(tuple(options.volumes))
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures)


if __name__ == "__main__":
    main()
