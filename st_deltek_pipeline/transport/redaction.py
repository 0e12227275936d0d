"""Takes secrets out of texts before anyone sees them, by their names and by their values."""

import html
import json
import re
import threading
from collections import deque
from urllib.parse import quote, quote_plus

STARS = "***"
_SHORTEST_SECRET = 4  # anything shorter would star out half of every text
_TOKENS_REMEMBERED = 32
_WINDOW = 8192

_NAMES = (
    r"access_?token|refresh_?token|id_?token|client_?secret|client_?id|pass_?word|passwd|user_?name|secret|token"
    r"|authorization|st-app-key|app_?key|api_?key|servicetitanapplicationkey"
)
_IN_JSON = re.compile(
    rf"""(?P<name>"(?:{_NAMES})"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|[^\s,}}\]"]+)""", re.IGNORECASE | re.DOTALL
)
# JSON inside a JSON string, and Python's own way of writing a dictionary.
_IN_STRING = re.compile(
    rf"""(?P<name>(?P<quote>\\+"|')(?:{_NAMES})(?P=quote)\s*:\s*)(?:(?P=quote).*?(?:(?P=quote)|\Z)|[^\s,}}\]\\']+)""",
    re.IGNORECASE | re.DOTALL,
)
_IN_FORM = re.compile(rf"(?P<name>\b(?:{_NAMES})=)[^&\s\"'<>]*", re.IGNORECASE)
_IN_HEADER = re.compile(r"(?P<name>\b(?:authorization|st-app-key)\s*:\s*)[^\r\n\"'<>]+", re.IGNORECASE)
_BEARER = re.compile(r"(?P<name>\bbearer\s+)[A-Za-z0-9._~+/=-]{4,}", re.IGNORECASE)


class Redactor:
    """Knows one system's secrets, and stars them out; its repr shows none.

    Args:
        secrets: Credentials that are known from the start.
    """

    def __init__(self, *secrets: str) -> None:
        self._lock = threading.Lock()
        self._fixed = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
        self._passing: deque[str] = deque(maxlen=_TOKENS_REMEMBERED)
        self._known, self._longest = _compile(self._fixed)

    def __repr__(self) -> str:
        return "Redactor(...)"

    def learn(self, *secrets: str) -> None:
        """Remember passing secrets (tokens); the oldest are forgotten after a while."""
        with self._lock:
            self._passing.extend(
                secret for secret in secrets if len(secret) >= _SHORTEST_SECRET and secret not in self._passing
            )
            self._known, self._longest = _compile(self._fixed.union(self._passing))

    def text(self, text: str) -> str:
        """Star out every secret of a text.

        Args:
            text: A body, a URL, a message.

        Returns:
            The text with ``***`` in place of what follows a secret's name, and of every known value in
            its raw, URL-encoded, JSON-escaped and HTML-escaped form.
        """
        if self._known is not None:
            text = self._known.sub(STARS, text)
        for pattern in (_IN_JSON, _IN_STRING, _IN_FORM, _IN_HEADER, _BEARER):
            text = pattern.sub(rf"\g<name>{STARS}", text)
        return text

    def excerpt(self, body: bytes, limit: int = 300) -> str:
        """Give the beginning of a body, redacted, on one line.

        Args:
            body: Any bytes.
            limit: Most characters.

        Returns:
            Readable text; control characters and runs of blanks are one blank.
        """
        shown = self.text(body[:_WINDOW].decode("utf-8", "replace"))
        if len(body) > _WINDOW:
            # A secret cut in two by the window's end has no full match; drop where its first half could be.
            shown = shown[: max(0, len(shown) - self._longest)]
        shown = re.sub(r"[\s\x00-\x1f\x7f]+", " ", shown).strip()
        return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _compile(secrets: set[str]) -> tuple[re.Pattern[str] | None, int]:
    forms: set[str] = set()
    for secret in secrets:
        forms.update(
            (
                secret,
                quote(secret, safe=""),
                quote_plus(secret),
                quote(secret),
                json.dumps(secret)[1:-1],
                json.dumps(secret, ensure_ascii=False)[1:-1],
                html.escape(secret),
            )
        )
    if not forms:
        return None, 0
    longest_first = sorted(forms, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE), len(longest_first[0])
