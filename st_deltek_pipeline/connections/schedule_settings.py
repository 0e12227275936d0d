"""When a connection's systems are read without being asked to: the ``schedules`` block of its file."""

import re
import zlib
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

OFF = "off"

_FIELDS = 5
_FIELD = re.compile(r"^[0-9A-Za-z*/,\-]+$")


def _cron(text: str) -> str:
    if text == OFF:
        return text
    fields = text.split()
    if len(fields) != _FIELDS or not all(_FIELD.match(field) for field in fields):
        message = f"{text!r} is not a cron schedule of five fields (minute hour day month weekday), such as '*/10 * * * *', or off"
        raise ValueError(message)
    return " ".join(fields)


Cron = Annotated[str, AfterValidator(_cron)]


class ScheduleSettings(BaseModel):
    """Cron schedules in the connection's time zone, or ``off``.

    What is not given is spread over the minutes by the connection's name, so that many connections do not poll at once.

    Attributes:
        feeds: When all feeds and lists of ServiceTitan are polled; every ten minutes when not given.
        feeds_by_name: Feeds with a schedule of their own, by their name (``raw_NAME`` in Dagster).
        reference: When Vantagepoint's master data is read; hourly when not given.
        rescan: When the feeds are read again over a while back; nightly at two when not given.
        rescan_days: How far back a rescan reaches, by ServiceTitan's dates of modification.
        close: When the business day before is run once more and tied out; half past midnight when not given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    feeds: Cron | None = None
    feeds_by_name: Mapping[str, Cron] = Field(default_factory=dict)
    reference: Cron | None = None
    rescan: Cron | None = None
    rescan_days: int = Field(default=35, ge=1, le=3660)
    close: Cron | None = None

    def feeds_cron(self, connection: str) -> str:
        """Return when feeds without a schedule of their own are polled.

        Args:
            connection: The connection's name.
        """
        return self.feeds or f"{_spread(connection, 10)}-59/10 * * * *"

    def feed_cron(self, connection: str, feed: str) -> str:
        """Return when one feed is polled.

        Args:
            connection: The connection's name.
            feed: The feed's name.
        """
        return self.feeds_by_name.get(feed) or self.feeds_cron(connection)

    def reference_cron(self, connection: str) -> str:
        """Return when Vantagepoint's master data is read.

        Args:
            connection: The connection's name.
        """
        return self.reference or f"{_spread(connection, 60)} * * * *"

    def rescan_cron(self, connection: str) -> str:
        """Return when the feeds are read again over a while back.

        Args:
            connection: The connection's name.
        """
        return self.rescan or f"{_spread(connection, 60)} 2 * * *"

    def close_cron(self, connection: str) -> str:
        """Return when the business day before is closed.

        Args:
            connection: The connection's name.
        """
        return self.close or f"{30 + _spread(connection, 30)} 0 * * *"


def _spread(connection: str, minutes: int) -> int:
    return zlib.crc32(connection.encode()) % minutes
