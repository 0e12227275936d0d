"""The receiver is killed between the commit of a delivery and its answer, and before it: one event in the end."""

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.boundaries import Boundary
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline_tests.crashes.test_kills import KILLED
from st_deltek_pipeline_tests.crashes.workers import DONE, Halt, ended, receive, started
from st_deltek_pipeline_tests.webhooks.conftest import TIMEOUT, event, prepare, signed


@contextmanager
def receiving(settings: Settings, folder: Path, halt: Halt | None = None) -> Generator[tuple[str, ForkServerProcess]]:
    """Run a receiver in a process of its own."""
    address = folder / f"address-{halt is None}"
    process = started(receive, settings, address, halt)
    try:
        deadline = time.monotonic() + TIMEOUT
        while not address.exists():
            assert process.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield address.read_text(), process
    finally:
        process.terminate()
        process.join(TIMEOUT)


def deliver(url: str, body: bytes) -> requests.Response:
    """Deliver an event."""
    return requests.post(f"{url}/webhooks/acme/servicetitan", data=body, headers=signed(body), timeout=TIMEOUT)


def kept(engine: Engine) -> list[Any]:
    """Read the inbox."""
    with engine.connect() as db:
        return [tuple(row) for row in db.execute(text("SELECT record_id, deliveries FROM inbox.events"))]


@pytest.mark.parametrize(
    ("moment", "times"),
    [pytest.param(Boundary.DELIVERY_WRITTEN, 1, id="written"), pytest.param(Boundary.DELIVERY_KEPT, 2, id="kept")],
)
def test_a_delivery_whose_answer_was_lost_with_the_receiver_is_one_event_when_it_comes_again(
    settings: Settings, engine: Engine, tmp_path: Path, moment: Boundary, times: int
) -> None:
    """T28: what was not answered 200 is sent again by ServiceTitan."""
    prepare(settings, engine)
    body = json.dumps(event(1)).encode()
    with receiving(settings, tmp_path, Halt(moment)) as (url, process):
        with pytest.raises(requests.ConnectionError):
            deliver(url, body)
        assert ended(process) == KILLED
    assert kept(engine) == [(1, 1)][: times - 1]
    with receiving(settings, tmp_path) as (url, process):
        assert deliver(url, body).status_code == 200
    assert process.exitcode == DONE
    assert kept(engine) == [(1, times)]
