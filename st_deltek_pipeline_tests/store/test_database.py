"""Which database is used, and what is said when it cannot be."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from st_deltek_pipeline.domain.errors import ConfigurationError, TransientError
from st_deltek_pipeline.settings import Settings, load_settings
from st_deltek_pipeline.store.database import (
    database_url,
    open_database,
    postgres_url_for_dagster,
    ready_database,
)
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.store.migrate import current_revision, known_revisions


def _named(url: str, dagster: str | None = None) -> Settings:
    return Settings(Path("/nowhere"), url, Path("/nowhere"), None, dagster)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_usual_spelling_names_the_driver(scheme: str) -> None:
    assert database_url(_named(f"{scheme}://u:p%40w@db.example/x")) == "postgresql+psycopg2://u:p%40w@db.example/x"


@pytest.mark.parametrize(
    "url", ["mysql://u:secret@h/x", "postgresql+asyncpg://h/x", "not a url", "postgresql://h:port/x"]
)
def test_anything_else_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"ST_DELTEK_DATABASE_URL is not a PostgreSQL URL") as caught:
        database_url(_named(url))
    assert "secret" not in str(caught.value)


def test_dagster_shares_a_named_server_unless_it_has_its_own() -> None:
    assert postgres_url_for_dagster(_named("postgresql://h/x")).endswith("//h/x")
    assert postgres_url_for_dagster(_named("postgresql://h/x", "postgresql://h/d")).endswith("//h/d")


def test_the_settings_read_both_urls() -> None:
    settings = load_settings({"ST_DELTEK_DATABASE_URL": "a", "ST_DELTEK_DAGSTER_DATABASE_URL": "b"})
    assert (settings.database_url, settings.dagster_database_url) == ("a", "b")


def test_without_a_named_server_the_embedded_one_serves_both_and_only_dagsters_log_does_not_wait_for_the_disk(
    quick_path: Path,
) -> None:
    settings = Settings(quick_path / "data", None, quick_path, None)
    try:
        engine = ready_database(settings)
        assert current_revision(engine) == known_revisions()[-1]
        with engine.connect() as connection:
            assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
        engine.dispose()
        dagster = postgres_url_for_dagster(settings)
        assert make_url(dagster).database == "dagster"
        engine = open_database(replace(settings, database_url=dagster))
        with engine.connect() as connection:
            assert connection.execute(text("SELECT current_database()")).scalar() == "dagster"
        engine.dispose()
        with create_engine(dagster).connect() as connection:
            assert connection.execute(text("SHOW synchronous_commit")).scalar() == "off"
        engine.dispose()
    finally:
        EmbeddedPostgres(settings.data_dir).stop(force=True)


def test_an_unreachable_server_can_be_tried_again() -> None:
    with pytest.raises(
        TransientError, match=r"'books' at 127\.0\.0\.1 cannot be reached.*Check that the server"
    ) as caught:
        ready_database(_named("postgresql://me:secret@127.0.0.1:9/books"))
    assert "secret" not in str(caught.value)


def test_a_database_that_does_not_exist_is_named(postgres_url: str) -> None:
    url = make_url(postgres_url).set(database="absent").render_as_string(hide_password=False)
    with pytest.raises(ConfigurationError, match=r"'absent'.*does not exist"):
        ready_database(_named(url))


def test_a_connection_that_died_while_it_lay_idle_is_replaced(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """T11: a connection that died is replaced."""
    monkeypatch.setattr("st_deltek_pipeline.store.database._PAUSE_SECONDS", 0)
    own = text("SELECT pg_backend_pid()")
    with engine.connect() as first, engine.connect() as second:
        idle = {db.scalar(own) for db in (first, second)}
    killer = create_engine(engine.url)
    with killer.connect() as db:
        for pid in idle:
            assert db.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    killer.dispose()
    with engine.connect() as db:
        assert db.scalar(own) not in idle
