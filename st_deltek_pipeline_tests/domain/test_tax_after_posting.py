"""What happens to sales tax once it is posted: the zone changes, or nothing but the tax is adjusted."""

from dataclasses import replace
from decimal import Decimal

from st_deltek_pipeline.domain.alignment import Alignment
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.domain.sales_tax import TaxZone
from st_deltek_pipeline_tests.domain.builders import invoice
from st_deltek_pipeline_tests.domain.test_postings import Standing, apply, plan, target
from st_deltek_pipeline_tests.domain.test_sales_tax import DENVER, STATE, align, split_rules, taxed

AURORA = TaxZone(52, "Aurora", (STATE,))


def _standing(aligned: Alignment, before: Standing) -> Standing:
    assert aligned.hold is None
    return apply(plan(target(*aligned.lines), before), before)


def _taxes(standing: Standing) -> dict[str, Decimal]:
    """What stands by tax code."""
    found: dict[str, Decimal] = {}
    for (_, key), amount in standing.items():
        if key.section == "T":
            found[key.tax_code] = found.get(key.tax_code, Decimal("0.00")) + amount
    return {code: amount for code, amount in found.items() if amount}


def test_a_zone_that_changes_after_posting_moves_the_tax_between_the_authorities_and_leaves_the_revenue_alone() -> None:
    """T34: the zone changed after posting."""
    rules = replace(split_rules(), tax_zones={51: DENVER, 52: AURORA})
    posted = _standing(align(taxed("100.00", tax="9.05"), rules), {})
    assert _taxes(posted) == {"STATE": Decimal("2.90"), "CITY": Decimal("5.15"), "RTD": Decimal("1.00")}
    moved = replace(taxed("100.00", tax="2.90"), tax_zone_id=52, tax_zone_name="Aurora")
    (correction,) = plan(target(*align(moved, rules).lines), posted, number=2)
    assert {line.key.section for line in correction.lines} == {"T"}
    assert correction.amount == Decimal("-6.15")
    after = apply((correction,), posted)
    assert _taxes(after) == {"STATE": Decimal("2.90")}
    assert total(after.values()) == moved.total
    # And back again: what stood first stands again, to the cent and the code.
    again = _standing(align(taxed("100.00", tax="9.05"), rules), after)
    assert {key: amount for key, amount in again.items() if amount} == posted


def test_an_adjustment_of_nothing_but_the_tax_is_one_tax_line() -> None:
    """T34: a tax-only adjustment."""
    aligned = align(invoice(tax="-4.81", number="104417-001"), split_rules(by_authority=False))
    assert aligned.hold is None
    assert [(line.key.section, line.key.tax_code, line.amount) for line in aligned.lines] == [
        ("T", "CO", Decimal("-4.81"))
    ]


def test_an_adjustment_of_nothing_but_the_tax_is_not_guessed_among_several_authorities() -> None:
    """T34: a tax-only adjustment where tax goes by authority: no item says what it was computed on."""
    aligned = align(taxed(tax="-4.81"), split_rules())
    assert aligned.lines == ()
    assert aligned.hold is not None
    assert aligned.hold.reason is HoldReason.AMOUNTS_DO_NOT_ADD_UP
    assert "by_zone" in aligned.hold.message
