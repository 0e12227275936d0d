"""What may be received on an invoice: never more than it is for, whatever the order and the signs."""

import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.coded_amounts import Heading, LineKey
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.postings import MasterKey, Posting, PostingLine
from st_deltek_pipeline.domain.receivables import (
    OpenItem,
    Receivable,
    ReceivableKey,
    applications_of,
    over_applications,
    receivable_key,
    spread_over_items,
)
from st_deltek_pipeline_tests.domain.builders import DAY

ONE, TWO = receivable_key("HVAC", "1001", 7), receivable_key("HVAC", "1002", 7)


def waits(changes: Sequence[Mapping[ReceivableKey, Decimal]], **receivables: tuple[str, str]) -> list[int]:
    """Positions of the payments that must wait; receivables are ``one=("billed", "received")``."""
    known = {
        key: Receivable(*map(Decimal, receivables[name]))
        for name, key in (("one", ONE), ("two", TWO))
        if name in receivables
    }
    return sorted(over_applications(changes, known))


def payment(*applied: tuple[str, str, str], entry: EntryType = EntryType.RECEIPTS) -> Posting:
    """A posting of lines, each of project, invoice and amount."""
    heading = Heading(entry, "P7", bank="OPER")
    lines = tuple(
        PostingLine(LineKey(heading, wbs1, "", "", invoice, "110.00"), Decimal(amount), "", "", ZERO)
        for wbs1, invoice, amount in applied
    )
    master = MasterKey(202610, DAY, heading)
    document = DocumentKey("acme", Kind.PAYMENT, 7)
    return Posting(document, 1, 1, "a" * 64, DAY, master, None, lines, correction=False, moved_from=None)


def test_what_receipts_apply_to_an_invoice_is_summed_up_per_project_and_money_on_account_is_left_out() -> None:
    found = applications_of(
        [
            payment(("HVAC", "1001", "60.00"), entry=EntryType.INVOICES),
            payment(("HVAC", "1001", "30.00"), ("PHASED", "1001", "5.00"), ("HVAC", "", "99.00")),
            payment(("HVAC", "0001001", "-10.00"), ("HVAC", "1002", "1.00")),
        ],
        7,
    )
    assert found == {
        ONE: Decimal("20.00"),
        receivable_key("PHASED", "1001", 7): Decimal("5.00"),
        TWO: Decimal("1.00"),
    }
    assert set(applications_of([payment(("HVAC", "1001", "1.00"))], 9)) == {("HVAC", "000001001")}


def on_one(*amounts: str) -> list[dict[ReceivableKey, Decimal]]:
    return [{ONE: Decimal(amount)} for amount in amounts]


def test_an_invoice_is_paid_to_the_cent_and_not_a_cent_more() -> None:
    assert waits(on_one("100.00"), one=("100.00", "0.00")) == []
    assert waits(on_one("100.01"), one=("100.00", "0.00")) == [0]
    assert waits(on_one("50.01"), one=("100.00", "50.00")) == [0]


def test_of_several_payments_the_later_one_waits() -> None:
    assert waits(on_one("60.00", "60.00"), one=("100.00", "0.00")) == [1]


def test_a_smaller_payment_that_came_later_is_not_kept_waiting_by_one_that_does_not_fit() -> None:
    assert waits(on_one("60.00", "60.00", "40.00"), one=("100.00", "0.00")) == [1]


def test_an_invoice_nobody_knows_takes_nothing() -> None:
    assert waits(on_one("0.01")) == [0]


def test_a_refund_makes_room_for_a_payment_of_the_same_plan() -> None:
    assert waits(on_one("-30.00", "30.00"), one=("100.00", "100.00")) == []


def test_payments_that_change_places_do_not_wait_for_each_other() -> None:
    swap = [
        {ONE: Decimal("-100.00"), TWO: Decimal("100.00")},
        {ONE: Decimal("100.00"), TWO: Decimal("-100.00")},
    ]
    assert waits(swap, one=("100.00", "100.00"), two=("100.00", "100.00")) == []


