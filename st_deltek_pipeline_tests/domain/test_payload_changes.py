"""What changed between two versions of a payload is named field by field, and nothing else is."""

import json

from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.payload_changes import FieldChange, payload_changes

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_a_changed_field_a_new_one_and_one_that_is_gone_are_named_by_their_paths() -> None:
    before = '{"total": "1.00", "customer": {"name": "Ann"}, "memo": null}'
    after = '{"total": "2.00", "customer": {"name": "Ann", "email": "a@b"}}'
    assert payload_changes(before, after) == (
        FieldChange("total", '"1.00"', '"2.00"'),
        FieldChange("customer.email", None, '"a@b"'),
        FieldChange("memo", "null", None),
    )


def test_elements_with_ids_are_the_same_wherever_they_stand() -> None:
    before = '{"items": [{"id": 1, "price": 5}, {"id": 2, "price": 6}]}'
    after = '{"items": [{"id": 2, "price": 6}, {"id": 3, "price": 7}, {"id": 1, "price": 8}]}'
    assert [change.path for change in payload_changes(before, after)] == ["items[id=3]", "items[id=1].price"]


def test_elements_without_ids_are_compared_by_place() -> None:
    assert payload_changes('{"tags": ["a", "b"]}', '{"tags": ["a", "c", "d"]}') == (
        FieldChange("tags[1]", '"b"', '"c"'),
        FieldChange("tags[2]", None, '"d"'),
    )


def test_an_amount_written_otherwise_is_no_change_and_a_cent_is() -> None:
    assert payload_changes('{"total": 1.50}', '{"total": 1.5}') == ()
    assert payload_changes('{"total": 1}', '{"total": 1.0}') == ()
    assert [change.path for change in payload_changes('{"total": 10.10}', '{"total": 10.11}')] == ["total"]


def test_a_number_is_not_a_truth_value() -> None:
    assert [change.path for change in payload_changes('{"active": 1}', '{"active": true}')] == ["active"]


@given(_JSON, _JSON)
def test_there_are_changes_exactly_when_two_payloads_differ(before: object, after: object) -> None:
    texts = [json.dumps({"it": each}) for each in (before, after)]
    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    changes = payload_changes(*texts)
    if same:
        assert changes == ()
    elif not changes:
        # Only the order of elements with ids may differ without a change.
        assert '"id"' in texts[0]
