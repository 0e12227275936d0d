"""A day's posting over HTTP: to the cent, once, and every later change as a difference."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.services.posting.planner import plan_day
from st_deltek_pipeline.services.preview import pin_plan, preview_day
from st_deltek_pipeline_tests.services.posting.harness import Bench

DAY = date(2026, 10, 7)
LATER = date(2026, 10, 14)


def new_invoice(acme: Bench, **wanted: Any) -> dict[str, Any]:
    return acme.sandbox.add_invoice(**{"date": DAY.isoformat(), "syncStatus": "Posted", **wanted})


def test_a_day_is_posted_to_the_cent(acme: Bench) -> None:
    plan = acme.run(DAY)
    assert plan.planned > 0
    assert acme.ledger_total() == plan.total
    tie_out = acme.tie_out(DAY)
    assert tie_out.balanced
    assert tie_out.documents == plan.documents
    assert sum(row.posted for row in tie_out.rows) == plan.total
    assert tie_out.held.keys() <= {"not_ready"}


def test_posting_a_day_again_sends_nothing(acme: Bench) -> None:
    first = acme.run(DAY)
    before = acme.sandbox.ledger()
    again = acme.run(DAY)
    assert again.batches == ()
    assert again.planned == 0
    assert again.unchanged == first.planned
    assert acme.sandbox.ledger() == before


def test_a_second_run_adds_nothing_to_the_journal(acme: Bench) -> None:
    acme.run(DAY)
    before = acme.context.journal.last_sequence()
    acme.run(DAY)
    assert acme.context.journal.last_sequence() == before


def test_entered_is_not_posted_before_the_ledger_says_so(acme: Bench) -> None:
    acme.prepare(DAY)
    plan = acme.plan(DAY)
    assert acme.file_states() == {"planned": len(plan.batches)}
    assert not acme.tie_out(DAY).unaccounted
    assert acme.ledger_total() == Decimal(0)


def test_every_line_in_the_ledger_is_one_of_ours_and_stands_once(acme: Bench) -> None:
    acme.run(DAY)
    planned = {row.line_key: row.amount for row in acme.rows("SELECT line_key, amount FROM journal.posting_lines")}
    posted = [row for row in acme.sandbox.ledger() if row["AutoEntry"] == "N"]
    assert {row["PKey"]: -Decimal(row["Amount"]) for row in posted} == planned
    assert len(posted) == len(planned)


def test_an_edited_amount_posts_the_difference(acme: Bench) -> None:
    invoice = new_invoice(acme, total="100.00")
    acme.take_in()
    acme.run(DAY)
    acme.sandbox.edit_invoice(invoice["id"], total="130.00")
    acme.take_in()
    plan = acme.run(DAY)
    assert (plan.planned, plan.total) == (1, Decimal("30.00"))
    assert acme.receivables(invoice["referenceNumber"]) == Decimal("130.00")
    assert acme.tie_out(DAY).balanced


def test_editing_back_and_forth_ends_where_it_began(acme: Bench) -> None:
    invoice = new_invoice(acme, total="100.00")
    for amount in ("100.00", "40.00", "100.00", "40.00"):
        acme.sandbox.edit_invoice(invoice["id"], total=amount)
        acme.take_in()
        acme.run(DAY)
        assert acme.receivables(invoice["referenceNumber"]) == Decimal(amount)
        assert acme.tie_out(DAY).balanced


def test_a_void_after_posting_is_reversed(acme: Bench) -> None:
    invoice = new_invoice(acme, total="100.00")
    acme.take_in()
    acme.run(DAY)
    acme.sandbox.void_invoice(invoice["id"])
    acme.take_in()
    assert acme.run(DAY).total == Decimal("-100.00")
    assert acme.receivables(invoice["referenceNumber"]) == Decimal("0.00")
    assert acme.tie_out(DAY).balanced


def test_a_void_before_posting_is_ignored_and_never_sent(acme: Bench) -> None:
    invoice = new_invoice(acme, total="100.00")
    acme.sandbox.void_invoice(invoice["id"])
    acme.take_in()
    acme.run(DAY)
    assert acme.outcome(invoice["id"]) == ("ignored", "voided_before_posting", Decimal("0.00"))
    assert acme.receivables(invoice["referenceNumber"]) == Decimal("0.00")
    assert acme.tie_out(DAY).balanced


def test_an_invoice_unposted_after_we_posted_it_is_held_then_its_difference_follows(acme: Bench) -> None:
    invoice = new_invoice(acme, total="100.00")
    acme.take_in()
    acme.run(DAY)
    acme.sandbox.unpost_invoice(invoice["id"])
    acme.sandbox.edit_invoice(invoice["id"], total="120.00")
    acme.take_in()
    acme.run(DAY)
    assert acme.outcome(invoice["id"]) == ("held", "unposted_in_servicetitan", Decimal("20.00"))
    assert acme.receivables(invoice["referenceNumber"]) == Decimal("100.00")
    assert acme.tie_out(DAY).balanced
    acme.sandbox.edit_invoice(invoice["id"], syncStatus="Posted")
    acme.take_in()
    assert acme.run(DAY).total == Decimal("20.00")
    assert acme.tie_out(DAY).balanced


def test_a_new_date_moves_the_document_to_its_new_day_and_nothing_is_lost_between(acme: Bench) -> None:
    invoice = new_invoice(acme, total="100.00")
    acme.take_in()
    acme.run(DAY)
    acme.sandbox.edit_invoice(invoice["id"], invoiceDate=f"{LATER.isoformat()}T00:00:00Z")
    acme.take_in()
    assert set(acme.days()) >= {DAY, LATER}
    acme.run(DAY)
    acme.run(LATER)
    assert acme.receivables(invoice["referenceNumber"]) == Decimal("100.00")
    dates = {row["TransDate"][:10]: Decimal(row["Amount"]) for row in _receivable_rows(acme, invoice)}
    assert dates[LATER.isoformat()] == Decimal("100.00")
    assert acme.tie_out(DAY).balanced
    assert acme.tie_out(LATER).balanced


def test_a_new_date_in_the_next_period_reverses_in_the_old_and_posts_in_the_new(acme: Bench) -> None:
    invoice = new_invoice(acme, total="100.00")
    acme.take_in()
    acme.run(DAY)
    november = date(2026, 11, 4)
    acme.sandbox.edit_invoice(invoice["id"], invoiceDate=f"{november.isoformat()}T00:00:00Z")
    acme.take_in()
    acme.run(november)
    by_period: dict[str, Decimal] = {}
    for row in _receivable_rows(acme, invoice):
        period = str(row["Period"])
        by_period[period] = by_period.get(period, Decimal(0)) + Decimal(row["Amount"])
    assert by_period == {"202610": Decimal("0.00"), "202611": Decimal("100.00")}


def _receivable_rows(acme: Bench, invoice: dict[str, Any]) -> list[dict[str, Any]]:
    number = invoice["referenceNumber"].rjust(7, "0")
    return [row for row in acme.sandbox.ledger() if row["AutoEntry"] == "Y" and row["Invoice"] == number]


def test_the_preview_is_what_is_sent(acme: Bench) -> None:
    """T45: the plan's hash is that of what is sent."""
    acme.prepare(DAY)
    preview = preview_day(acme.engine, acme.settings, Kind.INVOICE, DAY)
    assert acme.rows("SELECT * FROM journal.events") == []
    plan = acme.plan(DAY)
    assert plan.plan_hash == preview.plan_hash
    stored = {row.body_hash for row in acme.rows("SELECT body_hash FROM journal.transaction_files")}
    assert stored == {file.body_hash for file in preview.files}


