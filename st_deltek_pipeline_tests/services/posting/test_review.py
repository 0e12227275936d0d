"""``posting: review``: what is entered waits for a person, and the journal follows what that person does."""

from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench

HUNDRED = Decimal("100.00")


@pytest.fixture
def reviewed(quiet: Bench) -> Bench:
    quiet.changed(posting={"posting": "review"})
    return quiet


def entered(reviewed: Bench) -> tuple[dict[str, Any], str]:
    """An invoice that was entered and waits, and its transaction file."""
    invoice = reviewed.add(PART_A="100.00")
    (batch,) = reviewed.run(QUIET_DAY).batches
    return invoice, batch


def post_by_hand(reviewed: Bench, batch: str, *, period: int = 202610) -> None:
    reviewed.vantagepoint.set_active_period(period)
    answer = reviewed.vantagepoint.post_file("in", batch, company="01", period=period, description="reviewed")
    assert answer.posted


def test_what_is_entered_stays_out_of_the_ledger_until_a_person_posts_it(reviewed: Bench) -> None:
    invoice, batch = entered(reviewed)
    assert reviewed.file_states() == {"entered": 1}
    assert reviewed.ledger_total() == Decimal(0)
    assert reviewed.outcome(invoice["id"]) == ("held", "awaiting_review", HUNDRED)
    assert reviewed.tie_out(QUIET_DAY).balanced
    post_by_hand(reviewed, batch)
    reviewed.run(QUIET_DAY)
    assert reviewed.file_states() == {"posted": 1}
    assert reviewed.outcome(invoice["id"]) == ("posted", "", Decimal("0.00"))
    assert reviewed.owed(invoice) == {"CHS2026": HUNDRED}
    assert reviewed.tie_out(QUIET_DAY).balanced


def test_runs_that_find_nothing_reviewed_write_nothing(reviewed: Bench) -> None:
    entered(reviewed)
    before = reviewed.context.journal.last_sequence()
    reviewed.run(QUIET_DAY)
    assert reviewed.context.journal.last_sequence() == before


def test_a_file_the_person_deleted_is_planned_and_entered_anew(reviewed: Bench) -> None:
    invoice, batch = entered(reviewed)
    reviewed.vantagepoint.delete_file("in", batch)
    reviewed.run(QUIET_DAY)
    assert reviewed.outcome(invoice["id"])[:2] == ("held", "refused")
    assert reviewed.tie_out(QUIET_DAY).balanced
    reviewed.run(QUIET_DAY)
    assert reviewed.outcome(invoice["id"])[:2] == ("held", "awaiting_review")
    post_by_hand(reviewed, batch)
    reviewed.run(QUIET_DAY)
    assert reviewed.owed(invoice) == {"CHS2026": HUNDRED}
    assert reviewed.outcome(invoice["id"])[0] == "posted"


def altered(reviewed: Bench, batch: str) -> dict[str, Any]:
    """The file as it was entered, but for another account: what a reviewer may do on the screen."""
    body = {"Batch": batch, "Total": HUNDRED}
    for table, read in (
        ("inMaster", reviewed.vantagepoint.read_masters),
        ("inDetail", reviewed.vantagepoint.read_details),
    ):
        body[table] = [
            {name: value for name, value in row.items() if name in _ENTERED[table]} for row in read("in", batch)
        ]
    body["inDetail"][0]["Account"] = "402.00"
    return body


_KEY = {"Batch", "Invoice", "WBS1", "WBS2", "WBS3"}
_ENTERED = {
    "inMaster": {*_KEY, "TransDate", "DueDate"},
    "inDetail": {*_KEY, "PKey", "Seq", "InvoiceSection", "Account", "Amount"},
}


def test_a_file_the_person_changed_is_held_before_anybody_posts_it(reviewed: Bench) -> None:
    invoice, batch = entered(reviewed)
    body = altered(reviewed, batch)
    reviewed.vantagepoint.delete_file("in", batch)
    reviewed.vantagepoint.enter_file("in", body)
    reviewed.run(QUIET_DAY)
    assert reviewed.file_states() == {"held": 1}
    assert reviewed.outcome(invoice["id"]) == ("held", "different_in_vantagepoint", HUNDRED)


def test_a_file_the_person_changed_and_posted_is_held_as_it_stands_in_the_ledger(reviewed: Bench) -> None:
    invoice, batch = entered(reviewed)
    body = altered(reviewed, batch)
    reviewed.vantagepoint.delete_file("in", batch)
    reviewed.vantagepoint.enter_file("in", body)
    post_by_hand(reviewed, batch)
    reviewed.run(QUIET_DAY)
    assert reviewed.file_states() == {"held": 1}
    assert reviewed.outcome(invoice["id"]) == ("held", "ledger_differs", HUNDRED)
    assert reviewed.run(QUIET_DAY).batches == ()


def test_a_file_the_person_posted_in_another_period_is_held(reviewed: Bench) -> None:
    invoice, batch = entered(reviewed)
    post_by_hand(reviewed, batch, period=202611)
    reviewed.run(QUIET_DAY)
    assert reviewed.outcome(invoice["id"])[:2] == ("held", "ledger_differs")


def test_a_newer_revision_waits_for_the_review_of_the_earlier_one(reviewed: Bench) -> None:
    invoice, batch = entered(reviewed)
    reviewed.change(invoice, PART_A="130.00")
    assert reviewed.run(QUIET_DAY).batches == (batch,)
    assert reviewed.outcome(invoice["id"]) == ("held", "awaiting_review", Decimal("130.00"))
    post_by_hand(reviewed, batch)
    reviewed.run(QUIET_DAY)
    assert reviewed.outcome(invoice["id"])[2] == Decimal("30.00")
    (difference,) = reviewed.run(QUIET_DAY).batches
    post_by_hand(reviewed, difference)
    reviewed.run(QUIET_DAY)
    assert reviewed.owed(invoice) == {"CHS2026": Decimal("130.00")}
    assert reviewed.outcome(invoice["id"]) == ("posted", "", Decimal("0.00"))


def test_a_period_that_was_closed_during_the_review_is_told(reviewed: Bench) -> None:
    invoice, _ = entered(reviewed)
    reviewed.sandbox.set_period(202610, closed=True)
    reviewed.take_in()
    reviewed.run(QUIET_DAY)
    (row,) = reviewed.rows("SELECT message FROM journal.outcomes WHERE document_id = :id", id=invoice["id"])
    assert "closed meanwhile" in row.message
    assert reviewed.file_states() == {"entered": 1}


def test_switching_back_to_automatic_posts_what_waits(reviewed: Bench) -> None:
    invoice, _ = entered(reviewed)
    reviewed.changed(posting={"posting": "automatic"})
    reviewed.run(QUIET_DAY)
    assert reviewed.owed(invoice) == {"CHS2026": HUNDRED}
    assert reviewed.outcome(invoice["id"])[0] == "posted"


def test_without_review_the_same_file_is_posted_at_once(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": HUNDRED}


def test_amounts_that_were_changed_before_the_posting_are_noticed_without_review_too(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.changed(posting={"posting": "review"})
    (batch,) = quiet.run(QUIET_DAY).batches
    body = altered(quiet, batch)
    body["Total"] = body["inDetail"][0]["Amount"] = Decimal("90.00")
    quiet.vantagepoint.delete_file("in", batch)
    quiet.vantagepoint.enter_file("in", body)
    quiet.changed(posting={"posting": "automatic"})
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"])[:2] == ("held", "different_in_vantagepoint")
    assert quiet.ledger_total() == Decimal(0)
