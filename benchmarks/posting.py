"""Measures posting: calls to Vantagepoint per invoice, invoices per second, and what a run with nothing new costs.

    python -m benchmarks.posting

Five business days of a sandbox's clean month go through the services, without Dagster. Calls are counted by the
sandbox's own request log and amounts by its own ledger, so neither is our word for it. The sandbox and the
database share the machine's cores with what is measured.
"""

import argparse
import cProfile
import json
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from benchmarks import machine
from benchmarks.connected import RUN_ID, Connected, connected
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.domain.reconciliation import TieOut
from st_deltek_pipeline.services.alignment import align_day
from st_deltek_pipeline.services.posting.check import check_file
from st_deltek_pipeline.services.posting.confirm import FileOutcome, confirm_file
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.services.posting.enter import enter_file
from st_deltek_pipeline.services.posting.planner import plan_day
from st_deltek_pipeline.services.posting.post import post_file
from st_deltek_pipeline.services.reconciliation import tie_out
from st_deltek_pipeline.services.staging import stage_day
from st_deltek_pipeline.store.statistics import refresh_statistics

INVOICES_OF_THE_MONTH = 4600
DAYS = 5
MOST_CALLS_PER_INVOICE = Decimal("0.1")

_POSTING = ("plan", "check", "enter", "post", "confirm")
_STEPS = ("take in", "master data", "stage", "align", *_POSTING, "tie out")
_TIMEOUT_SECONDS = 30
_ALL_KEPT = 10_000


@dataclass
class _Clock:
    """When which step ran; a step runs many times."""

    spans: list[tuple[str, float, float]] = field(default_factory=list[tuple[str, float, float]])

    @contextmanager
    def step(self, name: str) -> Generator[None]:
        started = time.time()
        try:
            yield
        finally:
            self.spans.append((name, started, time.time()))

    def seconds(self, *names: str) -> float:
        return sum(ended - started for name, started, ended in self.spans if name in names)

    def step_at(self, instant: float) -> str | None:
        return next((name for name, started, ended in self.spans if started <= instant <= ended), None)


@dataclass(frozen=True)
class _Calls:
    """What the sandbox answered, by system and step; and how long our own limit held calls to Vantagepoint back."""

    count: Counter[tuple[str, str | None]]
    answering: Counter[tuple[str, str | None]]
    waiting: Counter[str | None]
    by_call: dict[str, dict[str, int]]
    most_in_a_second: dict[str, int]

    def of(self, system: str, *steps: str) -> int:
        return sum(number for (asked, step), number in self.count.items() if asked == system and step in steps)

    def total(self, system: str) -> int:
        return sum(self.by_call[system].values())

    def seconds(self, *steps: str) -> float:
        return sum(spent for (_, step), spent in self.answering.items() if step in steps) / 1000

    def waited(self, *steps: str) -> float:
        return sum(spent for step, spent in self.waiting.items() if step in steps)


def _calls(connection: Connected, clock: _Clock) -> _Calls:
    """Read the sandbox's request log and forget it, so that the next reading is of the next run."""
    found = connection.sandbox.look(f"requests?limit={_ALL_KEPT}")
    requests.delete(f"{connection.sandbox.admin_url}/requests", timeout=_TIMEOUT_SECONDS).raise_for_status()
    count: Counter[tuple[str, str | None]] = Counter()
    answering: Counter[tuple[str, str | None]] = Counter()
    for entry in found["requests"]:
        key = (entry["system"], clock.step_at(float(entry["time"])))
        count[key] += 1
        answering[key] += float(entry["milliseconds"])
    waiting: Counter[str | None] = Counter()
    for ended, spent in connection.limit.waits:
        waiting[clock.step_at(ended)] += spent
    connection.limit.waits.clear()
    systems = found["systems"]
    return _Calls(
        count,
        answering,
        waiting,
        {name: dict(each["by_call"]) for name, each in systems.items()},
        {name: each["most_calls_in_any_second"] for name, each in systems.items()},
    )


@dataclass(frozen=True)
class _Run:
    outcomes: Sequence[FileOutcome]
    planned: int

    @property
    def posted(self) -> int:
        return sum(outcome.documents for outcome in self.outcomes if outcome.state is FileState.POSTED)


