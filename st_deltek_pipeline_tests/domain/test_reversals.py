"""A person's reversal: exactly what was posted, each posting once, and it stays until the document changes."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.decisions import PostingRules, Situation, decide
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.posting_keys import line_key
from st_deltek_pipeline.domain.postings import Posting, Standing, Target, plan_postings
from st_deltek_pipeline.domain.reversals import (
    PersonalReversal,
    PostedPart,
    ReversalChoice,
    choose_reversals,
    left_to_reverse,
    plan_reversals,
)
from st_deltek_pipeline.domain.transaction_files import build_file, derive_batch
from st_deltek_pipeline_tests.domain.builders import DAY, PERIODS, coded, invoice

RULES = PostingRules(ready_when="posted", post_zero_documents=False, first_open_period=False)
DOCUMENT = DocumentKey("acme", Kind.INVOICE, 7001)
ZERO = Decimal("0.00")
FIRST_OPEN = {**PERIODS, 202610: replace(PERIODS[202610], closed=True)}


def posting(number: int, amount: str = "100.00", *, reverses: int | None = None) -> Posting:
    target = Target(DOCUMENT, 1, "a" * 64, DAY, DAY, None, (coded(amount),))
    (made,) = plans(target, {}, number)
    return replace(made, reverses=reverses)


def plans(target: Target, standing: Standing, number: int) -> tuple[Posting, ...]:
    planned = plan_postings(target, standing, PERIODS, first_open_allowed=False, next_posting_no=number)
    assert not isinstance(planned, Hold)
    return planned


def part(number: int, *, reverses: int | None = None, stands: bool = True) -> PostedPart:
    return PostedPart(posting(number, reverses=reverses), f"F{number}", stands)


def numbers(choice: ReversalChoice) -> list[int]:
    return [each.posting_no for each in choice.postings]


def reversal(document: Invoice, *postings: int) -> PersonalReversal:
    return PersonalReversal(
        document.key, document.revision, document.revision_hash, postings, "Wrong customer.", "jane"
    )


# --- What is reversed ------------------------------------------------------------------------------------------------


def test_everything_that_is_wished_for_and_stands_is_reversed() -> None:
    assert numbers(choose_reversals(DOCUMENT, [part(1), part(2)], {1, 2})) == [1, 2]


def test_what_was_reversed_before_is_left_alone_and_named() -> None:
    choice = choose_reversals(DOCUMENT, [part(1), part(2, reverses=1)], {1})
    assert (numbers(choice), choice.reversed_in, choice.under_way, choice.refusal) == ([], ("F2",), (), "")


def test_a_reversal_under_way_is_gone_on_with_and_not_planned_again() -> None:
    choice = choose_reversals(DOCUMENT, [part(1), part(2, reverses=1, stands=False)], {1})
    assert (numbers(choice), choice.under_way, choice.refusal) == ([], ("F2",), "")


def test_a_posting_that_a_later_one_builds_on_is_not_reversed_alone() -> None:
    choice = choose_reversals(DOCUMENT, [part(1), part(2)], {1})
    assert numbers(choice) == []
    assert "F2" in choice.refusal


def test_the_last_of_a_chain_is_reversed_alone_and_then_the_one_before_it() -> None:
    assert numbers(choose_reversals(DOCUMENT, [part(1), part(2)], {2})) == [2]
    assert numbers(choose_reversals(DOCUMENT, [part(1), part(2), part(3, reverses=2)], {1})) == [1]


def test_nothing_is_reversed_while_something_else_of_the_document_is_under_way() -> None:
    choice = choose_reversals(DOCUMENT, [part(1), part(2, stands=False)], {1})
    assert numbers(choice) == []
    assert "under way" in choice.refusal


def test_reversals_are_passed_over() -> None:
    assert choose_reversals(DOCUMENT, [part(1), part(2, reverses=1)], {2}).is_empty
    assert numbers(choose_reversals(DOCUMENT, [part(1), part(2, reverses=1), part(3)], {1, 2, 3})) == [3]


def test_what_a_decision_leaves_to_do_is_what_stands_and_is_not_reversed_yet() -> None:
    wanted = reversal(invoice("100.00"), 1, 2, 4)
    parts = [part(1), part(2), part(3, reverses=1), part(4, stands=False), part(5)]
    assert [each.posting_no for each in left_to_reverse(wanted, parts)] == [2]


# --- How it is reversed ----------------------------------------------------------------------------------------------

_AMOUNTS = st.decimals(min_value=-10_000, max_value=10_000, places=2)
_REVISIONS = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["HVAC", "PLUMB"]), st.sampled_from(["401.00", "402.00"]), _AMOUNTS), max_size=4
    ),
    min_size=1,
    max_size=5,
)


def stands_after(postings: Sequence[Posting]) -> Standing:
    sums: dict[object, Decimal] = {}
    for each in postings:
        for line in each.lines:
            key = (each.master.trans_date, line.key)
            sums[key] = sums.get(key, ZERO) + line.amount
    return sums  # type: ignore[return-value]


@given(_REVISIONS, st.data())
def test_reversing_the_end_of_any_history_leaves_exactly_what_stood_before_it(
    revisions: list[list[tuple[str, str, Decimal]]], data: st.DataObject
) -> None:
    history: list[Posting] = []
    for lines in revisions:
        wanted = {(project, account): amount for project, account, amount in lines}
        coded_lines = tuple(
            coded(str(amount), account=account, wbs1=project) for (project, account), amount in wanted.items()
        )
        target = Target(DOCUMENT, 1, "a" * 64, DAY, DAY, None, coded_lines)
        history += plans(target, stands_after(history), len(history) + 1)
    kept = data.draw(st.integers(0, len(history)))
    chosen = history[kept:]
    document = invoice("1.00")
    reversing = plan_reversals(document, chosen, PERIODS, first_open_allowed=False, next_posting_no=len(history) + 1)
    assert not isinstance(reversing, Hold)
    before = {key: amount for key, amount in stands_after(history[:kept]).items() if amount}
    after = {key: amount for key, amount in stands_after([*history, *reversing]).items() if amount}
    assert after == before
    assert [each.reverses for each in reversing] == [each.posting_no for each in chosen]
    assert [each.amount for each in reversing] == [-each.amount for each in chosen]


def test_a_reversal_has_the_heading_date_and_words_of_what_it_takes_back_and_keys_of_its_own() -> None:
    taken_back = posting(1)
    (made,) = plan_reversals(
        invoice("1.00", revision=3, revision_hash="c" * 64),
        [taken_back],
        PERIODS,
        first_open_allowed=False,
        next_posting_no=2,
    )
    assert isinstance(made, Posting)
    assert made.master == taken_back.master
    assert [line.key for line in made.lines] == [line.key for line in taken_back.lines]
    assert [line.description for line in made.lines] == [line.description for line in taken_back.lines]
    assert (made.revision, made.revision_hash, made.correction) == (3, "c" * 64, True)
    assert line_key(made, made.lines[0]) != line_key(taken_back, taken_back.lines[0])


def test_the_basis_of_a_tax_is_taken_back_with_the_tax() -> None:
    taxed = posting(1)
    taxed = replace(taxed, lines=(replace(taxed.lines[0], tax_basis=Decimal("200.00")),))
    (made,) = plan_reversals(invoice("1.00"), [taxed], PERIODS, first_open_allowed=False, next_posting_no=2)
    assert isinstance(made, Posting)
    assert made.lines[0].tax_basis == Decimal("-200.00")


def test_what_was_posted_together_is_reversed_together_and_not_with_the_deposit_itself() -> None:
    deposit = replace(posting(1), together="bank deposit 5")
    (made,) = plan_reversals(invoice("1.00"), [deposit], PERIODS, first_open_allowed=False, next_posting_no=2)
    assert isinstance(made, Posting)
    assert made.together
    assert made.together != deposit.together


def test_a_reversal_stays_in_the_period_of_what_it_takes_back_whatever_its_date_says() -> None:
    moved = replace(posting(1), master=replace(posting(1).master, period=202611), moved_from=202610)
    (made,) = plan_reversals(invoice("1.00"), [moved], FIRST_OPEN, first_open_allowed=False, next_posting_no=2)
    assert isinstance(made, Posting)
    assert (made.master.period, made.moved_from) == (202611, None)


def test_a_closed_period_holds_a_reversal_or_moves_it_by_the_setting() -> None:
    held = plan_reversals(invoice("1.00"), [posting(1)], FIRST_OPEN, first_open_allowed=False, next_posting_no=2)
    assert isinstance(held, Hold)
    assert held.reason is HoldReason.PERIOD_CLOSED
    (made,) = plan_reversals(invoice("1.00"), [posting(1)], FIRST_OPEN, first_open_allowed=True, next_posting_no=2)
    assert isinstance(made, Posting)
    assert (made.master.period, made.moved_from) == (202611, 202610)


def test_a_period_that_vantagepoint_has_no_more_holds_a_reversal() -> None:
    held = plan_reversals(invoice("1.00"), [posting(1)], {}, first_open_allowed=True, next_posting_no=2)
    assert isinstance(held, Hold)
    assert held.reason is HoldReason.NO_PERIOD


def test_a_number_that_was_given_up_has_another_batch_as_a_reversal() -> None:
    plain, reversing = posting(2), posting(2, reverses=1)
    batches = [derive_batch("acme", Kind.INVOICE, 202610, [each]) for each in (plain, reversing)]
    assert len(set(batches)) == 2


def test_the_file_says_what_it_reverses() -> None:
    body = build_file("acme", "01", [posting(2, reverses=1)]).body
    assert "revision 1, reverses posting 1" in body
    assert "reverses" not in build_file("acme", "01", [posting(2)]).body


# --- What follows from it --------------------------------------------------------------------------------------------


def situation(document: Invoice, **changes: object) -> Situation:
    previous = DocumentOutcome(
        document=document.key,
        revision=document.revision,
        revision_hash=document.revision_hash,
        business_day=DAY,
        outcome=OutcomeKind.POSTED,
        reason="",
        message="",
        words="",
        amount=ZERO,
        project="HVAC",
    )
    made = Situation(
        document=document,
        lines=(coded("100.00"),),
        hold=None,
        standing=stands_after([posting(1)]),
        occupied=False,
        previous=previous,
        next_posting_no=2,
        reversal=reversal(document, 1),
        to_reverse=(posting(1),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def outcome_of(made: Situation) -> DocumentOutcome:
    outcome = decide(made, RULES, PERIODS).outcome
    assert outcome is not None
    return outcome


def test_a_posted_document_that_a_person_reverses_is_planned_and_counted_when_it_has_landed() -> None:
    decision = decide(situation(invoice("100.00")), RULES, PERIODS)
    assert [each.reverses for each in decision.postings] == [1]
    assert decision.outcome is not None
    assert (decision.outcome.outcome, decision.outcome.amount) == (OutcomeKind.IN_FLIGHT, ZERO)
    assert decision.outcome.reason == ""
    assert decision.outcome.message == "invoice:7001: reversed by jane: Wrong customer."


def test_a_reversed_document_is_ignored_with_reason_and_name_and_its_amount_is_outside() -> None:
    done = situation(invoice("100.00"), to_reverse=(), standing={})
    assert decide(done, RULES, PERIODS).postings == ()
    outcome = outcome_of(done)
    assert (outcome.outcome, outcome.reason, outcome.amount) == (
        OutcomeKind.IGNORED,
        "reversed_by_person",
        Decimal("100.00"),
    )
    assert outcome.message == "invoice:7001: reversed by jane: Wrong customer."


@pytest.mark.parametrize("changes", [{"hold": Hold(HoldReason.NO_RULE, "x")}, {"lines": ()}], ids=["hold", "no_lines"])
def test_it_is_reversed_whatever_would_hold_it(changes: dict[str, object]) -> None:
    assert decide(situation(invoice("100.00"), **changes), RULES, PERIODS).postings


def test_a_reversal_in_a_closed_period_is_held_or_moved_by_the_setting_and_the_document_says_so() -> None:
    september = replace(posting(1), master=replace(posting(1).master, period=202609))
    made = situation(invoice("100.00"), to_reverse=(september,), standing=stands_after([september]))
    held = decide(made, RULES, PERIODS)
    assert held.postings == ()
    assert held.outcome is not None
    assert (held.outcome.outcome, held.outcome.reason) == (OutcomeKind.HELD, "period_closed")
    (moved,) = decide(made, replace(RULES, first_open_period=True), PERIODS).postings
    assert (moved.master.period, moved.moved_from) == (202610, 202609)


def test_a_new_revision_is_posted_whole() -> None:
    document = invoice("100.00")
    newer = replace(document, revision=2, revision_hash="b" * 64)
    standing = stands_after([posting(1), replace(posting(2, "-100.00"), reverses=1)])
    reversed_before = outcome_of(situation(document, to_reverse=(), standing=standing))
    assert reversed_before.outcome is OutcomeKind.IGNORED
    made = situation(newer, reversal=reversal(document, 1), to_reverse=(), standing=standing, next_posting_no=3)
    made = replace(made, previous=reversed_before)
    (again,) = decide(made, RULES, PERIODS).postings
    assert (again.amount, again.reverses) == (Decimal("100.00"), None)


def test_a_revision_that_was_edited_back_is_another_one() -> None:
    document = invoice("100.00")
    assert not reversal(document, 1).covers(replace(document, revision=3))
    ours = outcome_of(situation(document, to_reverse=(), standing={}))
    assert reversal(document, 1).covers_outcome(ours)
    assert not reversal(document, 1).covers_outcome(replace(ours, revision=3))
    assert not reversal(document, 1).covers_outcome(replace(ours, revision_hash="b" * 64))


def test_a_document_under_way_is_not_reversed_now() -> None:
    made = situation(invoice("100.00"), occupied=True)
    assert decide(made, RULES, PERIODS).postings == ()
