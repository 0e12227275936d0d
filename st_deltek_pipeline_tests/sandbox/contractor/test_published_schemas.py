import json
from collections.abc import Iterator
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


def _sample(world: World, kind: str) -> list[Row]:
    rows = list(getattr(world.servicetitan, kind).values())
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


@pytest.mark.parametrize("kind", ["invoices", "jobs", "customers", "locations"])
def test_nullable_fields_are_sometimes_null_and_sometimes_not(kind: str, month_world: World) -> None:
    rows = list(getattr(month_world.servicetitan, kind).values())
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
