"""Rows of ``journal.ignored_documents``: which revisions a person ignores, and why."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.ignores import PersonalIgnore
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind


def put(connection: Connection, ignored: PersonalIgnore) -> None:
    """Record a person's decision, in place of one about an earlier revision.

    Args:
        connection: The writing transaction.
        ignored: The decision.
    """
    held = ignored.held
    connection.execute(
        text(
            """
            INSERT INTO journal.ignored_documents (connection, kind, document_id, revision, revision_hash,
                business_day, reason, ignored_by, held_as, held_reason, held_message, held_words, amount, project)
            VALUES (:connection, :kind, :document_id, :revision, :revision_hash, :business_day, :why, :by, :outcome,
                :reason, :message, :words, :amount, :project)
            ON CONFLICT (connection, kind, document_id) DO UPDATE SET
                revision = excluded.revision, revision_hash = excluded.revision_hash,
                business_day = excluded.business_day, reason = excluded.reason, ignored_by = excluded.ignored_by,
                ignored_at = now(), held_as = excluded.held_as, held_reason = excluded.held_reason,
                held_message = excluded.held_message, held_words = excluded.held_words, amount = excluded.amount,
                project = excluded.project
            """
        ),
        {
            "connection": held.document.connection,
            "kind": held.document.kind.value,
            "document_id": held.document.document_id,
            "revision": held.revision,
            "revision_hash": held.revision_hash,
            "business_day": held.business_day,
            "why": ignored.reason,
            "by": ignored.by,
            "outcome": held.outcome.value,
            "reason": held.reason,
            "message": held.message,
            "words": held.words,
            "amount": held.amount,
            "project": held.project,
        },
    )


def remove(connection: Connection, document: DocumentKey) -> None:
    """Forget a person's decision about a document."""
    connection.execute(
        text(
            """
            DELETE FROM journal.ignored_documents
            WHERE connection = :connection AND kind = :kind AND document_id = :document_id
            """
        ),
        {
            "connection": document.connection,
            "kind": document.kind.value,
            "document_id": document.document_id,
        },
    )


def ignored(
    connection: Connection, connection_name: str, kind: Kind, document_ids: Sequence[int]
) -> Mapping[int, PersonalIgnore]:
    """Read what persons decided about documents, this or an earlier revision; the others are left out."""
    rows = connection.execute(
        text(
            """
            SELECT * FROM journal.ignored_documents
            WHERE connection = :connection AND kind = :kind AND document_id = ANY(:ids)
            """
        ),
        {"connection": connection_name, "kind": kind.value, "ids": list(document_ids)},
    )
    return {
        row.document_id: PersonalIgnore(
            held=DocumentOutcome(
                document=DocumentKey(connection_name, kind, row.document_id),
                revision=row.revision,
                revision_hash=row.revision_hash,
                business_day=row.business_day,
                outcome=OutcomeKind(row.held_as),
                reason=row.held_reason,
                message=row.held_message,
                words=row.held_words,
                amount=row.amount,
                project=row.project,
            ),
            reason=row.reason,
            by=row.ignored_by,
        )
        for row in rows
    }
