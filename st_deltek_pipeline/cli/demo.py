"""``st-deltek demo``: the whole thing at work on its own database and sandbox, with nothing to set up."""

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode

_EXAMPLE = """\b
Examples:
  st-deltek demo
  st-deltek demo                   (again: it posts nothing new)
  st-deltek demo --invoices 600    (a smaller contractor, done sooner)

\b
Everything stays in the data folder; `st-deltek up` shows its runs in Dagster's UI.
Exit code: 0 when every cent is accounted for, in our books and in the sandbox's own.
"""


@click.command(epilog=_EXAMPLE)
@click.option(
    "--invoices",
    type=click.IntRange(100, 50_000),
    help="Invoices of the month, 5750 by default; with them come as many payments, and bills.",
)
def demo(*, invoices: int | None) -> ExitCode:
    """Post a contractor's whole month into Vantagepoint, every kind of document, and prove it to the cent.

    Starts the embedded PostgreSQL and the sandbox of both systems, puts the sandbox's credentials into the vault,
    checks the connection, takes in a month of records and posts its business days through Dagster. Then users of
    ServiceTitan change a few documents, and a second synchronisation posts what that makes different.
    The tie-out is compared with what the sandbox itself has in its books. Nothing is left running.
    """
    # Not for --help. The sandbox makes its contractor while Dagster, which takes seconds the first time, is imported.
    from st_deltek_pipeline.cli.demo_connection import demo_places, demo_sandbox, demo_settings  # noqa: PLC0415

    settings = demo_settings()
    places = demo_places(settings, invoices)
    sandbox = demo_sandbox(places)
    sandbox.begin()
    try:
        from st_deltek_pipeline.cli.demo_run import run_demo  # noqa: PLC0415

        return run_demo(settings, places, sandbox)
    finally:
        sandbox.stop()
