"""Sums that alerts are made of, read from the journal without reading its documents one by one."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.alert_causes import DoubtfulFile
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.hold_queue import ReasonSum
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.reconciliation import effect_of

# A file that was being sent or posted when its process was killed is in doubt as well, though nobody could say so.
_DOUBTFUL = [FileState.IN_DOUBT.value, FileState.SENDING.value, FileState.POSTING.value]
_MOST_FILES = 1000


def doubtful_files(engine: Engine, connection: str, *, before: datetime) -> list[DoubtfulFile]:
    """Read the transaction files that have been in doubt since before a moment, the oldest first."""
    with engine.connect() as db:
        rows = db.execute(
            text(
                """
                SELECT batch, state, documents, amount, changed_at FROM journal.transaction_files
                WHERE connection = :connection AND state = ANY(:states) AND changed_at < :before
                ORDER BY changed_at, batch LIMIT :limit
                """
            ),
            {"connection": connection, "states": _DOUBTFUL, "before": before, "limit": _MOST_FILES},
        )
        return [DoubtfulFile(row[0], FileState(row[1]), *row[2:]) for row in rows]


def old_holds(
    engine: Engine, connection: str, *, before: datetime, leaving_out: Collection[HoldReason] = ()
) -> list[ReasonSum]:
    """Sum up by kind and reason what has been held since before a moment.

    Records without a readable date are among them, as in ``holds.held_documents``.

    Args:
        engine: The database.
        connection: The connection's name.
        before: Only what was held before.
        leaving_out: Reasons that do not count.
    """
    with engine.connect() as db:
        rows = db.execute(
            text(
                """
                SELECT kind, reason, true AS decided, count(*), sum(amount), min(since) FROM journal.outcomes
                WHERE connection = :connection AND outcome = 'held' AND since < :before AND NOT reason = ANY(:without)
                GROUP BY kind, reason
                UNION ALL
                SELECT record.kind, :unreadable, false, count(*),
                       sum(CASE WHEN latest.active THEN coalesce(latest.total, 0) ELSE 0 END), min(record.since)
                FROM staged.set_aside AS record JOIN raw.latest AS latest USING (connection, kind, record_id)
                WHERE record.connection = :connection AND record.business_day IS NULL AND record.since < :before
                  AND NOT :unreadable = ANY(:without)
                  AND NOT EXISTS (
                    SELECT FROM journal.outcomes AS outcome
                    WHERE outcome.connection = record.connection AND outcome.kind = record.kind
                      AND outcome.document_id = record.record_id)
                GROUP BY record.kind
                """
            ),
            {
                "connection": connection,
                "before": before,
                "without": [reason.value for reason in leaving_out],
                "unreadable": HoldReason.UNREADABLE.value,
            },
        ).all()
    found: dict[tuple[Kind, str], ReasonSum] = {}
    for kind, reason, decided, documents, amount, oldest in rows:
        key = (Kind(kind), reason)
        known = found.get(key)
        # What was never decided about states its total, not what that does to the books.
        part = ReasonSum(*key, documents, amount if decided else effect_of(key[0], amount), oldest)
        found[key] = part if known is None else _added(known, part)
    return list(found.values())


def _added(first: ReasonSum, second: ReasonSum) -> ReasonSum:
    return ReasonSum(
        first.kind,
        first.reason,
        first.documents + second.documents,
        first.amount + second.amount,
        min(first.oldest, second.oldest),
    )
