"""What was received or credited stands where its invoice stands, also after the invoice has moved away."""

from dataclasses import replace
from decimal import Decimal

import pytest

from st_deltek_pipeline.domain.coded_amounts import CodedAmount, Heading, LineKey
from st_deltek_pipeline.domain.decisions import LEAVE_AS_IS, Decision, PostingRules, Situation, decide
from st_deltek_pipeline.domain.documents import Document
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.holds import Hold, HoldReason, IgnoreReason
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.payment_alignment import align_payment
from st_deltek_pipeline.domain.postings import Standing
from st_deltek_pipeline_tests.domain.builders import DAY, PERIODS, REFERENCE, coded, invoice
from st_deltek_pipeline_tests.domain.document_builders import (
    ALL_LINKS,
    RULES_FOR_ALL_KINDS,
    credit_memo,
    item,
    memo_line,
    payment,
    posted,
)

RULES = PostingRules(ready_when="posted", post_zero_documents=False, first_open_period=False)
RECEIPT = Heading(EntryType.RECEIPTS, "P5001", bank="OPER")
PAYMENT = payment((7001, "100.00"), unapplied="8.00")


def line(amount: str, *, wbs1: str = "HVAC", number: str = "N7001", heading: Heading = RECEIPT) -> CodedAmount:
    return CodedAmount(LineKey(heading, wbs1, "", "", number, "110.00"), Decimal(amount), "", "")


def standing(*lines: CodedAmount) -> Standing:
    return {(DAY, each.key): each.amount for each in lines}


STANDS = standing(line("100.00"), line("8.00", number=""))


def settled(
    document: Document, *lines: CodedAmount, hold: Hold | None = None, stands: Standing = STANDS, **changes: object
) -> Situation:
    before = DocumentOutcome(
        document.key,
        document.revision,
        document.revision_hash,
        document.business_day,
        OutcomeKind.POSTED,
        "",
        "",
        "",
        Decimal("0.00"),
        "HVAC",
    )
    made = Situation(document, lines, hold, stands, occupied=False, previous=before, next_posting_no=2)
    return replace(made, **changes)  # type: ignore[arg-type]


def decided(situation: Situation, rules: PostingRules = RULES) -> Decision:
    return decide(situation, rules, PERIODS)


def moved(decision: Decision) -> dict[tuple[str, str], Decimal]:
    return {
        (change.key.wbs1, change.key.invoice): change.amount
        for posting in decision.postings
        for change in posting.lines
    }


def test_a_settled_payment_whose_invoice_stays_is_left_alone() -> None:
    assert decided(settled(PAYMENT, line("100.00"), line("8.00", number=""))) is LEAVE_AS_IS


def test_a_settled_payment_follows_its_invoice_to_another_project() -> None:
    decision = decided(settled(PAYMENT, line("100.00", wbs1="WEST"), line("8.00", number="")))
    assert moved(decision) == {("HVAC", "N7001"): Decimal("-100.00"), ("WEST", "N7001"): Decimal("100.00")}
    assert decision.outcome is not None
    assert (decision.outcome.outcome, decision.outcome.amount) == (OutcomeKind.IN_FLIGHT, Decimal("0.00"))


def test_a_settled_payment_follows_its_invoice_to_another_number() -> None:
    decision = decided(settled(PAYMENT, line("100.00", number="N8"), line("8.00", number="")))
    assert moved(decision) == {("HVAC", "N7001"): Decimal("-100.00"), ("HVAC", "N8"): Decimal("100.00")}


def test_a_settled_payment_is_spread_anew_when_its_invoice_is() -> None:
    stands = standing(line("60.00"), line("40.00", wbs1="WEST"))
    decision = decided(settled(payment((7001, "100.00")), line("90.00"), line("10.00", wbs1="WEST"), stands=stands))
    assert moved(decision) == {("HVAC", "N7001"): Decimal("30.00"), ("WEST", "N7001"): Decimal("-30.00")}


def test_money_that_follows_an_invoice_stays_in_the_bank_it_came_to() -> None:
    recoded = replace(RECEIPT, bank="MERC")
    decision = decided(
        settled(PAYMENT, line("100.00", wbs1="WEST", heading=recoded), line("8.00", number="", heading=recoded))
    )
    assert {posting.heading.bank for posting in decision.postings} == {"OPER"}
    assert moved(decision) == {("HVAC", "N7001"): Decimal("-100.00"), ("WEST", "N7001"): Decimal("100.00")}


def test_an_edited_coding_rule_alone_moves_nothing_that_is_settled() -> None:
    recoded = replace(RECEIPT, bank="MERC")
    lines = (line("100.00", heading=recoded), line("8.00", wbs1="WEST", number="", heading=recoded))
    assert decided(settled(PAYMENT, *lines)) is LEAVE_AS_IS


@pytest.mark.parametrize(
    "reason",
    [HoldReason.APPLIED_TO_VOIDED_INVOICE, HoldReason.WAITING_FOR_INVOICE, HoldReason.APPLIED_TO_UNKNOWN_INVOICE],
)
def test_a_payment_whose_invoice_is_gone_is_seen_in_the_queue_with_nothing_outside_the_ledger(
    reason: HoldReason,
) -> None:
    decision = decided(settled(PAYMENT, hold=Hold(reason, "gone")))
    assert decision.postings == ()
    assert decision.outcome is not None
    assert (decision.outcome.outcome, decision.outcome.reason) == (OutcomeKind.HELD, reason)
    assert (decision.outcome.amount, decision.outcome.project) == (Decimal("0.00"), "HVAC")


