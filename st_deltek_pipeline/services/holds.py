"""What a person decides about a held document: ignore it, take that back, or release its transaction file.

Reading the queue is ``store.holds``; running held days again is ``orchestration.syncing``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.holds import IgnoreReason
from st_deltek_pipeline.domain.ignores import PersonalIgnore, hold_to_ignore
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.domain.journal import Event, EventType, FileState
from st_deltek_pipeline.domain.outcomes import DocumentOutcome
from st_deltek_pipeline.services.held_files import FileRelease, release_file
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.store.holds import files_of_document
from st_deltek_pipeline.store.journal_rows import NOT_STANDING
from st_deltek_pipeline.store.locks import PosterLock
from st_deltek_pipeline.store.staged import invoices_by_id

STAGED_REVISIONS: Mapping[Kind, Callable[[Engine, str, Sequence[int]], list[Invoice]]] = {Kind.INVOICE: invoices_by_id}
"""Reads the newest staged revision of documents, by kind."""


@dataclass(frozen=True)
class Release:
    """What came of releasing a document.

    Attributes:
        hold: The hold an ignored document went back to; ``None`` when it was not ignored.
        files: Its transaction files that were held.
    """

    hold: DocumentOutcome | None
    files: tuple[FileRelease, ...]


def ignore_document(context: PostingContext, document: DocumentKey, *, reason: str, by: str) -> DocumentOutcome:
    """Ignore the current revision of a held document; it stays in the tie-out, as ignored.

    Args:
        context: The person's view of the connection.
        document: The document.
        reason: The person's words.
        by: Who decides it.

    Returns:
        Where it stands now.

    Raises:
        ConfigurationError: It is not held, or nobody can read it.
        TransientError: It is under way, or has changed since it was decided about.
        LockLostError: Another worker has taken over; nothing was changed.
    """
    ids = [document.document_id]
    with context.locked() as lock:
        journal = context.journal
        held = hold_to_ignore(
            document,
            journal.outcomes(document.kind, ids).get(document.document_id),
            next(iter(STAGED_REVISIONS[document.kind](context.engine, document.connection, ids)), None),
            occupied=journal.standings(document.kind, ids).get(document.document_id, NOT_STANDING).occupied,
        )
        ignored = PersonalIgnore(held, reason, by)
        with journal.writing(lock) as transaction:
            transaction.ignore(ignored)
            transaction.set_outcomes([ignored.outcome])
            transaction.append(
                [
                    Event(
                        EventType.DOCUMENT_IGNORED,
                        {
                            "reason": ignored.outcome.reason,
                            "message": ignored.outcome.message,
                            "by": by,
                            "why": reason,
                            "held_for": held.reason,
                            "amount": held.amount,
                            "revision_hash": held.revision_hash,
                        },
                        document=document,
                        revision=held.revision,
                    )
                ]
            )
    return ignored.outcome


def release_document(context: PostingContext, document: DocumentKey, *, by: str) -> Release:
    """Undo an ignore, or compare the held transaction files of a document with Vantagepoint again.

    Args:
        context: The person's view of the connection.
        document: The document.
        by: Who releases it.

    Raises:
        ConfigurationError: A person neither ignored it, nor is it in a held file.
        TransientError, CredentialsError, PermissionMissingError: Vantagepoint could not be read.
        LockLostError: Another worker has taken over.
    """
    with context.locked() as lock:
        now = context.journal.outcomes(document.kind, [document.document_id]).get(document.document_id)
        if now is not None and now.reason == IgnoreReason.IGNORED_BY_PERSON:
            return Release(_undo_ignore(context, lock, now, by), ())
        held = [file.batch for file in files_of_document(context.engine, document) if file.state is FileState.HELD]
        if not held:
            message = f"{document} is neither ignored by a person nor in a transaction file that is held."
            advice = (
                f"Any other hold ends by itself once its cause has gone: st-deltek holds retry {document.connection}"
            )
            raise ConfigurationError(message, advice=f"{advice} {document}")
        return Release(None, tuple(release_file(context, lock, batch, by=by) for batch in held))


def _undo_ignore(context: PostingContext, lock: PosterLock, now: DocumentOutcome, by: str) -> DocumentOutcome:
    """Put a document back on the hold that was ignored; the next run decides afresh."""
    journal, document = context.journal, now.document
    ignored = journal.ignored(document.kind, [document.document_id])[document.document_id]
    hold = replace(ignored.held, business_day=now.business_day, amount=now.amount)
    with journal.writing(lock) as transaction:
        transaction.forget_ignore(document)
        transaction.set_outcomes([hold])
        transaction.append(
            [
                Event(
                    EventType.DOCUMENT_RELEASED,
                    {
                        "by": by,
                        "message": f"{document}: no longer ignored; {hold.message}",
                        "ignored_by": ignored.by,
                        "why": ignored.reason,
                        "amount": hold.amount,
                        "revision_hash": hold.revision_hash,
                    },
                    document=document,
                    revision=hold.revision,
                )
            ]
        )
    return hold
