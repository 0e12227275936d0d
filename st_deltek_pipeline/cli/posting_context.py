"""What a command needs to write under the poster's lock, and to ask or tell Vantagepoint, without a Dagster run."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.services.clients import vantagepoint_client
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.vault import open_vault


@contextmanager
def posting_context(settings: Settings, name: str, *, run_id: str) -> Generator[PostingContext]:
    """Open a connection for a command; database and client are closed at the end.

    Args:
        settings: The installation.
        name: The connection.
        run_id: What the journal's events name as the run.

    Raises:
        ConfigurationError: There is no such connection, or its file is wrong.
        CredentialsError: The vault has no credentials for Vantagepoint.
    """
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
                run_id=run_id,
            )
    finally:
        engine.dispose()
