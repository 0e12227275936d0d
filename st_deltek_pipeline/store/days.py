"""Which business days have work: documents that no plan has decided about yet, or that may be released by now.

A day is staged in one run and planned in the next step; when the process dies in between, nothing is pending and
nothing is under way, and only this comparison still knows of the day.
"""

from collections.abc import Collection
from datetime import date

from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.holds import HoldReason
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


APPLIED_BY = {Kind.PAYMENT: "staged.payment_applications", Kind.CREDIT_MEMO: "staged.credit_memo_splits"}
"""Where it is staged which invoices the documents of a kind are applied to."""


def days_with_posted_targets(engine: Engine, connection: str, kind: Kind) -> list[date]:
    """Return the business days with a document that waits for invoices, all of which are posted by now.

    Args:
        engine: The database.
        connection: The connection's name.
        kind: The kind of document; one that is applied to no invoices waits for none.
    """
    applied_by = APPLIED_BY.get(kind)
    if applied_by is None:
        return []
    statement = f"""
        SELECT DISTINCT waiting.business_day
        FROM journal.outcomes AS waiting
        WHERE waiting.connection = :connection AND waiting.kind = :kind AND waiting.outcome = 'held'
          AND waiting.reason = 'waiting_for_invoice' AND waiting.business_day IS NOT NULL
          AND NOT EXISTS (
            SELECT FROM {applied_by} AS applied
            LEFT JOIN journal.outcomes AS target
              ON target.connection = applied.connection AND target.kind = 'invoice'
             AND target.document_id = applied.invoice_id
            WHERE applied.connection = waiting.connection AND applied.document_id = waiting.document_id
              AND target.outcome IS DISTINCT FROM 'posted')
        ORDER BY business_day
    """  # noqa: S608 (constants)
    with engine.connect() as db:
        return list(db.scalars(text(statement), {"connection": connection, "kind": kind.value}))


def days_held_for(engine: Engine, connection: str, kind: Kind, reasons: Collection[HoldReason]) -> list[date]:
    """Return the business days with a document that is held for one of some reasons.

    Args:
        engine: The database.
        connection: The connection's name.
        kind: The kind of document.
        reasons: The reasons.
    """
    statement = text(
        """
        SELECT DISTINCT business_day FROM journal.outcomes
        WHERE connection = :connection AND kind = :kind AND outcome = 'held' AND reason = ANY(:reasons)
          AND business_day IS NOT NULL
        ORDER BY business_day
        """
    )
    parameters = {"connection": connection, "kind": kind.value, "reasons": [reason.value for reason in reasons]}
    with engine.connect() as db:
        return list(db.scalars(statement, parameters))
