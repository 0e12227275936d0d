"""The embedded server: one for everybody, gone with the last, whatever dies in between."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import create_engine, text

from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError, TransientError
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline_tests.memory import quick_folder

_AS_ROOT = os.geteuid() == 0

# Joins, says the server's pid, and leaves when its standard input is closed.
_USER = """
import sys
from pathlib import Path
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.ensure_running()
print(server.status().pid, flush=True)
sys.stdin.read()
"""


class User:
    """Another process that uses the server of a data folder."""

    def __init__(self, data_dir: Path, *, prefix: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(  # noqa: S603 (ourselves)
            [*prefix, sys.executable, "-c", _USER, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def server_pid(self) -> int:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        return int(line)

    def leave(self) -> str:
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        return errors

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _query(server: EmbeddedPostgres, statement: str) -> object:
    engine = create_engine(server.url("st_deltek"))
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        engine.dispose()


@pytest.fixture
def data_dir(quick_path: Path) -> Generator[Path]:
    folder = quick_path / "data"
    yield folder
    EmbeddedPostgres(folder).stop(force=True)


@pytest.fixture(scope="module")
def stopped_server() -> Generator[Path]:
    """A data folder with a server that was used once; making one takes a second, copying it none."""
    with quick_folder() as folder:
        server = EmbeddedPostgres(folder)
        server.ensure_running()
        server.stop()
        yield folder


@pytest.fixture
def used_dir(stopped_server: Path, data_dir: Path) -> Path:
    """A data folder of a test's own whose server was made before."""
    subprocess.run(["cp", "--archive", str(stopped_server), str(data_dir)], check=True)  # noqa: S603, S607
    return data_dir


