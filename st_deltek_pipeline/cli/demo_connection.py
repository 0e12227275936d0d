"""The demo's connection: a sandbox whose changes are kept, its connection file, its credentials in the vault."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from st_deltek_pipeline.cli.ports import is_free
from st_deltek_pipeline.cli.sandbox_process import SandboxProcess
from st_deltek_pipeline.connections.files import load_connection
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.services.clients import CREDENTIAL_NAMES
from st_deltek_pipeline.services.webhook_keys import new_key, signing_keys, store_key
from st_deltek_pipeline.settings import (
    CONNECTIONS_VARIABLE,
    DAGSTER_DATABASE_URL_VARIABLE,
    DATA_DIR_VARIABLE,
    DATABASE_URL_VARIABLE,
    FILE_SUFFIX,
    Settings,
    load_settings,
)
from st_deltek_pipeline.store.database import open_database, ready_database
from st_deltek_pipeline.store.vault import open_vault

CONNECTION = "demo"

_MONTH = "2026-10"
_SEED = "7"
# With them come as many payments, and bills: over 15,000 documents in all.
_INVOICES = 5750
_SIZE_FILE = "invoices"
_HOST = "127.0.0.1"
_CALLS_PER_SECOND = 60
_DOCUMENTS_PER_FILE = 500


@dataclass(frozen=True)
class DemoPlaces:
    """Where the demo keeps its things, inside the data folder.

    Attributes:
        month: The contractor's.
        invoices: How many the month has.
    """

    folder: Path
    month: str
    invoices: int

    @property
    def connection_file(self) -> Path:
        """Where ``load_connections`` finds it beside the installation's own connections."""
        return self.folder.parent / "connections" / f"{CONNECTION}.yaml"

    @property
    def sandbox_log(self) -> Path:
        """What the sandbox says."""
        return self.folder / "sandbox.log"

    @property
    def sandbox_state(self) -> Path:
        """What has changed in both systems since they were generated."""
        return self.folder / f"sandbox-{self.month}"

    @property
    def changes(self) -> Path:
        """What the demo has had ServiceTitan's users do since."""
        return self.folder / f"changes-{self.month}.json"


def demo_settings() -> Settings:
    """Return the demo's settings, for this process and those it starts.

    Dagster's instance reads the environment: neither a named server nor other connections are the demo's to touch.
    """
    for variable in (DATABASE_URL_VARIABLE, DAGSTER_DATABASE_URL_VARIABLE, CONNECTIONS_VARIABLE, "DAGSTER_HOME"):
        os.environ.pop(variable, None)
        os.environ.pop(f"{variable}{FILE_SUFFIX}", None)
    return load_settings()


def demo_places(settings: Settings, invoices: int | None = None) -> DemoPlaces:
    """Return the demo's places; nothing is created.

    Args:
        settings: The installation.
        invoices: How many the month shall have; by default as many as the last time.

    Raises:
        ConfigurationError: This data folder has a contractor of another size: its journal would not fit.
    """
    folder = settings.data_dir / "demo"
    size = folder / _SIZE_FILE
    known = int(size.read_text()) if size.exists() else None
    if known is not None and invoices not in {None, known}:
        message = f"The demo in {settings.data_dir} has a month of {known} invoices already."
        advice = f"Leave --invoices out, remove {settings.data_dir}, or name another folder in {DATA_DIR_VARIABLE}."
        raise ConfigurationError(message, advice=advice)
    return DemoPlaces(folder, _month(), known or invoices or _INVOICES)


def demo_sandbox(places: DemoPlaces) -> SandboxProcess:
    """Return the demo's sandbox, not started yet, on the ports it had the last time where they are free.

    Args:
        places: From ``demo_places``.
    """
    places.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (places.folder / _SIZE_FILE).write_text(f"{places.invoices}\n")
    servicetitan_port, vantagepoint_port = _ports(places.connection_file)
    arguments = ["--seed", _SEED, "--month", places.month, "--invoices", str(places.invoices), "--scenario", "month"]
    arguments += ["--state-dir", str(places.sandbox_state)]
    arguments += ["--servicetitan-port", str(servicetitan_port), "--vantagepoint-port", str(vantagepoint_port)]
    return SandboxProcess(arguments, places.sandbox_log)


def connect(settings: Settings, places: DemoPlaces, ready: Mapping[str, Any]) -> ConnectionSettings:
    """Write the connection file for a running sandbox, and put its credentials into the vault.

    Args:
        settings: The installation.
        places: From ``demo_places``.
        ready: The sandbox's ready line.

    Returns:
        The connection as it is read back from the file.
    """
    servicetitan, vantagepoint = ready["servicetitan"], ready["vantagepoint"]
    content = {
        "name": CONNECTION,
        **ready["connection"],
        "servicetitan": {name: servicetitan[name] for name in ("api_url", "auth_url", "tenant_id")},
        "vantagepoint": {
            **{name: vantagepoint[name] for name in ("base_url", "database", "company")},
            # A Vantagepoint on this machine need not be spared as a hosted one is.
            "calls_per_second": _CALLS_PER_SECOND,
            "documents_per_file": _DOCUMENTS_PER_FILE,
        },
        "webhooks": {"enabled": True},
    }
    places.connection_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    head = "# Written by st-deltek demo each time it runs. The sandbox it points to runs with the demo and with st-deltek up.\n"
    places.connection_file.write_text(head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    engine = ready_database(settings)
    try:
        vault = open_vault(engine, settings)
        for system, names in CREDENTIAL_NAMES.items():
            vault.put(CONNECTION, system, {name: str(ready[system][name]) for name in names})
        if not signing_keys(vault, CONNECTION).keys:
            store_key(vault, CONNECTION, new_key())
    finally:
        engine.dispose()
    return load_connection(places.connection_file)


def subscribe(settings: Settings, sandbox: SandboxProcess, url: str) -> None:
    """Let the sandbox send its webhooks to a receiver.

    Args:
        settings: The installation.
        sandbox: Of the demo, running.
        url: Where the receiver takes the demo's webhooks.
    """
    engine = open_database(settings)
    try:
        key = signing_keys(open_vault(engine, settings), CONNECTION).keys[0]
    finally:
        engine.dispose()
    sandbox.act("PUT", "servicetitan/webhooks", {"url": url, "key": key})


def _month() -> str:
    """Return the demo's month, or the last whole one of this machine's clock if that is earlier.

    Days in the future are no partitions.
    """
    today = datetime.now(UTC).date()
    first = today.replace(day=1)
    last_month = (
        first.replace(year=first.year - 1, month=12) if first.month == 1 else first.replace(month=first.month - 1)
    )
    return min(_MONTH, f"{last_month:%Y-%m}")


def _ports(connection_file: Path) -> Sequence[int]:
    """The journal tells Vantagepoint databases apart by their address, so the sandbox keeps its own."""
    if not connection_file.exists():
        return 0, 0
    try:
        connection = load_connection(connection_file)
    except ConfigurationError:
        return 0, 0
    urls = (connection.servicetitan.api_url, connection.vantagepoint.base_url)
    return [port if port and is_free(_HOST, port) else 0 for port in (urlsplit(url).port for url in urls)]
