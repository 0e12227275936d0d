"""Every request that is sent to ServiceTitan is one of its published OpenAPI documents, down to names and values of parameters."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import Engine

from st_deltek_pipeline.services.named_records import read_named_records
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline_tests.sandbox.servicetitan.published import document, needs_documents
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import bench

_PATH = re.compile(r"^/(?P<module>[a-z]+)/v2/tenant/\d+/(?P<rest>.+)$")


def _problems(method: str, path: str, query: str) -> list[str]:
    """Say what of a request is not published."""
    found = _PATH.match(path)
    if found is None:
        return [f"{path} is no path of ServiceTitan"]
    published = document(found["module"])
    template = next(
        (
            each
            for each in published["paths"]
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", each.removeprefix("/tenant/{tenant}/")), found["rest"])
            and method.lower() in published["paths"][each]
        ),
        None,
    )
    if template is None:
        return [f"{method} {path} is not published"]
    operation = published["paths"][template][method.lower()]
    known = {each["name"]: each["schema"] for each in operation["parameters"] if each["in"] == "query"}
    problems: list[str] = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            problems.append(f"{template} has no parameter {name}")
        elif not _fits(value, known[name], published):
            problems.append(f"{template}: {name}={value} is not {known[name]}")
    required = {each["name"] for each in operation["parameters"] if each["in"] == "query" and each.get("required")}
    problems += [f"{template} needs {name}" for name in sorted(required - dict(parse_qsl(query)).keys())]
    return problems


def _fits(value: str, schema: dict[str, Any], published: dict[str, Any]) -> bool:
    if "$ref" in schema:
        return _fits(value, published["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], published)
    if "oneOf" in schema:
        return any(_fits(value, each, published) for each in schema["oneOf"])
    if schema.get("type") == "array":
        return all(_fits(each, schema["items"], published) for each in value.split(","))
    if schema.get("format") == "date-time":
        return datetime.fromisoformat(value).tzinfo is not None
    return Draft202012Validator(schema).is_valid(_typed(value, schema))


def _typed(value: str, schema: dict[str, Any]) -> object:
    """Read a parameter as its schema says; what is no such value stays a text, which fits no number."""
    try:
        return json.loads(value) if schema.get("type") in {"integer", "number", "boolean"} else value
    except ValueError:
        return value


@pytest.mark.parametrize(
    ("path", "query", "problem"),
    [
        ("/accounting/v2/tenant/1/invoices", "pageSize=50&ids=1%2C2", ""),
        ("/accounting/v2/tenant/1/invoices", "pagesize=50", "no parameter pagesize"),
        ("/accounting/v2/tenant/1/invoices", "page=one", "page=one is not"),
        ("/accounting/v2/tenant/1/payments", "transactionType=Journal", "transactionType=Journal is not"),
        ("/accounting/v2/tenant/1/nothing", "", "not published"),
    ],
)
@needs_documents
def test_a_request_that_is_not_published_is_noticed(path: str, query: str, problem: str) -> None:
    found = _problems("GET", path, query)
    assert problem in "; ".join(found)
    assert bool(found) is bool(problem)


def _one_of_each(sandbox: SandboxUnderTest, bills: str) -> set[tuple[RecordKind, int]]:
    """What webhooks may name."""
    world = sandbox.running.sandbox.world.servicetitan
    found = {
        RecordKind.INVOICE: world.invoices,
        RecordKind.PAYMENT: world.payments,
        RecordKind.JOB: world.jobs,
        RecordKind.CUSTOMER: world.customers,
        RecordKind.VENDOR: world.vendors,
        RecordKind.BILL: world.inventory_bills if bills == "inventory_bills" else world.ap_bills,
    }
    return {(kind, next(iter(rows))) for kind, rows in found.items()}


@needs_documents
def test_every_request_of_first_and_later_readings_is_published(
    sandbox: Callable[..., SandboxUnderTest], engine: Engine
) -> None:
    """T51: every request we send validates against ServiceTitan's OpenAPI."""
    with bench(sandbox(invoices=20), engine) as acme:
        for source in ("inventory_bills", "ap_bills"):
            acme.changed(posting={"bills_source": source})
            for _ in range(2):
                acme.take_in(firms=False)
            read_named_records(
                engine, acme.servicetitan, acme.settings, _one_of_each(acme.sandbox, source), run_id="test"
            )
        acme.servicetitan.ping()
        asked = {
            (each["method"], each["path"], each["query"])
            for each in acme.sandbox.admin("GET", "requests?limit=5000")["requests"]
            if each["system"] == "servicetitan" and not each["path"].endswith("/connect/token")
        }
    assert len(asked) > 30
    assert sorted(problem for request in asked for problem in _problems(*request)) == []
