"""``st-deltek webhooks``: the receiver of ServiceTitan's webhooks, and the keys they are signed with."""

import click

from st_deltek_pipeline.cli.output import json_option
from st_deltek_pipeline.settings import load_settings

# What a command needs beyond click is imported when it runs, so that its --help answers at once.

DEFAULT_PORT = 8090

_KEY_EPILOG = """\b
Examples:
  st-deltek webhooks key acme                      (asks for the key that ServiceTitan shows)
  st-deltek webhooks key acme --generate           (makes one, and prints it once)
  pass show acme-webhooks | st-deltek webhooks key acme
  st-deltek webhooks key acme --retire-previous    (once ServiceTitan signs with the new one)
"""


@click.group(epilog="\b\nExample:\n  st-deltek webhooks key acme --generate\n  st-deltek webhooks serve")
def webhooks() -> None:
    """ServiceTitan's webhooks: what makes a change seen within seconds (docs/webhooks.md).

    A connection receives them when its file says webhooks.enabled: true and the vault has its signing key.
    """


@webhooks.command(epilog=_KEY_EPILOG)
@click.argument("name")
@click.option("--generate", is_flag=True, help="Make a key, and print it this once.")
@click.option("--retire-previous", is_flag=True, help="Let only the newest key be in force.")
@json_option
def key(*, name: str, generate: bool, retire_previous: bool, as_json: bool) -> None:
    """Put the key into the vault that ServiceTitan signs the webhooks of connection NAME with.

    Asks for it without showing it, or reads it from standard input when that is no terminal: 32 to 64 characters. The
    key before it stays in force too, until it is retired. A running receiver takes both over by itself.
    """
    from st_deltek_pipeline.cli import webhooks_key  # noqa: PLC0415

    if generate and retire_previous:
        message = "--generate and --retire-previous are two steps: ServiceTitan has to change over between them."
        raise click.UsageError(message)
    settings = load_settings()
    if retire_previous:
        webhooks_key.retire(settings, name, as_json=as_json)
    else:
        webhooks_key.store(settings, name, generate=generate, as_json=as_json)


@webhooks.command(epilog="\b\nExample:\n  st-deltek webhooks serve --host 0.0.0.0 --port 8090")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=DEFAULT_PORT, show_default=True, help="Port; 0 is any free one."
)
@click.option(
    "--dagster-url",
    help="Dagster's webserver, such as http://127.0.0.1:3000: it is asked for a run at once, seconds before its sensors look.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one line of JSON when ready.")
def serve(*, host: str, port: int, dagster_url: str | None, as_json: bool) -> None:
    """Receive ServiceTitan's webhooks, and serve the close reports, until Ctrl-C.

    POST /webhooks/NAME/servicetitan of every connection with webhooks enabled; GET /close for those who may log in
    (st-deltek close user add); GET /healthz and GET /readyz. It has no
    TLS: put a proxy that has in front of it. Files and keys that change are taken over without a restart.
    """
    from st_deltek_pipeline.cli import webhooks_serve  # noqa: PLC0415

    webhooks_serve.serve(load_settings(), host=host, port=port, dagster_url=dagster_url, as_json=as_json)
