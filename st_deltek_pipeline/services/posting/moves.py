"""Journal writes that several steps of the protocol share: state changes, splits, refusals, holds."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from st_deltek_pipeline.domain.boundaries import Boundary
from st_deltek_pipeline.domain.documents import DocumentKey
from st_deltek_pipeline.domain.holds import Hold
from st_deltek_pipeline.domain.journal import Event, EventType, FileState
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.domain.transaction_files import TransactionFile, build_file
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.store.journal_rows import StoredFile
from st_deltek_pipeline.store.journal_transaction import JournalTransaction
from st_deltek_pipeline.store.locks import PosterLock

HoldFor = Callable[[Posting], Hold]
"""Why a posting is held; asked for each one."""

_MOVED = {
    EventType.FILE_SENDING: Boundary.SENDING_RECORDED,
    EventType.FILE_ENTERED: Boundary.ENTERED_RECORDED,
    EventType.FILE_IN_DOUBT: Boundary.DOUBT_RECORDED,
    EventType.FILE_ABSENT: Boundary.ABSENCE_RECORDED,
    EventType.FILE_POSTING: Boundary.POSTING_RECORDED,
}


def move(
    context: PostingContext,
    lock: PosterLock,
    file: StoredFile,
    state: FileState,
    event_type: EventType,
    **details: Any,  # noqa: ANN401 - any JSON-shaped detail
) -> StoredFile:
    """Change a file's state and record why; returns the file as it is now."""
    with context.journal.writing(lock) as transaction:
        transaction.move_file(file.batch, state, before=(file.state,), sent_now=state is FileState.SENDING)
        transaction.append([Event(event_type, details, batch=file.batch)])
    context.reached(_MOVED[event_type])
    return context.journal.file(file.batch)


def add_child(
    context: PostingContext, transaction: JournalTransaction, parent: StoredFile, part: Sequence[Posting], words: str
) -> TransactionFile:
    """Freeze a part of a file as a file of its own."""
    child = build_file(context.settings.name, parent.company, part)
    body = {"from": parent.batch, "body_hash": child.body_hash, "documents": len(part), "why": words}
    transaction.append([Event(EventType.FILE_SPLIT, body, batch=child.batch)])
    padded_to = context.settings.vantagepoint.pad_invoice_numbers_to
    transaction.add_files([child], padded_to=padded_to, parent_batch=parent.batch)
    return child


def refuse(context: PostingContext, lock: PosterLock, file: StoredFile, hold: HoldFor) -> None:
    """Give a file up that is not in Vantagepoint, and hold its documents; they may be planned again."""
    with context.journal.writing(lock) as transaction:
        _refuse_postings(transaction, file.batch, file.state, context.journal.postings_of(file.batch), hold)
    context.reached(Boundary.REFUSAL_RECORDED)


def refuse_child(transaction: JournalTransaction, child: TransactionFile, hold: HoldFor) -> None:
    """Give up a file that was split off in the same transaction, and hold its documents."""
    _refuse_postings(transaction, child.batch, FileState.PLANNED, child.postings, hold)


def _refuse_postings(
    transaction: JournalTransaction, batch: str, state: FileState, postings: Sequence[Posting], hold: HoldFor
) -> None:
    words = hold(postings[0]).words
    transaction.move_file(batch, FileState.REFUSED, before=(state,), words=words)
    transaction.append([Event(EventType.FILE_REFUSED, {"words": words}, batch=batch)])
    transaction.release_natural_keys(batch)
    hold_documents(transaction, batch, postings, hold)


def hold_file(context: PostingContext, lock: PosterLock, file: StoredFile, hold: Hold) -> None:
    """Hold a file that stands in Vantagepoint but not as we sent it: nothing more is done before a person looked."""
    with context.journal.writing(lock) as transaction:
        transaction.move_file(file.batch, FileState.HELD, before=(file.state,), words=hold.message)
        transaction.append([Event(EventType.FILE_HELD, {"message": hold.message}, batch=file.batch)])
        hold_documents(transaction, file.batch, context.journal.postings_of(file.batch), lambda _: hold)
    context.reached(Boundary.HOLD_RECORDED)


def hold_documents(transaction: JournalTransaction, batch: str, postings: Iterable[Posting], hold: HoldFor) -> None:
    """Record why documents are on hold; what of them is outside the ledger has not changed by that."""
    holds: dict[DocumentKey, tuple[Hold, str]] = {}
    events: dict[DocumentKey, Event] = {}
    for posting in postings:
        found = hold(posting)
        holds[posting.document] = (found, posting.project)
        events[posting.document] = Event(
            EventType.DOCUMENT_HELD,
            {
                "reason": found.reason.value,
                "message": found.message,
                "words": found.words,
                "amount": posting.amount,
                "revision_hash": posting.revision_hash,
            },
            document=posting.document,
            revision=posting.revision,
            batch=batch,
        )
    transaction.append(events.values())
    transaction.hold(holds)
