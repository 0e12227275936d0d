"""Addresses: generous in spelling, strict in numbers."""

import pytest

from st_deltek_pipeline.domain.addresses import UNKNOWN, Address, Comparison, compare, plain_address

HOME = Address("123 North Main Street", "", "Denver", "CO", "80202", "USA")


def _compared(one: Address, other: Address) -> Comparison:
    found = compare(plain_address(one), plain_address(other))
    assert found == compare(plain_address(other), plain_address(one))
    return found


@pytest.mark.parametrize(
    "other",
    [
        Address("123 N. Main St.", "", "DENVER", "Colorado", "80202-1234"),
        Address("123  n main st", "", "", "", "80202"),
        Address("123 N Main St", "", "Denver", "CO", ""),
        Address("123 N Main Str", "Suite 4", "Denver", "CO", "80202"),
        Address("123 N Mian Street", "", "Denver", "CO", "80202"),
    ],
)
def test_the_same_place_spelled_differently_agrees(other: Address) -> None:
    assert _compared(HOME, other).agree


@pytest.mark.parametrize(
    "other",
    [
        Address("125 N Main St", "", "Denver", "CO", "80202"),
        Address("123 N Main St", "", "Denver", "CO", "80203"),
        Address("123 N Elm St", "", "Denver", "CO", "80202"),
        Address("N Main St", "", "Denver", "CO", "80202"),
        Address("123 N 4th St", "", "Denver", "CO", "80202"),
        Address("123 N Main St", "", "Boulder", "CO", ""),
    ],
)
def test_another_number_street_or_place_does_not_agree(other: Address) -> None:
    found = _compared(HOME, other)
    assert not found.agree
    assert found.likeness is not None


def test_apartments_of_one_house_are_different_places() -> None:
    one = Address("9 Elm St Apt 4", "", "Golden", "CO", "80401")
    assert _compared(one, Address("9 Elm Street", "#4", "Golden", "CO", "80401")).agree
    assert _compared(one, Address("9 Elm Street", "", "Golden", "CO", "80401")).agree
    assert not _compared(one, Address("9 Elm Street", "Unit 5", "Golden", "CO", "80401")).agree


@pytest.mark.parametrize(
    "other", [Address(), Address("123 N Main St"), Address(city="Denver", zip="80202"), Address("123 N Main", zip="")]
)
def test_what_is_not_stated_cannot_be_compared(other: Address) -> None:
    assert _compared(HOME, other) == UNKNOWN
