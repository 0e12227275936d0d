"""Fixtures of the posting tests."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import Bench, Entry, bench


@pytest.fixture
def acme(
    sandbox: Callable[..., SandboxUnderTest], taken_in: Callable[..., AbstractContextManager[Engine]]
) -> Generator[Bench]:
    """A connection with a clean month of 200 invoices taken in, nothing posted yet."""
    with taken_in(invoices=200) as engine, bench(sandbox(invoices=200), engine) as connected:
        yield connected


@pytest.fixture
def quiet(sandbox: Callable[..., SandboxUnderTest], quiet_engine: Engine) -> Generator[Bench]:
    """A connection with a small month taken in that has no documents on ``QUIET_DAY``; nothing is posted yet."""
    with bench(sandbox(invoices=20), quiet_engine) as connected:
        yield connected


@pytest.fixture(params=["files", "single"])
def either(
    request: pytest.FixtureRequest, sandbox: Callable[..., SandboxUnderTest], quiet_engine: Engine
) -> Generator[Bench]:
    """``quiet``, once with a Vantagepoint that uses files, and once with one that takes documents one by one."""
    entry: Entry = request.param
    running = sandbox(invoices=20, vantagepoint={"use_files": entry == "files"})
    with bench(running, quiet_engine, entry=entry) as connected:
        yield connected
