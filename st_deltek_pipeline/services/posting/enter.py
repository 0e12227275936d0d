"""Second step: send a file. A refusal is narrowed down to the document that causes it; the others go on."""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from st_deltek_pipeline.domain.boundaries import Boundary
from st_deltek_pipeline.domain.entry_bodies import as_single_document, stated_total
from st_deltek_pipeline.domain.errors import AlreadyExistsError, InDoubtError, PipelineError, RefusedError
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.journal import EventType, FileState
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.services.posting.answers import control_answer
from st_deltek_pipeline.services.posting.context import SENDINGS_PER_RUN, PostingContext
from st_deltek_pipeline.services.posting.moves import HoldFor, add_child, hold_documents, move, refuse
from st_deltek_pipeline.services.posting.resolve import (
    compare_entered,
    in_ledger,
    is_entered,
    resolve_in_doubt,
    states_our_total,
)
from st_deltek_pipeline.store.journal_rows import StoredFile
from st_deltek_pipeline.store.locks import PosterLock

# Refusals that concern every document of a file alike: splitting it would only repeat them.
_WHOLE_FILE = re.compile(r"\bperiod\b.*\bclosed\b|\bclosed\b.*\bperiod\b", re.IGNORECASE | re.DOTALL)


def enter_file(context: PostingContext, batch: str) -> tuple[str, ...]:
    """Send a file; split it when Vantagepoint refuses it, until the poison document stands alone.

    Returns:
        The batches that are entered now.

    Raises:
        TransientError: Nothing was sent; the file is planned as before.
        CredentialsError, PermissionMissingError, BrokenError: Likewise.
    """
    with context.locked() as lock:
        entered: list[str] = []
        waiting = [batch]
        while waiting:
            file = context.journal.file(waiting.pop(0))
            if file.state in {FileState.ENTERED, FileState.POSTING}:
                entered.append(file.batch)
            elif file.state is FileState.PLANNED:
                sent, halves = _enter(context, lock, file)
                entered.extend([file.batch] if sent else [])
                waiting[:0] = halves
        return tuple(entered)


def _enter(context: PostingContext, lock: PosterLock, file: StoredFile) -> tuple[bool, tuple[str, ...]]:
    """Send one planned file.

    Returns:
        Whether it is entered now, and the batches it was split into.
    """
    if context.one_by_one and file.documents > 1:
        postings = context.journal.postings_of(file.batch)
        return False, _split(
            context, lock, file, [[posting] for posting in postings], "documents are entered one by one"
        )
    try:
        context.enter_session(file.company, file.period)
    except RefusedError as error:
        refuse(context, lock, file, _refusal(error))
        return False, ()
    words = ""
    for _ in range(SENDINGS_PER_RUN):
        file = move(context, lock, file, FileState.SENDING, EventType.FILE_SENDING, body_hash=file.body_hash)
        try:
            row = _send(context, file)
        except RefusedError as error:
            context.reached(Boundary.REFUSAL_HEARD)
            return _refused(context, lock, file, error)
        except InDoubtError as error:
            words = error.message
            context.reached(Boundary.DOUBT_HEARD)
            file = move(context, lock, file, FileState.IN_DOUBT, EventType.FILE_IN_DOUBT, message=words)
            resolve_in_doubt(context, lock, file)
            file = context.journal.file(file.batch)
            if file.state is not FileState.PLANNED:
                return file.state is FileState.ENTERED, ()
        except PipelineError as error:
            # The client promises that nothing has left, or that it was turned away at the door.
            move(context, lock, file, FileState.PLANNED, EventType.FILE_ABSENT, message=error.message)
            raise
        else:
            context.reached(Boundary.FILE_ANSWERED)
            return _accepted(context, lock, file, row), ()
    _give_up_for_now(context, lock, file, words)
    return False, ()


