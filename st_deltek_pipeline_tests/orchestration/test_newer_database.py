"""A database on which a newer version was used: whoever opens it with this version is refused, in words, and changes nothing."""

import json
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.orchestration.build import build_definitions
from st_deltek_pipeline.orchestration.jobs import take_in_job_name
from st_deltek_pipeline.settings import Settings, load_settings
from st_deltek_pipeline.store.migrate import current_revision
from st_deltek_pipeline_tests.orchestration.installations import CONNECTION, write_connection_file

_NEWER = "9999_from_the_future"
_DAY = "2026-10-06"


@pytest.fixture(scope="module")
def installation(
    module_engine: Engine, ready: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Generator[Settings]:
    """An installation with one connection, whose database a newer version has migrated."""
    folder = tmp_path_factory.mktemp("older")
    write_connection_file(folder / "connections", ready)
    with module_engine.begin() as db:
        db.execute(text("UPDATE migrations.alembic_version SET version_num = :newer"), {"newer": _NEWER})
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("ST_DELTEK_CONNECTIONS", "ST_DELTEK_DAGSTER_DATABASE_URL", "DAGSTER_HOME"):
            patch.delenv(variable, raising=False)
        patch.setenv("ST_DELTEK_DATA_DIR", str(folder / "data"))
        patch.setenv("ST_DELTEK_CONNECTIONS_DIR", str(folder / "connections"))
        patch.setenv("ST_DELTEK_DATABASE_URL", module_engine.url.render_as_string(hide_password=False))
        yield load_settings()
    assert current_revision(module_engine) == _NEWER


@pytest.mark.parametrize(
    "words",
    [
        ["sync", "acme"],
        ["preview", "acme", "--day", _DAY],
        ["replay", "acme", "--day", _DAY],
        ["reverse", "acme", "--document", "invoice:1", "--reason", "wrong", "--by", "jane"],
        ["holds", "list", "acme"],
        ["holds", "retry", "acme", "--all"],
        ["holds", "show", "acme", "invoice:1"],
        ["holds", "ignore", "acme", "invoice:1", "--reason", "wrong", "--by", "jane"],
        ["rules", "test", "acme", "invoice:1"],
        ["rules", "gaps", "acme"],
        ["firms", "review", "acme"],
        ["firms", "list", "acme"],
        ["firms", "link", "acme", "customer:1", "F1", "--by", "jane"],
        ["alerts", "list", "acme"],
        ["alerts", "check-journal", "acme"],
        ["connection", "list"],
        ["connection", "check", "acme"],
        ["connection", "remove", "acme", "--yes"],
        ["webhooks", "key", "acme", "--generate"],
        ["webhooks", "serve", "--port", "0"],
        ["database", "migrate"],
        ["up"],
    ],
    ids=" ".join,
)
def test_a_command_is_refused_in_words(
    installation: Settings, words: Sequence[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """T54: with code 2, the database's revision, and what to install; whatever the command would have done."""
    assert installation.database_url
    assert run(words) == 2
    message = capfd.readouterr().err
    assert _NEWER in message
    assert "does not know. A newer version has been used on it: install that one." in message


def test_its_state_says_that_it_is_newer(installation: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert installation.database_url
    assert run(["database", "status", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert (found["revision"], found["schema"]) == (_NEWER, "newer than this version of st-deltek")


def test_dagsters_definitions_load_and_a_run_is_refused_with_the_same_words(
    installation: Settings, tmp_path: Path
) -> None:
    """T54: the UI goes on showing what there is; no step works with the newer database."""
    definitions = build_definitions(installation)
    job = definitions.resolve_job_def(take_in_job_name(CONNECTION))
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            asset_selection=[dg.AssetKey([CONNECTION, "raw_invoices"])],
        )
        assert not result.success
        failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert len(failures) == 1
    words = f"{failures[0].error} {failures[0].user_failure_data}"
    assert _NEWER in words
    assert "install that one" in words
