"""Planning one kind of a business day: which documents go into which transaction files, frozen before anything is sent.

``decide_day`` reads and decides and is what the preview shows; ``plan_day`` writes the same decisions into the
journal. Sending is ``poster``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.boundaries import Boundary
from st_deltek_pipeline.domain.decisions import PostingRules, Situation, decide, unposted_amount
from st_deltek_pipeline.domain.deposits import waits_for_deposit
from st_deltek_pipeline.domain.documents import Document, DocumentKey, Kind
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.journal import Event, EventType
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.payments import Payment
from st_deltek_pipeline.domain.postings import rules_of
from st_deltek_pipeline.domain.reversals import PersonalReversal, left_to_reverse
from st_deltek_pipeline.domain.transaction_files import TransactionFile, build_files, plan_hash
from st_deltek_pipeline.services.alignment import journal_entry_types
from st_deltek_pipeline.services.day_documents import by_deposit, documents_of
from st_deltek_pipeline.services.posting.applications import without_over_applications
from st_deltek_pipeline.services.posting.claims import Decided, check_owners, claims_of, without_taken_keys
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.services.posting.deposits import by_whole_deposits
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.journal_rows import NOT_STANDING, DocumentStanding, StoredFile
from st_deltek_pipeline.store.journal_transaction import JournalTransaction
from st_deltek_pipeline.store.mapping import StoredAlignment, alignments_of
from st_deltek_pipeline.store.reference import load_reference
from st_deltek_pipeline.store.staged_set_aside import SetAside, set_aside_by_id, set_aside_of_day
from st_deltek_pipeline.store.tie_out import stated_totals

_NOT_ALIGNED = "it changed after it was aligned; align the day again."

Decisions = dict[int, Decided]
"""What was decided, by ServiceTitan's id."""


@dataclass(frozen=True)
class DayPlan:
    """Everything a run of the day would do with one kind of document.

    Attributes:
        files: New transaction files.
        resumed: Files of an earlier run that are still under way.
        outcomes: New outcomes of documents, those that differ from what is recorded.
        outside: Outcomes of every document that will be held or ignored, known before or not.
        unchanged: Documents that need nothing.
        plan_hash: Hash of the new files' bodies.
    """

    kind: Kind
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
        journal_entry_types=journal_entry_types(settings),
    )


