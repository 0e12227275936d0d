"""A backup as docs/deploy.md makes it, restored into an empty database: the same books, and as little to be changed."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.services.chain_checking import check_all
from st_deltek_pipeline.settings import MASTER_KEY_VARIABLE, Settings
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.migrate import current_revision
from st_deltek_pipeline.store.vault import Vault, load_keyring
from st_deltek_pipeline_tests.deploy.deployment import PROJECT
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import MONEY_DAY, QUIET_DAY, bench
from st_deltek_pipeline_tests.store.postgres_programs import restore, run_program

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
    run_program("pg_dump", engine.url.render_as_string(hide_password=False), *_options("pg_dump"), f"--file={backup}")
    assert b"canary" not in backup.read_bytes()

    restore(backup, empty_database_url, *_options("pg_restore"))

    restored = engine_for(empty_database_url)
    with restored.connect() as connection:
        assert connection.execute(text(_WHAT_IS_IN_IT)).one() == before
    assert current_revision(restored) == current_revision(engine)
    # The vault is readable with the master key, which is not in the backup.
    assert Vault(restored, lambda: load_keyring(settings, variables)).get("acme", "servicetitan") == secrets
    with pytest.raises(IntegrityError, match="append-only"), restored.begin() as connection:
        connection.execute(text("DELETE FROM journal.events"))
    restored.dispose()


def test_a_journal_older_than_the_ledger_posts_nothing_twice_after_a_restore(
    quiet_engine: Engine, sandbox: Callable[..., SandboxUnderTest], empty_database_url: str, tmp_path: Path
) -> None:
    """T54: what was posted after the dump is found in the ledger and adopted; the chain is whole and goes on."""
    running, backup = sandbox(invoices=20), tmp_path / "st_deltek.dump"
    with bench(running, quiet_engine) as acme:
        before = acme.add(PART_A="60.00")
        acme.run(QUIET_DAY)
        run_program(
            "pg_dump", quiet_engine.url.render_as_string(hide_password=False), *_options("pg_dump"), f"--file={backup}"
        )
        after = acme.add(PART_A="80.00")
        acme.run(QUIET_DAY)
        acme.change(before, PART_A="65.00")
        acme.run(QUIET_DAY)
        acme.pay((after, "80.00"), day=MONEY_DAY)
        acme.run(MONEY_DAY, Kind.PAYMENT)
        ledger = running.ledger()

    restore(backup, empty_database_url, *_options("pg_restore"))
    engine = engine_for(empty_database_url)
    try:
        with bench(running, engine) as acme:
            acme.take_in()
            for _ in range(2):
                acme.run(QUIET_DAY)
                acme.run(MONEY_DAY, Kind.PAYMENT)
            assert running.ledger() == ledger
            assert {acme.outcome(each["id"])[0] for each in (before, after)} == {"posted"}
            assert acme.tie_out(QUIET_DAY).balanced
            assert acme.standing(before["id"]) == Decimal("65.00")
            # And it goes on: the next edit is its difference to what stands there.
            acme.change(after, PART_A="81.00")
            acme.run(QUIET_DAY)
            assert acme.standing(after["id"]) == Decimal("81.00")
        events, broken = check_all(engine, "acme", progress=lambda _done, _all: None)
        assert events > 0
        assert broken is None
    finally:
        engine.dispose()
