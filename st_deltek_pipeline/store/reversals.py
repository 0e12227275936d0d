"""Rows of ``journal.reversed_documents``, and the postings that a person may want reversed."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.journal import STANDING_STATES, FileState
from st_deltek_pipeline.domain.reversals import PersonalReversal, PostedPart
from st_deltek_pipeline.store.file_states import STANDING, TAKEN
from st_deltek_pipeline.store.journal_rows import load_postings


def put(connection: Connection, reversals: Sequence[PersonalReversal]) -> None:
    """Record persons' decisions, in place of those about earlier revisions.

    Args:
        connection: The writing transaction.
        reversals: The decisions, of one connection.
    """
    connection.execute(
        text(
            """
            INSERT INTO journal.reversed_documents (connection, kind, document_id, revision, revision_hash, posting_nos,
                message, reason, reversed_by)
            SELECT new.connection, new.kind, new.document_id, new.revision, new.revision_hash,
                   CAST(new.posting_nos AS integer[]), new.message, new.reason, new.reversed_by
            FROM unnest(CAST(:connections AS text[]), CAST(:kinds AS text[]), CAST(:ids AS bigint[]),
                        CAST(:revisions AS int[]), CAST(:hashes AS text[]), CAST(:numbers AS text[]),
                        CAST(:messages AS text[]), CAST(:reasons AS text[]), CAST(:by AS text[]))
                AS new (connection, kind, document_id, revision, revision_hash, posting_nos, message, reason, reversed_by)
            ON CONFLICT (connection, kind, document_id) DO UPDATE SET
                revision = excluded.revision, revision_hash = excluded.revision_hash,
                posting_nos = excluded.posting_nos, message = excluded.message, reason = excluded.reason,
                reversed_by = excluded.reversed_by, reversed_at = now()
            """
        ),
        {
            "connections": [each.document.connection for each in reversals],
            "kinds": [each.document.kind.value for each in reversals],
            "ids": [each.document.document_id for each in reversals],
            "revisions": [each.revision for each in reversals],
            "hashes": [each.revision_hash for each in reversals],
            # An array of arrays must be rectangular, so each list travels as the text of one.
            "numbers": [f"{{{','.join(map(str, each.postings))}}}" for each in reversals],
            "messages": [each.message for each in reversals],
            "reasons": [each.reason for each in reversals],
            "by": [each.by for each in reversals],
        },
    )


def remove(connection: Connection, document: DocumentKey) -> None:
    """Forget a person's decision about a document."""
    connection.execute(
        text(
            """
            DELETE FROM journal.reversed_documents
            WHERE connection = :connection AND kind = :kind AND document_id = :document_id
            """
        ),
        {"connection": document.connection, "kind": document.kind.value, "document_id": document.document_id},
    )


def reversals(
    connection: Connection, connection_name: str, kind: Kind, document_ids: Sequence[int]
) -> Mapping[int, PersonalReversal]:
    """Read what persons decided to reverse of documents, this or an earlier revision; the others are left out."""
    rows = connection.execute(
        text(
            """
            SELECT * FROM journal.reversed_documents
            WHERE connection = :connection AND kind = :kind AND document_id = ANY(:ids)
            """
        ),
        {"connection": connection_name, "kind": kind.value, "ids": list(document_ids)},
    )
    return {
        row.document_id: PersonalReversal(
            document=DocumentKey(connection_name, kind, row.document_id),
            revision=row.revision,
            revision_hash=row.revision_hash,
            postings=tuple(row.posting_nos),
            reason=row.reason,
            by=row.reversed_by,
        )
        for row in rows
    }


def posted_parts(
    connection: Connection, connection_name: str, kind: Kind, document_ids: Sequence[int]
) -> Mapping[int, tuple[PostedPart, ...]]:
    """Read the postings of documents that are in Vantagepoint or on their way there, by number."""
    if not document_ids:
        return {}
    parameters = {"connection": connection_name, "kind": kind.value, "ids": list(document_ids), "taken": TAKEN}
    where = """
        connection = :connection AND kind = :kind AND document_id = ANY(:ids) AND batch IN (
            SELECT batch FROM journal.transaction_files WHERE connection = :connection AND state = ANY(:taken))
    """
    files = {
        (row.document_id, row.posting_no): (row.batch, FileState(row.state))
        for row in connection.execute(
            text(
                """
                SELECT posting.document_id, posting.posting_no, posting.batch, file.state
                FROM journal.postings AS posting JOIN journal.transaction_files AS file USING (connection, batch)
                WHERE posting.connection = :connection AND posting.kind = :kind AND posting.document_id = ANY(:ids)
                  AND file.state = ANY(:taken)
                """
            ),
            parameters,
        )
    }
    found: dict[int, list[PostedPart]] = {}
    for posting in load_postings(connection, where, parameters):
        document_id = posting.document.document_id
        batch, state = files[document_id, posting.posting_no]
        found.setdefault(document_id, []).append(PostedPart(posting, batch, state in STANDING_STATES))
    return {document_id: tuple(parts) for document_id, parts in found.items()}


def numbers_in_files(
    connection: Connection, connection_name: str, batches: Sequence[str]
) -> Mapping[Kind, Mapping[int, frozenset[int]]]:
    """Return the postings that stand by transaction files: their numbers by kind and document."""
    return _numbers(connection, "batch = ANY(:batches)", {"connection": connection_name, "batches": list(batches)})


def numbers_of_document(connection: Connection, document: DocumentKey) -> Mapping[Kind, Mapping[int, frozenset[int]]]:
    """Return the numbers of the postings of a document that stand, by kind and document."""
    parameters = {"connection": document.connection, "kind": document.kind.value, "id": document.document_id}
    return _numbers(connection, "posting.kind = :kind AND posting.document_id = :id", parameters)


def _numbers(
    connection: Connection, condition: str, parameters: Mapping[str, object]
) -> Mapping[Kind, Mapping[int, frozenset[int]]]:
    statement = f"""
        SELECT posting.kind, posting.document_id, array_agg(posting.posting_no) AS numbers
        FROM journal.postings AS posting JOIN journal.transaction_files AS file USING (connection, batch)
        WHERE posting.connection = :connection AND file.state = ANY(:standing) AND {condition}
        GROUP BY posting.kind, posting.document_id
    """  # noqa: S608 (conditions of this module)
    found: dict[Kind, dict[int, frozenset[int]]] = {}
    for row in connection.execute(text(statement), {**parameters, "standing": STANDING}):
        found.setdefault(Kind(row.kind), {})[row.document_id] = frozenset(row.numbers)
    return found


def files_of_run(connection: Connection, connection_name: str, run: str) -> Mapping[str, tuple[str, ...]]:
    """Return the transaction files that runs brought into the ledger, or found there, by run.

    Args:
        connection: A connection to the database.
        connection_name: Whose journal.
        run: A run's id, or how it begins.
    """
    rows = connection.execute(
        text(
            """
            SELECT run_id, array_agg(DISTINCT batch) AS batches FROM journal.events
            WHERE connection = :connection AND event_type IN ('file_posted', 'document_adopted')
              AND run_id LIKE :pattern
            GROUP BY run_id ORDER BY run_id
            """
        ),
        {"connection": connection_name, "pattern": _begins_with(run)},
    )
    return {row.run_id: tuple(row.batches) for row in rows}


def _begins_with(words: str) -> str:
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{escaped}%"
