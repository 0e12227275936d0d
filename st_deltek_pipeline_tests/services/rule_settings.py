"""Connections that consist of coding rules, for the tests of what is checked about them."""

from typing import Any

from st_deltek_pipeline.connections.settings import ConnectionSettings


def rule(when: dict[str, Any] | None = None, **give: str) -> dict[str, Any]:
    """One coding rule of a connection's file, called ``r``."""
    return {"name": "r", "when": when or {}, "give": give}


def settings(*rules: dict[str, Any], **posting: Any) -> ConnectionSettings:
    """A connection with these rules and settings of ``posting``."""
    return ConnectionSettings.model_validate(
        {
            "name": "acme",
            "start_date": "2026-10-01",
            "servicetitan": {"tenant_id": 1},
            "vantagepoint": {"base_url": "https://acme.deltekfirst.com/acme/api", "database": "ACME"},
            "calendar": {"time_zone": "America/Denver"},
            "posting": posting,
            "coding": list(rules),
        }
    )
