"""One HTTP server for all tests of the twin; each test puts its own twin behind it."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from st_deltek_pipeline.sandbox.contractor.world import VantagepointWorld
from st_deltek_pipeline.sandbox.faults import RequestHooks
from st_deltek_pipeline.sandbox.state import MemoryState, StatePersistence
from st_deltek_pipeline.sandbox.vantagepoint.app import VantagepointTwin, build_vantagepoint_app
from st_deltek_pipeline.sandbox.vantagepoint.switches import VantagepointSwitches
from st_deltek_pipeline_tests.sandbox.vantagepoint.full_books import full_books
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import MovableClock, Office, small_world


class _Served:
    """The app that is served at the moment."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def served() -> Iterator[_Served]:
    holder = _Served()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        holder.url = f"http://127.0.0.1:{listener.getsockname()[1]}/summit/api"
        server = uvicorn.Server(uvicorn.Config(holder, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield holder
        server.should_exit = True
        thread.join(timeout=10)


OpenOffice = Callable[..., Office]
"""Takes a persistence, a world, and switches by name."""


@pytest.fixture
def open_office(served: _Served) -> OpenOffice:
    """Return a function that builds a twin with some switches, serves it, and signs in."""

    def build(
        persistence: StatePersistence | None = None, *, world: VantagepointWorld | None = None, **switches: Any
    ) -> Office:
        clock = MovableClock()
        twin: VantagepointTwin = build_vantagepoint_app(
            world or small_world(),
            switches=VantagepointSwitches(**switches),
            persistence=persistence or MemoryState(),
            hooks=RequestHooks(),
            clock=clock,
        )
        served.app = twin.app
        office = Office(served.url, twin, clock)
        return office.sign_in() if twin.switches.password_grant == "on" else office

    return build


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """Return a signed-in user of a twin with every switch at its default."""
    return open_office()


@pytest.fixture
def books(open_office: OpenOffice) -> Office:
    """Return a signed-in user of a database with banks, vendors and liability codes."""
    return open_office(world=full_books())
