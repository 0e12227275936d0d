"""``st-deltek database`` on the embedded and on a named server."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.store.migrate import known_revisions
from st_deltek_pipeline.store.roles import Role


def test_the_embedded_database_from_absent_to_stopped(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ST_DELTEK_DATABASE_URL", raising=False)
    monkeypatch.setenv("ST_DELTEK_DATA_DIR", str(quick_path / "data"))

    def status() -> dict[str, object]:
        assert run(["database", "status", "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    try:
        assert status()["state"] == "absent"
        assert not (quick_path / "data").exists()
        assert run(["database", "migrate"]) == 0
        assert capsys.readouterr().out == f"The schema is at revision {known_revisions()[-1]}.\n"
        running = status()
        assert (running["kind"], running["state"]) == ("embedded", "running")
        assert running["revision"] == running["newest_revision"] == known_revisions()[-1]
        assert run(["database", "stop"]) == 0
        assert capsys.readouterr().out == "Stopped.\n"
        assert status()["state"] == "stopped"
        assert run(["database", "stop", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"was_running": False}
    finally:
        EmbeddedPostgres(quick_path / "data").stop(force=True)


def test_a_named_server_is_described_without_its_password_and_not_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ST_DELTEK_DATABASE_URL", "postgresql://me:secret@127.0.0.1:9/books")
    assert run(["database", "status"]) == 5
    captured = capsys.readouterr()
    assert "unreachable" in captured.out
    assert "secret" not in captured.out + captured.err
    assert run(["database", "stop"]) == 2
    assert run(["database", "migrate"]) == 5
    assert "secret" not in capsys.readouterr().err


def test_the_printed_roles_are_the_applied_ones_and_a_login_comes_from_a_file(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ST_DELTEK_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("ST_DELTEK_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("ST_DELTEK_DAGSTER_DATABASE_URL", raising=False)
    database = str(engine.url.database)
    rights = text("SELECT array_agg(oid::regclass::text || coalesce(relacl::text, '') ORDER BY oid) FROM pg_class")
    assert run(["database", "roles"]) == 0
    script = capsys.readouterr().out
    with engine.begin() as db:
        db.exec_driver_sql(script)
        before = db.scalar(rights)
    user = f"{database}-reports"
    url = tmp_path / "readonly_url"
    url.write_text(engine.url.set(username=user, password="CaNaRy-of-reports").render_as_string(hide_password=False))
    try:
        words = ["database", "roles", "--apply", "--login", f"readonly={url}", "--json"]
        assert run(words) == 0
        done = json.loads(capsys.readouterr().out)
        assert done["roles"] == [f"{database}_{each}" for each in ("app", "readonly", "ui", "migration")]
        assert done["logins"] == {user: f"{database}_readonly"}
        with engine.connect() as db:
            assert db.scalar(rights) == before
            stored = db.scalar(text("SELECT rolpassword FROM pg_authid WHERE rolname = :user"), {"user": user})
        assert str(stored).startswith("SCRAM-SHA-256$")
        monkeypatch.setenv("ST_DELTEK_DATABASE_URL", url.read_text())
        assert run(["database", "status", "--json"]) == 0
        status = capsys.readouterr().out
        assert json.loads(status)["state"] == "running"
        assert run(["database", "roles", "--apply"]) == 3
        assert "CaNaRy" not in status + "".join(capsys.readouterr())
    finally:
        with engine.begin() as db:
            names = ", ".join(f'"{each}"' for each in (*done_roles(database), user))
            db.execute(text(f"REASSIGN OWNED BY {names} TO CURRENT_USER"))
            db.execute(text(f"DROP OWNED BY {names}"))
            db.execute(text(f"DROP ROLE {names}"))


def done_roles(database: str) -> list[str]:
    return [role.of(database) for role in Role]


@pytest.mark.parametrize(
    ("words", "content"),
    [
        (["--apply", "--login", "app"], ""),
        (["--apply", "--login", "owner={}"], "postgresql://a:b@c/d"),  # pragma: allowlist secret
        (["--apply", "--login", "app={}"], "hidden-word"),
        (["--apply", "--login", "app={}.missing"], ""),
        (["--login", "app={}"], "postgresql://a:b@c/d"),  # pragma: allowlist secret
    ],
)
def test_a_login_that_cannot_be_read_is_refused_and_not_repeated(
    words: list[str], content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "url"
    path.write_text(content)
    assert run(["database", "roles", *(word.format(path) for word in words)]) == 2
    assert "hidden-word" not in capsys.readouterr().err
