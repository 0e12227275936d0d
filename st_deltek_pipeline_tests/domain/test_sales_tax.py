"""Sales tax by authority: the parts and the rounding are always the stated tax, to the cent."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.alignment import Alignment, AlignmentRules
from st_deltek_pipeline.domain.coding import LineKind, Rule
from st_deltek_pipeline.domain.coding_gaps import GapCollector
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.invoice_alignment import align_invoice, invoice_lines
from st_deltek_pipeline.domain.invoices import Invoice, InvoiceLine
from st_deltek_pipeline.domain.money import round_to_cents, total
from st_deltek_pipeline.domain.reference import TaxCode
from st_deltek_pipeline.domain.sales_tax import TaxBase, TaxRate, TaxZone, split_sales_tax
from st_deltek_pipeline_tests.domain.builders import ALIGNMENT_RULES, LINKS, REFERENCE, RULES, invoice, line

SUBTOTAL = frozenset({TaxBase.SUBTOTAL})
STATE = TaxRate("Colorado State", Decimal("0.029"), SUBTOTAL)
CITY = TaxRate("City of Denver", Decimal("0.0515"), SUBTOTAL)
TRAINS = TaxRate("RTD", Decimal("0.01"), SUBTOTAL)
DENVER = TaxZone(51, "Denver", (STATE, CITY, TRAINS))

_CODES = {"Colorado State": "STATE", "City of Denver": "CITY", "RTD": "RTD"}
AUTHORITIES = tuple(
    Rule(f"tax of {name}", {"line": frozenset({"tax"}), "tax_name": frozenset({name.casefold()})}, {"tax_code": code})
    for name, code in _CODES.items()
)
ROUNDING = Rule("rounding", {"line": frozenset({"tax_rounding"})}, {"account": "230.00", "section": "T"})
TAX_CODES = {**REFERENCE.tax_codes, **{code: TaxCode(code, active=True, rate=None) for code in _CODES.values()}}


def split_rules(*extra: Rule, by_authority: bool = True, **changes: object) -> AlignmentRules:
    rules = replace(ALIGNMENT_RULES, coding=(*extra, *AUTHORITIES, ROUNDING, *RULES), **changes)  # type: ignore[arg-type]
    return replace(rules, tax_zones={51: DENVER}) if by_authority else rules


def align(document: Invoice, rules: AlignmentRules) -> Alignment:
    reference = replace(REFERENCE, tax_codes=TAX_CODES)
    return align_invoice(document, rules, reference, LINKS)


def taxed(*amounts: str, tax: str) -> Invoice:
    return invoice(*amounts, tax=tax, tax_zone_id=51, tax_zone_name="Denver")


def test_each_authority_gets_its_line_with_its_code_and_basis() -> None:
    # 2.90 + 5.15 + 1.00
    aligned = align(taxed("100.00", tax="9.05"), split_rules())
    taxes = [(part.key.tax_code, part.amount, part.tax_basis) for part in aligned.lines if part.key.section == "T"]
    basis = Decimal("100.00")
    assert sorted(taxes) == [
        ("CITY", Decimal("5.15"), basis),
        ("RTD", Decimal("1.00"), basis),
        ("STATE", Decimal("2.90"), basis),
    ]
    assert {part.description for part in aligned.lines if part.key.section == "T"} == {
        "Sales tax Colorado State",
        "Sales tax City of Denver",
        "Sales tax RTD",
    }


def test_by_zone_stays_the_single_line_of_before() -> None:
    aligned = align(taxed("100.00", tax="9.05"), split_rules(by_authority=False))
    taxes = [part for part in aligned.lines if part.key.section == "T"]
    assert [(part.key.tax_code, part.key.item, part.amount) for part in taxes] == [("CO", "", Decimal("9.05"))]
    assert taxes[0].description == "Sales tax"


def test_authorities_with_one_coding_stay_apart_and_keep_their_basis() -> None:
    one_code = Rule("all taxes", {"line": frozenset({"tax"})}, {"tax_code": "CO"})
    aligned = align(taxed("100.00", tax="9.05"), split_rules(one_code))
    taxes = [part for part in aligned.lines if part.key.tax_code == "CO"]
    assert len(taxes) == 3
    assert {part.tax_basis for part in taxes} == {Decimal("100.00")}


@pytest.mark.parametrize("cents", ["-0.03", "-0.01", "0.01", "0.03"])
def test_up_to_a_cent_per_rate_goes_to_an_explicit_rounding_line(cents: str) -> None:
    aligned = align(taxed("100.00", tax=str(Decimal("9.05") + Decimal(cents))), split_rules())
    assert aligned.hold is None
    (rounding,) = (part for part in aligned.lines if part.key.item == "tax_rounding")
    assert (rounding.amount, rounding.tax_basis) == (Decimal(cents), Decimal("0.00"))
    assert rounding.description == "Sales tax rounding"
    assert rounding.decided_by["account"] == "rounding"


def test_a_rounding_without_a_rule_is_held_with_a_clear_message() -> None:
    rules = split_rules()
    narrow = tuple(rule for rule in rules.coding if rule.name not in {"rounding", "revenue"})
    items = Rule("items", {"line": frozenset({"item"})}, {"account": "401.00", "section": "F"})
    aligned = align(taxed("100.00", tax="9.06"), replace(rules, coding=(*narrow, items)))
    assert aligned.hold is not None
    assert aligned.hold.reason is HoldReason.NO_RULE
    assert "account, section for the rounding of sales tax (line: tax_rounding)" in aligned.hold.message


@pytest.mark.parametrize("tax", ["9.01", "9.09", "20.00", "-9.05"])
def test_a_larger_difference_is_held_and_names_the_rates(tax: str) -> None:
    document = taxed("100.00", tax=tax)
    aligned = align(document, split_rules())
    assert aligned.hold is not None
    assert aligned.hold.reason is HoldReason.AMOUNTS_DO_NOT_ADD_UP
    assert "'Denver' (Colorado State 2.9%, City of Denver 5.15%, RTD 1%) give 9.05" in aligned.hold.message
    assert tax in aligned.hold.message
    assert align(document, split_rules(by_authority=False)).hold is None


def test_a_tax_that_does_not_add_up_is_no_gap_of_the_rules() -> None:
    collector = GapCollector(split_rules())
    collector.add(taxed("100.00", tax="20.00"))
    assert (collector.gaps(), collector.lines) == ((), 1)


@pytest.mark.parametrize("changes", [{"tax_zone_id": None}, {"tax_zone_id": 52}])
def test_a_zone_that_is_not_known_leaves_the_tax_one_line(changes: dict[str, object]) -> None:
    aligned = align(replace(taxed("100.00", tax="9.05"), **changes), split_rules())
    assert [part.amount for part in aligned.lines if part.key.section == "T"] == [Decimal("9.05")]


def test_an_exempt_customer_in_a_zone_pays_nothing() -> None:
    """T34: exempt."""
    aligned = align(taxed("100.00", tax="0.00"), split_rules())
    assert [part.amount for part in aligned.lines] == [Decimal("100.00")]


def test_a_single_rate_gets_all_of_the_tax_and_its_name() -> None:
    rules = replace(split_rules(), tax_zones={51: TaxZone(51, "Aurora", (STATE,))})
    document = taxed("100.00", tax="2.91")
    tax = next(part for part in invoice_lines(document, rules) if part.facts.line is LineKind.TAX)
    assert (tax.facts.tax_name, tax.amount, tax.item) == ("Colorado State", Decimal("2.91"), "tax")
    (posted,) = (part for part in align(document, rules).lines if part.key.section == "T")
    assert (posted.key.tax_code, posted.key.item) == ("STATE", "")
    (part,) = split_sales_tax(rules.tax_zones[51], document.lines, Decimal("2.91")).parts
    assert (part.item, part.basis, part.amount) == ("tax Colorado State", Decimal("100.00"), Decimal("2.91"))


def test_a_rate_too_small_for_a_cent_gives_no_line() -> None:
    aligned = align(taxed("0.20", tax="0.02"), split_rules())
    taxes = {part.key.item: part.amount for part in aligned.lines if part.key.section == "T"}
    assert taxes == {"tax City of Denver": Decimal("0.01"), "tax Colorado State": Decimal("0.01")}


def test_item_mode_splits_as_well() -> None:
    aligned = align(taxed("60.00", "40.00", tax="9.05"), split_rules(one_line_per_item=True))
    assert {part.key.item for part in aligned.lines} == {
        "1",
        "2",
        "tax Colorado State",
        "tax City of Denver",
        "tax RTD",
    }


def test_labor_and_material_are_told_apart_by_the_type_of_item() -> None:
    labor = TaxRate("Labor tax", Decimal("0.01"), frozenset({TaxBase.LABOR}))
    material = TaxRate("Use tax", Decimal("0.02"), frozenset({TaxBase.MATERIAL}))
    lines = [
        line("100.00"),
        line("50.00", item_type="Material"),
        line("30.00", item_type="Equipment"),
        replace(line("7.00"), taxable=False),
    ]
    split = split_sales_tax(TaxZone(1, "z", (labor, material, STATE)), lines, Decimal("7.82"))
    assert [part.basis for part in split.parts] == [Decimal("100.00"), Decimal("80.00"), Decimal("180.00")]
    assert [part.amount for part in split.parts] == [Decimal("1.00"), Decimal("1.60"), Decimal("5.22")]


def test_a_rate_is_told_by_its_name_and_percentage_even_when_it_has_no_name() -> None:
    assert str(STATE) == "Colorado State 2.9%"
    assert str(replace(STATE, name="", rate=Decimal("0.10"))) == "no name 10%"


def test_rates_of_one_name_are_lines_of_their_own() -> None:
    split = split_sales_tax(TaxZone(1, "z", (STATE, CITY, STATE)), [line("100.00")], Decimal("10.95"))
    assert [part.item for part in split.parts] == [
        "tax Colorado State",
        "tax City of Denver",
        "tax Colorado State (2)",
    ]


_MONEY = st.decimals("-90000", "90000", places=2)
_RATES = st.lists(
    st.builds(
        TaxRate,
        st.sampled_from(["A", "B", "C", ""]),
        st.decimals("0.0001", "0.15", places=5),
        st.frozensets(st.sampled_from(TaxBase), min_size=1),
    ),
    min_size=1,
    max_size=6,
)
_LINES = st.lists(
    st.builds(
        lambda amount, item_type, taxable: replace(line(str(amount), item_type=item_type), taxable=taxable),
        _MONEY,
        st.sampled_from(["Service", "Material", "Equipment", "PriceModifier", "Unspecified"]),
        st.booleans(),
    ),
    max_size=6,
)


@given(_RATES, _LINES, _MONEY)
def test_parts_and_rounding_always_sum_to_the_stated_tax(
    rates: list[TaxRate], lines: list[InvoiceLine], tax: Decimal
) -> None:
    split = split_sales_tax(TaxZone(1, "z", tuple(rates)), lines, tax)
    assert total(part.amount for part in split.parts) + split.rounding == tax
    assert len({part.item for part in split.parts}) == len(rates)


@given(_RATES, st.lists(_MONEY, min_size=1, max_size=6))
def test_a_tax_computed_from_the_whole_rate_always_adds_up(rates: list[TaxRate], amounts: list[Decimal]) -> None:
    zone = TaxZone(51, "z", tuple(replace(rate, bases=SUBTOTAL) for rate in rates))
    lines = [line(str(amount)) for amount in amounts]
    whole = sum((rate.rate for rate in rates), start=Decimal(0))
    assert split_sales_tax(zone, lines, round_to_cents(total(amounts) * whole)).adds_up


@given(st.lists(_MONEY, max_size=6), st.one_of(_MONEY, st.integers(-3, 3)), st.booleans())
def test_coded_lines_always_sum_to_the_total(
    amounts: list[Decimal],
    drawn: Decimal | int,
    per_item: bool,  # noqa: FBT001 (drawn)
) -> None:
    """T33: lines and tax are the total exactly, or there is a rounding line."""
    exact = [round_to_cents(total(amounts) * rate.rate) for rate in DENVER.rates]
    # Some cents beside the exact tax, or any amount at all.
    near = isinstance(drawn, int)
    tax = total(exact) + Decimal(drawn) / 100 if near else drawn
    document = taxed(*map(str, amounts), tax=str(tax))
    aligned = align(document, split_rules(one_line_per_item=per_item))
    assert total(part.amount for part in invoice_lines(document, split_rules())) == document.total
    if aligned.hold is None:
        assert total(part.amount for part in aligned.lines) == document.total
    else:
        assert not near
        assert aligned.lines == ()
