"""Payments: every cent on the invoice, project and bank it is for, or a reason why it waits."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.alignment import Alignment
from st_deltek_pipeline.domain.coded_amounts import RETAINER
from st_deltek_pipeline.domain.coding import Rule
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.payment_alignment import PostedInvoices, align_payment, payment_lines
from st_deltek_pipeline.domain.payments import Payment
from st_deltek_pipeline.domain.postings import Posting, Standing, Target, plan_postings
from st_deltek_pipeline.domain.reference import Account, ReferenceData
from st_deltek_pipeline_tests.domain.builders import DAY, PERIODS, REFERENCE
from st_deltek_pipeline_tests.domain.document_builders import (
    ALL_LINKS,
    RULES_FOR_ALL_KINDS,
    RULES_OF_ALL_KINDS,
    amounts_by_invoice,
    item,
    payment,
    posted,
)


def align(
    document: Payment,
    invoices: PostedInvoices | None = None,
    *extra_rules: Rule,
    reference: ReferenceData = REFERENCE,
    **settings: object,
) -> Alignment:
    rules = replace(RULES_FOR_ALL_KINDS, coding=(*extra_rules, *RULES_OF_ALL_KINDS), **settings)  # type: ignore[arg-type]
    return align_payment(document, rules, reference, ALL_LINKS, invoices or posted())


def held(alignment: Alignment) -> Hold:
    assert alignment.hold is not None
    assert alignment.lines == ()
    assert str(alignment.document.key) in alignment.hold.message
    assert alignment.hold.advice
    return alignment.hold


def changes(before: Alignment | None, after: Alignment) -> tuple[Posting, ...]:
    """What is posted when a payment's second version takes the place of the first, which stands."""
    standing: Standing = {}
    if before is not None:
        standing = {(before.document.document_date, line.key): line.amount for line in before.lines}
    document = after.document
    target = Target(
        document.key, 2, "f" * 64, DAY, document.document_date, None, after.lines if document.active else ()
    )
    planned = plan_postings(target, standing, PERIODS, first_open_allowed=False, next_posting_no=2)
    assert not isinstance(planned, Hold)
    return planned


def moved(postings: tuple[Posting, ...]) -> dict[str, Decimal]:
    return {line.key.invoice: line.amount for posting in postings for line in posting.lines}


def test_a_full_payment_is_one_line_on_the_invoice_and_its_project() -> None:
    aligned = align(payment((7001, "108.00")), posted(i7001="108.00"))
    (line,) = aligned.lines
    assert (line.key.heading.entry, line.key.heading.number) == (EntryType.RECEIPTS, "P5001")
    assert (line.key.wbs1, line.key.invoice, line.key.account) == ("HVAC", "N7001", "110.00")
    assert line.amount == Decimal("108.00")
    assert line.decided_by == {"bank": "money"}
    assert aligned.firm_id == "F1"


def test_the_bank_follows_the_payment_type() -> None:
    invoices = posted(i7001="108.00")
    by_check = align(payment((7001, "50.00")), invoices)
    by_card = align(payment((7001, "58.00"), type_name=" credit CARD"), invoices)
    assert [aligned.lines[0].key.heading.bank for aligned in (by_check, by_card)] == ["OPER", "MERC"]


def test_a_partial_payment_is_posted_for_what_it_is() -> None:
    assert amounts_by_invoice(align(payment((7001, "30.00")), posted(i7001="108.00")).lines) == {
        ("HVAC", "N7001"): Decimal("30.00")
    }


def test_one_payment_pays_several_invoices_of_several_business_units() -> None:
    invoices = posted(i1="100.00", i2=[item("50.00", wbs1="PHASED", wbs2="1", number="N2")], i3="7.00")
    aligned = align(payment((1, "100.00"), (2, "50.00"), (3, "7.00")), invoices)
    assert amounts_by_invoice(aligned.lines) == {
        ("HVAC", "N1"): Decimal("100.00"),
        ("PHASED", "N2"): Decimal("50.00"),
        ("HVAC", "N3"): Decimal("7.00"),
    }
    assert {line.key.heading.number for line in aligned.lines} == {"P5001"}


def test_a_payment_of_an_invoice_on_several_projects_is_spread_by_weight_and_the_last_takes_the_remainder() -> None:
    thirds = [item("33.33"), item("33.33", wbs1="PHASED", wbs2="1"), item("33.34", wbs1="WEST")]
    aligned = align(payment((7001, "10.00")), posted(i7001=thirds))
    assert [line.amount for line in aligned.lines] == [Decimal("3.33"), Decimal("3.33"), Decimal("3.34")]


