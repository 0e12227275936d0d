"""What no rule gives, grouped by what a rule could match on."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.coding import Rule
from st_deltek_pipeline.domain.coding_gaps import GapCollector
from st_deltek_pipeline.domain.documents import Document, DocumentKey, Kind
from st_deltek_pipeline.domain.invoice_alignment import invoice_lines
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline_tests.domain.builders import ALIGNMENT_RULES, RULES, invoice, line
from st_deltek_pipeline_tests.domain.document_builders import (
    RULES_OF_ALL_KINDS,
    ap_credit,
    bill,
    bill_line,
    credit_memo,
    memo_line,
    payment,
)


def collected(*documents: Document, rules: tuple[Rule, ...] = RULES, **settings: object) -> GapCollector:
    collector = GapCollector(replace(ALIGNMENT_RULES, coding=rules, **settings))  # type: ignore[arg-type]
    for number, document in enumerate(documents, start=1):
        collector.add(replace(document, key=DocumentKey("acme", document.key.kind, number)))
    return collector


def without(*names: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in RULES if rule.name not in names)


def test_rules_that_code_every_line_leave_no_gap() -> None:
    collector = collected(invoice("80.00", tax="4.81"))
    assert collector.gaps() == ()
    assert (collector.documents, collector.lines, collector.lines_with_gaps) == (1, 2, 0)


def test_a_business_unit_without_a_project_is_one_gap_whatever_it_sells() -> None:
    drones = {"business_unit_name": "Drones"}
    collector = collected(
        invoice("80.00", "20.00", **drones),
        replace(invoice("5.00", **drones), lines=(line("5.00", sku="ROTOR"),)),
        invoice("300.00"),
    )
    (gap,) = collector.gaps()
    assert (gap.missing, gap.facts) == ("wbs1", {"business_unit": "Drones"})
    assert (gap.documents, gap.lines, gap.amount) == (2, 3, Decimal("105.00"))
    assert str(gap.example) == "invoice:1"
    assert (collector.documents, collector.documents_with_gaps, collector.amount) == (3, 2, Decimal("105.00"))


def test_a_business_unit_without_a_name_is_named_by_its_id() -> None:
    (gap,) = collected(invoice("80.00", business_unit_name="")).gaps()
    assert gap.facts == {"business_unit_id": "3"}


def test_facts_that_other_rules_for_the_field_look_at_are_shown() -> None:
    rules = (*RULES, Rule("contract", {"project": frozenset({"p-9"})}, {"wbs1": "PHASED", "wbs2": "1"}))
    (gap,) = collected(invoice("80.00", business_unit_name="Drones", project_number="P-7"), rules=rules).gaps()
    assert gap.facts == {"business_unit": "Drones", "project": "P-7"}


def test_an_item_without_an_account_shows_what_it_is() -> None:
    gaps = collected(invoice("80.00"), rules=without("revenue")).gaps()
    assert [gap.missing for gap in gaps] == ["account", "section"]
    assert gaps[0].facts == {
        "line": "item",
        "business_unit": "HVAC Service",
        "item_type": "Service",
        "sku": "TUNE-UP",
        "gl_account": "4010",
    }


def test_a_tax_without_an_account_shows_its_zone() -> None:
    document = invoice("80.00", tax="4.81", tax_zone_name="Denver")
    tax = [gap for gap in collected(document, rules=without("taxes", "revenue")).gaps() if gap.facts["line"] == "tax"]
    assert [(gap.facts["tax_zone"], gap.amount) for gap in tax] == [("Denver", Decimal("4.81"))] * 2


def test_voided_documents_and_those_without_a_business_unit_need_no_rule() -> None:
    collector = collected(
        invoice("80.00", business_unit_name="Drones", active=False),
        invoice("80.00", business_unit_name="", business_unit_id=None),
    )
    assert collector.gaps() == ()
    assert collector.documents == 0


def test_the_largest_amounts_come_first_whatever_their_sign() -> None:
    collector = collected(
        invoice("10.00", business_unit_name="A"),
        invoice("-500.00", business_unit_name="B"),
        invoice("70.00", business_unit_name="C"),
    )
    assert [gap.facts["business_unit"] for gap in collector.gaps()] == ["B", "C", "A"]


_DOCUMENTS = st.lists(
    st.tuples(
        st.sampled_from(["HVAC Service", "Drones", "Pools"]),
        st.lists(st.decimals("-500", "500", places=2), max_size=4),
        st.decimals("-50", "50", places=2),
    ),
    max_size=12,
)


@given(_DOCUMENTS)
def test_the_gaps_of_a_field_sum_to_the_lines_that_miss_it(drawn: list[tuple[str, list[Decimal], Decimal]]) -> None:
    documents = [invoice(*map(str, amounts), tax=str(tax), business_unit_name=unit) for unit, amounts, tax in drawn]
    collector = collected(*documents)
    unmapped = [
        coded.amount
        for document in documents
        if document.business_unit_name != "HVAC Service"
        for coded in invoice_lines(document, ALIGNMENT_RULES)
    ]
    assert total(gap.amount for gap in collector.gaps()) == collector.amount == total(unmapped)
    assert sum(gap.lines for gap in collector.gaps()) == collector.lines_with_gaps == len(unmapped)


# --- Every other kind ------------------------------------------------------------------------------------------------


def test_a_payment_type_without_a_bank_is_one_gap_with_all_its_money() -> None:
    gift = {"type_name": "Gift Card"}
    collector = collected(
        payment((7001, "60.00"), unapplied="5.00", **gift),
        payment((7001, "40.00"), **gift),
        payment((7001, "9.00")),
        rules=RULES_OF_ALL_KINDS,
    )
    (gap,) = collector.gaps()
    assert (gap.kind, gap.missing, gap.documents, gap.amount) == (Kind.PAYMENT, "bank", 2, Decimal("105.00"))
    assert gap.facts == {"document": "payment", "payment_type": "Gift Card"}
    assert (collector.documents_with_gaps, collector.amount) == (2, Decimal("105.00"))


def test_unapplied_money_without_a_project_is_a_gap_of_that_money_only() -> None:
    collector = collected(
        payment((7001, "60.00"), unapplied="5.00", business_unit_name="Drones"), rules=RULES_OF_ALL_KINDS
    )
    (gap,) = collector.gaps()
    assert (gap.missing, gap.amount, collector.amount) == ("wbs1", Decimal("5.00"), Decimal("5.00"))


def test_money_of_a_receipt_without_bank_and_project_is_counted_once() -> None:
    lost = payment((7001, "60.00"), unapplied="5.00", business_unit_name="Drones", type_name="Gift Card")
    collector = collected(lost, rules=RULES_OF_ALL_KINDS)
    assert [gap.missing for gap in collector.gaps()] == ["bank", "wbs1"]
    assert collector.amount == Decimal("65.00")


def test_a_payment_that_moves_no_money_needs_no_rule() -> None:
    entries = payment((7001, "60.00"), type_name="Write-off"), payment((7001, "1.00"), is_journal_entry=True)
    collector = collected(*entries, rules=(), journal_entry_types=frozenset({"write-off"}))
    assert (collector.gaps(), collector.documents) == ((), 0)


def test_a_bill_without_an_account_shows_what_was_bought() -> None:
    rules = tuple(rule for rule in RULES_OF_ALL_KINDS if rule.name not in {"job cost", "stock"})
    collector = collected(bill(bill_line("10.00"), shipping="2.00"), ap_credit("4.00"), rules=rules)
    by_kind = {gap.kind: gap for gap in collector.gaps()}
    assert by_kind[Kind.BILL].facts["sku"] == "SKU-1"
    assert by_kind[Kind.BILL].amount == Decimal("10.00")
    assert (by_kind[Kind.AP_CREDIT].facts["line"], by_kind[Kind.AP_CREDIT].amount) == ("credit", Decimal("-4.00"))


def test_journal_entries_without_an_account_to_balance_on_are_one_gap() -> None:
    two = bill(bill_line("10.00")), bill(bill_line("5.00"), vendor_name="Other")
    collector = collected(*two, rules=RULES_OF_ALL_KINDS, bills_as="journal_entry")
    (gap,) = collector.gaps()
    assert (gap.missing, gap.documents, gap.amount) == ("liability", 2, Decimal("15.00"))
    assert gap.facts == {"document": "bill", "line": "payable"}


def test_a_voucher_needs_a_rule_for_the_liability_only_where_its_vendor_has_no_code() -> None:
    rules = replace(ALIGNMENT_RULES, coding=RULES_OF_ALL_KINDS)
    plain, lacking = GapCollector(rules), GapCollector(rules)
    plain.add(bill(bill_line("10.00")))
    lacking.add(bill(bill_line("10.00")), liability_needed=True)
    assert plain.gaps() == ()
    assert [gap.missing for gap in lacking.gaps()] == ["liability"]


def test_a_credit_memo_needs_no_project_but_an_account() -> None:
    memo = credit_memo(memo_line("80.00"), splits=[(7001, "80.00")], business_unit_name="", business_unit_id=None)
    assert collected(memo).gaps() == ()
    assert [gap.missing for gap in collected(memo, rules=without("revenue")).gaps()] == ["account", "section"]
