"""uvicorn under the sandbox: several apps on several sockets in one event loop, in a thread or until a signal.

Knows nothing of the twins.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Generator, Sequence
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.sandbox.wire import OpenConnections, tracked_protocol

_BACKLOG = 128
# uvicorn keeps the date of its answers with this.
_TICK_SECONDS = 0.1
_TICKS_A_DAY = 864_000


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes any free one.

    Raises:
        ConfigurationError: The port is taken, or may not be used.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        message = f"The sandbox cannot listen on {host}:{port}: {error.strerror}."
        raise ConfigurationError(message, advice="Name another port, or 0 for any free one.") from None
    return listening


class HttpServers:
    """Serves apps over HTTP until it is asked to stop.

    Args:
        apps: Each app with the listening socket it answers on; closed at the end.
        connections: Where the open connections are noted, so that faults can break them.
    """

    def __init__(self, apps: Sequence[tuple[ASGIApp, socket.socket]], connections: OpenConnections) -> None:
        self._sockets = [listening for _, listening in apps]
        self._servers = [_Server(_configuration(app, connections)) for app, _ in apps]

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve in this thread until ``ask_to_stop``.

        Args:
            on_ready: Called in the event loop when every app answers.
        """
        try:
            with asyncio.Runner(loop_factory=self._servers[0].config.get_loop_factory()) as runner:
                runner.run(self._serve(on_ready))
        finally:
            for each in self._sockets:
                each.close()

    def ask_to_stop(self) -> None:
        """Let the servers finish what they are answering and end; safe in any thread."""
        for server in self._servers:
            server.ask_to_stop()

    async def _serve(self, on_ready: Callable[[], None]) -> None:
        tasks = [
            asyncio.create_task(server.serve(sockets=[listening]))
            for server, listening in zip(self._servers, self._sockets, strict=True)
        ]
        for server in self._servers:
            await server.ready.wait()
        on_ready()
        await asyncio.gather(*tasks)


class ServerThread:
    """Servers that run in a thread of this process. A context manager that stops them.

    Args:
        servers: What to run; they answer when the constructor returns.
    """

    def __init__(self, servers: HttpServers) -> None:
        self._servers = servers
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="sandbox", daemon=True)
        self._thread.start()
        started.wait()

    def stop(self) -> None:
        """Stop the servers and wait for their end; again is no error."""
        self._servers.ask_to_stop()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, started: threading.Event) -> None:
        try:
            self._servers.run(started.set)
        finally:
            # Nobody must wait for a server that has failed; its error is reported by the thread.
            started.set()


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves signals to us: there are several of it, and they may run in a thread.

    It ends at once when nothing is being answered; uvicorn's own looks ten times a second, and then always waits.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self._asked = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def ask_to_stop(self) -> None:
        """Let it finish what it is answering and end; safe in any thread."""
        self.should_exit = True
        if self._loop is not None:
            # A loop that is closed has ended already.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._asked.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """Do what is done all the time until asked to stop."""
        ticks = 0
        while not await self.on_tick(ticks):
            ticks = (ticks + 1) % _TICKS_A_DAY
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), _TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, at once when nothing is being answered."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        # A connection that was closed is gone in the loop's next round.
        await asyncio.sleep(0)
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


def _configuration(app: ASGIApp, connections: OpenConnections) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=tracked_protocol(connections),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        # They would replace the client's address, by which a connection is found.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
