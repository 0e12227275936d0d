"""When somebody is told about a cause, and when not again. Which causes there are is ``alert_causes``.

One cause is one alert: told when it begins, again as a reminder while it lasts, and once when it has been gone for a while.
A cause that comes and goes is told less and less often as having gone, so that it cannot flood anybody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

GONE_FOR = timedelta(minutes=15)
"""How long a cause must be gone before it counts as over; doubled each time it comes back soon after."""

MOST_SUBJECTS = 20
"""How many subjects an alert names; the others are counted."""

_MOST_DOUBLINGS = 20


class Severity(StrEnum):
    """How soon a person should look; stored, so a value never changes its meaning."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"


class Told(StrEnum):
    """What a message says of its alert; part of the webhook's type, so a value never changes its meaning."""

    OPENED = "opened"
    REMINDER = "reminder"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Alert:
    """One cause that needs a person.

    Attributes:
        connection: The connection's name.
        cause: What makes it this alert and no other, for example ``in_doubt``.
        title: One line.
        what_happened: With the figures of now.
        what_to_do: The next step.
        since: When the cause began.
        subjects: What it concerns, such as transaction files or runs; at most ``MOST_SUBJECTS``.
        count: How many there are in all.
        explained_by: Causes of which this one is a mere consequence: while one of them is there, nobody is told of this.
    """

    connection: str
    cause: str
    severity: Severity
    title: str
    what_happened: str
    what_to_do: str
    since: datetime
    subjects: tuple[str, ...] = ()
    count: int = 0
    explained_by: frozenset[str] = frozenset()


@dataclass(frozen=True)
class KnownAlert:
    """An alert and its history.

    Attributes:
        alert: As last seen.
        first_seen: When this opening of it was first seen.
        last_told: When a message about this opening was last made; ``None`` when there was nobody to tell.
        resolved_at: ``None`` while it is open.
        openings: How often it has come back without a long pause, this time included.
    """

    alert: Alert
    first_seen: datetime
    last_seen: datetime
    last_told: datetime | None
    resolved_at: datetime | None = None
    openings: int = 1

    @property
    def is_open(self) -> bool:
        """Whether it has not been resolved."""
        return self.resolved_at is None


@dataclass(frozen=True)
class Change:
    """A new state of an alert to be stored, and what is to be told about it, if anything."""

    known: KnownAlert
    told: Told | None = None


def one_per_cause(found: Iterable[Alert]) -> dict[str, Alert]:
    """Make one alert of all that have the same cause.

    Args:
        found: Alerts of one connection, in any number and order.

    Returns:
        By cause, in the order in which they were found. The gravest names the title, the first what to do; what happened is
        told of all.
    """
    merged: dict[str, Alert] = {}
    for alert in found:
        earlier = merged.get(alert.cause)
        merged[alert.cause] = alert if earlier is None else _joined(earlier, alert)
    return merged


def decide(
    found: Iterable[Alert],
    known: Iterable[KnownAlert],
    *,
    now: datetime,
    remind_after: timedelta,
    somebody_listens: bool = True,
) -> tuple[Change, ...]:
    """Decide what is told.

    Args:
        found: What is wrong now, of one connection.
        known: The alerts of the connection that are stored, resolved ones included.
        now: The present moment.
        remind_after: How long after a message about an open alert the next one is due.
        somebody_listens: There is a channel to tell it on.

    Returns:
        Every alert whose state changes, those found first.
    """
    present = one_per_cause(found)
    stored = {each.alert.cause: each for each in known}
    changes = [
        _seen(alert, stored.get(cause), present, now=now, remind_after=remind_after, listening=somebody_listens)
        for cause, alert in present.items()
    ]
    gone = (each for cause, each in stored.items() if each.is_open and cause not in present)
    changes += [
        Change(replace(each, resolved_at=now), Told.RESOLVED if somebody_listens and each.last_told else None)
        for each in gone
        if now - each.last_seen >= _gone_for(each.openings, remind_after)
    ]
    return tuple(change for change in changes if change is not None)


def _seen(
    alert: Alert,
    stored: KnownAlert | None,
    present: Mapping[str, Alert],
    *,
    now: datetime,
    remind_after: timedelta,
    listening: bool,
) -> Change | None:
    explained = bool(alert.explained_by & present.keys())
    if stored is None or stored.resolved_at is not None:
        if explained:
            return None
        soon = stored is not None and stored.resolved_at is not None and now - stored.resolved_at < remind_after
        openings = stored.openings + 1 if stored is not None and soon else 1
        opened = KnownAlert(alert, now, now, now if listening else None, openings=openings)
        return Change(opened, Told.OPENED if listening else None)
    seen = replace(stored, alert=alert, last_seen=now)
    if explained or not listening:
        return Change(seen)
    if stored.last_told is None:
        return Change(replace(seen, last_told=now), Told.OPENED)
    if now - stored.last_told >= remind_after:
        return Change(replace(seen, last_told=now), Told.REMINDER)
    return Change(seen)


def _gone_for(openings: int, remind_after: timedelta) -> timedelta:
    return min(GONE_FOR * 2 ** min(openings - 1, _MOST_DOUBLINGS), remind_after)


def _joined(first: Alert, second: Alert) -> Alert:
    order = list(Severity)
    gravest = min(first, second, key=lambda alert: order.index(alert.severity))
    subjects = tuple(dict.fromkeys((*first.subjects, *second.subjects)))
    told = dict.fromkeys((first.what_happened, second.what_happened))
    return replace(
        first,
        severity=gravest.severity,
        title=gravest.title,
        what_happened=" ".join(told),
        since=min(first.since, second.since),
        subjects=subjects[:MOST_SUBJECTS],
        count=first.count + second.count,
        # Only what is explained on all sides is a mere consequence.
        explained_by=first.explained_by & second.explained_by,
    )
