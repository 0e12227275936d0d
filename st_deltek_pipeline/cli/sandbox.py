"""``st-deltek sandbox``: serves the twins of both systems. What they do is in the sandbox package."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Literal

import click
import msgspec

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.sandbox.fault_plans import NAMED_FAULTS
from st_deltek_pipeline.sandbox.server import Sandbox, SandboxSettings
from st_deltek_pipeline.sandbox.state import Row

_USAGE_ERROR = 2
_PORT = click.IntRange(0, 65_535)
_MONTH_FORMATS = ["%Y-%m"]

_YEARS = range(2000, 2100)

_EXAMPLES = """\b
Examples:
  st-deltek sandbox serve --servicetitan-port 8181 --vantagepoint-port 8282 --seed 7 --month 2026-10
  st-deltek sandbox serve --faults reset,lost_answer@PostTransFile --fault-seed 3

\b
Faults:
""" + "\n".join(f"  {each.name:<24}{each.summary}" for each in NAMED_FAULTS)


@click.group(epilog="\b\nExample:\n  st-deltek sandbox serve --month 2026-10")
def sandbox() -> None:
    """Development twins of ServiceTitan and Vantagepoint, with a generated contractor in them."""


@sandbox.command(epilog=_EXAMPLES)
@click.option("--servicetitan-port", type=_PORT, default=0, show_default="any free one", help="Port of ServiceTitan.")
@click.option("--vantagepoint-port", type=_PORT, default=0, show_default="any free one", help="Port of Vantagepoint.")
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, same contractor.")
@click.option(
    "--month",
    type=click.DateTime(_MONTH_FORMATS),
    default="2026-10",
    show_default=True,
    help="The contractor's month, as YYYY-MM.",
)
@click.option("--invoices", type=click.IntRange(min=1), help="How many invoices; a real contractor's number otherwise.")
@click.option(
    "--scenario",
    type=click.Choice(["month", "clean"]),
    default="month",
    show_default=True,
    help="A month with the awkward cases of a real one, or one in which everything can be posted.",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep changes in this folder over a restart; forgotten otherwise.",
)
@click.option(
    "--faults",
    default="",
    metavar="NAME[@PATH],...",
    help="What goes wrong, by the names below; with @PATH at the endpoints whose address holds that expression.",
)
@click.option("--fault-seed", type=int, default=0, show_default=True, help="Same names and seed, same trouble.")
@click.option("--json", "as_json", is_flag=True, help="Print addresses and credentials as one line of JSON when ready.")
def serve(  # noqa: PLR0917 - one parameter per option
    servicetitan_port: int,
    vantagepoint_port: int,
    seed: int,
    month: datetime,
    invoices: int | None,
    scenario: Literal["month", "clean"],
    state_dir: Path | None,
    faults: str,
    fault_seed: int,
    as_json: bool,  # noqa: FBT001 - click passes it by name
) -> None:
    """Serve both systems on the loopback until Ctrl+C.

    When both ports answer, their addresses and the sandbox's own credentials are printed. The endpoints under
    /_sandbox of either port show totals, the ledger and the request log, and change both systems as their
    users would.
    """
    if month.year not in _YEARS:
        message = f"{month.year} is not a year from {_YEARS.start} to {_YEARS.stop - 1}"
        raise click.BadParameter(message, param_hint="'--month'")
    settings = SandboxSettings(
        seed=seed,
        month=f"{month:%Y-%m}",
        invoices=invoices,
        scenario=scenario,
        servicetitan_port=servicetitan_port,
        vantagepoint_port=vantagepoint_port,
        state_dir=state_dir,
        faults=faults,
        fault_seed=fault_seed,
    )
    try:
        Sandbox(settings).serve(lambda ready: _print_ready(ready, as_json=as_json))
    except ConfigurationError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_USAGE_ERROR)


def _print_ready(ready: Row, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(ready).decode())
    else:
        click.echo(f"ServiceTitan  {ready['servicetitan']['api_url']}  tenant {ready['servicetitan']['tenant_id']}")
        click.echo(f"Vantagepoint  {ready['vantagepoint']['base_url']}  database {ready['vantagepoint']['database']}")
        click.echo(f"Admin         {ready['admin_url']}")
        click.echo("Credentials are printed with --json. Press Ctrl+C to stop.")
    # Whoever started us reads this line through a pipe and waits for it.
    sys.stdout.flush()
