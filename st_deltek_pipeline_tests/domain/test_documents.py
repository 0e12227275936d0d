"""The content hash: equal content, equal hash; anything else, another."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.documents import content_hash


def test_the_hash_never_changes_between_versions_of_this_program() -> None:
    # It identifies revisions that were posted: another hash would look like a change of every document.
    fields = ["104417", True, 7, None, date(2026, 10, 7), Decimal("10.10"), [("a", Decimal("0.00"))]]
    assert content_hash(fields) == "6b9be20d77a6111845185dde91a5e0b560123ab512ffbdafd1185b5ad178d5d5"


def test_neighbouring_texts_cannot_be_confused() -> None:
    assert content_hash(["ab", "c"]) != content_hash(["a", "bc"])
    assert content_hash(["a", ["b"]]) != content_hash(["a", "b"])


def test_null_and_the_empty_text_differ() -> None:
    assert content_hash([None]) != content_hash([""])


@given(st.lists(st.one_of(st.text(), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.none())))
def test_tuples_and_lists_of_the_same_fields_hash_alike(fields: list[object]) -> None:
    assert content_hash(fields) == content_hash(tuple(fields))
