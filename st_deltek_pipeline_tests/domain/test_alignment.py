"""Alignment: everything a posting names exists and is open, or the invoice waits with a reason."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.alignment import Alignment
from st_deltek_pipeline.domain.coding import Rule
from st_deltek_pipeline.domain.firm_links import FirmLink, FirmLinks, LinkState
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.invoice_alignment import align_invoice
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline_tests.domain.builders import ALIGNMENT_RULES, LINKS, REFERENCE, RULES, invoice, line


def align(document: Invoice, *extra_rules: Rule, **settings: object) -> Alignment:
    rules = replace(ALIGNMENT_RULES, coding=(*extra_rules, *RULES), **settings)  # type: ignore[arg-type]
    return align_invoice(document, rules, REFERENCE, LINKS)


def held(alignment: Alignment) -> HoldReason:
    assert alignment.hold is not None
    assert alignment.lines == ()
    assert alignment.hold.message
    assert alignment.hold.advice
    return alignment.hold.reason


def test_lines_of_one_coding_become_one_line() -> None:
    aligned = align(invoice("80.00", "20.50", "-10.00"))
    assert [(item.key.account, item.amount) for item in aligned.lines] == [("401.00", Decimal("90.50"))]


def test_sales_tax_stands_on_its_own_line_with_its_basis() -> None:
    aligned = align(invoice("80.00", "20.00", tax="4.81"))
    tax = next(item for item in aligned.lines if item.key.section == "T")
    assert (tax.amount, tax.tax_basis, tax.key.tax_code) == (Decimal("4.81"), Decimal("100.00"), "CO")


def test_item_mode_keeps_a_line_per_item() -> None:
    aligned = align(invoice("80.00", "20.00"), one_line_per_item=True)
    assert [item.key.item for item in aligned.lines] == ["1", "2"]


def test_the_rule_that_decided_each_field_is_known() -> None:
    aligned = align(replace(invoice("80.00"), lines=(line("80.00", item_type="Material"),)))
    assert aligned.lines[0].decided_by["account"] == "materials"
    assert aligned.lines[0].decided_by["wbs1"] == "heating"
    assert aligned.lines[0].decided_by["section"] == "revenue"


@given(st.lists(st.decimals("-5000", "5000", places=2), max_size=8), st.decimals("-500", "500", places=2))
def test_coded_lines_always_sum_to_the_total(amounts: list[Decimal], tax: Decimal) -> None:
    """T33: mixed signs."""
    document = invoice(*[str(amount) for amount in amounts], tax=str(tax))
    aligned = align(document)
    assert aligned.hold is None
    assert total(item.amount for item in aligned.lines) == document.total


def test_items_that_do_not_sum_to_the_subtotal_are_held() -> None:
    document = replace(invoice("80.00"), subtotal=Decimal("80.01"), total=Decimal("80.01"))
    assert held(align(document)) is HoldReason.AMOUNTS_DO_NOT_ADD_UP


def test_a_total_that_is_not_subtotal_plus_tax_is_held() -> None:
    document = replace(invoice("80.00", tax="4.00"), total=Decimal("84.01"))
    assert held(align(document)) is HoldReason.AMOUNTS_DO_NOT_ADD_UP


def test_a_null_business_unit_is_held_and_never_defaulted() -> None:
    assert held(align(replace(invoice("80.00"), business_unit_id=None))) is HoldReason.NO_BUSINESS_UNIT


def test_an_unmapped_business_unit_is_held_with_its_name() -> None:
    """T42: no default account."""
    aligned = align(replace(invoice("80.00"), business_unit_name="Drones"))
    assert held(aligned) is HoldReason.NO_RULE
    assert aligned.hold is not None
    assert "'Drones'" in aligned.hold.message
    assert "wbs1" in aligned.hold.message


@pytest.mark.parametrize(
    ("project", "reason"),
    [
        ("NOWHERE", HoldReason.PROJECT_MISSING),
        ("OLD", HoldReason.PROJECT_INACTIVE),
        ("PHASED", HoldReason.PROJECT_NEEDS_LOWER_LEVEL),
        ("ORPHAN", HoldReason.BILLING_CLIENT_MISSING),
        ("DORMANT", HoldReason.BILLING_CLIENT_INACTIVE),
    ],
)
def test_a_project_that_cannot_take_the_invoice_is_held(project: str, reason: HoldReason) -> None:
    assert held(align(invoice("80.00"), Rule("special", {}, {"wbs1": project}))) is reason


def test_a_phase_uses_its_projects_billing_client() -> None:
    assert align(invoice("80.00"), Rule("phase", {}, {"wbs1": "PHASED", "wbs2": "1"})).hold is None


@pytest.mark.parametrize(
    ("give", "reason"),
    [
        ({"account": "499.00"}, HoldReason.ACCOUNT_MISSING),
        ({"account": "409.00"}, HoldReason.ACCOUNT_INACTIVE),
        ({"section": "Z"}, HoldReason.SECTION_UNKNOWN),
        ({"tax_code": "XX"}, HoldReason.TAX_CODE_MISSING),
        ({"organization": "09:XX"}, HoldReason.ORGANIZATION_MISSING),
        ({"organization": "01:PL"}, HoldReason.ORGANIZATION_DIFFERS),
    ],
)
def test_a_rule_that_names_what_vantagepoint_lacks_is_held(give: dict[str, str], reason: HoldReason) -> None:
    assert held(align(invoice("80.00"), Rule("special", {}, give))) is reason


@pytest.mark.parametrize("number", ["", "1234567890123"])
def test_a_number_vantagepoint_cannot_hold_is_held(number: str) -> None:
    assert held(align(invoice("80.00", number=number))) is HoldReason.INVOICE_NUMBER_UNUSABLE


def test_the_firm_of_the_customer_that_is_left_after_merges_counts() -> None:
    merged = replace(invoice("80.00"), customer_id=7, billing_customer_id=11)
    assert align(merged).firm_id == "F1"


def test_a_customer_that_was_not_matched_yet_is_held_when_a_firm_is_required() -> None:
    assert held(align(replace(invoice("80.00"), customer_id=12))) is HoldReason.CUSTOMER_WITHOUT_FIRM


def test_an_invoice_without_a_customer_is_held_when_a_firm_is_required() -> None:
    assert held(align(replace(invoice("80.00"), customer_id=None))) is HoldReason.NO_CUSTOMER


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (LinkState.MISSING, HoldReason.CUSTOMER_WITHOUT_FIRM),
        (LinkState.AMBIGUOUS, HoldReason.CUSTOMER_FIRM_AMBIGUOUS),
    ],
)
def test_a_customer_whose_firm_is_not_certain_is_held_with_what_was_found(state: LinkState, reason: HoldReason) -> None:
    links = FirmLinks({11: FirmLink(11, "Alder Dental", state, message="firms 1001 and 1009 look alike.")})
    aligned = align_invoice(invoice("80.00"), ALIGNMENT_RULES, REFERENCE, links)
    assert held(aligned) is reason
    assert aligned.hold is not None
    assert "1001 and 1009" in aligned.hold.message


def test_the_projects_billing_client_is_enough_where_no_firm_is_required() -> None:
    document = replace(invoice("80.00"), customer_name="Nobody", customer_id=None)
    assert align(document, customer_firm_required=False).hold is None


def test_a_zero_invoice_is_coded_only_where_zero_documents_are_posted() -> None:
    assert align(invoice("0.00")).lines == ()
    assert [item.amount for item in align(invoice("0.00"), code_zero_documents=True).lines] == [Decimal("0.00")]
