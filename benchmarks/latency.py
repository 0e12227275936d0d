"""Measures how long an invoice takes from being posted in ServiceTitan to standing in Vantagepoint's ledger.

    python -m benchmarks.latency [--events 100] [--minutes 10] [--invoices 300] [--no-webhooks]

The system is ``st-deltek up`` as it comes, on a fresh data folder with a month posted by ``st-deltek demo``: Dagster's
webserver, daemon and code server, the webhook receiver, the embedded PostgreSQL and the sandbox share this machine's cores.
The end is the time that the sandbox's ledger gives its rows, the beginning that at which ServiceTitan's user pressed the
button. With ``--no-webhooks`` the sandbox sends none, and what is measured is polling.
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import text

from benchmarks import machine
from st_deltek_pipeline.settings import DATA_DIR_VARIABLE, Settings
from st_deltek_pipeline.store.database import open_database

EVENTS, MINUTES, INVOICES = 100, 10.0, 300
MOST_SECONDS_P50, MOST_SECONDS_P95 = 5, 10

_SEED = 7
_TIMEOUT = 60
_START_SECONDS = 180
_LATEST_SECONDS = 900
_WARM_UP_EVENTS = 3
_RUNS = """
query Runs($filter: RunsFilter!) {
  runsOrError(filter: $filter, limit: 1000) {
    ... on Runs { results { runId creationTime startTime endTime tags { key value } } }
  }
}
"""


def run(
    events: int = EVENTS, minutes: float = MINUTES, invoices: int = INVOICES, *, webhooks: bool = True
) -> dict[str, Any]:
    """Post invoices at random moments and find out when each of them stood in the ledger.

    Args:
        events: How many.
        minutes: Over how long.
        invoices: Invoices of the month that is there before.
        webhooks: Whether ServiceTitan tells of them.

    Returns:
        Figures in seconds, ready for JSON; ``problems`` says what went wrong.
    """
    with tempfile.TemporaryDirectory(prefix="st-deltek-latency-") as folder, _live(Path(folder), invoices) as live:
        if not webhooks:
            live.admin("PUT", "servicetitan/webhooks", {})
        _post(live, _WARM_UP_EVENTS, 0.5)
        _wait_until_posted(live, _post(live, 1, 0.1))
        sent = _post(live, events, minutes)
        posted = _wait_until_posted(live, sent)
        parts = _parts(live, sent, posted) if webhooks else {}
        engine = open_database(live.settings)
        described = machine.describe(engine)
        engine.dispose()
    took = sorted(posted[number] - sent[number][0] for number in posted)
    missing = len(sent) - len(posted)
    return {
        "machine": described,
        "events": len(sent),
        "minutes": minutes,
        "documents_before": invoices,
        "webhooks": webhooks,
        "p50_seconds": _percentile(took, 50),
        "p95_seconds": _percentile(took, 95),
        "max_seconds": _percentile(took, 100),
        "parts": parts,
        "problems": [f"{missing} invoices were not in the ledger after {_LATEST_SECONDS} s"] if missing else [],
    }


def show(figures: dict[str, Any]) -> None:
    """Print what ``run`` returned.

    Args:
        figures: See ``run``.
    """
    how = "webhook" if figures["webhooks"] else "poll"
    print(f"{how} to ledger, {figures['events']} invoices over {figures['minutes']} minutes:")
    for name in ("p50", "p95", "max"):
        print(f"  {name} {figures[f'{name}_seconds']} s")
    for part, values in figures["parts"].items():
        print(f"  {part:<46} p50 {values['p50']:>6} s  p95 {values['p95']:>6} s")
    for problem in figures["problems"]:
        print(f"  problem: {problem}")


class _Live:
    def __init__(self, settings: Settings, admin_url: str, dagster_url: str) -> None:
        self.settings = settings
        self._admin_url = admin_url
        self._dagster_url = dagster_url
        self._session = requests.Session()

    def admin(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        answer = self._session.request(method, f"{self._admin_url}/{path}", json=body, timeout=_TIMEOUT)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def runs(self) -> list[dict[str, Any]]:
        answer = self._session.post(
            f"{self._dagster_url}/graphql",
            json={"query": _RUNS, "variables": {"filter": {"pipelineName": "demo_sync"}}},
            timeout=_TIMEOUT,
        )
        return answer.json()["data"]["runsOrError"]["results"]


@contextmanager
def _live(folder: Path, invoices: int) -> Generator[_Live]:
    environment = {**os.environ, DATA_DIR_VARIABLE: str(folder)}
    command = [str(Path(sys.executable).with_name("st-deltek"))]
    demo = [*command, "demo", "--invoices", str(invoices)]
    subprocess.run(demo, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process = subprocess.Popen(
        [*command, "up"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    addresses: dict[str, list[str]] = {}
    ready = threading.Event()

    def read() -> None:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        for line in process.stdout:
            name, _, address = line.strip().partition(" ")
            if address.strip().startswith("http"):
                addresses.setdefault(name, []).append(address.strip())
            if line.startswith("Press Ctrl-C"):
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    try:
        if not ready.wait(_START_SECONDS) or process.poll() is not None:
            message = "st-deltek up did not start"
            raise RuntimeError(message)
        settings = Settings(data_dir=folder, database_url=None, connections_dir=folder / "none", connection_names=None)
        yield _Live(settings, f"{addresses['Sandbox'][0]}/_sandbox", addresses["Dagster"][0])
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _post(live: _Live, events: int, minutes: float) -> dict[str, tuple[float, int]]:
    """Add invoices at random moments.

    Returns:
        By invoice number: when, as seconds of the epoch, and ServiceTitan's id.
    """
    chance = random.Random(_SEED)
    moments = sorted(chance.uniform(0, minutes * 60) for _ in range(events))
    began = time.time()
    sent: dict[str, tuple[float, int]] = {}
    for number, moment in enumerate(moments):
        time.sleep(max(0.0, began + moment - time.time()))
        at = time.time()
        wanted = {"date": f"2026-10-{5 + number % 20:02d}", "total": f"{10 + number}.00"}
        invoice = live.admin("POST", "servicetitan/invoices", wanted)
        sent[str(invoice["referenceNumber"])] = (at, invoice["id"])
    return sent


def _wait_until_posted(live: _Live, sent: dict[str, tuple[float, int]]) -> dict[str, float]:
    """Wait for the ledger; return by invoice number when it was posted, as the ledger itself says."""
    engine = open_database(live.settings)
    ids = [document_id for _, document_id in sent.values()]
    statement = text(
        """
        SELECT count(*) FROM journal.outcomes
        WHERE kind = 'invoice' AND outcome <> 'held' AND document_id = ANY(:ids)
        """
    )
    deadline = time.monotonic() + _LATEST_SECONDS
    while time.monotonic() < deadline:
        with engine.connect() as db:
            if db.execute(statement, {"ids": ids}).scalar_one() == len(ids):
                break
        time.sleep(1)
    engine.dispose()
    padded = {number.lstrip("0"): number for number in sent}
    return {
        padded[number]: datetime.fromisoformat(row["PostDate"]).replace(tzinfo=UTC).timestamp()
        for row in live.admin("GET", "ledger")
        if row["TransType"] == "IN" and (number := row["Invoice"].lstrip("0")) in padded
    }


def _parts(live: _Live, sent: dict[str, tuple[float, int]], posted: dict[str, float]) -> dict[str, dict[str, float]]:
    """Say where the time goes: from which moment to which, for every event."""
    engine = open_database(live.settings)
    statement = text(
        """
        SELECT DISTINCT ON (record_id) record_id, extract(epoch FROM received_at), handled_by_run
        FROM inbox.events WHERE record_id = ANY(:ids) AND handled_by_run IS NOT NULL
        ORDER BY record_id, received_at
        """
    )
    with engine.connect() as db:
        rows = db.execute(statement, {"ids": [document_id for _, document_id in sent.values()]}).all()
    engine.dispose()
    received = {row[0]: (float(row[1]), row[2]) for row in rows}
    runs = {each["runId"]: each for each in live.runs()}
    found: dict[str, list[float]] = {}
    for number, (at, document_id) in sent.items():
        if document_id not in received or number not in posted:
            continue
        kept, run_id = received[document_id]
        found.setdefault("ServiceTitan's button to kept in the inbox", []).append(kept - at)
        run_of_it = runs.get(run_id)
        if run_of_it is None or run_of_it["startTime"] is None:
            continue
        created, started = float(run_of_it["creationTime"]), float(run_of_it["startTime"])
        if created >= kept:
            found.setdefault("inbox to run requested", []).append(created - kept)
            found.setdefault("run requested to started (queue, fork)", []).append(started - created)
            found.setdefault("started to in the ledger", []).append(posted[number] - started)
        else:
            found.setdefault("taken along by a run under way", []).append(posted[number] - kept)
    return {
        part: {"events": len(values), "p50": _percentile(sorted(values), 50), "p95": _percentile(sorted(values), 95)}
        for part, values in found.items()
    }


def _percentile(ordered: Sequence[float], percent: int) -> float:
    if not ordered:
        return 0.0
    if percent == 50:  # noqa: PLR2004 - the median
        return round(statistics.median(ordered), 2)
    return round(ordered[max(0, -(-len(ordered) * percent // 100) - 1)], 2)


def main() -> None:
    """Measure and print; ``--json`` prints the figures for machines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--invoices", type=int, default=INVOICES)
    parser.add_argument("--no-webhooks", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = run(arguments.events, arguments.minutes, arguments.invoices, webhooks=not arguments.no_webhooks)
    if arguments.json:
        print(json.dumps(figures))
    else:
        show(figures)


if __name__ == "__main__":
    main()
