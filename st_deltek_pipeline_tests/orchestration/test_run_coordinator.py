"""Runs that nothing of ours has made, of "Materialize" and of backfills, are tagged like the others."""

from pathlib import Path

import dagster as dg
import yaml

from st_deltek_pipeline.orchestration.run_coordinator import TaggingRunCoordinator, missing_tags
from st_deltek_pipeline.orchestration.run_tags import CONNECTION_TAG, DAY_TAG, TRIGGER_TAG

PROJECT = Path(__file__).parents[2]


def key(*path: str) -> dg.AssetKey:
    return dg.AssetKey(path)


class TestWhatIsMissing:
    def run(self, assets: set[dg.AssetKey] | None = None, **tags: str) -> dict[str, str]:
        named = {name.replace("__", "/"): value for name, value in tags.items()}
        return missing_tags(dg.DagsterRun(job_name="__ASSET_JOB", asset_selection=assets, tags=named))

    def test_materialize_of_a_day_is_of_its_connection_and_day_and_of_a_person(self) -> None:
        found = self.run({key("acme", "posted_invoices")}, dagster__partition="2026-10-22")
        assert found == {CONNECTION_TAG: "acme", DAY_TAG: "2026-10-22", TRIGGER_TAG: "person"}

    def test_a_run_of_a_backfill_says_so(self) -> None:
        found = self.run({key("acme", "a")}, dagster__partition="2026-10-22", dagster__backfill="abc")
        assert found[TRIGGER_TAG] == "backfill"

    def test_assets_of_two_connections_are_of_neither(self) -> None:
        assert self.run({key("acme", "a"), key("beta", "a")}) == {TRIGGER_TAG: "person"}

    def test_what_a_sensor_or_a_job_has_said_stands(self) -> None:
        tags = {CONNECTION_TAG: "acme", DAY_TAG: "2026-10-22", TRIGGER_TAG: "close"}
        assert self.run({key("acme", "a")}, dagster__partition="2026-10-22", **tags) == {}
        assert self.run(dagster__sensor_name="acme_inbox", connection="acme") == {}


def test_the_queue_of_dagster_yaml_is_dagsters_and_asks_for_the_tags() -> None:
    queue = yaml.safe_load((PROJECT / "dagster.yaml").read_text())["run_coordinator"]
    with dg.instance_for_test(overrides={"run_coordinator": queue}) as instance:
        assert isinstance(instance.run_coordinator, TaggingRunCoordinator)
        assert isinstance(instance.run_coordinator, dg.QueuedRunCoordinator)
