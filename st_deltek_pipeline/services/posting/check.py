"""First step: nothing in a file may exist in Vantagepoint before it is sent. Asked in bulk, never per document."""

from collections.abc import Mapping, Sequence

from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.journal import Event, EventType, FileState
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.domain.reading_back import (
    invoice_number_key,
    nets_to_nothing,
    pad_invoice_number,
    stands_already,
)
from st_deltek_pipeline.domain.transaction_files import ENTRY_TYPE, LEDGER_TYPE, build_file
from st_deltek_pipeline.services.posting.context import PostingContext, period_closed
from st_deltek_pipeline.services.posting.evidence import evidence_of
from st_deltek_pipeline.services.posting.moves import add_child, move, refuse, refuse_child
from st_deltek_pipeline.services.posting.planner import number_claim
from st_deltek_pipeline.services.posting.resolve import compare_entered, in_ledger, resolve_in_doubt
from st_deltek_pipeline.store.journal_rows import LedgerEvidence, StoredFile
from st_deltek_pipeline.store.journal_transaction import JournalTransaction
from st_deltek_pipeline.store.locks import PosterLock
from st_deltek_pipeline.store.reference import load_reference
from st_deltek_pipeline.vantagepoint.rows import LedgerRow


def check_file(context: PostingContext, batch: str) -> tuple[str, ...]:
    """Make sure nothing in a file exists in Vantagepoint already, in bulk, before it is sent.

    A file of an earlier run that is in doubt is resolved by reading it back.

    Returns:
        The batches to enter next: the file itself, a smaller one without the documents that turned out to stand
        in the ledger already (adopted) or to be in the way (held), or none.

    Raises:
        TransientError, CredentialsError, PermissionMissingError, BrokenError: Nothing was changed.
    """
    with context.locked() as lock:
        file = context.journal.file(batch)
        if file.state in {FileState.SENDING, FileState.IN_DOUBT}:
            if not resolve_in_doubt(context, lock, file):
                return ()
            file = context.journal.file(batch)
        if file.state is not FileState.PLANNED:
            return (batch,) if file.state in {FileState.ENTERED, FileState.POSTING} else ()
        if context.client.read_control(ENTRY_TYPE[file.kind], batch) is not None:
            return (batch,) if compare_entered(context, lock, file) else ()
        if file.sent_at is not None and in_ledger(context, file):
            move(context, lock, file, FileState.ENTERED, EventType.FILE_ENTERED, found="in the ledger")
            return (batch,)
        if period_closed(context, file):
            refuse(context, lock, file, lambda posting: _period_closed(posting, file.period))
            return ()
        return _without_standing_documents(context, lock, file)


def _period_closed(posting: Posting, period: int) -> Hold:
    message = f"{posting.document}: period {period} was closed before it was sent."
    return Hold(HoldReason.PERIOD_CLOSED, message)


def _without_standing_documents(context: PostingContext, lock: PosterLock, file: StoredFile) -> tuple[str, ...]:
    """Look for the file's invoices in the ledger; adopt what stands, hold what is in the way, go on with the rest."""
    postings = context.journal.postings_of(file.batch)
    standing = _ledger_of_numbers(context, file, postings)
    adopted: list[tuple[Posting, list[LedgerEvidence]]] = []
    held: list[Posting] = []
    remaining: list[Posting] = []
    receivables = load_reference(context.engine, context.settings.name).receivables_account if standing else None
    for posting in postings:
        rows = standing.get(_number(context, posting), [])
        phase = [row for row in rows if (row.wbs2, row.wbs3) == (posting.master.wbs2, posting.master.wbs3)]
        if phase and stands_already(posting, phase, receivables_account=receivables):
            adopted.append((posting, [evidence_of(row, posting) for row in phase if row.account != receivables]))
        elif nets_to_nothing(rows):
            remaining.append(posting)
        else:
            held.append(posting)
    if not adopted and not held:
        return (file.batch,)
    with context.journal.writing(lock) as transaction:
        parts = [part for part in ([posting for posting, _ in adopted], held, remaining) if part]
        if len(parts) == 1:
            # The whole file goes one way: it is its own only part.
            files = [build_file(context.settings.name, file.company, postings)]
        else:
            files = [add_child(context, transaction, file, part, "found in Vantagepoint") for part in parts]
            transaction.move_file(file.batch, FileState.SPLIT, before=(FileState.PLANNED,))
        if adopted:
            _adopt(transaction, files[0].batch, adopted)
        if held:
            refuse_child(transaction, files[1 if adopted else 0], _already_there)
    return (files[-1].batch,) if remaining else ()


def _ledger_of_numbers(
    context: PostingContext, file: StoredFile, postings: Sequence[Posting]
) -> Mapping[tuple[str, str], list[LedgerRow]]:
    """Read the ledger rows under the postings' numbers, by project and number.

    Numbers a document of ours stands under already are left out: there a correction finds its own earlier rows,
    and another phase of the same project its neighbour's.
    """
    padded_to = context.settings.vantagepoint.pad_invoice_numbers_to
    documents = sorted({posting.document.document_id for posting in postings})
    own = {
        (document_id, key.wbs1, invoice_number_key(key.invoice, padded_to))
        for document_id, standing in context.journal.standings(file.kind, documents).items()
        for _, key in standing.lines
    }
    new = [posting for posting in postings if (posting.document.document_id, *_number(context, posting)) not in own]
    asked = {_number(context, posting) for posting in new}
    numbers = {posting.master.invoice for posting in new}
    numbers |= {pad_invoice_number(number, padded_to) for number in numbers}
    found: dict[tuple[str, str], list[LedgerRow]] = {}
    for row in context.client.ledger_rows(LEDGER_TYPE[file.kind], invoices=sorted(numbers)):
        key = (row.wbs1, invoice_number_key(row.invoice, padded_to))
        if key in asked:
            found.setdefault(key, []).append(row)
    return found


def _number(context: PostingContext, posting: Posting) -> tuple[str, str]:
    return number_claim(posting, context.settings.vantagepoint.pad_invoice_numbers_to)


def _already_there(posting: Posting) -> Hold:
    message = (
        f"{posting.document}: invoice {posting.master.invoice} on project {posting.master.wbs1} stands in the ledger "
        "with other amounts."
    )
    return Hold(HoldReason.ALREADY_IN_VANTAGEPOINT, message)


def _adopt(
    transaction: JournalTransaction, batch: str, adopted: Sequence[tuple[Posting, Sequence[LedgerEvidence]]]
) -> None:
    transaction.move_file(batch, FileState.ADOPTED, before=(FileState.PLANNED,))
    transaction.append(
        Event(
            EventType.DOCUMENT_ADOPTED,
            {"amount": posting.amount, "found_in": sorted({row.batch for row in evidence})},
            document=posting.document,
            revision=posting.revision,
            batch=batch,
        )
        for posting, evidence in adopted
    )
    transaction.save_ledger_rows([row for _, evidence in adopted for row in evidence])
    transaction.land(batch)
