"""The vault: every secret of every connection, encrypted value by value.

A value is encrypted together with the names it belongs to, so a row that is copied onto another one in the
database is noticed when it is read. What the values are for is the clients' business.

The master key comes from ``ST_DELTEK_MASTER_KEY`` or the file that ``ST_DELTEK_MASTER_KEY_FILE`` names (several keys,
comma-separated, newest first, while a key is being replaced), else from ``DATA_DIR/master.key``, which is made on first
use and readable by its owner only.
"""

import contextlib
import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError, CredentialsError
from st_deltek_pipeline.settings import FILE_SUFFIX, MASTER_KEY_VARIABLE, Settings, secret_value

_KEY_FILE = "master.key"
_MAKE_A_KEY = "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"


@dataclass(frozen=True)
class Keyring:
    """The master keys, newest first.

    Attributes:
        fernet: Encrypts with the newest key, decrypts with any.
        source: Where the keys come from, for messages: the variable's name or the file's path.
        count: How many keys there are.
        is_ours: Whether they are in our own key file, which we may write.
    """

    fernet: MultiFernet = field(repr=False)
    source: str
    count: int
    is_ours: bool


class Vault:
    """Secrets by connection, system and name; its repr shows nothing.

    Args:
        engine: The migrated application database.
        load: Returns the keyring. It is asked for every operation, so that a process that runs for days
            notices a replaced key.
    """

    def __init__(self, engine: Engine, load: Callable[[], Keyring]) -> None:
        self._engine = engine
        self._load = load

    def __repr__(self) -> str:
        return "Vault()"

    def put(self, connection: str, system: str, values: Mapping[str, str]) -> None:
        """Store the secrets of one system of a connection, replacing all it had.

        Args:
            connection: The connection's name.
            system: ``servicetitan``, ``vantagepoint``, ``webhooks`` or ``alerts``.
            values: Name to secret.

        Raises:
            CredentialsError: The vault was made with another master key; mixing keys would lose secrets.
        """
        with self._engine.begin() as database:
            # Behind a replacement of the key: whoever waits here loads the new key after it.
            database.execute(text("LOCK TABLE vault.secrets IN ROW EXCLUSIVE MODE"))
            keyring = self._load()
            sample = database.execute(text("SELECT connection, system, name, token FROM vault.secrets LIMIT 1")).first()
            if sample is not None:
                _opened(keyring, sample)
            database.execute(
                text("DELETE FROM vault.secrets WHERE connection = :connection AND system = :system"),
                {"connection": connection, "system": system},
            )
            for name, value in values.items():
                plain = json.dumps([connection, system, name, value]).encode()
                database.execute(
                    text(
                        "INSERT INTO vault.secrets (connection, system, name, token) "
                        "VALUES (:connection, :system, :name, :token)"
                    ),
                    {
                        "connection": connection,
                        "system": system,
                        "name": name,
                        "token": keyring.fernet.encrypt(plain),
                    },
                )

    def get(self, connection: str, system: str) -> dict[str, str]:
        """Return the secrets of one system of a connection.

        Args:
            connection: The connection's name.
            system: ``servicetitan``, ``vantagepoint``, ``webhooks`` or ``alerts``.

        Returns:
            Name to secret.

        Raises:
            CredentialsError: Nothing is stored, or the master key is not the one it was stored with.
            BrokenError: A row holds another row's secret.
        """
        try:
            return self._read(connection, system)
        except CredentialsError:
            # The key may have been replaced between reading it and reading the rows.
            return self._read(connection, system)

    def stored(self) -> dict[str, dict[str, frozenset[str]]]:
        """Return which secrets there are, by connection and system; needs no key."""
        statement = text("SELECT connection, system, array_agg(name) FROM vault.secrets GROUP BY 1, 2 ORDER BY 1, 2")
        with self._engine.connect() as database:
            found: dict[str, dict[str, frozenset[str]]] = {}
            for connection, system, names in database.execute(statement):
                found.setdefault(connection, {})[system] = frozenset(names)
            return found

    def state(self, system: str) -> frozenset[tuple[str, str, datetime]]:
        """Return what is another value whenever a secret of a system was changed, by anybody; needs no key.

        Args:
            system: For example ``webhooks``.
        """
        statement = text("SELECT connection, name, updated_at FROM vault.secrets WHERE system = :system")
        with self._engine.connect() as database:
            return frozenset((row[0], row[1], row[2]) for row in database.execute(statement, {"system": system}))

    def remove(self, connection: str) -> int:
        """Forget every secret of a connection.

        Args:
            connection: The connection's name.

        Returns:
            How many there were.
        """
        with self._engine.begin() as database:
            statement = text("DELETE FROM vault.secrets WHERE connection = :connection")
            return database.execute(statement, {"connection": connection}).rowcount

    def rotate(self) -> int:
        """Encrypt every secret anew with the newest key, all or none.

        Returns:
            How many there are.

        Raises:
            CredentialsError: One of them was stored with a key that is not in the keyring.
        """
        with self._engine.begin() as database:
            database.execute(text("LOCK TABLE vault.secrets IN EXCLUSIVE MODE"))
            return _rotate_all(database, self._load())

    def _read(self, connection: str, system: str) -> dict[str, str]:
        statement = text(
            "SELECT connection, system, name, token FROM vault.secrets "
            "WHERE connection = :connection AND system = :system ORDER BY name"
        )
        keyring = self._load()
        with self._engine.connect() as database:
            rows = database.execute(statement, {"connection": connection, "system": system}).all()
        if not rows:
            message = f"No {system} credentials are stored for connection {connection}."
            raise CredentialsError(message, advice=f"Run: st-deltek connection add {connection}")
        return {row.name: _opened(keyring, row) for row in rows}


