"""Who owns which invoice number on which project: Vantagepoint would merge two documents that share one."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.store.file_states import TAKEN


def claim(
    connection: Connection, target: str, claims: Sequence[tuple[str, str, DocumentKey]]
) -> Mapping[tuple[str, str], DocumentKey]:
    """Claim projects' invoice numbers for documents; who had a number first keeps it.

    Args:
        connection: The writing transaction.
        target: URL and database of Vantagepoint: two connections may share one.
        claims: Project, padded number, and the document that wants it.

    Returns:
        The owner of every number, by project and number.
    """
    ordered = sorted(claims)
    connection.execute(
        text(
            """
            INSERT INTO journal.invoice_numbers (target, wbs1, invoice, connection, kind, document_id)
            SELECT :target, claim.*
            FROM unnest(CAST(:projects AS text[]), CAST(:invoices AS text[]), CAST(:connections AS text[]),
                        CAST(:kinds AS text[]), CAST(:ids AS bigint[])) AS claim
            ON CONFLICT (target, wbs1, invoice) DO NOTHING
            """
        ),
        {
            "target": target,
            "projects": [project for project, _, _ in ordered],
            "invoices": [invoice for _, invoice, _ in ordered],
            "connections": [document.connection for _, _, document in ordered],
            "kinds": [document.kind.value for _, _, document in ordered],
            "ids": [document.document_id for _, _, document in ordered],
        },
    )
    return owners(connection, target, [(project, invoice) for project, invoice, _ in ordered])


def release(connection: Connection, connection_name: str, batch: str) -> None:
    """Give back the numbers of a file that was given up, where nothing else of their document needs them."""
    # Zeros in front may be padding; a number that is kept too long only means one hold more.
    connection.execute(
        text(
            """
            DELETE FROM journal.invoice_numbers AS owner USING journal.postings AS given_up
            WHERE given_up.connection = :connection AND given_up.batch = :batch
              AND owner.connection = given_up.connection AND owner.kind = given_up.kind
              AND owner.document_id = given_up.document_id AND owner.wbs1 = given_up.wbs1
              AND ltrim(owner.invoice, '0') = ltrim(lower(btrim(given_up.invoice)), '0')
              AND NOT EXISTS (
                SELECT FROM journal.postings AS other
                JOIN journal.transaction_files AS file
                  ON file.connection = other.connection AND file.batch = other.batch
                WHERE other.connection = given_up.connection AND other.kind = given_up.kind
                  AND other.document_id = given_up.document_id AND other.wbs1 = given_up.wbs1
                  AND ltrim(lower(btrim(other.invoice)), '0') = ltrim(lower(btrim(given_up.invoice)), '0')
                  AND file.state = ANY(:taken)
              )
            """
        ),
        {"connection": connection_name, "batch": batch, "taken": TAKEN},
    )


def owners(
    connection: Connection, target: str, numbers: Sequence[tuple[str, str]]
) -> Mapping[tuple[str, str], DocumentKey]:
    """Say which documents own projects' invoice numbers; free ones are left out."""
    rows = connection.execute(
        text(
            """
            SELECT owner.* FROM journal.invoice_numbers AS owner
            JOIN unnest(CAST(:projects AS text[]), CAST(:invoices AS text[])) AS asked (wbs1, invoice)
              ON owner.wbs1 = asked.wbs1 AND owner.invoice = asked.invoice
            WHERE owner.target = :target
            """
        ),
        {
            "target": target,
            "projects": [project for project, _ in numbers],
            "invoices": [invoice for _, invoice in numbers],
        },
    )
    return {(row.wbs1, row.invoice): DocumentKey(row.connection, Kind(row.kind), row.document_id) for row in rows}
