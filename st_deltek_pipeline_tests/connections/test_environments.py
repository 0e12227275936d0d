"""A test source never meets real books."""

from typing import Any

import pytest

from st_deltek_pipeline.connections.environments import environment_problem
from st_deltek_pipeline.connections.settings import ConnectionSettings

_INTEGRATION = "https://api-integration.servicetitan.io"
_PRODUCTION = "https://api.servicetitan.io"
_LOOPBACK = "http://127.0.0.1:8181"
_REAL = "https://acme.deltekfirst.com/acme/api"
_TEST = "https://acme-sandbox.deltekfirst.com/acme-sandbox/api"


def _connection(environment: str, api_url: str, base_url: str, database: str = "ACME") -> ConnectionSettings:
    document: dict[str, Any] = {
        "name": "acme",
        "environment": environment,
        "start_date": "2026-10-01",
        "servicetitan": {"api_url": api_url, "tenant_id": 1},
        "vantagepoint": {"base_url": base_url, "database": database},
        "calendar": {"time_zone": "UTC"},
        "coding": [{"give": {"wbs1": "P"}}],
    }
    return ConnectionSettings.model_validate(document)


@pytest.mark.parametrize(
    ("environment", "api_url", "base_url", "database"),
    [
        ("production", _PRODUCTION, _REAL, "ACME"),
        ("production", _PRODUCTION, _TEST, "ACME"),
        ("integration", _INTEGRATION, _TEST, "ACME"),
        ("integration", _INTEGRATION, _REAL, "ACME_TEST"),
        ("sandbox", _LOOPBACK, "http://localhost:8282/api", "ACME"),
        ("production", _LOOPBACK, _LOOPBACK, "ACME"),
    ],
)
def test_sources_and_targets_that_fit(environment: str, api_url: str, base_url: str, database: str) -> None:
    assert environment_problem(_connection(environment, api_url, base_url, database)) is None


@pytest.mark.parametrize(
    ("environment", "api_url", "key"),
    [
        ("sandbox", _LOOPBACK, "vantagepoint.base_url"),
        ("integration", _INTEGRATION, "vantagepoint.base_url"),
        ("sandbox", _PRODUCTION, "vantagepoint.base_url"),
        ("production", _LOOPBACK, "vantagepoint.base_url"),
        ("production", _INTEGRATION, "environment"),
    ],
)
def test_a_test_source_is_never_joined_to_real_books(environment: str, api_url: str, key: str) -> None:
    """T48: which sources and targets fit."""
    problem = environment_problem(_connection(environment, api_url, _REAL))
    assert problem is not None
    assert problem[0] == key
