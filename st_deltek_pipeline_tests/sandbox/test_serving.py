"""How the sandbox's servers end."""

import asyncio
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_deltek_pipeline.sandbox.serving import HttpServers, ServerThread, listen
from st_deltek_pipeline.sandbox.wire import OpenConnections

_TIMEOUT_SECONDS = 30


class _SlowApp:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.may_answer = threading.Event()
        self.app = Starlette(routes=[Route("/", self._answer)])

    async def _answer(self, _: Request) -> Response:
        self.asked.set()
        await asyncio.to_thread(self.may_answer.wait, _TIMEOUT_SECONDS)
        return Response("done")


@pytest.fixture
def slow() -> Generator[_SlowApp]:
    app = _SlowApp()
    yield app
    app.may_answer.set()


def test_what_is_being_answered_when_the_servers_are_asked_to_stop_is_still_answered(slow: _SlowApp) -> None:
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    servers = HttpServers([(slow.app, listening)], OpenConnections())
    with ServerThread(servers) as running, ThreadPoolExecutor(1) as client:
        answer = client.submit(requests.get, url, timeout=_TIMEOUT_SECONDS)
        assert slow.asked.wait(_TIMEOUT_SECONDS)
        servers.ask_to_stop()
        slow.may_answer.set()
        assert answer.result().text == "done"
        running.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=_TIMEOUT_SECONDS)


def test_a_client_that_keeps_its_connection_open_does_not_keep_the_servers_from_ending(slow: _SlowApp) -> None:
    slow.may_answer.set()
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    with requests.Session() as session:
        with ServerThread(HttpServers([(slow.app, listening)], OpenConnections())) as running:
            assert session.get(url, timeout=_TIMEOUT_SECONDS).text == "done"
            running.stop()
            running.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=_TIMEOUT_SECONDS)
