"""Alerts go out encrypted, to whom the file names, or the file is refused."""

from ipaddress import ip_address
from typing import Any

import pytest
from pydantic import ValidationError

from st_deltek_pipeline.connections.alert_settings import AlertSettings, EmailSettings
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline_tests.services.rule_settings import rule, settings

EMAIL = {"to": ["a@example.com"], "from": "b@example.com", "smtp_host": "mail.example.com"}


def connection(alerts: dict[str, Any], *, insecure: bool = False) -> ConnectionSettings:
    plain = settings(rule(wbs1="P")).model_dump()
    return ConnectionSettings.model_validate(
        {**plain, "alerts": alerts, "allow_insecure_hosts": insecure, "environment": "sandbox"}
    )


def test_nobody_is_told_unless_the_file_says_so() -> None:
    found = AlertSettings()
    assert (found.webhook_url, found.email.to, found.webhook_silence_hours) == (None, (), None)


@pytest.mark.parametrize(
    ("url", "insecure", "words"),
    [
        ("http://hooks.example.com/x", False, "anybody on the way can read"),
        ("http://hooks.example.com/x", True, "anybody on the way can read"),
        ("http://127.0.0.1:8000/x", False, "anybody on the way can read"),
        ("https://me:word@hooks.example.com/x", False, "user or password"),
        ("https://hooks.example.com:0/x", False, "not a valid URL"),
        ("ftp://hooks.example.com", False, "should match pattern"),
    ],
)
def test_a_webhook_that_is_not_safe_is_refused(url: str, words: str, *, insecure: bool) -> None:
    with pytest.raises(ValidationError, match=words):
        connection({"webhook_url": url}, insecure=insecure)


@pytest.mark.parametrize(
    ("url", "insecure"), [("https://hooks.example.com/x/?a=1", False), ("http://127.0.0.1:8000/x", True)]
)
def test_a_webhook_over_https_or_on_this_machine_is_accepted_as_written(url: str, *, insecure: bool) -> None:
    assert connection({"webhook_url": url}, insecure=insecure).alerts.webhook_url == url


@pytest.mark.parametrize(
    "changes",
    [
        {"from": None},
        {"smtp_host": None},
        {"security": "none"},
        {"to": ["a@example.com\nBcc: c@example.com"]},
        {"from": "b@example.com> SIZE=1"},
        {"smtp_host": "mail.example.com\r\nx"},
    ],
)
def test_an_email_that_could_not_or_should_not_be_sent_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EmailSettings.model_validate({**EMAIL, **changes})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_mail_server_on_this_machine_may_go_without_tls(host: str) -> None:
    assert EmailSettings.model_validate({**EMAIL, "security": "none", "smtp_host": host}).smtp_host == host


def test_what_settings_give_can_be_read_again() -> None:
    found = connection({"email": EMAIL, "holds_except": ["not_ready"]})
    assert ConnectionSettings.model_validate(found.model_dump()) == found


def test_plain_http_is_for_the_sandbox_and_never_for_real_systems() -> None:
    plain = settings(rule(wbs1="P")).model_dump()
    for environment in ("production", "integration"):
        with pytest.raises(ValidationError, match="is for environment: sandbox"):
            ConnectionSettings.model_validate({**plain, "allow_insecure_hosts": True, "environment": environment})


@pytest.mark.parametrize("network", ["0.0.0.0/0", "169.254.0.0/16", "127.0.0.0/8", "10.20.0.1/24", "office"])
def test_only_private_networks_can_be_named(network: str) -> None:
    plain = settings(rule(wbs1="P")).model_dump()
    with pytest.raises(ValidationError):
        ConnectionSettings.model_validate({**plain, "private_networks": [network]})


def test_an_alert_receiver_may_be_in_a_private_network_that_is_named() -> None:
    plain = settings(rule(wbs1="P")).model_dump()
    named = {**plain, "private_networks": ["10.20.0.0/24"], "alerts": {"webhook_url": "https://hooks.acme.example/x"}}
    connection = ConnectionSettings.model_validate(named)
    hosts = connection.alerts.webhook_hosts(allow_insecure=False, networks=connection.networks)
    assert hosts.allows("hooks.acme.example", ip_address("10.20.0.3"))
    assert not hosts.allows("hooks.acme.example", ip_address("10.21.0.3"))
