"""The webhook receiver, which serves the close reports too, as a part of ``st-deltek up``."""

from st_deltek_pipeline.cli.child_process import ChildProcess
from st_deltek_pipeline.cli.ports import chosen_port
from st_deltek_pipeline.cli.webhooks import DEFAULT_PORT
from st_deltek_pipeline.settings import DAGSTER_URL_VARIABLE, Settings
from st_deltek_pipeline.store.database import open_database
from st_deltek_pipeline.webhooks.accounts import Accounts

_LOG_FILE = "webhooks.log"


def webhook_receiver(settings: Settings, *, host: str, port: int | None, dagster_url: str) -> ChildProcess:
    """Return the receiver, not started yet.

    Args:
        settings: The installation, its database migrated.
        host: Address to listen on.
        port: Port to listen on; ``None`` takes the first free one from 8090.
        dagster_url: Dagster's webserver, which is asked for a run as soon as something waits. Close reports lead there too,
            unless the settings say where people find it.

    Raises:
        ConfigurationError: The port is taken, or a connection with webhooks enabled has no signing key.
        CredentialsError: A key cannot be decrypted.
    """
    engine = open_database(settings)
    try:
        accounts = Accounts(settings, engine)
        # Here rather than by the child's end, so that the message and the exit code are those of a wrong setting.
        accounts.load()
    finally:
        engine.dispose()
    chosen = chosen_port(host, port, DEFAULT_PORT, "--webhooks-port")
    arguments = ["webhooks", "serve", "--json", "--host", host, "--port", str(chosen), "--dagster-url", dagster_url]
    links = {DAGSTER_URL_VARIABLE: settings.dagster_url or dagster_url}
    return ChildProcess("The webhook receiver", arguments, settings.data_dir / _LOG_FILE, environment=links)
