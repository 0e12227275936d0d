"""What a person does with a hold: ignore it, take that back, and release a file that was corrected in Vantagepoint."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import ConfigurationError, LockLostError, TransientError
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.services.document_history import document_history
from st_deltek_pipeline.services.held_days import days_to_decide_again
from st_deltek_pipeline.services.holds import Release, Released, ignore_document, release_document
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.store.holds import events_of_document, held_documents
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench

WHY = "Paid in cash, booked by hand."


def key(invoice: dict[str, Any]) -> DocumentKey:
    return DocumentKey("acme", Kind.INVOICE, invoice["id"])


def held(acme: Bench, **parts: str) -> dict[str, Any]:
    """Add an invoice whose project is closed, and run the day: Vantagepoint refuses it."""
    invoice = acme.add(**(parts or {"PART_A": "60.00"}))
    acme.project("CHS2026", "I")
    acme.run(QUIET_DAY)
    assert acme.outcome(invoice["id"])[0] == "held"
    return invoice


def ignore(acme: Bench, invoice: dict[str, Any], why: str = WHY) -> None:
    ignore_document(acme.context, key(invoice), reason=why, by="jane")


def release(acme: Bench, invoice: dict[str, Any]) -> Release:
    return release_document(acme.context, key(invoice), by="jane")


def events(acme: Bench, invoice: dict[str, Any], event_type: str) -> list[dict[str, Any]]:
    found = events_of_document(acme.engine, key(invoice))
    return [json.loads(event.body) for event in found if event.event_type == event_type]


def test_an_ignored_document_stays_in_the_tie_out_with_reason_and_name_and_is_never_posted(quiet: Bench) -> None:
    invoice = held(quiet)
    ignore(quiet, invoice)
    quiet.project("CHS2026", "A")
    plan = quiet.run(QUIET_DAY)
    assert (plan.planned, plan.ignored, plan.held) == (0, 1, 0)
    assert quiet.outcome(invoice["id"]) == ("ignored", "ignored_by_person", Decimal("60.00"))
    assert quiet.owed(invoice) == {}
    tie_out = quiet.tie_out(QUIET_DAY)
    assert tie_out.balanced
    assert sum(row.ignored for row in tie_out.rows) == Decimal("60.00")
    (told,) = events(quiet, invoice, "document_ignored")
    assert (told["by"], told["why"], told["held_for"]) == ("jane", WHY, "refused")
    (row,) = quiet.rows("SELECT message FROM journal.outcomes WHERE document_id = :id", id=invoice["id"])
    assert "jane" in row.message
    assert WHY in row.message


def test_a_new_revision_of_an_ignored_document_is_decided_afresh(quiet: Bench) -> None:
    invoice = held(quiet)
    ignore(quiet, invoice)
    quiet.project("CHS2026", "A")
    quiet.change(invoice, PART_A="75.00")
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"])[0] == "posted"
    assert quiet.owed(invoice) == {"CHS2026": Decimal("75.00")}
    # Back to the amounts that were ignored: another revision all the same, and its difference is posted.
    quiet.change(invoice, PART_A="60.00")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("60.00")}
    assert quiet.tie_out(QUIET_DAY).balanced


def test_only_the_part_that_is_not_posted_is_ignored(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="60.00")
    quiet.run(QUIET_DAY)
    quiet.project("CHS2026", "I")
    quiet.change(invoice, PART_A="90.00")
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"]) == ("held", "refused", Decimal("30.00"))
    ignore(quiet, invoice)
    quiet.project("CHS2026", "A")
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"]) == ("ignored", "ignored_by_person", Decimal("30.00"))
    assert quiet.owed(invoice) == {"CHS2026": Decimal("60.00")}
    assert quiet.tie_out(QUIET_DAY).balanced


def test_an_ignore_that_is_taken_back_holds_again_and_the_next_run_posts(quiet: Bench) -> None:
    invoice = held(quiet)
    words = quiet.held_words(invoice["id"])
    ignore(quiet, invoice)
    assert days_to_decide_again(quiet.engine, quiet.settings, Kind.INVOICE) == []
    released = release(quiet, invoice)
    assert released.what is Released.IGNORE
    assert released.outcome is not None
    assert quiet.outcome(invoice["id"]) == ("held", "refused", Decimal("60.00"))
    assert quiet.held_words(invoice["id"]) == words
    assert days_to_decide_again(quiet.engine, quiet.settings, Kind.INVOICE) == [QUIET_DAY]
    (told,) = events(quiet, invoice, "document_released")
    assert (told["by"], told["ignored_by"], told["why"]) == ("jane", "jane", WHY)
    quiet.project("CHS2026", "A")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("60.00")}
    assert quiet.tie_out(QUIET_DAY).balanced


def test_what_is_under_way_posted_unknown_or_ignored_already_is_not_ignored(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="60.00")
    quiet.prepare(QUIET_DAY)
    with pytest.raises(ConfigurationError, match="not been decided"):
        ignore(quiet, invoice)
    batches = quiet.plan(QUIET_DAY).batches
    with pytest.raises(TransientError, match="under way"):
        ignore(quiet, invoice)
    quiet.send(batches)
    with pytest.raises(ConfigurationError, match="posted"):
        ignore(quiet, invoice)
    other = held(quiet, PART_A="10.00")
    ignore(quiet, other)
    with pytest.raises(ConfigurationError, match="ignored"):
        ignore(quiet, other)


def test_a_document_that_changed_since_it_was_held_is_looked_at_again_first(quiet: Bench) -> None:
    invoice = held(quiet)
    quiet.change(invoice, PART_A="6000.00")
    quiet.prepare(QUIET_DAY)
    with pytest.raises(TransientError, match="has changed"):
        ignore(quiet, invoice)


def test_what_cannot_be_read_is_not_ignored_and_stands_in_the_queue(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="60.00")
    quiet.sandbox.edit_invoice(invoice["id"], verbatim=True, total=None)
    quiet.take_in_invoices()
    quiet.run(QUIET_DAY)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        ignore(quiet, invoice)
    (queued,) = held_documents(quiet.engine, "acme", [Kind.INVOICE], business_day=QUIET_DAY)
    assert queued.outcome.reason == "unreadable"
    assert "ServiceTitan" in queued.advice


def test_a_record_without_a_date_stands_in_the_queue_without_a_day(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="60.00")
    quiet.sandbox.edit_invoice(invoice["id"], verbatim=True, invoiceDate=None)
    quiet.take_in_invoices()
    quiet.run(QUIET_DAY)
    (queued,) = held_documents(quiet.engine, "acme", [Kind.INVOICE], document_ids=[invoice["id"]])
    assert (queued.outcome.reason, queued.outcome.business_day) == ("unreadable", None)
    assert queued.outcome.amount == Decimal("60.00")
    history = document_history(quiet.engine, key(invoice))
    assert history.held is not None
    assert history.outcome == queued.outcome


def test_a_person_whose_lock_was_taken_over_changes_nothing(quiet: Bench) -> None:
    """T13: a person's command whose lock was taken."""
    invoice, batch, _ = different(quiet)
    quiet.vantagepoint.delete_file("in", batch)
    quiet.changed(vantagepoint={"read_back_seconds": 1})

    def taken_over(_: float) -> None:
        with quiet.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE journal.poster_locks SET fence = fence + 1")

    with pytest.raises(LockLostError):
        release_document(one_look_more(quiet, taken_over), key(invoice), by="jane")
    assert quiet.context.journal.file(batch).state is FileState.HELD
    assert events(quiet, invoice, "document_released") == []


