"""A person's way out for a held transaction file: compared again with what Vantagepoint shows of it now."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.journal import Event, EventType, FileState
from st_deltek_pipeline.domain.outcomes import OutcomeKind
from st_deltek_pipeline.domain.releases import FoundFile, Verdict, judge
from st_deltek_pipeline.services.posting.context import LOOK_AGAIN_SECONDS, PostingContext
from st_deltek_pipeline.services.posting.moves import hold_file
from st_deltek_pipeline.services.posting.post import is_posted
from st_deltek_pipeline.store.journal_rows import StoredFile
from st_deltek_pipeline.store.locks import PosterLock

_EVENTS = {
    FileState.REFUSED: EventType.FILE_REFUSED,
    FileState.ENTERED: EventType.FILE_ENTERED,
    FileState.POSTING: EventType.FILE_POSTING,
}
_WHAT_NEXT = {
    FileState.REFUSED: "is not in Vantagepoint any more; the next run plans its documents again.",
    FileState.ENTERED: "is entered in Vantagepoint as it was sent; the next run posts it.",
    FileState.POSTING: "stands in Vantagepoint's ledger as it was sent; the next run finishes it.",
}
_HELD_FOR = frozenset({HoldReason.DIFFERENT_IN_VANTAGEPOINT.value, HoldReason.LEDGER_DIFFERS.value})


@dataclass(frozen=True)
class FileRelease:
    """What came of releasing one file.

    Attributes:
        state: Its state now; ``held`` when it still differs.
        documents: Number of documents in it; they are released with it.
        message: What was found, and what happens next.
    """

    batch: str
    state: FileState
    documents: int
    message: str


def release_file(context: PostingContext, lock: PosterLock, batch: str, *, by: str) -> FileRelease:
    """Compare a held file with Vantagepoint again, and let it go on if nothing is in its way.

    Args:
        context: The person's view of the connection.
        lock: The poster's lock.
        batch: The file.
        by: Who releases it.

    Raises:
        TransientError, CredentialsError, PermissionMissingError, BrokenError: Nothing was changed.
    """
    file = context.journal.file(batch)
    found = _look(context, file)
    verdict = judge(
        json.loads(file.body, parse_float=Decimal),
        found,
        entry=file.entry,
        padded_to=context.settings.vantagepoint.pad_invoice_numbers_to,
    )
    if verdict.state is FileState.HELD:
        message = f"File {batch} still differs in Vantagepoint: {'; '.join(verdict.differences[:5])}."
        reason = HoldReason.LEDGER_DIFFERS if found.ledger else HoldReason.DIFFERENT_IN_VANTAGEPOINT
        hold_file(context, lock, file, Hold(reason, message))
    else:
        message = f"File {batch} {_WHAT_NEXT[verdict.state]}"
        _release(context, lock, file, verdict, message=message, by=by)
    return FileRelease(batch, verdict.state, file.documents, message)


def _look(context: PostingContext, file: StoredFile) -> FoundFile:
    """Read the file; what neither entry nor ledger show may have been posted a moment ago, so that is read again."""
    deadline = context.now() + timedelta(seconds=context.settings.vantagepoint.read_back_seconds)
    while True:
        found = _read(context, file)
        if not found.absent or context.now() >= deadline:
            return found
        context.sleep(LOOK_AGAIN_SECONDS)


def _read(context: PostingContext, file: StoredFile) -> FoundFile:
    control = context.client.read_control(file.entry, file.batch)
    return FoundFile(
        details=None if control is None else context.client.read_details(file.entry, file.batch),
        posted=control is not None and is_posted(control),
        ledger=context.client.ledger_rows(file.entry.ledger_type, batches=[file.batch]),
    )


def _release(
    context: PostingContext, lock: PosterLock, file: StoredFile, verdict: Verdict, *, message: str, by: str
) -> None:
    postings = {posting.document: posting for posting in context.journal.postings_of(file.batch)}
    outcomes = context.journal.outcomes(file.kind, [document.document_id for document in postings])
    with context.journal.writing(lock) as transaction:
        transaction.move_file(file.batch, verdict.state, before=(FileState.HELD,))
        transaction.append(
            [
                Event(EventType.FILE_RELEASED, {"by": by, "message": message}, batch=file.batch),
                Event(_EVENTS[verdict.state], {"found": "released by a person"}, batch=file.batch),
                *(
                    Event(
                        EventType.DOCUMENT_RELEASED,
                        {"by": by, "message": message, "revision_hash": posting.revision_hash},
                        document=document,
                        revision=posting.revision,
                        batch=file.batch,
                    )
                    for document, posting in postings.items()
                ),
            ]
        )
        if verdict.state is FileState.REFUSED:
            transaction.release_natural_keys(file.batch)
        # What a newer revision is held for by now is not the file's matter.
        transaction.set_outcomes(
            [
                replace(outcome, outcome=OutcomeKind.IN_FLIGHT, reason="", message=message, words="")
                for outcome in outcomes.values()
                if outcome.outcome is OutcomeKind.HELD and outcome.reason in _HELD_FOR
            ]
        )
