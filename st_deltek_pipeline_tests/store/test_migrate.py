"""Migrations: one chain, safe under two starters, all or nothing, never on a database that is newer."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError, TransientError
from st_deltek_pipeline.store import migrate as migrating
from st_deltek_pipeline.store import migrations
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.migrate import current_revision, known_revisions, migrate


def test_a_fresh_database_is_at_the_newest_revision(engine: Engine) -> None:
    assert current_revision(engine) == known_revisions()[-1]


def test_an_empty_database_has_no_revision(empty_database_url: str) -> None:
    engine = engine_for(empty_database_url)
    assert current_revision(engine) is None
    engine.dispose()


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    assert current_revision(engine) == known_revisions()[-1]


def test_processes_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    engines = [engine_for(empty_database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, engines))
    assert {current_revision(engine) for engine in engines} == {known_revisions()[-1]}
    for engine in engines:
        engine.dispose()


def test_a_database_newer_than_the_code_is_refused(engine: Engine) -> None:
    """T54: a newer database is refused."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE migrations.alembic_version SET version_num = '9999_from_the_future'"))
    with pytest.raises(ConfigurationError, match=r"9999_from_the_future.*newer version"):
        migrate(engine)


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that makes this process a later version, whose schema has one step more: these statements."""

    def become(*statements: str) -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(Path(migrations.__path__[0]), folder, ignore=shutil.ignore_patterns("__pycache__"))
        newest = known_revisions()[-1]
        lines = "\n".join(f"    op.execute({statement!r})" for statement in statements)
        (folder / "versions" / "9999_next.py").write_text(
            f"from alembic import op\nrevision = '9999_next'\ndown_revision = {newest!r}\n\ndef upgrade():\n{lines}\n"
        )
        monkeypatch.setattr(migrating, "_MIGRATIONS", folder)

    return become


def _tables(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT schemaname || '.' || tablename FROM pg_tables ORDER BY 1")))


def test_a_step_that_fails_half_way_changes_nothing_and_says_so(
    engine: Engine, next_version: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """T54: the database is at the revision before, as it was, and the version before goes on with it."""
    before = current_revision(engine), _tables(engine)
    next_version("CREATE TABLE journal.half_made (n int)", "ALTER TABLE journal.nowhere ADD COLUMN n int")
    with pytest.raises(BrokenError, match=rf"nowhere.*Nothing was changed.*{before[0]}.*version before goes on"):
        migrate(engine)
    assert (current_revision(engine), _tables(engine)) == before
    monkeypatch.undo()
    migrate(engine)
    assert (current_revision(engine), _tables(engine)) == before


def test_a_migration_killed_in_the_middle_leaves_the_revision_before_and_is_done_by_the_next_start(
    engine: Engine, next_version: Callable[..., None]
) -> None:
    before = current_revision(engine), _tables(engine)
    # A sequence keeps its value when a transaction is rolled back: only the first time is the last.
    with engine.begin() as connection:
        connection.execute(text("CREATE SEQUENCE public.attempts"))
    kill_once = "SELECT pg_terminate_backend(pg_backend_pid()) WHERE nextval('public.attempts') = 1"
    next_version("CREATE TABLE journal.half_made (n int)", kill_once)
    with pytest.raises(OperationalError, match="terminat"):
        migrate(engine)
    assert (current_revision(engine), _tables(engine)) == before
    migrate(engine)
    assert current_revision(engine) == "9999_next"
    assert set(_tables(engine)) - set(before[1]) == {"journal.half_made"}


def test_tables_that_somebody_works_with_are_waited_for_and_then_named(
    engine: Engine, next_version: Callable[..., None]
) -> None:
    before = current_revision(engine)
    next_version("SET LOCAL lock_timeout = '50ms'", "ALTER TABLE journal.events ADD COLUMN n int")
    with engine.begin() as somebody:
        somebody.execute(text("SELECT count(*) FROM journal.events"))
        with pytest.raises(TransientError, match=r"somebody works with its tables.*Stop the daemon"):
            migrate(engine)
    assert current_revision(engine) == before
    migrate(engine)
    assert current_revision(engine) == "9999_next"


def test_file_names_are_revisions_and_their_order_is_the_chain() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.__path__[0]))
    config.set_main_option("path_separator", "os")
    chain = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert chain[::-1] == known_revisions()
