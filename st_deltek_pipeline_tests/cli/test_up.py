"""What serves without a login listens on the loopback, unless a person names another address and is told what that means."""

import click
import dagster_webserver.cli
import pytest

from st_deltek_pipeline.cli.live_system import run_live_system
from st_deltek_pipeline.cli.up import up
from st_deltek_pipeline.cli.webhooks import serve
from st_deltek_pipeline.sandbox.server import SandboxSettings
from st_deltek_pipeline.settings import Settings

_LOOPBACK = "127.0.0.1"


def default_host(command: click.Command) -> object:
    (option,) = [each for each in command.params if each.name == "host"]
    return option.default


def test_the_ui_the_receiver_and_the_sandbox_listen_on_the_loopback_by_default() -> None:
    assert default_host(up) == default_host(serve) == SandboxSettings().host == _LOOPBACK


def test_dagsters_web_server_does_so_too() -> None:
    commands = {each for each in vars(dagster_webserver.cli).values() if isinstance(each, click.Command)}
    hosts = {default_host(each) for each in commands if any(option.name == "host" for option in each.params)}
    assert hosts == {_LOOPBACK}


def test_another_address_is_told_to_be_open_to_everybody(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def far_enough(_settings: Settings) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("st_deltek_pipeline.cli.live_system.ready_database", far_enough)
    for host, words in (("0.0.0.0", "the UI has no login"), (_LOOPBACK, "")):  # noqa: S104 - the dangerous one
        with pytest.raises(KeyboardInterrupt):
            run_live_system(settings, host=host, port=None, webhooks_port=None)
        told = capsys.readouterr().err
        assert words in told
        assert bool(told) == bool(words)
