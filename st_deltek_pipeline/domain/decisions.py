"""What to do with one document now: post, hold, ignore, or leave as it is.

The order of the questions is the rule: what is under way stays untouched, what a person reverses or ignores is reversed
or ignored and stays so, what was posted and did not change is left alone unless the invoice under it moved
(``following``), and only then do status, alignment and periods decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from st_deltek_pipeline.domain.coded_amounts import CodedAmount
from st_deltek_pipeline.domain.documents import Document, Kind
from st_deltek_pipeline.domain.following import in_the_same_bank, left_behind
from st_deltek_pipeline.domain.holds import Hold, HoldReason, IgnoreReason
from st_deltek_pipeline.domain.ignores import PersonalIgnore
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.payments import Payment
from st_deltek_pipeline.domain.postings import Posting, Standing, Target, plan_postings
from st_deltek_pipeline.domain.readiness import ReadyWhen, why_not_ready
from st_deltek_pipeline.domain.reference import FiscalPeriod
from st_deltek_pipeline.domain.reversals import PersonalReversal, plan_reversals

_WHY_IGNORED = {
    IgnoreReason.VOIDED_BEFORE_POSTING: "voided before it was posted.",
    IgnoreReason.ZERO_DOCUMENT: "nothing to post, every amount is zero.",
    IgnoreReason.JOURNAL_ENTRY_PAYMENT: "it is a journal entry: no money was received.",
}


@dataclass(frozen=True)
class PostingRules:
    """The connection's settings that decide outcomes.

    Attributes:
        journal_entry_types: Payment types that move no money, folded with ``coding.fold``.
    """

    ready_when: ReadyWhen
    post_zero_documents: bool
    first_open_period: bool
    journal_entry_types: frozenset[str] = field(default_factory=frozenset[str])


@dataclass(frozen=True)
class Situation:
    """Everything a decision rests on.

    Attributes:
        document: The current revision.
        lines: Its coded lines, empty when ``hold`` is set.
        hold: What alignment found.
        standing: What stands in Vantagepoint.
        occupied: A transaction file with this document is under way or held.
        previous: The last recorded outcome.
        next_posting_no: First unused posting number.
        ignored: What a person decided about this or an earlier revision.
        terms: Payment terms of a voucher.
        together: What it is posted with, whole or not at all; else empty.
        reversal: What a person decided to reverse of this or an earlier revision.
        to_reverse: Its postings that stand and are not reversed yet.
    """

    document: Document
    lines: tuple[CodedAmount, ...]
    hold: Hold | None
    standing: Standing
    occupied: bool
    previous: DocumentOutcome | None
    next_posting_no: int
    ignored: PersonalIgnore | None = None
    terms: str = ""
    together: str = ""
    reversal: PersonalReversal | None = None
    to_reverse: tuple[Posting, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What to do.

    Attributes:
        postings: To be sent; their document is then in flight.
        outcome: To be recorded; ``None`` leaves the recorded one as it is.
    """

    postings: tuple[Posting, ...]
    outcome: DocumentOutcome | None


LEAVE_AS_IS = Decision((), None)


def decide(situation: Situation, rules: PostingRules, periods: Mapping[int, FiscalPeriod]) -> Decision:
    """Decide about one document.

    Args:
        situation: The document and what is known about it.
        rules: The connection's settings.
        periods: Vantagepoint's period table.
    """
    if situation.occupied:
        return _under_way(situation)
    by_person = _decided_by_person(situation, rules, periods)
    if by_person is not None:
        return by_person
    lines = situation.lines
    if _is_settled(situation):
        if not _must_move(situation, rules):
            return LEAVE_AS_IS
        if situation.document.key.kind is Kind.PAYMENT:
            lines = in_the_same_bank(lines, situation.standing)
    hold = _status_hold(situation, rules)
    ignore = None if hold else _ignore_reason(situation, rules)
    if ignore is not None:
        return _ignored(situation, ignore)
    counts = situation.document.active and not _moves_no_money(situation, rules)
    hold = hold or (situation.hold if counts else None)
    if hold is not None:
        return _held(situation, hold)
    return _post(situation, lines if counts else (), rules, periods)


def unposted_amount(document: Document, standing: Standing) -> Decimal:
    """Return what the revision's total says should stand and does not."""
    return (document.effect if document.active else ZERO) - total(standing.values())


def _under_way(situation: Situation) -> Decision:
    """Count a revision that came while a file is under way; it is decided once that file is finished."""
    previous = situation.previous
    if previous is not None and previous.revision_hash == situation.document.revision_hash:
        return LEAVE_AS_IS
    amount = unposted_amount(situation.document, situation.standing)
    message = "A newer revision waits until the transaction file under way is finished."
    waiting = _outcome(situation, OutcomeKind.IN_FLIGHT, "", message, amount)
    if previous is None:
        return Decision((), waiting)
    if previous.outcome is OutcomeKind.HELD and previous.reason != HoldReason.UNREADABLE:
        # The file itself is on hold, and so is whatever follows it.
        waiting = replace(waiting, outcome=previous.outcome, reason=previous.reason, message=previous.message)
        waiting = replace(waiting, words=previous.words)
    return Decision((), replace(waiting, project=previous.project))


def _is_settled(situation: Situation) -> bool:
    previous = situation.previous
    return (
        previous is not None
        and previous.outcome is OutcomeKind.POSTED
        and previous.revision_hash == situation.document.revision_hash
    )


