"""A real receiver over HTTP with a real database, and somebody who signs what is sent to it."""

import json
import socket
import threading
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from sqlalchemy import Engine, text

from st_deltek_pipeline.connections.example import starting_file
from st_deltek_pipeline.domain.webhook_signatures import SignatureEncoding, signature
from st_deltek_pipeline.services.webhook_keys import store_key
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.vault import open_vault
from st_deltek_pipeline.webhooks.limits import Limits
from st_deltek_pipeline.webhooks.server import Receiver
from st_deltek_pipeline_tests.tampering import tampering

TENANT = 4711
KEY = "0123456789abcdef" * 2
HEADER = "x-servicetitan-signature"
TIMEOUT = 30


def write_connection(settings: Settings, name: str, webhooks: Mapping[str, Any], tenant: int = TENANT) -> Path:
    """Write a connection file whose webhooks are as given."""
    content = yaml.load(starting_file(name), yaml.BaseLoader)  # noqa: S506 (texts only)
    content["servicetitan"]["tenant_id"] = tenant
    content["webhooks"] = dict(webhooks)
    path = settings.connections_dir / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def event(record: int, **changes: Any) -> dict[str, Any]:
    """Return a CloudEvent about an invoice."""
    return {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "type": "tn.acc.invoice-posted",
        "time": "2026-10-05T12:30:00Z",
        "source": "https://webhooks.servicetitan.io",
        "userassignedid": f"occurrence-{record}",
        "datacontenttype": "application/json",
        "data": {"invoice": {"id": record}, "tenantId": TENANT, "tenantName": "Acme"},
        **changes,
    }


def signed(body: bytes, key: str = KEY) -> dict[str, str]:
    """Return the headers of a rightly signed body."""
    return {HEADER: signature(body, key, SignatureEncoding.HEX), "content-type": "application/json"}


@dataclass
class RunningReceiver:
    """A receiver that answers, its database, and the connections it told of."""

    receiver: Receiver
    engine: Engine
    settings: Settings
    told: list[set[str]] = field(default_factory=list[set[str]])

    @property
    def url(self) -> str:
        return self.receiver.url

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.url.rsplit(":", 1)[1])

    def send(
        self, body: object, headers: Mapping[str, str] | None = None, connection: str = "acme"
    ) -> requests.Response:
        """Send a body, signed unless headers are given."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(
            f"{self.url}/webhooks/{connection}/servicetitan",
            data=content,
            headers=signed(content) if headers is None else headers,
            timeout=TIMEOUT,
        )

    def raw(self) -> socket.socket:
        """Open a connection to write on byte by byte."""
        return socket.create_connection(self.address, TIMEOUT)

    def rows(self, columns: str = "record_id, state, deliveries", where: str = "true") -> list[tuple[Any, ...]]:
        """Read the inbox."""
        with self.engine.connect() as db:
            statement = text(f"SELECT {columns} FROM inbox.events WHERE {where} ORDER BY seq")  # noqa: S608 (the tests' own)
            rows = db.execute(statement)
            return [tuple(bytes(each) if isinstance(each, memoryview) else each for each in row) for row in rows]


@contextmanager
def running_receiver(
    settings: Settings, engine: Engine, limits: Limits | None = None, **options: Any
) -> Generator[RunningReceiver]:
    """Run a receiver in a thread until the block ends."""
    told: list[set[str]] = []
    receiver = Receiver(settings, engine, host="127.0.0.1", port=0, limits=limits, on_new=told.append, **options)
    ready = threading.Event()
    thread = threading.Thread(target=lambda: receiver.run(ready.set), name="receiver")
    thread.start()
    try:
        assert ready.wait(TIMEOUT)
        yield RunningReceiver(receiver, engine, settings, told)
    finally:
        receiver.ask_to_stop()
        thread.join(TIMEOUT)
        assert not thread.is_alive()


def prepare(settings: Settings, engine: Engine) -> None:
    """Let connection acme receive webhooks, signed with ``KEY``."""
    write_connection(settings, "acme", {"enabled": True})
    store_key(open_vault(engine, settings), "acme", KEY)


@pytest.fixture
def engine(module_engine: Engine) -> Generator[Engine]:
    """A database without a delivery and without a key; one for the module, since copying one costs a second."""
    with tampering(module_engine) as db:
        db.execute(text("TRUNCATE inbox.events, vault.secrets"))
    yield module_engine
    module_engine.dispose()


@pytest.fixture
def receiver(settings: Settings, engine: Engine) -> Generator[RunningReceiver]:
    """A receiver of connection acme on the test's own database."""
    prepare(settings, engine)
    with running_receiver(settings, engine, refresh_seconds=0.05) as running:
        yield running
