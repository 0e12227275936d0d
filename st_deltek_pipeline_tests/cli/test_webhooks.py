"""``st-deltek webhooks``: keys are stored and never shown again; the receiver says where it listens, and stops."""

import io
import json
import logging
import re
import sys
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine

from st_deltek_pipeline.cli.child_process import ChildProcess
from st_deltek_pipeline.cli.live_webhooks import webhook_receiver
from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError
from st_deltek_pipeline.services.webhook_keys import signing_keys, store_key
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.vault import open_vault
from st_deltek_pipeline_tests.webhooks.conftest import TIMEOUT, event, signed, write_connection

# Nobody listens there: the short cut to Dagster is not what is tested.
_NO_DAGSTER = "http://127.0.0.1:9"
_KEY = "first-key-" * 4
_OTHER = "other-key-" * 4


@pytest.fixture
def installation(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ST_DELTEK_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("ST_DELTEK_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("ST_DELTEK_CONNECTIONS_DIR", str(settings.connections_dir))
    monkeypatch.delenv("ST_DELTEK_MASTER_KEY", raising=False)
    monkeypatch.delenv("ST_DELTEK_CONNECTIONS", raising=False)
    return settings


def _pipe(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))


def test_a_key_goes_from_the_pipe_into_the_vault_and_is_never_printed(
    installation: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vault = open_vault(engine, installation)
    for key, in_force in ((_KEY, (_KEY,)), (_KEY, (_KEY,)), (_OTHER, (_OTHER, _KEY)), (_OTHER, (_OTHER, _KEY))):
        _pipe(monkeypatch, f"{key}\r\n")
        assert run(["webhooks", "key", "acme"]) == 0
        assert signing_keys(vault, "acme").keys == in_force
    assert run(["webhooks", "key", "acme", "--retire-previous"]) == 0
    assert signing_keys(vault, "acme").keys == (_OTHER,)
    assert run(["webhooks", "key", "acme", "--retire-previous", "--json"]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out[output.out.index("{") :]) == {
        "connection": "acme",
        "retired": False,
        "keys_in_force": 1,
    }
    assert _KEY not in output.out + output.err
    assert _OTHER not in output.out + output.err


def test_a_generated_key_is_printed_once_and_is_the_one_in_force(
    installation: Settings, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["webhooks", "key", "acme", "--generate"]) == 0
    (shown,) = re.findall(r"^  ([0-9a-f]{64})$", capsys.readouterr().out, re.MULTILINE)
    assert run(["webhooks", "key", "acme", "--generate", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["keys_in_force"] == 2
    assert signing_keys(open_vault(engine, installation), "acme").keys == (answer["key"], shown)


@pytest.mark.parametrize(("typed", "problem"), [("short", "5 characters"), ("", "0 characters"), ("a b" * 12, "space")])
def test_what_cannot_be_a_key_is_refused_without_repeating_it(
    installation: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    problem: str,
) -> None:
    assert installation.connections_dir.is_dir()
    _pipe(monkeypatch, typed)
    assert run(["webhooks", "key", "acme"]) == 2
    error = capsys.readouterr().err
    assert problem in error
    assert not typed or typed not in error
    assert run(["webhooks", "key", "No Name"]) == 2
    assert run(["webhooks", "key", "acme", "--generate", "--retire-previous"]) == 2


def test_a_connections_keys_are_listed_rotated_and_removed_with_it(
    installation: Settings, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    vault = open_vault(engine, installation)
    write_connection(installation, "acme", {"enabled": True})
    assert run(["connection", "list"]) == 0
    assert "on, no key" in capsys.readouterr().out
    store_key(vault, "acme", _KEY)
    store_key(vault, "acme", _OTHER)
    before = vault.state("webhooks")
    assert run(["connection", "rotate-key"]) == 0
    assert signing_keys(vault, "acme").keys == (_OTHER, _KEY)
    assert vault.state("webhooks") != before
    capsys.readouterr()
    assert run(["connection", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["webhooks"] == {"enabled": True, "keys": 2}
    assert run(["connection", "remove", "acme", "--yes"]) == 0
    assert signing_keys(vault, "acme").keys == ()


def test_the_receiver_of_up_serves_webhooks_and_close_reports(installation: Settings, engine: Engine) -> None:
    write_connection(installation, "acme", {"enabled": True})
    with pytest.raises(ConfigurationError, match=r"no signing key.* st-deltek webhooks key acme"):
        webhook_receiver(installation, host="127.0.0.1", port=None, dagster_url=_NO_DAGSTER)
    store_key(open_vault(engine, installation), "acme", _KEY)
    receiver = webhook_receiver(installation, host="127.0.0.1", port=None, dagster_url=_NO_DAGSTER)
    with receiver:
        assert requests.get(receiver.ready["close"], timeout=TIMEOUT).status_code == 403
        body = json.dumps(event(7)).encode()
        address = receiver.ready["connections"]["acme"]
        assert requests.post(address, data=body, headers=signed(body, _KEY), timeout=TIMEOUT).status_code == 200
        receiver.insist_running()
        assert "Traceback" not in receiver.log.read_text()
    with pytest.raises(requests.ConnectionError):
        requests.post(address, data=body, headers=signed(body, _KEY), timeout=TIMEOUT)


def test_serve_refuses_to_start_without_a_key_and_says_what_to_run(
    installation: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # What it logs to must not outlive the test.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    write_connection(installation, "acme", {"enabled": True})
    assert run(["webhooks", "serve", "--port", "0"]) == 2
    assert "Run: st-deltek webhooks key acme" in capsys.readouterr().err


def test_a_child_that_does_not_start_is_told_with_its_own_words(tmp_path: Path) -> None:
    with (
        pytest.raises(BrokenError, match=r"(?s)The child did not start: it ended\..*No such command"),
        ChildProcess("The child", ["nonsense"], tmp_path / "log"),
    ):
        pass
