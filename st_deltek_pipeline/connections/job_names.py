"""Names of a connection's live job, which the webhook receiver asks Dagster for without knowing Dagster itself."""

from typing import Any

TRIGGER_TAG = "trigger"
"""What made a run: ``webhooks``, ``changes``, ``schedule``, ``close``, ``replay``, ``backfill``, ``command`` (``st-deltek``)
or ``person`` (in the UI, or over GraphQL)."""

WEBHOOKS_TRIGGER = "webhooks"
"""Its value on runs that waiting webhooks made."""


def sync_job_name(connection: str) -> str:
    """Name the job that handles waiting webhooks and changes (``orchestration.sync_job``)."""
    return f"{connection}_sync"


def sync_op_name(connection: str) -> str:
    """Name the one op of that job."""
    return f"{connection}_handle_changes"


def sync_run_config(connection: str, *, settle: bool) -> dict[str, Any]:
    """Return the configuration of one of its runs.

    Args:
        connection: The connection's name.
        settle: Also decide about everything that has changed; without it only about what webhooks named.
    """
    return {"ops": {sync_op_name(connection): {"config": {"settle": settle}}}}
