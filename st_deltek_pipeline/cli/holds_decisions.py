"""Carries out ``st-deltek holds ignore`` and ``release``, and says what came of it."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import print_json, working
from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.services.clients import vantagepoint_client
from st_deltek_pipeline.services.holds import ignore_document, release_document
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.vault import open_vault

_RUN = "holds"


def ignore(settings: Settings, name: str, document: tuple[Kind, int], *, reason: str, by: str, as_json: bool) -> None:
    """Ignore a held document.

    Args:
        settings: The installation.
        name: The connection.
        document: Kind and id.
        reason: The person's words.
        by: Who decides it.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: It cannot be ignored, or there is no such connection.
        TransientError: It is under way, or has changed since it was decided about.
    """
    key = DocumentKey(name, *document)
    with _context(settings, name) as context:
        outcome = ignore_document(context, key, reason=reason, by=by)
    if as_json:
        data = {"outcome": outcome.outcome, "reason": outcome.reason, "message": outcome.message}
        print_json({"document": str(key), **data, "amount": outcome.amount, "revision": outcome.revision, "by": by})
    else:
        click.echo(f"{outcome.message}")
        click.echo(f"{outcome.amount:,.2f} stays in the tie-out as ignored. Undo: st-deltek holds release {name} {key}")


def release(settings: Settings, name: str, document: tuple[Kind, int], *, by: str, as_json: bool) -> ExitCode:
    """Undo an ignore, or release held transaction files.

    Args:
        settings: The installation.
        name: The connection.
        document: Kind and id.
        by: Who decides it.
        as_json: Answer in JSON.

    Returns:
        ``HELD`` when a file still differs.

    Raises:
        ConfigurationError: There is nothing to release, or no such connection.
        TransientError: Vantagepoint cannot be read now.
    """
    key = DocumentKey(name, *document)
    with _context(settings, name) as context, working(f"Comparing {key} with Vantagepoint ..."):
        released = release_document(context, key, by=by)
    hold = released.hold
    if as_json:
        files = [
            {"batch": file.batch, "state": file.state, "documents": file.documents, "message": file.message}
            for file in released.files
        ]
        print_json({"document": str(key), "held_again_for": hold.reason if hold else None, "files": files, "by": by})
    elif hold is not None:
        click.echo(f"{key} is not ignored any more; it is held as before: {hold.reason}. The next run decides afresh.")
    else:
        for file in released.files:
            click.echo(f"{file.message} Documents in it: {file.documents:,}.")
    differs = any(file.state is FileState.HELD for file in released.files)
    return ExitCode.HELD if differs else ExitCode.OK


@contextmanager
def _context(settings: Settings, name: str) -> Generator[PostingContext]:
    """Open what writing under the poster's lock needs. Without a Dagster run: nothing is posted here."""
    connection = find_connection(settings, name)
    engine = ready_database(settings)
    try:
        secrets = open_vault(engine, settings).get(name, "vantagepoint")
        with vantagepoint_client(settings, connection, secrets) as client:
            yield PostingContext(
                engine=engine,
                settings=connection,
                calendar=business_calendar(connection.calendar, connection.start_date.year, datetime.now(UTC).year + 1),
                client=client,
                username=secrets["username"],
                run_id=_RUN,
            )
    finally:
        engine.dispose()
