"""Databases into which a sandbox's records were taken in: what most tests of a whole connection start from."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox
from st_deltek_pipeline_tests.services.posting.harness import bench

TakenIn = Callable[..., AbstractContextManager[Engine]]


@pytest.fixture(scope="session")
def taken_in(
    copied_database: Callable[[str], AbstractContextManager[Engine]], migrated_template: str
) -> Generator[TakenIn]:
    """A function that copies a database into which a sandbox's records were taken in (``running_sandbox``'s arguments).

    A sandbox generates the same records each time, so that one intake serves all tests that start from it.
    """
    originals: dict[str, str] = {}
    with ExitStack() as stack:

        @contextmanager
        def copied(**options: Any) -> Generator[Engine]:
            key = repr(sorted(options.items()))
            if key not in originals:
                original = stack.enter_context(copied_database(migrated_template))
                with running_sandbox(**options) as sandbox, bench(sandbox, original) as connected:
                    connected.take_in()
                original.dispose()
                originals[key] = str(original.url.database)
            with copied_database(originals[key]) as engine:
                yield engine

        yield copied


@pytest.fixture
def quiet_engine(taken_in: TakenIn) -> Generator[Engine]:
    """A database with the clean month of 20 invoices taken in, for one test that runs ``sandbox(invoices=20)``."""
    with taken_in(invoices=20) as engine:
        yield engine