def _must_move(situation: Situation, rules: PostingRules) -> bool:
    """Say whether something has to be done about a settled document after all."""
    document = situation.document
    if not document.active:
        return False
    if _moves_no_money(situation, rules):
        # Called a journal entry after it had been posted and taken back: it is ignored from now on.
        return not any(situation.standing.values())
    return left_behind(document.key.kind, situation.lines, situation.hold, situation.standing)


def _moves_no_money(situation: Situation, rules: PostingRules) -> bool:
    document = situation.document
    return isinstance(document, Payment) and document.moves_no_money(rules.journal_entry_types)


def _status_hold(situation: Situation, rules: PostingRules) -> Hold | None:
    """Find what keeps any posting, even a reversal, from being right."""
    not_ready = why_not_ready(situation.document, rules.ready_when) if situation.document.active else ""
    if not not_ready:
        return None
    reason = HoldReason.UNPOSTED_IN_SERVICETITAN if situation.standing else HoldReason.NOT_READY
    return Hold(reason, f"{situation.document.key}: {not_ready}")


def _ignore_reason(situation: Situation, rules: PostingRules) -> IgnoreReason | None:
    active = situation.document.active
    if active and _moves_no_money(situation, rules) and not any(situation.standing.values()):
        return IgnoreReason.JOURNAL_ENTRY_PAYMENT
    if situation.standing:
        return None
    if not active:
        return IgnoreReason.VOIDED_BEFORE_POSTING
    if situation.document.is_zero and not (rules.post_zero_documents and (situation.lines or situation.hold)):
        return IgnoreReason.ZERO_DOCUMENT
    return None


def _post(
    situation: Situation,
    lines: tuple[CodedAmount, ...],
    rules: PostingRules,
    periods: Mapping[int, FiscalPeriod],
) -> Decision:
    document = situation.document
    target = Target(
        document=document.key,
        revision=document.revision,
        revision_hash=document.revision_hash,
        business_day=document.business_day,
        document_date=document.document_date,
        due_date=document.due_date,
        lines=lines,
        keep_zero=rules.post_zero_documents,
        terms=situation.terms,
        together=situation.together,
    )
    planned = plan_postings(
        target,
        situation.standing,
        periods,
        first_open_allowed=rules.first_open_period,
        next_posting_no=situation.next_posting_no,
    )
    if isinstance(planned, Hold):
        return _held(situation, planned)
    if not planned:
        return Decision((), _outcome(situation, OutcomeKind.POSTED, "", "Nothing changes in the books.", ZERO))
    message = f"Planned as {len(planned)} posting(s)."
    amount = unposted_amount(document, situation.standing)
    return Decision(planned, _outcome(situation, OutcomeKind.IN_FLIGHT, "", message, amount))


def _held(situation: Situation, hold: Hold) -> Decision:
    amount = unposted_amount(situation.document, situation.standing)
    return Decision(
        (), _outcome(situation, OutcomeKind.HELD, hold.reason.value, hold.message, amount, words=hold.words)
    )


def _ignored(situation: Situation, reason: IgnoreReason) -> Decision:
    amount = unposted_amount(situation.document, situation.standing)
    message = f"{situation.document.key}: {_WHY_IGNORED[reason]}"
    return Decision((), _outcome(situation, OutcomeKind.IGNORED, reason.value, message, amount))


def _decided_by_person(
    situation: Situation, rules: PostingRules, periods: Mapping[int, FiscalPeriod]
) -> Decision | None:
    if situation.reversal is not None and situation.reversal.covers(situation.document):
        return _reversed_by_person(situation, situation.reversal, rules, periods)
    if situation.ignored is not None and situation.ignored.covers(situation.document):
        return _ignored_by_person(situation, situation.ignored)
    return None


def _ignored_by_person(situation: Situation, ignored: PersonalIgnore) -> Decision:
    amount = unposted_amount(situation.document, situation.standing)
    return Decision((), replace(ignored.outcome, business_day=situation.document.business_day, amount=amount))


def _reversed_by_person(
    situation: Situation, reversal: PersonalReversal, rules: PostingRules, periods: Mapping[int, FiscalPeriod]
) -> Decision:
    amount = unposted_amount(situation.document, situation.standing)
    if not situation.to_reverse:
        reason = IgnoreReason.REVERSED_BY_PERSON.value
        return Decision((), _outcome(situation, OutcomeKind.IGNORED, reason, reversal.message, amount))
    planned = plan_reversals(
        situation.document,
        situation.to_reverse,
        periods,
        first_open_allowed=rules.first_open_period,
        next_posting_no=situation.next_posting_no,
    )
    if isinstance(planned, Hold):
        return _held(situation, planned)
    # What the reversal takes out of the ledger is counted when it has landed.
    return Decision(planned, _outcome(situation, OutcomeKind.IN_FLIGHT, "", reversal.message, amount))


def _outcome(
    situation: Situation, outcome: OutcomeKind, reason: str, message: str, amount: Decimal, *, words: str = ""
) -> DocumentOutcome:
    document = situation.document
    known = [line.key.wbs1 for line in situation.lines] + [key.wbs1 for _, key in situation.standing]
    return DocumentOutcome(
        document=document.key,
        revision=document.revision,
        revision_hash=document.revision_hash,
        business_day=document.business_day,
        outcome=outcome,
        reason=reason,
        message=message,
        words=words,
        amount=amount,
        project=next(filter(None, known), ""),
    )