def test_the_first_use_makes_a_server_with_both_databases_and_durable_writes(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    assert server.status().state == "absent"
    assert server.ensure_running() == server.url("st_deltek")
    assert server.status().state == "running"
    assert _query(
        server, "SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database WHERE NOT datistemplate"
    ) == ("dagster,postgres,st_deltek")
    assert _query(server, "SHOW fsync") == "on"
    assert _query(server, "SHOW listen_addresses") == ""
    assert server.stop()
    assert server.status().state == "stopped"


def test_two_commands_at_once_share_one_server_which_goes_with_the_last(data_dir: Path) -> None:
    first, second = User(data_dir), User(data_dir)
    assert first.server_pid() == second.server_pid()
    first.leave()
    assert EmbeddedPostgres(data_dir).status().state == "running"
    second.leave()
    assert EmbeddedPostgres(data_dir).status().state == "stopped"


def test_a_server_left_behind_by_a_killed_command_is_used_again_and_then_stopped(used_dir: Path) -> None:
    killed = User(used_dir)
    pid = killed.server_pid()
    killed.kill()
    assert EmbeddedPostgres(used_dir).status().pid == pid
    following = User(used_dir)
    assert following.server_pid() == pid
    following.leave()
    assert EmbeddedPostgres(used_dir).status().state == "stopped"


def test_what_was_committed_survives_a_killed_server(used_dir: Path) -> None:
    """T09: the server is killed; what was committed is there."""
    server = EmbeddedPostgres(used_dir)
    server.ensure_running()
    _query(server, "CREATE TABLE public.kept AS SELECT 42 AS answer")
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    _wait_until(lambda: server.status().pid is None)
    server.ensure_running()
    assert server.status().pid != pid
    assert _query(server, "SELECT answer FROM public.kept") == 42


def test_a_stale_pid_file_that_names_another_process_does_not_stand_in_the_way(used_dir: Path) -> None:
    server = EmbeddedPostgres(used_dir)
    server.ensure_running()
    server.stop()
    pid_file = used_dir / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{used_dir}\n0\n5432\n{used_dir}\n\n0 0\nready\n")
    assert server.status().state == "stopped"
    server.ensure_running()
    assert server.status().pid != os.getpid()


def test_a_command_killed_while_making_the_cluster_leaves_nothing_half_done(data_dir: Path) -> None:
    half_made = data_dir / "postgres.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    EmbeddedPostgres(data_dir).ensure_running()
    assert not half_made.exists()


def test_a_path_too_long_for_a_socket_is_no_obstacle(quick_path: Path) -> None:
    deep = quick_path / ("long" * 20) / ("name" * 20)
    server = EmbeddedPostgres(deep)
    server.ensure_running()
    try:
        assert _query(server, "SELECT 1") == 1
        socket_dir = Path(_query(server, "SHOW unix_socket_directories"))  # type: ignore[arg-type]
        assert socket_dir.stat().st_mode & 0o077 == 0
    finally:
        server.stop(force=True)
    assert not socket_dir.exists()


@pytest.mark.parametrize("name", ["Büro: it's a;b&(c)", "a,b"])
def test_an_unusual_name_of_a_folder_is_no_obstacle(quick_path: Path, name: str) -> None:
    server = EmbeddedPostgres(quick_path / name)
    server.ensure_running()
    try:
        assert _query(server, "SELECT 1") == 1
    finally:
        server.stop(force=True)


@pytest.mark.parametrize("character", ['"', "$", "`", "\\"])
def test_a_path_that_pg_ctl_would_misread_is_refused_before_anything_is_made(tmp_path: Path, character: str) -> None:
    folder = tmp_path / f"a{character}b"
    with pytest.raises(ConfigurationError, match=r"in its path, which pg_ctl misreads\. Set ST_DELTEK_DATA_DIR"):
        EmbeddedPostgres(folder).ensure_running()
    assert not folder.exists()


def test_only_the_databases_own_account_can_enter_the_socket_folder(data_dir: Path) -> None:
    EmbeddedPostgres(data_dir).ensure_running()
    assert (data_dir / "postgres-socket").stat().st_mode & 0o077 == 0
    assert (data_dir / "postgres").stat().st_mode & 0o077 == 0


def test_a_socket_folder_open_to_others_is_refused(used_dir: Path) -> None:
    (used_dir / "postgres-socket").mkdir(parents=True, mode=0o777)
    (used_dir / "postgres-socket").chmod(0o777)
    with pytest.raises(ConfigurationError, match=r"postgres-socket must be a folder that only"):
        EmbeddedPostgres(used_dir).ensure_running()


def test_a_server_in_use_is_not_stopped_unless_forced(used_dir: Path) -> None:
    user = User(used_dir)
    user.server_pid()
    with pytest.raises(TransientError, match=r"in use by another process.*--force"):
        EmbeddedPostgres(used_dir).stop()
    assert EmbeddedPostgres(used_dir).stop(force=True)
    assert user.leave() == ""


def test_a_forked_child_that_ends_does_not_stop_its_parents_server(used_dir: Path) -> None:
    code = _USER.replace(
        "sys.stdin.read()", "import os\nif os.fork() == 0:\n    sys.exit(0)\nos.wait()\nprint(server.status().state)"
    )
    command = [sys.executable, "-c", code, str(used_dir)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 (ourselves)
    assert result.stdout.splitlines()[-1] == "running"
    assert EmbeddedPostgres(used_dir).status().state == "stopped"


def test_a_server_that_does_not_start_says_why_in_its_own_words(used_dir: Path) -> None:
    server = EmbeddedPostgres(used_dir, server_settings={"shared_buffers": "a lot"})
    with pytest.raises(BrokenError, match=r"(?s)pg_ctl start.*invalid value for parameter \"shared_buffers\""):
        server.ensure_running()


def test_without_the_wheel_the_message_says_what_to_install(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r"ST_DELTEK_DATABASE_URL is not set.*pip install"):
        EmbeddedPostgres(data_dir).ensure_running()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"file/data cannot be made.*ST_DELTEK_DATA_DIR"):
        EmbeddedPostgres(tmp_path / "file" / "data").ensure_running()


@pytest.mark.skipif(not _AS_ROOT, reason="only root hands the server to another account")
def test_root_runs_the_server_as_another_account(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.ensure_running()
    assert Path(f"/proc/{server.status().pid}").stat().st_uid != 0


@pytest.mark.skipif(not _AS_ROOT or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_root_can_keep_the_data_in_a_folder_only_root_can_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "data")
    server.ensure_running()
    try:
        assert _query(server, "SELECT 1") == 1
    finally:
        server.stop(force=True)


@pytest.mark.skipif(not _AS_ROOT or not shutil.which("setpriv"), reason="needs root to become somebody else")
def test_an_ordinary_user_has_a_server_of_its_own_which_another_user_is_told_about(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    data_dir = tmp_path / "ordinary"
    data_dir.mkdir()
    os.chown(data_dir, nobody.pw_uid, nobody.pw_gid)
    # Only reading is added: the interpreter may stand in a folder of root's.
    become = ("setpriv", "--securebits=+no_setuid_fixup", "--reuid={0.pw_uid}", "--regid={0.pw_gid}", "--clear-groups")
    reading = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--")
    user = User(data_dir, prefix=(*(word.format(nobody) for word in become), *reading))
    assert Path(f"/proc/{user.server_pid()}").stat().st_uid == nobody.pw_uid
    user.leave()
    assert EmbeddedPostgres(data_dir).status().state == "stopped"

    os.chown(data_dir / "postgres", 1, 1)
    stranger = User(data_dir, prefix=(*(word.format(nobody) for word in become), *reading))
    _, errors = stranger.process.communicate(timeout=60)
    assert "belongs to another account" in errors
    assert "ST_DELTEK_DATA_DIR" in errors


def test_the_server_accepts_many_short_connections(used_dir: Path) -> None:
    server = EmbeddedPostgres(used_dir)
    server.ensure_running()
    connections = [
        psycopg2.connect(host=str(used_dir / "postgres-socket"), user="postgres", dbname="dagster") for _ in range(150)
    ]
    for connection in connections:
        connection.close()