def _run_days(connection: Connected, days: Sequence[date], clock: _Clock) -> _Run:
    engine, settings, calendar = connection.engine, connection.settings, connection.calendar
    context = PostingContext(
        engine=engine,
        settings=settings,
        calendar=calendar,
        client=connection.vantagepoint,
        username=connection.username,
        run_id=RUN_ID,
    )
    outcomes: list[FileOutcome] = []
    planned = 0

    @contextmanager
    def step(name: str) -> Generator[None]:
        # As the assets do, and so a part of each step's time.
        with clock.step(name):
            refresh_statistics(engine)
            yield

    def each(name: str, step: Callable[[PostingContext, str], tuple[str, ...]], batches: Iterable[str]) -> list[str]:
        with clock.step(name):
            return [onward for batch in batches for onward in step(context, batch)]

    for day in days:
        with step("stage"):
            stage_day(engine, settings, calendar, Kind.INVOICE, day, run_id=RUN_ID)
        with step("align"):
            align_day(engine, settings, Kind.INVOICE, day, run_id=RUN_ID)
        with step("plan"):
            plan = plan_day(context, Kind.INVOICE, day)
        planned += plan.planned
        posted = each("post", post_file, each("enter", enter_file, each("check", check_file, plan.batches)))
        with step("confirm"):
            outcomes += [confirm_file(context, batch) for batch in posted]
    return _Run(outcomes, planned)


def _take_in(connection: Connected, clock: _Clock) -> int:
    with clock.step("take in"):
        results = connection.take_in()
    with clock.step("master data"):
        connection.poll_master_data()
    return sum(result.new_versions for result in results.values())


def _first_days(connection: Connected) -> list[date]:
    calendar = connection.calendar
    days = [calendar.business_day(connection.settings.start_date)]
    while len(days) < DAYS:
        days.append(calendar.business_day(days[-1] + timedelta(days=1)))
    return days


def _problems(connection: Connected, days: Sequence[date], tied: TieOut, posted: int) -> list[str]:
    """Compare our tie-out with the sandbox's own books, which know nothing of our journal."""
    totals, ledger = connection.sandbox.look("totals"), connection.sandbox.look("ledger")
    dates = {
        str(found)
        for day in days
        for found in connection.calendar.document_dates(day)
        if found >= connection.settings.start_date
    }
    by_day = totals["servicetitan"]["invoices"]["by_day"]
    receivables = [row for row in ledger if row["AutoEntry"] == "Y"]
    sides = (
        (
            "ServiceTitan's total",
            total(Decimal(found["active_total"]) for day, found in by_day.items() if day in dates),
            total(row.servicetitan_total for row in tied.rows),
        ),
        (
            "Vantagepoint's ledger",
            total(Decimal(row["Amount"]) for row in receivables),
            total(row.posted for row in tied.rows),
        ),
        ("Invoices in the ledger", len({(row["WBS1"], row["Invoice"]) for row in receivables}), posted),
    )
    found = [f"{name}: the sandbox has {theirs:,}, we say {ours:,}." for name, theirs, ours in sides if theirs != ours]
    if not tied.balanced:
        off = total(abs(row.difference) for row in tied.rows)
        found.append(f"The tie-out is off by {off:,}, and {len(tied.unaccounted)} documents are unaccounted for.")
    return found


