"""Alerts leave as signed webhooks and real e-mails; what goes wrong is said without a secret."""

import email
import email.policy
import json
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from st_deltek_pipeline.connections.alert_settings import AlertSettings, EmailSettings
from st_deltek_pipeline.domain.errors import (
    BrokenError,
    ConfigurationError,
    CredentialsError,
    PipelineError,
    RefusedError,
    TransientError,
)
from st_deltek_pipeline.domain.standard_webhooks import signature, signing_keys
from st_deltek_pipeline.services.alert_channels import EmailChannel, WebhookChannel, email_of
from st_deltek_pipeline.store.alerts import Message
from st_deltek_pipeline_tests.mail_server import MailServer, certificate
from st_deltek_pipeline_tests.scripted_server import Reply, ScriptedServer, json_reply, unused_port

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret
PASSWORD = "correct-horse-battery"
NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
DATA = {
    "connection": "acme",
    "cause": "in_doubt",
    "severity": "error",
    "title": "2 files\r\nBcc: everybody@example.com",
    "what_happened": "Two files are in doubt. Größe: 1,50 €.",
    "what_to_do": "Run st-deltek sync acme.",
    "since": "2026-11-03T11:00:00+00:00",
    "subjects": ["B1", "B2"],
    "count": 3,
}
BODY = json.dumps({"type": "alert.opened", "timestamp": "2026-11-03T12:00:00+00:00", "data": DATA}, ensure_ascii=False)
MESSAGE = Message("msg_1", "in_doubt", "any", BODY)


@pytest.fixture
def receiver() -> Generator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    return certificate(tmp_path)


def webhook(url: str, secrets: Mapping[str, str] | None = None, *, insecure: bool = True) -> WebhookChannel:
    known = {"webhook_secret": SECRET} if secrets is None else secrets
    return WebhookChannel("acme", AlertSettings(webhook_url=url), lambda: known, allow_insecure=insecure)


def mail(port: int, security: str = "starttls", **secrets: str) -> EmailChannel:
    settings = EmailSettings.model_validate(
        {
            "to": ["ap@example.com", "cfo@example.com"],
            "from": "alerts@example.com",
            "smtp_host": "127.0.0.1",
            "smtp_port": port,
            "security": security,
        }
    )
    return EmailChannel(settings, lambda: secrets)


def failure(channel: WebhookChannel | EmailChannel) -> PipelineError:
    with pytest.raises(PipelineError) as raised:
        channel.send(MESSAGE, now=NOW)
    assert SECRET not in str(raised.value)
    assert PASSWORD not in str(raised.value)
    return raised.value


def test_a_webhook_arrives_signed_and_with_the_same_id_at_each_attempt(receiver: ScriptedServer) -> None:
    receiver.replies(Reply(503), json_reply({"ok": True}))
    channel = webhook(f"{receiver.url}/hooks/?team=ap")
    with pytest.raises(TransientError, match="503"):
        channel.send(MESSAGE, now=NOW)
    assert channel.send(MESSAGE, now=NOW.replace(minute=5)) == '200 {"ok": true}'
    first, second = receiver.calls
    assert (second.method, second.path, second.query) == ("POST", "/hooks/", "team=ap")
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "msg_1"
    timestamp = int(second.headers["webhook-timestamp"])
    assert timestamp == int(NOW.timestamp()) + 300
    assert second.body == BODY.encode()
    assert second.headers["webhook-signature"] == signature(signing_keys(SECRET), "msg_1", timestamp, second.body)
    assert second.headers["content-type"] == "application/json"


def test_one_failed_attempt_is_one_request(receiver: ScriptedServer) -> None:
    receiver.replies(Reply(500))
    failure(webhook(receiver.url))
    assert len(receiver.calls) == 1


def test_without_a_secret_nothing_is_sent(receiver: ScriptedServer) -> None:
    assert isinstance(failure(webhook(receiver.url, {})), CredentialsError)
    assert isinstance(failure(webhook(receiver.url, {"webhook_secret": "abc"})), CredentialsError)
    assert receiver.calls == []


def test_a_refusal_is_told_in_the_receivers_words_and_without_our_secret(receiver: ScriptedServer) -> None:
    receiver.replies(json_reply({"error": f"bad signature, not made with {SECRET}"}, status=401))
    error = failure(webhook(receiver.url))
    assert isinstance(error, RefusedError)
    assert "bad signature" in error.message