def test_a_cent_on_an_invoice_of_several_projects_is_one_line() -> None:
    items = [item("60.00"), item("40.00", wbs1="PHASED", wbs2="1")]
    aligned = align(payment((7001, "0.01")), posted(i7001=items))
    assert [line.amount for line in aligned.lines] == [Decimal("0.01")]


def test_an_overpayment_waits_on_account_on_the_business_units_project() -> None:
    aligned = align(payment((7001, "108.00"), unapplied="12.00"), posted(i7001="108.00"))
    on_account = next(line for line in aligned.lines if not line.key.invoice)
    assert (on_account.key.wbs1, on_account.key.account, on_account.key.section) == ("HVAC", "110.00", "")
    assert on_account.amount == Decimal("12.00")
    assert on_account.decided_by["wbs1"] == "heating"
    assert total(line.amount for line in aligned.lines) == Decimal("120.00")


def test_unapplied_money_is_a_retainer_where_the_connection_says_so() -> None:
    aligned = align(payment(unapplied="500.00"), unapplied="retainer")
    (line,) = aligned.lines
    assert (line.key.section, line.key.invoice, line.description) == (RETAINER, "", "Retainer")


def test_unapplied_money_is_held_where_the_connection_says_so() -> None:
    aligned = align(payment((7001, "8.00"), unapplied="500.00"), posted(i7001="108.00"), unapplied="hold")
    assert held(aligned).reason is HoldReason.UNAPPLIED_MONEY
    assert "500.00" in held(aligned).message


def test_a_rule_for_payments_gives_unapplied_money_an_account_of_its_own() -> None:
    deposits = Rule(
        "deposits",
        {"document": frozenset({"payment"}), "line": frozenset({"unapplied"})},
        {"account": "245.00"},
    )
    (line,) = align(payment(unapplied="500.00"), None, deposits).lines
    assert (line.key.account, line.decided_by["account"]) == ("245.00", "deposits")


def test_the_revenue_account_of_a_general_rule_is_never_given_to_unapplied_money() -> None:
    (line,) = align(payment(unapplied="500.00")).lines
    assert line.key.account == "110.00"
    assert "account" not in line.decided_by


def test_unapplied_money_without_a_business_unit_is_held() -> None:
    document = payment(unapplied="5.00", business_unit_id=None, business_unit_name="")
    assert held(align(document)).reason is HoldReason.NO_BUSINESS_UNIT


def test_a_wholly_applied_payment_needs_no_business_unit() -> None:
    document = payment((7001, "5.00"), business_unit_id=None, business_unit_name="")
    assert align(document, posted(i7001="108.00")).hold is None


def test_a_payment_before_its_invoice_waits_for_it_and_goes_on_by_itself() -> None:
    document = payment((7001, "108.00"))
    waiting = PostedInvoices({}, frozenset({7001}))
    hold = held(align(document, waiting))
    assert hold.reason is HoldReason.WAITING_FOR_INVOICE
    assert "7001 (N7001)" in hold.message
    assert align(document, posted(i7001="108.00")).hold is None


def test_one_invoice_that_is_not_there_yet_holds_the_whole_payment() -> None:
    invoices = replace(posted(i1="10.00"), known=frozenset({1, 2}))
    assert held(align(payment((1, "10.00"), (2, "5.00")), invoices)).reason is HoldReason.WAITING_FOR_INVOICE


def test_a_payment_of_an_invoice_nobody_knows_says_which() -> None:
    hold = held(align(payment((4711, "1.00"))))
    assert hold.reason is HoldReason.APPLIED_TO_UNKNOWN_INVOICE
    assert "4711" in hold.message


def test_a_payment_of_a_voided_invoice_does_not_wait_for_ever() -> None:
    gone = PostedInvoices({}, frozenset({7001}), voided=frozenset({7001}))
    assert held(align(payment((7001, "1.00")), gone)).reason is HoldReason.APPLIED_TO_VOIDED_INVOICE


def test_a_payment_of_a_voided_invoice_that_still_stands_is_not_posted_on_it() -> None:
    standing = replace(posted(i7001="108.00"), voided=frozenset({7001}))
    assert held(align(payment((7001, "1.00")), standing)).reason is HoldReason.APPLIED_TO_VOIDED_INVOICE


