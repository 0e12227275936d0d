"""What a person decides about a held document: ignore it, take that or a reversal back, or release what holds it.

Reading the queue is ``store.holds``; running held days again is ``orchestration.syncing``; reversing is ``reversing``.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from st_deltek_pipeline.domain.documents import Document, DocumentKey
from st_deltek_pipeline.domain.errors import ConfigurationError, TransientError
from st_deltek_pipeline.domain.holds import HoldReason, IgnoreReason
from st_deltek_pipeline.domain.ignores import PersonalIgnore, hold_to_ignore
from st_deltek_pipeline.domain.journal import Event, EventType, FileState
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.reversals import PersonalReversal
from st_deltek_pipeline.services.allowing import allow_duplicate
from st_deltek_pipeline.services.current_documents import current_documents
from st_deltek_pipeline.services.held_files import FileRelease, release_file
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.store.holds import files_of_document
from st_deltek_pipeline.store.journal_rows import NOT_STANDING
from st_deltek_pipeline.store.locks import PosterLock


class Released(StrEnum):
    """What a release undid, or let go on."""

    IGNORE = "ignore"
    REVERSAL = "reversal"
    DUPLICATE = "duplicate"
    FILES = "files"


@dataclass(frozen=True)
class Release:
    """What came of releasing a document.

    Attributes:
        outcome: Where the document stands now; ``None`` when its transaction files were compared instead.
        files: Its transaction files that were held.
    """

    what: Released
    outcome: DocumentOutcome | None = None
    files: tuple[FileRelease, ...] = ()


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
            _newest(context, document),
            occupied=journal.standings(document.kind, ids).get(document.document_id, NOT_STANDING).occupied,
            reversal=journal.reversals(document.kind, ids).get(document.document_id),
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


def release_document(context: PostingContext, document: DocumentKey, *, by: str, reason: str = "") -> Release:
    """Undo an ignore or a reversal, allow a duplicate, or compare held transaction files with Vantagepoint again.

    Args:
        context: The person's view of the connection.
        document: The document.
        by: Who releases it.
        reason: The person's words; a duplicate needs them.

    Raises:
        ConfigurationError: There is nothing of it that a person could release, or words are missing.
        TransientError: It is under way, has changed since it was decided about, or Vantagepoint could not be read.
        CredentialsError, PermissionMissingError: Vantagepoint could not be read.
        LockLostError: Another worker has taken over.
    """
    ids = [document.document_id]
    with context.locked() as lock:
        now = context.journal.outcomes(document.kind, ids).get(document.document_id)
        reversal = context.journal.reversals(document.kind, ids).get(document.document_id)
        held = [file.batch for file in files_of_document(context.engine, document) if file.state is FileState.HELD]
        if held:
            return Release(Released.FILES, files=tuple(release_file(context, lock, batch, by=by) for batch in held))
        if now is not None and now.reason == IgnoreReason.IGNORED_BY_PERSON:
            return Release(Released.IGNORE, _undo_ignore(context, lock, now, by))
        if now is not None and reversal is not None and reversal.covers_outcome(now):
            return Release(Released.REVERSAL, _undo_reversal(context, lock, now, reversal, by))
        if now is not None and now.reason == HoldReason.DUPLICATE_VENDOR_INVOICE:
            newest = _newest(context, document)
            return Release(Released.DUPLICATE, allow_duplicate(context, lock, now, newest, by=by, reason=reason))
    message = f"{document} is neither ignored nor reversed by a person, nor in a transaction file that is held."
    advice = (
        f"Any other hold ends by itself once its cause has gone: st-deltek holds retry {document.connection} {document}"
    )
    raise ConfigurationError(message, advice=advice)


def _newest(context: PostingContext, document: DocumentKey) -> Document | None:
    ids = [document.document_id]
    return next(iter(current_documents(context.engine, context.settings, context.journal, document.kind, ids)), None)


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


def _undo_reversal(
    context: PostingContext, lock: PosterLock, now: DocumentOutcome, reversal: PersonalReversal, by: str
) -> DocumentOutcome:
    """Take a reversal back; the next run posts what should stand and does not."""
    document = now.document
    standing = context.journal.standings(document.kind, [document.document_id]).get(document.document_id, NOT_STANDING)
    if standing.occupied:
        message = f"{document}: its reversal is under way."
        raise TransientError(message, advice=f"Let a run finish it first: st-deltek sync {document.connection}")
    message = f"{document}: no longer reversed; the next run posts what is missing."
    waiting = replace(now, outcome=OutcomeKind.IN_FLIGHT, reason="", message=message, words="")
    with context.journal.writing(lock) as transaction:
        transaction.forget_reversal(document)
        transaction.set_outcomes([waiting])
        transaction.append(
            [
                Event(
                    EventType.DOCUMENT_RELEASED,
                    {
                        "by": by,
                        "message": message,
                        "reversed_by": reversal.by,
                        "why": reversal.reason,
                        "amount": now.amount,
                        "revision_hash": now.revision_hash,
                    },
                    document=document,
                    revision=now.revision,
                )
            ]
        )
    return waiting
