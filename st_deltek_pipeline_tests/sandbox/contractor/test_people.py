import random
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.sandbox.contractor.people import (
    UNUSUAL_COMMERCIAL,
    UNUSUAL_RESIDENTIAL,
    NameBook,
    folded,
    look_alike,
    person_name,
    respelled,
)


def test_a_name_is_never_handed_out_twice() -> None:
    book = NameBook(random.Random(1))
    names = [book.person() for _ in range(30_000)] + [book.company() for _ in range(3_000)]
    assert len({folded(name) for name in names}) == len(names)


@given(st.text(min_size=1, max_size=30), st.integers(0, 1000))
def test_a_respelled_name_is_the_same_up_to_spacing_and_case(name: str, seed: int) -> None:
    assert folded(respelled(name, random.Random(seed))) == folded(name)


def test_unusual_names_are_different_people_and_of_every_kind() -> None:
    names = [*UNUSUAL_RESIDENTIAL, *UNUSUAL_COMMERCIAL]
    assert len({folded(name) for name in names}) == len(names)
    letters = "".join(names)
    assert any(unicodedata.combining(letter) for letter in letters)
    assert {unicodedata.bidirectional(letter) for letter in letters} >= {"R", "AL"}
    assert any(unicodedata.category(letter) == "So" for letter in letters)


@given(st.integers(0, 10_000))
def test_a_look_alike_is_another_name_of_the_same_length_and_mostly_the_same_letters(seed: int) -> None:
    name = person_name(random.Random(seed))
    other = look_alike(name)
    assert folded(other) != folded(name)
    assert sum(one != two for one, two in zip(name, other, strict=True)) == 1
    assert unicodedata.normalize("NFKC", other) != unicodedata.normalize("NFKC", name)
