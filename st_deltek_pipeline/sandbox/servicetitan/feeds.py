"""Export feeds: continuation tokens and pages (servicetitan.md section 4).

A token names a position in a table's log of changes. It never expires, and it is signed so that a made-up or
foreign one is refused instead of read as some position.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import Protocol

from st_deltek_pipeline.sandbox.servicetitan.answers import bad_value
from st_deltek_pipeline.sandbox.servicetitan.instants import TICKS_PER_SECOND, TwinClock, parse_instant
from st_deltek_pipeline.sandbox.servicetitan.parameters import Parameters
from st_deltek_pipeline.sandbox.servicetitan.resource import Resource
from st_deltek_pipeline.sandbox.servicetitan.switches import ServiceTitanSwitches

_SIGNATURE_BYTES = 9


class ChangeLog(Protocol):
    """What a feed is read from; a ``Table`` is one."""

    @property
    def resource(self) -> Resource:
        """Whose feed it is."""
        ...

    @property
    def log_length(self) -> int:
        """The position behind the last change."""
        ...

    def position_at(self, ticks: int) -> int:
        """Return the position of the first change at or after an instant."""
        ...

    def changes(self, start: int, count: int, *, not_after: int | None = None) -> tuple[list[int], int, bool]:
        """Return ids of what has changed, the position to go on from, and whether there is more to have now."""
        ...

    def changes_before(self, end: int, count: int) -> list[int]:
        """Return ids of what has changed just before a position."""
        ...

    def exported(self, ids: Iterable[int]) -> bytes:
        """Return rows as the inside of a JSON array."""
        ...


class Feeds:
    """Serves the pages of all feeds of a tenant.

    Args:
        secret: What tokens are signed with; the same for the same tenant, so that tokens survive a restart.
        clock: The twin's time, for the lag of a feed.
    """

    def __init__(self, secret: str, clock: TwinClock) -> None:
        self._secret = secret.encode()
        self._clock = clock

    def page(self, table: ChangeLog, parameters: Parameters, switches: ServiceTitanSwitches) -> bytes:
        """Return one page as JSON.

        Args:
            table: The rows of the feed.
            parameters: ``from`` and ``includeRecentChanges``.
            switches: Page size, lag and repetition.

        Raises:
            ApiError: 400 for a ``from`` that is neither a token of this feed nor a date.
        """
        start = self._start(table, parameters.text("from"))
        recent = parameters.flag("includeRecentChanges") or False
        lag = None if recent else round(switches.export_lag_seconds * TICKS_PER_SECOND)
        not_after = self._clock.now() - lag if lag else None
        ids, position, more = table.changes(start, switches.export_page_size, not_after=not_after)
        if recent and ids and switches.recent_changes_repeat:
            ids = [*table.changes_before(start, switches.recent_changes_repeat), *ids]
        token = self.token(table, position).encode()
        has_more = b"true" if more else b"false"
        return b'{"hasMore":%b,"continueFrom":"%b","data":[%b]}' % (has_more, token, table.exported(ids))

    def token(self, table: ChangeLog, position: int) -> str:
        """Return the url-safe token of a position in a feed."""
        content = f"{table.resource.feed}:{position}".encode()
        return base64.urlsafe_b64encode(content + self._signature(content)).decode().rstrip("=")

    def _start(self, table: ChangeLog, given: str | None) -> int:
        if given is None:
            return 0
        try:
            return table.position_at(parse_instant(given))
        except ValueError:
            return self._position(table, given)

    def _position(self, table: ChangeLog, token: str) -> int:
        try:
            data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise bad_value(name="from", message="The continuation token is not valid.") from None
        content, signature = data[:-_SIGNATURE_BYTES], data[-_SIGNATURE_BYTES:]
        feed, _, position = content.decode("latin-1").partition(":")
        genuine = hmac.compare_digest(signature, self._signature(content)) and feed == table.resource.feed
        # A position behind the log is from a world that has had more changes than this one.
        if not genuine or int(position) > table.log_length:
            raise bad_value(name="from", message="The continuation token is not valid.")
        return int(position)

    def _signature(self, content: bytes) -> bytes:
        return hmac.digest(self._secret, content, hashlib.sha256)[:_SIGNATURE_BYTES]
