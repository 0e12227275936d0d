"""``st-deltek demo``: the whole thing at work on its own database and sandbox, with nothing to set up."""

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode

_EXAMPLE = """\b
Examples:
  st-deltek demo
  st-deltek demo     (again: it posts nothing new)

\b
Everything stays in the data folder; `st-deltek up` shows its runs in Dagster's UI.
Exit code: 0 when every cent is accounted for, in our books and in the sandbox's own.
"""


@click.command(epilog=_EXAMPLE)
def demo() -> ExitCode:
    """Post five business days of a contractor's invoices into Vantagepoint, and prove it to the cent.

    Starts the embedded PostgreSQL and the sandbox of both systems, puts the sandbox's credentials into the vault,
    checks the connection, takes in a month of records and posts its first five business days through Dagster.
    Then the tie-out is compared with what the sandbox itself has in its books. Nothing is left running.
    """
    # Dagster takes a second to import; --help need not wait for it.
    from st_deltek_pipeline.cli.demo_run import run_demo  # noqa: PLC0415

    return run_demo()