def test_a_payment_of_an_invoice_from_before_the_connections_start_says_so() -> None:
    old = PostedInvoices({}, frozenset({7001}), before_start=frozenset({7001}))
    assert held(align(payment((7001, "1.00")), old)).reason is HoldReason.INVOICE_BEFORE_START


def test_a_payment_of_an_invoice_that_is_for_nothing_in_all_is_held() -> None:
    nothing = posted(i7001=[item("50.00"), item("-50.00", wbs1="PHASED", wbs2="1")])
    assert held(align(payment((7001, "1.00")), nothing)).reason is HoldReason.OVER_APPLIED


def test_a_payment_of_a_credit_is_negative_on_it() -> None:
    aligned = align(payment((1, "150.00"), (2, "-50.00")), posted(i1="150.00", i2="-50.00"))
    assert amounts_by_invoice(aligned.lines) == {("HVAC", "N1"): Decimal("150.00"), ("HVAC", "N2"): Decimal("-50.00")}


def test_money_moved_from_one_invoice_to_another_is_a_difference_that_nets_to_nothing() -> None:
    invoices = posted(i1="100.00", i2="100.00")
    (posting,) = changes(align(payment((1, "100.00")), invoices), align(payment((2, "100.00")), invoices))
    assert moved((posting,)) == {"N1": Decimal("-100.00"), "N2": Decimal("100.00")}
    assert posting.amount == ZERO
    assert posting.heading.number == "P5001"


def test_unapplied_money_that_is_applied_later_leaves_the_account() -> None:
    invoices = posted(i1="100.00")
    postings = changes(align(payment(unapplied="120.00")), align(payment((1, "100.00"), unapplied="20.00"), invoices))
    assert moved(postings) == {"": Decimal("-100.00"), "N1": Decimal("100.00")}


def test_a_retainer_that_is_applied_later_is_taken_out_of_the_retainer() -> None:
    """T35: a retainer that is used later."""
    before = align(payment(unapplied="120.00"), unapplied="retainer")
    after = align(payment((1, "120.00")), posted(i1="120.00"), unapplied="retainer")
    (posting,) = changes(before, after)
    assert {(line.key.section, line.key.invoice): line.amount for line in posting.lines} == {
        (RETAINER, ""): Decimal("-120.00"),
        ("", "N1"): Decimal("120.00"),
    }


def test_a_voided_payment_is_taken_back_line_by_line() -> None:
    before = align(payment((1, "100.00"), unapplied="8.00"), posted(i1="100.00"))
    gone = align(payment((1, "100.00"), unapplied="8.00", active=False), posted(i1="100.00"))
    assert moved(changes(before, gone)) == {"N1": Decimal("-100.00"), "": Decimal("-8.00")}


def test_a_payment_that_arrived_at_another_bank_is_taken_back_and_entered_anew() -> None:
    invoices = posted(i1="100.00")
    postings = changes(
        align(payment((1, "100.00")), invoices), align(payment((1, "100.00"), type_name="Credit Card"), invoices)
    )
    assert {posting.heading.bank: posting.amount for posting in postings} == {
        "OPER": Decimal("-100.00"),
        "MERC": Decimal("100.00"),
    }


def test_a_payment_that_is_redated_over_the_end_of_a_month_moves_between_the_periods() -> None:
    invoices = posted(i1="100.00")
    later = payment((1, "100.00"), document_date=date(2026, 11, 2))
    postings = changes(align(payment((1, "100.00")), invoices), align(later, invoices))
    assert {posting.master.period: posting.amount for posting in postings} == {
        202610: Decimal("-100.00"),
        202611: Decimal("100.00"),
    }


def test_a_refund_takes_back_from_the_invoice_and_a_refund_of_the_refund_pays_it_again() -> None:
    invoices = posted(i1="100.00")
    refund = payment((1, "-100.00"), refunded_payment_id=5001, type_name="Refund (check)")
    again = payment((1, "100.00"), refunded_payment_id=5002)
    assert amounts_by_invoice(align(refund, invoices).lines) == {("HVAC", "N1"): Decimal("-100.00")}
    assert amounts_by_invoice(align(again, invoices).lines) == {("HVAC", "N1"): Decimal("100.00")}


