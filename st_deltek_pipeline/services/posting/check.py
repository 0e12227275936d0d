"""First step: nothing in a file may exist in Vantagepoint before it is sent. Asked in bulk, never per document."""

from collections.abc import Sequence
from dataclasses import dataclass

from st_deltek_pipeline.domain.boundaries import Boundary
from st_deltek_pipeline.domain.coded_amounts import Heading
from st_deltek_pipeline.domain.documents import DocumentKey
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.journal import Event, EventType, FileState
from st_deltek_pipeline.domain.posting_keys import natural_key
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.domain.reading_back import (
    balancing_accounts,
    carries_our_lines,
    nets_to_nothing,
    our_rows,
    stands_already,
)
from st_deltek_pipeline.domain.transaction_files import build_file
from st_deltek_pipeline.services.posting.claims import allowances_of, claimed_key
from st_deltek_pipeline.services.posting.context import PostingContext, period_closed
from st_deltek_pipeline.services.posting.evidence import evidence_of
from st_deltek_pipeline.services.posting.existing import ledger_under_natural_keys
from st_deltek_pipeline.services.posting.moves import add_child, move, refuse, refuse_child
from st_deltek_pipeline.services.posting.resolve import compare_entered, in_ledger, is_entered, resolve_in_doubt
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
        if is_entered(context, file):
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
    """Look for the file's documents in the ledger; adopt what stands, hold what is in the way, go on with the rest."""
    postings = context.journal.postings_of(file.batch)
    standing = ledger_under_natural_keys(context, file, postings)
    context.reached(Boundary.LOOKED)
    adopted: list[tuple[Posting, Sequence[LedgerEvidence]]] = []
    held: list[Posting] = []
    remaining: list[Posting] = []
    receivables = load_reference(context.engine, context.settings.name).receivables_account if standing else None
    padded_to = context.settings.vantagepoint.pad_invoice_numbers_to
    allowed = allowances_of(context.journal, [posting.document for posting in postings] if standing else [])
    for posting in postings:
        rows = standing.get(natural_key(posting.heading, padded_to=padded_to), [])
        shares = claimed_key(posting, context.settings, allowed.get(posting.document)) is None
        found = _look(context, posting, rows, receivables, shares=shares)
        if found.evidence:
            adopted.append((posting, found.evidence))
        elif found.in_the_way:
            held.append(posting)
        else:
            remaining.append(posting)
    if not adopted and not held:
        return (file.batch,)
    in_the_way = [posting.document for posting in held]
    if file.together and held:
        # What is posted whole or not at all waits whole.
        held, remaining = [*held, *remaining], []
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
            refuse_child(transaction, files[1 if adopted else 0], lambda posting: _why_held(posting, in_the_way))
    context.reached(Boundary.FOUND_RECORDED)
    return (files[-1].batch,) if remaining else ()


@dataclass(frozen=True)
class _Found:
    """What the ledger shows under a posting's natural key.

    Attributes:
        evidence: The rows that are this very posting; none when it does not stand there.
        in_the_way: Something else stands there.
    """

    evidence: Sequence[LedgerEvidence] = ()
    in_the_way: bool = False


def _look(
    context: PostingContext, posting: Posting, rows: Sequence[LedgerRow], receivables: str | None, *, shares: bool
) -> _Found:
    if not rows:
        return _Found()
    ours = our_rows(posting, rows)
    if carries_our_lines(posting, ours):
        return _Found([evidence_of(row, posting) for row in ours])
    if shares:
        # Where several documents may share a number, only our own keys prove that it is this one.
        return _Found(in_the_way=bool(ours))
    heading = posting.heading
    padded_to = context.settings.vantagepoint.pad_invoice_numbers_to
    # A correction finds another phase of its project beside it.
    here = [row for row in rows if heading.entry is not EntryType.INVOICES or _level(row) == _level(heading)]
    own_accounts = _own_accounts(posting, rows, receivables)
    if here and stands_already(posting, here, own_accounts=own_accounts, padded_to=padded_to):
        return _Found([evidence_of(row, posting) for row in here if row.account not in own_accounts])
    return _Found(in_the_way=not nets_to_nothing(row for row in rows if row.account not in own_accounts))


def _own_accounts(posting: Posting, rows: Sequence[LedgerRow], receivables: str | None) -> frozenset[str]:
    """Return the accounts of the rows that Vantagepoint adds itself; of a journal entry, that of our balancing line."""
    heading = posting.heading
    if heading.entry is EntryType.INVOICES:
        return frozenset({receivables} if receivables else ())
    if heading.entry is EntryType.JOURNAL_ENTRIES:
        return frozenset({heading.liability})
    return balancing_accounts(posting, rows)


def _level(place: LedgerRow | Heading) -> tuple[str, str]:
    return (place.wbs2, place.wbs3)


def _why_held(posting: Posting, in_the_way: Sequence[DocumentKey]) -> Hold:
    """Say why a posting waits: something else stands in its place, or in that of another one that it goes together with."""
    if posting.document in in_the_way:
        return _already_there(posting)
    message = (
        f"{posting.document} waits for {posting.together}: {in_the_way[0]} stands in the ledger with other amounts."
    )
    return Hold(HoldReason.DEPOSIT_INCOMPLETE, message)


def _already_there(posting: Posting) -> Hold:
    heading = posting.heading
    if heading.entry is EntryType.VOUCHERS:
        what = f"invoice {heading.number} of vendor {heading.vendor}"
        reason = HoldReason.DUPLICATE_VENDOR_INVOICE
    else:
        named = heading.credit_memo or heading.number
        is_invoice = heading.entry is EntryType.INVOICES and not heading.credit_memo
        what = f"invoice {named} on project {heading.wbs1}" if is_invoice else f"reference {named}"
        reason = HoldReason.ALREADY_IN_VANTAGEPOINT
    return Hold(reason, f"{posting.document}: {what} stands in the ledger with other amounts.")


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
