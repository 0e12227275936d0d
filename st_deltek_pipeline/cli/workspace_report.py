"""What ``st-deltek workspace`` does and prints."""

from pathlib import Path

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import print_json, print_table
from st_deltek_pipeline.orchestration import workspace
from st_deltek_pipeline.orchestration.workspace import Plan
from st_deltek_pipeline.settings import Settings


def write(settings: Settings, output: Path, *, per_shard: int | None, as_json: bool) -> ExitCode:
    """Write shards and workspace file, and print the code locations.

    Args:
        settings: The installation.
        output: The workspace file.
        per_shard: The most connections of a code location; as before when not given.
        as_json: For machines.
    """
    planned = workspace.plan(settings, per_shard=per_shard)
    changed = not workspace.is_written(settings, planned, output)
    workspace.write(settings, planned, output)
    if as_json:
        print_json({**_described(planned, output), "changed": changed})
        return ExitCode.OK
    _print_locations(planned)
    click.echo(
        f"Wrote {output}. Restart Dagster's webserver and daemon." if changed else f"{output} was right already."
    )
    return ExitCode.OK


def check(settings: Settings, output: Path, *, per_shard: int | None, as_json: bool) -> ExitCode:
    """Print the code locations as they should be, and whether they are.

    Args:
        settings: The installation.
        output: The workspace file.
        per_shard: As in ``write``.
        as_json: For machines.

    Returns:
        ``CONFIGURATION`` when something would be written.
    """
    planned = workspace.plan(settings, per_shard=per_shard)
    fits = workspace.is_written(settings, planned, output)
    if as_json:
        print_json({**_described(planned, output), "fits": fits})
    else:
        _print_locations(planned)
        for what, names in (("New", planned.new), ("Gone", planned.gone)):
            if names:
                click.echo(f"{what}: {', '.join(names)}.")
        click.echo("Everything is in its place." if fits else f"{output} is not up to date. Run: st-deltek workspace")
    return ExitCode.OK if fits else ExitCode.CONFIGURATION


def _described(planned: Plan, output: Path) -> dict[str, object]:
    return {
        "output": str(output),
        "per_shard": planned.shards.per_shard,
        "locations": {location.name: list(location.connections) for location in planned.locations},
        "new": list(planned.new),
        "gone": list(planned.gone),
    }


def _print_locations(planned: Plan) -> None:
    print_table(
        ("code location", ">connections", "names"),
        [(each.name, len(each.connections), ", ".join(each.connections)) for each in planned.locations],
    )
