"""The databases of this package's simulations: on the session's server, made once per worker."""

import os
from collections.abc import Callable, Generator

import pytest

from st_deltek_pipeline_tests.simulation.database import Databases
from st_deltek_pipeline_tests.simulation.verdicts import Failure, judge_seed


@pytest.fixture(scope="session")
def databases(postgres_url: str) -> Generator[Databases]:
    """Copies of a database into which both systems were taken in."""
    made = Databases(postgres_url, f"simulation_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}")
    yield made
    made.close()


@pytest.fixture
def holds(databases: Databases) -> Callable[[int], None]:
    """A function that fails with the smallest script when the simulation of a seed does not hold."""

    def check(seed: int) -> None:
        verdict = judge_seed(databases, seed)
        if isinstance(verdict, Failure):
            pytest.fail(str(verdict), pytrace=False)

    return check
