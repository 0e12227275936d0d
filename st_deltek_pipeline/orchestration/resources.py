"""The one Dagster resource: the database and both systems' clients of a connection, opened when first used.

It has no configuration fields on purpose. Whatever a resource is configured with ends up in clear in the definition
snapshot or the event log (dagster.md section 5); credentials are read from the vault inside the run instead.
"""

import threading
import time
from dataclasses import dataclass, field

from sqlalchemy import Engine

from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.services.clients import servicetitan_client, vantagepoint_client
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.statistics import refresh_statistics
from st_deltek_pipeline.store.vault import Vault, open_vault
from st_deltek_pipeline.vantagepoint.client import VantagepointClient

RESOURCE_KEY = "pipeline"

_MOMENT_SECONDS = 0.5


@dataclass
class _Opened:
    """What a process has opened so far; steps of one run share tokens and connections by it."""

    engine: Engine | None = None
    servicetitan: dict[str, ServiceTitanClient] = field(default_factory=dict[str, ServiceTitanClient])
    usernames: dict[str, str] = field(default_factory=dict[str, str])
    vantagepoint: dict[str, VantagepointClient] = field(default_factory=dict[str, VantagepointClient])


class Pipeline:
    """Database and clients of this process.

    Args:
        settings: The installation.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.RLock()
        self._opened = _Opened()
        self._statistics_at = -_MOMENT_SECONDS

    @property
    def settings(self) -> Settings:
        """The installation."""
        return self._settings

    @property
    def engine(self) -> Engine:
        """The database, with its schema up to date."""
        with self._lock:
            if self._opened.engine is None:
                self._opened.engine = ready_database(self._settings)
            return self._opened.engine

    @property
    def vault(self) -> Vault:
        """The vault, for secrets that belong to neither system."""
        return open_vault(self.engine, self._settings)

    def refresh_statistics(self) -> None:
        """Tell the database's planner about tables that have just grown; call it before work on many rows.

        Looking costs little, but a day has dozens of small steps, and no table grows much in a moment.
        """
        if time.monotonic() - self._statistics_at < _MOMENT_SECONDS:
            return
        refresh_statistics(self.engine)
        self._statistics_at = time.monotonic()

    def servicetitan(self, wiring: Wiring) -> ServiceTitanClient:
        """Return the client of the connection's ServiceTitan tenant.

        Raises:
            CredentialsError: The vault has no credentials for it.
        """
        with self._lock:
            if wiring.name not in self._opened.servicetitan:
                secrets = self._secrets(wiring, "servicetitan")
                client = servicetitan_client(self._settings, wiring.connection, secrets)
                self._opened.servicetitan[wiring.name] = client
            return self._opened.servicetitan[wiring.name]

    def vantagepoint(self, wiring: Wiring) -> VantagepointClient:
        """Return the client of the connection's Vantagepoint database.

        Raises:
            CredentialsError: The vault has no credentials for it.
        """
        with self._lock:
            if wiring.name not in self._opened.vantagepoint:
                secrets = self._secrets(wiring, "vantagepoint")
                client = vantagepoint_client(self._settings, wiring.connection, secrets)
                self._opened.vantagepoint[wiring.name] = client
                self._opened.usernames[wiring.name] = secrets.get("username", "")
            return self._opened.vantagepoint[wiring.name]

    def posting_context(self, wiring: Wiring, run_id: str) -> PostingContext:
        """Return what the posting services need for one run.

        Raises:
            CredentialsError: The vault has no credentials for Vantagepoint.
        """
        client = self.vantagepoint(wiring)
        return PostingContext(
            engine=self.engine,
            settings=wiring.connection,
            calendar=wiring.calendar,
            client=client,
            username=self._opened.usernames[wiring.name],
            run_id=run_id,
        )

    def close(self) -> None:
        """Close everything opened; the next use opens it again."""
        with self._lock:
            opened, self._opened = self._opened, _Opened()
        for client in (*opened.servicetitan.values(), *opened.vantagepoint.values()):
            client.close()
        if opened.engine is not None:
            opened.engine.dispose()

    def _secrets(self, wiring: Wiring, system: str) -> dict[str, str]:
        return self.vault.get(wiring.name, system)