@pytest.mark.parametrize("reason", [HoldReason.NO_RULE, HoldReason.CUSTOMER_WITHOUT_FIRM, HoldReason.BANK_MISSING])
def test_what_would_hold_a_new_payment_does_not_hold_a_settled_one(reason: HoldReason) -> None:
    assert decided(settled(PAYMENT, hold=Hold(reason, "later"))) is LEAVE_AS_IS


def test_money_that_is_only_on_account_follows_nobody() -> None:
    stands = standing(line("8.00", number=""))
    gone = Hold(HoldReason.WAITING_FOR_INVOICE, "gone")
    assert decided(settled(payment(unapplied="8.00"), hold=gone, stands=stands)) is LEAVE_AS_IS


def test_a_payment_whose_invoice_has_moved_twice_ends_where_it_began() -> None:
    invoices = {"here": posted(i7001=[item("100.00")]), "there": posted(i7001=[item("100.00", wbs1="WEST")])}
    document, stands = payment((7001, "100.00")), dict[tuple[object, LineKey], Decimal]()
    for place in ("here", "there", "here"):
        aligned = align_payment(document, RULES_FOR_ALL_KINDS, REFERENCE, ALL_LINKS, invoices[place])
        assert aligned.hold is None
        for posting in decided(settled(document, *aligned.lines, stands=stands)).postings:  # type: ignore[arg-type]
            for change in posting.lines:
                key = (posting.master.trans_date, change.key)
                stands[key] = stands.get(key, Decimal("0.00")) + change.amount
    assert {key.wbs1: amount for (_, key), amount in stands.items()} == {
        "HVAC": Decimal("100.00"),
        "WEST": Decimal("0.00"),
    }


def test_a_settled_credit_memo_follows_its_invoice_too() -> None:
    document = credit_memo(memo_line("30.00"), splits=[(7001, "30.00")])
    before, after = coded("-30.00", invoice_number="N7001"), coded("-30.00", invoice_number="N7001", wbs1="WEST")
    decision = decided(settled(document, after, stands=standing(before)))
    assert moved(decision) == {("HVAC", "N7001"): Decimal("30.00"), ("WEST", "N7001"): Decimal("-30.00")}


def test_an_invoice_follows_nobody() -> None:
    document = invoice("100.00")
    assert decided(settled(document, coded("100.00", wbs1="WEST"), stands=standing(coded("100.00")))) is LEAVE_AS_IS


def test_a_move_into_a_closed_period_is_held_and_not_forgotten() -> None:
    early = DAY.replace(month=9)
    stands = {(early, line("100.00").key): Decimal("100.00")}
    document = payment((7001, "100.00"), document_date=early)
    decision = decided(settled(document, line("100.00", wbs1="WEST"), stands=stands))
    assert decision.outcome is not None
    assert (decision.outcome.reason, decision.outcome.amount) == (HoldReason.PERIOD_CLOSED, Decimal("0.00"))


def test_a_voided_payment_that_is_taken_back_is_left_alone() -> None:
    gone = replace(PAYMENT, active=False)
    assert decided(settled(gone, line("100.00", wbs1="WEST"))) is LEAVE_AS_IS


# --- Payments that move no money -------------------------------------------------------------------------------------


def new(document: Document, *lines: CodedAmount, stands: Standing | None = None, **changes: object) -> Situation:
    return settled(document, *lines, stands=stands or {}, previous=None, **changes)


@pytest.mark.parametrize(
    ("said", "types"),
    [({"is_journal_entry": True}, frozenset[str]()), ({"type_name": "Write-off"}, frozenset({"write-off"}))],
    ids=["by ServiceTitan's list", "by the name of its type"],
)
def test_a_journal_entry_is_ignored_with_that_reason(said: dict[str, object], types: frozenset[str]) -> None:
    document, rules = payment((7001, "5.00"), **said), replace(RULES, journal_entry_types=types)
    decision = decided(new(document), rules)
    assert decision.outcome is not None
    assert (decision.outcome.outcome, decision.outcome.reason) == (
        OutcomeKind.IGNORED,
        IgnoreReason.JOURNAL_ENTRY_PAYMENT,
    )
    assert decision.outcome.amount == Decimal("5.00")


def test_a_journal_entry_that_was_posted_as_a_receipt_is_taken_back_and_then_ignored() -> None:
    document = payment((7001, "100.00"), is_journal_entry=True, revision=2, revision_hash="f" * 64)
    stands = standing(line("100.00"))
    taken_back = decided(new(document, stands=stands))
    assert moved(taken_back) == {("HVAC", "N7001"): Decimal("-100.00")}
    assert taken_back.outcome is not None
    # ServiceTitan still counts it: 100.00 posted and nothing outside now, 0.00 and 100.00 once it is taken back.
    assert taken_back.outcome.amount == Decimal("0.00")
    nothing = {key: Decimal("0.00") for key in stands}
    after = decided(settled(document, stands=nothing))
    assert after.outcome is not None
    assert (after.outcome.outcome, after.outcome.amount) == (OutcomeKind.IGNORED, Decimal("100.00"))


def test_a_type_that_is_called_a_journal_entry_later_leaves_settled_payments_alone() -> None:
    rules = replace(RULES, journal_entry_types=frozenset({"check"}))
    assert decided(settled(PAYMENT), rules) is LEAVE_AS_IS


def test_a_zero_payment_is_ignored_even_where_zero_documents_are_posted_for_it_has_no_line() -> None:
    decision = decided(new(payment()), replace(RULES, post_zero_documents=True))
    assert decision.outcome is not None
    assert decision.outcome.reason == IgnoreReason.ZERO_DOCUMENT
