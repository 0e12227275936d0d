import random
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.sandbox.contractor.business_units import Line, Trade
from st_deltek_pipeline.sandbox.contractor.edits import new_invoice
from st_deltek_pipeline.sandbox.contractor.invoice_rows import totals_of
from st_deltek_pipeline.sandbox.contractor.line_items import SoldLine, sell
from st_deltek_pipeline.sandbox.contractor.pricebook import BY_WORK, DISCOUNTS
from st_deltek_pipeline.sandbox.contractor.world import World

DAY = date(2026, 10, 20)


def test_one_more_invoice_is_new_postable_and_not_yet_in_the_world(month_world: World) -> None:
    before = len(month_world.servicetitan.invoices)
    row = new_invoice(month_world, DAY, rng=random.Random(1))
    invoices = month_world.servicetitan.invoices
    assert len(invoices) == before
    assert row["id"] > max(invoices)
    assert row["referenceNumber"] not in {other["referenceNumber"] for other in invoices.values()}
    assert (row["syncStatus"], row["active"], row["invoiceDate"]) == ("Posted", True, "2026-10-20T00:00:00Z")
    assert set(row) == set(next(iter(invoices.values())))
    assert Decimal(row["total"]) == Decimal(row["subTotal"]) + Decimal(row["salesTax"])
    items = {item["id"] for other in invoices.values() for item in other["items"] or []}
    assert items.isdisjoint(item["id"] for item in row["items"])


def test_one_more_invoice_can_have_an_exact_total_unit_and_customer(month_world: World) -> None:
    model = next(
        row for row in month_world.servicetitan.invoices.values()
        if row["businessUnit"] and row["businessUnit"]["id"] == 1203 and row["active"] and row["syncStatus"] == "Posted"
        and row["items"] and row["adjustmentToId"] is None
    )  # fmt: skip
    row = new_invoice(
        month_world,
        DAY,
        total=Decimal("-17.35"),
        business_unit_id=1203,
        customer_id=model["customer"]["id"],
        rng=random.Random(2),
    )
    assert (row["total"], row["salesTax"]) == ("-17.35", "0.00")
    assert row["businessUnit"]["id"] == 1203
    assert row["customer"]["id"] == model["customer"]["id"]


def test_the_same_chance_makes_the_same_invoice(month_world: World) -> None:
    assert new_invoice(month_world, DAY, rng=random.Random(3)) == new_invoice(month_world, DAY, rng=random.Random(3))


def test_an_invoice_nobody_could_make_is_refused_with_what_was_asked(month_world: World) -> None:
    with pytest.raises(ValueError, match=r"business unit 1901 and customer 5"):
        new_invoice(month_world, DAY, business_unit_id=1901, customer_id=5, rng=random.Random(4))


_CENTS = st.integers(-10_000_000, 10_000_000).map(lambda cents: Decimal(cents) / 100)
_SKUS = st.sampled_from([*DISCOUNTS, *BY_WORK[Trade.HVAC, Line.SERVICE]])
_LINES = st.lists(st.builds(sell, _SKUS, st.just(Decimal(1)), _CENTS), max_size=8)


@given(_LINES, st.sampled_from([Decimal(0), Decimal("0.0915"), Decimal("0.09045")]))
def test_totals_are_whole_cents_that_add_up_and_tax_is_off_by_half_a_cent_at_most(
    lines: list[SoldLine], rate: Decimal
) -> None:
    totals = totals_of(lines, rate)
    base = sum((line.total for line in lines if line.sku.taxable), start=Decimal(0))
    discounts = sum((line.total for line in lines if line.sku.kind == "PriceModifier"), start=Decimal(0))
    assert totals.total == totals.subtotal + totals.tax
    assert totals.total == totals.total.quantize(Decimal("0.01"))
    assert abs(totals.tax - base * rate) <= Decimal("0.005")
    assert totals.discount == discounts


@given(st.decimals(-100, 100, places=3), st.decimals(-5000, 5000, places=2))
def test_a_line_is_extended_to_the_nearest_cent(quantity: Decimal, price: Decimal) -> None:
    line = sell(DISCOUNTS[0], quantity, price)
    assert line.total == line.total.quantize(Decimal("0.01"))
    assert abs(line.total - quantity * price) <= Decimal("0.005")
