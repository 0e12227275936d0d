"""Signatures of outgoing webhooks by the Standard Webhooks scheme, version 1.0.0, section "Signature scheme".

What is signed is ``id.timestamp.body``; a secret is ``whsec_`` and base64 of 24 to 64 random bytes. Several secrets may be
in force while one is being replaced: each gives a signature, and the receiver accepts any it knows.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from st_deltek_pipeline.domain.errors import CredentialsError

SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, no secret
SHORTEST_KEY = 24
LONGEST_KEY = 64


def signing_keys(secret: str) -> tuple[bytes, ...]:
    """Read the keys of a signing secret.

    Args:
        secret: ``whsec_...``; several, separated by commas, while one is being replaced.

    Returns:
        The keys, in the order given.

    Raises:
        CredentialsError: One of them is no such secret; its text is not repeated.
    """
    return tuple(_key(part.strip()) for part in secret.split(","))


def signature(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Build the value of the header ``webhook-signature``.

    Args:
        keys: From ``signing_keys``.
        message_id: The header ``webhook-id``.
        timestamp: The header ``webhook-timestamp``: seconds since 1970 of this attempt.
        body: The bytes that are sent.

    Returns:
        ``v1,`` and base64 for each key, separated by a space.
    """
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return " ".join(f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}" for key in keys)


def secret_of(key: bytes) -> str:
    """Write a key the way the scheme does."""
    return f"{SECRET_PREFIX}{base64.b64encode(key).decode()}"


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        message = "The signing secret of alerts is not one of the Standard Webhooks scheme."
        advice = (
            f"It is {SECRET_PREFIX} and base64 of {SHORTEST_KEY} to {LONGEST_KEY} bytes: st-deltek alerts secret --help"
        )
        raise CredentialsError(message, advice=advice)
    return key
