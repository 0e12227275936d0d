"""Runs the webhook receiver in this process, until a signal."""

import json
import logging
import sys
from collections.abc import Collection, Sequence
from functools import partial

import click
from sqlalchemy import Engine

from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store import inbox
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.webhooks.nudge import DagsterNudge
from st_deltek_pipeline.webhooks.server import Receiver


def serve(settings: Settings, *, host: str, port: int, dagster_url: str | None, as_json: bool) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: The installation.
        host: Where to listen.
        port: Likewise; 0 is any free one.
        dagster_url: Dagster's webserver; ``None`` leaves what waits to its sensors.
        as_json: Print the addresses in JSON when ready.

    Raises:
        ConfigurationError: The port is taken, or a connection with webhooks enabled has no key.
        CredentialsError: A key cannot be decrypted.
    """
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
        datefmt="%Y-%m-%d %H:%M:%S",
    )
    # Each bad request is a line of uvicorn's; ours are counted instead, and limited.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    engine = ready_database(settings)
    nudge: DagsterNudge | None = None
    try:
        if dagster_url is not None:
            nudge = DagsterNudge(dagster_url, partial(_still_waiting, engine))
        receiver = Receiver(settings, engine, host=host, port=port, on_new=nudge)
        receiver.run(lambda: _say(receiver, as_json=as_json), until_signal=True)
    finally:
        if nudge is not None:
            nudge.stop()
        engine.dispose()


def _still_waiting(engine: Engine, connections: Sequence[str]) -> Collection[str]:
    return inbox.backlog(engine, connections).keys()


def _say(receiver: Receiver, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"url": receiver.url, "connections": receiver.urls, "close": receiver.close_url}))
    else:
        for url in receiver.urls.values():
            click.echo(f"Webhooks     {url}")
        if not receiver.urls:
            click.echo(f"Webhooks     {receiver.url} (no connection has webhooks.enabled: true yet)")
        click.echo(f"Close        {receiver.close_url}")
        click.echo("Press Ctrl-C to stop.")
    # Whoever started us reads this line through a pipe and waits for it.
    sys.stdout.flush()
