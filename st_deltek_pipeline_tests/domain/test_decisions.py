"""Decisions: what is posted, held, ignored or left alone, and in which order the questions are asked."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from st_deltek_pipeline.domain.decisions import LEAVE_AS_IS, Decision, PostingRules, Situation, decide
from st_deltek_pipeline.domain.documents import SyncStatus
from st_deltek_pipeline.domain.holds import Hold, HoldReason, IgnoreReason
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.postings import Standing
from st_deltek_pipeline_tests.domain.builders import DAY, PERIODS, coded, invoice

RULES = PostingRules(ready_when="posted", post_zero_documents=False, first_open_period=False)
STANDING: Standing = {(DAY, coded("100.00").key): Decimal("100.00")}


def situation(document: Invoice, **changes: object) -> Situation:
    made = Situation(
        document=document,
        lines=(coded(str(document.total)),),
        hold=None,
        standing={},
        occupied=False,
        previous=None,
        next_posting_no=1,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def previous(document: Invoice, outcome: OutcomeKind, *, revision_hash: str | None = None) -> DocumentOutcome:
    return DocumentOutcome(
        document=document.key,
        revision=document.revision,
        revision_hash=revision_hash or document.revision_hash,
        business_day=document.business_day,
        outcome=outcome,
        reason="",
        message="",
        words="",
        amount=Decimal("0.00"),
        project="HVAC",
    )


def outcome(decision: Decision) -> tuple[OutcomeKind, str, Decimal]:
    assert decision.outcome is not None
    return decision.outcome.outcome, decision.outcome.reason, decision.outcome.amount


def test_a_ready_aligned_invoice_is_planned_for_its_whole_total() -> None:
    decision = decide(situation(invoice("100.00")), RULES, PERIODS)
    assert outcome(decision) == (OutcomeKind.IN_FLIGHT, "", Decimal("100.00"))
    assert len(decision.postings) == 1


def under_way(document: Invoice, before: DocumentOutcome) -> Decision:
    return decide(situation(document, occupied=True, previous=before), RULES, PERIODS)


def test_a_document_under_way_is_left_alone_while_it_does_not_change() -> None:
    document = invoice("500.00")
    assert under_way(document, previous(document, OutcomeKind.IN_FLIGHT)) is LEAVE_AS_IS
    assert under_way(document, previous(document, OutcomeKind.HELD)) is LEAVE_AS_IS


def test_a_revision_that_comes_while_the_file_is_under_way_waits_and_is_counted() -> None:
    document = invoice("500.00")
    decision = under_way(document, previous(document, OutcomeKind.IN_FLIGHT, revision_hash="b" * 64))
    assert decision.postings == ()
    assert outcome(decision) == (OutcomeKind.IN_FLIGHT, "", Decimal("500.00"))
    gone = under_way(replace(document, active=False), previous(document, OutcomeKind.IN_FLIGHT, revision_hash="b" * 64))
    assert outcome(gone) == (OutcomeKind.IN_FLIGHT, "", Decimal("0.00"))


def test_the_first_thing_known_of_a_document_under_way_is_counted_as_waiting() -> None:
    decision = decide(situation(invoice("500.00"), occupied=True), RULES, PERIODS)
    assert decision.postings == ()
    assert outcome(decision) == (OutcomeKind.IN_FLIGHT, "", Decimal("500.00"))
    assert decision.outcome is not None
    assert "newer revision waits" in decision.outcome.message


def test_a_revision_that_comes_while_the_file_is_on_hold_is_held_for_the_same_reason() -> None:
    document = invoice("500.00")
    before = replace(
        previous(document, OutcomeKind.HELD, revision_hash="b" * 64),
        reason=HoldReason.POST_REFUSED.value,
        message="Entered, and not posted.",
        words="Period 202610 is closed.",
        project="PHASED",
    )
    decision = under_way(document, before)
    assert outcome(decision) == (OutcomeKind.HELD, "post_refused", Decimal("500.00"))
    assert decision.outcome is not None
    assert (decision.outcome.message, decision.outcome.words) == (before.message, before.words)
    # It is counted on the project that the file holds it under.
    assert decision.outcome.project == "PHASED"
    unreadable = replace(before, reason=HoldReason.UNREADABLE.value, words="")
    assert outcome(under_way(document, unreadable)) == (OutcomeKind.IN_FLIGHT, "", Decimal("500.00"))


def test_a_posted_revision_is_left_alone_even_when_a_rule_now_holds_it() -> None:
    document = invoice("100.00")
    known = situation(
        document,
        previous=previous(document, OutcomeKind.POSTED),
        hold=Hold(HoldReason.NO_RULE, "gone"),
        standing=STANDING,
    )
    assert decide(known, RULES, PERIODS) is LEAVE_AS_IS


def test_a_held_revision_is_decided_again() -> None:
    document = invoice("100.00")
    decision = decide(situation(document, previous=previous(document, OutcomeKind.HELD)), RULES, PERIODS)
    assert outcome(decision)[0] is OutcomeKind.IN_FLIGHT


def test_a_changed_revision_of_a_posted_document_posts_the_difference() -> None:
    document = invoice("130.00")
    decision = decide(
        situation(document, previous=previous(document, OutcomeKind.POSTED, revision_hash="b" * 64), standing=STANDING),
        RULES,
        PERIODS,
    )
    assert outcome(decision) == (OutcomeKind.IN_FLIGHT, "", Decimal("30.00"))


def test_a_pending_invoice_waits_with_its_whole_total() -> None:
    document = replace(invoice("100.00"), sync_status=SyncStatus.PENDING)
    assert outcome(decide(situation(document), RULES, PERIODS)) == (
        OutcomeKind.HELD,
        HoldReason.NOT_READY,
        Decimal("100.00"),
    )


def test_an_unposted_invoice_we_posted_before_is_held_and_not_reversed_silently() -> None:
    document = replace(invoice("130.00"), sync_status=SyncStatus.PENDING)
    decision = decide(situation(document, standing=STANDING), RULES, PERIODS)
    assert outcome(decision) == (OutcomeKind.HELD, HoldReason.UNPOSTED_IN_SERVICETITAN, Decimal("30.00"))
    assert decision.postings == ()


@pytest.mark.parametrize("status", ["Scheduled", "InProgress", ""])
def test_with_ready_when_completed_the_job_must_be_completed(status: str) -> None:
    rules = replace(RULES, ready_when="completed")
    document = replace(invoice("1.00"), job_id=5, job_status=status, sync_status=SyncStatus.PENDING)
    assert outcome(decide(situation(document), rules, PERIODS))[1] == HoldReason.NOT_READY


def test_with_ready_when_completed_a_pending_invoice_of_a_completed_job_is_posted() -> None:
    rules = replace(RULES, ready_when="completed")
    document = replace(invoice("1.00"), job_id=5, job_status="Completed", sync_status=SyncStatus.PENDING)
    assert outcome(decide(situation(document), rules, PERIODS))[0] is OutcomeKind.IN_FLIGHT


def test_with_ready_when_completed_a_pending_review_holds() -> None:
    rules = replace(RULES, ready_when="completed")
    document = replace(invoice("1.00"), job_id=5, job_status="Completed", review_status="OnHold")
    assert outcome(decide(situation(document), rules, PERIODS))[1] == HoldReason.NOT_READY


def test_a_void_before_posting_is_ignored_with_that_reason() -> None:
    document = replace(invoice("100.00"), active=False)
    decision = decide(situation(document), RULES, PERIODS)
    assert decision.postings == ()
    assert decision.outcome is not None
    assert decision.outcome.message == "invoice:7001: voided before it was posted."
    assert outcome(decision) == (
        OutcomeKind.IGNORED,
        IgnoreReason.VOIDED_BEFORE_POSTING,
        Decimal("0.00"),
    )


def test_a_void_after_posting_is_a_reversal_even_if_the_invoice_could_not_be_coded_any_more() -> None:
    document = replace(invoice("100.00"), active=False)
    decision = decide(
        situation(document, standing=STANDING, lines=(), hold=Hold(HoldReason.NO_RULE, "gone")), RULES, PERIODS
    )
    assert outcome(decision) == (OutcomeKind.IN_FLIGHT, "", Decimal("-100.00"))


def test_a_void_whose_period_is_closed_is_held_with_what_is_too_much() -> None:
    document = replace(invoice("100.00"), active=False)
    standing = {(date(2026, 9, 30), coded("100.00").key): Decimal("100.00")}
    decision = decide(situation(document, standing=standing), RULES, PERIODS)
    assert outcome(decision) == (OutcomeKind.HELD, HoldReason.PERIOD_CLOSED, Decimal("-100.00"))


def test_a_zero_invoice_is_ignored_with_that_reason() -> None:
    assert outcome(decide(situation(invoice("0.00"), lines=()), RULES, PERIODS))[1] == IgnoreReason.ZERO_DOCUMENT


def test_a_zero_total_of_amounts_that_differ_is_no_zero_document() -> None:
    document = invoice("100.00", "-100.00")
    lines = (coded("100.00"), coded("-100.00", account="402.00"))
    assert outcome(decide(situation(document, lines=lines), RULES, PERIODS))[0] is OutcomeKind.IN_FLIGHT


def test_a_posted_document_that_becomes_zero_is_reversed_and_not_ignored() -> None:
    decision = decide(situation(invoice("0.00"), lines=(), standing=STANDING), RULES, PERIODS)
    assert outcome(decision) == (OutcomeKind.IN_FLIGHT, "", Decimal("-100.00"))


def test_a_change_without_effect_on_the_books_settles_without_a_posting() -> None:
    document = invoice("100.00")
    decision = decide(
        situation(document, previous=previous(document, OutcomeKind.POSTED, revision_hash="b" * 64), standing=STANDING),
        RULES,
        PERIODS,
    )
    assert outcome(decision) == (OutcomeKind.POSTED, "", Decimal("0.00"))
    assert decision.postings == ()


def test_a_hold_that_vantagepoint_explained_keeps_its_words() -> None:
    hold = Hold(HoldReason.FIRM_REFUSED, "customer 7: Vantagepoint refused to create its firm.", "Name is required.")
    decision = decide(situation(invoice("100.00"), lines=(), hold=hold), RULES, PERIODS)
    assert decision.outcome is not None
    assert (decision.outcome.reason, decision.outcome.words) == ("firm_refused", "Name is required.")


def test_what_is_posted_carries_everything_of_its_revision_and_the_outcome_says_what_was_planned() -> None:
    document = replace(
        invoice("100.00"), revision=4, due_date=date(2026, 11, 6), business_day=date(2026, 10, 8), document_date=DAY
    )
    decision = decide(situation(document, terms="Next", together="bank deposit 9", next_posting_no=3), RULES, PERIODS)
    (posting,) = decision.postings
    assert (posting.document, posting.revision, posting.revision_hash) == (document.key, 4, document.revision_hash)
    assert (posting.business_day, posting.due_date, posting.master.trans_date) == (
        date(2026, 10, 8),
        date(2026, 11, 6),
        DAY,
    )
    assert (posting.terms, posting.together, posting.posting_no) == ("Next", "bank deposit 9", 3)
    assert decision.outcome == DocumentOutcome(
        document=document.key,
        revision=4,
        revision_hash=document.revision_hash,
        business_day=date(2026, 10, 8),
        outcome=OutcomeKind.IN_FLIGHT,
        reason="",
        message="Planned as 1 posting(s).",
        words="",
        amount=Decimal("100.00"),
        project="HVAC",
    )


def test_what_is_held_says_why_and_stands_under_no_project_as_long_as_none_is_known() -> None:
    hold = Hold(HoldReason.NO_RULE, "invoice:7001: no rule.")
    held = decide(situation(invoice("100.00"), lines=(), hold=hold), RULES, PERIODS).outcome
    assert held is not None
    assert (held.message, held.words, held.project) == ("invoice:7001: no rule.", "", "")
    pending = decide(situation(invoice("100.00", sync_status=SyncStatus.PENDING)), RULES, PERIODS).outcome
    assert pending is not None
    assert pending.message.startswith("invoice:7001: ")


def test_a_document_in_a_closed_period_is_held_or_moved_by_the_setting() -> None:
    document = replace(invoice("100.00"), document_date=date(2026, 9, 30))
    assert outcome(decide(situation(document), RULES, PERIODS))[:2] == (OutcomeKind.HELD, HoldReason.PERIOD_CLOSED)
    (moved,) = decide(situation(document), replace(RULES, first_open_period=True), PERIODS).postings
    assert (moved.master.period, moved.moved_from) == (202610, 202609)


def test_a_zero_document_is_posted_or_held_where_zero_documents_are_posted() -> None:
    rules = replace(RULES, post_zero_documents=True)
    (posting,) = decide(situation(invoice("0.00")), rules, PERIODS).postings
    assert [line.amount for line in posting.lines] == [Decimal("0.00")]
    held = situation(invoice("0.00"), lines=(), hold=Hold(HoldReason.NO_RULE, "no rule"))
    assert outcome(decide(held, rules, PERIODS))[:2] == (OutcomeKind.HELD, HoldReason.NO_RULE)
    # There is nothing to post and nothing in the way.
    assert outcome(decide(situation(invoice("0.00"), lines=()), rules, PERIODS))[0] is OutcomeKind.IGNORED


def test_a_zero_document_that_is_not_ready_waits_and_is_not_ignored_yet() -> None:
    pending = invoice("0.00", sync_status=SyncStatus.PENDING)
    assert outcome(decide(situation(pending), RULES, PERIODS))[:2] == (OutcomeKind.HELD, HoldReason.NOT_READY)


def test_what_was_voided_need_not_be_ready_and_its_lines_count_no_more() -> None:
    voided = invoice("100.00", sync_status=SyncStatus.PENDING, active=False)
    assert outcome(decide(situation(voided), RULES, PERIODS))[1] == IgnoreReason.VOIDED_BEFORE_POSTING
    (reversal,) = decide(situation(voided, standing=STANDING), RULES, PERIODS).postings
    assert reversal.amount == Decimal("-100.00")


def test_a_revision_that_changes_nothing_in_the_books_says_so() -> None:
    document = invoice("100.00")
    before = previous(document, OutcomeKind.POSTED, revision_hash="b" * 64)
    decision = decide(situation(document, previous=before, standing=STANDING), RULES, PERIODS)
    assert decision.outcome is not None
    assert decision.outcome.message == "Nothing changes in the books."