def _written(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {table: rows - before.get(table, 0) for table, rows in sorted(after.items()) if rows != before.get(table, 0)}


def run(invoices: int = INVOICES_OF_THE_MONTH, *, profile: Path | None = None) -> dict[str, Any]:
    """Run every measurement.

    Args:
        invoices: How many invoices the month has; its first five business days hold about a quarter of them.
        profile: Where to write a profile of the first run's days, for ``pstats``; slows it down.

    Returns:
        The figures, ready for JSON; ``problems`` is empty when every cent agrees.
    """
    load = machine.load()
    with connected(invoices) as connection:
        described = machine.describe(connection.engine)
        clock = _Clock()
        _take_in(connection, clock)
        days = _first_days(connection)
        profiler = cProfile.Profile() if profile else None
        if profiler:
            profiler.enable()
        first = _run_days(connection, days, clock)
        if profiler:
            profiler.disable()
            profiler.dump_stats(str(profile))
        with clock.step("tie out"):
            refresh_statistics(connection.engine)
            tied = tie_out(connection.engine, connection.settings, days[0], days[-1])
        calls = _calls(connection, clock)
        problems = _problems(connection, days, tied, first.posted)
        second = _second_run(connection, days)
        if second["files_planned"] or second["new_versions"]:
            problems.append(f"The second run found something new: {second}")
    return {
        "machine": {**described, "load_before": load},
        "first": _first_figures(first, tied, calls, clock),
        "second": second,
        "problems": problems,
    }


def _first_figures(first: _Run, tied: TieOut, calls: _Calls, clock: _Clock) -> dict[str, Any]:
    posting = clock.seconds(*_POSTING)
    all_calls = calls.total("vantagepoint")
    without_master_data = all_calls - calls.of("vantagepoint", "master data")
    invoices = first.posted or 1
    return {
        "days": DAYS,
        "documents": tied.documents,
        "posted": first.posted,
        "held": sum(tied.held.values()),
        "total": str(total(row.servicetitan_total for row in tied.rows)),
        "difference": f"{total(abs(row.difference) for row in tied.rows):.2f}",
        "files": len(first.outcomes),
        "vantagepoint_calls": all_calls,
        "vantagepoint_calls_without_master_data": without_master_data,
        "calls_per_invoice": round(all_calls / invoices, 4),
        "calls_per_invoice_without_master_data": round(without_master_data / invoices, 4),
        "most_calls_in_a_second": calls.most_in_a_second["vantagepoint"],
        "posting_seconds": round(posting, 3),
        "posting_invoices_per_second": round(invoices / posting),
        "waiting_for_vantagepoint_seconds": round(calls.seconds(*_POSTING), 3),
        "waiting_for_the_limit_seconds": round(calls.waited(*_POSTING), 3),
        "posting_invoices_per_second_without_the_limit": round(invoices / (posting - calls.waited(*_POSTING))),
        "steps": {
            name: {
                "seconds": round(clock.seconds(name), 3),
                "calls": calls.of("vantagepoint", name) + calls.of("servicetitan", name),
                "answered_in_seconds": round(calls.seconds(name), 3),
                "held_back_seconds": round(calls.waited(name), 3),
            }
            for name in _STEPS
        },
        "calls": calls.by_call,
    }


def _second_run(connection: Connected, days: Sequence[date]) -> dict[str, Any]:
    clock = _Clock()
    before = connection.rows_written()
    new_versions = _take_in(connection, clock)
    after_intake = connection.rows_written()
    intake = _calls(connection, clock)
    again = _run_days(connection, days, clock)
    after = connection.rows_written()
    replay = _calls(connection, clock)
    feeds = [number for call, number in intake.by_call["servicetitan"].items() if call.startswith("GET")]
    return {
        "new_versions": new_versions,
        "servicetitan_calls": intake.total("servicetitan"),
        "most_calls_per_feed": max(feeds),
        "vantagepoint_calls_for_master_data": intake.total("vantagepoint"),
        "intake_seconds": round(clock.seconds("take in"), 3),
        "master_data_seconds": round(clock.seconds("master data"), 3),
        "intake_rows_written": _written(before, after_intake),
        "files_planned": again.planned,
        "replay_calls": {system: replay.total(system) for system in ("servicetitan", "vantagepoint")},
        "replay_seconds": round(clock.seconds("stage", "align", *_POSTING), 3),
        "replay_rows_written": _written(after_intake, after),
    }


def show(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    first, second = figures["first"], figures["second"]
    print(f"Posting of {first['posted']:,} invoices on {first['days']} business days, {first['files']} files")
    print(
        f"  calls to Vantagepoint per posted invoice  {first['calls_per_invoice']}"
        f"   (goal: at most {MOST_CALLS_PER_INVOICE}; {first['vantagepoint_calls']} calls, token and master data included)"
    )
    print(f"  without master data                       {first['calls_per_invoice_without_master_data']}")
    print(f"  most calls in any second                  {first['most_calls_in_a_second']}")
    print(
        f"  posting, plan to confirm                  {first['posting_invoices_per_second']:,} invoices/s"
        f"   ({first['posting_seconds']} s: {first['waiting_for_the_limit_seconds']} s held back by calls_per_second,"
        f" {first['waiting_for_vantagepoint_seconds']} s until Vantagepoint had answered)"
    )
    print(
        f"  without being held back                   {first['posting_invoices_per_second_without_the_limit']:,} invoices/s"
    )
    print(f"  {'step':<12} {'seconds':>8} {'held back':>10} {'answered in':>12} {'calls':>6}")
    for name, step in first["steps"].items():
        print(
            f"  {name:<12} {step['seconds']:>8.3f} {step['held_back_seconds']:>10.3f}"
            f" {step['answered_in_seconds']:>12.3f} {step['calls']:>6}"
        )
    print(f"  tie-out: {first['documents']:,} documents, {first['total']}, difference {first['difference']}")
    print("Second run with nothing new")
    print(
        f"  intake: {second['servicetitan_calls']} calls to ServiceTitan, at most {second['most_calls_per_feed']} per"
        f" feed; {second['vantagepoint_calls_for_master_data']} calls to Vantagepoint for master data;"
        f" {second['intake_seconds'] + second['master_data_seconds']:.2f} s"
    )
    print(f"  rows written by intake: {_tables(second['intake_rows_written'])}")
    print(
        f"  the same days again: {second['files_planned']} files, calls {second['replay_calls']},"
        f" {second['replay_seconds']} s, rows written: {_tables(second['replay_rows_written'])}"
    )
    for problem in figures["problems"]:
        print(f"  WRONG: {problem}")


def _tables(written: dict[str, int]) -> str:
    return ", ".join(f"{table} {rows}" for table, rows in written.items()) or "none"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Measure posting.")
    parser.add_argument("--invoices", type=int, default=INVOICES_OF_THE_MONTH, help="invoices of the whole month")
    parser.add_argument("--profile", type=Path, help="write a profile of the days to this file")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    figures = run(options.invoices, profile=options.profile)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        print(machine.line(figures["machine"]))
        show(figures)
    if figures["problems"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
