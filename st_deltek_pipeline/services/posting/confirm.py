"""Last step: a file is posted when the ledger, read back, shows exactly its lines."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from st_deltek_pipeline.domain.boundaries import Boundary
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.journal import Event, EventType, FileState
from st_deltek_pipeline.domain.posting_keys import line_key
from st_deltek_pipeline.domain.reading_back import ledger_differences, missing_from_ledger
from st_deltek_pipeline.services.posting.context import LOOK_AGAIN_SECONDS, PostingContext
from st_deltek_pipeline.services.posting.evidence import evidence_of
from st_deltek_pipeline.services.posting.moves import hold_file
from st_deltek_pipeline.store.journal_rows import StoredFile
from st_deltek_pipeline.store.locks import PosterLock
from st_deltek_pipeline.vantagepoint.rows import LedgerRow


@dataclass(frozen=True)
class FileOutcome:
    """Where a transaction file stands after the last step of a run.

    Attributes:
        amount: Net amount of the file.
        message: What a person should know when it is not posted; else empty.
    """

    batch: str
    state: FileState
    documents: int
    amount: Decimal
    post_sequence: int | None
    message: str = ""


def confirm_file(context: PostingContext, batch: str) -> FileOutcome:
    """Read the ledger back and finish the file when it shows exactly what was sent.

    Returns:
        The file's state: posted, held when the ledger differs, or still posting when it does not show yet.
    """
    with context.locked() as lock:
        file = context.journal.file(batch)
        if file.state is not FileState.POSTING:
            return _outcome(file, file.words)
        body = json.loads(file.body, parse_float=Decimal)
        padded_to = context.settings.vantagepoint.pad_invoice_numbers_to
        deadline = context.now() + timedelta(seconds=context.settings.vantagepoint.read_back_seconds)
        while True:
            rows = context.client.ledger_rows(file.entry.ledger_type, batches=[batch])
            missing = missing_from_ledger(body, rows, entry=file.entry)
            if not missing:
                break
            if context.now() >= deadline:
                message = f"{len(missing)} lines of file {batch} are not in the ledger yet; the next run looks again."
                return _outcome(file, message)
            context.sleep(LOOK_AGAIN_SECONDS)
        context.reached(Boundary.LEDGER_READ)
        differences = ledger_differences(body, rows, entry=file.entry, padded_to=padded_to)
        if differences:
            message = f"File {batch} stands differently in the ledger: {'; '.join(differences[:5])}."
            hold_file(context, lock, file, Hold(HoldReason.LEDGER_DIFFERS, message))
            return _outcome(context.journal.file(batch), message)
        _finish(context, lock, file, rows)
        return _outcome(context.journal.file(batch), "")


def _outcome(file: StoredFile, message: str) -> FileOutcome:
    return FileOutcome(file.batch, file.state, file.documents, file.amount, file.post_sequence, message)


def _finish(context: PostingContext, lock: PosterLock, file: StoredFile, rows: Sequence[LedgerRow]) -> None:
    postings = context.journal.postings_of(file.batch)
    owner = {line_key(posting, line): posting for posting in postings for line in posting.lines}
    ours = [row for row in rows if row.line_key in owner]
    sequence = next((row.post_sequence for row in ours if row.post_sequence is not None), None)
    with context.journal.writing(lock) as transaction:
        transaction.move_file(
            file.batch, FileState.POSTED, before=(FileState.POSTING,), post_sequence=sequence, words=""
        )
        transaction.save_ledger_rows([evidence_of(row, owner[row.line_key]) for row in ours])
        transaction.append(
            [
                Event(
                    EventType.FILE_POSTED,
                    {"post_sequence": sequence, "period": file.period, "amount": file.amount},
                    batch=file.batch,
                ),
                *(
                    Event(
                        EventType.DOCUMENT_POSTED,
                        {"posting_no": posting.posting_no, "amount": posting.amount, "post_sequence": sequence},
                        document=posting.document,
                        revision=posting.revision,
                        batch=file.batch,
                    )
                    for posting in postings
                ),
            ]
        )
        transaction.land(file.batch)
    context.reached(Boundary.POSTED_RECORDED)
