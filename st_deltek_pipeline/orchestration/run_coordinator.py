"""Dagster's run queue, which also tags the runs that nothing of ours has made: dagster.yaml names this class.

A run of a job, a sensor or a schedule has its tags from there. A run of "Materialize" or of a backfill has none, so here it
gets those that its assets and its partition give, before it waits with the others.
"""

import dagster as dg

from st_deltek_pipeline.orchestration.run_tags import CONNECTION_TAG, DAY_TAG, TRIGGER_TAG

_PARTITION_TAG = "dagster/partition"
_BACKFILL_TAG = "dagster/backfill"
_BY_DAEMON = ("dagster/schedule_name", "dagster/sensor_name")


class TaggingRunCoordinator(dg.QueuedRunCoordinator):
    """Lets runs wait for their turn as Dagster's own queue does, with the project's tags on every one of them."""

    def submit_run(self, context: dg.SubmitRunContext) -> dg.DagsterRun:
        """Tag a run, and put it into the queue.

        Args:
            context: The run, and the workspace it comes from.
        """
        tags = missing_tags(context.dagster_run)
        if tags:
            instance: dg.DagsterInstance = self._instance
            instance.add_run_tags(context.dagster_run.run_id, tags)
        return super().submit_run(context)


def missing_tags(run: dg.DagsterRun) -> dict[str, str]:
    """Return the tags that a run should have beside those it has.

    Args:
        run: Not yet in the queue.

    Returns:
        ``connection`` where its assets are of one connection only, ``business_day`` where it is of one partition, and
        ``trigger``: ``backfill``, or ``person`` for what is neither that nor of a sensor or schedule.
    """
    found: dict[str, str] = {}
    connections = {key.path[0] for key in run.asset_selection or ()}
    if len(connections) == 1:
        found[CONNECTION_TAG] = connections.pop()
    if _PARTITION_TAG in run.tags:
        found[DAY_TAG] = run.tags[_PARTITION_TAG]
    if _BACKFILL_TAG in run.tags:
        found[TRIGGER_TAG] = "backfill"
    elif not any(tag in run.tags for tag in _BY_DAEMON):
        found[TRIGGER_TAG] = "person"
    return {name: value for name, value in found.items() if name not in run.tags}
