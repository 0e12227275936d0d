"""What is worth an alert, and how it is told: facts of one kind become one ``Alert`` that says what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from st_deltek_pipeline.domain.alerts import MOST_SUBJECTS, Alert, Severity
from st_deltek_pipeline.domain.chain_check import ChainBreak
from st_deltek_pipeline.domain.hold_queue import ReasonSum
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.money import shown
from st_deltek_pipeline.domain.run_failures import FailedWork

IN_DOUBT = "in_doubt"
CHAIN_BREAK = "chain_break"
OLD_HOLDS = "old_holds"
WEBHOOK_SILENCE = "webhook_silence"
FEED_LAG = "feed_lag"

SERVICETITAN = "ServiceTitan"

_IN_DOUBT_ERROR = "InDoubtError"
_MOST_REASONS = 8


@dataclass(frozen=True)
class DoubtfulFile:
    """A transaction file of which nobody knows whether Vantagepoint has it.

    Attributes:
        since: When its state last changed.
    """

    batch: str
    state: FileState
    documents: int
    amount: Decimal
    since: datetime


def run_failures(connection: str, failed: Sequence[FailedWork]) -> list[Alert]:
    """Make alerts of what failed and was not made good: one for each class of error and system.

    An in-doubt error is no alert of its own but part of the one about files in doubt.

    Args:
        connection: The connection's name.
        failed: In any order.
    """
    groups: dict[str, list[FailedWork]] = {}
    for each in sorted(failed, key=lambda work: (work.failed_at, work.run_id, work.work)):
        groups.setdefault(failure_cause(each.error_class, each.system), []).append(each)
    return [_run_failure(connection, cause, works) for cause, works in groups.items()]


def failure_cause(error_class: str, system: str) -> str:
    """Name the cause of runs that failed with one class of error on one system's side."""
    return IN_DOUBT if error_class == _IN_DOUBT_ERROR else f"run_failure:{error_class}:{system}"


def in_doubt(connection: str, files: Sequence[DoubtfulFile]) -> list[Alert]:
    """Make one alert of all files that have been in doubt for too long; none of no files."""
    if not files:
        return []
    since = min(file.since for file in files)
    documents = sum(file.documents for file in files)
    batches = [file.batch for file in sorted(files, key=lambda file: (file.since, file.batch))]
    return [
        Alert(
            connection,
            IN_DOUBT,
            Severity.ERROR,
            f"{_some(len(files), 'transaction file')} in doubt",
            f"{_some(len(files), 'transaction file')} with {_some(documents, 'document')} left for Vantagepoint and no "
            f"clear answer came, since {_moment(since)}: {_listed(batches)}.",
            f"Nothing is sent again before it is known. The next run reads Vantagepoint and settles it: materialize the "
            f"business day again, or run st-deltek sync {connection}. If it stays in doubt, look in Vantagepoint for the "
            "file by its name.",
            since,
            subjects=tuple(batches[:MOST_SUBJECTS]),
            count=len(files),
        )
    ]


def chain_break(connection: str, found: ChainBreak | None, *, now: datetime) -> list[Alert]:
    """Make an alert of a broken hash chain."""
    if found is None:
        return []
    return [
        Alert(
            connection,
            CHAIN_BREAK,
            Severity.CRITICAL,
            "The journal was changed behind the program's back",
            f"The journal's hash chain is broken: {found.words}. The database refuses such changes, so somebody with "
            "an administrator's rights made it, or the disk is damaged.",
            f"Stop posting for this connection, keep a copy of the database, and compare with the last backup from "
            f"event {found.sequence} on. See the whole journal checked: st-deltek alerts check-journal {connection}",
            now,
            subjects=(f"event {found.sequence}",),
            count=1,
        )
    ]


