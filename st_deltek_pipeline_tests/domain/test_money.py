"""Amounts: exact, to the cent, or refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.money import AmountError, allocate, parse_amount, round_to_cents, total

CENTS = st.decimals("-1000000", "1000000", places=2)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1234.50", "1234.50"), ("0", "0.00"), ("-0.00", "0.00"), ("1.1", "1.10"), ("7.100000", "7.10"), (5, "5.00")],
)
def test_an_amount_is_read_exactly(text: str | int, amount: str) -> None:
    assert str(parse_amount(text)) == amount


@pytest.mark.parametrize(
    "text", ["", "abc", "1,234.50", "NaN", "Infinity", "1e400", "0.005", "10000000000000.00", None, 1.5, True]
)
def test_what_is_not_an_amount_in_whole_cents_is_refused(text: object) -> None:
    with pytest.raises(AmountError):
        parse_amount(text)


@given(CENTS)
def test_reading_what_was_written_gives_the_same_amount(amount: Decimal) -> None:
    assert parse_amount(str(amount)) == amount


@given(CENTS, st.lists(st.decimals("0.01", "5000", places=2), min_size=1, max_size=12))
def test_allocated_parts_sum_to_the_amount_exactly(amount: Decimal, weights: list[Decimal]) -> None:
    parts = allocate(amount, weights)
    assert total(parts) == amount
    assert len(parts) == len(weights)
    assert all(part == round_to_cents(part) for part in parts)


def test_weights_that_sum_to_zero_cannot_be_allocated_to() -> None:
    with pytest.raises(ValueError, match="zero"):
        allocate(Decimal("1.00"), [Decimal(1), Decimal(-1)])


def test_half_a_cent_rounds_away_from_zero() -> None:
    assert [str(round_to_cents(Decimal(text))) for text in ("0.005", "-0.005", "0.0049")] == ["0.01", "-0.01", "0.00"]
