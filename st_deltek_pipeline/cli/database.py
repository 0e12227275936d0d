"""``st-deltek database``: the state of the database, its schema, stopping the embedded one."""

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import json_option, print_json
from st_deltek_pipeline.settings import load_settings

# What a command needs beyond click is imported when it runs, so that its --help answers at once.


@click.group(epilog="\b\nExample:\n  st-deltek database status")
def database() -> None:
    """The database: the server named by ST_DELTEK_DATABASE_URL, or the embedded one."""


@database.command(epilog="\b\nExample:\n  st-deltek database migrate")
@json_option
def migrate(*, as_json: bool) -> None:
    """Bring the schema up to date.

    Every command does this by itself; deployments like to do it first. Safe to run twice at once.
    """
    from st_deltek_pipeline.store.database import ready_database  # noqa: PLC0415
    from st_deltek_pipeline.store.migrate import current_revision  # noqa: PLC0415

    engine = ready_database(load_settings())
    revision = current_revision(engine)
    engine.dispose()
    if as_json:
        print_json({"revision": revision})
    else:
        click.echo(f"The schema is at revision {revision}.")


@database.command(epilog="\b\nExample:\n  st-deltek database status --json")
@json_option
def status(*, as_json: bool) -> ExitCode:
    """Say which database is used, whether it runs, and its schema's revision. Starts nothing.

    Ends with code 5 when the named server cannot be used, and with 2 when a newer version was used on the database.
    """
    from st_deltek_pipeline.cli.database_status import database_status  # noqa: PLC0415

    found = database_status(load_settings())
    if as_json:
        print_json(found)
    else:
        for key, value in found.items():
            click.echo(f"{key.replace('_', ' ') + ':':<18}{value if value is not None else '-'}")
    if found["state"] == "unreachable":
        return ExitCode.TRY_AGAIN
    return ExitCode.CONFIGURATION if str(found.get("schema", "")).startswith("newer") else ExitCode.OK


_ROLES_EXAMPLE = """\b
Examples:
  st-deltek database roles
  st-deltek database roles --apply
  st-deltek database roles --apply --login app=secrets/database_url --login ui=secrets/ui_database_url
"""


@database.command(epilog=_ROLES_EXAMPLE)
@click.option("--apply", is_flag=True, help="Do it; otherwise the SQL is printed and nothing is changed.")
@click.option(
    "--login",
    "logins",
    multiple=True,
    metavar="ROLE=FILE",
    help="A login for app, readonly, ui or migration: user and password of the database URL in a file.",
)
@json_option
def roles(*, apply: bool, logins: tuple[str, ...], as_json: bool) -> None:
    """Roles of the database with the least rights: app, readonly, ui and migration.

    They are named after the database, for example st_deltek_app. Run it as somebody who may create roles and owns the tables,
    after the first migration of both schemas; later migrations give rights on what they make by themselves. Doing it twice
    does no harm.
    """
    from st_deltek_pipeline.cli.database_roles import apply_to, sql_for  # noqa: PLC0415

    settings = load_settings()
    if not apply:
        if logins:
            message = "--login is for --apply."
            raise click.UsageError(message)
        written = sql_for(settings)
        if as_json:
            print_json({"statements": written})
        else:
            click.echo("".join(f"{line};\n" for line in written), nl=False)
        return
    done = apply_to(settings, logins)
    if as_json:
        print_json(done)
    else:
        click.echo(f"Roles: {', '.join(done['roles'])}.")
        for login, role in done["logins"].items():
            click.echo(f"Login {login} is a member of {role}.")


@database.command(epilog="\b\nExample:\n  st-deltek database stop --force")
@click.option("--force", is_flag=True, help="Stop it although other commands use it; they will fail.")
@json_option
def stop(*, force: bool, as_json: bool) -> None:
    """Stop the embedded database.

    The last command that uses it stops it anyway; this is for one that was left behind by a killed command.
    """
    from st_deltek_pipeline.domain.errors import ConfigurationError  # noqa: PLC0415
    from st_deltek_pipeline.store.embedded import EmbeddedPostgres  # noqa: PLC0415

    settings = load_settings()
    if settings.database_url:
        message = "ST_DELTEK_DATABASE_URL names a server of its own, which is not ours to stop."
        raise ConfigurationError(message)
    was_running = EmbeddedPostgres(settings.data_dir).stop(force=force)
    if as_json:
        print_json({"was_running": was_running})
    else:
        click.echo("Stopped." if was_running else "It was not running.")
