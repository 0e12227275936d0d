"""What cannot be posted waits with a reason; the others go on; a hold whose cause has gone releases itself."""

from datetime import date
from decimal import Decimal
from typing import Any

from st_deltek_pipeline.services.posting.check import check_file
from st_deltek_pipeline.services.posting.enter import enter_file
from st_deltek_pipeline.services.posting.post import post_file
from st_deltek_pipeline_tests.services.posting.harness import Bench

DAY = date(2026, 10, 7)


def new_invoice(acme: Bench, **wanted: Any) -> dict[str, Any]:
    invoice = acme.sandbox.add_invoice(**{"date": DAY.isoformat(), "syncStatus": "Posted", "total": "100.00", **wanted})
    acme.take_in()
    return invoice


def project_of(acme: Bench, invoice: dict[str, Any]) -> str:
    (row,) = acme.rows("SELECT wbs1 FROM mapping.coded_lines WHERE document_id = :id LIMIT 1", id=invoice["id"])
    return row.wbs1


def test_an_invoice_with_a_null_business_unit_waits_and_the_others_go_on(acme: Bench) -> None:
    invoice = new_invoice(acme)
    acme.sandbox.edit_invoice(invoice["id"], businessUnit=None)
    acme.take_in()
    plan = acme.run(DAY)
    assert acme.outcome(invoice["id"]) == ("held", "no_business_unit", Decimal("100.00"))
    assert plan.planned > 0
    assert acme.tie_out(DAY).balanced


def test_amounts_that_do_not_add_up_wait(acme: Bench) -> None:
    invoice = new_invoice(acme)
    acme.sandbox.edit_invoice(invoice["id"], verbatim=True, total="101.00")
    acme.take_in()
    acme.run(DAY)
    assert acme.outcome(invoice["id"]) == ("held", "amounts_do_not_add_up", Decimal("101.00"))
    assert acme.tie_out(DAY).balanced


def test_an_unmapped_business_unit_waits_and_is_posted_once_a_rule_exists(acme: Bench) -> None:
    """T42: parked, and released by adding the rule."""
    rules = acme.settings.model_dump()["coding"]
    invoice = new_invoice(acme)
    name = invoice["businessUnit"]["name"]
    # Every rule that names this business unit is taken out of the file.
    fewer = [rule for rule in rules if name not in str(rule["when"].get("business_unit", ""))]
    assert len(fewer) < len(rules)
    acme.settings = acme.settings.model_validate({**acme.settings.model_dump(), "coding": fewer})
    acme.run(DAY)
    assert acme.outcome(invoice["id"])[:2] == ("held", "no_rule")
    (row,) = acme.rows("SELECT message FROM journal.outcomes WHERE document_id = :id", id=invoice["id"])
    assert name in row.message
    assert acme.tie_out(DAY).balanced
    acme.settings = acme.settings.model_validate({**acme.settings.model_dump(), "coding": rules})
    acme.run(DAY)
    assert acme.outcome(invoice["id"])[0] == "posted"
    assert acme.tie_out(DAY).balanced


def test_a_closed_period_holds_and_opening_it_releases(acme: Bench) -> None:
    """T31: reopening releases."""
    acme.sandbox.set_period(202610, closed=True)
    acme.take_in()
    plan = acme.run(DAY)
    assert plan.planned == 0
    assert set(acme.tie_out(DAY).held) - {"not_ready"} == {"period_closed"}
    assert acme.tie_out(DAY).balanced
    acme.sandbox.set_period(202610, closed=False)
    acme.take_in()
    assert acme.run(DAY).planned > 0
    assert acme.tie_out(DAY).balanced


def test_a_closed_period_goes_to_the_first_open_one_only_by_the_setting(acme: Bench) -> None:
    acme.sandbox.set_period(202610, closed=True)
    acme.take_in()
    acme.changed(posting={"closed_period": "first_open"})
    plan = acme.run(DAY)
    assert plan.planned > 0
    assert {row["Period"] for row in acme.sandbox.ledger()} == {202611}
    moved = acme.rows("SELECT DISTINCT moved_from FROM journal.postings")
    assert [row.moved_from for row in moved] == [202610]
    assert acme.tie_out(DAY).balanced


def test_a_period_closed_after_the_reference_data_was_read_holds_the_whole_file_without_splitting(acme: Bench) -> None:
    acme.sandbox.set_period(202610, closed=True)
    plan = acme.run(DAY)
    assert plan.planned > 0
    assert set(acme.tie_out(DAY).held) - {"not_ready"} == {"period_closed"}
    assert acme.file_states() == {"refused": 1}
    assert acme.ledger_total() == Decimal(0)
    assert acme.tie_out(DAY).balanced
    acme.sandbox.set_period(202610, closed=False)
    acme.run(DAY)
    assert acme.tie_out(DAY).held.keys() <= {"not_ready"}
    assert acme.tie_out(DAY).balanced


