"""``st-deltek workspace``: spreads many connections over several code locations, and writes Dagster's workspace file."""

from pathlib import Path

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import json_option
from st_deltek_pipeline.settings import load_settings

_EPILOG = """\b
Examples:
  st-deltek workspace
  st-deltek workspace --check
  st-deltek workspace --per-shard 10 --output deploy/workspace.yaml

\b
Exit codes of --check:
  0  every connection has its place, and the workspace file says so
  2  a connection is new or gone, or the file is another one: run st-deltek workspace, then restart Dagster
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--per-shard",
    type=click.IntRange(1, 500),
    help="Most connections of one code location; as before when not given, 20 the first time.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="workspace.yaml",
    show_default=True,
    help="The workspace file; entries of other code in it are kept.",
)
@click.option("--check", is_flag=True, help="Write nothing; say what would change.")
@json_option
def workspace(*, per_shard: int | None, output: Path, check: bool, as_json: bool) -> ExitCode:
    """Spread the connections over code locations of some 20 each, and write Dagster's workspace file.

    A connection stays in its code location when others come or go. Until a new one has a place, the first location loads it.
    `st-deltek up` does all of this by itself; use this command where webserver and daemon are started otherwise.
    """
    from st_deltek_pipeline.cli import workspace_report  # noqa: PLC0415

    settings = load_settings()
    if check:
        return workspace_report.check(settings, output, per_shard=per_shard, as_json=as_json)
    return workspace_report.write(settings, output, per_shard=per_shard, as_json=as_json)
