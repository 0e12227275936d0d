"""Coded amounts: what stands in one place is one line, with the words of the first, to the cent."""

from dataclasses import replace
from decimal import Decimal

from st_deltek_pipeline.domain.coded_amounts import CodedAmount, Heading, LineKey, invoice_line, merge_lines
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline_tests.domain.builders import coded


def test_amounts_in_one_place_add_up_and_the_first_gives_its_words() -> None:
    first = CodedAmount(
        coded("1.00").key, Decimal("60.00"), "Heating", "01:HV", Decimal("50.00"), "PO-1", {"account": "revenue"}
    )
    second = CodedAmount(first.key, Decimal("0.01"), "Other", "01:PL", Decimal("7.00"), "PO-2", {"account": "other"})
    assert merge_lines([first, second]) == (
        CodedAmount(first.key, Decimal("60.01"), "Heating", "01:HV", Decimal("57.00"), "PO-1", {"account": "revenue"}),
    )
    assert merge_lines([first]) == (first,)
    assert merge_lines([]) == ()


def test_amounts_in_different_places_stay_apart_in_a_fixed_order() -> None:
    lines = [coded("1.00", account="402.00"), coded("2.00"), coded("4.00", wbs1="PHASED"), coded("8.00")]
    merged = merge_lines(lines)
    assert [(line.key.wbs1, line.key.account, line.amount) for line in merged] == [
        ("HVAC", "401.00", Decimal("10.00")),
        ("HVAC", "402.00", Decimal("1.00")),
        ("PHASED", "401.00", Decimal("4.00")),
    ]
    assert merge_lines(lines[::-1]) == merged


def test_a_line_of_an_invoice_stands_on_the_invoices_own_project() -> None:
    plain = invoice_line(("HVAC", "1", "2"), "104417", account="401.00", section="F")
    heading = Heading(EntryType.INVOICES, "104417", "HVAC", "1", "2")
    assert plain == LineKey(heading, "HVAC", "1", "2", "104417", "401.00", "F", "", "")
    detailed = invoice_line(
        ("HVAC", "1", "2"), "104417", account="230.00", section="T", tax_code="CO", item="tax", credit_memo="C1"
    )
    assert detailed == LineKey(
        replace(heading, credit_memo="C1"), "HVAC", "1", "2", "104417", "230.00", "T", "CO", "tax"
    )