def _send(context: PostingContext, file: StoredFile) -> Mapping[str, Any]:
    if not context.one_by_one:
        # The frozen bytes themselves: what was planned and hashed is what is sent.
        return context.client.enter_file(file.entry, file.body.encode())
    key, document = as_single_document(file.entry, json.loads(file.body, parse_float=Decimal))
    return context.client.enter_document(file.entry, file.batch, key, document)


def _give_up_for_now(context: PostingContext, lock: PosterLock, file: StoredFile, words: str) -> None:
    """Say on its documents that a file was sent without a clear answer; the next run goes on from where it stands."""
    with context.journal.writing(lock) as transaction:
        hold_documents(
            transaction,
            file.batch,
            context.journal.postings_of(file.batch),
            lambda posting: Hold(
                HoldReason.NO_CLEAR_ANSWER,
                f"{posting.document}: sent in file {file.batch} without a clear answer.",
                words,
            ),
        )


def _accepted(context: PostingContext, lock: PosterLock, file: StoredFile, row: Mapping[str, Any]) -> bool:
    if not states_our_total(file, row):
        return compare_entered(context, lock, file)
    move(
        context,
        lock,
        file,
        FileState.ENTERED,
        EventType.FILE_ENTERED,
        sum_total=row.get(stated_total(file.entry)),
        answer=control_answer(row),
    )
    return True


def _refused(
    context: PostingContext, lock: PosterLock, file: StoredFile, error: RefusedError
) -> tuple[bool, tuple[str, ...]]:
    # The words for a taken key are also used for a key that stands twice within the file.
    if isinstance(error, AlreadyExistsError):
        if is_entered(context, file):
            return compare_entered(context, lock, file), ()
        if in_ledger(context, file):
            move(context, lock, file, FileState.ENTERED, EventType.FILE_ENTERED, found="in the ledger")
            return True, ()
        if _may_be_ours(error.words, file.batch, one_by_one=context.one_by_one):
            # It is there and not shown yet. Parts of it would stand beside it under Batches of their own.
            move(context, lock, file, FileState.IN_DOUBT, EventType.FILE_IN_DOUBT, message=error.message)
            _give_up_for_now(context, lock, file, error.words)
            return False, ()
    return False, _split_or_refuse(context, lock, file, error)


def _may_be_ours(words: str, batch: str, *, one_by_one: bool) -> bool:
    """Say whether a key that is taken may be what we sent before: our Batch, or one that the words do not name.

    Keys within a file are joined to its Batch by a bar (vantagepoint.md section 2). One by one that is the document's own key;
    in a file it stands there twice. Another key that is named, such as a vendor's invoice, is somebody else's.
    """
    joined = "" if one_by_one else "|"
    if re.search(rf"(?<![\w|]){re.escape(batch)}(?![\w{joined}])", words, re.IGNORECASE):
        return True
    return not any(character.isdigit() for character in words)


def _split_or_refuse(
    context: PostingContext, lock: PosterLock, file: StoredFile, error: RefusedError
) -> tuple[str, ...]:
    postings = context.journal.postings_of(file.batch)
    if len(postings) == 1 or file.together or _WHOLE_FILE.search(error.words):
        refuse(context, lock, file, _refusal(error))
        return ()
    middle = len(postings) // 2
    return _split(context, lock, file, [postings[:middle], postings[middle:]], error.words)


def _split(
    context: PostingContext, lock: PosterLock, file: StoredFile, parts: Sequence[Sequence[Posting]], words: str
) -> tuple[str, ...]:
    with context.journal.writing(lock) as transaction:
        children = [add_child(context, transaction, file, part, words) for part in parts]
        transaction.move_file(file.batch, FileState.SPLIT, before=(file.state,), words=words)
    context.reached(Boundary.SPLIT_RECORDED)
    return tuple(child.batch for child in children)


def _refusal(error: RefusedError) -> HoldFor:
    reason = HoldReason.PERIOD_CLOSED if _WHOLE_FILE.search(error.words) else HoldReason.REFUSED
    return lambda posting: Hold(reason, f"{posting.document}: Vantagepoint refused it.", error.words)
