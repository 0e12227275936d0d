"""Planning a business day: which documents go into which transaction files, frozen before anything is sent.

``decide_day`` reads and decides and is what the preview shows; ``plan_day`` writes the same decisions into the
journal. Sending is ``poster``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.decisions import Decision, PostingRules, Situation, decide
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import BrokenError, TransientError
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.domain.journal import Event, EventType
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.domain.reading_back import invoice_number_key
from st_deltek_pipeline.domain.transaction_files import TransactionFile, build_files, plan_hash
from st_deltek_pipeline.services.posting.context import PostingContext, posting_target
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.journal_rows import NOT_STANDING, StoredFile
from st_deltek_pipeline.store.mapping import StoredAlignment, alignments_of_day
from st_deltek_pipeline.store.reference import load_reference
from st_deltek_pipeline.store.staged import SetAside, invoices_of_day, set_aside_of_day
from st_deltek_pipeline.store.tie_out import stated_totals

_NOT_ALIGNED = "it changed after it was aligned; align the day again."


@dataclass(frozen=True)
class DayPlan:
    """Everything a run of the day would do.

    Attributes:
        files: New transaction files.
        resumed: Files of an earlier run that are still under way.
        outcomes: New outcomes of documents, those that differ from what is recorded.
        outside: Outcomes of every document that will be held or ignored, known before or not.
        unchanged: Documents that need nothing.
        plan_hash: Hash of the new files' bodies.
    """

    business_day: date
    files: tuple[TransactionFile, ...]
    resumed: tuple[StoredFile, ...]
    outcomes: tuple[DocumentOutcome, ...]
    outside: tuple[DocumentOutcome, ...]
    documents: int
    unchanged: int
    plan_hash: str

    @property
    def held(self) -> int:
        """Number of documents that will be held."""
        return sum(outcome.outcome is OutcomeKind.HELD for outcome in self.outside)

    @property
    def ignored(self) -> int:
        """Number of documents that will be ignored."""
        return sum(outcome.outcome is OutcomeKind.IGNORED for outcome in self.outside)


@dataclass(frozen=True)
class PlanResult:
    """What planning a day froze.

    Attributes:
        batches: Files to go on with, resumed ones first.
        total: Net amount of the new files.
    """

    batches: tuple[str, ...]
    documents: int
    planned: int
    unchanged: int
    held: int
    ignored: int
    plan_hash: str
    total: Decimal


def posting_rules(settings: ConnectionSettings) -> PostingRules:
    """Read the posting rules from a connection's settings."""
    return PostingRules(
        ready_when=settings.posting.ready_when,
        post_zero_documents=settings.posting.zero_documents == "post",
        first_open_period=settings.posting.closed_period == "first_open",
    )