def test_money_that_leaves_an_invoice_makes_room_only_if_it_may_go_where_it_goes() -> None:
    moves = [{ONE: Decimal("-100.00"), TWO: Decimal("100.00")}, {ONE: Decimal("100.00")}]
    assert waits(moves, one=("100.00", "100.00"), two=("50.00", "0.00")) == [0, 1]


def test_an_invoice_that_shrank_after_it_was_paid_may_be_paid_back_and_no_more_comes_in() -> None:
    assert waits(on_one("-20.00"), one=("80.00", "100.00")) == []
    assert waits(on_one("1.00"), one=("80.00", "100.00")) == [0]


def test_no_more_is_paid_back_than_was_received() -> None:
    assert waits(on_one("-100.00"), one=("100.00", "100.00")) == []
    assert waits(on_one("-100.01"), one=("100.00", "100.00")) == [0]


def test_a_credit_invoice_is_paid_out_and_not_in() -> None:
    assert waits(on_one("-50.00"), one=("-50.00", "0.00")) == []
    assert waits(on_one("-50.01"), one=("-50.00", "0.00")) == [0]
    assert waits(on_one("10.00"), one=("-50.00", "0.00")) == [0]


def test_the_message_tells_what_the_others_received() -> None:
    known = {ONE: Receivable(Decimal("100.00"), Decimal("10.00"))}
    found = over_applications(on_one("60.00", "60.00"), known)[1]
    assert found.receivable == Receivable(Decimal("100.00"), Decimal("70.00"))
    assert (found.wbs1, found.invoice, found.change) == (*ONE, Decimal("60.00"))


def test_money_that_only_fits_together_with_what_comes_later_does_not_wait() -> None:
    changes = [
        {ONE: Decimal("200.00"), TWO: Decimal("-50.00")},
        {ONE: Decimal("-100.00"), TWO: Decimal("100.00")},
    ]
    assert waits(changes, one=("200.00", "100.00"), two=("200.00", "100.00")) == []


def test_what_changes_nothing_never_waits_whatever_others_did_to_the_invoice() -> None:
    for received in ("-5.00", "105.00"):
        assert waits(on_one("0.00"), one=("100.00", received)) == []


_cents = st.integers(-5_000, 5_000).map(lambda cents: Decimal(cents) / 100)
_change = st.dictionaries(st.sampled_from([ONE, TWO]), _cents, min_size=1)


@given(st.lists(_change, max_size=8), st.integers(-5_000, 5_000), st.integers(0, 100))
def test_what_goes_on_never_over_applies_and_nothing_else_fits(
    changes: list[dict[ReceivableKey, Decimal]], billed_cents: int, share: int
) -> None:
    billed = Decimal(billed_cents) / 100
    before = Receivable(billed, (billed * share / 100).quantize(Decimal("0.01")))
    known = {ONE: before, TWO: before}
    waiting = over_applications(changes, known)
    for key in (ONE, TWO):
        after = before.received + total(
            change.get(key, ZERO) for position, change in enumerate(changes) if position not in waiting
        )
        assert min(ZERO, billed) <= after <= max(ZERO, billed)
    for position in waiting:
        assert position in range(len(changes))


def items_of(
    weights: Sequence[Decimal], others: Sequence[Decimal], own: Sequence[Decimal] | None = None
) -> list[OpenItem]:
    return [
        OpenItem(f"P{place}", "", "", "1001", weight, own[place] if own else ZERO, others[place])
        for place, weight in enumerate(weights)
    ]


def test_the_first_instalment_is_spread_by_weight_and_the_last_project_takes_the_remainder() -> None:
    weights = [Decimal("50.00"), Decimal("50.00")]
    assert spread_over_items(Decimal("33.33"), items_of(weights, [ZERO, ZERO])) == [Decimal("16.67"), Decimal("16.66")]


