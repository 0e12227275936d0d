"""Keeps try-outs out of real books: a test source is never joined to a production Vantagepoint."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from st_deltek_pipeline.connections.settings import ConnectionSettings

# How people name a Vantagepoint that holds no real books; the API itself does not say (vantagepoint.md section 1).
_TEST_WORDS = ("sandbox", "sbx", "test", "preview", "train", "trn", "dev", "demo", "uat", "staging", "stage", "qa")
_TEST_NAME = re.compile(rf"({'|'.join(_TEST_WORDS)})", re.IGNORECASE)


def environment_problem(settings: ConnectionSettings) -> tuple[str, str] | None:
    """Say whether the connection joins a test source to real books.

    Args:
        settings: The connection.

    Returns:
        The key that is wrong and a message, or ``None`` when source and target fit each other.
    """
    source = urlsplit(settings.servicetitan.api_url).hostname or ""
    integration = "integration" in source
    if settings.environment == "production" and integration:
        return "environment", f"says production, but {source} is ServiceTitan's integration environment."
    source_is_test = settings.environment != "production" or integration or _is_loopback(source)
    if source_is_test and _is_production(settings):
        host = urlsplit(settings.vantagepoint.base_url).hostname
        return "vantagepoint.base_url", (
            f"{host} with database {settings.vantagepoint.database!r} looks like production, and documents of a "
            f"{settings.environment if settings.environment != 'production' else 'test'} ServiceTitan must not be "
            "posted there. Point it to a test database, whose URL or name says so (sandbox, test, preview, training)."
        )
    return None


def _is_production(settings: ConnectionSettings) -> bool:
    target = settings.vantagepoint
    host = urlsplit(target.base_url).hostname or ""
    return not _is_loopback(host) and not _TEST_NAME.search(f"{target.base_url} {target.database}")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