def test_how_long_a_receiver_asks_to_wait_is_heard(receiver: ScriptedServer) -> None:
    receiver.replies(Reply(429, headers={"Retry-After": "600"}))
    error = failure(webhook(receiver.url))
    assert isinstance(error, TransientError)
    assert error.retry_after == 600


def test_a_redirect_is_not_followed(receiver: ScriptedServer) -> None:
    receiver.replies(Reply(307, headers={"Location": f"{receiver.url}/elsewhere"}))
    assert isinstance(failure(webhook(receiver.url)), BrokenError)
    assert receiver.paths() == ["/"] or receiver.paths() == [""]


def test_a_receiver_that_is_not_there_is_named_without_the_urls_path() -> None:
    error = failure(webhook(f"http://127.0.0.1:{unused_port()}/hooks/secret-path"))
    assert isinstance(error, TransientError)
    assert "127.0.0.1" in str(error)
    assert "secret-path" not in str(error)


def test_plain_http_needs_the_connections_leave(receiver: ScriptedServer) -> None:
    assert isinstance(failure(webhook(receiver.url, insecure=False)), ConfigurationError)
    assert receiver.calls == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_goes_out_encrypted_and_logged_in(pem: Path, security: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with MailServer(pem=pem, tls=security == "tls", users={"me": PASSWORD}) as server:
        channel = mail(server.port, security, smtp_username="me", smtp_password=PASSWORD)
        assert channel.send(MESSAGE, now=NOW) == "accepted for 2 recipients"
    assert server.logins == [("me", PASSWORD, True)]
    assert server.encrypted == [True]
    got = email.message_from_string(server.mails[0], policy=email.policy.default)
    assert got["Subject"] == "[acme] 2 files Bcc: everybody@example.com"
    assert got["Bcc"] is None
    assert (got["From"], got["To"]) == ("alerts@example.com", "ap@example.com, cfo@example.com")
    assert got["Message-ID"] == "<msg_1@example.com>"
    text = got.get_content()
    assert "Größe: 1,50 €" in text
    assert "What to do: Run st-deltek sync acme." in text
    assert "B1, B2 and 1 more" in text


def test_a_server_that_nobody_vouches_for_gets_neither_password_nor_mail(pem: Path) -> None:
    with MailServer(pem=pem, users={"me": PASSWORD}) as server:
        error = failure(mail(server.port, smtp_username="me", smtp_password=PASSWORD))
    assert isinstance(error, ConfigurationError)
    assert (server.logins, server.mails) == ([], [])


def test_a_server_without_starttls_gets_neither_password_nor_mail() -> None:
    with MailServer(users={"me": PASSWORD}) as server:
        error = failure(mail(server.port, smtp_username="me", smtp_password=PASSWORD))
    assert isinstance(error, ConfigurationError)
    assert (server.logins, server.mails) == ([], [])


def test_a_wrong_password_is_told_without_it(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with MailServer(pem=pem, users={"me": "another"}) as server:
        error = failure(mail(server.port, smtp_username="me", smtp_password=PASSWORD))
    assert isinstance(error, CredentialsError)
    assert "no such login" in error.message


def test_a_password_that_cannot_be_sent_is_not_quoted(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with MailServer(pem=pem, users={"me": "another"}) as server:
        error = failure(mail(server.port, smtp_username="me", smtp_password="pässwörd"))
    assert isinstance(error, ConfigurationError)
    assert "ä" not in str(error)


def test_a_mail_server_on_this_machine_needs_no_tls_and_its_refusal_is_tried_again() -> None:
    with MailServer() as server:
        server.refused = ["452 mailbox full"]
        error = failure(mail(server.port, "none"))
        assert isinstance(error, TransientError)
        assert "452 mailbox full" in error.message
        assert mail(server.port, "none").send(MESSAGE, now=NOW) == "accepted for 2 recipients"


def test_a_mail_server_that_is_not_there_is_tried_again() -> None:
    assert isinstance(failure(mail(unused_port(), "none")), TransientError)


@pytest.mark.parametrize(("told", "begin"), [("resolved", "Over: "), ("reminder", "Still: "), ("opened", "T")])
def test_a_mails_subject_says_whether_it_is_over(told: str, begin: str) -> None:
    body = json.dumps({"type": f"alert.{told}", "data": {**DATA, "title": "Title"}})
    settings = EmailSettings.model_validate({"to": ["a@example.com"], "from": "b@example.com", "smtp_host": "mail"})
    made = email_of(Message("m", "in_doubt", "email", body), settings, now=NOW)
    assert made["Subject"].startswith(f"[acme] {begin}")