def decide_day(engine: Engine, settings: ConnectionSettings, business_day: date, *, run_id: str) -> DayPlan:
    """Decide about every document of a business day; writes nothing.

    Args:
        engine: The database.
        settings: The connection.
        business_day: The partition.
        run_id: Who asks.

    Raises:
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    journal = Journal(engine, settings.name, run_id=run_id)
    invoices = invoices_of_day(engine, settings.name, business_day)
    ids = [invoice.key.document_id for invoice in invoices]
    set_aside = {record.record_id: record for record in set_aside_of_day(engine, settings.name, business_day)}
    known = sorted({*ids, *set_aside})
    reference = load_reference(engine, settings.name)
    with engine.connect() as connection:
        alignments = alignments_of_day(
            connection, connection_name=settings.name, kind=Kind.INVOICE, business_day=business_day
        )
    standings = journal.standings(Kind.INVOICE, known)
    recorded = journal.outcomes(Kind.INVOICE, known)
    ignored = journal.ignored(Kind.INVOICE, known)
    rules = posting_rules(settings)
    decisions: dict[int, tuple[Invoice, Decision]] = {}
    for invoice in invoices:
        document_id = invoice.key.document_id
        if document_id in set_aside:
            # Only an older version is staged; nothing may be decided by it.
            continue
        standing = standings.get(document_id, NOT_STANDING)
        alignment = alignments.get(document_id)
        situation = Situation(
            invoice=invoice,
            lines=alignment.lines if alignment else (),
            hold=_hold_of(invoice, alignment),
            standing=standing.lines,
            occupied=standing.occupied,
            previous=recorded.get(document_id),
            next_posting_no=standing.next_posting_no,
            ignored=ignored.get(document_id),
        )
        decisions[document_id] = (invoice, decide(situation, rules, reference.periods))
    # The day that the newest version belongs to decides.
    unreadable = [record for record in set_aside.values() if record.business_day == business_day]
    unreadable_totals = stated_totals(engine, settings.name, Kind.INVOICE, [record.record_id for record in unreadable])
    outcomes = [
        _unreadable_outcome(
            settings.name,
            record,
            unreadable_totals.get(record.record_id, ZERO) - standings.get(record.record_id, NOT_STANDING).amount,
            recorded.get(record.record_id),
        )
        for record in unreadable
    ]
    decisions = _without_taken_numbers(decisions, journal, posting_target(settings), settings)
    outcomes += [decision.outcome for _, decision in decisions.values() if decision.outcome is not None]
    files = build_files(
        settings.name,
        settings.vantagepoint.company,
        [posting for _, decision in decisions.values() for posting in decision.postings],
        documents_per_file=settings.vantagepoint.documents_per_file,
    )
    return DayPlan(
        business_day=business_day,
        files=files,
        resumed=tuple(journal.open_files(Kind.INVOICE, business_day, known)),
        outcomes=tuple(outcome for outcome in outcomes if outcome != recorded.get(outcome.document.document_id)),
        outside=tuple(each for each in outcomes if each.outcome in {OutcomeKind.HELD, OutcomeKind.IGNORED}),
        documents=len(decisions) + len(unreadable),
        unchanged=sum(decision.outcome is None for _, decision in decisions.values()),
        plan_hash=plan_hash(files),
    )


def plan_day(context: PostingContext, business_day: date, *, pinned_hash: str | None = None) -> PlanResult:
    """Plan a business day and freeze its transaction files in the journal.

    Args:
        context: The run.
        business_day: The partition.
        pinned_hash: Send only a plan with this hash; a pin stored by the preview counts likewise, once.

    Raises:
        BrokenError: The plan differs from the pinned one; nothing was written.
        LockLostError: Another worker has taken over.
        TransientError: Another run holds the lock for too long.
    """
    journal = context.journal
    with context.locked() as lock:
        plan = decide_day(context.engine, context.settings, business_day, run_id=context.run_id)
        pinned = pinned_hash or journal.pinned_plan(Kind.INVOICE, business_day)
        if pinned is not None and plan.files and plan.plan_hash != pinned:
            message = f"The plan for {business_day} has changed: pinned {pinned}, now {plan.plan_hash}."
            raise BrokenError(message, advice="Look at the preview again and pin the new plan if it is right.")
        if plan.files or plan.outcomes:
            with journal.writing(lock) as transaction:
                padded_to = context.settings.vantagepoint.pad_invoice_numbers_to
                claims = [
                    (*number_claim(posting, padded_to), posting.document)
                    for file in plan.files
                    for posting in file.postings
                ]
                _check_owners(transaction.claim_invoice_numbers(context.target, claims), plan.files, padded_to)
                transaction.append([*_file_events(plan.files, plan.plan_hash), *_outcome_events(plan)])
                transaction.add_files(plan.files)
                transaction.set_outcomes(plan.outcomes)
                if plan.files:
                    transaction.use_pin(Kind.INVOICE, business_day)
    return PlanResult(
        batches=(*(file.batch for file in plan.resumed), *(file.batch for file in plan.files)),
        documents=plan.documents,
        planned=len({posting.document for file in plan.files for posting in file.postings}),
        unchanged=plan.unchanged,
        held=plan.held,
        ignored=plan.ignored,
        plan_hash=plan.plan_hash,
        total=total(file.amount for file in plan.files),
    )


def _hold_of(invoice: Invoice, alignment: StoredAlignment | None) -> Hold | None:
    if alignment is None or alignment.revision_hash != invoice.revision_hash:
        return Hold(HoldReason.NOT_READY, f"{invoice.key}: {_NOT_ALIGNED}")
    return alignment.hold


def _unreadable_outcome(
    connection: str, record: SetAside, amount: Decimal, recorded: DocumentOutcome | None
) -> DocumentOutcome:
    # Revision 0: no posting of an earlier revision makes an unreadable one posted.
    key = DocumentKey(connection, Kind.INVOICE, record.record_id)
    return DocumentOutcome(
        document=key,
        revision=0,
        revision_hash="",
        business_day=record.business_day,
        outcome=OutcomeKind.HELD,
        reason=HoldReason.UNREADABLE.value,
        message=f"{key} does not fit: {record.reason}",
        words="",
        amount=amount,
        project=recorded.project if recorded else "",
    )


def _without_taken_numbers(
    decisions: Mapping[int, tuple[Invoice, Decision]], journal: Journal, target: str, settings: ConnectionSettings
) -> dict[int, tuple[Invoice, Decision]]:
    """Hold documents whose invoice number another document already uses on the same project."""
    padded_to = settings.vantagepoint.pad_invoice_numbers_to
    wanted = {number_claim(posting, padded_to) for _, decision in decisions.values() for posting in decision.postings}
    owners = dict(journal.invoice_number_owners(target, sorted(wanted)))
    kept: dict[int, tuple[Invoice, Decision]] = {}
    for document_id, (invoice, decision) in sorted(decisions.items()):
        claims = {number_claim(posting, padded_to) for posting in decision.postings}
        taken = [owner for claim in sorted(claims) if (owner := owners.get(claim, invoice.key)) != invoice.key]
        if taken and decision.outcome is not None:
            kept[document_id] = (invoice, _number_taken(invoice, decision.outcome, taken[0]))
            continue
        owners.update(dict.fromkeys(claims, invoice.key))
        kept[document_id] = (invoice, decision)
    return kept


def number_claim(posting: Posting, padded_to: int) -> tuple[str, str]:
    """Return the project and padded number a posting occupies in Vantagepoint's receivables."""
    return (posting.master.wbs1, invoice_number_key(posting.master.invoice, padded_to))