def different(acme: Bench) -> tuple[dict[str, Any], str, str]:
    """Have a person's entry of other amounts stand under our Batch; returns invoice, batch and our body."""
    invoice = acme.add(PART_A="60.00")
    acme.prepare(QUIET_DAY)
    (batch,) = acme.plan(QUIET_DAY).batches
    body = acme.context.journal.file(batch).body
    altered = body.replace(":60.00", ":0.01")
    assert altered != body
    acme.vantagepoint.enter_file("in", json.loads(altered, parse_float=Decimal))
    acme.send((batch,))
    assert acme.file_states() == {"held": 1}
    assert acme.outcome(invoice["id"]) == ("held", "different_in_vantagepoint", Decimal("60.00"))
    return invoice, batch, body


def states(released: Release) -> list[FileState]:
    return [file.state for file in released.files]


def test_a_held_file_that_still_differs_stays_held_and_says_what_differs(quiet: Bench) -> None:
    invoice, batch, _ = different(quiet)
    released = release(quiet, invoice)
    assert states(released) == [FileState.HELD]
    assert "0.01" in released.files[0].message
    assert quiet.context.journal.file(batch).state is FileState.HELD
    assert quiet.outcome(invoice["id"]) == ("held", "different_in_vantagepoint", Decimal("60.00"))
    with pytest.raises(TransientError, match="held"):
        ignore(quiet, invoice)


def test_a_held_file_that_was_deleted_in_vantagepoint_is_planned_again_and_posted_once(quiet: Bench) -> None:
    invoice, batch, _ = different(quiet)
    quiet.vantagepoint.delete_file("in", batch)
    assert states(release(quiet, invoice)) == [FileState.REFUSED]
    assert quiet.outcome(invoice["id"]) == ("in_flight", "", Decimal("60.00"))
    assert quiet.tie_out(QUIET_DAY).balanced
    assert quiet.run(QUIET_DAY).planned == 1
    assert quiet.owed(invoice) == {"CHS2026": Decimal("60.00")}
    assert quiet.tie_out(QUIET_DAY).balanced


def test_a_held_file_that_was_corrected_is_posted_by_the_next_run(quiet: Bench) -> None:
    invoice, batch, body = different(quiet)
    quiet.vantagepoint.delete_file("in", batch)
    quiet.vantagepoint.enter_file("in", json.loads(body, parse_float=Decimal))
    assert states(release(quiet, invoice)) == [FileState.ENTERED]
    assert quiet.outcome(invoice["id"])[0] == "in_flight"
    assert quiet.run(QUIET_DAY).batches == (batch,)
    assert quiet.outcome(invoice["id"])[0] == "posted"
    assert quiet.owed(invoice) == {"CHS2026": Decimal("60.00")}
    assert quiet.tie_out(QUIET_DAY).balanced
    (told,) = events(quiet, invoice, "file_released")
    assert told["by"] == "jane"


