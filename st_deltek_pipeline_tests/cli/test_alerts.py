"""``st-deltek alerts`` as a person and a script use it."""

import io
import json
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.journal import Event, EventType
from st_deltek_pipeline.domain.standard_webhooks import signature, signing_keys
from st_deltek_pipeline.services.alert_channels import channels_of
from st_deltek_pipeline.services.alerting import Observations, look
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.journal_transaction import JournalTransaction
from st_deltek_pipeline.store.vault import open_vault
from st_deltek_pipeline_tests.mail_server import MailServer
from st_deltek_pipeline_tests.scripted_server import Reply, ScriptedServer, json_reply
from st_deltek_pipeline_tests.services.rule_settings import rule
from st_deltek_pipeline_tests.services.rule_settings import settings as connection_settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret


@pytest.fixture
def receiver() -> Generator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def acme(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write the connection's file with these ``alerts``."""
    monkeypatch.setenv("ST_DELTEK_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("ST_DELTEK_CONNECTIONS_DIR", str(settings.connections_dir))
    monkeypatch.setenv("ST_DELTEK_DATABASE_URL", settings.database_url or "")

    def write(**alerts: Any) -> None:
        plain = connection_settings(rule(wbs1="P")).model_dump(mode="json", exclude={"firms", "alerts"})
        plain["vantagepoint"]["database"] = "ACME_TEST"
        content = {**plain, "environment": "sandbox", "allow_insecure_hosts": True, "alerts": alerts}
        (settings.connections_dir / "acme.yaml").write_text(json.dumps(content))

    write()
    return write


@pytest.fixture
def answer(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """Run a command with ``--json``; return its exit code and what it answered."""

    def ask(*words: str) -> tuple[int, Any]:
        capfd.readouterr()
        code = run(["alerts", *words, "--json"])
        out = capfd.readouterr().out
        return code, json.loads(out) if out else None

    return ask


def stored(settings: Settings, engine: Engine) -> dict[str, str]:
    return open_vault(engine, settings).get("acme", "alerts")


@pytest.mark.usefixtures("acme")
def test_secrets_are_stored_beside_those_that_are_there_and_never_shown(
    settings: Settings,
    engine: Engine,
    tmp_path: Path,
    answer: Callable[..., tuple[int, Any]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    given = tmp_path / "secrets.json"
    given.write_text(json.dumps({"smtp_username": "me", "smtp_password": "hidden-word"}))
    assert answer("secret", "acme", "--file", str(given)) == (
        0,
        {"connection": "acme", "stored": ["smtp_password", "smtp_username"]},
    )
    given.write_text(json.dumps({"webhook_secret": SECRET, "smtp_username": ""}))
    capfd.readouterr()
    assert run(["alerts", "secret", "acme", "--file", str(given)]) == 0
    shown = capfd.readouterr()
    assert "smtp_password, webhook_secret" in shown.out
    assert SECRET not in shown.out + shown.err
    assert stored(settings, engine) == {"smtp_password": "hidden-word", "webhook_secret": SECRET}


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        ('{"webhook_secret": "hidden-word"}', 3),
        ('{"other": "hidden-word"}', 2),
        ('{"smtp_password": ["hidden-word"]}', 2),
        ('"hidden-word"', 2),
        ("hidden-word", 2),
        ("", 2),
        ("{}", 2),
    ],
)
def test_what_is_no_secret_is_refused_and_not_repeated(
    content: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    assert run(["alerts", "secret", "acme"]) == code
    shown = capfd.readouterr()
    assert "hidden-word" not in shown.out + shown.err


def test_a_new_signing_secret_is_shown_once_and_signs_from_then_on(
    acme: Callable[..., None],
    settings: Settings,
    engine: Engine,
    receiver: ScriptedServer,
    answer: Callable[..., tuple[int, Any]],
) -> None:
    acme(webhook_url=receiver.url)
    code, made = answer("secret", "acme", "--new")
    assert code == 0
    assert stored(settings, engine) == {"webhook_secret": made["webhook_secret"]}
    receiver.replies(json_reply({"thanks": 1}))
    code, tested = answer("test", "acme")
    assert (code, tested["channels"]) == (
        0,
        [{"channel": "webhook", "ok": True, "answer": '200 {"thanks": 1}', "advice": ""}],
    )
    (call,) = receiver.calls
    expected = signature(
        signing_keys(made["webhook_secret"]),
        call.headers["webhook-id"],
        int(call.headers["webhook-timestamp"]),
        call.body,
    )
    assert call.headers["webhook-signature"] == expected
    assert call.json["type"] == "alert.test"


def test_a_test_says_of_each_channel_what_was_answered(
    acme: Callable[..., None],
    settings: Settings,
    engine: Engine,
    receiver: ScriptedServer,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run(["alerts", "test", "acme"]) == 2
    assert "names nobody to tell" in capfd.readouterr().err
    open_vault(engine, settings).put("acme", "alerts", {"webhook_secret": SECRET})
    receiver.replies(Reply(404, body=b"no such hook"))
    with MailServer() as server:
        mail = {"to": ["a@example.com"], "from": "b@example.com", "smtp_host": "127.0.0.1", "smtp_port": server.port}
        acme(webhook_url=receiver.url, email={**mail, "security": "none"})
        assert run(["alerts", "test", "acme"]) == 4
    shown = capfd.readouterr().out
    assert "webhook: The alert webhook answered 404 no such hook." in shown
    assert "email: accepted for 1 recipient" in shown
    assert "This is a test" in server.mails[0]


@pytest.mark.usefixtures("acme")
def test_open_alerts_are_listed_with_what_to_do_and_whether_they_were_sent(
    settings: Settings,
    engine: Engine,
    receiver: ScriptedServer,
    answer: Callable[..., tuple[int, Any]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert answer("list", "acme") == (0, {"connection": "acme", "alerts": []})
    assert run(["alerts", "list", "acme"]) == 0
    assert "No alert of connection acme is open." in capfd.readouterr().out
    now = datetime.now(UTC)
    with engine.begin() as db:
        db.execute(
            text(
                """
                INSERT INTO journal.outcomes (connection, kind, document_id, revision, revision_hash, outcome, reason,
                    amount, since)
                VALUES ('acme', 'bill', 7, 1, 'h', 'held', 'no_rule', 12.50, :since)
                """
            ),
            {"since": now - timedelta(hours=50)},
        )
    connection = connection_settings(rule(wbs1="P")).model_copy(
        update={"alerts": connection_settings(rule(wbs1="P")).alerts.model_copy(update={"webhook_url": receiver.url})}
    )
    look(engine, connection, channels_of(connection, open_vault(engine, settings)), Observations(), now=now)
    code, listed = answer("list", "acme")
    assert code == 0
    (alert,) = listed["alerts"]
    assert (alert["cause"], alert["count"], alert["failed_attempts"], alert["last_sent"]) == ("old_holds", 1, 1, None)
    assert "st-deltek alerts secret acme" in alert["last_error"]
    assert "st-deltek holds list acme" in alert["what_to_do"]
    assert run(["alerts", "list", "acme"]) == 0
    assert "not sent (1 attempts)" in capfd.readouterr().out


@pytest.mark.usefixtures("acme")
def test_the_journal_is_checked_from_the_first_event_to_the_last(
    engine: Engine,
    answer: Callable[..., tuple[int, Any]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    with engine.begin() as db:
        JournalTransaction(db, "acme", "run").append(
            Event(EventType.DOCUMENT_POSTED, {}, DocumentKey("acme", Kind.BILL, number), 1, "B") for number in range(5)
        )
    assert run(["alerts", "check-journal", "acme"]) == 0
    assert "All 5 events of acme are as they were recorded." in capfd.readouterr().out
    with engine.begin() as db:
        db.execute(text("SET LOCAL session_replication_role = replica"))
        db.execute(text("UPDATE journal.events SET batch = 'C' WHERE sequence = 3"))
    code, found = answer("check-journal", "acme")
    assert code == 1
    assert (found["ok"], found["events_in_order"], found["broken_at"]) == (False, 2, 3)
    assert run(["alerts", "check-journal", "acme"]) == 1
    assert "event 3 was changed after it was recorded" in capfd.readouterr().out


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("command", ["list", "test", "check-journal", "secret"])
def test_a_connection_that_is_not_there_is_named(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["alerts", command, "nobody"]) == 2
    assert "There is no connection nobody" in capfd.readouterr().err
