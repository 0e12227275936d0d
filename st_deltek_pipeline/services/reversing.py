"""Reversing what was posted, because a person wants it: by transaction file, by run, or by document.

A reversal is planned like any other posting (``posting.planner``), frozen in the journal together with the person's
decision, and sent by the same steps. What was reversed before is left alone, so that asking twice changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.decisions import Decision
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Document, DocumentKey, Kind
from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.journal import Event, EventType
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.reversals import PersonalReversal, ReversalChoice, choose_reversals
from st_deltek_pipeline.domain.transaction_files import TransactionFile, build_files, plan_hash
from st_deltek_pipeline.services.current_documents import current_documents
from st_deltek_pipeline.services.posting.check import check_file
from st_deltek_pipeline.services.posting.confirm import FileOutcome, confirm_file
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.services.posting.enter import enter_file
from st_deltek_pipeline.services.posting.planner import decide_documents, documents_per_file, freeze
from st_deltek_pipeline.services.posting.post import post_file
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.reversals import files_of_run, numbers_in_files, numbers_of_document

_ORDER = (Kind.BANK_DEPOSIT, *reversed(POSTING_ORDER))
"""In which order kinds are reversed: receipts before the invoices they pay, and what a bank kept with its receipts."""

_SHORTEST_RUN = 8
_MOST_NAMED = 5

Wished = Mapping[Kind, Mapping[int, frozenset[int]]]
"""Numbers of the postings that a person wants reversed, by kind and document."""


@dataclass(frozen=True)
class FileSelection:
    """Everything that a transaction file posted."""

    batch: str


@dataclass(frozen=True)
class RunSelection:
    """Everything that a run posted; the beginning of its id will do."""

    run: str


Selection = FileSelection | RunSelection | DocumentKey


class ReversalState(StrEnum):
    """Where a document's reversal stands."""

    TO_REVERSE = "to_reverse"
    UNDER_WAY = "under_way"
    REVERSED = "reversed"
    HELD = "held"
    REFUSED = "refused"


@dataclass(frozen=True)
class DocumentReversal:
    """One document of a selection.

    Attributes:
        amount: What is taken out of the ledger now: the sum of what is reversed, with the document's sign.
        files: Transaction files that reverse it, now or before.
        message: Why it is held or refused; else empty.
        words: Vantagepoint's own, where it refused.
    """

    document: DocumentKey
    state: ReversalState
    amount: Decimal = ZERO
    files: tuple[str, ...] = ()
    message: str = ""
    words: str = ""


@dataclass(frozen=True)
class ReversalPlan:
    """What reversing a selection would do, or has just frozen.

    Attributes:
        files: New transaction files.
        resumed: Batches of reversals under way that are gone on with.
        reversals: Decisions to be recorded.
        outcomes: New outcomes of documents.
        plan_hash: Hash of the new files' bodies.
    """

    documents: tuple[DocumentReversal, ...]
    files: tuple[TransactionFile, ...]
    resumed: tuple[str, ...]
    reversals: tuple[PersonalReversal, ...]
    outcomes: tuple[DocumentOutcome, ...]
    plan_hash: str


@dataclass(frozen=True)
class ReversalResult:
    """What came of reversing a selection.

    Attributes:
        plan: What was frozen.
        documents: Where each document stands now.
        files: Where the transaction files stand now.
    """

    plan: ReversalPlan
    documents: tuple[DocumentReversal, ...]
    files: tuple[FileOutcome, ...]

    @property
    def complete(self) -> bool:
        """True when everything that was selected is reversed, now or before."""
        return all(document.state is ReversalState.REVERSED for document in self.documents)


