"""The simulation can fail: rules of the program are broken on purpose, and it says so."""

import pytest

from st_deltek_pipeline_tests.simulation.database import Databases
from st_deltek_pipeline_tests.simulation.flavours import BILLS, CASH, INVOICES, Flavour
from st_deltek_pipeline_tests.simulation.planted import BUGS, HARMLESS, planted
from st_deltek_pipeline_tests.simulation.script import (
    ArrivesLate,
    Bill,
    ClosePeriod,
    Deliver,
    EnterByHand,
    ExpireTokens,
    Lose,
    MakeInvoice,
    Pass,
    Pay,
    Poll,
    RenameCustomer,
    Script,
    Sync,
    Trouble,
    Void,
    as_python,
)
from st_deltek_pipeline_tests.simulation.verdicts import Failure, judge

_OPEN_BOOKS = Flavour(INVOICES, books={"role_processes_closed_periods": True})

# What each bug is found by: the smallest scripts of its kind.
SCRIPTS = {
    "lost answer taken for a refusal": Script(
        1, Flavour(INVOICES), (MakeInvoice(day=3, cents=(10000,)), Trouble("enter", "lost after"), Sync(), Sync())
    ),
    "nobody looks before sending": Script(
        2, Flavour(INVOICES), (MakeInvoice(day=3, cents=(3333, 10000)), EnterByHand(which=0), Sync())
    ),
    # The process dies behind the cursor's transaction and before that of the rows.
    "cursor moved before rows": Script(3, Flavour(INVOICES), (MakeInvoice(day=3, cents=(10000,)), Poll(crash=5))),
    # It dies behind the sending; the next one plans what is under way once more.
    "chunk posted twice": Script(
        4,
        Flavour(INVOICES),
        (MakeInvoice(day=3, cents=(10000,)), Sync(crash=67), MakeInvoice(day=3, cents=(3333,)), Sync()),
    ),
    "void not reversed": Script(
        5, Flavour(INVOICES), (MakeInvoice(day=3, cents=(10000,)), Sync(), Void("invoice", which=0), Sync())
    ),
    "rounding dropped": Script(
        6,
        Flavour(CASH),
        (MakeInvoice(day=3, cents=(3333, 3333, 3334)), Sync(), Pay(which=0, day=3, cents=5000), Sync()),
    ),
    "closed period ignored": Script(
        7, _OPEN_BOOKS, (MakeInvoice(day=3, cents=(10000,)), ClosePeriod(period=0), Poll(), Sync())
    ),
}


@pytest.mark.parametrize("bug", SCRIPTS)
def test_a_bug_that_is_planted_is_found_and_without_it_the_same_script_holds(databases: Databases, bug: str) -> None:
    script = SCRIPTS[bug]
    with planted(bug):
        verdict = judge(databases, script, tries=0)
    assert isinstance(verdict, Failure), "the simulation did not notice"
    assert not isinstance(judge(databases, script, tries=0), Failure)


def test_a_double_posting_is_shrunk_to_the_few_steps_that_make_it(databases: Databases) -> None:
    noise = (Bill(day=3, cents=100), RenameCustomer(which=0), Lose(which=1), Pass(minutes=1))
    script = Script(
        8,
        Flavour(INVOICES, books={"batch_unique_per": "database"}),
        (
            MakeInvoice(day=3, cents=(10000,)),
            *noise,
            Trouble("enter", "lost after"),
            ExpireTokens(),
            Deliver(which=0, times=2),
            Sync(),
            *noise,
        ),
    )
    with planted("lost answer taken for a refusal"):
        verdict = judge(databases, script, tries=60)
    assert isinstance(verdict, Failure)
    assert verdict.script.steps == (
        MakeInvoice(day=3, cents=(10000,)),
        Trouble("enter", "lost after"),
        Sync(),
    )
    assert verdict.script.flavour.books == {}
    text = as_python(verdict.script)
    assert "Trouble(place='enter', effect='lost after', nth=1, times=1)" in text
    assert "in Vantagepoint more than once" in str(verdict)


@pytest.mark.parametrize("rule", HARMLESS)
def test_a_lost_answer_that_is_not_waited_for_doubles_nothing_since_the_batch_collides(
    databases: Databases, rule: str
) -> None:
    """T06: the first request arrives after it was sent again; both bear the same Batch."""
    script = Script(9, Flavour(BILLS), (Bill(day=3, cents=10000), ArrivesLate("enter", 20), Sync(), Pass(minutes=5)))
    with planted(rule):
        assert not isinstance(judge(databases, script, tries=0), Failure)


def test_every_planted_bug_has_a_script() -> None:
    assert SCRIPTS.keys() == BUGS.keys()
