"""Every answer of the twin validates against ServiceTitan's own OpenAPI documents."""

import json
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator, FormatChecker

from st_deltek_pipeline.sandbox.servicetitan.resources import RESOURCES, Resource
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest, running_sandbox

SPECS = Path(__file__).parents[3].parent / "shared/specs/servicetitan"
TIMEOUT = 10

pytestmark = pytest.mark.skipif(
    not SPECS.is_dir(), reason="ServiceTitan's OpenAPI documents are not in ../shared/specs"
)


@cache
def document(module: str) -> dict[str, Any]:
    return json.loads((SPECS / f"{module}-v2.json").read_text(encoding="utf-8"))


def nullable(schema: Any) -> Any:
    """Turn OpenAPI 3.0's ``nullable`` into what JSON Schema understands."""
    if isinstance(schema, list):
        return [nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {key: nullable(value) for key, value in schema.items() if key != "nullable"}
    return {"anyOf": [inside, {"type": "null"}]} if schema.get("nullable") is True else inside


@cache
def validator(module: str, path: str, method: str, status: str) -> Draft202012Validator:
    answer = document(module)["paths"][path][method]["responses"][status]
    schema = answer["content"]["application/json"]["schema"]
    whole = {**nullable(schema), "components": nullable(document(module)["components"])}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def check(answer: requests.Response, module: str, path: str, status: int = 200, method: str = "get") -> Any:
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["Content-Type"] == "application/json"
    errors = list(validator(module, f"/tenant/{{tenant}}/{path}", method, str(status)).iter_errors(answer.json()))
    assert not errors, [(error.json_path, error.message[:200]) for error in errors[:5]]
    return answer.json()


@pytest.fixture(scope="module")
def running() -> Generator[SandboxUnderTest]:
    with running_sandbox(invoices=150, scenario="month", servicetitan={"rate_limit": 0}) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def session(running: SandboxUnderTest) -> Generator[requests.Session]:
    secrets = running.credentials["servicetitan"]
    form = {
        "grant_type": "client_credentials",
        "client_id": secrets["client_id"],
        "client_secret": secrets["client_secret"],
    }
    answer = requests.post(f"{running.servicetitan_auth_url}/connect/token", data=form, timeout=TIMEOUT)
    with requests.Session() as session:
        session.headers.update({"Authorization": answer.json()["access_token"], "ST-App-Key": secrets["app_key"]})
        yield session


def address(running: SandboxUnderTest, module: str, path: str) -> str:
    tenant = running.ready_line["servicetitan"]["tenant_id"]
    return f"{running.servicetitan_url}/{module}/v2/tenant/{tenant}/{path}"


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.path)
def test_every_row_of_a_list_is_as_published(
    running: SandboxUnderTest, session: requests.Session, resource: Resource
) -> None:
    everything = {"pageSize": "5000", "includeTotal": "true", "active": "Any", "activeState": "All"}
    url = address(running, resource.module, resource.name)
    body = check(session.get(url, params=everything, timeout=TIMEOUT), resource.module, resource.name)
    assert len(body["data"]) == body["totalCount"] > 0
    check(session.get(url, timeout=TIMEOUT), resource.module, resource.name)


@pytest.mark.parametrize("resource", [each for each in RESOURCES if each.exported], ids=lambda each: each.feed)
def test_every_row_of_a_feed_is_as_published(
    running: SandboxUnderTest, session: requests.Session, resource: Resource
) -> None:
    path = f"export/{resource.name}"
    url = address(running, resource.module, path)
    body = check(session.get(url, timeout=TIMEOUT), resource.module, path)
    assert body["data"]
    check(session.get(url, params={"from": body["continueFrom"]}, timeout=TIMEOUT), resource.module, path)


@pytest.mark.parametrize("resource", [each for each in RESOURCES if each.by_id], ids=lambda each: each.path)
def test_one_row_by_its_id_is_as_published(
    running: SandboxUnderTest, session: requests.Session, resource: Resource
) -> None:
    key = next(iter(resource.rows(running.running.sandbox.world.servicetitan)))
    parameter = "accountId" if resource.name == "gl-accounts" else "id"
    url = address(running, resource.module, resource.name)
    path = f"{resource.name}/{{{parameter}}}"
    check(session.get(f"{url}/{key}", timeout=TIMEOUT), resource.module, path)
    missing = session.get(f"{url}/1", timeout=TIMEOUT)
    if "404" in document(resource.module)["paths"][f"/tenant/{{tenant}}/{path}"]["get"]["responses"]:
        check(missing, resource.module, path, 404)
    else:
        assert missing.status_code == 404


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.path)
def test_a_refusal_is_as_published(running: SandboxUnderTest, session: requests.Session, resource: Resource) -> None:
    url = address(running, resource.module, resource.name)
    answer = session.get(url, params={"pageSize": "5001"}, timeout=TIMEOUT)
    check(answer, resource.module, resource.name, 400)


def test_marking_as_exported_answers_as_published(running: SandboxUnderTest, session: requests.Session) -> None:
    url = address(running, "accounting", "invoices/markasexported")
    key = next(iter(running.running.sandbox.world.servicetitan.invoices))
    answer = session.post(url, json=[{"invoiceId": key}, {"invoiceId": 1}], timeout=TIMEOUT)
    check(answer, "accounting", "invoices/markasexported", 200, "post")
    answer = session.post(url, json={"invoiceId": key}, timeout=TIMEOUT)
    check(answer, "accounting", "invoices/markasexported", 400, "post")


def test_a_row_made_by_a_user_is_as_published(running: SandboxUnderTest, session: requests.Session) -> None:
    added = running.add_invoice(total="55.00")
    running.edit_invoice(added["id"], total="66.00", invoiceDate="2026-10-20")
    url = address(running, "accounting", "invoices")
    body = check(session.get(url, params={"ids": added["id"]}, timeout=TIMEOUT), "accounting", "invoices")
    assert body["data"][0]["total"] == "66.00"


def test_every_filter_of_the_twin_is_published(running: SandboxUnderTest) -> None:
    """A misspelt filter name would be ignored in silence, here and in the real system."""
    common = {"ids", "sort", "page", "pageSize", "includeTotal", "active", "activeState"}
    for resource in RESOURCES:
        published = document(resource.module)["paths"][f"/tenant/{{tenant}}/{resource.name}"]["get"]["parameters"]
        names = {each["name"] for each in published if each["in"] == "query"}
        implemented = {name for read in resource.filters for name in filter_names(read)}
        assert implemented <= names, implemented - names
        unhandled = names - implemented - common
        assert all("Before" in name or "OrAfter" in name or name in IGNORED for name in unhandled), unhandled
    assert running


IGNORED = {
    "orderBy",
    "orderByDirection",
    # Changes which rows count as modified, or adds data of another application; the twin has neither.
    "excludeAccountingChangesFromModifiedDateRange",
    "externalDataApplicationGuid",
    # Read by functions of their own.
    "customField.Fields",
    "customField.Operator",
    "balanceFilter.Balance",
    "balanceFilter.Comparer",
}


def filter_names(read: Any) -> list[str]:
    cells = dict(zip(read.__code__.co_freevars, read.__closure__ or (), strict=True))
    found = cells["name"].cell_contents if "name" in cells else cells["names"].cell_contents if "names" in cells else []
    return [found] if isinstance(found, str) else list(found)