def preview_reversal(
    engine: Engine, settings: ConnectionSettings, selection: Selection, *, reason: str, by: str
) -> ReversalPlan:
    """Show what reversing a selection would send: the same decisions and bodies; writes nothing.

    Args:
        engine: The database; only read.
        settings: The connection.
        selection: What a person wants reversed.
        reason: The person's words.
        by: Who decides it.

    Raises:
        ConfigurationError: The selection names nothing that is posted.
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    journal = Journal(engine, settings.name, run_id="preview")
    return _propose(engine, settings, journal, _wished(engine, settings.name, selection), reason=reason, by=by)


def reverse(
    context: PostingContext, selection: Selection, *, reason: str, by: str, pinned_hash: str | None = None
) -> ReversalResult:
    """Reverse a selection, each posting once, and keep its documents reversed.

    A reversal that was planned and not finished, because a process died or Vantagepoint could not be reached, is gone on
    with: by the same call again, or by the next run of its day.

    Args:
        context: The person's view of the connection.
        selection: What is to be reversed.
        reason: The person's words.
        by: Who decides it.
        pinned_hash: Send only a plan with this hash.

    Raises:
        ConfigurationError: The selection names nothing that is posted.
        BrokenError: The plan differs from the pinned one; nothing was written.
        TransientError, CredentialsError, PermissionMissingError: Vantagepoint could not be asked; what is planned is kept.
        LockLostError: Another worker has taken over.
    """
    plan = plan_reversal(context, selection, reason=reason, by=by, pinned_hash=pinned_hash)
    files: list[FileOutcome] = []
    for batch in (*plan.resumed, *(file.batch for file in plan.files)):
        for checked in check_file(context, batch):
            for entered in enter_file(context, checked):
                files.extend(confirm_file(context, posted) for posted in post_file(context, entered))
    return ReversalResult(plan, _now(context, selection, plan), tuple(files))


def plan_reversal(
    context: PostingContext, selection: Selection, *, reason: str, by: str, pinned_hash: str | None = None
) -> ReversalPlan:
    """Freeze a selection's reversals in the journal, with the person's decision; nothing is sent yet.

    Args:
        context: The person's view of the connection.
        selection: What is to be reversed.
        reason: The person's words.
        by: Who decides it.
        pinned_hash: Only a plan with this hash.

    Raises:
        ConfigurationError, BrokenError, LockLostError: As for ``reverse``.
        TransientError: Another run holds the lock for too long.
    """
    journal = context.journal
    with context.locked() as lock:
        wished = _wished(context.engine, context.settings.name, selection)
        plan = _propose(context.engine, context.settings, journal, wished, reason=reason, by=by)
        if pinned_hash is not None and plan.files and plan.plan_hash != pinned_hash:
            message = f"The reversal has changed: expected plan {pinned_hash}, now {plan.plan_hash}."
            raise BrokenError(message, advice="Look at the preview again.")
        if plan.reversals or plan.files or plan.outcomes:
            with journal.writing(lock) as transaction:
                transaction.reverse(plan.reversals)
                transaction.append(_decided(plan))
                freeze(context, transaction, plan.files, plan.outcomes, plan.plan_hash)
    return plan


def _decided(plan: ReversalPlan) -> list[Event]:
    amounts = {document.document: document.amount for document in plan.documents}
    return [
        Event(
            EventType.DOCUMENT_REVERSED,
            {
                "by": reversal.by,
                "why": reversal.reason,
                "reverses": list(reversal.postings),
                "amount": amounts[reversal.document],
                "revision_hash": reversal.revision_hash,
            },
            document=reversal.document,
            revision=reversal.revision,
        )
        for reversal in plan.reversals
    ]


def _wished(engine: Engine, name: str, selection: Selection) -> Wished:
    """Find the postings that a selection means.

    Raises:
        ConfigurationError: There are none.
    """
    with engine.connect() as connection:
        match selection:
            case DocumentKey():
                found = numbers_of_document(connection, selection)
                missing = f"Nothing of {selection} is posted."
            case RunSelection():
                files = _files_of_run(selection.run, files_of_run(connection, name, selection.run))
                found = numbers_in_files(connection, name, files)
                missing = f"No run {selection.run} of {name} posted anything."
            case FileSelection():
                found = numbers_in_files(connection, name, [selection.batch])
                missing = f"No transaction file {selection.batch} of {name} is posted."
    if not found:
        advice = f"Only what stands in the ledger can be reversed. Of a document: st-deltek holds show {name} KIND:ID"
        raise ConfigurationError(missing, advice=advice)
    return found


def _files_of_run(run: str, runs: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Return the files of the one run that is meant: of that very id, else of the only id that begins like it."""
    if run in runs:
        return runs[run]
    if len(run) < _SHORTEST_RUN:
        message = f"{run!r} is too short for a run's id."
        raise ConfigurationError(message, advice=f"Give at least its first {_SHORTEST_RUN} characters.")
    if len(runs) > 1:
        named = ", ".join(list(runs)[:_MOST_NAMED])
        message = f"Several runs begin like {run}: {named}."
        raise ConfigurationError(message, advice="Give the whole id of one.")
    return next(iter(runs.values()), ())


def _choices(journal: Journal, wished: Wished) -> dict[DocumentKey, ReversalChoice]:
    """Decide for every document what of it is to be reversed."""
    found: dict[DocumentKey, ReversalChoice] = {}
    for kind in _ORDER:
        numbers = wished.get(kind, {})
        for document_id, parts in sorted(journal.posted_parts(kind, sorted(numbers)).items()):
            document = parts[0].posting.document
            choice = choose_reversals(document, parts, numbers[document_id])
            if not choice.is_empty:
                found[document] = choice
    return found


def _propose(
    engine: Engine, settings: ConnectionSettings, journal: Journal, wished: Wished, *, reason: str, by: str
) -> ReversalPlan:
    choices = _choices(journal, wished)
    if not choices:
        message = "What was selected are reversals themselves."
        advice = f"To have such a document posted again: st-deltek holds release {settings.name} KIND:ID"
        raise ConfigurationError(message, advice=advice)
    decided = [_decide(engine, settings, journal, kind, choices, reason=reason, by=by) for kind in _ORDER]
    files = build_files(
        settings.name,
        settings.vantagepoint.company,
        [posting for each in decided for decision in each.decisions.values() for posting in decision.postings],
        documents_per_file=documents_per_file(settings),
    )
    files = tuple(sorted(files, key=lambda file: _ORDER.index(file.kind)))
    batches: dict[DocumentKey, list[str]] = {}
    for file in files:
        for posting in file.postings:
            batches.setdefault(posting.document, []).append(file.batch)
    outcomes = {
        document: decision.outcome
        for each in decided
        for document, decision in each.decisions.items()
        if decision.outcome is not None
    }
    return ReversalPlan(
        documents=tuple(
            _document(choice, document, outcomes.get(document), batches.get(document, ()))
            for document, choice in choices.items()
        ),
        files=files,
        resumed=tuple(dict.fromkeys(batch for choice in choices.values() for batch in choice.under_way)),
        reversals=tuple(reversal for each in decided for reversal in each.reversals),
        outcomes=tuple(outcome for each in decided for outcome in each.new_outcomes),
        plan_hash=plan_hash(files),
    )


