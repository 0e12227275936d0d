"""One small connected world for a module's crashes, each on a day of its own."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from itertools import cycle
from typing import ClassVar

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox
from st_deltek_pipeline_tests.services.posting.harness import Bench, bench


@dataclass
class Office:
    """A connection with its records taken in, and the days after them."""

    FIRST_DAY: ClassVar = date(2026, 11, 3)
    LAST_DAY: ClassVar = date(2026, 12, 31)

    acme: Bench
    days: Iterator[date]

    def day(self) -> date:
        """Return a day that nothing is under way on."""
        return next(self.days)


@pytest.fixture(scope="module")
def office(taken_in: Callable[..., AbstractContextManager[Engine]]) -> Generator[Office]:
    with (
        taken_in(invoices=20) as engine,
        running_sandbox(invoices=20) as sandbox,
        bench(sandbox, engine) as connected,
    ):
        days = list(connected.calendar.business_days(Office.FIRST_DAY, Office.LAST_DAY))
        yield Office(connected, cycle(days))
