"""Many senders, slow ones, and ones without a key: the rightly signed are answered all the same, and checks fail closed."""

import contextlib
import logging
import socket

import pytest
import requests
from sqlalchemy import Engine

from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.webhooks.limits import Limits
from st_deltek_pipeline_tests.webhooks.conftest import (
    HEADER,
    TIMEOUT,
    RunningReceiver,
    event,
    prepare,
    running_receiver,
)

HEAD = b"POST /webhooks/acme/servicetitan HTTP/1.1\r\nhost: x\r\n"


def test_two_hundred_idle_connections_keep_nobody_waiting(receiver: RunningReceiver) -> None:
    """T27: idle ones, ones in the middle of a head, and one with ten thousand headers."""
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(receiver.raw()) for _ in range(200)]
        for connection in idle[::4]:
            connection.sendall(HEAD)
        crowded = stack.enter_context(receiver.raw())
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            crowded.sendall(HEAD + b"x: y\r\n" * 10_000 + b"\r\n")
        for number in range(1, 6):
            assert receiver.send(event(number)).status_code == 200
        assert _first_line(crowded) in {b"HTTP/1.1 400 Bad Request", b""}
    assert len(receiver.rows()) == 5


def test_a_hundred_times_more_slow_senders_than_places_leave_room_for_a_quick_one(
    settings: Settings, engine: Engine
) -> None:
    """T27: whoever has been sending for longest makes room, so holding places costs the attacker and nobody else."""
    prepare(settings, engine)
    with (
        running_receiver(settings, engine, Limits(connections=4)) as receiver,
        contextlib.ExitStack() as stack,
    ):
        for number in range(1, 21):
            for _ in range(5):
                stack.enter_context(receiver.raw()).sendall(HEAD)
            if number % 5 == 0:
                assert receiver.send(event(number)).status_code == 200
    assert len(receiver.rows()) == 4


def test_a_flood_without_a_key_fills_neither_inbox_nor_log(
    receiver: RunningReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """T27: what is not rightly signed is counted, told once in a while, and never stored."""
    with caplog.at_level(logging.INFO, "st_deltek_pipeline"), requests.Session() as session:
        for number in range(150):
            for name in ("acme", f"nobody-{number}\x1b[2J%0a"):
                url = f"{receiver.url}/webhooks/{requests.utils.quote(name)}/servicetitan"
                answer = session.post(url, data=b"{}", headers={HEADER: "00" * 32}, timeout=TIMEOUT)
                assert answer.status_code == 401
    assert receiver.rows() == []
    told = [record for record in caplog.records if "Turned away" in record.getMessage()]
    assert len(told) < 10
    assert receiver.send(event(1)).status_code == 200


def test_a_check_of_signatures_that_breaks_lets_nothing_in(
    receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bool:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("st_deltek_pipeline.webhooks.accounts.Account.accepts", broken)
        answer = receiver.send(event(1))
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert receiver.rows() == []
    assert receiver.send(event(1)).status_code == 200


def _first_line(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4096).partition(b"\r\n")[0]
    except ConnectionResetError:
        return b""