def test_what_stands_and_is_fair_stays_whatever_others_have_received_since() -> None:
    weights, own = [Decimal("50.00"), Decimal("50.00")], [Decimal("16.66"), Decimal("16.67")]
    items = items_of(weights, [Decimal("33.34"), Decimal("33.33")], own)
    assert spread_over_items(Decimal("33.33"), items) == own


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("weights", "amount", "parts"),
    [
        # The last one took the cents that rounding left over, more than it is owed: others have room for them.
        (["0.10"] * 5 + ["0.01"], "0.07", ["0.02"] + ["0.01"] * 5),
        (["0.02"] * 15 + ["0.01"], "0.22", ["0.02"] * 6 + ["0.01"] * 10),
        (["2.00"] * 15 + ["0.01"], "10.07", ["0.68"] + ["0.67"] * 14 + ["0.01"]),
        (["2.00"] * 15 + ["0.02"], "10.12", ["0.72"] + ["0.67"] * 14 + ["0.02"]),
        (["0.10"] * 5 + ["0.01", "0.00"], "0.07", ["0.02"] + ["0.01"] * 5 + ["0.00"]),
        (["0.10", "0.10"], "0.00", ["0.00", "0.00"]),
    ],
)
def test_no_project_is_paid_more_than_it_is_owed_by_the_rounding_of_an_instalment(
    weights: list[str], amount: str, parts: list[str], sign: int
) -> None:
    signed = [sign * Decimal(weight) for weight in weights]
    found = spread_over_items(sign * Decimal(amount), items_of(signed, [ZERO] * len(signed)))
    assert found == [sign * Decimal(part) for part in parts]


def test_more_than_is_owed_and_what_stands_against_the_rest_are_spread_by_weight_alone() -> None:
    both = items_of([Decimal("0.30"), Decimal("-0.10")], [ZERO, ZERO])
    assert spread_over_items(Decimal("0.10"), both) == [Decimal("0.15"), Decimal("-0.05")]
    over = items_of([Decimal("0.50"), Decimal("0.50")], [ZERO, ZERO])
    assert spread_over_items(Decimal("1.21"), over) == [Decimal("0.61"), Decimal("0.60")]


def test_two_cents_are_rounding_between_two_projects_and_three_are_not() -> None:
    weights = [Decimal("50.00"), Decimal("50.00")]
    for own, kept in (("16.69", True), ("16.70", False)):
        stood = [Decimal(own), Decimal("33.33") - Decimal(own)]
        parts = spread_over_items(Decimal("33.33"), items_of(weights, [ZERO, ZERO], stood))
        assert (parts == stood) is kept
        assert total(parts) == Decimal("33.33")


def test_an_invoice_whose_projects_changed_does_not_load_it_all_onto_one_payment() -> None:
    # Both payments stood half and half; now nine tenths are the first project's.
    weights = [Decimal("90.00"), Decimal("10.00")]
    stood = [Decimal("25.00"), Decimal("25.00")]
    first = spread_over_items(Decimal("50.00"), items_of(weights, stood, stood))
    assert first == [Decimal("45.00"), Decimal("5.00")]
    assert spread_over_items(Decimal("50.00"), items_of(weights, first, stood)) == [Decimal("45.00"), Decimal("5.00")]


_owed = st.lists(st.integers(1, 50_000).map(lambda cents: Decimal(cents) / 100), min_size=2, max_size=6)


@given(_owed, st.lists(st.integers(0, 100), max_size=8))
def test_instalments_pay_every_project_to_the_cent_and_never_a_cent_more(
    weights: list[Decimal], cuts: list[int]
) -> None:
    whole = total(weights)
    marks = sorted({(whole * cut / 100).quantize(Decimal("0.01")) for cut in cuts} | {ZERO, whole})
    received = [ZERO for _ in weights]
    for before, after in itertools.pairwise(marks):
        parts = spread_over_items(after - before, items_of(weights, received))
        assert total(parts) == after - before
        received = [there + part for there, part in zip(received, parts, strict=True)]
        assert all(there <= weight for there, weight in zip(received, weights, strict=True))
    assert received == weights
