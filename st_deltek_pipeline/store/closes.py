"""Closes of business days as they were kept (``journal.closes``): added to, never changed. What they say is ``domain``'s."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.engine import Row

from st_deltek_pipeline.domain.close_changes import KeptClose, figures_hash, figures_of, report_of
from st_deltek_pipeline.domain.close_report import CloseReport, CloseState
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.domain.journal import Event, EventType
from st_deltek_pipeline.store.journal_transaction import JournalTransaction

_COLUMNS = (
    "business_day, number, made_at, run_id, state, verdict, is_over, journal_head, figures_hash"  # without the figures
)


def keep_close(engine: Engine, report: CloseReport, *, run_id: str) -> KeptClose:
    """Keep the report of one business day, and record in the journal's chain that and what was kept.

    Args:
        engine: The database.
        report: Of one business day.
        run_id: Who closes it.
    """
    figures = figures_of(report)
    digest = figures_hash(figures)
    with engine.begin() as db:
        # The chain's head is locked from here on, so two closes of a day cannot take one number.
        journal = JournalTransaction(db, report.connection, run_id)
        body = {
            "business_day": report.first.isoformat(),
            "state": report.state.value,
            "verdict": report.verdict,
            "figures_hash": digest,
        }
        journal.append([Event(EventType.DAY_CLOSED, body)])
        row = db.execute(
            text(
                f"""
                INSERT INTO journal.closes (connection, business_day, number, made_at, run_id, state, verdict, is_over,
                                            journal_head, figures, figures_hash)
                SELECT :connection, :day, 1 + coalesce(max(number), 0), :made_at, :run_id, :state, :verdict, :is_over,
                       :journal_head, :figures, :figures_hash
                FROM journal.closes WHERE connection = :connection AND business_day = :day
                RETURNING {_COLUMNS}
                """  # noqa: S608 (constants)
            ),
            {
                "connection": report.connection,
                "day": report.first,
                "made_at": report.made_at,
                "run_id": run_id,
                "state": report.state.value,
                "verdict": report.verdict,
                "is_over": report.over,
                "journal_head": report.journal.head,
                "figures": figures,
                "figures_hash": digest,
            },
        ).one()
    return _kept(row)


def closes_of_day(engine: Engine, connection: str, business_day: date) -> list[KeptClose]:
    """Read the closes of a business day, oldest first."""
    with engine.connect() as db:
        rows = db.execute(
            text(
                f"""
                SELECT {_COLUMNS} FROM journal.closes
                WHERE connection = :connection AND business_day = :day ORDER BY number
                """  # noqa: S608 (constants)
            ),
            {"connection": connection, "day": business_day},
        )
        return [_kept(row) for row in rows]


def latest_closes(engine: Engine, connections: Sequence[str], first: date, last: date) -> Mapping[str, list[KeptClose]]:
    """Read the newest close of every business day of a range that has one, by connection.

    Args:
        engine: The database.
        connections: Their names.
        first: First day.
        last: Last day.
    """
    found: dict[str, list[KeptClose]] = {name: [] for name in connections}
    with engine.connect() as db:
        rows = db.execute(
            text(
                f"""
                SELECT DISTINCT ON (connection, business_day) connection, {_COLUMNS} FROM journal.closes
                WHERE connection = ANY(:connections) AND business_day BETWEEN :first AND :last
                ORDER BY connection, business_day, number DESC
                """  # noqa: S608 (constants)
            ),
            {"connections": list(connections), "first": first, "last": last},
        )
        for row in rows:
            found[row.connection].append(_kept(row))
    return found


def close_report_of(engine: Engine, connection: str, kept: KeptClose) -> CloseReport:
    """Read what a close said.

    Raises:
        BrokenError: It is not what was kept then.
    """
    return close_reports(engine, connection, [kept])[0]


def close_reports(engine: Engine, connection: str, kept: Sequence[KeptClose]) -> list[CloseReport]:
    """Read what closes said, in one query and in their order.

    Raises:
        BrokenError: One of them is not what was kept then.
    """
    with engine.connect() as db:
        rows = db.execute(
            text(
                """
                SELECT business_day, number, figures FROM journal.closes
                JOIN unnest(CAST(:days AS date[]), CAST(:numbers AS integer[])) AS wanted (business_day, number)
                  USING (business_day, number)
                WHERE connection = :connection
                """
            ),
            {
                "connection": connection,
                "days": [each.business_day for each in kept],
                "numbers": [each.number for each in kept],
            },
        )
        figures = {(row.business_day, row.number): row.figures for row in rows}
    return [_report(connection, each, figures.get((each.business_day, each.number), "")) for each in kept]


def _report(connection: str, kept: KeptClose, figures: str) -> CloseReport:
    if figures_hash(figures) != kept.figures_hash:
        message = f"Close {kept.number} of {connection}'s {kept.business_day} is not what was kept then."
        raise BrokenError(message, advice="Somebody has changed the database. Restore journal.closes from a backup.")
    try:
        return report_of(figures)
    except ValueError as error:
        message = f"Close {kept.number} of {connection}'s {kept.business_day} cannot be read: {error}"
        raise BrokenError(message, advice="It was kept by a newer version of this program; use that one.") from None


def _kept(row: Row[Any]) -> KeptClose:
    return KeptClose(
        business_day=row.business_day,
        number=row.number,
        made_at=row.made_at,
        run_id=row.run_id,
        state=CloseState(row.state),
        verdict=row.verdict,
        over=row.is_over,
        journal_head=row.journal_head,
        figures_hash=row.figures_hash,
    )
