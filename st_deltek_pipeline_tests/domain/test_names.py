"""Names: what no person could tell apart is the same, what only looks the same is not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.names import (
    clean_name,
    exact_name,
    foreign_letters,
    look_alike,
    name_words,
    stored_length,
)
from st_deltek_pipeline.sandbox.contractor.people import UNUSUAL_COMMERCIAL, UNUSUAL_RESIDENTIAL

_CYRILLIC_ABC = "ABC \N{CYRILLIC CAPITAL LETTER ES}ontrols"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme Mechanical", "  ACME\tMechanical "),
        ("Two  Rivers", "Two\N{NO-BREAK SPACE}Rivers"),
        ("Jose\N{COMBINING ACUTE ACCENT} Nunez", "Jos\N{LATIN SMALL LETTER E WITH ACUTE} Nunez"),
        ("Stra\N{LATIN SMALL LETTER SHARP S}e", "STRASSE"),
        ("O'Reilly", "O\N{RIGHT SINGLE QUOTATION MARK}Reilly"),
        ("O'Reilly", "O`Reilly"),
        ("O'Reilly", "O\N{ACUTE ACCENT}Reilly"),
        ("Smith-Jones", "Smith\N{EN DASH}Jones"),
        ("Acme", "Ac\N{ZERO WIDTH SPACE}me"),
        ("Acme", "\N{RIGHT-TO-LEFT MARK}Acme\N{SOFT HYPHEN}"),
        ("Hot Tub \N{FIRE}", "hot tub \N{FIRE}\N{VARIATION SELECTOR-16}"),
        ("Ma\N{GREEK SMALL LETTER FINAL SIGMA}", "Ma\N{GREEK CAPITAL LETTER SIGMA}"),
    ],
)
def test_what_nobody_can_see_makes_no_difference(one: str, other: str) -> None:
    """T39: what nobody can see: right-to-left marks and control characters."""
    assert exact_name(one) == exact_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_CYRILLIC_ABC, "ABC Controls"),
        ("Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}", "Zoe"),
        ("B0b's Plumbing", "Bob's Plumbing"),
        ("\N{GREEK CAPITAL LETTER ALPHA}lpha", "Alpha"),
        ("Acme 1ne", "Acme lne"),
    ],
)
def test_a_look_alike_is_another_name_that_looks_the_same(one: str, other: str) -> None:
    assert exact_name(one) != exact_name(other)
    assert look_alike(exact_name(one)) == look_alike(exact_name(other))


def test_foreign_letters_are_named_for_people() -> None:
    assert foreign_letters(exact_name(_CYRILLIC_ABC)) == ("CYRILLIC SMALL LETTER ES",)
    assert foreign_letters(exact_name("ABC Controls")) == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("The Acme Company, L.L.C.", ("acme",)),
        ("Smith, John", ("smith", "john")),
        ("Heat & Cool, Inc.", ("heat", "cool")),
        ("LLC", ("llc",)),
        ("O'Reilly-Kline Tool & Die", ("oreilly", "kline", "tool", "die")),
        ("\N{FIRE}", ()),
    ],
)
def test_words_say_who_somebody_is(name: str, words: tuple[str, ...]) -> None:
    assert name_words(exact_name(name)) == words


@given(st.text())
def test_folding_again_changes_nothing(name: str) -> None:
    folded = exact_name(name)
    assert exact_name(folded) == folded
    assert exact_name(clean_name(name)) == folded


@given(st.text(), st.text(alphabet=" \t\n\N{NO-BREAK SPACE}", max_size=3))
def test_spaces_around_a_name_make_no_difference(name: str, spaces: str) -> None:
    assert exact_name(f"{spaces}{name}{spaces}") == exact_name(name)


@given(st.text())
def test_composed_and_decomposed_are_the_same_name(name: str) -> None:
    """T39: combining marks."""
    for form in ("NFC", "NFD"):
        assert exact_name(unicodedata.normalize(form, name)) == exact_name(name)


@given(st.sampled_from([*UNUSUAL_RESIDENTIAL, *UNUSUAL_COMMERCIAL]))
def test_what_is_sent_to_vantagepoint_is_the_same_name_without_surplus_spaces(name: str) -> None:
    sent = clean_name(name)
    assert exact_name(sent) == exact_name(name)
    assert sent == " ".join(sent.split())


def test_a_name_is_as_long_as_the_database_counts_it() -> None:
    assert stored_length("Acme") == 4
    assert stored_length("\N{FIRE}") == 2
