"""Rows of schema ``live``: notes of what has changed that decides about postings, until a run has decided with it.

A note is written in the transaction of the change and taken away by its number once a run that began after it has
succeeded. A note whose transaction commits late is therefore never missed, as a high-water mark would miss it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine, text


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What may give a connection work.

    Attributes:
        changes: Notes that no run has taken away.
        oldest: When the first of them was written; ``None`` without any.
        settings_version, business_day: What the last settling run decided with; ``None`` when none ever did.
    """

    changes: int
    oldest: datetime | None
    settings_version: str | None
    business_day: date | None

    def why(self, settings_version: str, business_day: date) -> str:
        """Say why days may have to be decided again; empty when nothing has changed since they were.

        Args:
            settings_version: Of the connection's file now.
            business_day: Today's.
        """
        if self.changes and self.oldest is not None:
            return f"{self.changes:,} changes since {self.oldest:%Y-%m-%d %H:%M:%S} UTC"
        if self.settings_version is None:
            return "no run has settled this connection yet"
        if self.settings_version != settings_version:
            return "the connection's rules or posting settings have changed"
        if self.business_day is not None and self.business_day < business_day:
            return f"{business_day} is a new business day"
        return ""


def note_change(db: Connection, connection: str, what: str, *, run_id: str) -> None:
    """Note that something has changed that may give a connection work.

    Args:
        db: The transaction that changes it.
        connection: The connection's name.
        what: For people: the table or kind of record.
        run_id: Who changes it.
    """
    db.execute(
        text("INSERT INTO live.changes (connection, what, run_id) VALUES (:connection, :what, :run_id)"),
        {"connection": connection, "what": what, "run_id": run_id},
    )


def unsettled(engine: Engine, connection: str) -> Unsettled:
    """Return what has changed since a connection's days were last decided.

    Args:
        engine: The database.
        connection: The connection's name.
    """
    with engine.connect() as db:
        row = db.execute(
            text(
                """
                SELECT noted.changes, noted.oldest, settled.settings_version, settled.business_day
                FROM (
                    SELECT count(*) AS changes, min(noted_at) AS oldest
                    FROM live.changes WHERE connection = :connection
                ) AS noted
                LEFT JOIN live.settled AS settled ON settled.connection = :connection
                """
            ),
            {"connection": connection},
        ).one()
    return Unsettled(*row)


def noted(engine: Engine, connection: str) -> list[int]:
    """Return the numbers of a connection's notes; ask before looking at what they are about."""
    with engine.connect() as db:
        return list(
            db.scalars(
                text("SELECT change_no FROM live.changes WHERE connection = :connection"), {"connection": connection}
            )
        )


def forget(db: Connection, connection: str, numbers: Sequence[int]) -> None:
    """Take notes away whose changes have been decided about.

    Args:
        db: An open transaction.
        connection: The connection's name.
        numbers: What ``noted`` gave before the deciding began.
    """
    if numbers:
        db.execute(
            text("DELETE FROM live.changes WHERE connection = :connection AND change_no = ANY(:numbers)"),
            {"connection": connection, "numbers": list(numbers)},
        )


def forget_of_run(db: Connection, connection: str, run_id: str) -> None:
    """Take away the notes of one run's own changes, which it has decided about itself."""
    db.execute(
        text("DELETE FROM live.changes WHERE connection = :connection AND run_id = :run_id"),
        {"connection": connection, "run_id": run_id},
    )


def settle(db: Connection, connection: str, *, settings_version: str, business_day: date, run_id: str) -> None:
    """Remember that every day was decided.

    Args:
        db: The transaction that forgets the notes.
        connection: The connection's name.
        settings_version: Of the connection's file, as it was decided with.
        business_day: Today's, when the deciding began.
        run_id: Who did.
    """
    db.execute(
        text(
            """
            INSERT INTO live.settled (connection, settings_version, business_day, run_id)
            VALUES (:connection, :settings_version, :business_day, :run_id)
            ON CONFLICT (connection) DO UPDATE SET
                settings_version = excluded.settings_version, business_day = excluded.business_day,
                settled_at = now(), run_id = excluded.run_id
            """
        ),
        {
            "connection": connection,
            "settings_version": settings_version,
            "business_day": business_day,
            "run_id": run_id,
        },
    )
