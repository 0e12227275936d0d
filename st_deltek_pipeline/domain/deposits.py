"""Bank deposits: payments that reach the bank together, as one line of its statement (servicetitan.md section 3.4).

Where receipts are posted by deposit, the payments of one go into one transaction file, whole or not at all, dated as the
deposit is. What the bank kept is posted with them, as a document of its own: the deposit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from st_deltek_pipeline.domain.alignment import LineToCode, missing_fields, no_rule_hold
from st_deltek_pipeline.domain.coded_amounts import CodedAmount, Heading, LineKey
from st_deltek_pipeline.domain.coding import LineFacts, LineKind, Rule, code_line
from st_deltek_pipeline.domain.decisions import Decision
from st_deltek_pipeline.domain.documents import Document, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.outcomes import OutcomeKind
from st_deltek_pipeline.domain.payments import Payment
from st_deltek_pipeline.domain.posting_keys import reference_of
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.domain.reference import ReferenceData
from st_deltek_pipeline.domain.reference_checks import account_hold, project_hold, project_of


@dataclass(frozen=True, kw_only=True)
class BankDeposit(Document):
    """A bank deposit; what is posted of it is the bank's fees.

    Attributes:
        number: ServiceTitan's name of it.
        total: ``grossAmount``: what its payments sum to.
        fees: What the bank kept; 0.00 when nothing is stated.
        net: ``netAmount``: what the statement shows.
        fee_account: Number of the account ServiceTitan names for the fees; empty when it names none.
    """

    fees: Decimal
    net: Decimal
    fee_account: str

    @property
    def party(self) -> str:
        """A deposit is made out to nobody."""
        return ""

    @property
    def effect(self) -> Decimal:
        """The fees take away from the money received."""
        return -self.fees + ZERO

    @property
    def is_zero(self) -> bool:
        """Whether the bank kept nothing."""
        return self.fees == ZERO


@dataclass(frozen=True)
class DecidedPayment:
    """A payment of a deposit, and what was decided about it now.

    Attributes:
        stands: Something of it was posted before.
        blocked: Why it cannot be posted, when that was not decided now: its newest version cannot be read.
    """

    payment: Payment
    decision: Decision
    stands: bool
    blocked: str = ""

    @property
    def is_new(self) -> bool:
        """It is to be posted now, for the first time."""
        return bool(self.decision.postings) and not self.stands

    @property
    def problem(self) -> str:
        """Why it cannot be posted; empty when it can, is posted or need not be."""
        outcome = self.decision.outcome
        if outcome is not None and outcome.outcome is OutcomeKind.HELD:
            return f"{self.payment.key} is held ({outcome.reason})"
        return self.blocked


def waits_for_deposit(payment: Payment) -> Hold | None:
    """Hold money that was received and whose deposit is open or not known; what moves no money in does not wait.

    Args:
        payment: A payment that was never posted.
    """
    if payment.deposit_date is not None or payment.total <= ZERO:
        return None
    where = "is in no bank deposit yet" if payment.deposit_id is None else f"is in deposit {payment.deposit_id}"
    still = "" if payment.deposit_id is None else ", which is still open or was not taken in"
    return Hold(HoldReason.WAITING_FOR_DEPOSIT, f"{payment.key} {where}{still}.")


def deposit_name(deposit_id: int) -> str:
    """Name what the receipts of a deposit have in common (``Posting.together``)."""
    return f"bank deposit {deposit_id}"


def deposit_hold(deposit: BankDeposit, members: Sequence[DecidedPayment]) -> Hold | None:
    """Say why a deposit's new payments cannot be posted yet; ``None`` when they can.

    Args:
        deposit: As ServiceTitan states it.
        members: Every payment known to be in it, posted before or not.
    """
    problem = next(filter(None, (member.problem for member in members)), "")
    if problem:
        return Hold(HoldReason.DEPOSIT_INCOMPLETE, f"{deposit.key} waits: {problem}.")
    counted = [each.payment for each in members if each.payment.active and not each.payment.is_journal_entry]
    found = total(payment.total for payment in counted)
    if found != deposit.total or deposit.total - deposit.fees != deposit.net:
        message = (
            f"{deposit.key} states {deposit.total}, less fees of {deposit.fees} {deposit.net}; the {len(counted)} payments "
            f"of it that were taken in make {found}."
        )
        return Hold(HoldReason.DEPOSIT_DIFFERS, message)
    banks = sorted(banks_of(member.decision.postings for member in members if member.is_new))
    if len(banks) > 1:
        message = f"{deposit.key}: the rules put its payments into several banks: {', '.join(banks)}."
        return Hold(HoldReason.DEPOSIT_DIFFERS, message)
    return None


def banks_of(postings: Iterable[Sequence[Posting]]) -> set[str]:
    """Return the banks that receipts are for."""
    return {posting.heading.bank for each in postings for posting in each}


def deposit_lines(deposit: BankDeposit) -> list[LineToCode]:
    """Return what rules decide about a deposit: on which account the bank's fees are; nothing when it kept nothing."""
    if deposit.is_zero:
        return []
    facts = LineFacts(line=LineKind.FEE, document=Kind.PAYMENT, gl_account=deposit.fee_account)
    return [LineToCode(facts, deposit.effect, "Fees", "fee", ("account",))]


def fee_lines(
    deposit: BankDeposit, bank: str, rules: Sequence[Rule], reference: ReferenceData
) -> tuple[CodedAmount, ...] | Hold:
    """Code what the bank kept: a line that takes it away from the deposit's bank.

    Args:
        deposit: With fees.
        bank: Where its payments go.
        rules: The connection's coding rules; one for ``document: payment``, ``line: fee`` gives the account.
        reference: What exists in Vantagepoint.
    """
    heading = Heading(EntryType.RECEIPTS, reference_of(deposit.key), bank=bank)
    found: list[CodedAmount] = []
    for line in deposit_lines(deposit):
        coded = code_line(rules, line.facts)
        coding = coded.coding
        missing = missing_fields(coding, line.required)
        hold = no_rule_hold(deposit.key, line.facts, missing) if missing else None
        hold = hold or account_hold(deposit.key, coding.account or "", reference)
        if hold is None and coding.wbs1:
            hold = project_hold(deposit.key, coding, reference, receivable=False)
        if hold is not None:
            return hold
        key = LineKey(heading, *project_of(coding), "", coding.account or "")
        organization = coding.organization or ""
        found.append(CodedAmount(key, line.amount, line.description, organization, decided_by=coded.decided_by))
    return tuple(found)


def held_together(member: DecidedPayment, hold: Hold) -> Decision:
    """Hold a payment because of its deposit.

    Args:
        member: One that was to be posted.
        hold: Why the deposit waits.
    """
    outcome = member.decision.outcome
    if outcome is None:
        return member.decision
    message = f"{member.payment.key}: {hold.message}"
    held = replace(outcome, outcome=OutcomeKind.HELD, reason=hold.reason.value, message=message, words=hold.words)
    return Decision((), held)


def put_together(decision: Decision, deposit_id: int) -> Decision:
    """Let what is posted of a deposit go into one transaction file."""
    postings = tuple(replace(posting, together=deposit_name(deposit_id)) for posting in decision.postings)
    return replace(decision, postings=postings)
