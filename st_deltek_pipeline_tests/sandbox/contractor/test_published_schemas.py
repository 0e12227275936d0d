import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from st_deltek_pipeline.sandbox.contractor.world import Row, World

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "servicetitan"

pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason=f"ServiceTitan's published documents are not at {SPECS}")

KINDS = {
    "invoices": ("accounting-v2.json", "Accounting.V2.ExportInvoiceResponse"),
    "gl_accounts": ("accounting-v2.json", "Accounting.V2.GlAccountExtendedResponse"),
    "tax_zones": ("accounting-v2.json", "Accounting.V2.TaxZoneResponse"),
    "payment_types": ("accounting-v2.json", "Accounting.V2.PaymentTypeResponse"),
    "payment_terms": ("accounting-v2.json", "Accounting.V2.PaymentTermAPIModel"),
    "payments": ("accounting-v2.json", "Accounting.V2.ExportPaymentResponse"),
    "credit_memos": ("accounting-v2.json", "Accounting.V2.CreditMemos.CreditMemoPublicResponse"),
    "bank_deposits": ("accounting-v2.json", "Accounting.V2.DetailedDepositResponse"),
    "bank_deposit_transactions": ("accounting-v2.json", "Accounting.V2.DetailedTransactionResponse"),
    "inventory_bills": ("accounting-v2.json", "Accounting.V2.ExportInventoryBillResponse"),
    "ap_bills": ("accounting-v2.json", "Accounting.V2.ApBillResponse"),
    "ap_credits": ("accounting-v2.json", "Accounting.V2.ApCreditResponse"),
    "vendors": ("inventory-v2.json", "Inventory.V2.VendorResponse"),
    "purchase_orders": ("inventory-v2.json", "Inventory.V2.ExportPurchaseOrdersResponse"),
    "receipts": ("inventory-v2.json", "Inventory.V2.InventoryReceiptResponse"),
    "customers": ("crm-v2.json", "Crm.V2.ExportCustomerResponse"),
    "locations": ("crm-v2.json", "Crm.V2.ExportLocationsResponse"),
    "jobs": ("jpm-v2.json", "Jpm.V2.ExportJobsResponse"),
    "projects": ("jpm-v2.json", "Jpm.V2.ExportProjectsResponse"),
    "job_types": ("jpm-v2.json", "Jpm.V2.JobTypeResponse"),
    "business_units": ("settings-v2.json", "TenantSettings.V2.ExportBusinessUnitResponse"),
}


@cache
def _document(name: str) -> dict[str, Any]:
    return json.loads((SPECS / name).read_text())


@cache
def _validator(kind: str) -> Draft202012Validator:
    name, schema = KINDS[kind]
    return Draft202012Validator({"$ref": f"#/components/schemas/{schema}", **_document(name)})


def _rows(world: World, kind: str) -> list[Row]:
    rows: list[Any] = list(getattr(world.servicetitan, kind).values())
    return [row for some in rows for row in some] if kind == "bank_deposit_transactions" else rows


def _sample(world: World, kind: str) -> list[Row]:
    rows = _rows(world, kind)
    awkward = {number for ids in world.awkward.values() for number in ids}
    return [row for place, row in enumerate(rows) if place % 9 == 0 or row["id"] in awkward]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_every_kind_fit_the_published_schema(kind: str, month_world: World) -> None:
    validator = _validator(kind)
    rows = _sample(month_world, kind)
    assert rows
    problems = [
        f"{row['id']}: {error.json_path} {error.message}" for row in rows for error in validator.iter_errors(row)
    ]
    assert problems == []


@pytest.mark.parametrize("kind", KINDS)
def test_rows_carry_no_field_that_the_schema_does_not_know(kind: str, month_world: World) -> None:
    name, schema = KINDS[kind]
    known = set(_document(name)["components"]["schemas"][schema]["properties"])
    assert all(set(row) == known for row in _sample(month_world, kind))


@pytest.mark.parametrize("kind", ["payments", "inventory_bills", "ap_bills", "receipts"])
def test_no_row_writes_money_in_another_type_than_the_api_does(kind: str, month_world: World) -> None:
    number = {"receipts": ("receiptAmount", "taxAmount")}.get(kind, ())
    text = {
        "payments": ("total", "unappliedAmount"),
        "inventory_bills": ("billAmount", "taxAmount", "shippingAmount"),
        "ap_bills": ("billAmount", "vendorInvoiceTotal"),
    }.get(kind, ())
    for row in _rows(month_world, kind):
        assert all(isinstance(row[name], str) for name in text)
        assert all(isinstance(row[name], Decimal) for name in number)


@pytest.mark.parametrize(
    "kind", ["invoices", "jobs", "customers", "locations", "payments", "inventory_bills", "ap_bills", "bank_deposits"]
)
def test_nullable_fields_are_sometimes_null_and_sometimes_not(kind: str, month_world: World) -> None:
    rows = _rows(month_world, kind)
    mixed = {
        "invoices": (
            "items",
            "batch",
            "job",
            "projectId",
            "paidOn",
            "assignedTo",
            "businessUnit",
            "dueDate",
            "royalty",
        ),
        "jobs": ("completedOn", "projectId", "total", "soldById"),
        "customers": ("mergedToId", "paymentTermId", "creditLimit"),
        "locations": ("zoneId",),
        "payments": ("checkNumber", "authCode", "deposit", "refundedPaymentId", "businessUnit", "batch", "memo"),
        "inventory_bills": ("jobId", "taxZone", "batch", "dateReconciled", "vendor", "businessUnit"),
        "ap_bills": ("purchaseOrderId", "dateCanceled", "canceledBy"),
        "bank_deposits": ("fees", "reviewedOn", "batch"),
    }[kind]
    for field in mixed:
        assert {row[field] is None for row in rows} == {True, False}, field


def test_no_float_is_anywhere_in_either_system(month_world: World) -> None:
    def floats(value: object) -> Iterator[float]:
        if isinstance(value, float):
            yield value
        elif isinstance(value, dict):
            for inner in value.values():
                yield from floats(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from floats(inner)

    assert list(floats(vars(month_world.servicetitan))) == []
    assert list(floats(vars(month_world.vantagepoint))) == []
    assert list(floats(month_world.connection)) == []