def open_vault(engine: Engine, settings: Settings) -> Vault:
    """Return the vault of an installation.

    Args:
        engine: The migrated application database.
        settings: Says where the master key is.
    """
    return Vault(engine, lambda: load_keyring(settings))


def load_keyring(settings: Settings, environment: Mapping[str, str] | None = None) -> Keyring:
    """Read the master keys, making the key file on first use.

    Args:
        settings: Says where the key file is.
        environment: Variables to read instead of ``os.environ``.

    Returns:
        The keys.

    Raises:
        ConfigurationError: A key is not a Fernet key, others can read our own key file, or see ``secret_value``.
    """
    variables = os.environ if environment is None else environment
    if named := secret_value(MASTER_KEY_VARIABLE, variables):
        source = MASTER_KEY_VARIABLE if variables.get(MASTER_KEY_VARIABLE) else f"{MASTER_KEY_VARIABLE}{FILE_SUFFIX}"
        return _keyring(named.split(","), source, is_ours=False)
    path = settings.data_dir / _KEY_FILE
    if not path.exists():
        _write_key_file(path, [_new_key()], replace=False)
    return _keyring(_read_key_file(path).split(), str(path), is_ours=True)


def replace_master_key(vault: Vault, settings: Settings, environment: Mapping[str, str] | None = None) -> int:
    """Encrypt the whole vault with a new master key.

    With a key file of our own, a new key is made. With ``ST_DELTEK_MASTER_KEY`` or the file it may name, the new key must
    already stand first; the older ones can be taken out afterwards. A process killed half way leaves a readable vault.

    Args:
        vault: The installation's vault.
        settings: Says where the key file is.
        environment: Variables to read instead of ``os.environ``.

    Returns:
        How many secrets there are.

    Raises:
        ConfigurationError: The variable, or the file it names, holds only one key.
        CredentialsError: A secret was stored with a key that is not known.
    """
    keyring = load_keyring(settings, environment)
    if not keyring.is_ours:
        if keyring.count == 1:
            message = f"{keyring.source} holds one key, so there is no new one to encrypt with."
            raise ConfigurationError(
                message, advice=f"Set it to NEW,OLD and run this again. A new key comes from: {_MAKE_A_KEY}"
            )
        return vault.rotate()
    path = settings.data_dir / _KEY_FILE
    new_key = _new_key()
    # Two at once would each throw the other's new key away, and with it every secret.
    with _alone(path.with_name(f"{_KEY_FILE}.lock")):
        _write_key_file(path, [new_key, *_read_key_file(path).split()], replace=True)
        count = vault.rotate()
        _write_key_file(path, [new_key], replace=True)
    return count


