"""Credit memos: negative on the very invoices they are split over, on the accounts of what they take back."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.alignment import Alignment
from st_deltek_pipeline.domain.coded_amounts import invoice_line
from st_deltek_pipeline.domain.coding import Rule
from st_deltek_pipeline.domain.credit_memo_alignment import align_credit_memo, credit_memo_lines
from st_deltek_pipeline.domain.credit_memos import CreditMemo
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.money import ZERO, allocate, total
from st_deltek_pipeline.domain.payment_alignment import PostedInvoices
from st_deltek_pipeline.domain.sales_tax import TaxBase, TaxRate, TaxZone
from st_deltek_pipeline_tests.domain.builders import REFERENCE
from st_deltek_pipeline_tests.domain.document_builders import (
    ALL_LINKS,
    RULES_FOR_ALL_KINDS,
    RULES_OF_ALL_KINDS,
    amounts_by_invoice,
    credit_memo,
    item,
    memo_line,
    posted,
)

_SUBTOTAL = frozenset({TaxBase.SUBTOTAL})
DENVER = TaxZone(
    5101, "Denver", (TaxRate("State", Decimal("0.029"), _SUBTOTAL), TaxRate("City", Decimal("0.0515"), _SUBTOTAL))
)
BY_AUTHORITY = (
    Rule("state", {"tax_name": frozenset({"state"})}, {"account": "230.00", "section": "T", "tax_code": "CO"}),
    Rule("city", {"tax_name": frozenset({"city"})}, {"account": "202.00", "section": "T"}),
    Rule("rounding", {"line": frozenset({"tax_rounding"})}, {"account": "202.00", "section": "T"}),
)


def align(document: CreditMemo, invoices: PostedInvoices, *extra_rules: Rule, **settings: object) -> Alignment:
    rules = replace(RULES_FOR_ALL_KINDS, coding=(*extra_rules, *RULES_OF_ALL_KINDS), **settings)  # type: ignore[arg-type]
    return align_credit_memo(document, rules, REFERENCE, ALL_LINKS, invoices)


def held(alignment: Alignment) -> Hold:
    assert alignment.hold is not None
    assert alignment.lines == ()
    assert str(alignment.document.key) in alignment.hold.message
    return alignment.hold


def test_a_memo_is_negative_on_its_invoice_under_a_reference_of_its_own() -> None:
    aligned = align(credit_memo(memo_line("80.00"), tax="6.44", splits=[(7001, "86.44")]), posted(i7001="108.00"))
    assert [(line.key.account, line.key.section, line.amount) for line in aligned.lines] == [
        ("230.00", "T", Decimal("-6.44")),
        ("401.00", "F", Decimal("-80.00")),
    ]
    assert {line.key.heading.credit_memo for line in aligned.lines} == {"C6001"}
    assert {(line.key.wbs1, line.key.invoice) for line in aligned.lines} == {("HVAC", "N7001")}
    assert aligned.firm_id == "F1"


def test_the_invoices_project_counts_and_no_rule_has_to_give_one() -> None:
    document = credit_memo(memo_line("80.00"), splits=[(7001, "80.00")], business_unit_name="Drones")
    (line,) = align(document, posted(i7001=[item("108.00", wbs1="PHASED", wbs2="1")])).lines
    assert (line.key.wbs1, line.key.wbs2) == ("PHASED", "1")
    assert "wbs1" not in line.decided_by


def test_a_memo_over_several_invoices_gives_each_what_its_split_says() -> None:
    """T37: a credit memo that is split over invoices."""
    document = credit_memo(
        memo_line("60.00"),
        memo_line("40.00", line_id=2, item_type="Material"),
        tax="8.05",
        splits=[(1, "50.00"), (2, "58.05")],
    )
    aligned = align(document, posted(i1="50.00", i2=[item("58.05", wbs1="PHASED", wbs2="1", number="N2")]))
    assert amounts_by_invoice(aligned.lines) == {("HVAC", "N1"): Decimal("-50.00"), ("PHASED", "N2"): Decimal("-58.05")}
    by_account = {
        account: total(line.amount for line in aligned.lines if line.key.account == account)
        for account in ("401.00", "402.00", "230.00")
    }
    assert by_account == {"401.00": Decimal("-60.00"), "402.00": Decimal("-40.00"), "230.00": Decimal("-8.05")}


def test_what_a_tax_was_computed_on_is_taken_back_with_it() -> None:
    lines = (memo_line("80.00"), memo_line("20.00", line_id=2, taxable=False))
    document = credit_memo(*lines, tax="6.44", splits=[(1, "53.22"), (2, "53.22")])
    aligned = align(document, posted(i1="53.22", i2="53.22"))
    taxes = [line for line in aligned.lines if line.key.section == "T"]
    assert total(line.tax_basis for line in taxes) == Decimal("-80.00")
    assert all(line.tax_basis < ZERO for line in taxes)


def test_the_sales_tax_of_a_known_zone_is_taken_back_by_authority_with_its_rounding_shown() -> None:
    document = credit_memo(memo_line("33.33"), tax="2.68", splits=[(1, "36.01")], tax_name=" denver ")
    aligned = align(document, posted(i1="36.01"), *BY_AUTHORITY, tax_zones={5101: DENVER})
    assert sorted((line.description, line.amount, line.tax_basis) for line in aligned.lines) == [
        ("Sales tax City", Decimal("-1.72"), Decimal("-33.33")),
        ("Sales tax State", Decimal("-0.97"), Decimal("-33.33")),
        ("Sales tax rounding", Decimal("0.01"), ZERO),
        ("Second visit", Decimal("-33.33"), ZERO),
    ]


def test_a_tax_that_is_not_what_the_zones_rates_give_is_held() -> None:
    document = credit_memo(memo_line("33.33"), tax="2.00", splits=[(1, "35.33")], tax_name="Denver")
    hold = held(align(document, posted(i1="36.01"), *BY_AUTHORITY, tax_zones={5101: DENVER}))
    assert hold.reason is HoldReason.AMOUNTS_DO_NOT_ADD_UP
    assert "'Denver'" in hold.message


@pytest.mark.parametrize("tax_name", ["", "Aurora"])
def test_the_sales_tax_of_an_unknown_zone_stays_one_line(tax_name: str) -> None:
    document = credit_memo(memo_line("33.33"), tax="2.68", splits=[(1, "36.01")], tax_name=tax_name)
    aligned = align(document, posted(i1="36.01"), tax_zones={5101: DENVER})
    assert [line.amount for line in aligned.lines if line.key.section == "T"] == [Decimal("-2.68")]


def test_a_memo_whose_items_are_not_told_is_one_amount() -> None:
    document = credit_memo(splits=[(1, "30.00")], subtotal=Decimal("30.00"), total=Decimal("30.00"), balance=ZERO)
    (line,) = align(document, posted(i1="36.01")).lines
    assert (line.amount, line.description) == (Decimal("-30.00"), "Goodwill")


def test_what_is_taken_back_says_in_which_place_why_and_on_what_basis() -> None:
    document = credit_memo(memo_line("80.00", taxable=False), tax="6.44", splits=[(7001, "86.44")])
    tax, revenue = align(document, posted(i7001="108.00")).lines
    assert tax.key == invoice_line(
        ("HVAC", "", ""), "N7001", account="230.00", section="T", tax_code="CO", credit_memo="C6001"
    )
    assert revenue.key == invoice_line(("HVAC", "", ""), "N7001", account="401.00", section="F", credit_memo="C6001")
    assert (revenue.description, revenue.organization, str(revenue.tax_basis)) == ("Second visit", "", "0.00")
    assert (tax.decided_by["account"], revenue.decided_by["account"]) == ("taxes", "revenue")


def test_item_mode_keeps_a_line_per_item() -> None:
    document = credit_memo(memo_line("30.00"), memo_line("6.00", line_id=2), splits=[(1, "36.00")])
    aligned = align(document, posted(i1="36.00"), one_line_per_item=True)
    assert [(line.key.item, line.amount) for line in aligned.lines] == [
        ("1", Decimal("-30.00")),
        ("2", Decimal("-6.00")),
    ]


def test_a_memo_that_is_not_wholly_applied_waits_with_what_is_left() -> None:
    hold = held(align(credit_memo(memo_line("80.00"), splits=[(7001, "50.00")]), posted(i7001="108.00")))
    assert hold.reason is HoldReason.CREDIT_NOT_APPLIED
    assert "30.00" in hold.message


def test_a_memo_on_an_invoice_that_is_not_posted_waits_for_it() -> None:
    document = credit_memo(memo_line("80.00"), splits=[(7001, "80.00")])
    assert held(align(document, PostedInvoices({}, frozenset({7001})))).reason is HoldReason.WAITING_FOR_INVOICE
    assert held(align(document, posted())).reason is HoldReason.APPLIED_TO_UNKNOWN_INVOICE


@pytest.mark.parametrize(
    "wrong", [{"subtotal": Decimal("80.01")}, {"total": Decimal("80.01")}, {"sales_tax": Decimal("0.01")}]
)
def test_amounts_that_do_not_add_up_are_held(wrong: dict[str, object]) -> None:
    document = credit_memo(memo_line("80.00"), splits=[(7001, "80.00")], **wrong)
    assert held(align(document, posted(i7001="108.00"))).reason is HoldReason.AMOUNTS_DO_NOT_ADD_UP


def test_a_memo_without_a_customer_is_held_where_a_firm_is_required() -> None:
    document = credit_memo(memo_line("80.00"), splits=[(7001, "80.00")], customer_id=None)
    assert held(align(document, posted(i7001="108.00"))).reason is HoldReason.NO_CUSTOMER


def test_an_account_that_a_rule_gives_wrongly_is_held() -> None:
    document = credit_memo(memo_line("80.00"), splits=[(7001, "80.00")])
    rule = Rule("typo", {"line": frozenset({"item"})}, {"account": "4010"})
    assert held(align(document, posted(i7001="108.00"), rule)).reason is HoldReason.ACCOUNT_MISSING


_MEMO_LINES = st.lists(st.decimals("-500", "5000", places=2).filter(bool), min_size=1, max_size=6)


@given(
    _MEMO_LINES,
    st.decimals("0", "400", places=2),
    st.lists(st.integers(1, 50), min_size=1, max_size=4),
    st.lists(st.decimals("1", "900", places=2), min_size=2, max_size=2),
)
def test_a_memos_lines_sum_to_its_total_and_to_every_split(
    amounts: list[Decimal], tax: Decimal, shares: list[int], items: list[Decimal]
) -> None:
    lines = [memo_line(str(amount), line_id=place) for place, amount in enumerate(amounts, start=1)]
    parts = allocate(total(amounts) + tax, [Decimal(share) for share in shares])
    document = credit_memo(
        *lines, tax=str(tax), splits=[(place, str(part)) for place, part in enumerate(parts, start=1)]
    )
    two = [item(str(items[0]), number="X"), item(str(items[1]), wbs1="PHASED", wbs2="1", number="X")]
    invoices = PostedInvoices(
        {
            split.invoice_id: tuple(replace(each, number=f"N{split.invoice_id}") for each in two)
            for split in document.splits
        },
        frozenset(split.invoice_id for split in document.splits),
    )
    aligned = align(document, invoices)
    assert aligned.hold is None
    assert total(line.amount for line in aligned.lines) == document.effect
    for split in document.splits:
        mine = [line.amount for line in aligned.lines if line.key.invoice == f"N{split.invoice_id}"]
        assert total(mine) == -split.amount
    assert total(line.amount for line in credit_memo_lines(document, RULES_FOR_ALL_KINDS)) == document.total
