"""Bank deposits: posted whole or not at all, and to the cent what the statement shows."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.coding import Rule
from st_deltek_pipeline.domain.decisions import LEAVE_AS_IS, Decision
from st_deltek_pipeline.domain.deposits import (
    DecidedPayment,
    deposit_hold,
    fee_lines,
    held_together,
    put_together,
    waits_for_deposit,
)
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.payment_alignment import align_payment
from st_deltek_pipeline.domain.payments import Payment
from st_deltek_pipeline.domain.postings import Posting, Target, plan_postings
from st_deltek_pipeline.domain.transaction_files import build_files
from st_deltek_pipeline_tests.domain.builders import DAY, PERIODS, REFERENCE
from st_deltek_pipeline_tests.domain.document_builders import (
    ALL_LINKS,
    RULES_FOR_ALL_KINDS,
    bank_deposit,
    payment,
    posted,
)

FEES = (Rule("fees", {"line": frozenset({"fee"}), "document": frozenset({"payment"})}, {"account": "402.00"}),)


def check(amount: str, *, document_id: int = 5001, **changes: Any) -> Payment:
    return payment(unapplied=amount, key=DocumentKey("acme", Kind.PAYMENT, document_id), **changes)


def postings_of(received: Payment) -> tuple[Posting, ...]:
    aligned = align_payment(received, RULES_FOR_ALL_KINDS, REFERENCE, ALL_LINKS, posted())
    return planned(Target(received.key, 1, received.revision_hash, DAY, DAY, None, aligned.lines))


def planned(target: Target) -> tuple[Posting, ...]:
    postings = plan_postings(target, {}, PERIODS, first_open_allowed=False, next_posting_no=1)
    assert not isinstance(postings, Hold)
    return postings


def outcome(received: Payment, kind: OutcomeKind, reason: str = "") -> DocumentOutcome:
    return DocumentOutcome(received.key, 1, received.revision_hash, DAY, kind, reason, "", "", received.total, "")


def going(received: Payment) -> DecidedPayment:
    decision = Decision(postings_of(received), outcome(received, OutcomeKind.IN_FLIGHT))
    return DecidedPayment(received, decision, stands=False)


def held(received: Payment, reason: str) -> DecidedPayment:
    return DecidedPayment(received, Decision((), outcome(received, OutcomeKind.HELD, reason)), stands=False)


def reason_of(hold: Hold | None) -> HoldReason | None:
    return hold.reason if hold else None


@pytest.mark.parametrize(
    ("changes", "waits"),
    [({}, True), ({"deposit_id": 8701}, True), ({"deposit_id": 8701, "deposit_date": DAY}, False)],
    ids=["in-none", "in-an-open-one", "deposited"],
)
def test_money_that_came_in_waits_until_it_is_at_the_bank(changes: dict[str, Any], waits: bool) -> None:  # noqa: FBT001
    assert (waits_for_deposit(check("10.00", **changes)) is not None) is waits


@pytest.mark.parametrize("amount", ["-10.00", "0.00"])
def test_money_that_goes_out_or_only_moves_never_waits_for_a_deposit(amount: str) -> None:
    assert waits_for_deposit(check(amount)) is None


def test_a_deposit_whose_payments_make_its_amount_goes() -> None:
    members = [going(check("100.00")), going(check("50.00", document_id=5002))]
    assert deposit_hold(bank_deposit("150.00", fees="3.89"), members) is None


def test_the_one_at_fault_is_named() -> None:
    members = [going(check("100.00")), held(check("50.00", document_id=5002), "no_rule")]
    hold = deposit_hold(bank_deposit("150.00"), members)
    assert reason_of(hold) is HoldReason.DEPOSIT_INCOMPLETE
    assert hold is not None
    assert hold.message == "bank_deposit:8701 waits: payment:5002 is held (no_rule)."


def test_a_payment_that_cannot_be_read_any_more_blocks_its_deposit() -> None:
    unreadable = DecidedPayment(check("50.00"), LEAVE_AS_IS, stands=True, blocked="payment:5001 cannot be read")
    assert reason_of(deposit_hold(bank_deposit("50.00"), [unreadable])) is HoldReason.DEPOSIT_INCOMPLETE


@pytest.mark.parametrize(
    "deposit", [bank_deposit("149.99"), bank_deposit("150.01"), bank_deposit("150.00", fees="1.00", net="149.50")]
)
def test_a_cent_that_does_not_agree_holds_the_deposit(deposit: Any) -> None:
    members = [going(check("100.00")), going(check("50.00", document_id=5002))]
    assert reason_of(deposit_hold(deposit, members)) is HoldReason.DEPOSIT_DIFFERS


def test_voided_payments_and_journal_entries_are_no_money_of_a_deposit() -> None:
    members = [
        going(check("100.00")),
        DecidedPayment(check("7.00", document_id=5002, active=False), LEAVE_AS_IS, stands=False),
        DecidedPayment(check("9.00", document_id=5003, is_journal_entry=True), LEAVE_AS_IS, stands=False),
    ]
    assert deposit_hold(bank_deposit("100.00"), members) is None


def test_payments_of_one_deposit_go_to_one_bank() -> None:
    members = [going(check("100.00")), going(check("50.00", document_id=5002, type_name="Credit card"))]
    hold = deposit_hold(bank_deposit("150.00"), members)
    assert reason_of(hold) is HoldReason.DEPOSIT_DIFFERS
    assert hold is not None
    assert "MERC, OPER" in hold.message


def test_held_together_keeps_what_is_outside_the_ledger() -> None:
    member = going(check("100.00"))
    decision = held_together(member, Hold(HoldReason.NO_RULE, "no rule for fees."))
    assert decision.postings == ()
    assert decision.outcome is not None
    assert (decision.outcome.outcome, decision.outcome.reason) == (OutcomeKind.HELD, "no_rule")
    assert decision.outcome.amount == Decimal("100.00")


def test_fees_without_a_rule_or_an_account_that_exists_are_held() -> None:
    deposit = bank_deposit("100.00", fees="2.59")
    without = fee_lines(deposit, "OPER", (), REFERENCE)
    assert isinstance(without, Hold)
    assert without.reason is HoldReason.NO_RULE
    assert "ServiceTitan account '6420'" in without.message
    unknown = (replace(FEES[0], give={"account": "999.00"}),)
    assert isinstance(fee_lines(deposit, "OPER", unknown, REFERENCE), Hold)


def test_a_deposit_without_fees_has_nothing_to_post() -> None:
    assert fee_lines(bank_deposit("100.00"), "OPER", (), REFERENCE) == ()


_amounts = st.lists(st.integers(1, 500_000).map(lambda cents: Decimal(cents) / 100), min_size=1, max_size=12)


@given(_amounts, st.integers(0, 500))
def test_the_file_of_a_deposit_sums_to_what_the_statement_shows(amounts: list[Decimal], fee_cents: int) -> None:
    payments = [check(str(amount), document_id=5000 + place) for place, amount in enumerate(amounts)]
    gross, fees = total(amounts), Decimal(fee_cents) / 100
    deposit = bank_deposit(str(gross), fees=str(fees))
    members = [going(each) for each in payments]
    assert deposit_hold(deposit, members) is None
    lines = fee_lines(deposit, "OPER", FEES, REFERENCE)
    assert not isinstance(lines, Hold)
    own = planned(Target(deposit.key, 1, deposit.revision_hash, DAY, DAY, None, lines))
    decisions = [*(member.decision for member in members), Decision(own, None)]
    postings = [posting for each in decisions for posting in put_together(each, 8701).postings]
    (file,) = build_files("acme", "01", postings, documents_per_file=2)
    assert file.together == "bank deposit 8701"
    assert file.kind is Kind.PAYMENT
    assert file.amount == deposit.net
    assert {posting.heading.bank for posting in file.postings} == {"OPER"}