def _document(
    choice: ReversalChoice, document: DocumentKey, outcome: DocumentOutcome | None, planned: Sequence[str] = ()
) -> DocumentReversal:
    """Say where a document's reversal stands.

    Args:
        choice: What of it is left to be reversed, and what has been.
        document: The document.
        outcome: What was decided about it, or is recorded.
        planned: Transaction files just planned for it.
    """
    files = (*choice.reversed_in, *choice.under_way, *planned)
    refusal = choice.refusal
    if choice.postings and outcome is None:
        refusal = f"{document}: no version of it can be read."
    if refusal:
        return DocumentReversal(document, ReversalState.REFUSED, files=files, message=refusal)
    if planned:
        amount = total(posting.amount for posting in choice.postings)
        return DocumentReversal(document, ReversalState.TO_REVERSE, amount, files)
    if not choice.postings and not choice.under_way:
        return DocumentReversal(document, ReversalState.REVERSED, files=files)
    if outcome is not None and outcome.outcome is OutcomeKind.HELD:
        return DocumentReversal(document, ReversalState.HELD, files=files, message=outcome.message, words=outcome.words)
    return DocumentReversal(document, ReversalState.UNDER_WAY, files=files)


def _now(context: PostingContext, selection: Selection, plan: ReversalPlan) -> tuple[DocumentReversal, ...]:
    """Look where the documents of a plan stand after its files were sent."""
    journal = context.journal
    choices = _choices(journal, _wished(context.engine, context.settings.name, selection))
    amounts = {document.document: document.amount for document in plan.documents}
    recorded: dict[DocumentKey, DocumentOutcome] = {}
    for kind in Kind:
        ids = [document.document_id for document in choices if document.kind is kind]
        recorded |= {outcome.document: outcome for outcome in journal.outcomes(kind, ids).values()}
    return tuple(
        replace(_document(choice, document, recorded.get(document)), amount=amounts.get(document, ZERO))
        for document, choice in choices.items()
    )


@dataclass(frozen=True)
class _Decided:
    """What was decided about the documents of one kind."""

    decisions: Mapping[DocumentKey, Decision]
    reversals: Sequence[PersonalReversal]
    new_outcomes: Sequence[DocumentOutcome]


def _decide(
    engine: Engine,
    settings: ConnectionSettings,
    journal: Journal,
    kind: Kind,
    choices: Mapping[DocumentKey, ReversalChoice],
    *,
    reason: str,
    by: str,
) -> _Decided:
    ids = [document.document_id for document, choice in choices.items() if document.kind is kind and choice.postings]
    if not ids:
        return _Decided({}, (), ())
    documents = current_documents(engine, settings, journal, kind, ids)
    recorded = journal.outcomes(kind, ids)
    before = journal.reversals(kind, ids)
    reversals: dict[int, PersonalReversal] = {}
    for document in documents:
        wanted = _reversal(document, choices[document.key], before.get(document.key.document_id), reason=reason, by=by)
        reversals[document.key.document_id] = wanted
    decisions = decide_documents(engine, settings, journal, documents, reversals=reversals)
    return _Decided(
        {document.key: decision for document, decision in decisions.values()},
        [reversal for document_id, reversal in reversals.items() if reversal != before.get(document_id)],
        [
            decision.outcome
            for document_id, (_, decision) in decisions.items()
            if decision.outcome is not None and _is_news(decision.outcome, recorded.get(document_id))
        ],
    )


def _reversal(
    document: Document, choice: ReversalChoice, before: PersonalReversal | None, *, reason: str, by: str
) -> PersonalReversal:
    numbers = {posting.posting_no for posting in choice.postings}
    if before is not None and before.covers(document):
        if numbers <= set(before.postings):
            # Decided already, and held since: asking again tries again, and decides nothing new.
            return before
        numbers |= set(before.postings)
    return PersonalReversal(
        document.key, document.revision, document.revision_hash, tuple(sorted(numbers)), reason=reason, by=by
    )


def _is_news(outcome: DocumentOutcome, recorded: DocumentOutcome | None) -> bool:
    # Its newest version cannot be read, and nobody knows what that one says: it stays on hold, whatever is reversed.
    unreadable = recorded is not None and recorded.reason == HoldReason.UNREADABLE
    return outcome != recorded and not unreadable
