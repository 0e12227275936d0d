"""Bills and AP credits: the vendor, the accounts, and lines that sum to the bill exactly; or a reason why it waits."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.alignment import Alignment
from st_deltek_pipeline.domain.bill_alignment import align_ap_credit, align_bill, bill_lines
from st_deltek_pipeline.domain.bills import ApCredit, Bill, BillLine
from st_deltek_pipeline.domain.coding import Rule
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.firm_links import FirmLinks, LinkState, VendorAccounting, VendorLink
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.money import ZERO, round_to_cents, total
from st_deltek_pipeline.domain.posting_keys import natural_key
from st_deltek_pipeline.domain.postings import Posting, Standing, Target, plan_postings
from st_deltek_pipeline_tests.domain.builders import DAY, PERIODS, REFERENCE
from st_deltek_pipeline_tests.domain.document_builders import (
    ACCOUNTING,
    ALL_LINKS,
    RULES_FOR_ALL_KINDS,
    RULES_OF_ALL_KINDS,
    VENDOR,
    ap_credit,
    bill,
    bill_line,
)

LIABILITY = Rule("payables", {"line": frozenset({"payable"})}, {"liability": "202.00"})


def align(document: Bill | ApCredit, *extra_rules: Rule, links: FirmLinks = ALL_LINKS, **settings: object) -> Alignment:
    rules = replace(RULES_FOR_ALL_KINDS, coding=(*extra_rules, *RULES_OF_ALL_KINDS), **settings)  # type: ignore[arg-type]
    if isinstance(document, Bill):
        return align_bill(document, rules, REFERENCE, links)
    return align_ap_credit(document, rules, REFERENCE, links)


def vendor(**changes: object) -> FirmLinks:
    return FirmLinks({}, {901: replace(VENDOR, **changes)})  # type: ignore[arg-type]


def held(alignment: Alignment) -> Hold:
    assert alignment.hold is not None
    assert alignment.lines == ()
    assert str(alignment.document.key) in alignment.hold.message
    assert alignment.hold.advice
    return alignment.hold


def by_account(alignment: Alignment) -> list[tuple[str, Decimal]]:
    assert alignment.hold is None
    return [(line.key.account, line.amount) for line in alignment.lines]


def changes(before: Alignment, after: Alignment, *, day: date = DAY) -> tuple[Posting, ...] | Hold:
    standing: Standing = {(before.document.document_date, line.key): line.amount for line in before.lines}
    document = after.document
    lines = after.lines if document.active else ()
    target = Target(document.key, 2, "f" * 64, DAY, day, None, lines, terms=after.terms)
    return plan_postings(target, standing, PERIODS, first_open_allowed=False, next_posting_no=2)


def test_a_bill_is_a_voucher_of_its_vendor_with_a_line_per_item_of_its_purchase_order() -> None:
    aligned = align(bill(bill_line("120.00"), bill_line("35.50", line_id=2)))
    assert by_account(aligned) == [("501.00", Decimal("120.00")), ("501.00", Decimal("35.50"))]
    heading = aligned.lines[0].key.heading
    assert (heading.entry, heading.vendor, heading.number) == (EntryType.VOUCHERS, "000901", "FR-77120")
    assert {line.purchase_order for line in aligned.lines} == {"PO-440"}
    assert {line.key.wbs1 for line in aligned.lines} == {"HVAC"}
    assert aligned.firm_id == "V1"


def test_liability_bank_and_terms_are_the_vendors_own_where_no_rule_gives_them() -> None:
    aligned = align(bill(bill_line("120.00")))
    heading = aligned.lines[0].key.heading
    assert (heading.liability, heading.bank, aligned.terms) == ("AP", "OPER", "Next")
    decided_by = aligned.lines[0].decided_by
    assert {decided_by[name] for name in ("liability", "bank", "terms")} == {"accounting data of the vendor"}


def test_a_rule_decides_liability_bank_and_terms_before_the_vendors_own() -> None:
    rule = Rule(
        "paid by card",
        {"vendor": frozenset({"front range supply"}), "line": frozenset({"payable"})},
        {"liability": "CC", "bank": "MERC", "terms": "Hold"},
    )
    aligned = align(bill(bill_line("120.00")), rule)
    heading = aligned.lines[0].key.heading
    assert (heading.liability, heading.bank, aligned.terms) == ("CC", "MERC", "Hold")
    assert aligned.lines[0].decided_by["liability"] == "paid by card"


def test_terms_are_by_date_where_neither_rule_nor_vendor_says_anything() -> None:
    links = vendor(accounting=VendorAccounting("AP", "", ""))
    aligned = align(bill(bill_line("1.00")), links=links)
    assert (aligned.terms, aligned.lines[0].key.heading.bank) == ("Date", "")


def test_terms_that_vantagepoint_does_not_know_are_held_before_they_are_sent() -> None:
    hold = held(align(bill(bill_line("1.00")), Rule("net", {}, {"terms": "Net 30"})))
    assert hold.reason is HoldReason.TERMS_UNKNOWN
    assert "Net 30" in hold.message


def test_goods_for_stock_and_for_a_job_go_to_different_accounts() -> None:
    stock = bill(bill_line("10.00"), job_id=None, job_number="", job_type="", project_number="")
    assert by_account(align(stock)) == [("120.00", Decimal("10.00"))]
    assert by_account(align(bill(bill_line("10.00")))) == [("501.00", Decimal("10.00"))]


def test_a_rule_for_the_items_cost_account_decides_line_by_line() -> None:
    rule = Rule("copper", {"document": frozenset({"bill"}), "cost_account": frozenset({"5010"})}, {"account": "509.00"})
    lines = (bill_line("1.00"), bill_line("2.00", line_id=2, cost_account="5999"))
    assert by_account(align(bill(*lines), rule)) == [("501.00", Decimal("2.00")), ("509.00", Decimal("1.00"))]


def test_a_rule_for_the_jobs_project_decides_where_the_bill_is_booked() -> None:
    rule = Rule("contract", {"project": frozenset({"p-7"})}, {"wbs1": "PHASED", "wbs2": "1", "wbs3": ""})
    (line,) = align(bill(bill_line("1.00")), rule).lines
    assert (line.key.wbs1, line.key.wbs2) == ("PHASED", "1")


def test_an_expense_with_a_job_of_its_own_is_booked_like_that_job_and_not_like_the_bill() -> None:
    contract = Rule("contract", {"project": frozenset({"p-7"})}, {"wbs1": "PHASED", "wbs2": "1", "wbs3": ""})
    own = {"item_type": "Expense", "business_unit_id": 3, "business_unit_name": "HVAC Service", "job_id": 99}
    lines = (
        bill_line("1.00"),
        bill_line("9.00", line_id=2, **own),
        bill_line("7.00", line_id=3, project_number="P-7", **own),
    )
    aligned = align(bill(*lines), contract)
    assert {line.amount: line.key.wbs1 for line in aligned.lines} == {
        Decimal("1.00"): "PHASED",
        Decimal("9.00"): "HVAC",
        Decimal("7.00"): "PHASED",
    }


def test_an_expense_for_a_job_on_a_bill_for_stock_is_bought_for_a_job() -> None:
    stock = {"job_id": None, "job_number": "", "job_type": "", "project_number": ""}
    lines = (bill_line("1.00"), bill_line("9.00", line_id=2, item_type="Expense", job_id=99))
    assert by_account(align(bill(*lines, **stock))) == [("120.00", Decimal("1.00")), ("501.00", Decimal("9.00"))]


def test_a_general_rules_revenue_account_is_never_given_to_a_bill() -> None:
    rules = tuple(rule for rule in RULES_OF_ALL_KINDS if "document" not in rule.when)
    aligned = align_bill(bill(bill_line("1.00")), replace(RULES_FOR_ALL_KINDS, coding=rules), REFERENCE, ALL_LINKS)
    hold = held(aligned)
    assert hold.reason is HoldReason.NO_RULE
    assert "account" in hold.message
    assert "'Front Range Supply'" in hold.message


def test_tax_shipping_and_other_costs_are_lines_of_their_own() -> None:
    aligned = align(bill(bill_line("100.00"), tax="8.00", shipping="15.00", other="0.50"))
    assert sorted((line.key.item, line.key.account, line.amount) for line in aligned.lines) == [
        ("1", "501.00", Decimal("100.00")),
        ("other", "501.00", Decimal("0.50")),
        ("shipping", "509.00", Decimal("15.00")),
        ("tax", "501.00", Decimal("8.00")),
    ]
    words = {line.key.item: line.description for line in aligned.lines if line.key.item != "1"}
    assert words == {"other": "Other", "shipping": "Shipping", "tax": "Tax"}


def test_tax_shipping_and_other_costs_are_part_of_the_items_where_the_connection_says_so() -> None:
    document = bill(bill_line("75.00"), bill_line("25.00", line_id=2), tax="8.00", shipping="15.00", other="0.02")
    aligned = align(document, bill_extras="allocated")
    assert [line.amount for line in aligned.lines] == [Decimal("92.27"), Decimal("30.75")]
    assert total(line.amount for line in aligned.lines) == document.total


def test_shares_that_servicetitan_states_are_taken_as_they_are() -> None:
    lines = (
        bill_line("75.00", allocated_tax=Decimal("1.00"), allocated_shipping=Decimal("0.00"), allocated_other=None),
        bill_line("25.00", line_id=2, allocated_tax=Decimal("7.00"), allocated_shipping=Decimal("15.00")),
    )
    aligned = align(bill(*lines, tax="8.00", shipping="15.00"), bill_extras="allocated")
    assert [line.amount for line in aligned.lines] == [Decimal("76.00"), Decimal("47.00")]


def test_stated_shares_with_fractions_of_a_cent_are_rounded_and_still_sum_up() -> None:
    lines = [bill_line("10.00", line_id=place, allocated_tax=Decimal("0.335")) for place in (1, 2)]
    aligned = align(bill(*lines, tax="0.67"), bill_extras="allocated")
    assert [line.amount for line in aligned.lines] == [Decimal("10.34"), Decimal("10.33")]


def test_stated_shares_that_do_not_sum_up_are_not_believed() -> None:
    lines = [bill_line("10.00", line_id=place, allocated_tax=Decimal("5.00")) for place in (1, 2)]
    aligned = align(bill(*lines, tax="0.80"), bill_extras="allocated")
    assert [line.amount for line in aligned.lines] == [Decimal("10.40"), Decimal("10.40")]
    # Not even their proportion: by amount it is three to one.
    uneven = (
        bill_line("75.00", allocated_tax=Decimal("1.00")),
        bill_line("25.00", line_id=2, allocated_tax=Decimal("9.00")),
    )
    aligned = align(bill(*uneven, tax="8.00"), bill_extras="allocated")
    assert [line.amount for line in aligned.lines] == [Decimal("81.00"), Decimal("27.00")]


def test_shares_that_servicetitan_states_for_some_items_only_are_not_believed_although_they_sum_up() -> None:
    lines = (bill_line("75.00", allocated_tax=Decimal("8.00")), bill_line("25.00", line_id=2, allocated_tax=None))
    aligned = align(bill(*lines, tax="8.00"), bill_extras="allocated")
    assert [line.amount for line in aligned.lines] == [Decimal("81.00"), Decimal("27.00")]


def test_a_free_item_bears_no_cent_of_the_freight() -> None:
    lines = (bill_line("1.00"), bill_line("1.00", line_id=2), bill_line("0.00", line_id=3))
    aligned = align(bill(*lines, shipping="0.05"), bill_extras="allocated")
    assert [line.key.item for line in aligned.lines] == ["1", "2"]


def test_a_bill_of_freight_alone_has_nothing_to_allocate_it_to() -> None:
    aligned = align(bill(shipping="15.00"), bill_extras="allocated")
    assert by_account(aligned) == [("509.00", Decimal("15.00"))]


_EXTRAS = st.decimals("-50", "500", places=2)


@given(
    st.lists(st.decimals("-200", "5000", places=2), max_size=8),
    st.tuples(_EXTRAS, _EXTRAS, _EXTRAS),
    st.sampled_from(["lines", "allocated"]),
    st.lists(st.decimals("-1", "9", places=3), min_size=8, max_size=8),
)
def test_bill_lines_always_sum_to_the_bill_in_whole_cents(
    amounts: list[Decimal], extras: tuple[Decimal, ...], setting: str, shares: list[Decimal]
) -> None:
    lines: list[BillLine] = [
        bill_line(str(amount), line_id=place, allocated_tax=shares[place]) for place, amount in enumerate(amounts)
    ]
    tax, shipping, other = map(str, extras)
    document = bill(*lines, tax=tax, shipping=shipping, other=other)
    parts = bill_lines(document, replace(RULES_FOR_ALL_KINDS, bill_extras=setting))  # type: ignore[arg-type]
    assert total(part.amount for part in parts) == document.total
    assert all(part.amount == round_to_cents(part.amount) for part in parts)


def test_a_bill_is_a_journal_entry_that_balances_on_a_liability_account_where_the_connection_says_so() -> None:
    aligned = align(bill(bill_line("10.00"), tax="0.80"), LIABILITY, bills_as="journal_entry")
    heading = aligned.lines[0].key.heading
    assert (heading.entry, heading.number, heading.liability) == (EntryType.JOURNAL_ENTRIES, "B3001", "202.00")
    assert (heading.vendor, heading.bank, aligned.terms) == ("", "", "")
    assert aligned.lines[0].description == "Front Range Supply FR-77120 Copper pipe 1"
    assert aligned.lines[0].decided_by["liability"] == "payables"


def test_a_journal_entry_needs_no_firm_since_it_names_none() -> None:
    aligned = align(bill(bill_line("10.00")), LIABILITY, links=FirmLinks(), bills_as="journal_entry")
    assert (aligned.hold, aligned.firm_id) == (None, None)


def test_a_journal_entry_without_an_account_to_balance_on_is_held() -> None:
    hold = held(align(bill(bill_line("10.00")), bills_as="journal_entry"))
    assert hold.reason is HoldReason.NO_RULE
    assert "liability" in hold.message


def test_a_journal_entry_on_an_account_that_does_not_exist_is_held() -> None:
    rule = Rule("payables", {}, {"liability": "AP"})
    assert held(align(bill(bill_line("1.00")), rule, bills_as="journal_entry")).reason is HoldReason.ACCOUNT_MISSING


@pytest.mark.parametrize("bills_as", ["voucher", "journal_entry"])
def test_a_bill_without_a_vendor_is_held(bills_as: str) -> None:
    nobodys = bill(bill_line("1.00"), vendor_id=None, vendor_name="")
    assert held(align(nobodys, LIABILITY, bills_as=bills_as)).reason is HoldReason.NO_VENDOR


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (LinkState.MISSING, HoldReason.VENDOR_WITHOUT_FIRM),
        (LinkState.AMBIGUOUS, HoldReason.VENDOR_FIRM_AMBIGUOUS),
    ],
)
def test_a_vendor_whose_firm_is_not_certain_is_held(state: LinkState, reason: HoldReason) -> None:
    links = FirmLinks({}, {901: VendorLink(901, "Front Range Supply", state, message="firms 7 and 9 look alike.")})
    assert held(align(bill(bill_line("1.00")), links=links)).reason is reason


def test_a_vendor_nobody_has_looked_at_yet_is_held() -> None:
    assert held(align(bill(bill_line("1.00")), links=FirmLinks())).reason is HoldReason.VENDOR_WITHOUT_FIRM


@pytest.mark.parametrize("lacking", [{"accounting": None}, {"vendor": ""}])
def test_a_vendor_without_accounting_data_in_the_company_is_held(lacking: dict[str, object]) -> None:
    hold = held(align(bill(bill_line("1.00")), links=vendor(**lacking)))
    assert hold.reason is HoldReason.VENDOR_WITHOUT_ACCOUNTING


def test_a_vendor_without_a_liability_code_needs_a_rule() -> None:
    links = vendor(accounting=replace(ACCOUNTING, liability=""))
    assert held(align(bill(bill_line("1.00")), links=links)).reason is HoldReason.NO_RULE
    assert align(bill(bill_line("1.00")), LIABILITY, links=links).hold is None


def test_a_bank_of_a_rule_that_does_not_exist_is_held() -> None:
    assert held(align(bill(bill_line("1.00")), Rule("typo", {}, {"bank": "OPRE"}))).reason is HoldReason.BANK_MISSING


def test_without_the_vendors_number_the_bills_own_stands_for_it() -> None:
    aligned = align(bill(bill_line("1.00"), vendor_invoice=" "))
    assert aligned.lines[0].key.heading.number == "B-3001"


@pytest.mark.parametrize("numbers", [("", ""), ("INVOICE-2026-0000917", "B-1")])
def test_a_vendors_number_that_vantagepoint_cannot_hold_is_held(numbers: tuple[str, str]) -> None:
    document = bill(bill_line("1.00"), vendor_invoice=numbers[0], number=numbers[1])
    assert held(align(document)).reason is HoldReason.INVOICE_NUMBER_UNUSABLE


def test_two_bills_of_one_purchase_order_are_two_vouchers() -> None:
    first = align(bill(bill_line("1.00"))).lines[0].key.heading
    second = align(bill(bill_line("2.00"), vendor_invoice="FR-77188")).lines[0].key.heading
    assert natural_key(first, padded_to=7) != natural_key(second, padded_to=7)


@pytest.mark.parametrize("number", ["FR-77120", " fr-77120 ", "Fr-77120"])
def test_one_vendors_number_is_one_natural_key_however_it_is_spelt(number: str) -> None:
    first = align(bill(bill_line("1.00"))).lines[0].key.heading
    again = align(bill(bill_line("1.00"), vendor_invoice=number)).lines[0].key.heading
    assert natural_key(first, padded_to=7) == natural_key(again, padded_to=7)


def test_lines_that_do_not_sum_to_the_bill_are_held() -> None:
    hold = held(align(bill(bill_line("10.00"), total=Decimal("10.01"))))
    assert hold.reason is HoldReason.AMOUNTS_DO_NOT_ADD_UP
    assert "10.01" in hold.message


def test_a_negative_quantity_is_held_with_what_was_returned() -> None:
    hold = held(align(bill(bill_line("-10.00", quantity="-2"), bill_line("30.00", line_id=2))))
    assert hold.reason is HoldReason.NEGATIVE_QUANTITY
    assert "SKU-1" in hold.message


def test_a_bill_without_a_business_unit_is_held() -> None:
    assert held(align(bill(bill_line("1.00"), business_unit_id=None))).reason is HoldReason.NO_BUSINESS_UNIT


def test_a_zero_bill_is_coded_only_where_zero_documents_are_posted() -> None:
    nothing = bill(bill_line("0.00"))
    assert nothing.is_zero
    assert align(nothing).lines == ()
    assert [line.amount for line in align(nothing, code_zero_documents=True).lines] == [ZERO]


def test_an_ap_credit_takes_its_whole_amount_off_what_is_owed() -> None:
    aligned = align(ap_credit("45.00"))
    assert by_account(aligned) == [("501.00", Decimal("-45.00"))]
    assert total(line.amount for line in aligned.lines) == aligned.document.effect
    assert aligned.lines[0].key.heading.number == "FR-CR-12"


def test_an_ap_credit_can_be_a_journal_entry_too() -> None:
    heading = align(ap_credit("45.00"), LIABILITY, bills_as="journal_entry").lines[0].key.heading
    assert (heading.entry, heading.number) == (EntryType.JOURNAL_ENTRIES, "A3501")


def test_an_ap_credit_without_a_vendor_is_held() -> None:
    assert held(align(ap_credit("45.00", vendor_id=None))).reason is HoldReason.NO_VENDOR


def test_a_credit_note_with_the_bills_own_number_is_the_same_number_of_that_vendor() -> None:
    charged = align(bill(bill_line("1.00"))).lines[0].key.heading
    credited = align(ap_credit("1.00", vendor_invoice="FR-77120")).lines[0].key.heading
    assert natural_key(charged, padded_to=7) == natural_key(credited, padded_to=7)


def test_an_edited_bill_posts_the_difference_of_its_lines() -> None:
    before = align(bill(bill_line("100.00"), bill_line("20.00", line_id=2)))
    postings = changes(before, align(bill(bill_line("90.00"), bill_line("20.00", line_id=2), shipping="5.00")))
    assert not isinstance(postings, Hold)
    (posting,) = postings
    assert {line.key.item: line.amount for line in posting.lines} == {
        "1": Decimal("-10.00"),
        "shipping": Decimal("5.00"),
    }


def test_a_corrected_vendors_number_moves_the_voucher() -> None:
    postings = changes(align(bill(bill_line("9.00"))), align(bill(bill_line("9.00"), vendor_invoice="FR-77121")))
    assert not isinstance(postings, Hold)
    assert {posting.heading.number: posting.amount for posting in postings} == {
        "FR-77120": Decimal("-9.00"),
        "FR-77121": Decimal("9.00"),
    }


def test_a_cancelled_bill_is_taken_back() -> None:
    document = bill(bill_line("100.00"), tax="8.00")
    postings = changes(align(document), align(replace(document, active=False)))
    assert not isinstance(postings, Hold)
    assert total(posting.amount for posting in postings) == Decimal("-108.00")


def test_a_bill_dated_in_a_closed_period_is_held() -> None:
    aligned = align(bill(bill_line("1.00"), document_date=date(2026, 9, 30)))
    planned = plan_postings(
        Target(aligned.document.key, 1, "f" * 64, DAY, date(2026, 9, 30), None, aligned.lines),
        {},
        PERIODS,
        first_open_allowed=False,
        next_posting_no=1,
    )
    assert isinstance(planned, Hold)
    assert planned.reason is HoldReason.PERIOD_CLOSED