def old_holds(connection: str, sums: Sequence[ReasonSum], *, hours: int) -> list[Alert]:
    """Make one alert of all documents held for longer than ``hours``, with counts by reason."""
    if not sums:
        return []
    documents = sum(each.documents for each in sums)
    most_first = sorted(sums, key=lambda each: (-each.documents, each.kind.value, each.reason))
    parts = [
        f"{each.documents} {each.kind.value} {each.reason} ({shown(each.amount)})"
        for each in most_first[:_MOST_REASONS]
    ]
    further = len(most_first) - len(parts)
    return [
        Alert(
            connection,
            OLD_HOLDS,
            Severity.WARNING,
            f"{_some(documents, 'document')} held for more than {hours} hours",
            f"{_some(documents, 'document')} held for more than {hours} hours: {', '.join(parts)}"
            + (f" and {_some(further, 'other reason')}." if further else "."),
            f"{most_first[0].advice} All of them, with what releases each: st-deltek holds list {connection}",
            min(each.oldest for each in sums),
            subjects=tuple(f"{each.kind.value}:{each.reason}" for each in most_first[:MOST_SUBJECTS]),
            count=documents,
        )
    ]


def webhook_silence(
    connection: str, last_received: datetime | None, *, now: datetime, hours: int | None
) -> list[Alert]:
    """Make an alert when webhooks came once and have stopped; where none ever came there is nothing to miss."""
    if hours is None or last_received is None or now - last_received <= timedelta(hours=hours):
        return []
    return [
        Alert(
            connection,
            WEBHOOK_SILENCE,
            Severity.WARNING,
            f"No webhook of ServiceTitan for more than {hours} hours",
            f"The last rightly signed webhook came {_moment(last_received)}. Nothing is lost: the feeds are polled as "
            "well, but changes arrive later.",
            "Check that the receiver runs and is reachable from outside, and in ServiceTitan's developer portal whether "
            "the webhook is still active and what its deliveries were answered.",
            last_received,
            count=1,
        )
    ]


def feed_lag(
    connection: str,
    read_at: Mapping[str, datetime],
    failed: Sequence[FailedWork],
    *,
    now: datetime,
    minutes: int | None,
) -> list[Alert]:
    """Make one alert of all feeds that were not read to their end for too long.

    While runs fail on ServiceTitan's side this is a mere consequence, and not told of.

    Args:
        connection: The connection's name.
        read_at: When each feed was last read to its end; one that never was is not late but has not begun.
        failed: What failed and was not made good.
        now: The present moment.
        minutes: How long is too long; ``None`` for never.
    """
    if minutes is None:
        return []
    late = {name: moment for name, moment in read_at.items() if now - moment > timedelta(minutes=minutes)}
    if not late:
        return []
    names = sorted(late, key=lambda name: (late[name], name))
    since = late[names[0]]
    return [
        Alert(
            connection,
            FEED_LAG,
            Severity.ERROR,
            f"{_some(len(late), 'feed')} of ServiceTitan not read for more than {minutes} minutes",
            f"Not read to the end for more than {minutes} minutes: {_listed(names)}; the oldest since {_moment(since)}.",
            f"Check that Dagster's daemon runs and the schedules of {connection} are on, and look at the latest runs of "
            f"{connection}_take_in. By hand: st-deltek sync {connection}",
            since,
            subjects=tuple(names[:MOST_SUBJECTS]),
            count=len(late),
            explained_by=frozenset(
                failure_cause(each.error_class, each.system) for each in failed if each.system == SERVICETITAN
            ),
        )
    ]


def _run_failure(connection: str, cause: str, works: Sequence[FailedWork]) -> Alert:
    latest = works[-1]
    runs = list(dict.fromkeys(work.run_id for work in reversed(works)))
    since = works[0].failed_at
    log = f"The log is in Dagster's UI, run {latest.run_id[:8]}."
    return Alert(
        connection,
        cause,
        Severity.ERROR,
        f"{_some(len(runs), 'run')} failed: {latest.error_class}, {latest.system}",
        f"{_some(len(runs), 'run')} failed since {_moment(since)} and nothing has made it good. "
        f"{latest.what_happened}".strip(),
        f"{latest.what_next} {log}".strip(),
        since,
        subjects=tuple(runs[:MOST_SUBJECTS]),
        count=len(runs),
    )


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    named = ", ".join(names[:MOST_SUBJECTS])
    return named if len(names) <= MOST_SUBJECTS else f"{named} and {len(names) - MOST_SUBJECTS} more"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
