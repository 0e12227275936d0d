"""Fixtures of the orchestration tests."""

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.sandbox.contractor.generate import generate
from st_deltek_pipeline_tests.orchestration.installations import Installation, installed
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest, running_sandbox


@pytest.fixture
def acme(sandbox: Callable[..., SandboxUnderTest], engine: Engine, tmp_path: Path) -> Generator[Installation]:
    """An installation with a clean month of 60 invoices, nothing taken in yet."""
    with installed(engine, tmp_path, sandbox(invoices=60)) as installation:
        yield installation


@pytest.fixture(scope="module")
def shared_acme(module_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Generator[Installation]:
    """An installation with the last third of an awkward month, shared by a module's tests in their order."""
    folder = tmp_path_factory.mktemp("installation")
    with (
        running_sandbox(invoices=200, scenario="month") as sandbox,
        installed(module_engine, folder, sandbox) as installation,
    ):
        # Each business day is a run of a second: seven of them show as much as twenty.
        installation.write_file(start_date="2026-10-22")
        yield installation


@pytest.fixture(scope="module")
def ready() -> Mapping[str, Any]:
    """A sandbox's ready line as far as connection files need it; nothing listens there."""
    world = generate(7, "2026-10", invoices=20)
    return {
        "servicetitan": {"api_url": "http://127.0.0.1:9", "auth_url": "http://127.0.0.1:9", "tenant_id": 1},
        "vantagepoint": {"base_url": "http://127.0.0.1:9/api", "database": "D", "company": "01"},
        "connection": world.connection,
    }
