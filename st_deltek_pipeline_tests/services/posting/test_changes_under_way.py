"""What changes while a transaction file is under way: documents, days, periods, settings, pins."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import text

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.services.posting.check import check_file
from st_deltek_pipeline.services.posting.confirm import confirm_file
from st_deltek_pipeline.services.posting.enter import enter_file
from st_deltek_pipeline.services.posting.post import post_file
from st_deltek_pipeline.services.preview import pin_plan, preview_day
from st_deltek_pipeline.store.days import undecided_days
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench

NEXT_DAY = date(2026, 10, 12)
ZERO = Decimal("0.00")


def test_an_edit_while_the_file_waits_is_accounted_for_at_once_and_posted_next(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.prepare(QUIET_DAY)
    quiet.plan(QUIET_DAY)
    quiet.change(invoice, PART_A="130.00")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("100.00")}
    assert quiet.outcome(invoice["id"]) == ("in_flight", "", Decimal("30.00"))
    assert quiet.tie_out(QUIET_DAY).balanced
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("130.00")}
    assert quiet.outcome(invoice["id"]) == ("posted", "", ZERO)
    assert quiet.tie_out(QUIET_DAY).balanced


def test_a_void_while_the_file_waits_is_reversed_after_it(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.prepare(QUIET_DAY)
    quiet.plan(QUIET_DAY)
    quiet.sandbox.void_invoice(invoice["id"])
    quiet.take_in_invoices()
    quiet.run(QUIET_DAY)
    assert quiet.tie_out(QUIET_DAY).balanced
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {}
    assert quiet.outcome(invoice["id"]) == ("posted", "", ZERO)
    assert quiet.tie_out(QUIET_DAY).balanced


def test_a_posted_invoice_whose_newer_version_cannot_be_read_is_held_and_the_day_still_ties_out(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.run(QUIET_DAY)
    quiet.sandbox.edit_invoice(invoice["id"], verbatim=True, total="130.00", subTotal=None)
    quiet.take_in()
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"]) == ("held", "unreadable", Decimal("30.00"))
    assert quiet.tie_out(QUIET_DAY).balanced
    quiet.sandbox.edit_invoice(invoice["id"], verbatim=True, total="100.00", subTotal="100.00")
    quiet.take_in()
    assert quiet.run(QUIET_DAY).batches == ()
    assert quiet.outcome(invoice["id"]) == ("posted", "", ZERO)
    assert quiet.tie_out(QUIET_DAY).balanced


def test_a_version_that_cannot_be_read_while_the_file_waits_is_held_for_what_is_left(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.prepare(QUIET_DAY)
    quiet.plan(QUIET_DAY)
    quiet.sandbox.edit_invoice(invoice["id"], verbatim=True, total="130.00", subTotal=None)
    quiet.take_in()
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("100.00")}
    assert quiet.outcome(invoice["id"]) == ("held", "unreadable", Decimal("30.00"))
    assert quiet.tie_out(QUIET_DAY).balanced


def test_a_posted_invoice_that_loses_its_readable_date_is_held_and_ties_out_among_the_undated(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.run(QUIET_DAY)
    quiet.sandbox.edit_invoice(invoice["id"], verbatim=True, invoiceDate=None)
    quiet.take_in()
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"])[:2] == ("held", "unreadable")
    assert quiet.context.journal.last_sequence() == after_another_run(quiet)


def after_another_run(quiet: Bench) -> int:
    quiet.run(QUIET_DAY)
    return quiet.context.journal.last_sequence()


def test_a_new_date_that_cannot_be_read_with_it_is_decided_once_by_its_new_day(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.run(QUIET_DAY)
    quiet.sandbox.edit_invoice(
        invoice["id"], verbatim=True, invoiceDate=f"{NEXT_DAY.isoformat()}T00:00:00Z", subTotal=None
    )
    quiet.take_in()
    quiet.run(QUIET_DAY)
    quiet.run(NEXT_DAY)
    before = quiet.context.journal.last_sequence()
    quiet.run(QUIET_DAY)
    quiet.run(NEXT_DAY)
    assert quiet.context.journal.last_sequence() == before
    assert quiet.outcome(invoice["id"]) == ("held", "unreadable", ZERO)
    assert quiet.tie_out(QUIET_DAY, NEXT_DAY).balanced


def test_a_file_of_a_day_that_became_a_day_off_is_finished_by_the_day_its_documents_moved_to(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.prepare(QUIET_DAY)
    (batch,) = quiet.plan(QUIET_DAY).batches
    quiet.changed(calendar={"holidays": (QUIET_DAY,)})
    plan = quiet.run(NEXT_DAY)
    assert batch in plan.batches
    assert quiet.owed(invoice) == {"CHS2026": Decimal("100.00")}
    quiet.run(NEXT_DAY)
    assert quiet.outcome(invoice["id"]) == ("posted", "", ZERO)
    assert set(quiet.file_states()) == {"posted"}


def test_a_file_whose_period_was_closed_before_it_was_sent_is_held_even_if_our_role_might(quiet: Bench) -> None:
    """T32: closed between planning and sending."""
    invoice = quiet.add(PART_A="100.00")
    quiet.sandbox.admin("PUT", "vantagepoint/switches", {"role_processes_closed_periods": True})
    quiet.prepare(QUIET_DAY)
    quiet.plan(QUIET_DAY)
    quiet.sandbox.set_period(202610, closed=True)
    quiet.take_in()
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {}
    assert quiet.outcome(invoice["id"]) == ("held", "period_closed", Decimal("100.00"))
    assert quiet.tie_out(QUIET_DAY).balanced
    quiet.changed(posting={"closed_period": "first_open"})
    quiet.run(QUIET_DAY)
    assert {row["Period"] for row in quiet.sandbox.ledger()} == {202611}
    assert quiet.outcome(invoice["id"]) == ("posted", "", ZERO)


def test_an_entered_file_whose_period_was_closed_is_not_posted_even_if_our_role_might(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.sandbox.admin("PUT", "vantagepoint/switches", {"role_processes_closed_periods": True})
    quiet.prepare(QUIET_DAY)
    (batch,) = quiet.plan(QUIET_DAY).batches
    assert enter_file(quiet.context, *check_file(quiet.context, batch)) == (batch,)
    quiet.sandbox.set_period(202610, closed=True)
    quiet.take_in()
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {}
    assert quiet.outcome(invoice["id"]) == ("held", "post_refused", Decimal("100.00"))
    quiet.sandbox.set_period(202610, closed=False)
    quiet.take_in()
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"]) == ("posted", "", ZERO)


def test_a_file_posted_into_another_period_is_held_with_an_alarm(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.prepare(QUIET_DAY)
    (batch,) = quiet.plan(QUIET_DAY).batches
    assert enter_file(quiet.context, *check_file(quiet.context, batch)) == (batch,)
    # What a worker does that was frozen between choosing the period and posting.
    quiet.vantagepoint.set_active_period(202611)
    quiet.vantagepoint.post_file("in", batch, company="01", period=202611, description="late")
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"]) == ("held", "ledger_differs", Decimal("100.00"))
    assert quiet.file_states() == {"held": 1}


def test_a_pin_is_used_up_by_the_plan_it_allowed(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.prepare(QUIET_DAY)
    plan_hash = preview_day(quiet.engine, quiet.settings, Kind.INVOICE, QUIET_DAY).plan_hash
    pin_plan(quiet.engine, quiet.settings, Kind.INVOICE, QUIET_DAY, plan_hash, actor="ann")
    assert quiet.run(QUIET_DAY).plan_hash == plan_hash
    quiet.change(invoice, PART_A="130.00")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("130.00")}


def test_a_pin_that_stopped_a_plan_stays_until_it_is_renewed(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.prepare(QUIET_DAY)
    plan_hash = preview_day(quiet.engine, quiet.settings, Kind.INVOICE, QUIET_DAY).plan_hash
    pin_plan(quiet.engine, quiet.settings, Kind.INVOICE, QUIET_DAY, plan_hash, actor="ann")
    quiet.change(invoice, PART_A="130.00")
    quiet.prepare(QUIET_DAY)
    for _ in range(2):
        with pytest.raises(BrokenError, match="has changed"):
            quiet.plan(QUIET_DAY)


def test_a_refused_file_planned_again_for_another_company_is_sent_to_that_company(quiet: Bench) -> None:
    quiet.add(PART_A="100.00")
    quiet.changed(vantagepoint={"company": "99"})
    quiet.prepare(QUIET_DAY)
    (batch,) = quiet.plan(QUIET_DAY).batches
    quiet.sandbox.set_period(202610, closed=True)
    quiet.changed(vantagepoint={"company": "01"})
    with quiet.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE journal.transaction_files SET state = 'refused'")
        connection.exec_driver_sql("UPDATE journal.outcomes SET outcome = 'held'")
    assert quiet.plan(QUIET_DAY).batches == (batch,)
    assert quiet.context.journal.file(batch).company == "01"


def test_an_entered_file_stays_ours_when_posting_it_is_interrupted(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.prepare(QUIET_DAY)
    (batch,) = quiet.plan(QUIET_DAY).batches
    assert enter_file(quiet.context, *check_file(quiet.context, batch)) == (batch,)
    assert post_file(quiet.context, batch) == (batch,)
    assert quiet.file_states() == {"posting": 1}
    assert quiet.run(QUIET_DAY).batches == (batch,)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("100.00")}
    assert quiet.outcome(invoice["id"]) == ("posted", "", ZERO)


def test_a_day_staged_with_a_version_that_cannot_be_read_is_known_to_need_a_decision(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.run(QUIET_DAY)
    assert QUIET_DAY not in undecided_days(quiet.engine, quiet.settings.name, Kind.INVOICE)
    quiet.sandbox.edit_invoice(invoice["id"], verbatim=True, total="130.00", subTotal=None)
    quiet.take_in_invoices()
    # The process dies between staging and planning.
    quiet.prepare(QUIET_DAY)
    assert QUIET_DAY in undecided_days(quiet.engine, quiet.settings.name, Kind.INVOICE)


@pytest.mark.parametrize("state", ["planned", "sending", "in_doubt"])
def test_a_file_that_only_the_ledger_shows_any_more_is_not_sent_again(quiet: Bench, state: str) -> None:
    invoice = quiet.add(PART_A="100.00")
    quiet.run(QUIET_DAY)
    quiet.change(invoice, PART_A="130.00")
    other = quiet.add(PART_A="7.00")
    quiet.prepare(QUIET_DAY)
    (batch,) = quiet.plan(QUIET_DAY).batches
    body = quiet.context.journal.file(batch).body
    quiet.vantagepoint.set_active_period(202610)
    quiet.vantagepoint.enter_file("in", body.encode())
    assert quiet.vantagepoint.post_file("in", batch, company="01", period=202610, description="by hand").posted
    with quiet.engine.begin() as connection:
        # As after a request that was lost, and that arrived only when it was no longer expected.
        connection.execute(
            text("UPDATE journal.transaction_files SET state = :state, sent_at = now() WHERE batch = :batch"),
            {"state": state, "batch": batch},
        )
    not_found = {"effect": "answer", "status": 404, "body": '{"message": "File does not exist."}'}
    quiet.sandbox.fault(system="vantagepoint", method="GET", path="inControl", **not_found)
    assert enter_file(quiet.context, *check_file(quiet.context, batch)) == (batch,)
    assert post_file(quiet.context, batch) == (batch,)
    assert confirm_file(quiet.context, batch).state == "posted"
    assert quiet.owed(invoice) == {"CHS2026": Decimal("130.00")}
    assert quiet.owed(other) == {"CHS2026": Decimal("7.00")}
    assert quiet.tie_out(QUIET_DAY).balanced