def decide_day(engine: Engine, settings: ConnectionSettings, kind: Kind, business_day: date, *, run_id: str) -> DayPlan:
    """Decide about every document of one kind of a business day; writes nothing.

    Args:
        engine: The database.
        settings: The connection.
        kind: The kind of document.
        business_day: The partition.
        run_id: Who asks.

    Raises:
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    journal = Journal(engine, settings.name, run_id=run_id)
    day = documents_of(engine, settings, kind, business_day)
    ids = [document.key.document_id for document in day.here]
    set_aside = {
        record.record_id: record
        for record in (
            *set_aside_of_day(engine, settings.name, kind, business_day),
            *set_aside_by_id(engine, settings.name, kind, ids),
        )
    }
    known = sorted({*ids, *(payment.key.document_id for payment in day.elsewhere), *set_aside})
    standings = journal.standings(kind, known)
    recorded = dict(journal.outcomes(kind, known))
    decisions = decide_documents(
        engine, settings, journal, [each for each in day.here if each.key.document_id not in set_aside]
    )
    decided = list(decisions.values())
    if by_deposit(settings, kind):
        decided = by_whole_deposits(
            engine,
            settings,
            journal,
            decided,
            [each for each in day.here if isinstance(each, Payment) and each.key.document_id in set_aside],
            reference=load_reference(engine, settings.name),
            rules=posting_rules(settings),
        )
    # The day that the newest version belongs to decides.
    unreadable = [record for record in set_aside.values() if record.business_day == business_day]
    unreadable_totals = stated_totals(engine, settings.name, kind, [record.record_id for record in unreadable])
    outcomes = [
        _unreadable_outcome(
            DocumentKey(settings.name, kind, record.record_id),
            record,
            unreadable_totals.get(record.record_id, ZERO) - standings.get(record.record_id, NOT_STANDING).amount,
            recorded.get(record.record_id),
        )
        for record in unreadable
    ]
    outcomes += [decision.outcome for _, decision in decided if decision.outcome is not None]
    outcomes += [
        elsewhere
        for payment in day.elsewhere
        if payment.key.document_id not in set_aside
        and (elsewhere := _decided_elsewhere(payment, recorded, standings)) is not None
    ]
    files = build_files(
        settings.name,
        settings.vantagepoint.company,
        [posting for _, decision in decided for posting in decision.postings],
        documents_per_file=documents_per_file(settings),
    )
    deposits = [document.key.document_id for document, _ in decided if document.key.kind is Kind.BANK_DEPOSIT]
    before = {
        outcome.document: outcome
        for outcome in (*recorded.values(), *journal.outcomes(Kind.BANK_DEPOSIT, deposits).values())
    }
    return DayPlan(
        kind=kind,
        business_day=business_day,
        files=files,
        resumed=tuple(journal.open_files(kind, business_day, known)),
        outcomes=tuple(outcome for outcome in outcomes if outcome != before.get(outcome.document)),
        outside=tuple(each for each in outcomes if each.outcome in {OutcomeKind.HELD, OutcomeKind.IGNORED}),
        documents=len(decisions) + len(unreadable) + len(day.elsewhere),
        unchanged=sum(decision.outcome is None for _, decision in decisions.values()),
        plan_hash=plan_hash(files),
    )


def documents_per_file(settings: ConnectionSettings) -> int:
    """Return the most documents that one transaction file of a connection carries."""
    return 1 if settings.vantagepoint.entry == "single" else settings.vantagepoint.documents_per_file


def decide_documents(
    engine: Engine,
    settings: ConnectionSettings,
    journal: Journal,
    documents: Sequence[Document],
    *,
    reversals: Mapping[int, PersonalReversal] | None = None,
    alignments: Mapping[int, StoredAlignment] | None = None,
) -> Decisions:
    """Decide about documents of one kind that can be read; writes nothing.

    Args:
        engine: The database.
        settings: The connection.
        journal: Its journal.
        documents: Current revisions.
        reversals: What a person is about to have reversed, beside what the journal knows of that.
        alignments: How they are aligned now, by ServiceTitan's id; by default as they were when it was stored last.

    Raises:
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    if not documents:
        return {}
    kind = documents[0].key.kind
    ids = [document.key.document_id for document in documents]
    reference = load_reference(engine, settings.name)
    if alignments is None:
        with engine.connect() as connection:
            alignments = alignments_of(connection, connection_name=settings.name, kind=kind, document_ids=ids)
    standings = journal.standings(kind, ids)
    recorded = journal.outcomes(kind, ids)
    ignored = journal.ignored(kind, ids)
    reversals = {**journal.reversals(kind, ids), **(reversals or {})}
    parts = journal.posted_parts(kind, sorted(reversals))
    rules = posting_rules(settings)
    decided: list[Decided] = []
    for document in documents:
        document_id = document.key.document_id
        standing = standings.get(document_id, NOT_STANDING)
        alignment = alignments.get(document_id)
        reversal = reversals.get(document_id)
        situation = Situation(
            document=document,
            lines=alignment.lines if alignment else (),
            hold=_hold_of(document, alignment) or _deposit_hold(document, standing, settings),
            standing=standing.lines,
            occupied=standing.occupied,
            previous=recorded.get(document_id),
            next_posting_no=standing.next_posting_no,
            ignored=ignored.get(document_id),
            terms=alignment.terms if alignment else "",
            reversal=reversal,
            to_reverse=left_to_reverse(reversal, parts.get(document_id, ())) if reversal else (),
        )
        decided.append((document, decide(situation, rules, reference.periods)))
    if kind is Kind.PAYMENT:
        decided = without_over_applications(engine, settings, journal, decided)
    decided = without_taken_keys(decided, journal, settings)
    return {document.key.document_id: (document, decision) for document, decision in decided}


def plan_day(context: PostingContext, kind: Kind, business_day: date, *, pinned_hash: str | None = None) -> PlanResult:
    """Plan one kind of a business day and freeze its transaction files in the journal.

    Args:
        context: The run.
        kind: The kind of document.
        business_day: The partition.
        pinned_hash: Send only a plan with this hash; a pin stored by the preview counts likewise, once.

    Raises:
        BrokenError: The plan differs from the pinned one; nothing was written.
        LockLostError: Another worker has taken over.
        TransientError: Another run holds the lock for too long.
    """
    journal = context.journal
    with context.locked() as lock:
        plan = decide_day(context.engine, context.settings, kind, business_day, run_id=context.run_id)
        context.reached(Boundary.DECIDED)
        pinned = pinned_hash or journal.pinned_plan(kind, business_day)
        if pinned is not None and plan.files and plan.plan_hash != pinned:
            message = f"The plan for {business_day} has changed: pinned {pinned}, now {plan.plan_hash}."
            raise BrokenError(message, advice="Look at the preview again and pin the new plan if it is right.")
        if plan.files or plan.outcomes:
            with journal.writing(lock) as transaction:
                freeze(context, transaction, plan.files, plan.outcomes, plan.plan_hash)
                if plan.files:
                    transaction.use_pin(kind, business_day)
            context.reached(Boundary.PLANNED)
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