@contextlib.contextmanager
def _alone(path: Path) -> Generator[None]:
    """Hold a lock file; the kernel gives it back however the process ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _rotate_all(database: Connection, keyring: Keyring) -> int:
    rows = database.execute(text("SELECT connection, system, name, token FROM vault.secrets")).all()
    for row in rows:
        _opened(keyring, row)
        database.execute(
            text(
                "UPDATE vault.secrets SET token = :token, updated_at = now() "
                "WHERE connection = :connection AND system = :system AND name = :name"
            ),
            {
                "token": keyring.fernet.rotate(bytes(row.token)),
                "connection": row.connection,
                "system": row.system,
                "name": row.name,
            },
        )
    return len(rows)


def _opened(keyring: Keyring, row: Sequence[Any]) -> str:
    connection, system, name, token = row
    try:
        plain = keyring.fernet.decrypt(bytes(token))
    except InvalidToken:
        message = (
            f"The {system} {name} of connection {connection} cannot be decrypted with the key from {keyring.source}."
        )
        raise CredentialsError(
            message,
            advice=f"Check {MASTER_KEY_VARIABLE} and the file {_KEY_FILE} of the data folder: the key must be the one it "
            f"was stored with. If that key is lost, run: st-deltek connection remove {connection}, then add it again.",
        ) from None
    *names, value = json.loads(plain)
    if names != [connection, system, name]:
        message = f"The vault's {system} {name} of connection {connection} holds another entry's secret."
        raise BrokenError(message, advice=f"Find out who changed it, then run: st-deltek connection add {connection}")
    return value


def _keyring(keys: Sequence[str], source: str, *, is_ours: bool) -> Keyring:
    fernets: list[Fernet] = []
    for number, key in enumerate((key.strip() for key in keys), start=1):
        try:
            fernets.append(Fernet(key))
        except (ValueError, TypeError):
            message = f"Key {number} of {source} is not a Fernet key (32 bytes as URL-safe base64)."
            raise ConfigurationError(message, advice=f"Make one with: {_MAKE_A_KEY}") from None
    if not fernets:
        message = f"{source} is empty."
        raise ConfigurationError(message, advice="Restore it from your backup: without it no secret can be read.")
    return Keyring(MultiFernet(fernets), source, len(fernets), is_ours)


def _new_key() -> str:
    return Fernet.generate_key().decode()


def _read_key_file(path: Path) -> str:
    # Checked on the open file, so that it cannot be exchanged in between.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        message = f"The master key file {path} cannot be opened: {error.strerror}."
        raise ConfigurationError(message, advice="Run as its owner; it must be a regular file.") from None
    with os.fdopen(descriptor) as file:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o077:
            message = f"The master key file {path} can be used by others (mode {mode:04o})."
            raise ConfigurationError(
                message, advice=f"Run: chmod 600 {path} - and replace the key if it may have been read: rotate-key."
            )
        return file.read()


def _write_key_file(path: Path, keys: Sequence[str], *, replace: bool) -> None:
    """Write the file as a whole; without ``replace`` the first of several processes wins."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes it readable by its owner only.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{_KEY_FILE}.")
    except OSError as error:
        message = f"The master key file {path} cannot be written: {error.strerror}."
        raise ConfigurationError(
            message, advice=f"Set {MASTER_KEY_VARIABLE} or a writable ST_DELTEK_DATA_DIR."
        ) from None
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(keys) + "\n")
            file.flush()
            os.fsync(descriptor)
        if replace:
            fresh.replace(path)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
