"""Builds the two systems' clients of a connection: settings from its file, credentials from the vault."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.errors import CredentialsError
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.credentials import ServiceTitanCredentials
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.transport.options import TransportOptions
from st_deltek_pipeline.transport.rate_limit import FileRateLimiter
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.credentials import VantagepointCredentials

# The systems of a connection, and what the vault keeps for each.
CREDENTIAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "servicetitan": tuple(item.name for item in fields(ServiceTitanCredentials)),
    "vantagepoint": tuple(item.name for item in fields(VantagepointCredentials)),
}


def servicetitan_client(
    settings: Settings,
    connection: ConnectionSettings,
    secrets: Mapping[str, str],
    *,
    options: TransportOptions | None = None,
) -> ServiceTitanClient:
    """Build the client of the connection's ServiceTitan tenant.

    Args:
        settings: The installation; every process of it shares the tenant's rate limit.
        connection: The connection.
        secrets: The vault's values for its ``servicetitan`` side.
        options: Time-outs and retries; the usual ones when not given.

    Returns:
        A client that has not called anything yet; close it when done.

    Raises:
        CredentialsError: The vault holds not everything ServiceTitan asks for.
    """
    side = connection.servicetitan
    credentials = ServiceTitanCredentials(
        client_id=_value(connection, "servicetitan", secrets, "client_id"),
        client_secret=_value(connection, "servicetitan", secrets, "client_secret"),
        app_key=_value(connection, "servicetitan", secrets, "app_key"),
    )
    return ServiceTitanClient(
        api_url=side.api_url,
        auth_url=side.auth_url,
        tenant_id=side.tenant_id,
        credentials=credentials,
        calls_per_second=side.calls_per_second,
        page_size=side.page_size,
        rate_limiter=_shared_limit(settings, f"{side.api_url}|{side.tenant_id}", side.calls_per_second),
        allow_insecure_hosts=connection.allow_insecure_hosts,
        options=options,
    )


def vantagepoint_client(
    settings: Settings,
    connection: ConnectionSettings,
    secrets: Mapping[str, str],
    *,
    options: TransportOptions | None = None,
) -> VantagepointClient:
    """Build the client of the connection's Vantagepoint database.

    Args:
        settings: The installation; every process of it shares the database's rate limit.
        connection: The connection.
        secrets: The vault's values for its ``vantagepoint`` side.
        options: Time-outs and retries; the usual ones when not given.

    Returns:
        A client that has not called anything yet; close it when done.

    Raises:
        CredentialsError: The vault holds not everything Vantagepoint asks for.
    """
    side = connection.vantagepoint
    credentials = VantagepointCredentials(
        username=_value(connection, "vantagepoint", secrets, "username"),
        password=_value(connection, "vantagepoint", secrets, "password"),
        client_id=_value(connection, "vantagepoint", secrets, "client_id"),
        client_secret=_value(connection, "vantagepoint", secrets, "client_secret"),
    )
    return VantagepointClient(
        base_url=side.base_url,
        database=side.database,
        credentials=credentials,
        integrated_sign_in=side.integrated_sign_in,
        row_limit_parameter=side.row_limit_parameter,
        page_size=side.page_size,
        calls_per_second=side.calls_per_second,
        rate_limiter=_shared_limit(settings, f"{side.base_url}|{side.database}", side.calls_per_second),
        allow_insecure_hosts=connection.allow_insecure_hosts,
        known_hosts=side.known_hosts,
        private_networks=connection.networks,
        options=options,
    )


def _value(connection: ConnectionSettings, system: str, secrets: Mapping[str, str], name: str) -> str:
    value = secrets.get(name)
    if not value:
        message = f"The vault holds no {name} for the {system} side of connection {connection.name}."
        raise CredentialsError(message, advice=f"Run: st-deltek connection add {connection.name}")
    return value


def _shared_limit(settings: Settings, target: str, calls_per_second: int) -> FileRateLimiter:
    folder = settings.data_dir / "rate_limits"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A digest, because a URL is no file name; the same target is one file for every connection that shares it.
    name = hashlib.sha256(target.lower().encode()).hexdigest()[:32]
    return FileRateLimiter(folder / name, calls_per_second)
