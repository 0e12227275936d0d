"""Signatures of webhooks: right ones in every accepted spelling, and nothing else whatever the header holds."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.webhook_signatures import SignatureEncoding, is_signed, key_problem, signature

_KEY = "k" * 32
_BODY = b'{"id": "d1", "amount": 1.10}'
_BOTH = (SignatureEncoding.HEX, SignatureEncoding.BASE64)
_DIGEST = hmac.new(_KEY.encode(), _BODY, hashlib.sha256).digest()


def test_the_signature_is_that_of_rfc_4231() -> None:
    # Test case 2 of the RFC.
    written = signature(b"what do ya want for nothing?", "Jefe", SignatureEncoding.HEX)
    assert written == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


@pytest.mark.parametrize(
    "header",
    [
        _DIGEST.hex().encode(),
        _DIGEST.hex().upper().encode(),
        b"sha256=" + _DIGEST.hex().encode(),
        b"SHA256=" + base64.b64encode(_DIGEST),
        base64.b64encode(_DIGEST),
        b"  " + base64.b64encode(_DIGEST) + b" ",
    ],
)
def test_every_spelling_of_the_right_signature_is_accepted(header: bytes) -> None:
    """T25: hex, base64, upper case, prefix, two headers, two keys."""
    assert is_signed(_BODY, [_KEY], [header], _BOTH)
    assert is_signed(_BODY, ["another" * 5, _KEY], [b"noise", header], _BOTH)
    assert not is_signed(_BODY + b" ", [_KEY], [header], _BOTH)
    assert not is_signed(_BODY, ["another" * 5], [header], _BOTH)
    assert not is_signed(_BODY, [], [header], _BOTH)


@pytest.mark.parametrize("encoding", list(SignatureEncoding))
@pytest.mark.parametrize("prefix", [True, False])
def test_what_signs_and_what_checks_agree(encoding: SignatureEncoding, *, prefix: bool) -> None:
    header = signature(_BODY, _KEY, encoding, prefix=prefix).encode()
    assert is_signed(_BODY, [_KEY], [header], [encoding])
    assert not is_signed(_BODY, [_KEY], [header], [each for each in SignatureEncoding if each is not encoding])


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"sha256=",
        b"sha1=" + _DIGEST.hex().encode(),
        _DIGEST,
        _DIGEST.hex().encode()[:-1],
        b"0" * 64,
        b"=" * 44,
        b"sha256=sha256=" + _DIGEST.hex().encode(),
        _DIGEST.hex().encode() + b"\n" + b"0" * 10000,
    ],
)
def test_what_is_no_signature_signs_nothing(header: bytes) -> None:
    """T25: empty, wrong length, another algorithm."""
    assert not is_signed(_BODY, [_KEY], [header], _BOTH)


def test_without_a_header_nothing_is_signed() -> None:
    assert not is_signed(_BODY, [_KEY], [], _BOTH)


@given(st.binary(max_size=200), st.lists(st.binary(max_size=120), max_size=3))
def test_no_header_is_too_odd_to_be_refused(body: bytes, headers: list[bytes]) -> None:
    assert not is_signed(body, [_KEY], headers, _BOTH)


@given(st.text(alphabet="0123456789abcdefABCDEF+/=sha256 ", max_size=90))
def test_what_looks_like_a_signature_is_refused_as_well(header: str) -> None:
    assert not is_signed(_BODY, [_KEY], [header.encode()], _BOTH)


@given(st.binary(max_size=300), st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=32))
def test_any_body_and_key_can_be_signed(body: bytes, key: str) -> None:
    for encoding in SignatureEncoding:
        assert is_signed(body, [key], [signature(body, key, encoding, prefix=True).encode()], _BOTH)


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("k" * 32, ""),
        ("k" * 64, ""),
        ("k" * 31, "31 characters"),
        ("k" * 65, "65"),
        ("k" * 40 + " ", "space"),
        ("ü" * 40, "ASCII"),
        ("k" * 40 + "\n", "space"),
        ("", "0 characters"),
    ],
)
def test_a_key_has_32_to_64_plain_characters(key: str, problem: str) -> None:
    found = key_problem(key)
    assert (not found) if not problem else problem in found
    assert not key or key not in found
