"""Who owns which natural key in Vantagepoint: what two documents share there would be taken for one."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.posting_keys import NaturalKey
from st_deltek_pipeline.store.file_states import OCCUPYING, TAKEN


def claim(
    connection: Connection, target: str, claims: Sequence[tuple[NaturalKey, DocumentKey]]
) -> Mapping[NaturalKey, DocumentKey]:
    """Claim natural keys for documents; who had one first keeps it.

    Args:
        connection: The writing transaction.
        target: URL and database of Vantagepoint: two connections may share one.
        claims: Keys, and the document that wants each.

    Returns:
        The owner of every key.
    """
    ordered = sorted(claims)
    connection.execute(
        text(
            """
            INSERT INTO journal.natural_keys (target, entry, scope, number, connection, kind, document_id)
            SELECT :target, claim.*
            FROM unnest(CAST(:entries AS text[]), CAST(:scopes AS text[]), CAST(:numbers AS text[]),
                        CAST(:connections AS text[]), CAST(:kinds AS text[]), CAST(:ids AS bigint[])) AS claim
            ON CONFLICT (target, entry, scope, number) DO NOTHING
            """
        ),
        {
            "target": target,
            "entries": [key.entry.value for key, _ in ordered],
            "scopes": [key.scope for key, _ in ordered],
            "numbers": [key.number for key, _ in ordered],
            "connections": [document.connection for _, document in ordered],
            "kinds": [document.kind.value for _, document in ordered],
            "ids": [document.document_id for _, document in ordered],
        },
    )
    return owners(connection, target, [key for key, _ in ordered])


def release(connection: Connection, connection_name: str, batch: str) -> None:
    """Give back the keys of a file that was given up, where nothing else of their document needs them."""
    connection.execute(
        text(
            """
            DELETE FROM journal.natural_keys AS owner USING journal.postings AS given_up
            WHERE given_up.connection = :connection AND given_up.batch = :batch
              AND owner.connection = given_up.connection AND owner.kind = given_up.kind
              AND owner.document_id = given_up.document_id AND owner.entry = given_up.entry
              AND owner.scope = given_up.key_scope AND owner.number = given_up.key_number
              AND NOT EXISTS (
                SELECT FROM journal.postings AS other
                JOIN journal.transaction_files AS file
                  ON file.connection = other.connection AND file.batch = other.batch
                WHERE other.connection = given_up.connection AND other.kind = given_up.kind
                  AND other.document_id = given_up.document_id AND other.entry = given_up.entry
                  AND other.key_scope = given_up.key_scope AND other.key_number = given_up.key_number
                  AND file.state = ANY(:taken)
              )
            """
        ),
        {"connection": connection_name, "batch": batch, "taken": TAKEN},
    )


def release_reversed(connection: Connection, connection_name: str, batch: str) -> None:
    """Give back the keys under which the corrections in a file that has just landed left nothing standing.

    Somebody cancelled a bill and entered it anew, or a wrong number was corrected: the number is free for another document.
    """
    connection.execute(
        text(
            """
            DELETE FROM journal.natural_keys AS owner USING journal.postings AS landed
            WHERE landed.connection = :connection AND landed.batch = :batch AND landed.correction
              AND owner.connection = landed.connection AND owner.kind = landed.kind
              AND owner.document_id = landed.document_id AND owner.entry = landed.entry
              AND owner.scope = landed.key_scope AND owner.number = landed.key_number
              AND NOT EXISTS (
                SELECT FROM journal.postings AS other
                JOIN journal.transaction_files AS file
                  ON file.connection = other.connection AND file.batch = other.batch
                JOIN journal.posting_lines AS line
                  ON line.connection = other.connection AND line.kind = other.kind
                 AND line.document_id = other.document_id AND line.posting_no = other.posting_no
                WHERE other.connection = landed.connection AND other.kind = landed.kind
                  AND other.document_id = landed.document_id AND other.entry = landed.entry
                  AND other.key_scope = landed.key_scope AND other.key_number = landed.key_number
                  AND file.state = ANY(:taken)
                GROUP BY line.wbs1, line.wbs2, line.wbs3, line.invoice, line.account, line.section, line.tax_code,
                         line.item
                HAVING sum(line.amount) <> 0 OR bool_or(file.state = ANY(:occupying))
              )
            """
        ),
        {"connection": connection_name, "batch": batch, "taken": TAKEN, "occupying": OCCUPYING},
    )


def owners(connection: Connection, target: str, keys: Sequence[NaturalKey]) -> Mapping[NaturalKey, DocumentKey]:
    """Say which documents own natural keys; free ones are left out."""
    rows = connection.execute(
        text(
            """
            SELECT owner.* FROM journal.natural_keys AS owner
            JOIN unnest(CAST(:entries AS text[]), CAST(:scopes AS text[]), CAST(:numbers AS text[]))
              AS asked (entry, scope, number)
              ON owner.entry = asked.entry AND owner.scope = asked.scope AND owner.number = asked.number
            WHERE owner.target = :target
            """
        ),
        {
            "target": target,
            "entries": [key.entry.value for key in keys],
            "scopes": [key.scope for key in keys],
            "numbers": [key.number for key in keys],
        },
    )
    return {
        NaturalKey(EntryType(row.entry), row.scope, row.number): DocumentKey(
            row.connection, Kind(row.kind), row.document_id
        )
        for row in rows
    }
