"""Which business days have documents that no plan has decided about yet, and which days some documents are on.

A day is staged in one run and planned in the next step; when the process dies in between, nothing is pending and
nothing is under way, and only this comparison still knows of the day.
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Engine, Row, text

from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.store.staged_tables import TABLES


def undecided_days(engine: Engine, connection: str, kind: Kind) -> list[date]:
    """Return the business days with a staged revision, or a record set aside, that has no outcome.

    Args:
        engine: The database.
        connection: The connection's name.
        kind: The kind of document.
    """
    statement = f"""
        SELECT staged.business_day
        FROM {TABLES[kind].table} AS staged
        LEFT JOIN journal.outcomes AS decided
          ON decided.connection = staged.connection AND decided.kind = :kind
         AND decided.document_id = staged.document_id
        WHERE staged.connection = :connection AND decided.revision_hash IS DISTINCT FROM staged.revision_hash
        UNION
        SELECT aside.business_day
        FROM staged.set_aside AS aside
        LEFT JOIN journal.outcomes AS decided
          ON decided.connection = aside.connection AND decided.kind = :kind AND decided.document_id = aside.record_id
        WHERE aside.connection = :connection AND aside.kind = :kind AND aside.business_day IS NOT NULL
          AND decided.reason IS DISTINCT FROM 'unreadable'
        ORDER BY business_day
    """  # noqa: S608 (constants)
    with engine.connect() as db:
        return list(db.scalars(text(statement), {"connection": connection, "kind": kind.value}))


def days_of_documents(engine: Engine, connection: str, kind: Kind, document_ids: Sequence[int]) -> list[date]:
    """Return the business days that some documents are staged on, or were decided about on.

    Args:
        engine: The database.
        connection: The connection's name.
        kind: The kind of document.
        document_ids: ServiceTitan's ids.
    """
    return sorted({row.business_day for row in _staged_or_decided(engine, connection, kind, document_ids)})


def days_by_document(
    engine: Engine, connection: str, kind: Kind, document_ids: Sequence[int], calendar: BusinessCalendar
) -> dict[int, set[date]]:
    """Return for each document the business days it may be on: by its latest record, as staged, and as decided about.

    Args:
        engine: The database.
        connection: The connection's name.
        kind: The kind of document.
        document_ids: ServiceTitan's ids; unknown ones are left out.
        calendar: The connection's calendar.
    """
    found: dict[int, set[date]] = {}
    for row in _staged_or_decided(engine, connection, kind, document_ids):
        found.setdefault(row.document_id, set()).add(row.business_day)
    statement = text(
        """
        SELECT record_id, document_date FROM raw.latest
        WHERE connection = :connection AND kind = :kind AND record_id = ANY(:ids) AND document_date IS NOT NULL
        """
    )
    with engine.connect() as db:
        for record_id, document_date in db.execute(
            statement, {"connection": connection, "kind": kind.value, "ids": list(document_ids)}
        ):
            found.setdefault(record_id, set()).add(calendar.business_day(document_date))
    return found


def _staged_or_decided(
    engine: Engine, connection: str, kind: Kind, document_ids: Sequence[int]
) -> Sequence[Row[tuple[int, date]]]:
    statement = f"""
        SELECT document_id, business_day FROM {TABLES[kind].table}
        WHERE connection = :connection AND document_id = ANY(:ids)
        UNION
        SELECT document_id, business_day FROM journal.outcomes
        WHERE connection = :connection AND kind = :kind AND document_id = ANY(:ids) AND business_day IS NOT NULL
    """  # noqa: S608 (constants)
    parameters = {"connection": connection, "kind": kind.value, "ids": list(document_ids)}
    with engine.connect() as db:
        return db.execute(text(statement), parameters).all()
