"""A request larger than the limit, announced or streamed, never reaches a twin."""

from collections.abc import Generator, Iterator

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_deltek_pipeline.sandbox.body_limit import LARGEST_BODY, BodyLimit
from st_deltek_pipeline.sandbox.serving import HttpServers, ServerThread, listen
from st_deltek_pipeline.sandbox.wire import OpenConnections
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest

TIMEOUT = 10
LIMIT = 1000


@pytest.fixture
def echo() -> Generator[str]:
    async def answer(request: Request) -> Response:
        return Response(await request.body())

    app = BodyLimit(Starlette(routes=[Route("/", answer, methods=["POST"])]), LIMIT)
    listening = listen("127.0.0.1", 0)
    with ServerThread(HttpServers([(app, listening)], OpenConnections())):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def _streamed(size: int) -> Iterator[bytes]:
    for start in range(0, size, 100):
        yield b"x" * min(100, size - start)


@pytest.mark.parametrize("size", [0, 1, LIMIT])
def test_a_body_up_to_the_limit_arrives_as_it_was_sent(echo: str, size: int) -> None:
    assert requests.post(echo, data=b"x" * size, timeout=TIMEOUT).content == b"x" * size
    assert requests.post(echo, data=_streamed(size), timeout=TIMEOUT).content == b"x" * size


def test_a_larger_body_is_413_also_when_its_size_was_not_announced(echo: str) -> None:
    assert requests.post(echo, data=b"x" * (LIMIT + 1), timeout=TIMEOUT).status_code == 413
    assert requests.post(echo, data=_streamed(50 * LIMIT), timeout=TIMEOUT).status_code == 413
    assert requests.post(echo, data=b"x", timeout=TIMEOUT).content == b"x"


@pytest.mark.parametrize("system", ["servicetitan", "vantagepoint"])
def test_both_twins_have_the_limit(shared_sandbox: SandboxUnderTest, system: str) -> None:
    line = shared_sandbox.ready_line
    urls = {
        "servicetitan": f"{line['servicetitan']['auth_url']}/connect/token",
        "vantagepoint": f"{line['vantagepoint']['base_url']}/token",
    }
    body = b"x" * (LARGEST_BODY + 1)
    assert requests.post(urls[system], data=body, timeout=TIMEOUT).status_code == 413
