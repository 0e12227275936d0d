"""Edits as a user of ServiceTitan makes them, and those the API allows (servicetitan.md section 3.1)."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError
from st_deltek_pipeline.sandbox.servicetitan.instants import parse_instant
from st_deltek_pipeline.sandbox.state import Row, SqliteState
from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import TIMEOUT, Tenant, served

FEED = "accounting/export/invoices"


def adds_up(row: Row) -> bool:
    lines = sum((Decimal(item["total"]) for item in row["items"]), start=Decimal(0))
    return lines == Decimal(row["subTotal"]) and lines + Decimal(row["salesTax"]) == Decimal(row["total"])


def changed_since(tenant: Tenant, token: str) -> list[Row]:
    return tenant.feed(FEED, f"?from={token}")["data"]


def test_an_edit_moves_modified_on_forward_and_shows_in_the_feed(own_tenant: Tenant) -> None:
    before = own_tenant.feed(FEED)
    row = own_tenant.twin.edit_invoice(1, {"summary": "called back"})
    assert parse_instant(row["modifiedOn"]) > max(parse_instant(each["modifiedOn"]) for each in before["data"])
    assert len(row["modifiedOn"]) == len("2026-10-05T12:00:00.1234567Z")
    assert changed_since(own_tenant, before["continueFrom"]) == [row_as_served(own_tenant, 1)]


def row_as_served(tenant: Tenant, key: int) -> Row:
    return tenant.feed("accounting/invoices", f"?ids={key}&activeState=All")["data"][0]


@pytest.mark.parametrize(
    "fields",
    [{"total": "150.00"}, {"salesTax": "1.00"}, {"total": "-3.50"}, {"items": []}, {"total": "99.99", "salesTax": "0"}],
)
def test_amounts_go_on_adding_up_after_an_edit(own_tenant: Tenant, fields: dict[str, Any]) -> None:
    row = own_tenant.twin.edit_invoice(1, fields)
    assert adds_up(row)
    assert all(Decimal(row[name]) == Decimal(value) for name, value in fields.items() if name != "items")
    assert row["balance"] == row["total"]


def test_amounts_need_not_add_up_when_the_edit_is_verbatim(own_tenant: Tenant) -> None:
    row = own_tenant.twin.edit_invoice(1, {"total": "150.00"}, verbatim=True)
    assert (row["total"], row["subTotal"]) == ("150.00", "100.00")


def test_an_invoice_can_be_moved_to_another_day_unit_and_status(own_tenant: Tenant) -> None:
    changes = {"invoiceDate": "2026-10-20", "businessUnitId": 32, "syncStatus": "Pending"}
    row = own_tenant.twin.edit_invoice(1, changes)
    assert row["invoiceDate"] == "2026-10-20T00:00:00Z"
    assert row["businessUnit"] == row["items"][0]["businessUnit"] == {"id": 32, "name": "Plumbing"}
    assert row["syncStatus"] == "Pending"


def test_a_business_unit_can_be_taken_away(own_tenant: Tenant) -> None:
    assert own_tenant.twin.edit_invoice(1, {"businessUnitId": None})["businessUnit"] is None


@pytest.mark.parametrize(
    "fields",
    [
        {"colour": "red"},
        {"id": 9},
        {"total": "much"},
        {"syncStatus": "Lost"},
        {"invoiceDate": "soon"},
        {"businessUnitId": 99},
    ],
)
def test_an_edit_that_makes_no_sense_changes_nothing(own_tenant: Tenant, fields: dict[str, Any]) -> None:
    token = own_tenant.feed(FEED)["continueFrom"]
    with pytest.raises(ApiError) as refused:
        own_tenant.twin.edit_invoice(1, fields)
    assert refused.value.status == 400
    assert changed_since(own_tenant, token) == []


def test_a_voided_invoice_leaves_the_list_and_stays_in_the_feed(own_tenant: Tenant) -> None:
    token = own_tenant.feed(FEED)["continueFrom"]
    own_tenant.twin.void_invoice(1)
    assert own_tenant.ids("accounting/invoices", "?ids=1") == []
    assert [(row["id"], row["active"]) for row in changed_since(own_tenant, token)] == [(1, False)]


def test_an_unposted_invoice_is_pending_without_a_batch(own_tenant: Tenant) -> None:
    row = own_tenant.twin.unpost_invoice(5)
    assert (row["syncStatus"], row["batch"]) == ("Pending", None)


def test_an_added_invoice_comes_with_the_job_it_was_made_for(own_tenant: Tenant) -> None:
    jobs = own_tenant.feed("jpm/export/jobs")["continueFrom"]
    row = own_tenant.twin.add_invoice({"date": "2026-10-12", "total": "321.00", "summary": "one more"})
    assert (row["id"], row["total"], row["summary"]) == (7, "321.00", "one more")
    assert own_tenant.ids("accounting/invoices", "?ids=7") == [7]
    assert [each["id"] for each in own_tenant.feed("jpm/export/jobs", f"?from={jobs}")["data"]] == [707]


def test_another_row_can_be_edited_by_its_resource(own_tenant: Tenant) -> None:
    own_tenant.twin.edit_row("crm/customers", 11, {"name": "Zoë M."})
    assert own_tenant.get("crm/customers/11").json()["name"] == "Zoë M."
    with pytest.raises(ApiError):
        own_tenant.twin.edit_row("crm/customers", 99, {"name": "x"})
    with pytest.raises(ApiError):
        own_tenant.twin.edit_row("crm/customers", 11, {"nickname": "x"})


def test_marking_as_exported_answers_row_by_row(own_tenant: Tenant) -> None:
    marks = [{"invoiceId": 1, "externalId": "IN-1"}, {"invoiceId": 4}, {"invoiceId": 99}, {"invoiceId": 5}]
    url = own_tenant.address("accounting/invoices/markasexported")
    answer = own_tenant.session.post(url, json=marks, timeout=TIMEOUT)
    assert answer.status_code == 200
    assert [(each["invoiceId"], each["success"]) for each in answer.json()] == [
        (1, True), (4, False), (99, False), (5, True),
    ]  # fmt: skip
    row = row_as_served(own_tenant, 1)
    assert (row["syncStatus"], row["exportId"]) == ("Exported", "IN-1")
    assert row_as_served(own_tenant, 4)["syncStatus"] == "Pending"


@pytest.mark.parametrize("body", [{"invoiceId": 1}, [{"externalId": "x"}], [{"invoiceId": "1"}], ["1"]])
def test_a_malformed_mark_as_exported_is_refused_as_a_whole(own_tenant: Tenant, body: Any) -> None:
    url = own_tenant.address("accounting/invoices/markasexported")
    assert own_tenant.session.post(url, json=body, timeout=TIMEOUT).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "accounting/invoices/5", {"summary": "late"}),
        ("PATCH", "accounting/invoices/5/items", {"id": 50, "description": "x", "quantity": 1, "unitPrice": 5}),
        ("DELETE", "accounting/invoices/5/items/50", None),
    ],
)
def test_an_exported_invoice_cannot_be_changed_by_the_api(
    own_tenant: Tenant, method: str, path: str, body: dict[str, Any] | None
) -> None:
    token = own_tenant.feed(FEED)["continueFrom"]
    answer = own_tenant.session.request(method, own_tenant.address(path), json=body, timeout=TIMEOUT)
    assert answer.status_code == 400
    assert "exported" in answer.json()["title"]
    assert changed_since(own_tenant, token) == []


def test_the_api_changes_the_header_of_an_open_invoice(own_tenant: Tenant) -> None:
    body = {"number": "A-1", "invoicedOn": "2026-10-15", "reviewStatus": "OnHold"}
    answer = own_tenant.session.patch(own_tenant.address("accounting/invoices/1"), json=body, timeout=TIMEOUT)
    assert (answer.status_code, answer.content) == (200, b"")
    row = row_as_served(own_tenant, 1)
    assert (row["referenceNumber"], row["invoiceDate"]) == ("A-1", "2026-10-15T00:00:00Z")
    assert row["reviewStatus"] == "OnHold"


def test_the_api_changes_adds_and_removes_items_and_the_totals_follow(own_tenant: Tenant) -> None:
    url = own_tenant.address("accounting/invoices/1/items")
    for body in (
        {"id": 10, "description": "Tune-up", "quantity": 2, "unitPrice": 60.25},
        {"description": "Filter", "quantity": 3, "unitPrice": 9.99},
    ):
        assert own_tenant.session.patch(url, json=body, timeout=TIMEOUT).status_code == 200
    row = row_as_served(own_tenant, 1)
    assert [each["total"] for each in row["items"]] == ["120.50", "29.97"]
    assert (row["subTotal"], row["total"]) == ("150.47", "157.47")
    assert own_tenant.session.delete(f"{url}/10", timeout=TIMEOUT).status_code == 200
    assert adds_up(row_as_served(own_tenant, 1))
    assert own_tenant.session.delete(f"{url}/10", timeout=TIMEOUT).status_code == 404


def test_edits_and_tokens_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    with served(persistence=SqliteState(path)) as tenant:
        start = tenant.feed(FEED)["continueFrom"]
        tenant.twin.edit_invoice(1, {"total": "150.00"})
        middle = tenant.feed(FEED)["continueFrom"]
        added = tenant.twin.add_invoice({"date": "2026-10-12"})
        tenant.twin.void_invoice(2)
        before = tenant.feed(FEED)
    with served(persistence=SqliteState(path)) as tenant:
        assert tenant.feed(FEED) == before
        assert [row["id"] for row in changed_since(tenant, start)] == [1, added["id"], 2]
        assert [row["id"] for row in changed_since(tenant, middle)] == [added["id"], 2]
        again = tenant.twin.add_invoice({"date": "2026-10-12"})
        assert again["id"] == added["id"] + 1
        assert parse_instant(again["modifiedOn"]) > parse_instant(before["data"][-1]["modifiedOn"])
