"""Payments, credit memos, bills and AP credits of the month as the product sees them."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from st_deltek_pipeline.domain.alignment import Alignment
from st_deltek_pipeline.domain.bills import ApCredit, Bill
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.sandbox.contractor.ap_credits import ApCreditTrouble
from st_deltek_pipeline.sandbox.contractor.credit_memos import CreditMemoTrouble
from st_deltek_pipeline.sandbox.contractor.payment_troubles import PaymentTrouble
from st_deltek_pipeline.sandbox.contractor.payment_types import JOURNAL_ENTRY_TYPES
from st_deltek_pipeline.sandbox.contractor.purchasing import BillTrouble
from st_deltek_pipeline.sandbox.contractor.world import Row, World
from st_deltek_pipeline_tests.sandbox.contractor.product_eyes import Product

NOT_WHOLE_CENTS = "is not an amount in whole cents"
# Found elsewhere: by who the vendor is, by the period, by what is posted already.
ELSEWHERE = ""


def _ready(rows: Mapping[int, Row]) -> list[Row]:
    return [row for row in rows.values() if row["active"] and row["syncStatus"] != "Pending"]


def _troubled(world: World) -> set[int]:
    return {key for ids in world.awkward.values() for key in ids}


@pytest.mark.parametrize("which", ["clean", "month"])
def test_every_payment_in_order_is_coded_to_the_cent(which: str, request: pytest.FixtureRequest) -> None:
    product: Product = request.getfixturevalue(f"{which}_product")
    tenant, troubled = product.world.servicetitan, _troubled(product.world)
    seen = 0
    for row in _ready(tenant.payments):
        if row["id"] in troubled or row["type"] in JOURNAL_ENTRY_TYPES:
            continue
        aligned = product.see(Kind.PAYMENT, row)
        assert isinstance(aligned, Alignment), aligned
        assert aligned.hold is None, aligned.hold
        assert total(line.amount for line in aligned.lines) == Decimal(row["total"])
        seen += 1
    assert seen > 1500


@pytest.mark.parametrize("which", ["clean", "month"])
def test_every_credit_memo_in_order_is_coded_or_not_applied_yet(which: str, request: pytest.FixtureRequest) -> None:
    product: Product = request.getfixturevalue(f"{which}_product")
    tenant, troubled = product.world.servicetitan, _troubled(product.world)
    for row in _ready(tenant.credit_memos):
        if row["id"] in troubled:
            continue
        aligned = product.see(Kind.CREDIT_MEMO, row)
        assert isinstance(aligned, Alignment), aligned
        if row["appliedTo"]:
            assert aligned.hold is None, aligned.hold
            assert total(line.amount for line in aligned.lines) == -row["total"]
        else:
            assert aligned.hold is not None
            assert aligned.hold.reason.value == "credit_not_applied"


@pytest.mark.parametrize("which", ["clean", "month"])
@pytest.mark.parametrize("table", ["inventory_bills", "ap_bills", "ap_credits"])
def test_every_bill_and_credit_in_order_has_accounts_and_projects_for_all_its_lines(
    table: str, which: str, request: pytest.FixtureRequest
) -> None:
    product: Product = request.getfixturevalue(f"{which}_product")
    troubled = _troubled(product.world)
    kind = Kind.AP_CREDIT if table == "ap_credits" else Kind.BILL
    rows = [row for row in getattr(product.world.servicetitan, table).values() if row["id"] not in troubled]
    assert rows
    for row in rows:
        document = product.read(kind, row)
        assert isinstance(document, (Bill, ApCredit)), document
        assert product.trouble_with_lines(document) == "", row["id"]


@pytest.mark.parametrize(
    ("kind", "trouble", "reason"),
    [
        (Kind.PAYMENT, PaymentTrouble.TARGET_MISSING, "applied_to_unknown_invoice"),
        (Kind.PAYMENT, PaymentTrouble.TARGET_HELD, "waiting_for_invoice"),
        (Kind.PAYMENT, PaymentTrouble.TARGET_NOT_POSTED, "waiting_for_invoice"),
        (Kind.PAYMENT, PaymentTrouble.TYPE_UNKNOWN, "no_rule"),
        (Kind.PAYMENT, PaymentTrouble.THREE_DECIMALS, NOT_WHOLE_CENTS),
        (Kind.PAYMENT, PaymentTrouble.OVER_APPLIED, ELSEWHERE),
        (Kind.PAYMENT, PaymentTrouble.DOES_NOT_ADD_UP, "amounts_do_not_add_up"),
        (Kind.PAYMENT, PaymentTrouble.UNAPPLIED_WITHOUT_UNIT, "no_business_unit"),
        (Kind.PAYMENT, PaymentTrouble.CLOSED_PERIOD, ELSEWHERE),
        (Kind.CREDIT_MEMO, CreditMemoTrouble.TARGET_MISSING, "applied_to_unknown_invoice"),
        (Kind.CREDIT_MEMO, CreditMemoTrouble.DOES_NOT_ADD_UP, "amounts_do_not_add_up"),
        (Kind.CREDIT_MEMO, CreditMemoTrouble.THREE_DECIMALS, NOT_WHOLE_CENTS),
        (Kind.BILL, BillTrouble.VENDOR_MISSING, "no_vendor"),
        (Kind.BILL, BillTrouble.THREE_DECIMALS, NOT_WHOLE_CENTS),
        (Kind.BILL, BillTrouble.NEGATIVE_QUANTITY, "negative_quantity"),
        (Kind.BILL, BillTrouble.LINES_DO_NOT_ADD_UP, "amounts_do_not_add_up"),
        (Kind.BILL, BillTrouble.BUSINESS_UNIT_MISSING, "no_business_unit"),
        (Kind.AP_CREDIT, ApCreditTrouble.VENDOR_MISSING, "no_vendor"),
        (Kind.AP_CREDIT, ApCreditTrouble.THREE_DECIMALS, NOT_WHOLE_CENTS),
    ],
)
def test_each_trouble_with_money_is_found_for_its_own_reason(
    kind: Kind, trouble: str, reason: str, month_world: World, month_product: Product
) -> None:
    tenant = month_world.servicetitan
    tables = {
        Kind.PAYMENT: tenant.payments,
        Kind.CREDIT_MEMO: tenant.credit_memos,
        Kind.BILL: tenant.inventory_bills,
        Kind.AP_CREDIT: tenant.ap_credits,
    }
    found = [month_product.trouble(kind, tables[kind][key]) for key in month_world.awkward[trouble]]
    assert all(reason in each for each in found), found
    assert all(bool(each) == bool(reason) for each in found), found


def test_goods_without_accounts_have_no_rule(month_world: World, month_product: Product) -> None:
    for key in month_world.awkward[BillTrouble.ACCOUNTS_MISSING]:
        document = month_product.read(Kind.BILL, month_world.servicetitan.inventory_bills[key])
        assert isinstance(document, Bill)
        assert month_product.trouble_with_lines(document) == "no_rule"