def test_a_period_closed_between_entering_and_posting_keeps_the_file_entered_until_it_opens(acme: Bench) -> None:
    """T32: closed between entering and posting."""
    acme.prepare(DAY)
    (batch,) = acme.plan(DAY).batches
    assert check_file(acme.context, batch) == (batch,)
    assert enter_file(acme.context, batch) == (batch,)
    acme.sandbox.set_period(202610, closed=True)
    assert post_file(acme.context, batch) == ()
    assert acme.file_states() == {"entered": 1}
    assert set(acme.tie_out(DAY).held) - {"not_ready"} == {"post_refused"}
    assert acme.tie_out(DAY).balanced
    acme.sandbox.set_period(202610, closed=False)
    plan = acme.run(DAY)
    assert plan.batches == (batch,)
    assert acme.file_states() == {"posted": 1}
    assert acme.tie_out(DAY).balanced


def test_a_project_deactivated_in_between_is_narrowed_down_and_the_others_are_posted(acme: Bench) -> None:
    """T55: a refused document leaves its file, the others go on."""
    invoice = new_invoice(acme)
    acme.prepare(DAY)
    project = project_of(acme, invoice)
    plan = acme.plan(DAY)
    acme.sandbox.admin("PATCH", f"vantagepoint/projects/{project}", {"Status": "I"})
    acme.send(plan.batches)
    outcome, reason, amount = acme.outcome(invoice["id"])
    assert (outcome, reason, amount) == ("held", "refused", Decimal("100.00"))
    assert project in acme.held_words(invoice["id"])
    assert acme.file_states()["posted"] >= 1
    tie_out = acme.tie_out(DAY)
    assert tie_out.balanced
    assert any(row.posted for row in tie_out.rows)


def test_a_refused_document_is_posted_once_the_cause_has_gone(acme: Bench) -> None:
    invoice = new_invoice(acme)
    acme.prepare(DAY)
    project = project_of(acme, invoice)
    acme.sandbox.admin("PATCH", f"vantagepoint/projects/{project}", {"Status": "I"})
    acme.send(acme.plan(DAY).batches)
    assert acme.outcome(invoice["id"])[0] == "held"
    acme.sandbox.admin("PATCH", f"vantagepoint/projects/{project}", {"Status": "A"})
    acme.run(DAY)
    assert acme.outcome(invoice["id"])[0] == "posted"
    assert acme.receivables(invoice["referenceNumber"]) == Decimal("100.00")
    assert acme.tie_out(DAY).balanced
    assert acme.tie_out(DAY).held.keys() <= {"not_ready"}


def test_a_number_two_documents_share_on_one_project_is_posted_for_the_first_only(acme: Bench) -> None:
    first = new_invoice(acme)
    second = new_invoice(acme, businessUnitId=first["businessUnit"]["id"], customerId=first["customer"]["id"])
    acme.sandbox.edit_invoice(second["id"], referenceNumber=first["referenceNumber"])
    acme.take_in()
    acme.run(DAY)
    assert acme.outcome(first["id"])[0] == "posted"
    assert acme.outcome(second["id"]) == ("held", "invoice_number_taken", Decimal("100.00"))
    assert acme.receivables(first["referenceNumber"]) == Decimal("100.00")
    assert acme.tie_out(DAY).balanced


def test_a_null_total_is_set_aside_counted_and_stops_nobody(acme: Bench) -> None:
    invoice = new_invoice(acme)
    acme.sandbox.edit_invoice(invoice["id"], verbatim=True, total=None)
    acme.take_in()
    plan = acme.run(DAY)
    assert acme.outcome(invoice["id"])[:2] == ("held", "unreadable")
    assert plan.planned > 0
    assert acme.tie_out(DAY).balanced


def test_a_zero_document_is_posted_where_the_connection_wants_it(acme: Bench) -> None:
    acme.changed(posting={"zero_documents": "post"})
    invoice = new_invoice(acme, total="0.00")
    acme.run(DAY)
    assert acme.outcome(invoice["id"])[0] == "posted"
    assert acme.tie_out(DAY).balanced


def test_a_zero_document_is_ignored_by_default(acme: Bench) -> None:
    """T33: 0.00."""
    invoice = new_invoice(acme, total="0.00")
    acme.run(DAY)
    assert acme.outcome(invoice["id"]) == ("ignored", "zero_document", Decimal("0.00"))
