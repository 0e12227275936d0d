"""Migrations: one chain, safe under two starters, never on a database that is newer."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.errors import ConfigurationError
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


def test_file_names_are_revisions_and_their_order_is_the_chain() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.__path__[0]))
    config.set_main_option("path_separator", "os")
    chain = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert chain[::-1] == known_revisions()
