"""What no rule gives, grouped by what a rule could match on."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.coding import Rule
from st_deltek_pipeline.domain.coding_gaps import GapCollector
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.invoice_alignment import lines_to_code
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline_tests.domain.builders import ALIGNMENT_RULES, RULES, invoice, line


def collected(*documents: Invoice, rules: tuple[Rule, ...] = RULES) -> GapCollector:
    collector = GapCollector(replace(ALIGNMENT_RULES, coding=rules))
    for number, document in enumerate(documents, start=1):
        collector.add(replace(document, key=DocumentKey("acme", Kind.INVOICE, number)))
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
        for coded in lines_to_code(document, ALIGNMENT_RULES)
    ]
    assert total(gap.amount for gap in collector.gaps()) == collector.amount == total(unmapped)
    assert sum(gap.lines for gap in collector.gaps()) == collector.lines_with_gaps == len(unmapped)
