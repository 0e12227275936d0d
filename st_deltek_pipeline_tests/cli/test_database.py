"""``st-deltek database`` on the embedded and on a named server."""

import json
from pathlib import Path

import pytest

from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.store.migrate import known_revisions


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
