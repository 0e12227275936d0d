"""What ``st-deltek connection list`` shows."""

from typing import Any

from st_deltek_pipeline.cli.output import print_json, print_table, say
from st_deltek_pipeline.connections.files import load_connections
from st_deltek_pipeline.services.clients import CREDENTIAL_NAMES
from st_deltek_pipeline.services.webhook_keys import WEBHOOKS
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.vault import open_vault


def show(settings: Settings, *, as_json: bool) -> None:
    """Print every connection that has a file or credentials.

    Args:
        settings: The installation.
        as_json: Answer in JSON.
    """
    engine = ready_database(settings)
    try:
        stored = open_vault(engine, settings).stored()
    finally:
        engine.dispose()
    found = _connections(settings, stored)
    if as_json:
        print_json(found)
    elif not found:
        say(f"There are no connections in {settings.connections_dir}. Begin with: st-deltek connection add NAME")
    else:
        columns = ("name", "state", ">tenant", "Vantagepoint", "environment", "credentials", "webhooks")
        print_table(
            columns,
            (
                (
                    item["name"],
                    item["state"],
                    item["tenant_id"] or "",
                    item["vantagepoint"] or "",
                    item["environment"] or "",
                    ", ".join(item["credentials"]) or "none",
                    _webhooks(item["webhooks"]),
                )
                for item in found
            ),
        )
        for item in found:
            for problem in item["problems"]:
                say(problem)


def _connections(settings: Settings, stored: dict[str, dict[str, frozenset[str]]]) -> list[dict[str, Any]]:
    loaded = load_connections(settings)
    problems: dict[str, list[str]] = {}
    for error in loaded.errors:
        problems.setdefault(error.name, []).append(str(error))
    wanted = settings.connection_names
    names = loaded.connections.keys() | problems.keys() | {name for name in stored if wanted is None or name in wanted}
    found: list[dict[str, Any]] = []
    for name in sorted(names):
        connection = loaded.connections.get(name)
        state = "ok" if connection else "broken" if name in problems else "no file"
        complete = [
            system
            for system, needed in CREDENTIAL_NAMES.items()
            if set(needed) <= stored.get(name, {}).get(system, frozenset[str]())
        ]
        found.append(
            {
                "name": name,
                "state": state,
                "tenant_id": connection.servicetitan.tenant_id if connection else None,
                "vantagepoint": connection.vantagepoint.base_url if connection else None,
                "environment": connection.environment if connection else None,
                "credentials": complete,
                "webhooks": {
                    "enabled": connection.webhooks.enabled if connection else None,
                    "keys": len(stored.get(name, {}).get(WEBHOOKS, ())),
                },
                "problems": problems.get(name, []),
            }
        )
    return found


def _webhooks(found: dict[str, Any]) -> str:
    keys = found["keys"]
    words = f"{keys} keys" if keys > 1 else "1 key" if keys else "no key"
    if found["enabled"]:
        return f"on, {words}"
    return f"off, {words}" if keys else "off"
