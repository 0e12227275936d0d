"""Measures a whole month of a contractor with 120 field staff, from an empty database to the tie-out.

    python -m benchmarks.month

Documents of every kind go through ``st-deltek sync``'s own code, Dagster included, against the sandbox in a process of its
own. Calls are counted by the sandbox's request log, and the cents are compared by the tie-out, so neither is our word for it.
Sandbox and database share the machine's cores with what is measured. Run it in a fresh process: its peak memory is its own.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from benchmarks import machine
from st_deltek_pipeline.cli.demo_connection import CONNECTION, connect, demo_places
from st_deltek_pipeline.cli.sandbox_process import SandboxProcess
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.domain.reconciliation import TieOut
from st_deltek_pipeline.orchestration.build import wiring_of
from st_deltek_pipeline.orchestration.syncing import SyncReport, SyncRequest, synchronise
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.embedded import EmbeddedPostgres

MONTH, SEED, INVOICES = "2026-10", 7, 6000
MOST_CALLS_PER_DOCUMENT = Decimal("0.15")
_TIMEOUT_SECONDS = 60


class _Quiet:
    """Says each step on standard error, with the time it began."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def doing(self, what: str) -> None:
        """Something has begun."""
        print(f"{time.monotonic() - self._began:7.1f} s  {what}", file=sys.stderr, flush=True)

    def done(self, what: str) -> None:
        """Something has ended."""
        self.doing(what)


def run(invoices: int = INVOICES) -> dict[str, Any]:
    """Measure the month, and a second synchronisation with nothing new.

    Args:
        invoices: How many invoices the month has; payments and bills follow from them.

    Returns:
        Figures, ready for JSON; ``problems`` names what does not agree.
    """
    with _contractor(invoices) as (settings, connection, sandbox):
        first, last = _days(connection)
        request = SyncRequest(CONNECTION, first, last)
        _forget_calls(sandbox)
        began = time.monotonic()
        report = synchronise(settings, request, _Quiet())
        seconds = time.monotonic() - began
        calls = _calls(sandbox)
        began = time.monotonic()
        again = synchronise(settings, request, _Quiet())
        seconds_again, calls_again = time.monotonic() - began, _calls(sandbox)
        engine = ready_database(settings)
        described = machine.describe(engine)
        engine.dispose()
    documents = report.tie_out.documents if report.tie_out else 0
    return {
        "machine": described,
        "first": {
            **_figures(report, seconds, calls),
            "calls_per_document": {name: round(count / max(documents, 1), 4) for name, count in calls.items()},
            "peak_memory_mib": machine.peak_memory_mib(),
        },
        "second": _figures(again, seconds_again, calls_again),
        "problems": _problems(report, again),
    }


@contextmanager
def _contractor(invoices: int) -> Generator[tuple[Settings, ConnectionSettings, SandboxProcess]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="st-deltek-month-")))
        # Dagster's instance reads the environment; nothing of this machine's own is to be touched.
        for name in [name for name in os.environ if name.startswith("ST_DELTEK_") or name == "DAGSTER_HOME"]:
            del os.environ[name]
        os.environ["ST_DELTEK_DATA_DIR"] = str(folder / "data")
        arguments = ["--seed", str(SEED), "--month", MONTH, "--invoices", str(invoices), "--scenario", "month"]
        sandbox = stack.enter_context(SandboxProcess(arguments, folder / "sandbox.log"))
        postgres = EmbeddedPostgres(folder / "data")
        stack.callback(postgres.stop, force=True)
        settings = Settings(folder / "data", postgres.ensure_running(), folder / "connections", None)
        yield settings, connect(settings, demo_places(settings), sandbox.ready), sandbox


def _days(connection: ConnectionSettings) -> tuple[date, date]:
    calendar = wiring_of(connection).calendar
    first = calendar.business_day(connection.start_date)
    days = calendar.business_days(first, date(first.year, first.month, 31))
    return first, list(days)[-1]


def _forget_calls(sandbox: SandboxProcess) -> None:
    requests.delete(f"{sandbox.admin_url}/requests", timeout=_TIMEOUT_SECONDS).raise_for_status()


def _calls(sandbox: SandboxProcess) -> dict[str, int]:
    systems = sandbox.look("requests?limit=1")["systems"]
    found = {name: sum(Counter(each["by_call"]).values()) for name, each in systems.items()}
    _forget_calls(sandbox)
    return found


def _figures(report: SyncReport, seconds: float, calls: dict[str, int]) -> dict[str, Any]:
    result = report.tie_out
    return {
        "seconds": round(seconds, 1),
        "documents": result.documents if result else 0,
        "posted_now": report.posted_now,
        "documents_per_second": round((result.documents if result else 0) / seconds),
        "calls": calls,
        "by_kind": _by_kind(result) if result else {},
    }


def _by_kind(result: TieOut) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for kind in dict.fromkeys(row.kind for row in result.rows):
        rows = [row for row in result.rows if row.kind is kind]
        found[kind.value] = {
            "documents": sum(row.documents for row in rows),
            **{
                name: str(total(getattr(row, name) for row in rows))
                for name in ("servicetitan_total", "posted", "held", "ignored", "difference")
            },
        }
    return found


def _problems(first: SyncReport, second: SyncReport) -> list[str]:
    problems: list[str] = []
    for name, report in (("first", first), ("second", second)):
        if not report.accounted_for:
            problems.append(f"The tie-out of the {name} run has a difference, or a document without an outcome.")
    if second.posted_now:
        problems.append(f"The second run posted {second.posted_now} documents again.")
    return problems


def show(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    first, second = figures["first"], figures["second"]
    print(f"A month of {first['documents']:,} documents, from an empty database to the tie-out, through Dagster")
    print(
        f"  wall time                                 {first['seconds']} s"
        f" ({first['documents_per_second']:,} documents/s); again with nothing new: {second['seconds']} s"
    )
    for system, count in first["calls"].items():
        print(f"  calls to {system:<32} {count:,} ({first['calls_per_document'][system]} per document)")
    print(f"  peak memory                               {first['peak_memory_mib']} MiB")
    print(f"  {'kind':<14}{'documents':>10}{'ServiceTitan':>16}{'posted':>16}{'held':>14}{'ignored':>14}")
    for kind, sums in first["by_kind"].items():
        print(
            f"  {kind:<14}{sums['documents']:>10,}{sums['servicetitan_total']:>16}{sums['posted']:>16}"
            f"{sums['held']:>14}{sums['ignored']:>14}"
        )
    for problem in figures["problems"]:
        print(f"  WRONG: {problem}")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Measure a month of documents of every kind.")
    parser.add_argument("--invoices", type=int, default=INVOICES, help="invoices of the month")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    figures = run(options.invoices)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        print(machine.line(figures["machine"]))
        show(figures)
    if figures["problems"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
