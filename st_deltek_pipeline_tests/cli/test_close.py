"""``st-deltek close``: what a person types, and who is let in. What it says of days is tested with Dagster's close."""

import io
import json
import sys
from collections.abc import Generator

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.cli import close_command
from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.services import page_users
from st_deltek_pipeline.services.page_users import log_in
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.page_users import find_user
from st_deltek_pipeline_tests.pages.close_reports import DAY, a_report
from st_deltek_pipeline_tests.webhooks.conftest import write_connection

PASSWORD = "correct horse battery"


@pytest.fixture
def installation(settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Generator[Settings]:
    """An installation with connection acme, in the environment."""
    assert settings.database_url == engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("ST_DELTEK_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("ST_DELTEK_CONNECTIONS_DIR", str(settings.connections_dir))
    monkeypatch.setenv("ST_DELTEK_DATABASE_URL", settings.database_url)
    # The real work factor is tested where it is chosen.
    monkeypatch.setattr(page_users.add_user, "__kwdefaults__", {"cost": 16})
    write_connection(settings, "acme", {"enabled": False})
    return settings


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


@pytest.mark.usefixtures("installation")
def test_a_user_is_let_in_with_a_password_from_a_pipe_listed_and_removed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["close", "user", "list"]) == 0
    assert "Nobody may open the close reports yet" in capsys.readouterr().out
    typed(monkeypatch, f"{PASSWORD}\n")
    assert run(["close", "user", "add", "jane", "--connection", "acme"]) == 0
    shown = capsys.readouterr()
    assert "jane may open the close reports: acme." in shown.out
    assert PASSWORD not in shown.out + shown.err
    assert log_in(engine, "jane", PASSWORD) is not None
    assert run(["close", "user", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"user": "jane", "connections": ["acme"]}]
    assert run(["close", "user", "list"]) == 0
    assert "acme" in capsys.readouterr().out
    assert run(["close", "user", "remove", "jane"]) == 0
    assert find_user(engine, "jane") is None
    assert run(["close", "user", "remove", "jane"]) == 2
    assert "There is no user jane." in capsys.readouterr().err


@pytest.mark.usefixtures("installation")
def test_a_generated_password_is_printed_once_and_opens_the_door(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["close", "user", "add", "jane", "--generate", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["connections"], first["replaced"]) == (None, False)
    assert run(["close", "user", "add", "jane", "--generate"]) == 0
    shown = capsys.readouterr().out
    assert "is logged out everywhere" in shown
    assert log_in(engine, "jane", first["password"]) is None
    assert log_in(engine, "jane", shown.splitlines()[2].strip()) is not None


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize("password", ["", "short", "x" * 201])
def test_a_password_that_is_none_is_refused_and_never_repeated(
    password: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, password)
    assert run(["close", "user", "add", "jane"]) == 2
    shown = capsys.readouterr().err
    assert "characters" in shown
    assert not password or password not in shown


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize("name", [" jane", "ja\nne", "x" * 65, "\u202ejane"])
def test_a_name_that_looks_like_another_is_refused(name: str) -> None:
    assert run(["close", "user", "add", name, "--generate"]) == 2


@pytest.mark.usefixtures("installation")
def test_a_user_of_a_connection_that_there_is_not_is_refused() -> None:
    assert run(["close", "user", "add", "jane", "--generate", "--connection", "no_such"]) == 2


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize(
    "words",
    [
        ["acme", "--from", "2026-10-26"],
        ["acme", "--day", "2026-10-26", "--month", "2026-10"],
        ["acme", "--day", "2026-10-31"],
        ["acme", "--day", "2026-09-30"],
        ["acme", "--month", "2099-01"],
        ["acme", "--month", "9999-12"],
        ["no_such", "--day", "2026-10-26"],
        ["acme", "--day", "yesterday"],
    ],
)
def test_days_that_have_no_report_are_a_wrong_argument(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["close", *words, "--kept"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.usefixtures("installation")
def test_a_day_that_was_never_run_is_not_called_closed_and_options_may_come_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for words in (["--day", "2026-10-29", "--kept", "acme"], ["report", "acme", "--day", "2026-10-29", "--kept"]):
        assert run(["close", *words]) == 4
        assert "Not closed: Vantagepoint's ledger was not read." in capsys.readouterr().out
    # Without a day it is the last business day that is over.
    assert run(["close", "acme", "--kept", "--json"]) == 4
    assert len(json.loads(capsys.readouterr().out)["days"]) == 1


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize(("over", "code", "state"), [(True, 0, "closed"), (False, 4, "waiting")])
def test_only_a_day_that_is_over_ends_with_0(
    *, over: bool, code: int, state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(close_command, "close_report", lambda *_, **__: a_report(over=over))
    assert run(["close", "acme", "--day", f"{DAY}", "--kept", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["state"] == state


@pytest.mark.usefixtures("installation")
def test_without_credentials_it_says_so_instead_of_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["close", "acme", "--day", "2026-10-29"]) == 3
    shown = capsys.readouterr()
    assert "No vantagepoint credentials" in shown.err
    assert "losed" not in shown.out
