"""The keys that ServiceTitan signs a connection's webhooks with: in the vault, at most two of them in force.

A new key keeps the one before it until that is retired, so that nothing is refused while ServiceTitan changes over.
"""

import secrets
from dataclasses import dataclass, field

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.webhook_signatures import LONGEST_KEY, SHORTEST_KEY, key_problem
from st_deltek_pipeline.store.vault import Vault

WEBHOOKS = "webhooks"
SIGNING_KEY = "signing_key"
PREVIOUS_KEY = "previous_signing_key"


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The keys in force, the newest first; none when nothing is stored."""

    keys: tuple[str, ...] = field(repr=False)


def new_key() -> str:
    """Return a random key of the greatest length."""
    return secrets.token_hex(LONGEST_KEY // 2)


def signing_keys(vault: Vault, connection: str) -> SigningKeys:
    """Return a connection's keys.

    Args:
        vault: The installation's vault.
        connection: The connection's name.

    Raises:
        CredentialsError: The master key is not the one they were stored with.
    """
    if WEBHOOKS not in vault.stored().get(connection, {}):
        return SigningKeys(())
    stored = vault.get(connection, WEBHOOKS)
    return SigningKeys(tuple(stored[name] for name in (SIGNING_KEY, PREVIOUS_KEY) if name in stored))


def store_key(vault: Vault, connection: str, key: str) -> SigningKeys:
    """Put a new key in force beside the one before it; an older one is forgotten.

    Args:
        vault: The installation's vault.
        connection: The connection's name.
        key: 32 to 64 plain characters. The same key again changes nothing.

    Raises:
        ConfigurationError: It cannot be a key; the message does not repeat it.
    """
    problem = key_problem(key)
    if problem:
        message = f"This cannot be a signing key of connection {connection}: {problem}."
        raise ConfigurationError(
            message, advice=f"A key has {SHORTEST_KEY} to {LONGEST_KEY} letters, digits or signs; --generate makes one."
        )
    before = signing_keys(vault, connection).keys
    if before[:1] == (key,):
        return SigningKeys(before)
    keys = (key, *before[:1])
    vault.put(connection, WEBHOOKS, dict(zip((SIGNING_KEY, PREVIOUS_KEY), keys, strict=False)))
    return SigningKeys(keys)


def retire_previous(vault: Vault, connection: str) -> bool:
    """Let only the newest key be in force.

    Args:
        vault: The installation's vault.
        connection: The connection's name.

    Returns:
        Whether there was another one.
    """
    keys = signing_keys(vault, connection).keys
    if len(keys) > 1:
        vault.put(connection, WEBHOOKS, {SIGNING_KEY: keys[0]})
    return len(keys) > 1
