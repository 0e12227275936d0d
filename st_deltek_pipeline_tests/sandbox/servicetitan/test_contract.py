"""Every answer of the twin validates against ServiceTitan's own OpenAPI documents."""

import json
from collections.abc import Generator
from decimal import Decimal
from typing import Any

import pytest
import requests

from st_deltek_pipeline.sandbox.servicetitan.invoice_items import INVOICE_ITEMS
from st_deltek_pipeline.sandbox.servicetitan.resources import RESOURCES, Resource
from st_deltek_pipeline_tests.sandbox.servicetitan.money_rows import new_order
from st_deltek_pipeline_tests.sandbox.servicetitan.published import check, document, needs_documents
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest, running_sandbox

TIMEOUT = 10

# The world has none of these on purpose.
EMPTY = {"accounting/ap-payments", "accounting/remittance-vendors"}
KEY_NAMES = {"gl-accounts": "accountId", "payment-terms": "paymentTermId", "ap-bills": "billId"}

pytestmark = needs_documents


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


@pytest.fixture(scope="module", autouse=True)
def _purchases(running: SandboxUnderTest, session: requests.Session) -> None:
    """Goods ordered, received, billed and partly credited, whatever the month has already."""
    world = running.running.sandbox.world.servicetitan
    order = new_order(
        next(key for key, row in world.vendors.items() if row["active"]), next(iter(world.business_units))
    )
    url = address(running, "inventory", "purchase-orders")
    made = check(session.post(url, json=order, timeout=TIMEOUT), "inventory", "purchase-orders", 200, "post")
    receipt = running.admin("POST", f"servicetitan/purchase-orders/{made['id']}/receive", {})
    running.admin("POST", f"servicetitan/bills/{receipt['billId']}/credit", {"amount": "5.00"})


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
    if isinstance(body, list):
        assert body
    else:
        assert len(body["data"]) == body["totalCount"]
        assert bool(body["data"]) is (resource.path not in EMPTY)
    check(session.get(url, timeout=TIMEOUT), resource.module, resource.name)


@pytest.mark.parametrize(
    "resource", [*(each for each in RESOURCES if each.exported), INVOICE_ITEMS], ids=lambda each: each.feed
)
def test_every_row_of_a_feed_is_as_published(
    running: SandboxUnderTest, session: requests.Session, resource: Resource
) -> None:
    path = f"export/{resource.name}"
    url = address(running, resource.module, path)
    body = check(session.get(url, timeout=TIMEOUT), resource.module, path)
    assert body["data"]
    check(session.get(url, params={"from": body["continueFrom"]}, timeout=TIMEOUT), resource.module, path)


@pytest.mark.parametrize(
    "resource", [each for each in RESOURCES if each.by_id and each.path not in EMPTY], ids=lambda each: each.path
)
def test_one_row_by_its_id_is_as_published(
    running: SandboxUnderTest, session: requests.Session, resource: Resource
) -> None:
    key = next(iter(resource.rows(running.running.sandbox.world.servicetitan)))
    parameter = KEY_NAMES.get(resource.name, "id")
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


def test_every_item_of_a_credit_memo_and_every_transaction_of_a_deposit_is_as_published(
    running: SandboxUnderTest, session: requests.Session
) -> None:
    path, every = "credit-memos/credit-memo-items", {"active": "Any", "pageSize": "5000"}
    url = address(running, "accounting", path)
    items = check(session.get(url, params=every, timeout=TIMEOUT), "accounting", path)["data"]
    assert any(item["revenueGeneralLedgerAccount"] for item in items)
    memo_id = items[0]["creditMemoId"]
    one = session.get(
        address(running, "accounting", f"credit-memos/{memo_id}/items"), params={"active": "Any"}, timeout=TIMEOUT
    )
    own = check(one, "accounting", "credit-memos/{id}/items")["data"]
    assert [item["id"] for item in own] == [item["id"] for item in items if item["creditMemoId"] == memo_id]
    deposits = session.get(address(running, "accounting", "bank-deposits"), timeout=TIMEOUT).json()["data"]
    for deposit in deposits[:3]:
        path = f"bank-deposits/{deposit['id']}/transactions"
        answer = session.get(address(running, "accounting", path), timeout=TIMEOUT)
        assert check(answer, "accounting", "bank-deposits/{id}/transactions")["data"]


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
    world = running.running.sandbox.world.servicetitan
    for resource in RESOURCES:
        published = document(resource.module)["paths"][f"/tenant/{{tenant}}/{resource.name}"]["get"]["parameters"]
        names = {each["name"] for each in published if each["in"] == "query"}
        further = resource.world_filters(world) if resource.world_filters else ()
        implemented = {name for read in (*resource.filters, *further) for name in filter_names(read)}
        assert implemented <= names, implemented - names
        unhandled = names - implemented - common
        assert all("Before" in name or "OrAfter" in name or name in IGNORED for name in unhandled), unhandled


IGNORED = {
    "orderBy",
    "orderByDirection",
    # Adds data of another application, which the twin has not.
    "externalDataApplicationGuid",
    # Read by functions of their own.
    "excludeAccountingChangesFromModifiedDateRange",
    "customField.Fields",
    "customField.Operator",
    "customFields.Fields",
    "customFields.Operator",
    "balanceFilter.Balance",
    "balanceFilter.Amount",
    "balanceFilter.Comparer",
    "totalFilter.Amount",
    "totalFilter.Comparer",
    "syncStatuses",
}


def filter_names(read: Any) -> list[str]:
    """Return what a filter is called; those that read a pair of parameters have a prefix instead."""
    cells = dict(zip(read.__code__.co_freevars, read.__closure__ or (), strict=True))
    if "prefix" in cells:
        return []
    found = cells["name"].cell_contents if "name" in cells else cells["names"].cell_contents if "names" in cells else []
    return [found] if isinstance(found, str) else list(found)


def test_journal_entries_with_summaries_and_details_are_as_published_and_balance(
    running: SandboxUnderTest, session: requests.Session
) -> None:
    base, published = address(running, "accounting", "journal-entries"), "journal-entries"
    entries = check(session.get(base, params={"pageSize": "500"}, timeout=TIMEOUT), "accounting", published)["data"]
    assert len({entry["id"] for entry in entries}) == len(entries) > 10
    first = entries[0]
    check(session.get(f"{base}/{first['id']}", timeout=TIMEOUT), "accounting", f"{published}/{{id}}")
    for part in ("summary", "details"):
        answer = session.get(f"{base}/{first['id']}/{part}", params={"pageSize": "500"}, timeout=TIMEOUT)
        check(answer, "accounting", f"{published}/{{id}}/{part}")
        lines = json.loads(answer.text, parse_float=Decimal)["data"]
        assert sum(line["debit"] for line in lines) == sum(line["credit"] for line in lines) > 0
    day = first["postDate"]
    (only,) = session.get(base, params={"postedFrom": day, "postedTo": day}, timeout=TIMEOUT).json()["data"]
    assert only == first
    assert session.get(base, params={"pageSize": "501"}, timeout=TIMEOUT).status_code == 400
