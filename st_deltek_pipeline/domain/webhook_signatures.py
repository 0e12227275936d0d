"""Signatures of webhooks: HMAC-SHA256 over the bytes of a body, written as hex or base64.

ServiceTitan publishes neither the header's name nor the encoding (servicetitan.md section 6), so both are settings.
Which headers are looked at, and where keys are kept, is decided elsewhere.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

# What ServiceTitan's developer portal takes (section 6).
SHORTEST_KEY, LONGEST_KEY = 32, 64

# 64 hexadecimal digits after a prefix; nothing longer can be one.
_LONGEST_WRITTEN = 80
_DIGEST_BYTES = hashlib.sha256().digest_size
_PREFIX = "sha256="
_HEX = re.compile(r"[0-9A-Fa-f]{64}")
_BASE64 = re.compile(r"[0-9A-Za-z+/]{43}=")
_KEY = re.compile(r"[!-~]+")


class SignatureEncoding(StrEnum):
    """How the 32 bytes of a signature are written."""

    HEX = "hex"
    BASE64 = "base64"


def key_problem(key: str) -> str:
    """Say why a text cannot be a signing key, without repeating it; empty when it can.

    Args:
        key: As typed.
    """
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        return f"it has {len(key)} characters, not {SHORTEST_KEY} to {LONGEST_KEY}"
    if not _KEY.fullmatch(key):
        return "it has a space in it, or a character that is not plain ASCII"
    return ""


def signature(body: bytes, key: str, encoding: SignatureEncoding, *, prefix: bool = False) -> str:
    """Sign a body.

    Args:
        body: The bytes as they are sent.
        key: The signing key; its characters are the key's bytes (assumed, section 6).
        encoding: How to write it.
        prefix: Begin with ``sha256=``.
    """
    digest = _digest(body, key)
    written = digest.hex() if encoding is SignatureEncoding.HEX else base64.b64encode(digest).decode()
    return f"{_PREFIX}{written}" if prefix else written


def is_signed(
    body: bytes, keys: Sequence[str], headers: Iterable[bytes], encodings: Collection[SignatureEncoding]
) -> bool:
    """Say whether one of some headers signs a body with one of the keys; in any doubt it does not.

    Every key is compared with every header, each in constant time, so that the time says nothing about either.

    Args:
        body: The bytes as they were sent.
        keys: The keys in force.
        headers: Values as sent; anything at all may be in them.
        encodings: The ones to accept.
    """
    given = [digest for value in headers for digest in _digests(value, encodings)]
    wanted = [_digest(body, key) for key in keys]
    matches = [hmac.compare_digest(one, other) for one in given for other in wanted]
    return any(matches)


def _digest(body: bytes, key: str) -> bytes:
    return hmac.new(key.encode(), body, hashlib.sha256).digest()


def _digests(value: bytes, encodings: Collection[SignatureEncoding]) -> list[bytes]:
    """Read a header; a value that is no signature has none."""
    if len(value) > _LONGEST_WRITTEN:
        return []
    text = value.decode("latin-1").strip(" \t")
    if text[: len(_PREFIX)].lower() == _PREFIX:
        text = text[len(_PREFIX) :]
    found: list[bytes] = []
    if SignatureEncoding.HEX in encodings and _HEX.fullmatch(text):
        found.append(bytes.fromhex(text))
    if SignatureEncoding.BASE64 in encodings and _BASE64.fullmatch(text):
        found.append(binascii.a2b_base64(text))
    return [each for each in found if len(each) == _DIGEST_BYTES]
