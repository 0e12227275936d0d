"""The month as the product sees it: read, aligned and coded, without servers and database."""

import random
from datetime import date
from decimal import Decimal

import pytest

from st_deltek_pipeline.domain.alignment import Alignment
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.sandbox.contractor.edits import new_invoice
from st_deltek_pipeline.sandbox.contractor.month_plan import Trouble
from st_deltek_pipeline.sandbox.contractor.world import World
from st_deltek_pipeline_tests.sandbox.contractor.product_eyes import Product


def test_every_clean_invoice_is_readable_and_aligned_to_the_cent(clean_world: World, clean_product: Product) -> None:
    for row in clean_world.servicetitan.invoices.values():
        seen = clean_product.see(Kind.INVOICE, row)
        assert isinstance(seen, Alignment), (row["id"], seen)
        assert seen.hold is None, seen.hold
        assert total(line.amount for line in seen.lines) == Decimal(row["total"])


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (Trouble.NULL_BUSINESS_UNIT, "no_business_unit"),
        (Trouble.UNMAPPED_BUSINESS_UNIT, "no_rule"),
        (Trouble.AMOUNTS_DO_NOT_ADD_UP, "amounts_do_not_add_up"),
        (Trouble.INACTIVE_PROJECT, "project_inactive"),
        (Trouble.CLOSED_PERIOD, ""),
        (Trouble.NULL_TOTAL, "$.total is missing"),
        (Trouble.THREE_DECIMALS, "is not an amount in whole cents"),
    ],
)
def test_each_trouble_is_found_for_its_own_reason(
    trouble: Trouble, reason: str, month_world: World, month_product: Product
) -> None:
    rows = [month_world.servicetitan.invoices[number] for number in month_world.awkward[trouble.value]]
    assert {reason in month_product.trouble(Kind.INVOICE, row) for row in rows} == {True}
    assert bool(reason) == any(month_product.trouble(Kind.INVOICE, row) for row in rows)


def test_the_rest_of_a_month_is_in_no_trouble(month_world: World, month_product: Product) -> None:
    troubled = {number for ids in month_world.awkward.values() for number in ids}
    rest = [row for number, row in month_world.servicetitan.invoices.items() if number not in troubled]
    assert {month_product.trouble(Kind.INVOICE, row) for row in rest} == {""}


def test_added_invoices_can_be_posted(month_world: World, month_product: Product) -> None:
    rng = random.Random(5)
    rows = [new_invoice(month_world, date(2026, 10, 9), total=amount, rng=rng)
            for amount in (None, None, None, None, Decimal("99.95"), Decimal("-3.00"))]  # fmt: skip
    assert {month_product.trouble(Kind.INVOICE, row) for row in rows} == {""}
