"""Bills of either resource read the same, exactly or not at all."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.bills import Bill
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.servicetitan.surroundings import JobFacts, Surroundings
from st_deltek_pipeline_tests.services.servicetitan_rows import ap_bill, bill, bill_item, expense
from st_deltek_pipeline_tests.servicetitan.documents_read import reasons, typed

_QUANTITY = st.decimals(-(10**5), 10**5, places=4)
_COST = st.decimals(0, 10**5, places=6)


def _bill(row: dict[str, Any], known: Surroundings | None = None, **arguments: Any) -> Bill:
    found = typed(Kind.BILL, row, known, **arguments)
    assert isinstance(found, Bill), str(found)
    return found


def test_an_ordinary_bill_is_read_whole() -> None:
    found = _bill(bill(7), raw_seq=4)
    assert (found.key.document_id, found.number, found.vendor_invoice) == (7, "S-00007-01", "4779-7")
    assert (found.document_date, found.due_date, found.term_name) == (date(2026, 10, 5), date(2026, 10, 20), "Net 15")
    assert (found.total, found.tax, found.shipping, found.other) == tuple(
        map(Decimal, ("107.00", "8.00", "4.00", "0.00"))
    )
    assert (found.vendor_id, found.vendor_name, found.purchase_order) == (52, "Western Pipe", "88")
    assert (found.job_id, found.job_number, found.tax_zone_name, found.raw_seq) == (70, "J-70", "Denver", 4)
    (line,) = found.lines
    assert (line.item_type, line.sku, line.quantity, line.amount) == (
        "Material",
        "PL-PEX12",
        Decimal("10.0"),
        Decimal("95.00"),
    )
    assert (line.gl_account, line.cost_account, line.asset_account) == ("4140", "5110", "1310")


def test_both_of_servicetitans_views_of_a_bill_are_one_revision() -> None:
    first = _bill(bill(1))
    second = _bill(ap_bill(1), staged=(1, first.revision_hash))
    assert second == first


def test_expenses_stand_behind_the_items() -> None:
    found = _bill(ap_bill(1, expenseItems=[expense(71), expense(72, job=None, businessUnit=None)]))
    assert [line.item_type for line in found.lines] == ["Material", "Expense", "Expense"]
    item, own, plain = found.lines
    assert (item.business_unit_id, item.job_id) == (None, None)
    assert (own.amount, own.gl_account, own.business_unit_name, own.job_id, own.job_number) == (
        Decimal("95.00"),
        "6500",
        "HVAC",
        71,
        "J-71",
    )
    assert (plain.business_unit_id, plain.business_unit_name, plain.job_number) == (None, "", "")


def test_an_expense_says_what_its_own_job_is_like() -> None:
    jobs = {71: JobFacts("Install", "Completed", "J-71", "P-9"), 70: JobFacts("Service", "Completed", "J-70", "P-7")}
    found = _bill(ap_bill(1, expenseItems=[expense(71), expense(72, job=None)]), Surroundings(jobs=jobs))
    assert (found.job_type, found.project_number) == ("Service", "P-7")
    item, own, plain = found.lines
    assert (own.job_type, own.project_number) == ("Install", "P-9")
    assert {(line.job_type, line.project_number) for line in (item, plain)} == {("", "")}


@given(_QUANTITY, _COST)
def test_a_line_is_quantity_times_cost_rounded_half_up(quantity: Decimal, cost: Decimal) -> None:
    """T33: quantities with decimals."""
    (line,) = _bill(bill(1, items=[bill_item(quantity=str(quantity), cost=str(cost))])).lines
    assert line.amount == (quantity * cost).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert line.quantity == quantity


def test_half_a_cent_is_rounded_away_from_zero_on_both_sides() -> None:
    items = [bill_item(1, quantity="1", cost="0.005"), bill_item(2, quantity="-1", cost="0.005")]
    assert [line.amount for line in _bill(bill(1, items=items)).lines] == [Decimal("0.01"), Decimal("-0.01")]


def test_what_the_domain_may_hold_fits_here() -> None:
    found = _bill(bill(1, vendor=None, businessUnit=None, items=[bill_item(quantity="-3")], billAmount="1.00"))
    assert (found.vendor_id, found.business_unit_id, found.lines[0].amount) == (None, None, Decimal("-28.50"))


@pytest.mark.parametrize(
    "changes",
    [
        {"landedCostMethod": 1},
        {"landedCostMethod": "ByValue"},
        {"items": None, "expenseItems": None, "billAmount": 107, "taxAmount": 8},
        {"taxAmount": None, "shippingAmount": None, "dueDate": None, "termName": None, "taxZone": None},
        {"items": [bill_item(skuType=None, skuCode=12, generalLedgerAccount=None)]},
    ],
)
def test_live_quirks_are_no_reason(changes: dict[str, Any]) -> None:
    assert _bill(ap_bill(1, **changes)).total == Decimal("107.00")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"billAmount": "733.125"}, "733.125 at $.billAmount is not an amount in whole cents"),
        ({"billAmount": None}, "$.billAmount is missing"),
        ({"taxAmount": "0.001"}, "0.001 at $.taxAmount"),
        ({"billDate": None}, "$.billDate is missing"),
        ({"syncStatus": "Limbo"}, "'Limbo' at $.syncStatus is not a known status"),
        ({"syncStatus": None}, "$.syncStatus is missing"),
        ({"status": "Lost"}, "'Lost' at $.status is not a known status"),
        ({"items": [bill_item(quantity=None)]}, "$.items[0].quantity is missing"),
        ({"items": [bill_item(), bill_item(cost=None)]}, "$.items[1].cost is missing"),
        ({"items": [bill_item(cost="NaN")]}, "$.items[0].cost is not an amount"),
        ({"items": [bill_item(quantity="1e30")]}, "$.items[0].quantity is not a quantity"),
        ({"items": [bill_item(quantity="1e14", cost="1e14")]}, "$.items[0].quantity times cost"),
        ({"items": [bill_item(allocatedTax="Infinity")]}, "$.items[0].allocatedTax"),
        ({"expenseItems": [expense(amount="1.234")]}, "$.expenseItems[0].amount"),
        ({"vendor": "Western"}, "$.vendor"),
    ],
)
def test_what_does_not_fit_names_the_field(changes: dict[str, Any], reason: str) -> None:
    assert reason in reasons(Kind.BILL, ap_bill(1, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"active": False},
        {"status": "Canceled"},
        {"dateCanceled": "2026-10-09T00:00:00Z"},
    ],
)
def test_a_canceled_bill_does_not_count_any_more(changes: dict[str, Any]) -> None:
    first = _bill(bill(1))
    canceled = _bill(bill(1, **changes), staged=(1, first.revision_hash))
    assert (canceled.active, canceled.revision) == (False, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"billAmount": "107.01"},
        {"taxAmount": "8.01"},
        {"otherAmount": "1.00"},
        {"vendor": {"id": 53}},
        {"vendorNumber": "4780"},
        {"billDate": "2026-10-06T00:00:00Z"},
        {"syncStatus": "Pending"},
        {"jobId": 71},
        {"items": [bill_item(cost="9.51")]},
        {"items": [bill_item(allocatedTax="8.00")]},
        {"items": [bill_item(costOfSaleAccount={"number": "5111"})]},
    ],
)
def test_what_matters_to_accounting_raises_the_revision(changes: dict[str, Any]) -> None:
    first = _bill(bill(1))
    assert _bill(bill(1, **changes), staged=(1, first.revision_hash)).revision == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"syncStatus": "Exported"},
        {"modifiedOn": None},
        {"dueDate": None, "termName": "Net 30"},
        {"vendor": {"id": 52, "name": "Western Pipe & Co"}},
        {"otherAmount": "0.00"},
        {"items": [bill_item(description="Other words", quantity="10", cost="9.5000")]},
    ],
)
def test_what_does_not_matter_to_accounting_keeps_the_revision(changes: dict[str, Any]) -> None:
    first = _bill(bill(1))
    assert _bill(bill(1, **changes), staged=(4, first.revision_hash)).revision == 4


def test_names_come_from_the_records_and_else_from_the_bill() -> None:
    known = Surroundings(
        jobs={70: JobFacts("Repair", "Completed", "70-A", "P-8"), 71: JobFacts("", "", "71-A")},
        business_units={3: "Plumbing West", 4: "HVAC West"},
        tax_zones={1: "Boulder"},
        purchase_orders={88: "PO-88"},
    )
    found = _bill(ap_bill(1, expenseItems=[expense()]), known)
    assert (found.job_number, found.job_type, found.job_status, found.project_number) == (
        "70-A",
        "Repair",
        "Completed",
        "P-8",
    )
    assert (found.purchase_order, found.tax_zone_name, found.business_unit_name) == (
        "PO-88",
        "Boulder",
        "Plumbing West",
    )
    assert (found.lines[1].business_unit_name, found.lines[1].job_number) == ("HVAC West", "71-A")
    assert not _bill(bill(1, purchaseOrderId=None)).purchase_order
