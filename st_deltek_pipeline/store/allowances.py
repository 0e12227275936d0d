"""Rows of ``journal.allowances``: which bills may share a vendor's invoice number, and who said so."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.allowances import Allowance
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.posting_keys import NaturalKey
from st_deltek_pipeline.store.file_states import TAKEN


def put(connection: Connection, allowance: Allowance) -> None:
    """Record a person's decision, in place of an earlier one.

    Args:
        connection: The writing transaction.
        allowance: The decision.
    """
    connection.execute(
        text(
            """
            INSERT INTO journal.allowances (connection, kind, document_id, revision, revision_hash, entry, key_scope,
                key_number, reason, allowed_by)
            VALUES (:connection, :kind, :document_id, :revision, :revision_hash, :entry, :scope, :number, :why, :by)
            ON CONFLICT (connection, kind, document_id) DO UPDATE SET
                revision = excluded.revision, revision_hash = excluded.revision_hash, entry = excluded.entry,
                key_scope = excluded.key_scope, key_number = excluded.key_number, reason = excluded.reason,
                allowed_by = excluded.allowed_by, allowed_at = now()
            """
        ),
        {
            "connection": allowance.document.connection,
            "kind": allowance.document.kind.value,
            "document_id": allowance.document.document_id,
            "revision": allowance.revision,
            "revision_hash": allowance.revision_hash,
            "entry": allowance.key.entry.value,
            "scope": allowance.key.scope,
            "number": allowance.key.number,
            "why": allowance.reason,
            "by": allowance.by,
        },
    )


def allowances(
    connection: Connection, connection_name: str, kind: Kind, document_ids: Sequence[int]
) -> Mapping[int, Allowance]:
    """Read what persons allowed documents, this or an earlier revision; the others are left out."""
    rows = connection.execute(
        text(
            """
            SELECT allowance.*, EXISTS (
                SELECT FROM journal.postings AS posting
                JOIN journal.transaction_files AS file
                  ON file.connection = posting.connection AND file.batch = posting.batch
                WHERE posting.connection = allowance.connection AND posting.kind = allowance.kind
                  AND posting.document_id = allowance.document_id AND posting.entry = allowance.entry
                  AND posting.key_scope = allowance.key_scope AND posting.key_number = allowance.key_number
                  AND file.state = ANY(:taken)
            ) AS used
            FROM journal.allowances AS allowance
            WHERE allowance.connection = :connection AND allowance.kind = :kind AND allowance.document_id = ANY(:ids)
            """
        ),
        {"connection": connection_name, "kind": kind.value, "ids": list(document_ids), "taken": TAKEN},
    )
    return {
        row.document_id: Allowance(
            document=DocumentKey(connection_name, kind, row.document_id),
            revision=row.revision,
            revision_hash=row.revision_hash,
            key=NaturalKey(EntryType(row.entry), row.key_scope, row.key_number),
            reason=row.reason,
            by=row.allowed_by,
            used=row.used,
        )
        for row in rows
    }
