"""Third step: entered is not posted. Vantagepoint is told to post the file, into the session's period."""

from datetime import timedelta
from typing import Any

from st_deltek_pipeline.domain.boundaries import Boundary
from st_deltek_pipeline.domain.errors import InDoubtError, PipelineError, RefusedError
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.journal import Event, EventType, FileState
from st_deltek_pipeline.services.posting.answers import keep_answer
from st_deltek_pipeline.services.posting.context import (
    SENDINGS_PER_RUN,
    PostingContext,
    looks_until_settled,
    period_closed,
)
from st_deltek_pipeline.services.posting.moves import hold_documents, move, refuse
from st_deltek_pipeline.services.posting.resolve import in_ledger, states_our_total, still_as_sent
from st_deltek_pipeline.store.journal_rows import StoredFile
from st_deltek_pipeline.store.journal_transaction import JournalTransaction
from st_deltek_pipeline.store.locks import PosterLock


def post_file(context: PostingContext, batch: str) -> tuple[str, ...]:
    """Have Vantagepoint post an entered file.

    Returns:
        The batch, when Vantagepoint posted it or may have; nothing when it refused.

    Raises:
        TransientError: Nothing was sent.
        CredentialsError, PermissionMissingError, BrokenError: Likewise.
    """
    with context.locked() as lock:
        file = context.journal.file(batch)
        if file.state not in {FileState.ENTERED, FileState.POSTING}:
            return ()
        control = context.client.read_control(file.entry, batch)
        if control is None:
            return _vanished(context, lock, file)
        if is_posted(control):
            move(context, lock, file, FileState.POSTING, EventType.FILE_POSTING, found="posted")
            return (batch,)
        # A person may have changed it meanwhile; who is about to review it has every line compared.
        if (context.reviewed or not states_our_total(file, control)) and not still_as_sent(context, lock, file):
            return ()
        return _go_on(context, lock, file)


def _go_on(context: PostingContext, lock: PosterLock, file: StoredFile) -> tuple[str, ...]:
    """Post a file that is entered as it was sent, or leave it to a person."""
    if context.reviewed:
        _await_review(context, lock, file)
        return ()
    if period_closed(context, file):
        _keep_entered(context, lock, file, f"Period {file.period} was closed before the file was posted.")
        return ()
    return _post(context, lock, file)


def _vanished(context: PostingContext, lock: PosterLock, file: StoredFile) -> tuple[str, ...]:
    """Go on without the entered file: it is in the ledger, or somebody deleted it before it was posted."""
    if in_ledger(context, file):
        move(context, lock, file, FileState.POSTING, EventType.FILE_POSTING, found="in the ledger")
        return (file.batch,)
    if file.state is FileState.POSTING:
        # It was told to post and the ledger may lag; reading back decides, this run or a later one.
        return (file.batch,)
    if file.unchanged_for < timedelta(seconds=context.settings.vantagepoint.settling_seconds):
        # What was entered a moment ago may not be shown yet; given up, its documents would be entered beside it.
        # Its state stays as it is: changed, the settling time would begin again with every look.
        with context.journal.writing(lock) as transaction:
            _hold_entered(context, transaction, file, "Vantagepoint does not show the entered file.")
        return ()
    words = "the entered file is no longer in Vantagepoint; somebody deleted it."
    refuse(context, lock, file, lambda posting: Hold(HoldReason.REFUSED, f"{posting.document}: {words}"))
    return ()


def is_posted(control: dict[str, Any]) -> bool:
    """Say whether a file's control row says that it is posted."""
    return str(control.get("Posted", "")).strip().upper() == "Y"


def _post(context: PostingContext, lock: PosterLock, file: StoredFile) -> tuple[str, ...]:
    description = f"ServiceTitan {context.settings.name} {file.business_day}"
    words = ""
    for _ in range(SENDINGS_PER_RUN):
        try:
            context.enter_session(file.company, file.period)
            file = move(context, lock, file, FileState.POSTING, EventType.FILE_POSTING)
            answer = context.client.post_file(
                file.entry, file.batch, company=file.company, period=file.period, description=description
            )
        except RefusedError as error:
            words = error.words
            break
        except InDoubtError as error:
            words = error.message
        else:
            if answer.posted:
                context.reached(Boundary.POST_ANSWERED)
                keep_answer(context, lock, file, answer)
                return (file.batch,)
            words = answer.message
            break
        # Posting a posted file again is refused, so repeating it is safe.
        if _arrived(context, file):
            return (file.batch,)
    if _posted_now(context, file):
        return (file.batch,)
    _keep_entered(context, lock, file, words)
    return ()


def _arrived(context: PostingContext, file: StoredFile) -> bool:
    """Look whether a posting has arrived whose answer was lost, until it has settled.

    It would post into the period that the session is in when it arrives. Nothing else may be done meanwhile, so the lock is
    kept for that time also when a look fails.
    """
    try:
        return any(_posted_now(context, file) for _ in looks_until_settled(context, file))
    except PipelineError:
        context.sleep(context.settings.vantagepoint.settling_seconds)
        raise


def _posted_now(context: PostingContext, file: StoredFile) -> bool:
    control = context.client.read_control(file.entry, file.batch)
    return control is not None and is_posted(control)


def _await_review(context: PostingContext, lock: PosterLock, file: StoredFile) -> None:
    """Leave an entered file to a person; its documents say so, once."""
    what = f"entered in file {file.batch} of period {file.period}, which waits for a person to post it"
    if period_closed(context, file):
        what += "; the period was closed meanwhile: deleted in Vantagepoint, it is planned anew"
    postings = context.journal.postings_of(file.batch)
    waiting = {posting.document: f"{posting.document}: {what}." for posting in postings}
    said = context.journal.outcomes(file.kind, [document.document_id for document in waiting]).values()
    if file.state is FileState.ENTERED and all(outcome.message == waiting.get(outcome.document) for outcome in said):
        return
    with context.journal.writing(lock) as transaction:
        if file.state is not FileState.ENTERED:
            transaction.move_file(file.batch, FileState.ENTERED, before=(file.state,))
            transaction.append(
                [Event(EventType.FILE_ENTERED, {"not_posted": "it is reviewed first"}, batch=file.batch)]
            )
        hold_documents(
            transaction,
            file.batch,
            postings,
            lambda posting: Hold(HoldReason.AWAITING_REVIEW, waiting[posting.document]),
        )


def _keep_entered(context: PostingContext, lock: PosterLock, file: StoredFile, words: str) -> None:
    """Leave a file entered; its documents wait with Vantagepoint's words, and the next run posts it."""
    with context.journal.writing(lock) as transaction:
        transaction.move_file(file.batch, FileState.ENTERED, before=(FileState.ENTERED, FileState.POSTING), words=words)
        transaction.append([Event(EventType.FILE_ENTERED, {"not_posted": words}, batch=file.batch)])
        _hold_entered(context, transaction, file, words)
    context.reached(Boundary.POST_REFUSAL_RECORDED)


def _hold_entered(context: PostingContext, transaction: JournalTransaction, file: StoredFile, words: str) -> None:
    hold_documents(
        transaction,
        file.batch,
        context.journal.postings_of(file.batch),
        lambda posting: Hold(
            HoldReason.POST_REFUSED, f"{posting.document}: entered in file {file.batch}, but not posted.", words
        ),
    )
