"""Postings: first the lines, then differences, then reversals, and never anything twice."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.coded_amounts import CodedAmount, LineKey
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.postings import MasterKey, Posting, PostingLine, Target, plan_postings, rules_of
from st_deltek_pipeline_tests.domain.builders import DAY, PERIODS, coded

DOCUMENT = DocumentKey("acme", Kind.INVOICE, 7001)
Standing = dict[tuple[date, LineKey], Decimal]


def target(*lines: CodedAmount, day: date = DAY, keep_zero: bool = False) -> Target:
    return Target(DOCUMENT, 1, "a" * 64, DAY, day, None, lines, keep_zero)


def plan(wanted: Target, standing: Standing, *, first_open: bool = False, number: int = 1) -> tuple[Posting, ...]:
    planned = plan_postings(wanted, standing, PERIODS, first_open_allowed=first_open, next_posting_no=number)
    assert not isinstance(planned, Hold)
    return planned


def apply(postings: tuple[Posting, ...], standing: Standing) -> Standing:
    """What stands after the postings are posted, as the journal sums it up."""
    after = dict(standing)
    for posting in postings:
        for line in posting.lines:
            key = (posting.master.trans_date, line.key)
            after[key] = after.get(key, Decimal("0.00")) + line.amount
    return after


def test_a_first_revision_posts_its_lines() -> None:
    (posting,) = plan(target(coded("100.00"), coded("8.00", account="230.00")), {})
    assert posting.amount == Decimal("108.00")
    assert posting.master.period == 202610
    assert not posting.correction


def test_an_edit_posts_only_the_difference() -> None:
    standing = apply(plan(target(coded("100.00")), {}), {})
    (posting,) = plan(target(coded("130.00")), standing, number=2)
    assert posting.amount == Decimal("30.00")
    assert posting.correction
    assert posting.posting_no == 2


def test_a_void_reverses_every_line() -> None:
    standing = apply(plan(target(coded("100.00"), coded("8.00", account="230.00")), {}), {})
    (posting,) = plan(target(), standing, number=2)
    assert sorted(line.amount for line in posting.lines) == [Decimal("-100.00"), Decimal("-8.00")]


def test_the_same_revision_again_posts_nothing() -> None:
    standing = apply(plan(target(coded("100.00")), {}), {})
    assert plan(target(coded("100.00")), standing) == ()


def test_editing_back_to_the_original_nets_to_the_original() -> None:
    first = apply(plan(target(coded("100.00")), {}), {})
    second = apply(plan(target(coded("40.00", account="402.00")), first), first)
    third = apply(plan(target(coded("100.00")), second), second)
    assert {key: amount for key, amount in third.items() if amount} == first


def test_a_new_date_in_another_period_moves_the_amount_between_the_periods() -> None:
    standing = apply(plan(target(coded("100.00")), {}), {})
    postings = plan(target(coded("100.00"), day=date(2026, 11, 2)), standing, number=2)
    assert [(posting.master.period, posting.amount) for posting in postings] == [
        (202610, Decimal("-100.00")),
        (202611, Decimal("100.00")),
    ]


def test_a_document_over_two_projects_is_two_masters_of_one_number() -> None:
    postings = plan(target(coded("100.00"), coded("50.00", wbs1="PHASED")), {})
    assert [posting.heading.wbs1 for posting in postings] == ["HVAC", "PHASED"]
    assert [posting.posting_no for posting in postings] == [1, 2]


def test_a_changed_number_moves_the_amount_to_the_new_number() -> None:
    standing = apply(plan(target(coded("100.00")), {}), {})
    postings = plan(target(coded("100.00", invoice_number="104999")), standing, number=2)
    assert {posting.heading.number: posting.amount for posting in postings} == {
        "104417": Decimal("-100.00"),
        "104999": Decimal("100.00"),
    }


def test_a_closed_period_holds_the_document() -> None:
    late = target(coded("100.00"), day=date(2026, 9, 30))
    planned = plan_postings(late, {}, PERIODS, first_open_allowed=False, next_posting_no=1)
    assert isinstance(planned, Hold)
    assert planned.reason is HoldReason.PERIOD_CLOSED


def test_the_first_open_period_is_used_only_where_allowed_and_is_recorded() -> None:
    (posting,) = plan(target(coded("100.00"), day=date(2026, 9, 30)), {}, first_open=True)
    assert (posting.master.period, posting.moved_from) == (202610, 202609)
    assert posting.master.trans_date == date(2026, 9, 30)


def test_a_date_no_period_covers_is_held() -> None:
    planned = plan_postings(
        target(coded("1.00"), day=date(2031, 1, 1)), {}, PERIODS, first_open_allowed=True, next_posting_no=1
    )
    assert isinstance(planned, Hold)
    assert planned.reason is HoldReason.NO_PERIOD


def test_a_reversal_in_a_closed_period_is_held_as_well() -> None:
    standing = {(date(2026, 9, 30), coded("1.00").key): Decimal("100.00")}
    planned = plan_postings(target(), standing, PERIODS, first_open_allowed=False, next_posting_no=2)
    assert isinstance(planned, Hold)
    assert planned.reason is HoldReason.PERIOD_CLOSED


def test_a_zero_document_is_posted_once_where_zero_documents_are_posted() -> None:
    postings = plan(target(coded("0.00"), keep_zero=True), {})
    assert len(postings) == 1
    assert plan(target(coded("0.00"), keep_zero=True), apply(postings, {})) == ()


def test_a_posting_carries_everything_of_its_revision_and_of_each_line() -> None:
    line = replace(coded("100.00"), tax_basis=Decimal("90.00"), purchase_order="PO-9")
    wanted = replace(
        target(line),
        revision=4,
        business_day=date(2026, 10, 8),
        due_date=date(2026, 11, 6),
        terms="Next",
        together="bank deposit 9",
    )
    (posting,) = plan(wanted, {}, number=3)
    assert posting == Posting(
        document=DOCUMENT,
        posting_no=3,
        revision=4,
        revision_hash="a" * 64,
        business_day=date(2026, 10, 8),
        master=MasterKey(202610, DAY, line.key.heading),
        due_date=date(2026, 11, 6),
        lines=(PostingLine(line.key, Decimal("100.00"), "Heating", "01:HV", Decimal("90.00"), "PO-9"),),
        correction=False,
        moved_from=None,
        terms="Next",
        together="bank deposit 9",
        reverses=None,
    )


def test_the_journal_is_told_which_rules_decided_which_lines() -> None:
    one, two = {"account": "revenue", "wbs1": "heating"}, {"account": "taxes"}
    decided = [
        replace(coded("1.00"), decided_by=one),
        replace(coded("2.00", account="402.00"), decided_by=two),
        replace(coded("4.00", account="230.00"), decided_by=dict(reversed(one.items()))),
        coded("8.00", account="403.00"),
    ]
    (posting,) = plan(target(*decided), {})
    assert [line.key.account for line in posting.lines] == ["230.00", "401.00", "402.00", "403.00"]
    assert rules_of(posting.lines) == [{"lines": [1, 2], "rules": one}, {"lines": [3], "rules": two}]


def test_a_difference_has_the_lines_words_and_no_basis_of_its_own_and_what_is_taken_back_says_so() -> None:
    line = replace(coded("130.00"), tax_basis=Decimal("90.00"), purchase_order="PO-9")
    gone = coded("8.00", account="230.00")
    standing = {(DAY, line.key): Decimal("100.00"), (DAY, gone.key): Decimal("8.00")}
    (posting,) = plan(target(line), standing, number=2)
    assert posting.lines == (
        PostingLine(gone.key, Decimal("-8.00"), "Reversal", "", Decimal("0.00")),
        PostingLine(line.key, Decimal("30.00"), "Heating", "01:HV", Decimal("0.00"), "PO-9"),
    )


def test_a_hold_for_a_period_names_the_document() -> None:
    planned = plan_postings(
        target(coded("1.00"), day=date(2026, 9, 30)), {}, PERIODS, first_open_allowed=False, next_posting_no=1
    )
    assert isinstance(planned, Hold)
    assert planned.message.startswith("invoice:7001: ")
    assert "202609" in planned.message


def test_what_nets_to_nothing_is_not_posted_unless_it_is_the_first_of_a_zero_document() -> None:
    key = (DAY, coded("0.00").key)
    assert plan(target(coded("0.00")), {}) == ()
    assert plan(target(coded("0.00"), keep_zero=True), {key: Decimal("0.00")}) == ()
    assert plan(target(keep_zero=True), {key: Decimal("0.00")}) == ()


_LINES = st.lists(
    st.tuples(
        st.decimals("-9999", "9999", places=2),
        st.sampled_from(["401.00", "402.00", "230.00"]),
        st.sampled_from(["HVAC", "PHASED"]),
        st.sampled_from(["104417", "104418"]),
    ),
    max_size=6,
    unique_by=lambda line: line[1:],
)
_REVISIONS = st.lists(st.tuples(_LINES, st.sampled_from([DAY, date(2026, 11, 3), date(2026, 10, 31)])), max_size=6)


@given(_REVISIONS)
def test_after_any_history_exactly_the_last_revision_stands(history: list[tuple[list[tuple], date]]) -> None:  # type: ignore[type-arg]
    """T36: any history ends at its last revision."""
    standing: Standing = {}
    wanted: Standing = {}
    for lines, day in history:
        amounts = [
            coded(str(amount), account=account, wbs1=wbs1, invoice_number=number)
            for amount, account, wbs1, number in lines
        ]
        standing = apply(plan(target(*amounts, day=day), standing), standing)
        wanted = {(day, line.key): line.amount for line in amounts}
        assert {key: amount for key, amount in standing.items() if amount} == {
            key: amount for key, amount in wanted.items() if amount
        }
        assert plan(target(*amounts, day=day), standing) == ()
