"""Runs the processes of ``st-deltek up``, and stops them all."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from types import FrameType

import click
import requests

from st_deltek_pipeline.cli.demo_connection import CONNECTION, connect, demo_places, demo_sandbox, subscribe
from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.live_locations import DagsterTarget, dagster_target
from st_deltek_pipeline.cli.live_webhooks import webhook_receiver
from st_deltek_pipeline.cli.ports import chosen_port
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.orchestration.instance import HOME_VARIABLE, prepare_home
from st_deltek_pipeline.settings import CLOSE_URL_VARIABLE, Settings
from st_deltek_pipeline.store.database import ready_database

_FIRST_PORT = 3000
_START_SECONDS = 120
_STOP_SECONDS = 75
_CHILDREN_SECONDS = 15
_POLL_SECONDS = 0.5
_ANSWER_SECONDS = 5


def run_live_system(settings: Settings, *, host: str, port: int | None, webhooks_port: int | None) -> ExitCode:
    """Run Dagster and the receiver, which serves the close reports too, until a signal or until one ends by itself.

    Args:
        settings: The installation.
        host: Address of the UI and of the receiver.
        port: Port of the UI; ``None`` takes the first free one from 3000.
        webhooks_port: Port of the receiver; ``None`` takes the first free one from 8090.

    Returns:
        ``OK`` after a signal.

    Raises:
        ConfigurationError: A port is taken, or a connection with webhooks enabled has no signing key.
        BrokenError: A part ended by itself or did not start.
    """
    chosen = chosen_port(host, port, _FIRST_PORT, "--port")
    click.echo("Starting ...")
    ready_database(settings).dispose()
    stop = threading.Event()
    with _stopped_by_signal(stop), contextlib.ExitStack() as running:
        places = demo_places(settings)
        sandbox = None
        if places.connection_file.exists():
            sandbox = running.enter_context(demo_sandbox(places))
            connect(settings, places, sandbox.ready)
            for system, address in (("servicetitan", "api_url"), ("vantagepoint", "base_url")):
                click.echo(f"Sandbox      {sandbox.ready[system][address]}")
        url = f"http://{host}:{chosen}"
        receiver = webhook_receiver(settings, host=host, port=webhooks_port, dagster_url=url)
        running.enter_context(receiver)
        for address in receiver.ready["connections"].values():
            click.echo(f"Webhooks     {address}")
        if sandbox is not None and CONNECTION in receiver.ready["connections"]:
            subscribe(settings, sandbox, receiver.ready["connections"][CONNECTION])
        click.echo(f"Close        {receiver.ready['close']}  (let somebody in: st-deltek close user add NAME)")
        target = dagster_target(settings)
        links = {CLOSE_URL_VARIABLE: settings.close_url or receiver.ready["close"]}
        dagster = running.enter_context(_dagster(settings, target, host, chosen, links))
        if _wait_until_ready(dagster, url, stop, _START_SECONDS * target.locations):
            click.echo(f"Dagster      {url}")
            click.echo("Press Ctrl-C to stop.")
        while not stop.wait(_POLL_SECONDS):
            _insist_running(dagster)
            receiver.insist_running()
        click.echo("Stopping ...")
    return ExitCode.OK


@contextlib.contextmanager
def _stopped_by_signal(stop: threading.Event) -> Generator[None]:
    # A handler of our own also where a shell started us with SIGINT ignored, as it does for background jobs.
    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _dagster(
    settings: Settings, target: DagsterTarget, host: str, port: int, links: Mapping[str, str]
) -> Generator["subprocess.Popen[bytes]"]:
    # Its one warning recommends a development tool that production does not install.
    command = [sys.executable, "-W", "ignore", "-m", "dagster", "dev", *target.options]
    process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
        [*command, "--host", host, "--port", str(port), "--log-level", "warning"],
        env={**os.environ, **links, HOME_VARIABLE: str(prepare_home(settings))},
        stdin=subprocess.DEVNULL,
        # Ctrl-C is for us: Dagster's children stop cleanly only when their parent tells them to.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    # Its code servers end a moment after it. The session is its own, so this reaches its children and nobody else.
    deadline = time.monotonic() + _CHILDREN_SECONDS
    while _group_exists(process.pid) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, stop: threading.Event, seconds: int) -> bool:
    deadline = time.monotonic() + seconds
    while not stop.wait(_POLL_SECONDS):
        _insist_running(process)
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{url}/server_info", timeout=_ANSWER_SECONDS).ok:
                return True
        if time.monotonic() > deadline:
            message = f"Dagster's UI did not answer at {url} in {seconds} s."
            raise BrokenError(message, advice="Its messages are above.")
    return False


def _insist_running(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        message = f"Dagster ended by itself with code {process.returncode}."
        raise BrokenError(message, advice="Its messages are above.")
