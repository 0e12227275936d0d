"""Definitions load from files alone, and one broken connection disables only itself."""

import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from st_deltek_pipeline.orchestration.build import build_definitions
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline_tests.orchestration.installations import write_connection_file


@pytest.fixture
def installation(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        database_url="postgresql://nobody@127.0.0.1:9/nothing",
        connections_dir=tmp_path / "connections",
        connection_names=None,
    )


def connections_in(definitions: dg.Definitions) -> set[str]:
    return {key.path[0] for key in definitions.resolve_asset_graph().get_all_asset_keys()}


def test_without_connections_the_definitions_are_empty_and_load(installation: Settings) -> None:
    definitions = build_definitions(installation)
    dg.Definitions.validate_loadable(definitions)
    assert connections_in(definitions) == set()


def test_every_connection_has_its_assets_and_two_jobs(installation: Settings, ready: Mapping[str, Any]) -> None:
    for name in ("acme", "beta_2"):
        write_connection_file(installation.connections_dir, ready, name)
    definitions = build_definitions(installation)
    dg.Definitions.validate_loadable(definitions)
    assert connections_in(definitions) == {"acme", "beta_2"}
    for name in ("acme_take_in", "acme_post_days", "beta_2_take_in", "beta_2_post_days"):
        assert definitions.resolve_job_def(name).tags["connection"] == name.rsplit("_", 2)[0]


def test_a_broken_file_is_named_with_line_and_key_and_the_others_load(
    installation: Settings, ready: Mapping[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    write_connection_file(installation.connections_dir, ready, "acme")
    path = write_connection_file(installation.connections_dir, ready, "broken", start_date="yesterday")
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "yesterday" in text)
    with caplog.at_level(logging.ERROR, logger="dagster.st_deltek_pipeline"):
        definitions = build_definitions(installation)
    assert connections_in(definitions) == {"acme"}
    assert f"{path}, line {line}, start_date" in caplog.text


def test_what_only_dagster_refuses_disables_that_connection(
    installation: Settings, ready: Mapping[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    write_connection_file(installation.connections_dir, ready, "acme")
    write_connection_file(installation.connections_dir, ready, "odd", owner="nobody in particular")
    with caplog.at_level(logging.ERROR, logger="dagster.st_deltek_pipeline"):
        definitions = build_definitions(installation)
    assert connections_in(definitions) == {"acme"}
    assert "odd" in caplog.text


def test_only_the_chosen_connections_load(installation: Settings, ready: Mapping[str, Any]) -> None:
    for name in ("acme", "beta"):
        write_connection_file(installation.connections_dir, ready, name)
    chosen = Settings(
        installation.data_dir, installation.database_url, installation.connections_dir, frozenset({"beta"})
    )
    assert connections_in(build_definitions(chosen)) == {"beta"}


def test_importing_the_definitions_touches_neither_database_nor_data_folder(
    tmp_path: Path, ready: Mapping[str, Any]
) -> None:
    write_connection_file(tmp_path / "connections", ready)
    program = (
        "import sys\n"
        "def refuse(event, arguments):\n"
        "    if event in {'socket.connect', 'socket.getaddrinfo'}: raise SystemExit(f'{event} {arguments}')\n"
        "sys.addaudithook(refuse)\n"
        "from st_deltek_pipeline.definitions import defs\n"
        "print(len(defs.resolve_asset_graph().get_all_asset_keys()), 'pandas' in sys.modules)\n"
    )
    environment = {**os.environ, "ST_DELTEK_DATA_DIR": str(tmp_path / "data")}
    environment["ST_DELTEK_CONNECTIONS_DIR"] = str(tmp_path / "connections")
    answer = subprocess.run(  # noqa: S603 - our own arguments, no shell
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, answer.stderr
    count, has_pandas = answer.stdout.split()
    assert int(count) > 20
    assert has_pandas == "False"
    assert not (tmp_path / "data").exists()


def test_no_secret_is_part_of_the_definitions(installation: Settings, ready: Mapping[str, Any]) -> None:
    write_connection_file(installation.connections_dir, ready)
    resource = build_definitions(installation).resolve_job_def("acme_take_in").resource_defs["pipeline"]
    assert resource.config_field is None or not resource.config_field.is_required
    assert "nobody@127.0.0.1" not in repr(resource)
