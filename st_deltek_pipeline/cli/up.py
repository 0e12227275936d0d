"""``st-deltek up``: the live system: Dagster's UI and daemon, the receiver with the close reports, the demo's sandbox."""

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode

_EXAMPLE = """\b
Examples:
  st-deltek up
  st-deltek up --port 3001

\b
Ctrl-C stops everything. The UI has no login: keep it on the loopback, or behind a proxy that has one.
"""


@click.command(epilog=_EXAMPLE)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the UI and of the webhook receiver.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port of the UI; the first free one from 3000 otherwise.")
@click.option(
    "--webhooks-port",
    type=click.IntRange(1, 65_535),
    help="Port of the webhook receiver; the first free one from 8090 otherwise.",
)
def up(*, host: str, port: int | None, webhooks_port: int | None) -> ExitCode:
    """Run Dagster's UI and daemon for every connection, until Ctrl-C.

    With them runs the receiver of ServiceTitan's webhooks, which serves the close reports too (docs/close.md).

    The same as `dagster dev` in the project's root, with its files in the data folder. When the demo has run, its
    sandbox is started as well, so that its connection works from the UI.
    """
    from st_deltek_pipeline.cli.live_system import run_live_system  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    return run_live_system(load_settings(), host=host, port=port, webhooks_port=webhooks_port)
