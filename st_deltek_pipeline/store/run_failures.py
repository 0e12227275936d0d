"""Rows of ``alerts.run_failures``: work that failed in Dagster's runs, until the same work succeeds.

Dagster's log cannot be asked for this: it may be pruned, and knows no connection of a run that was started by "Materialize".
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.run_failures import FORGOTTEN_AFTER, DoneWork, FailedWork


def record(db: Connection, connection: str, failed: Iterable[FailedWork], done: Iterable[DoneWork]) -> None:
    """Record what failed, and what was done since and so makes earlier failures good.

    Recording the same again changes nothing, so runs may be read with an overlap.

    Args:
        db: An open transaction.
        connection: The connection's name.
        failed: Of runs that ended.
        done: Likewise, in any order.
    """
    rows = [
        {
            "connection": connection,
            "run_id": each.run_id,
            "work": each.work,
            "error_class": each.error_class,
            "system": each.system,
            "what_happened": each.what_happened,
            "what_next": each.what_next,
            "failed_at": each.failed_at,
        }
        for each in failed
    ]
    if rows:
        db.execute(
            text(
                """
                INSERT INTO alerts.run_failures (connection, run_id, work, error_class, system, what_happened, what_next,
                    failed_at)
                VALUES (:connection, :run_id, :work, :error_class, :system, :what_happened, :what_next, :failed_at)
                ON CONFLICT (connection, run_id, work) DO NOTHING
                """
            ),
            rows,
        )
    goods = [
        {"connection": connection, "work": sorted(each.work), "done_at": each.done_at} for each in done if each.work
    ]
    if goods:
        db.execute(
            text(
                """
                UPDATE alerts.run_failures SET made_good_at = :done_at
                WHERE connection = :connection AND made_good_at IS NULL AND failed_at <= :done_at AND work = ANY(:work)
                """
            ),
            goods,
        )


def forget(db: Connection, connection: str, *, now: datetime) -> None:
    """Delete failures that are told of no more."""
    db.execute(
        text("DELETE FROM alerts.run_failures WHERE connection = :connection AND failed_at < :old"),
        {"connection": connection, "old": now - FORGOTTEN_AFTER},
    )


def standing(engine: Engine, connection: str) -> list[FailedWork]:
    """Read what failed and was not made good, the oldest first."""
    with engine.connect() as db:
        rows = db.execute(
            text(
                """
                SELECT run_id, work, error_class, system, what_happened, what_next, failed_at FROM alerts.run_failures
                WHERE connection = :connection AND made_good_at IS NULL ORDER BY failed_at, run_id, work
                """
            ),
            {"connection": connection},
        )
        return [FailedWork(*row) for row in rows]
