"""Fixtures of the posting tests."""

from collections.abc import Callable, Generator

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import Bench, bench


@pytest.fixture
def acme(sandbox: Callable[..., SandboxUnderTest], engine: Engine) -> Generator[Bench]:
    """A connection with a clean month of 200 invoices taken in, nothing posted yet."""
    with bench(sandbox(invoices=200), engine) as connected:
        connected.take_in()
        yield connected


@pytest.fixture
def quiet(sandbox: Callable[..., SandboxUnderTest], engine: Engine) -> Generator[Bench]:
    """A connection with a small month taken in that has no documents on ``QUIET_DAY``; nothing is posted yet."""
    with bench(sandbox(invoices=20), engine) as connected:
        connected.take_in()
        yield connected
