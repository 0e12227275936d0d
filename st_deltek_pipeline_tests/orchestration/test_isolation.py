"""Many connections in one installation: what is wrong with one delays or disables no other."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.connections.shard_file import write_shards
from st_deltek_pipeline.domain.deliveries import Delivery, DeliveryState
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.reconciliation import Area
from st_deltek_pipeline.domain.shards import Shards
from st_deltek_pipeline.orchestration.build import build_definitions, build_shard
from st_deltek_pipeline.orchestration.instance import open_instance
from st_deltek_pipeline.orchestration.live_sensors import sync_request
from st_deltek_pipeline.orchestration.resources import RESOURCE_KEY
from st_deltek_pipeline.orchestration.run_tags import CONNECTION_TAG, POSTS_TAG
from st_deltek_pipeline.orchestration.syncing import SyncRequest, synchronise
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store import inbox
from st_deltek_pipeline_tests.orchestration.installations import Installation, installed, write_connection_file
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox

_NAMES = ("acme", "beta", "gamma_3")
_REAL_BOOKS = {"base_url": "https://acme.deltekfirst.com/acme/api", "database": "ACME", "company": "01"}
_SECONDS = 60


class Silent:
    def doing(self, what: str) -> None:
        pass

    def done(self, what: str) -> None:
        pass


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, ready: Mapping[str, Any]) -> Settings:
    """An installation of three sound connections, a broken one, and a test source that points to real books."""
    folder = tmp_path_factory.mktemp("three")
    for name in _NAMES:
        write_connection_file(folder / "connections", ready, name)
    write_connection_file(folder / "connections", ready, "broken", start_date="yesterday")
    write_connection_file(folder / "connections", ready, "test_into_real_books", vantagepoint=_REAL_BOOKS)
    return Settings(folder / "data", "postgresql://nobody@127.0.0.1:9/nothing", folder / "connections", None)


@pytest.fixture(scope="module")
def definitions(three: Settings) -> dg.Definitions:
    return build_definitions(three)


class TestDefinitions:
    def test_a_broken_file_and_a_refused_target_leave_the_others(self, definitions: dg.Definitions) -> None:
        dg.Definitions.validate_loadable(definitions)
        assert {spec.key.path[0] for spec in definitions.resolve_all_asset_specs()} == set(_NAMES)

    def test_keys_groups_owners_tags_and_pools_are_the_connections_own(self, definitions: dg.Definitions) -> None:
        graph = definitions.resolve_asset_graph()
        for spec in definitions.resolve_all_asset_specs():
            name = spec.key.path[0]
            node = graph.get(spec.key)
            assert spec.group_name is not None
            assert spec.group_name.startswith(f"{name}_")
            assert spec.tags[CONNECTION_TAG] == name
            assert set(node.pools or ()) <= {f"servicetitan_{name}", f"vantagepoint_{name}"}
            assert {key.path[0] for key in node.parent_keys} <= {name}
        pools = {pool for key in graph.get_all_asset_keys() for pool in graph.get(key).pools or ()}
        assert pools == {f"{system}_{name}" for system in ("servicetitan", "vantagepoint") for name in _NAMES}

    def test_jobs_sensors_and_schedules_are_the_connections_own(self, definitions: dg.Definitions) -> None:
        repository = definitions.get_repository_def()
        for name in _NAMES:
            wanted = [*repository.sensor_defs, *repository.schedule_defs]
            mine = [each for each in wanted if each.name.startswith(f"{name}_")]
            assert {"inbox", "changes", "alerts", "poll", "close"} <= {
                each.name.removeprefix(f"{name}_") for each in mine
            }
            # The sensor of alerts starts nothing.
            targets = {each.job_name for each in mine if each.name != f"{name}_alerts"}
            assert targets == {f"{name}_{job}" for job in ("sync", "take_in", "post_days")}

    def test_runs_that_post_are_counted_by_connection_and_one_connection_cannot_take_every_slot(
        self, definitions: dg.Definitions, settings: Settings
    ) -> None:
        posters = {name: definitions.resolve_job_def(f"{name}_sync").tags[POSTS_TAG] for name in _NAMES}
        assert posters == {name: name for name in _NAMES}
        assert {definitions.resolve_job_def(f"{name}_take_in").tags[CONNECTION_TAG] for name in _NAMES} == set(_NAMES)
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("DAGSTER_HOME", raising=False)
            patch.setenv("ST_DELTEK_DATABASE_URL", str(settings.database_url))
            with open_instance(settings) as instance:
                queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        limits = {limit["key"]: limit for limit in queue.tag_concurrency_limits}
        assert all(limit["value"] == {"applyLimitPerUniqueValue": True} for limit in limits.values())
        assert limits[POSTS_TAG]["limit"] == 1
        # A run that handles webhooks, a poll of either side: no more than one connection needs, and another one fits in.
        assert 3 <= limits[CONNECTION_TAG]["limit"] <= queue.max_concurrent_runs // 2

    def test_shards_together_are_the_whole_and_have_nothing_twice(
        self, three: Settings, definitions: dg.Definitions
    ) -> None:
        write_shards(three, Shards(1, (("acme", "broken"), ("beta",), ("gamma_3",))))
        shards = [build_shard(three, number).get_repository_def() for number in (1, 2, 3)]
        whole = definitions.get_repository_def()
        for what in ("sensor_defs", "schedule_defs"):
            names = [each.name for shard in shards for each in getattr(shard, what)]
            assert sorted(names) == sorted(each.name for each in getattr(whole, what))
        # How long a sensor rests goes by the installation, not by the shard.
        rests = {each.name: each.minimum_interval_seconds for shard in shards for each in shard.sensor_defs}
        assert rests == {each.name: each.minimum_interval_seconds for each in whole.sensor_defs}


@pytest.fixture(scope="module")
def acme(module_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Generator[Installation]:
    """An installation of two business days, with credentials for a second connection too."""
    with (
        running_sandbox(invoices=20) as sandbox,
        installed(module_engine, tmp_path_factory.mktemp("two"), sandbox) as installation,
    ):
        installation.write_file(start_date="2026-10-29")
        installation.store_credentials("beta")
        yield installation


@pytest.fixture
def hanging(acme: Installation) -> Generator[socket.socket]:
    """The ServiceTitan of a second connection: it takes calls, and never answers one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(_SECONDS)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        acme.write_file("beta", servicetitan={"api_url": url, "auth_url": url, "tenant_id": 2})
        yield server


