"""Measures the webhook receiver: how long a delivery takes from sent to answered, at a steady rate.

    python -m benchmarks.webhooks [--seconds 30] [--rate 100]

The receiver is ``st-deltek webhooks serve`` in a process of its own, on a fresh embedded PostgreSQL with the product's own
settings, so that each answer has waited for the disk. A delivery's time begins when it was due, not when a sender got
round to it: a receiver that falls behind cannot hide it.
"""

import argparse
import http.client
import json
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import yaml
from sqlalchemy import text

from benchmarks import machine
from st_deltek_pipeline.cli.child_process import ChildProcess
from st_deltek_pipeline.connections.example import starting_file
from st_deltek_pipeline.domain.webhook_signatures import SignatureEncoding, signature
from st_deltek_pipeline.services.webhook_keys import new_key, store_key
from st_deltek_pipeline.settings import (
    CONNECTIONS_DIR_VARIABLE,
    CONNECTIONS_VARIABLE,
    DATA_DIR_VARIABLE,
    DATABASE_URL_VARIABLE,
    Settings,
)
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.store.vault import open_vault

MOST_MILLISECONDS = 50
_CONNECTION = "benchmark"
_HEADER = "x-servicetitan-signature"
_SENDERS = 16
_WARM_UP = 200
_TIMEOUT = 30
# An invoice's header as ServiceTitan sends it has some 3 KiB.
_FILLING = "x" * 2_700


def run(seconds: int = 30, rate: int = 100) -> dict[str, Any]:
    """Send deliveries and measure.

    Args:
        seconds: For how long.
        rate: Deliveries per second.

    Returns:
        The figures; ``problems`` says what is not as it must be.
    """
    with tempfile.TemporaryDirectory(prefix="st-deltek-benchmark-") as name, ExitStack() as stack:
        folder = Path(name)
        postgres = EmbeddedPostgres(folder / "data")
        stack.callback(postgres.stop, force=True)
        settings = Settings(folder / "data", postgres.ensure_running(), folder / "connections", None)
        engine = ready_database(settings)
        stack.callback(engine.dispose)
        key = _prepare(settings, engine)
        environment = {
            DATA_DIR_VARIABLE: str(settings.data_dir),
            DATABASE_URL_VARIABLE: str(settings.database_url),
            CONNECTIONS_DIR_VARIABLE: str(settings.connections_dir),
            CONNECTIONS_VARIABLE: "",
        }
        with mock.patch.dict("os.environ", environment):
            arguments = ["webhooks", "serve", "--json", "--port", "0"]
            receiver = stack.enter_context(ChildProcess("The receiver", arguments, folder / "receiver.log"))
        url = urlsplit(receiver.ready["connections"][_CONNECTION])
        _send(url.netloc, url.path, key, range(-_WARM_UP, 0), rate)
        times, statuses = _send(url.netloc, url.path, key, range(seconds * rate), rate)
        with engine.connect() as db:
            kept = int(db.execute(text("SELECT count(*) FROM inbox.events")).scalar_one()) - _WARM_UP
    problems = [] if set(statuses) == {200} else [f"answers other than 200: {sorted(set(statuses) - {200})}"]
    if kept != statuses.count(200):
        problems.append(f"{statuses.count(200)} were acknowledged, {kept} are in the inbox")
    cuts = statistics.quantiles(times, n=1000)
    return {
        "deliveries": len(times),
        "per_second": rate,
        "p50_milliseconds": round(cuts[499], 1),
        "p95_milliseconds": round(cuts[949], 1),
        "p99_milliseconds": round(cuts[989], 1),
        "slowest_milliseconds": round(max(times), 1),
        "problems": problems,
    }


def _prepare(settings: Settings, engine: Any) -> str:  # noqa: ANN401 (SQLAlchemy's engine)
    settings.connections_dir.mkdir(parents=True)
    content = yaml.safe_load(starting_file(_CONNECTION))
    content["webhooks"] = {"enabled": True}
    (settings.connections_dir / f"{_CONNECTION}.yaml").write_text(yaml.safe_dump(content))
    key = new_key()
    store_key(open_vault(engine, settings), _CONNECTION, key)
    return key


def _body(number: int) -> bytes:
    return json.dumps(
        {
            "specversion": "1.0",
            "id": f"delivery-{number}",
            "type": "tn.acc.invoice-posted",
            "time": "2026-10-05T12:30:00Z",
            "source": "https://webhooks.servicetitan.io",
            "userassignedid": f"occurrence-{number}",
            "datacontenttype": "application/json",
            "data": {"invoice": {"id": abs(number) + 1, "filling": _FILLING}, "tenantId": 123456789, "tenantName": "B"},
        }
    ).encode()


def _send(host: str, path: str, key: str, numbers: range, rate: int) -> tuple[list[float], list[int]]:
    """Send deliveries when each is due; return milliseconds from then to the answer, and the answers' statuses."""
    signed = [(body, signature(body, key, SignatureEncoding.HEX)) for body in map(_body, numbers)]
    times, statuses = [0.0] * len(signed), [0] * len(signed)
    next_one, began = count(), time.perf_counter() + 0.1

    def sender() -> None:
        connection = http.client.HTTPConnection(host, timeout=_TIMEOUT)
        while (place := next(next_one)) < len(signed):
            due = began + place / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            body, header = signed[place]
            connection.request("POST", path, body, {_HEADER: header, "content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            statuses[place] = answer.status
            times[place] = (time.perf_counter() - due) * 1000
        connection.close()

    senders = [threading.Thread(target=sender) for _ in range(_SENDERS)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    return times, statuses


def show(figures: dict[str, Any]) -> None:
    """Print the figures."""
    print(
        f"Webhooks: {figures['deliveries']:,} deliveries at {figures['per_second']}/s, answered in "
        f"{figures['p50_milliseconds']} ms (p50), {figures['p95_milliseconds']} ms (p95), "
        f"{figures['p99_milliseconds']} ms (p99), {figures['slowest_milliseconds']} ms at most"
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Measure the webhook receiver.")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=100)
    options = parser.parse_args()
    print(f"Load average before measuring: {machine.load()}")
    figures = run(options.seconds, options.rate)
    show(figures)
    if figures["problems"]:
        raise SystemExit("\n".join(figures["problems"]))


if __name__ == "__main__":
    main()
