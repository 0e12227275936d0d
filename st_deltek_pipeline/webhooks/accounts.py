"""Which connections receive webhooks, with which keys: read from their files and the vault, and read again on change.

A broken file or an unreadable key concerns its own connection only. What is missing is reported once per change.
"""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from st_deltek_pipeline.connections.files import connection_files, load_connections
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.connections.webhook_settings import WebhookSettings
from st_deltek_pipeline.domain.errors import ConfigurationError, PipelineError
from st_deltek_pipeline.domain.webhook_signatures import is_signed
from st_deltek_pipeline.services.webhook_keys import WEBHOOKS, signing_keys
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.vault import Vault, open_vault

_logger = logging.getLogger(__name__)

_Files = frozenset[tuple[Path, int, int]]


@dataclass(frozen=True, slots=True)
class Account:
    """What is needed to judge a delivery to one connection.

    Attributes:
        tenant_id: ServiceTitan's tenant of the connection.
        keys: In force, the newest first.
    """

    name: str
    tenant_id: int
    settings: WebhookSettings
    keys: tuple[str, ...] = field(repr=False)

    def accepts(self, body: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
        """Say whether one of the connection's headers signs the body.

        Args:
            body: As sent.
            headers: All of the request, names in lower case.
        """
        names = frozenset(name.encode() for name in self.settings.signature_headers)
        values = [value for name, value in headers if name in names]
        return is_signed(body, self.keys, values[: len(names)], self.settings.signature_encodings)


class Accounts:
    """The accounts of an installation, read again by ``refresh``.

    Args:
        settings: The installation.
        engine: Its migrated database.
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._vault: Vault = open_vault(engine, settings)
        self._files: _Files | None = None
        self._secrets: frozenset[tuple[object, ...]] | None = None
        self._connections: Mapping[str, ConnectionSettings] = {}
        self._accounts: Mapping[str, Account] = {}
        self._reported: frozenset[str] = frozenset()
        # A delivery to nobody is judged like any other, so that the answer's time does not tell who is there.
        self._nobody = Account("", 0, WebhookSettings(), (secrets.token_hex(),))

    @property
    def names(self) -> list[str]:
        """The connections that are served."""
        return sorted(self._accounts)

    def account(self, name: str) -> Account | None:
        """Return a connection's account, if it is served."""
        return self._accounts.get(name)

    @property
    def nobody(self) -> Account:
        """An account that accepts nothing."""
        return self._nobody

    def load(self) -> None:
        """Read everything for the first time.

        Raises:
            ConfigurationError: Webhooks are enabled for a connection that has no key.
            CredentialsError: A key cannot be decrypted.
        """
        self._read_files(_state_of(self._settings))
        state = self._vault.state(WEBHOOKS)
        missing: list[str] = []
        accounts: dict[str, Account] = {}
        for name, connection in self._connections.items():
            keys = signing_keys(self._vault, name).keys
            if keys:
                accounts[name] = _account(connection, keys)
            else:
                missing.append(name)
        if missing:
            message = f"Webhooks are enabled for {', '.join(missing)}, but there is no signing key."
            commands = " && ".join(f"st-deltek webhooks key {name}" for name in missing)
            raise ConfigurationError(
                message, advice=f"Run: {commands} (or set webhooks.enabled: false in the connection's file)"
            )
        self._accounts, self._secrets = accounts, state

    def refresh(self) -> bool:
        """Read again what has changed since; safe in any thread, by one at a time.

        Returns:
            Whether anything had. When the database does not answer, what was known stays in force.
        """
        files = _state_of(self._settings)
        try:
            state = self._vault.state(WEBHOOKS)
        except SQLAlchemyError:
            return False
        if files == self._files and state == self._secrets:
            return False
        if files != self._files:
            self._read_files(files)
        self._secrets = state
        accounts: dict[str, Account] = {}
        problems: list[str] = []
        for name, connection in self._connections.items():
            try:
                keys = signing_keys(self._vault, name).keys
            except SQLAlchemyError:
                self._secrets = None
                return False
            except PipelineError as error:
                problems.append(str(error))
                continue
            if keys:
                accounts[name] = _account(connection, keys)
            else:
                problems.append(f"Webhooks of {name} are refused: no signing key. Run: st-deltek webhooks key {name}")
        self._accounts = accounts
        self._report(problems)
        return True

    def _read_files(self, files: _Files) -> None:
        loaded = load_connections(self._settings)
        self._files = files
        self._connections = {name: each for name, each in loaded.connections.items() if each.webhooks.enabled}
        for error in loaded.errors:
            _logger.error("Webhooks of %s are refused: %s", error.name, error)

    def _report(self, problems: list[str]) -> None:
        for problem in problems:
            if problem not in self._reported:
                _logger.error("%s", problem)
        self._reported = frozenset(problems)


def enabled_connections(settings: Settings) -> list[str]:
    """Return the connections whose files enable webhooks, whether they have a key or not.

    Args:
        settings: The installation.
    """
    return [name for name, each in load_connections(settings).connections.items() if each.webhooks.enabled]


def _account(connection: ConnectionSettings, keys: tuple[str, ...]) -> Account:
    return Account(connection.name, connection.servicetitan.tenant_id, connection.webhooks, keys)


def _state_of(settings: Settings) -> _Files:
    """Return what is another value whenever a connection file was changed, added or removed."""
    found: set[tuple[Path, int, int]] = set()
    for paths in connection_files(settings).values():
        for path in paths:
            try:
                facts = path.stat()
            except OSError:
                continue
            found.add((path, facts.st_mtime_ns, facts.st_size))
    return frozenset(found)
