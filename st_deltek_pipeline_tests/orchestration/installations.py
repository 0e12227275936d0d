"""An installation with one connection to a running sandbox, as a person would set it up: file, vault, environment."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine

from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.reconciliation import Area
from st_deltek_pipeline.services.clients import CREDENTIAL_NAMES
from st_deltek_pipeline.settings import Settings, load_settings
from st_deltek_pipeline.store.vault import open_vault
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest

CONNECTION = "acme"


@dataclass
class Installation:
    """Settings as the environment says them, and the sandbox that the connection points to."""

    settings: Settings
    engine: Engine
    sandbox: SandboxUnderTest

    @property
    def connection(self) -> ConnectionSettings:
        return find_connection(self.settings, CONNECTION)

    @property
    def secrets(self) -> list[str]:
        ready = self.sandbox.ready_line
        secret_names = ("client_secret", "app_key", "password")
        return [ready[system][name] for system in CREDENTIAL_NAMES for name in secret_names if name in ready[system]]

    @property
    def books(self) -> dict[Area, Decimal]:
        """What Vantagepoint itself has in its ledgers: receivables, money in the bank, payables."""
        sums = {"IN": Decimal("0.00"), "CR": Decimal("0.00"), "AP": Decimal("0.00")}
        for row in self.sandbox.ledger():
            if row["AutoEntry"] == "Y":
                sums[row["TransType"]] += Decimal(row["Amount"])
        return {Area.AR: sums["IN"], Area.CASH: sums["CR"], Area.AP: -sums["AP"]}

    def write_file(self, name: str = CONNECTION, **changes: Any) -> Path:
        return write_connection_file(self.settings.connections_dir, self.sandbox.ready_line, name, **changes)

    def move_only(self, *kinds: Kind, **changes: Any) -> None:
        """Let the connection move these kinds alone: each of the others is a dozen steps more in every synchronisation."""
        posting = self.sandbox.connection.get("posting", {})
        self.write_file(posting={**posting, "documents": [kind.value for kind in kinds]}, **changes)

    def store_credentials(self, name: str = CONNECTION, **changes: Mapping[str, str]) -> None:
        vault = open_vault(self.engine, self.settings)
        for system, names in CREDENTIAL_NAMES.items():
            values = {key: str(self.sandbox.ready_line[system][key]) for key in names}
            vault.put(name, system, {**values, **changes.get(system, {})})


def write_connection_file(folder: Path, ready: Mapping[str, Any], name: str = CONNECTION, **changes: Any) -> Path:
    """Write ``NAME.yaml`` for a sandbox's ready line; ``changes`` replace top-level keys."""
    content = {
        "name": name,
        **ready["connection"],
        "servicetitan": {key: ready["servicetitan"][key] for key in ("api_url", "auth_url", "tenant_id")},
        "vantagepoint": {key: ready["vantagepoint"][key] for key in ("base_url", "database", "company")},
        **changes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return path


@contextmanager
def installed(engine: Engine, folder: Path, sandbox: SandboxUnderTest) -> Generator[Installation]:
    """Set the environment up for an installation in ``folder`` on the engine's database."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("ST_DELTEK_CONNECTIONS", "ST_DELTEK_DAGSTER_DATABASE_URL", "DAGSTER_HOME"):
            patch.delenv(variable, raising=False)
        patch.setenv("ST_DELTEK_DATA_DIR", str(folder / "data"))
        patch.setenv("ST_DELTEK_CONNECTIONS_DIR", str(folder / "connections"))
        patch.setenv("ST_DELTEK_DATABASE_URL", engine.url.render_as_string(hide_password=False))
        installation = Installation(load_settings(), engine, sandbox)
        installation.settings.data_dir.mkdir(parents=True)
        installation.write_file()
        installation.store_credentials()
        yield installation
