"""The figures a tie-out compares, each from its own source: payloads as sent, our journal, the ledger read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.reconciliation import effect_of


@dataclass(frozen=True)
class DocumentFigures:
    """One document's figures.

    Attributes:
        document_date: ``None`` when the payload's date is not readable.
        total: The payload's own total with the document's sign; 0.00 for what was voided or states none.
        outcome: The recorded outcome's name, ``None`` when the document has none.
        outside: What the outcome says is not in the ledger.
        project: The outcome's project.
    """

    document_id: int
    document_date: date | None
    total: Decimal
    outcome: str | None
    reason: str
    outside: Decimal
    project: str


def document_figures(
    engine: Engine, connection: str, kind: Kind, dates: Sequence[date], *, undated: bool
) -> list[DocumentFigures]:
    """Read the documents of some dates straight from the payloads' headers, whatever staging made of them.

    Args:
        engine: The database.
        connection: The connection's name.
        kind: The kind of document.
        dates: Document dates.
        undated: Whether to include documents without a readable date.
    """
    statement = text(
        """
        SELECT latest.record_id, latest.document_date,
               CASE WHEN latest.active THEN coalesce(latest.total, 0) ELSE 0 END AS total,
               outcome.outcome, coalesce(outcome.reason, '') AS reason,
               coalesce(outcome.amount, 0) AS outside, coalesce(outcome.project, '') AS project
        FROM raw.latest AS latest
        LEFT JOIN journal.outcomes AS outcome
          ON outcome.connection = latest.connection AND outcome.kind = latest.kind
         AND outcome.document_id = latest.record_id
        WHERE latest.connection = :connection AND latest.kind = :kind
          AND (latest.document_date = ANY(:dates) OR (:undated AND latest.document_date IS NULL))
        ORDER BY latest.record_id
        """
    )
    parameters = {"connection": connection, "kind": kind.value, "dates": list(dates), "undated": undated}
    with engine.connect() as db:
        return [
            DocumentFigures(
                row.record_id,
                row.document_date,
                effect_of(kind, row.total),
                row.outcome,
                row.reason,
                row.outside,
                row.project,
            )
            for row in db.execute(statement, parameters)
        ]


def posted_by_project(
    engine: Engine, connection: str, kind: Kind, document_ids: Sequence[int]
) -> dict[int, dict[str, Decimal]]:
    """Sum what the ledger showed when it was read back, by document and project, with the documents' sign."""
    return _by_project(
        engine,
        """
        SELECT document_id, wbs1, sum(document_amount) AS amount FROM journal.ledger_rows
        WHERE connection = :connection AND kind = :kind AND document_id = ANY(:ids)
        GROUP BY document_id, wbs1
        """,
        connection,
        kind,
        document_ids,
    )


def journaled_by_project(
    engine: Engine, connection: str, kind: Kind, document_ids: Sequence[int]
) -> dict[int, dict[str, Decimal]]:
    """Sum what our journal says stands in Vantagepoint, by document and project."""
    return _by_project(
        engine,
        """
        SELECT posting.document_id, line.wbs1, sum(line.amount) AS amount
        FROM journal.postings AS posting
        JOIN journal.transaction_files AS file USING (connection, batch)
        JOIN journal.posting_lines AS line
          ON line.connection = posting.connection AND line.kind = posting.kind
         AND line.document_id = posting.document_id AND line.posting_no = posting.posting_no
        WHERE posting.connection = :connection AND posting.kind = :kind AND posting.document_id = ANY(:ids)
          AND file.state IN ('posted', 'adopted')
        GROUP BY posting.document_id, line.wbs1
        """,
        connection,
        kind,
        document_ids,
    )


def _by_project(
    engine: Engine, statement: str, connection: str, kind: Kind, document_ids: Sequence[int]
) -> dict[int, dict[str, Decimal]]:
    found: dict[int, dict[str, Decimal]] = {}
    parameters = {"connection": connection, "kind": kind.value, "ids": list(document_ids)}
    with engine.connect() as db:
        for row in db.execute(text(statement), parameters):
            found.setdefault(row.document_id, {})[row.wbs1] = row.amount
    return found


def stated_totals(engine: Engine, connection: str, kind: Kind, document_ids: Sequence[int]) -> dict[int, Decimal]:
    """Return the totals documents themselves state, with their sign; 0.00 for what was voided or states none."""
    statement = text(
        """
        SELECT record_id, CASE WHEN active THEN coalesce(total, 0) ELSE 0 END AS total FROM raw.latest
        WHERE connection = :connection AND kind = :kind AND record_id = ANY(:ids)
        """
    )
    parameters = {"connection": connection, "kind": kind.value, "ids": list(document_ids)}
    with engine.connect() as db:
        return {row.record_id: effect_of(kind, row.total) for row in db.execute(statement, parameters)}
