"""Documents of several masters: some parts posted, some refused, then tried again, edited, or found by hand."""

from decimal import Decimal

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench, bench

ZERO = Decimal("0.00")


def assert_done(quiet: Bench, invoice_id: int) -> None:
    assert quiet.outcome(invoice_id) == ("posted", "", ZERO)
    tie_out = quiet.tie_out(QUIET_DAY)
    assert tie_out.balanced
    assert tie_out.held == {}


@pytest.mark.parametrize(
    ("closed", "open_"), [pytest.param("CHS2026", "RHS2026", id="first"), pytest.param("RHS2026", "CHS2026", id="last")]
)
def test_a_part_refused_while_the_other_was_posted_is_posted_later_and_the_document_is_done(
    quiet: Bench, closed: str, open_: str
) -> None:
    """T07: half of a document refused."""
    invoice = quiet.add(PART_A="60.00", PART_B="40.00")
    amounts = {"CHS2026": Decimal("60.00"), "RHS2026": Decimal("40.00")}
    quiet.prepare(QUIET_DAY)
    batches = quiet.plan(QUIET_DAY).batches
    quiet.project(closed, "I")
    quiet.send(batches)
    assert quiet.owed(invoice) == {open_: amounts[open_]}
    assert quiet.outcome(invoice["id"]) == ("held", "refused", amounts[closed])
    assert quiet.tie_out(QUIET_DAY).balanced
    quiet.project(closed, "A")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == amounts
    assert_done(quiet, invoice["id"])
    assert quiet.run(QUIET_DAY).batches == ()


def test_a_partly_posted_document_that_is_edited_ends_at_its_new_amounts(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="60.00", PART_B="40.00")
    quiet.prepare(QUIET_DAY)
    batches = quiet.plan(QUIET_DAY).batches
    quiet.project("CHS2026", "I")
    quiet.send(batches)
    quiet.project("CHS2026", "A")
    quiet.change(invoice, PART_A="10.00", PART_B="45.00")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("10.00"), "RHS2026": Decimal("45.00")}
    assert_done(quiet, invoice["id"])


def test_documents_refused_together_are_tried_together_again(quiet: Bench) -> None:
    first, second = quiet.add(PART_A="60.00"), quiet.add(PART_A="40.00")
    quiet.prepare(QUIET_DAY)
    batches = quiet.plan(QUIET_DAY).batches
    quiet.project("CHS2026", "I")
    quiet.send(batches)
    assert quiet.file_states() == {"refused": 2, "split": 1}
    quiet.send(quiet.plan(QUIET_DAY).batches)
    assert quiet.outcome(first["id"]) == ("held", "refused", Decimal("60.00"))
    quiet.project("CHS2026", "A")
    quiet.run(QUIET_DAY)
    assert_done(quiet, first["id"])
    assert_done(quiet, second["id"])
    assert quiet.owed(first) == {"CHS2026": Decimal("60.00")}


def test_a_part_somebody_entered_by_hand_stays_held_after_the_other_part_was_posted(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="60.00", PART_B="40.00")
    quiet.enter_by_hand(invoice, "CHS2026", "61.00")
    for _ in range(3):
        quiet.run(QUIET_DAY)
        assert quiet.owed(invoice) == {"CHS2026": Decimal("61.00"), "RHS2026": Decimal("40.00")}
        assert quiet.outcome(invoice["id"]) == ("held", "already_in_vantagepoint", Decimal("60.00"))
        assert quiet.tie_out(QUIET_DAY).balanced
    quiet.enter_by_hand(invoice, "CHS2026", "-61.00", batch="REVERSED")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("60.00"), "RHS2026": Decimal("40.00")}
    assert_done(quiet, invoice["id"])


def test_phases_of_one_project_in_files_of_their_own_do_not_get_in_each_others_way(quiet: Bench) -> None:
    quiet.changed(vantagepoint={"documents_per_file": 1})
    invoice = quiet.add(PHASE_1="60.00", PHASE_2="40.00")
    quiet.prepare(QUIET_DAY)
    first, second = quiet.plan(QUIET_DAY).batches
    quiet.send((first,))
    assert quiet.outcome(invoice["id"])[0] == "in_flight"
    assert quiet.tie_out(QUIET_DAY).balanced
    quiet.send((second,))
    assert sorted(quiet.owed(invoice).values()) == [Decimal("40.00"), Decimal("60.00")]
    assert_done(quiet, invoice["id"])


def test_a_part_that_stands_already_is_adopted_and_a_later_edit_corrects_it(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="60.00", PART_B="40.00")
    quiet.enter_by_hand(invoice, "CHS2026", "60.00")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("60.00"), "RHS2026": Decimal("40.00")}
    assert_done(quiet, invoice["id"])
    quiet.change(invoice, PART_A="15.00", PART_B="40.00")
    assert quiet.run(QUIET_DAY).total == Decimal("-45.00")
    assert quiet.owed(invoice) == {"CHS2026": Decimal("15.00"), "RHS2026": Decimal("40.00")}
    assert_done(quiet, invoice["id"])


def test_phases_posted_before_are_found_again_by_a_database_that_knows_nothing(
    quiet: Bench, module_engine: Engine
) -> None:
    invoice = quiet.add(PHASE_1="60.00", PHASE_2="40.00", PART_A="5.00")
    quiet.run(QUIET_DAY)
    before = quiet.sandbox.ledger()
    with bench(quiet.sandbox, module_engine) as fresh:
        fresh.take_in()
        fresh.run(QUIET_DAY)
        assert quiet.sandbox.ledger() == before
        assert_done(fresh, invoice["id"])
