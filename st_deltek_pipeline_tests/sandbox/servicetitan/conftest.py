"""A served tenant for reading, and one per test for changing."""

from collections.abc import Generator

import pytest

from st_deltek_pipeline_tests.sandbox.servicetitan.money_rows import money_world
from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import Tenant, served


@pytest.fixture(scope="module")
def tenant() -> Generator[Tenant]:
    """For tests that only read."""
    with served() as running:
        yield running


@pytest.fixture
def own_tenant() -> Generator[Tenant]:
    """For a test that changes something."""
    with served() as running:
        yield running


@pytest.fixture(scope="module")
def payer() -> Generator[Tenant]:
    """A tenant with payments, a credit memo, a deposit and vendors, for tests that only read."""
    with served(money_world()) as running:
        yield running


@pytest.fixture
def own_payer() -> Generator[Tenant]:
    """The same for a test that changes something."""
    with served(money_world()) as running:
        yield running