def _number_taken(invoice: Invoice, outcome: DocumentOutcome, owner: DocumentKey) -> Decision:
    message = f"{invoice.key}: {owner} already uses the number {invoice.number} on project {outcome.project}."
    held = replace(outcome, outcome=OutcomeKind.HELD, reason=HoldReason.INVOICE_NUMBER_TAKEN.value, message=message)
    return Decision((), held)


def _file_events(files: Sequence[TransactionFile], hash_of_plan: str) -> Iterable[Event]:
    for file in files:
        yield Event(
            EventType.FILE_PLANNED,
            {
                "plan_hash": hash_of_plan,
                "body_hash": file.body_hash,
                "period": file.period,
                "company": file.company,
                "documents": len(file.postings),
                "amount": file.amount,
            },
            batch=file.batch,
        )
        for posting in file.postings:
            yield Event(
                EventType.DOCUMENT_PLANNED,
                {
                    "posting_no": posting.posting_no,
                    "revision_hash": posting.revision_hash,
                    "project": posting.master.wbs1,
                    "invoice": posting.master.invoice,
                    "period": posting.master.period,
                    "moved_from": posting.moved_from,
                    "correction": posting.correction,
                    "amount": posting.amount,
                },
                document=posting.document,
                revision=posting.revision,
                batch=file.batch,
            )


_OUTCOME_EVENTS = {
    OutcomeKind.POSTED: EventType.DOCUMENT_UNCHANGED,
    OutcomeKind.HELD: EventType.DOCUMENT_HELD,
    OutcomeKind.IGNORED: EventType.DOCUMENT_IGNORED,
    OutcomeKind.IN_FLIGHT: EventType.DOCUMENT_WAITING,
}


def _outcome_events(plan: DayPlan) -> Iterable[Event]:
    planned = {posting.document for file in plan.files for posting in file.postings}
    for outcome in plan.outcomes:
        if outcome.document in planned:
            # Told by the file's own events.
            continue
        yield Event(
            _OUTCOME_EVENTS[outcome.outcome],
            {
                "reason": outcome.reason,
                "message": outcome.message,
                "words": outcome.words,
                "amount": outcome.amount,
                "revision_hash": outcome.revision_hash,
            },
            document=outcome.document,
            revision=outcome.revision,
        )


def _check_owners(
    owners: Mapping[tuple[str, str], DocumentKey], files: Sequence[TransactionFile], padded_to: int
) -> None:
    for file in files:
        for posting in file.postings:
            owner = owners[number_claim(posting, padded_to)]
            if owner != posting.document:
                message = f"{owner} took the number {posting.master.invoice} on {posting.master.wbs1} meanwhile."
                raise TransientError(message, advice="Nothing was written; run the day again.")
