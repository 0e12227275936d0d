"""Amounts: exact, to the cent, or refused."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.money import (
    LARGEST_AMOUNT,
    ZERO,
    AmountError,
    allocate,
    parse_amount,
    round_to_cents,
    shown,
    spread,
    total,
    written,
)

CENTS = st.decimals("-1000000", "1000000", places=2)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1234.50", "1234.50"), ("0", "0.00"), ("-0.00", "0.00"), ("1.1", "1.10"), ("7.100000", "7.10"), (5, "5.00")],
)
def test_an_amount_is_read_exactly(text: str | int, amount: str) -> None:
    """T33: amounts as strings."""
    assert str(parse_amount(text)) == amount


@pytest.mark.parametrize(
    "text", ["", "abc", "1,234.50", "NaN", "Infinity", "1e400", "0.005", "10000000000000.00", None, 1.5, True]
)
def test_what_is_not_an_amount_in_whole_cents_is_refused(text: object) -> None:
    """T33: 0.005 and what else is no amount in cents."""
    with pytest.raises(AmountError, match=re.escape(repr(text))):
        parse_amount(text)


def test_what_can_be_booked_ends_at_vantagepoints_largest_amount_on_both_sides() -> None:
    """T33: very large amounts."""
    assert [str(parse_amount(text)) for text in ("1000000000.00", "999999999999.99", "-999999999999.99")] == [
        "1000000000.00",
        "999999999999.99",
        "-999999999999.99",
    ]
    assert parse_amount("999999999999.990") == LARGEST_AMOUNT
    for text in ("1000000000000.00", "-1000000000000.00", "1000000000000", "-1000000000000"):
        with pytest.raises(AmountError, match="that can be booked"):
            parse_amount(text)
    for negative_zero in ("-0.00", "-0", "-0.000"):
        assert str(parse_amount(negative_zero)) == "0.00"


@given(CENTS)
def test_reading_what_was_written_gives_the_same_amount(amount: Decimal) -> None:
    assert parse_amount(str(amount)) == amount


@given(CENTS, st.lists(st.decimals("0.01", "5000", places=2), min_size=1, max_size=12))
def test_allocated_parts_sum_to_the_amount_exactly(amount: Decimal, weights: list[Decimal]) -> None:
    parts = allocate(amount, weights)
    assert total(parts) == amount
    assert len(parts) == len(weights)
    assert all(part == round_to_cents(part) for part in parts)


@given(
    CENTS, st.lists(st.decimals("0", "5000", places=2), min_size=1, max_size=200).filter(any), st.sampled_from([1, -1])
)
def test_no_part_of_an_allocation_goes_against_it(amount: Decimal, weights: list[Decimal], sign: int) -> None:
    parts = allocate(amount, [sign * weight for weight in weights])
    assert total(parts) == amount
    assert all(part * amount >= 0 and abs(part) <= abs(amount) for part in parts)
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)


@given(CENTS, st.lists(CENTS, min_size=1, max_size=12).filter(lambda weights: sum(weights) != 0))
def test_parts_sum_exactly_whatever_the_signs_of_the_weights(amount: Decimal, weights: list[Decimal]) -> None:
    assert total(allocate(amount, weights)) == amount


def test_shares_far_larger_than_the_amount_are_exact_as_well() -> None:
    weights = [Decimal("999999999999.99"), Decimal("-999999999999.98")]
    assert total(allocate(Decimal("999999999999.99"), weights)) == Decimal("999999999999.99")


def test_the_last_part_takes_the_remainder() -> None:
    thirds = allocate(Decimal("100.00"), [Decimal(1)] * 3)
    assert [str(part) for part in thirds] == ["33.33", "33.33", "33.34"]


def test_nothing_added_up_is_an_amount_in_cents() -> None:
    assert str(total([])) == "0.00"


def test_what_has_no_weight_gets_nothing_not_even_the_remainder() -> None:
    parts = allocate(Decimal("0.05"), [Decimal(1), Decimal(1), Decimal(1), Decimal(0)])
    assert [str(part) for part in parts] == ["0.02", "0.02", "0.01", "0.00"]


def test_weights_of_both_signs_may_give_more_than_the_amount_and_take_the_rest_back() -> None:
    # A credit among the items: its share goes against the others', and nothing is cut off at what is left.
    parts = allocate(Decimal("10.00"), [Decimal("300.00"), Decimal("-100.00"), Decimal("-100.00")])
    assert [str(part) for part in parts] == ["30.00", "-10.00", "-10.00"]
    assert [str(part) for part in allocate(Decimal("-0.01"), [Decimal(1)] * 3)] == ["0.00", "0.00", "-0.01"]


def test_weights_that_are_none_at_all_or_negative_throughout_are_of_one_sign() -> None:
    parts = allocate(Decimal("0.01"), [Decimal("-1.00"), Decimal("0.00"), Decimal("-1.00"), Decimal("-1.00")])
    assert [str(part) for part in parts] == ["0.00", "0.00", "0.00", "0.01"]
    # Rounded up 98 times, the last one would have to give 48 cents back.
    assert min(allocate(Decimal("0.50"), [Decimal(-1)] * 99 + [Decimal(0)])) == ZERO
    assert min(allocate(Decimal("0.50"), [Decimal(1)] * 99 + [Decimal(0)])) == ZERO
    small = allocate(Decimal("10.00"), [Decimal("0.90"), Decimal("-0.30"), Decimal("-0.30")])
    assert [str(part) for part in small] == ["30.00", "-10.00", "-10.00"]


def test_a_few_cents_over_many_parts_take_no_cent_back() -> None:
    parts = allocate(Decimal("0.50"), [Decimal(1)] * 100)
    assert (parts.count(Decimal("0.01")), parts.count(Decimal("0.00"))) == (50, 50)


def test_weights_that_sum_to_zero_cannot_be_allocated_to() -> None:
    with pytest.raises(ValueError, match=r"^weights must not sum to zero$"):
        allocate(Decimal("1.00"), [Decimal(1), Decimal(-1)])


def test_half_a_cent_rounds_away_from_zero() -> None:
    """T33: half a cent."""
    texts = ("0.005", "-0.005", "0.0049", "-0.004")
    assert [str(round_to_cents(Decimal(text))) for text in texts] == ["0.01", "-0.01", "0.00", "0.00"]


_AMOUNTS = st.lists(st.decimals("-5000", "5000", places=2), min_size=1, max_size=8)


@given(_AMOUNTS, _AMOUNTS)
def test_what_is_spread_comes_out_exactly_both_ways(rows: list[Decimal], columns: list[Decimal]) -> None:
    columns = [*columns, total(rows) - total(columns)]
    parts = spread(rows, columns)
    assert [total(part) for part in parts] == columns
    assert [total(part[place] for part in parts) for place in range(len(rows))] == rows
    assert all(part == round_to_cents(part) for target in parts for part in target)


@given(
    st.lists(st.decimals("0", "5000", places=2), min_size=1, max_size=8),
    st.lists(st.integers(0, 1000), min_size=1, max_size=6).filter(any),
    st.sampled_from([1, -1]),
)
def test_nothing_is_spread_that_is_not_there(rows: list[Decimal], shares: list[int], sign: int) -> None:
    rows = [sign * row for row in rows]
    columns = allocate(total(rows), [Decimal(share) for share in shares])
    parts = spread(rows, columns)
    assert [total(part) for part in parts] == columns
    assert [total(part[place] for part in parts) for place in range(len(rows))] == rows
    for target in parts:
        assert all(part * row >= 0 and abs(part) <= abs(row) for part, row in zip(target, rows, strict=True))


def test_a_small_amount_is_not_overdrawn_by_the_remainder() -> None:
    rows = [Decimal("0.04"), Decimal("0.04"), Decimal("0.04"), Decimal("0.00")]
    assert spread(rows, [Decimal("0.04"), Decimal("0.08")])[0][3] == 0


def test_a_targets_remainder_goes_to_amounts_that_have_room_for_it_from_the_last_one_on() -> None:
    # Five shares of 1.37 cents are a cent each; the two cents that remain are more than the last amount has.
    rows = [Decimal("0.10")] * 5 + [Decimal("0.01")]
    first, second = spread(rows, [Decimal("0.07"), Decimal("0.44")])
    assert [str(part) for part in first] == ["0.01", "0.01", "0.01", "0.01", "0.02", "0.01"]
    assert [str(part) for part in second] == ["0.09", "0.09", "0.09", "0.09", "0.08", "0.00"]


def test_amounts_that_take_each_other_back_are_spread_alike() -> None:
    parts = spread([Decimal("5.00"), Decimal("-5.00")], [Decimal("2.00"), Decimal("-2.00")])
    assert parts == [[Decimal("1.00"), Decimal("1.00")], [Decimal("4.00"), Decimal("-6.00")]]
    by_share = spread([Decimal("30.00"), Decimal("-10.00")], [Decimal("2.00"), Decimal("18.00")])
    assert by_share[0] == [Decimal("3.00"), Decimal("-1.00")]
    # What is left for the last target is given to it as it is, although it has no shares.
    taken = [Decimal("5.00"), Decimal("-5.00")]
    assert spread(taken, [ZERO]) == [taken]
    assert spread(taken, [ZERO, ZERO]) == [[ZERO, ZERO], taken]


def test_nothing_spread_over_several_targets_is_nothing_for_each() -> None:
    assert spread([], [ZERO, ZERO]) == [[], []]
    assert spread([ZERO, ZERO], [ZERO, ZERO, ZERO]) == [[ZERO, ZERO]] * 3


def test_amounts_and_targets_of_different_sums_cannot_be_spread() -> None:
    with pytest.raises(ValueError, match=r"^amounts and targets must have the same sum$"):
        spread([Decimal("1.00")], [Decimal("1.01")])


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.00", "0.00"),
        ("1234.5", "1,234.50"),
        ("-12117.065", "-12,117.065"),
        ("60.0050", "60.005"),
        ("1000", "1,000.00"),
        ("-0.004", "-0.004"),
    ],
)
def test_an_amount_is_shown_exactly_so_that_what_is_shown_adds_up(amount: str, text: str) -> None:
    assert shown(Decimal(amount)) == text
    assert written(Decimal(amount)) == text.replace(",", "")
