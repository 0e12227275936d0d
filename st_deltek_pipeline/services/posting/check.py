"""First step: nothing in a file may exist in Vantagepoint before it is sent. Asked in bulk, never per document."""

from collections.abc import Mapping, Sequence

from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.journal import Event, EventType, FileState
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.domain.reading_back import pad_invoice_number, stands_already
from st_deltek_pipeline.domain.transaction_files import ENTRY_TYPE, LEDGER_TYPE, TransactionFile, build_file
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.services.posting.evidence import evidence_of
from st_deltek_pipeline.services.posting.moves import add_child, refuse_child
from st_deltek_pipeline.services.posting.resolve import compare_entered, resolve_in_doubt
from st_deltek_pipeline.store.journal import JournalTransaction, LedgerEvidence, StoredFile
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
            return (batch,) if resolve_in_doubt(context, lock, file) else ()
        if file.state is not FileState.PLANNED:
            return (batch,) if file.state in {FileState.ENTERED, FileState.POSTING} else ()
        control = context.client.read_control(ENTRY_TYPE[file.kind], batch)
        if control is not None:
            return (batch,) if compare_entered(context, lock, file) else ()
        return _without_standing_documents(context, lock, file)


def _without_standing_documents(context: PostingContext, lock: PosterLock, file: StoredFile) -> tuple[str, ...]:
    """Look for the file's invoices in the ledger; adopt what stands, hold what is in the way, go on with the rest."""
    postings = context.journal.postings_of(file.batch)
    standing = _ledger_of_numbers(context, file, postings)
    adopted: list[Posting] = []
    held: list[Posting] = []
    remaining: list[Posting] = []
    evidence: list[LedgerEvidence] = []
    receivables = load_reference(context.engine, context.settings.name).receivables_account if standing else None
    for posting in postings:
        rows = [] if posting.correction else standing.get(_number(context, posting), [])
        if not rows:
            remaining.append(posting)
        elif stands_already(posting, rows, receivables_account=receivables):
            adopted.append(posting)
            evidence.extend(evidence_of(row, posting) for row in rows if row.account != receivables)
        else:
            held.append(posting)
    if not adopted and not held:
        return (file.batch,)
    with context.journal.writing(lock) as transaction:
        parts = [part for part in (adopted, held, remaining) if part]
        if len(parts) == 1:
            # The whole file goes one way: it is its own only part.
            files = [build_file(context.settings.name, file.company, postings)]
        else:
            files = [add_child(context, transaction, file, part, "found in Vantagepoint") for part in parts]
            transaction.move_file(file.batch, FileState.SPLIT, before=(FileState.PLANNED,))
        if adopted:
            _adopt(transaction, files[0], evidence)
        if held:
            refuse_child(transaction, files[1 if adopted else 0], _already_there)
    return (files[-1].batch,) if remaining else ()


def _ledger_of_numbers(
    context: PostingContext, file: StoredFile, postings: Sequence[Posting]
) -> Mapping[tuple[str, str], list[LedgerRow]]:
    """Read the ledger rows under the numbers of first-time postings, by project and padded number."""
    # A correction is expected to find its own earlier rows.
    numbers = {posting.master.invoice for posting in postings if not posting.correction}
    padded_to = context.settings.vantagepoint.pad_invoice_numbers_to
    numbers |= {pad_invoice_number(number, padded_to) for number in numbers}
    found: dict[tuple[str, str], list[LedgerRow]] = {}
    for row in context.client.ledger_rows(LEDGER_TYPE[file.kind], invoices=sorted(numbers)):
        found.setdefault((row.wbs1, pad_invoice_number(row.invoice, padded_to)), []).append(row)
    return found


def _number(context: PostingContext, posting: Posting) -> tuple[str, str]:
    padded_to = context.settings.vantagepoint.pad_invoice_numbers_to
    return (posting.master.wbs1, pad_invoice_number(posting.master.invoice, padded_to))


def _already_there(posting: Posting) -> Hold:
    message = (
        f"{posting.document}: invoice {posting.master.invoice} on project {posting.master.wbs1} stands in the ledger "
        "with other amounts."
    )
    return Hold(HoldReason.ALREADY_IN_VANTAGEPOINT, message)


def _adopt(transaction: JournalTransaction, child: TransactionFile, evidence: Sequence[LedgerEvidence]) -> None:
    transaction.move_file(child.batch, FileState.ADOPTED, before=(FileState.PLANNED,))
    transaction.append(
        Event(
            EventType.DOCUMENT_ADOPTED,
            {
                "amount": posting.amount,
                "found_in": sorted({row.batch for row in evidence if row.document == posting.document}),
            },
            document=posting.document,
            revision=posting.revision,
            batch=child.batch,
        )
        for posting in child.postings
    )
    transaction.save_ledger_rows(evidence)
    transaction.settle(child.kind, [posting.document.document_id for posting in child.postings])
