"""Measures intake and staging: invoices per second, what a second intake costs, and peak memory.

    python -m benchmarks.intake --invoices 50000

A server in a process of its own answers a pre-rendered feed (``benchmarks.feed_server``); the database is a fresh
embedded Postgres with the product's own settings. Both share the machine's cores with what is measured. Every
volume runs in a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from sqlalchemy import Engine, create_engine, text

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.services.feeds import FEEDS_BY_NAME
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.intake_pages import IntakeResult
from st_deltek_pipeline.services.staging import pending_days, stage_day
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.credentials import ServiceTitanCredentials
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.store.migrate import migrate

CONNECTION = "benchmark"
GOAL = 5500
_SURROUNDINGS = ("customers", "business_units", "jobs", "job_types", "tax_zones")


def _settings(url: str) -> ConnectionSettings:
    return ConnectionSettings.model_validate(
        {
            "name": CONNECTION,
            "environment": "sandbox",
            "start_date": date(2026, 9, 1),
            "allow_insecure_hosts": True,
            "servicetitan": {"api_url": url, "auth_url": url, "tenant_id": 1},
            "vantagepoint": {"base_url": f"{url}/api", "database": "none"},
            "calendar": {"time_zone": "America/Denver"},
            "coding": [{"give": {"wbs1": "1"}}],
        }
    )


def _client(url: str) -> ServiceTitanClient:
    return ServiceTitanClient(
        api_url=url,
        auth_url=url,
        tenant_id=1,
        credentials=ServiceTitanCredentials(client_id="cid.x", client_secret="cs1.x", app_key="ak1.x"),  # noqa: S106
        allow_insecure_hosts=True,
    )


def _writes(engine: Engine) -> dict[str, int]:
    # Statistics are reported when a session ends, so the pool's sessions have to end first.
    engine.dispose()
    query = text(
        """
        SELECT sum(n_tup_ins + n_tup_upd + n_tup_del), sum(n_dead_tup) FROM pg_stat_user_tables
        WHERE schemaname IN ('raw', 'staged', 'reference')
        """
    )
    other = create_engine(engine.url)
    try:
        with other.connect() as db:
            written, dead = db.execute(query).one()
            return {"written": int(written or 0), "dead": int(dead or 0)}
    finally:
        other.dispose()


def _calls(url: str) -> int:
    with urlopen(f"{url}/calls") as answer:  # noqa: S310 (our own loopback server)
        return int(json.load(answer)["calls"])


def measure(url: str, database_url: str) -> dict[str, Any]:
    """Take everything in and stage it, twice; runs in a process of its own.

    Args:
        url: The feed server.
        database_url: A fresh database.

    Returns:
        The figures.
    """
    engine = engine_for(database_url)
    migrate(engine)
    settings = _settings(url)
    calendar = BusinessCalendar("America/Denver", frozenset({6, 7}), frozenset())
    with _client(url) as client:

        def intake(name: str) -> IntakeResult:
            return take_in_feed(engine, client, CONNECTION, FEEDS_BY_NAME[name], run_id="benchmark")

        for name in _SURROUNDINGS:
            intake(name)
        started = time.perf_counter()
        raw = intake("invoices")
        taken_in = time.perf_counter()
        days = pending_days(engine, settings, calendar)
        results = [stage_day(engine, settings, calendar, Kind.INVOICE, day, run_id="benchmark") for day in days]
        staged = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        before, calls = _writes(engine), _calls(url)
        second = time.perf_counter()
        again = intake("invoices")
        nothing = pending_days(engine, settings, calendar)
        second_seconds = time.perf_counter() - second
        after = _writes(engine)
    engine.dispose()
    documents = sum(result.documents for result in results)
    if documents != raw.new_versions or nothing or again.new_versions:
        message = f"{raw.new_versions} taken in, {documents} staged, {len(nothing)} days pending at the end"
        raise SystemExit(message)
    return {
        "invoices": documents,
        "days": len(days),
        "total": str(sum(result.total for result in results)),
        "raw_seconds": round(taken_in - started, 3),
        "staged_seconds": round(staged - taken_in, 3),
        "raw_per_second": round(documents / (taken_in - started)),
        "staged_per_second": round(documents / (staged - taken_in)),
        "end_to_end_per_second": round(documents / (staged - started)),
        "second_intake_seconds": round(second_seconds, 3),
        "second_intake_calls": _calls(url) - calls,
        "second_intake_rows_written": after["written"] - before["written"],
        "second_intake_dead_rows": after["dead"] - before["dead"],
        "peak_memory_mib": round(peak / 1024, 1),
    }


@contextmanager
def _feed_server(invoices: int, page_size: int) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.feed_server"]
    command += ["--invoices", str(invoices), "--page-size", str(page_size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101 (a pipe was asked for)
            yield f"http://127.0.0.1:{json.loads(server.stdout.readline())['port']}"
        finally:
            server.terminate()


def _run(postgres: EmbeddedPostgres, invoices: int, page_size: int) -> dict[str, Any]:
    name = f"benchmark_{invoices}"
    admin = create_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as db:
        db.execute(text(f"CREATE DATABASE {name}"))
    with _feed_server(invoices, page_size) as url:
        command = [sys.executable, "-m", "benchmarks.intake", "--measure", url, postgres.url(name)]
        figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    with admin.connect() as db:
        db.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
    return figures


def run(
    invoices: int = 50_000, memory_volumes: tuple[int, ...] = (10_000, 100_000), page_size: int = 1000
) -> dict[str, Any]:
    """Run every measurement.

    Args:
        invoices: Volume of the throughput measurement.
        memory_volumes: Volumes whose peak memory is compared.
        page_size: Invoices per page of the feed; ServiceTitan does not publish its own.

    Returns:
        The figures, ready for JSON.
    """
    with tempfile.TemporaryDirectory(prefix="st-deltek-benchmark-") as folder:
        postgres = EmbeddedPostgres(Path(folder))
        postgres.ensure_running()
        try:
            throughput = _run(postgres, invoices, page_size)
            memory = [_run(postgres, volume, page_size) for volume in memory_volumes]
        finally:
            postgres.stop(force=True)
    return {"throughput": throughput, "memory": memory}


def show(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    throughput = figures["throughput"]
    print(f"Intake of {throughput['invoices']:,} three-line invoices on {throughput['days']} business days")
    print(f"  raw         {throughput['raw_per_second']:>8,} invoices/s")
    print(f"  staged      {throughput['staged_per_second']:>8,} invoices/s")
    print(f"  end to end  {throughput['end_to_end_per_second']:>8,} invoices/s   (goal: above {GOAL:,})")
    print(
        f"  second intake with nothing new: {throughput['second_intake_calls']} call,"
        f" {throughput['second_intake_rows_written']} rows written,"
        f" {throughput['second_intake_dead_rows']} dead rows, {throughput['second_intake_seconds']} s"
    )
    for volume in figures["memory"]:
        print(f"  peak memory for {volume['invoices']:>7,} invoices: {volume['peak_memory_mib']:.1f} MiB")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Measure intake and staging.")
    parser.add_argument("--invoices", type=int, default=50_000, help="volume of the throughput measurement")
    parser.add_argument("--memory", type=int, nargs="*", default=[10_000, 100_000], help="volumes of peak memory")
    parser.add_argument("--page-size", type=int, default=1000, help="invoices per page of the feed")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--measure", nargs=2, metavar=("URL", "DATABASE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    figures = run(options.invoices, tuple(options.memory), options.page_size)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures)


if __name__ == "__main__":
    main()
