"""Which settled documents are applied to invoices that have moved since: read in bulk, nothing is decided here."""

from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.store.file_states import STANDING

_APPLIED_BY = {Kind.PAYMENT: "staged.payment_applications", Kind.CREDIT_MEMO: "staged.credit_memo_splits"}


def followers_of_moved_invoices(engine: Engine, connection: str, kind: Kind) -> list[int]:
    """Return the settled documents applied to an invoice that was corrected and stands, or stood, in several places.

    There are few of them, and which of them are really left behind is ``domain.following``'s question.

    Args:
        engine: The database.
        connection: The connection's name.
        kind: Payments or credit memos.
    """
    statement = text(
        f"""
        WITH moved AS MATERIALIZED (
            SELECT posting.document_id
            FROM journal.postings AS posting
            JOIN journal.transaction_files AS file USING (connection, batch)
            WHERE posting.connection = :connection AND posting.kind = 'invoice' AND file.state = ANY(:standing)
            GROUP BY posting.document_id
            HAVING bool_or(posting.correction)
               AND (sum(posting.amount) = 0
                    OR count(DISTINCT (posting.wbs1, posting.wbs2, posting.wbs3, posting.number)) > 1)
        )
        SELECT DISTINCT settled.document_id
        FROM moved
        JOIN {_APPLIED_BY[kind]} AS applied ON applied.connection = :connection AND applied.invoice_id = moved.document_id
        JOIN journal.outcomes AS settled
          ON settled.connection = :connection AND settled.kind = :kind AND settled.document_id = applied.document_id
        WHERE settled.outcome = 'posted'
        ORDER BY settled.document_id
        """  # noqa: S608 (constants)
    )
    parameters = {"connection": connection, "kind": kind.value, "standing": STANDING}
    with engine.connect() as db:
        return list(db.scalars(statement, parameters))