def freeze(
    context: PostingContext,
    transaction: JournalTransaction,
    files: Sequence[TransactionFile],
    outcomes: Sequence[DocumentOutcome],
    hash_of_plan: str,
) -> None:
    """Write what was decided into the journal: claims, events, files, outcomes.

    Args:
        context: The run.
        transaction: The journal's transaction, which the caller commits.
        files: New transaction files.
        outcomes: New outcomes of documents, those in the files included.
        hash_of_plan: Hash of the files' bodies.

    Raises:
        TransientError: Another document took a natural key meanwhile; the transaction must not commit.
    """
    claims = claims_of(files, context.journal, context.settings)
    check_owners(transaction.claim_natural_keys(context.target, claims), claims)
    transaction.append([*file_events(files, hash_of_plan), *_outcome_events(files, outcomes)])
    transaction.add_files(files, padded_to=context.settings.vantagepoint.pad_invoice_numbers_to)
    transaction.set_outcomes(outcomes)


def _hold_of(document: Document, alignment: StoredAlignment | None) -> Hold | None:
    if alignment is None or alignment.revision_hash != document.revision_hash:
        return Hold(HoldReason.NOT_READY, f"{document.key}: {_NOT_ALIGNED}")
    return alignment.hold


def _deposit_hold(document: Document, standing: DocumentStanding, settings: ConnectionSettings) -> Hold | None:
    if not isinstance(document, Payment) or not by_deposit(settings, Kind.PAYMENT) or standing.lines:
        return None
    return waits_for_deposit(document)


def _decided_elsewhere(
    payment: Payment, recorded: Mapping[int, DocumentOutcome], standings: Mapping[int, DocumentStanding]
) -> DocumentOutcome | None:
    """Leave a payment to the day of its deposit; its outcome brings that day's run about."""
    known = recorded.get(payment.key.document_id)
    if known is not None and known.revision_hash == payment.revision_hash:
        settled = known.outcome in {OutcomeKind.POSTED, OutcomeKind.IGNORED}
        if settled or known.business_day == payment.business_day:
            return None
    standing = standings.get(payment.key.document_id, NOT_STANDING)
    return DocumentOutcome(
        document=payment.key,
        revision=payment.revision,
        revision_hash=payment.revision_hash,
        business_day=payment.business_day,
        outcome=OutcomeKind.HELD,
        reason=HoldReason.WAITING_FOR_DEPOSIT.value,
        message=f"{payment.key} is posted with deposit {payment.deposit_id} on business day {payment.business_day}.",
        words="",
        amount=unposted_amount(payment, standing.lines),
        project=known.project if known else "",
    )


def _unreadable_outcome(
    key: DocumentKey, record: SetAside, amount: Decimal, recorded: DocumentOutcome | None
) -> DocumentOutcome:
    # Revision 0: no posting of an earlier revision makes an unreadable one posted.
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


def file_events(files: Sequence[TransactionFile], hash_of_plan: str) -> Iterable[Event]:
    """Say in the journal what is planned.

    Args:
        files: New transaction files.
        hash_of_plan: Hash of their bodies.
    """
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
                    "entry": posting.heading.entry.value,
                    "project": posting.project,
                    "number": posting.heading.number,
                    **({"reverses": posting.reverses} if posting.reverses is not None else {}),
                    "period": posting.master.period,
                    "moved_from": posting.moved_from,
                    "correction": posting.correction,
                    "amount": posting.amount,
                    "decided_by": rules_of(posting.lines),
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


def _outcome_events(files: Sequence[TransactionFile], outcomes: Sequence[DocumentOutcome]) -> Iterable[Event]:
    planned = {posting.document for file in files for posting in file.postings}
    for outcome in outcomes:
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
