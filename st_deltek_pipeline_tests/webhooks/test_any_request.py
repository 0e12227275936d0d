"""Whatever is sent to the receiver, signed or not, it is answered without an error of ours, and others are still served.

There is no OpenAPI document of a receiver to draw requests from: one address takes any body. So Hypothesis draws them.
"""

import socket
from collections.abc import Generator

import pytest
import requests
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.webhooks.routes import ROUTES
from st_deltek_pipeline_tests.webhooks.conftest import (
    TIMEOUT,
    RunningReceiver,
    event,
    prepare,
    running_receiver,
    signed,
)

# No deadline: the machine may be busy with other things.
_FEW = hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)

_names = st.sampled_from(["id", "userassignedid", "type", "time", "data", "tenantId", "invoice"])
_plain = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(sorted(ROUTES))
_events = st.dictionaries(_names, st.dictionaries(_names, _plain, max_size=3) | _plain | st.lists(_plain, max_size=2))
_bodies = st.binary(max_size=300) | _events
_values = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=40).map(str.strip)
_headers = st.dictionaries(
    st.sampled_from(["x-servicetitan-signature", "content-type", "content-encoding", "expect", "x-other", "host"]),
    _values,
    max_size=3,
)
_paths = st.sampled_from(["/webhooks/acme/servicetitan", "/webhooks/acme", "/webhooks//servicetitan", "/"]) | st.text(
    alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=30
).map(lambda text: f"/{text}")


@pytest.fixture
def open_receiver(settings: Settings, engine: Engine) -> Generator[RunningReceiver]:
    prepare(settings, engine)
    with running_receiver(settings, engine) as running:
        yield running


def test_any_rightly_signed_body_is_answered_and_kept(open_receiver: RunningReceiver) -> None:
    """T51: in the place of schemathesis, on our own receiver: any signed body."""

    @_FEW
    @given(_bodies)
    def any_body(body: object) -> None:
        assert open_receiver.send(body).status_code in {200, 400, 403}

    any_body()
    assert open_receiver.rows()
    assert {state for _, state, _ in open_receiver.rows()} <= {"waiting", "not_needed", "refused"}


def test_any_unsigned_request_is_turned_away_and_keeps_nobody_from_being_served(open_receiver: RunningReceiver) -> None:
    """T51: any method, address, headers and body, none of it signed."""

    @_FEW
    @given(st.sampled_from(["POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"]), _paths, _headers, _bodies)
    def any_request(method: str, path: str, headers: dict[str, str], body: object) -> None:
        content = body if isinstance(body, bytes) else b"{}"
        answer = requests.request(
            method, open_receiver.url + path, data=content, headers=headers, timeout=TIMEOUT, allow_redirects=False
        )
        assert 400 <= answer.status_code < 500

    any_request()
    assert open_receiver.rows() == []
    assert open_receiver.send(event(1)).status_code == 200


def test_any_bytes_that_are_no_http_are_answered_or_cut_off(open_receiver: RunningReceiver) -> None:
    """T51: bytes that are no request at all."""

    @_FEW
    @given(st.binary(max_size=200), st.booleans())
    def any_bytes(sent: bytes, ended: bool) -> None:  # noqa: FBT001 (drawn)
        with open_receiver.raw() as connection:
            connection.sendall(sent + (b"\r\n\r\n" if ended else b""))
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while piece := connection.recv(65_536):
                    answer += piece
            except ConnectionResetError:
                pass
        assert not answer or answer.startswith(b"HTTP/1.1 4")

    any_bytes()
    body = b"{}"
    assert requests.post(open_receiver.url, data=body, headers=signed(body), timeout=TIMEOUT).status_code == 404
    assert open_receiver.send(event(1)).status_code == 200
