"""Outgoing webhooks are signed exactly as the Standard Webhooks scheme says."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.errors import CredentialsError
from st_deltek_pipeline.domain.standard_webhooks import secret_of, signature, signing_keys

# The example that the scheme's own libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_example_gets_the_published_signature() -> None:
    assert signature(signing_keys(SECRET), MESSAGE_ID, TIMESTAMP, BODY) == SIGNATURE


def test_while_a_secret_is_replaced_both_sign() -> None:
    other = secret_of(b"k" * 32)
    both = signature(signing_keys(f"{other}, {SECRET}"), MESSAGE_ID, TIMESTAMP, BODY).split(" ")
    assert len(both) == 2
    assert both[1] == SIGNATURE
    assert both[0] == signature(signing_keys(other), MESSAGE_ID, TIMESTAMP, BODY)


@given(key=st.binary(min_size=24, max_size=64), body=st.binary(), timestamp=st.integers(0, 2**40))
def test_any_body_is_signed_as_id_timestamp_and_body(key: bytes, body: bytes, timestamp: int) -> None:
    expected = hmac.digest(key, b"msg_1." + str(timestamp).encode() + b"." + body, hashlib.sha256)
    found = signature(signing_keys(secret_of(key)), "msg_1", timestamp, body)
    assert found == f"v1,{base64.b64encode(expected).decode()}"


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64!", "whsec_c2hvcnQ=", f"{SECRET},"],
)
def test_a_text_that_is_no_signing_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(CredentialsError) as raised:
        signing_keys(secret)
    assert "not base64" not in str(raised.value)
    assert "c2hvcnQ" not in str(raised.value)