def test_a_held_file_that_was_corrected_and_posted_is_finished_by_the_next_run(quiet: Bench) -> None:
    invoice, batch, body = different(quiet)
    quiet.vantagepoint.delete_file("in", batch)
    quiet.vantagepoint.enter_file("in", json.loads(body, parse_float=Decimal))
    quiet.vantagepoint.set_active_period(202610)
    assert quiet.vantagepoint.post_file("in", batch, company="01", period=202610, description="by hand").posted
    assert states(release(quiet, invoice)) == [FileState.POSTING]
    quiet.run(QUIET_DAY)
    assert quiet.file_states() == {"posted": 1}
    assert quiet.owed(invoice) == {"CHS2026": Decimal("60.00")}
    assert quiet.tie_out(QUIET_DAY).balanced


def test_a_held_file_that_was_posted_with_other_amounts_stays_held(quiet: Bench) -> None:
    invoice, batch, _ = different(quiet)
    quiet.vantagepoint.set_active_period(202610)
    assert quiet.vantagepoint.post_file("in", batch, company="01", period=202610, description="by hand").posted
    released = release(quiet, invoice)
    assert states(released) == [FileState.HELD]
    assert quiet.outcome(invoice["id"])[:2] == ("held", "ledger_differs")
    assert quiet.run(QUIET_DAY).batches == ()


def test_a_newer_revision_follows_once_the_held_file_was_released(quiet: Bench) -> None:
    invoice, batch, _ = different(quiet)
    quiet.change(invoice, PART_A="80.00")
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"]) == ("held", "different_in_vantagepoint", Decimal("80.00"))
    quiet.vantagepoint.delete_file("in", batch)
    release(quiet, invoice)
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"])[0] == "posted"
    assert quiet.owed(invoice) == {"CHS2026": Decimal("80.00")}
    assert quiet.tie_out(QUIET_DAY).balanced


def one_look_more(acme: Bench, sleep: Callable[[float], None]) -> PostingContext:
    """A context whose clock passes every deadline after one pause."""
    start = acme.context.now()
    clock = iter([start, start])
    return replace(acme.context, sleep=sleep, now=lambda: next(clock, start + timedelta(days=1)))


def test_absence_is_read_again_until_the_ledger_cannot_lag_any_more(quiet: Bench) -> None:
    invoice, batch, _ = different(quiet)
    quiet.vantagepoint.delete_file("in", batch)
    quiet.changed(vantagepoint={"read_back_seconds": 1})
    pauses: list[float] = []
    released = release_document(one_look_more(quiet, pauses.append), key(invoice), by="jane")
    assert states(released) == [FileState.REFUSED]
    assert len(pauses) == 1


def test_what_was_neither_ignored_nor_in_a_held_file_is_not_released(quiet: Bench) -> None:
    invoice = held(quiet)
    with pytest.raises(ConfigurationError, match="neither ignored"):
        release(quiet, invoice)


def test_the_queue_names_amount_record_words_and_advice(quiet: Bench) -> None:
    invoice = held(quiet)
    (queued,) = held_documents(quiet.engine, "acme", [Kind.INVOICE], reason="refused")
    assert queued.outcome.document == key(invoice)
    assert queued.number == invoice["referenceNumber"]
    assert queued.party == invoice["customer"]["name"]
    assert queued.outcome.amount == Decimal("60.00")
    assert "CHS2026" in queued.outcome.words
    assert queued.age.total_seconds() >= 0
    assert queued.advice
    assert held_documents(quiet.engine, "acme", [Kind.INVOICE], reason="no_rule") == []
    assert held_documents(quiet.engine, "other") == []


def test_a_documents_history_has_everything_from_its_lines_to_its_events(quiet: Bench) -> None:
    """T55: its history has request, answer and advice."""
    invoice = held(quiet)
    quiet.project("CHS2026", "A")
    quiet.run(QUIET_DAY)
    history = document_history(quiet.engine, key(invoice))
    assert history.staged is not None
    assert history.staged.number == invoice["referenceNumber"]
    assert history.alignment is not None
    assert history.alignment.lines[0].decided_by["account"]
    assert history.outcome is not None
    assert history.outcome.outcome == "posted"
    assert history.held is None
    assert history.standing.amount == Decimal("60.00")
    assert [(file.state, file.document_amount) for file in history.files] == [(FileState.POSTED, Decimal("60.00"))]
    kinds = [event.event_type for event in history.events]
    assert {"document_planned", "document_held", "file_sending", "document_posted"} <= set(kinds)
    assert kinds[-1] in {"document_posted", "file_posted"}


def test_nothing_is_known_of_a_wrong_id(quiet: Bench) -> None:
    with pytest.raises(ConfigurationError, match="Nothing is known"):
        document_history(quiet.engine, DocumentKey("acme", Kind.INVOICE, 1))