def test_a_plan_that_changed_after_it_was_pinned_is_not_sent(acme: Bench) -> None:
    acme.prepare(DAY)
    pin_plan(
        acme.engine,
        acme.settings,
        Kind.INVOICE,
        DAY,
        preview_day(acme.engine, acme.settings, Kind.INVOICE, DAY).plan_hash,
        actor="ann",
    )
    new_invoice(acme, total="1.00")
    acme.take_in()
    acme.prepare(DAY)
    with pytest.raises(BrokenError, match="has changed"):
        acme.plan(DAY)
    assert acme.file_states() == {}
    assert acme.ledger_total() == Decimal(0)


def test_a_pinned_plan_that_did_not_change_is_sent(acme: Bench) -> None:
    acme.prepare(DAY)
    plan_hash = preview_day(acme.engine, acme.settings, Kind.INVOICE, DAY).plan_hash
    pin_plan(acme.engine, acme.settings, Kind.INVOICE, DAY, plan_hash, actor="ann")
    plan = plan_day(acme.context, Kind.INVOICE, DAY, pinned_hash=plan_hash)
    assert {outcome.state for outcome in acme.send(plan.batches)} == {"posted"}


def test_pinning_a_plan_nobody_previewed_is_refused(acme: Bench) -> None:
    acme.prepare(DAY)
    with pytest.raises(BrokenError, match="not"):
        pin_plan(acme.engine, acme.settings, Kind.INVOICE, DAY, "0" * 64, actor="ann")


def test_item_lines_post_the_same_total_as_summary_lines(acme: Bench) -> None:
    acme.changed(posting={"invoice_lines": "item"})
    plan = acme.run(DAY)
    assert acme.ledger_total() == plan.total
    assert acme.tie_out(DAY).balanced


def test_small_files_post_the_same_as_large_ones(acme: Bench) -> None:
    acme.changed(vantagepoint={"documents_per_file": 2})
    plan = acme.run(DAY)
    assert len(plan.batches) >= plan.planned // 2
    assert acme.ledger_total() == plan.total
    assert acme.tie_out(DAY).balanced


def test_a_month_end_inside_a_partition_is_two_files(acme: Bench) -> None:
    # 31 October 2026 is a Saturday: its documents belong to Monday's partition and to October's period.
    new_invoice(acme, date="2026-10-31", total="10.00")
    new_invoice(acme, date="2026-11-02", total="20.00")
    acme.take_in()
    acme.run(date(2026, 11, 2))
    periods = {row.period for row in acme.rows("SELECT period FROM journal.transaction_files")}
    assert periods == {202610, 202611}
    assert acme.tie_out(date(2026, 11, 2)).balanced
