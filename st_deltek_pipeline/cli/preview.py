"""``st-deltek preview``: the exact plan of a business day and its hash. Sends nothing."""

import getpass
from datetime import datetime

import click

from st_deltek_pipeline.cli.kind_option import kinds_option
from st_deltek_pipeline.cli.output import json_option, print_json
from st_deltek_pipeline.domain.documents import Kind

_EXAMPLE = """\b
Examples:
  st-deltek preview acme --day 2026-10-05
  st-deltek preview acme --day 2026-10-05 --kind invoice --pin

\b
Payments and credit memos of invoices that are not posted yet are shown as waiting: they are planned once those are.
"""


@click.command(epilog=_EXAMPLE)
@click.argument("name")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The business day.")
@kinds_option("Kind of document to plan.")
@click.option(
    "--pin", is_flag=True, help="From now on send only this plan for the day and kind; a changed one is refused."
)
@json_option
def preview(*, name: str, day: datetime, kinds: tuple[Kind, ...], pin: bool, as_json: bool) -> None:
    """Show exactly what posting the business day of connection NAME would send to Vantagepoint.

    It is computed from what was taken in last, by the function that the run itself uses; the run sends exactly
    this as long as the hash is the same. Each kind of document has a plan and a hash of its own.
    """
    from st_deltek_pipeline.cli.preview_report import compute_plans, plan_as_data, show_plans  # noqa: PLC0415
    from st_deltek_pipeline.settings import load_settings  # noqa: PLC0415

    plans = compute_plans(load_settings(), name, day.date(), kinds, pinned_by=getpass.getuser() if pin else None)
    if as_json:
        print_json({"day": day.date(), "pinned": pin, "plans": [plan_as_data(plan) for plan in plans]})
        return
    show_plans(name, plans)
    if pin:
        click.echo(f"Pinned: only the plan {plans[0].plan_hash} will be sent for {plans[0].business_day}.")
