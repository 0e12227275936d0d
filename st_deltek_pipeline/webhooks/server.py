"""Runs the receiver: uvicorn, the writer, the close reports, and the reading again of files and keys."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Generator

import uvicorn
from sqlalchemy import Engine

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.site.app import CloseSite
from st_deltek_pipeline.site.login import ROOT
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.webhooks.accounts import Accounts
from st_deltek_pipeline.webhooks.app import PATH, ReceiverApp
from st_deltek_pipeline.webhooks.limits import Limits
from st_deltek_pipeline.webhooks.protocol import bounded_protocol
from st_deltek_pipeline.webhooks.writer import InboxWriter, OnNew

_logger = logging.getLogger(__name__)

_BACKLOG = 256
_REFRESH_SECONDS = 3.0
_STOP_SECONDS = 10


class Receiver:
    """A receiver that listens already, and answers once it is run.

    Args:
        settings: The installation.
        engine: Its migrated database.
        host, port: Where to listen; port 0 takes any free one.
        limits: What a sender may ask for.
        on_new: Called with the names of connections that have new events; see ``InboxWriter``.
        refresh_seconds: How often files and keys are looked at.

    Raises:
        ConfigurationError: The port is taken, or webhooks are enabled for a connection without a key.
        CredentialsError: A key cannot be decrypted.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        *,
        host: str,
        port: int,
        limits: Limits | None = None,
        on_new: OnNew | None = None,
        refresh_seconds: float = _REFRESH_SECONDS,
    ) -> None:
        self._limits = limits or Limits()
        self._refresh_seconds = refresh_seconds
        self.accounts = Accounts(settings, engine)
        self.accounts.load()
        self._writer = InboxWriter(engine, most_waiting=self._limits.waiting, on_new=on_new)
        self._pages_engine = engine_for(engine.url.render_as_string(hide_password=False))
        self._site = CloseSite(settings, self._pages_engine)
        self.app = ReceiverApp(self.accounts, self._writer, engine, self._limits, self._site.routes)
        self._socket = _listen(host, port)
        self._server = _Server(self._configuration())

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def close_url(self) -> str:
        """Where the close reports are, as seen from this machine."""
        return self.url + ROOT

    @property
    def urls(self) -> dict[str, str]:
        """Where each connection's webhooks are to be sent, as seen from this machine."""
        return {name: self.url + PATH.format(connection=name) for name in self.accounts.names}

    def run(self, on_ready: Callable[[], None], *, until_signal: bool = False) -> None:
        """Answer until ``ask_to_stop``. What was taken is written before it returns.

        Args:
            on_ready: Called when it answers.
            until_signal: End on SIGINT and SIGTERM too; only in the main thread.
        """
        self._writer.start()
        try:
            with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
                runner.run(self._serve(on_ready, until_signal=until_signal))
        finally:
            self._writer.stop()
            self._site.stop()
            self._pages_engine.dispose()
            self._socket.close()

    def ask_to_stop(self) -> None:
        """Finish what is being answered, and end; safe in any thread."""
        self._server.should_exit = True

    async def _serve(self, on_ready: Callable[[], None], *, until_signal: bool) -> None:
        if until_signal:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.ask_to_stop)
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        await self._server.ready.wait()
        on_ready()
        refreshing = asyncio.create_task(self._refresh())
        await serving
        refreshing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await refreshing

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_seconds)
            try:
                changed = await asyncio.to_thread(self.accounts.refresh)
            except Exception:
                # What was known stays in force, and it is tried again.
                _logger.exception("Connection files and keys could not be read again.")
                continue
            if changed:
                _logger.info("Webhooks are received for: %s", ", ".join(self.accounts.names) or "no connection")

    def _configuration(self) -> uvicorn.Config:
        return uvicorn.Config(
            self.app.app,
            http=bounded_protocol(self._limits),
            h11_max_incomplete_event_size=self._limits.header_bytes,
            timeout_keep_alive=self._limits.idle_seconds,
            timeout_graceful_shutdown=_STOP_SECONDS,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            # No answer depends on who the sender says it is.
            proxy_headers=False,
            server_header=False,
        )


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves signals to us, since it may run in a thread."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        listening = socket.socket(family, kind)
    except OSError as error:
        message = f"The webhook receiver cannot listen on {host}: {error.strerror}."
        raise ConfigurationError(message, advice="Name another address with --host.") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        message = f"The webhook receiver cannot listen on port {port} of {host}: {error.strerror}."
        raise ConfigurationError(message, advice="Name another port with --port.") from None
    return listening
