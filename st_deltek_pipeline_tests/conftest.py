"""Fixtures every test may use: a real PostgreSQL for the session, and a fresh migrated database per test.

The server is the embedded one and is shared by pytest-xdist's workers. Only its durability is off: a test database
does not have to survive a power cut. Its files are in memory where there is room.
"""

import atexit
import gc
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import Engine, make_url

from st_deltek_pipeline.orchestration.instance_storage import InstanceStorage
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.store.migrate import known_revisions, migrate
from st_deltek_pipeline_tests.memory import PREFIX, memory_with_room, quick_folder, remove_left_behind

CopiedDatabase = Callable[[str], AbstractContextManager[Engine]]

pytest_plugins = [
    "st_deltek_pipeline_tests.sandbox_fixtures",
    "st_deltek_pipeline_tests.taken_in_fixtures",
    "st_deltek_pipeline_tests.role_fixtures",
]

_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# By what they took when it was measured last. With --dist loadfile a worker takes a file at a time, so a long one that
# came last would leave the other worker idle.
_LONGEST_FILES = (
    "live/test_live_system.py",
    "cli/test_demo.py",
    "browser/test_dagster_ui.py",
    "orchestration/test_live.py",
    "cli/test_sync.py",
    "orchestration/test_syncing.py",
    "services/posting/test_every_kind.py",
    "orchestration/test_warm_launcher.py",
    "orchestration/test_isolation.py",
    "orchestration/test_interrupts.py",
    "services/posting/test_crashes.py",
    "services/posting/test_reversals.py",
    "cli/test_holds.py",
    "cli/test_reverse.py",
    "services/posting/test_reversals_of_every_kind.py",
    "services/test_firm_alignment.py",
    "store/test_embedded.py",
)
# Set by pytest-xdist in its workers, whose own temporary folders stand side by side.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector leave alone what lives as long as the session: modules, and thousands of tests.

    And let it look less often than every 700 objects: a run of Dagster makes hundreds of thousands that refer to each other.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, in their order; the tests of a file keep theirs."""
    folder = Path(__file__).parent
    ranks = {folder / name: rank for rank, name in enumerate(_LONGEST_FILES)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def _execute(url: str, statement: str) -> None:
    parts = make_url(url)
    connection = psycopg2.connect(host=parts.query["host"], user=parts.username, dbname=parts.database)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def _on_database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def quick_path() -> Generator[Path]:
    """A folder for a server of a test's own, in memory where there is room."""
    with quick_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of the session's PostgreSQL server; its own database is for administration only."""
    base = tmp_path_factory.getbasetemp()
    folder = _folder_of_the_server(base.parent if _WORKER else base)
    server = EmbeddedPostgres(folder, server_settings=_NOT_DURABLE)
    if folder.name.startswith(PREFIX):
        # Handlers run in the opposite order: the last process has stopped the server when it looks for it here.
        atexit.register(_remove_unless_running, server, folder)
    return server.ensure_running()


def _folder_of_the_server(session: Path) -> Path:
    """Return the folder of a session's server: the same for all of its processes."""
    remove_left_behind()
    memory = memory_with_room()
    if memory is None:
        return session / "postgres-session"
    return memory / f"{PREFIX}{hashlib.sha256(os.fsencode(session)).hexdigest()[:16]}"


def _remove_unless_running(server: EmbeddedPostgres, folder: Path) -> None:
    if server.status().state != "running":
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str) -> str:
    """Name of a migrated database to copy from, Dagster's tables included; one per worker: nobody else may use it."""
    name = f"template_{_WORKER}{known_revisions()[-1]}"
    _execute(postgres_url, f'CREATE DATABASE "{name}"')
    url = _on_database(postgres_url, name)
    engine = engine_for(url)
    migrate(engine)
    engine.dispose()
    dagsters = InstanceStorage(url)
    for part in (dagsters.event_log_storage, dagsters.run_storage, dagsters.schedule_storage):
        part.dispose()
    return name


@pytest.fixture(scope="session")
def copied_database(postgres_url: str) -> CopiedDatabase:
    """A function that copies a database for as long as a ``with`` block lasts; nobody may be connected to the original."""

    @contextmanager
    def copied(original: str) -> Generator[Engine]:
        name = f"test_{uuid.uuid4().hex}"
        _execute(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE "{original}" STRATEGY file_copy')
        engine = engine_for(_on_database(postgres_url, name))
        yield engine
        engine.dispose()
        _execute(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')

    return copied


@pytest.fixture
def engine(copied_database: CopiedDatabase, migrated_template: str) -> Generator[Engine]:
    """A fresh, migrated database for one test."""
    with copied_database(migrated_template) as engine:
        yield engine


@pytest.fixture(scope="module")
def module_engine(copied_database: CopiedDatabase, migrated_template: str) -> Generator[Engine]:
    """A fresh, migrated database shared by one module's tests."""
    with copied_database(migrated_template) as engine:
        yield engine


@pytest.fixture
def empty_database_url(postgres_url: str) -> Generator[str]:
    """URL of a fresh database without our schema."""
    name = f"empty_{uuid.uuid4().hex}"
    _execute(postgres_url, f'CREATE DATABASE "{name}"')
    yield _on_database(postgres_url, name)
    _execute(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def settings(engine: Engine, tmp_path: Path) -> Settings:
    """An installation of its own: the test's fresh database, and empty data and connection folders."""
    connections_dir = tmp_path / "connections"
    connections_dir.mkdir()
    return Settings(
        data_dir=tmp_path / "data",
        database_url=engine.url.render_as_string(hide_password=False),
        connections_dir=connections_dir,
        connection_names=None,
    )
