from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.transport.exact_json import NotJsonError, dumps, loads

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False, places=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read_back_exactly(value: object) -> None:
    assert loads(dumps(value)) == value


def test_an_amount_keeps_every_digit() -> None:
    amount = Decimal("123456789012345.6789")
    assert dumps({"Amount": amount}) == b'{"Amount":123456789012345.6789}'
    assert dumps([Decimal("1E+2"), Decimal("0.10"), Decimal("-0.00")]) == b"[100,0.10,-0.00]"
    assert loads(b"[0.1, 1.10]") == [Decimal("0.1"), Decimal("1.10")]
    assert str(loads(b"1.10")) == "1.10"


@pytest.mark.parametrize("value", [0.1, {"Amount": 1.0}, [object()], {1: "one"}, {"when": b"bytes"}])
def test_what_has_no_exact_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        dumps(value)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity")])
def test_a_number_json_does_not_know_is_refused(value: Decimal) -> None:
    """T17: NaN."""
    with pytest.raises(ValueError, match="not a number JSON knows"):
        dumps(value)


@pytest.mark.parametrize(
    ("body", "reason", "cut_off"),
    [
        (b"", "empty", True),
        (b" \n", "empty", True),
        (b'{"a": 1', "cut off", True),
        (b'{"a": "b', "cut off", True),
        (b"[1, 2,", "cut off", True),
        (b'{"a" 1}', "not JSON", False),
        (b"[NaN]", "NaN", False),
        (b"[-Infinity]", "-Infinity", False),
        (b'{"Amount": 1, "Amount": 2}', "twice", False),
        (b'[{"x": {"y": 1, "y": 1}}]', "twice", False),
        (b'"\xff"', "not UTF-8", False),
        (b'["\xc3', "not UTF-8", True),
        (b"[" * 100_000, "cannot be read", False),
        (b"9" * 10_000, "cannot be read", False),
    ],
)
def test_what_is_not_the_promised_json_is_named(body: bytes, reason: str, cut_off: bool) -> None:  # noqa: FBT001
    """T17: duplicate keys and other nonsense."""
    with pytest.raises(NotJsonError) as raised:
        loads(body)
    assert reason in raised.value.reason
    assert raised.value.cut_off is cut_off


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert loads(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@given(st.binary(max_size=40))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    with suppress(NotJsonError):
        loads(body)
