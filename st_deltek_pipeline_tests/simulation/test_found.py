"""Scripts to which failures were shrunk that simulations found in the product, and their neighbours."""

import pytest

from st_deltek_pipeline_tests.simulation.database import Databases
from st_deltek_pipeline_tests.simulation.flavours import CASH, CREDITS, INVOICES
from st_deltek_pipeline_tests.simulation.script import (
    ClosePeriod,
    Credit,
    Flavour,
    MakeInvoice,
    Pay,
    Script,
    Sync,
    Void,
)
from st_deltek_pipeline_tests.simulation.step import Step
from st_deltek_pipeline_tests.simulation.verdicts import Failure, judge


def _holds(databases: Databases, flavour: Flavour, *steps: Step) -> None:
    verdict = judge(databases, Script(0, flavour, steps), tries=0)
    if isinstance(verdict, Failure):
        pytest.fail(str(verdict), pytrace=False)


@pytest.mark.parametrize(
    ("flavour", "applied"),
    [
        pytest.param(Flavour(CREDITS), Credit(which=0, day=3, cents=2500), id="credit-memo"),
        pytest.param(Flavour(CASH), Pay(which=0, day=3, cents=2500), id="payment"),
    ],
)
def test_what_waited_for_an_invoice_of_its_own_day_is_posted_in_the_synchronisation_that_posts_the_invoice(
    databases: Databases, flavour: Flavour, applied: Step
) -> None:
    """The day was run with its invoices alone, and counted as run for what was applied to them, too."""
    _holds(
        databases,
        flavour,
        MakeInvoice(day=3, cents=(10000,)),
        applied,
        ClosePeriod(period=0),
        # The end of every script opens the period, synchronises once and runs each day again.
        Sync(),
    )


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param((), id="under-way"),
        pytest.param((ClosePeriod(period=0), Sync()), id="entered-and-not-posted"),
    ],
)
def test_a_revision_that_waited_behind_a_file_is_posted_in_the_synchronisation_that_finishes_the_file(
    databases: Databases, meanwhile: tuple[Step, ...]
) -> None:
    """The file was posted and the day counted as settled, so the newer revision waited for the next business day."""
    # The process dies when the file is entered, before it is posted.
    _holds(
        databases,
        Flavour(INVOICES),
        MakeInvoice(day=0, cents=(3333,)),
        Sync(crash=67),
        Void("invoice", which=0),
        *meanwhile,
    )
