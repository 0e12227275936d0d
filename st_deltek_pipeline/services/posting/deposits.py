"""Payments of one bank deposit go together: into one transaction file, whole or not at all, with what the bank kept.

The rules are ``domain.deposits``; which day decides about a deposit is ``services.day_documents``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.decisions import LEAVE_AS_IS, Decision, PostingRules, Situation, decide
from st_deltek_pipeline.domain.deposits import (
    BankDeposit,
    DecidedPayment,
    banks_of,
    deposit_hold,
    fee_lines,
    held_together,
    put_together,
)
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.ignores import PersonalIgnore
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.payments import Payment
from st_deltek_pipeline.domain.reference import ReferenceData
from st_deltek_pipeline.domain.reversals import PersonalReversal, PostedPart, left_to_reverse
from st_deltek_pipeline.services.posting.applications import without_over_applications
from st_deltek_pipeline.services.posting.claims import Decided, without_taken_keys
from st_deltek_pipeline.servicetitan.bank_deposits import to_bank_deposit
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.records import BankDepositRecord, read_record
from st_deltek_pipeline.servicetitan.shapes import Unfit
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.journal_rows import NOT_STANDING, DocumentStanding
from st_deltek_pipeline.store.raw import latest_payloads


def bank_deposits(
    engine: Engine, settings: ConnectionSettings, journal: Journal, ids: Sequence[int]
) -> Mapping[int, BankDeposit | Unfit]:
    """Read bank deposits as ServiceTitan states them now, by its ids; those that were never taken in are left out.

    Args:
        engine: The database.
        settings: The connection.
        journal: The connection's; it knows the revisions that were decided about.
        ids: ServiceTitan's ids.
    """
    recorded = journal.outcomes(Kind.BANK_DEPOSIT, ids)
    found: dict[int, BankDeposit | Unfit] = {}
    for deposit_id, payload in latest_payloads(engine, settings.name, RecordKind.BANK_DEPOSIT, ids).items():
        record = read_record(RecordKind.BANK_DEPOSIT, payload)
        if not isinstance(record, BankDepositRecord):
            found[deposit_id] = record if isinstance(record, Unfit) else Unfit(("it is no bank deposit",))
            continue
        before = recorded.get(deposit_id)
        found[deposit_id] = to_bank_deposit(
            record,
            connection=settings.name,
            business_day=lambda day: business_calendar(settings.calendar, day.year, day.year).business_day(day),
            before=(before.revision, before.revision_hash) if before else None,
        )
    return found


@dataclass(frozen=True)
class _Known:
    """What is known of all deposits and payments of a day, read in bulk."""

    settings: ConnectionSettings
    rules: PostingRules
    reference: ReferenceData
    deposits: Mapping[int, BankDeposit | Unfit]
    payments: Mapping[int, DocumentStanding]
    fees: Mapping[int, DocumentStanding]
    outcomes: Mapping[int, DocumentOutcome]
    ignored: Mapping[int, PersonalIgnore]
    reversals: Mapping[int, PersonalReversal]
    parts: Mapping[int, Sequence[PostedPart]]


def by_whole_deposits(
    engine: Engine,
    settings: ConnectionSettings,
    journal: Journal,
    decided: Sequence[Decided],
    unreadable: Sequence[Payment],
    *,
    reference: ReferenceData,
    rules: PostingRules,
) -> list[Decided]:
    """Let a day's payments go by whole deposits, and decide about what the bank kept of each.

    Args:
        engine: The database.
        settings: The connection.
        journal: The connection's.
        decided: The payments that can be read, and what was decided about each.
        unreadable: Earlier versions of those that cannot.
        reference: What exists in Vantagepoint.
        rules: The connection's posting rules.

    Returns:
        The same payments, those of a deposit held or put together; and the deposits whose fees were decided about.
    """
    groups: dict[int, list[Payment]] = {}
    for payment in (*(document for document, _ in decided), *unreadable):
        if isinstance(payment, Payment) and payment.deposit_id is not None and payment.deposit_date is not None:
            groups.setdefault(payment.deposit_id, []).append(payment)
    ids = sorted(payment.key.document_id for payments in groups.values() for payment in payments)
    reversals = journal.reversals(Kind.BANK_DEPOSIT, sorted(groups))
    known = _Known(
        settings,
        rules,
        reference,
        bank_deposits(engine, settings, journal, sorted(groups)),
        journal.standings(Kind.PAYMENT, ids),
        journal.standings(Kind.BANK_DEPOSIT, sorted(groups)),
        journal.outcomes(Kind.BANK_DEPOSIT, sorted(groups)),
        journal.ignored(Kind.BANK_DEPOSIT, sorted(groups)),
        reversals,
        journal.posted_parts(Kind.BANK_DEPOSIT, sorted(reversals)),
    )
    blocked = {payment.key for payment in unreadable}
    over_applied: dict[DocumentKey, Decided] = {}
    while True:
        current = {document.key: (document, decision) for document, decision in decided} | over_applied
        fees: list[Decided] = []
        for deposit_id, payments in sorted(groups.items()):
            fees += _decide_deposit(deposit_id, payments, current, blocked, known)
        # What a deposit keeps back may have made the room that another payment needs.
        checked = without_over_applications(engine, settings, journal, list(current.values()))
        found = {each[0].key: each for each in checked if current[each[0].key][1].postings and not each[1].postings}
        if not found:
            return [*checked, *without_taken_keys(fees, journal, settings)]
        over_applied |= found


def _decide_deposit(
    deposit_id: int,
    payments: Sequence[Payment],
    current: dict[DocumentKey, Decided],
    blocked: Collection[DocumentKey],
    known: _Known,
) -> list[Decided]:
    """Hold or put together the new payments of one deposit in ``current``; returns what was decided about its fees."""
    members = [
        DecidedPayment(
            payment,
            current[payment.key][1] if payment.key in current else LEAVE_AS_IS,
            bool(known.payments.get(payment.key.document_id, NOT_STANDING).lines),
            f"{payment.key} cannot be read in its newest version" if payment.key in blocked else "",
        )
        for payment in payments
    ]
    new = [member for member in members if member.is_new]
    deposit = known.deposits.get(deposit_id)
    hold: Hold | None = None
    fee: Decision | None = None
    if isinstance(deposit, BankDeposit):
        hold = deposit_hold(deposit, members)
        fee = _decide_fees(deposit, members, known) if hold is None or known.fees.get(deposit_id) else None
        if hold is None and fee is not None and _is_held(fee) and fee.outcome is not None:
            hold = Hold(HoldReason(fee.outcome.reason), fee.outcome.message, fee.outcome.words)
    else:
        why = f"cannot be read: {deposit}" if deposit is not None else "was not taken in"
        hold = Hold(HoldReason.DEPOSIT_DIFFERS, f"bank_deposit:{deposit_id} {why}.")
    for member in new:
        decision = held_together(member, hold) if hold else put_together(member.decision, deposit_id)
        current[member.payment.key] = (member.payment, decision)
    if fee is None or not isinstance(deposit, BankDeposit):
        return []
    return [(deposit, put_together(fee, deposit_id) if new and not hold else fee)]


def _decide_fees(deposit: BankDeposit, members: Sequence[DecidedPayment], known: _Known) -> Decision | None:
    """Decide about what the bank kept; nothing when it kept nothing, or when no payment says in which bank."""
    deposit_id = deposit.key.document_id
    standing = known.fees.get(deposit_id, NOT_STANDING)
    if deposit.is_zero and not standing.lines:
        return None
    banks = banks_of(member.decision.postings for member in members if member.is_new) or {
        key.heading.bank
        for member in members
        for (_, key), amount in known.payments.get(member.payment.key.document_id, NOT_STANDING).lines.items()
        if amount
    }
    if len(banks) != 1:
        return None
    lines = fee_lines(deposit, banks.pop(), known.settings.rules, known.reference)
    reversal = known.reversals.get(deposit_id)
    situation = Situation(
        document=deposit,
        lines=() if isinstance(lines, Hold) else lines,
        hold=lines if isinstance(lines, Hold) else None,
        standing=standing.lines,
        occupied=standing.occupied,
        previous=known.outcomes.get(deposit_id),
        next_posting_no=standing.next_posting_no,
        ignored=known.ignored.get(deposit_id),
        reversal=reversal,
        to_reverse=left_to_reverse(reversal, known.parts.get(deposit_id, ())) if reversal else (),
    )
    return decide(situation, known.rules, known.reference.periods)


def _is_held(decision: Decision) -> bool:
    return decision.outcome is not None and decision.outcome.outcome is OutcomeKind.HELD
