"""Canonical JSON: the same value gives the same bytes on every machine, with amounts written exactly."""

import hashlib
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(order="deterministic", decimal_format="number")


def canonical_json(value: Any) -> str:  # noqa: ANN401 - any JSON-shaped value
    """Write a value with sorted keys, no spaces, and Decimals as exact JSON numbers.

    Raises:
        TypeError: The value holds something JSON has no form for.
    """
    return _ENCODER.encode(value).decode()


def sha256_hex(text: str) -> str:
    """Return the 64 hex digits of a text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()