def test_a_refund_of_money_on_account_is_negative_on_account() -> None:
    (line,) = align(payment(unapplied="-75.00", refunded_payment_id=5001)).lines
    assert (line.key.invoice, line.amount) == ("", Decimal("-75.00"))


@pytest.mark.parametrize(
    ("named", "listed"),
    [({"is_journal_entry": True}, frozenset[str]()), ({"type_name": " Write-OFF "}, frozenset({"write-off"}))],
)
def test_what_moves_no_money_needs_no_bank_and_is_not_held(named: dict[str, object], listed: frozenset[str]) -> None:
    document = payment((7001, "5.00"), **named)
    rules = replace(RULES_FOR_ALL_KINDS, journal_entry_types=listed)
    aligned = align_payment(document, rules, REFERENCE, ALL_LINKS, posted())
    assert (aligned.hold, aligned.lines) == (None, ())
    assert payment_lines(document, rules) == []


def test_an_unknown_payment_type_is_held_by_its_name() -> None:
    hold = held(align(payment((7001, "5.00"), type_name="Gift Card"), posted(i7001="5.00")))
    assert hold.reason is HoldReason.NO_RULE
    assert "bank" in hold.message
    assert "'Gift Card'" in hold.message


def test_a_payment_without_a_type_is_held() -> None:
    assert (
        held(align(payment((7001, "5.00"), type_name="", type_id=None), posted(i7001="5.00"))).reason
        is HoldReason.NO_RULE
    )


def test_a_bank_that_vantagepoint_does_not_have_is_held() -> None:
    rule = Rule("typo", {}, {"bank": "OPRE"})
    assert held(align(payment((7001, "5.00")), posted(i7001="5.00"), rule)).reason is HoldReason.BANK_MISSING


def test_without_a_receivables_account_nothing_is_guessed() -> None:
    reference = replace(REFERENCE, receivables_account=None)
    aligned = align(payment((7001, "5.00")), posted(i7001="5.00"), reference=reference)
    assert held(aligned).reason is HoldReason.RECEIVABLES_ACCOUNT_UNKNOWN


def test_a_receivables_account_that_is_closed_is_held() -> None:
    closed = Account("110.00", "Accounts receivable", active=False, account_type="1")
    reference = replace(REFERENCE, accounts={**REFERENCE.accounts, "110.00": closed})
    aligned = align(payment((7001, "5.00")), posted(i7001="5.00"), reference=reference)
    assert held(aligned).reason is HoldReason.ACCOUNT_INACTIVE


def test_applied_and_unapplied_that_do_not_make_the_total_are_held() -> None:
    document = payment((7001, "5.00"), unapplied="1.00", total_of="6.01")
    assert held(align(document, posted(i7001="5.00"))).reason is HoldReason.AMOUNTS_DO_NOT_ADD_UP


def test_a_payment_without_a_customer_is_held_where_a_firm_is_required() -> None:
    document = payment((7001, "5.00"), customer_id=None)
    assert held(align(document, posted(i7001="5.00"))).reason is HoldReason.NO_CUSTOMER
    assert align(document, posted(i7001="5.00"), customer_firm_required=False).hold is None


_ITEMS = st.lists(
    st.tuples(st.sampled_from(["HVAC", "PHASED", "WEST"]), st.decimals("-900", "5000", places=2)),
    min_size=1,
    max_size=3,
    unique_by=lambda entry: entry[0],
).filter(lambda items: sum(amount for _, amount in items) != 0)


@given(
    st.lists(st.tuples(_ITEMS, st.decimals("-5000", "5000", places=2).filter(bool)), max_size=5),
    st.decimals("-300", "300", places=2),
)
def test_receipt_lines_always_sum_to_the_payment_and_to_each_application(
    drawn: list[tuple[list[tuple[str, Decimal]], Decimal]], unapplied: Decimal
) -> None:
    invoices = PostedInvoices(
        {
            place: tuple(item(str(amount), wbs1=wbs1, number=f"N{place}") for wbs1, amount in items)
            for place, (items, _) in enumerate(drawn)
        },
        frozenset(range(len(drawn))),
    )
    document = payment(*((place, str(amount)) for place, (_, amount) in enumerate(drawn)), unapplied=str(unapplied))
    aligned = align(document, invoices)
    assert aligned.hold is None
    assert total(line.amount for line in aligned.lines) == document.total
    for place, (_, amount) in enumerate(drawn):
        assert total(line.amount for line in aligned.lines if line.key.invoice == f"N{place}") == amount