@pytest.fixture
def stuck(hanging: socket.socket, tmp_path: Path) -> Generator["subprocess.Popen[bytes]"]:
    """A synchronisation of the second connection, waiting for an answer."""
    program = "from st_deltek_pipeline.cli.main import main; main(['sync', 'beta'])"
    with (tmp_path / "beta.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=log, stderr=log, env=dict(os.environ))  # noqa: S603
    try:
        call, _ = hanging.accept()
        with call:
            yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(_SECONDS)


def _deliver(acme: Installation, connection: str, record_id: int) -> None:
    delivery = Delivery(
        connection=connection,
        occurrence=f"user:{connection}-{record_id}",
        event_type="test",
        delivery_id="",
        occurred_at=None,
        tenant_id=None,
        record_kind="invoice",
        record_id=record_id,
        body=b"{}",
        state=DeliveryState.WAITING,
    )
    with acme.engine.begin() as db:
        inbox.keep(db, [delivery])


def test_a_connection_whose_servicetitan_hangs_delays_no_other(
    acme: Installation, stuck: "subprocess.Popen[bytes]"
) -> None:
    synchronise(acme.settings, SyncRequest("acme"), Silent())
    before = acme.books[Area.AR]
    assert before > 0
    invoice = acme.sandbox.add_invoice(date="2026-10-29", total="100.00")
    _deliver(acme, "acme", invoice["id"])
    _deliver(acme, "beta", 1)
    definitions = build_definitions(acme.settings)
    resources = {RESOURCE_KEY: (definitions.resources or {})[RESOURCE_KEY]}
    with open_instance(acme.settings) as instance:
        for name in ("acme", "beta"):
            sensor = definitions.resolve_sensor_def(f"{name}_inbox")
            context = dg.build_sensor_context(instance=instance, definitions=definitions, resources=resources)
            assert isinstance(sensor(context), dg.RunRequest)
        request = sync_request("acme", "webhooks", settle=False)
        result = definitions.resolve_job_def("acme_sync").execute_in_process(
            instance=instance, run_config=request.run_config, tags=request.tags
        )
    assert result.success
    assert acme.books[Area.AR] == before + Decimal("100.00")
    assert inbox.backlog(acme.engine, ["acme", "beta"]).keys() == {"beta"}
    assert stuck.poll() is None, "it should still wait for its own ServiceTitan"


def test_a_test_source_with_real_books_is_refused_by_every_command(
    acme: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    """T48: by every command."""
    acme.write_file("beta", vantagepoint=_REAL_BOOKS)
    try:
        for words in (
            ["sync", "beta"],
            ["preview", "beta", "--day", "2026-10-29"],
            ["replay", "beta", "--day", "2026-10-29"],
            ["connection", "check", "beta"],
        ):
            assert run(words) == 2, words
            assert "looks like production" in capfd.readouterr().err
        with pytest.raises(ConfigurationError, match="looks like production"):
            synchronise(acme.settings, SyncRequest("beta"), Silent())
    finally:
        (acme.settings.connections_dir / "beta.yaml").unlink()
