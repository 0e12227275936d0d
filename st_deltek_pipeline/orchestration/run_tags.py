"""Tags of runs: whose they are, what made them, and which of them must not run beside each other."""

from st_deltek_pipeline.connections import job_names

TRIGGER_TAG = job_names.TRIGGER_TAG

CONNECTION_TAG = "connection"
"""The connection's name, on every run of its jobs."""

POSTS_TAG = "posts"
"""The connection's name, on runs that post: dagster.yaml lets one at a time through the queue."""

SCHEDULE_TAG = "schedule"
"""Which schedule made the run."""

PRIORITY_TAG = "dagster/priority"
"""Dagster's own: of the runs in the queue the one with the highest goes first, 0 when not given."""

DAY_TAG = "business_day"
"""The business day that a run posts."""

PARENT_RUN_TAG = "part_of_run"
"""On the runs of days: the run that made them."""


def live_tags(connection: str) -> dict[str, str]:
    """Return the tags of a job that posts.

    Args:
        connection: The connection's name.
    """
    return {CONNECTION_TAG: connection, POSTS_TAG: connection}
