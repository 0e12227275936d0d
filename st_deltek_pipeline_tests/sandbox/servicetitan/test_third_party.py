"""A ServiceTitan client that other people wrote works against the twin, unchanged but for the base addresses."""

from typing import Any

import pytest
from servicepytan.auth import servicepytan_connect
from servicepytan.requests import Endpoint

from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest, running_sandbox


def connect(running: SandboxUnderTest) -> dict[str, Any]:
    secrets = running.credentials["servicetitan"]
    conn = servicepytan_connect(
        app_key=secrets["app_key"],
        tenant_id=str(running.ready_line["servicetitan"]["tenant_id"]),
        client_id=secrets["client_id"],
        client_secret=secrets["client_secret"],
    )
    conn["api_root"] = running.servicetitan_url
    conn["auth_root"] = running.servicetitan_auth_url
    return conn


@pytest.fixture(scope="module")
def running() -> Any:
    with running_sandbox(invoices=120, scenario="month", servicetitan={"export_page_size": 50}) as sandbox:
        yield sandbox


def test_servicepytan_reads_all_invoices_by_list(running: SandboxUnderTest) -> None:
    rows = Endpoint("accounting", "invoices", connect(running)).get_all({"pageSize": "50", "activeState": "All"})
    world = running.running.sandbox.world.servicetitan.invoices
    assert sorted(row["id"] for row in rows) == sorted(world)
    assert {row["id"]: row["total"] for row in rows} == {key: row["total"] for key, row in world.items()}


def test_servicepytan_reads_all_invoices_by_export(running: SandboxUnderTest) -> None:
    rows = Endpoint("accounting", "invoices", connect(running)).export_all("invoices")
    assert sorted(row["id"] for row in rows) == sorted(running.running.sandbox.world.servicetitan.invoices)


def test_servicepytan_reads_all_payments(running: SandboxUnderTest) -> None:
    world = running.running.sandbox.world.servicetitan.payments
    connection = connect(running)
    listed = Endpoint("accounting", "payments", connection).get_all({"pageSize": "50", "activeState": "All"})
    exported = Endpoint("accounting", "payments", connection).export_all("payments")
    for rows in (listed, exported):
        assert {row["id"]: row["total"] for row in rows} == {key: row["total"] for key, row in world.items()}


def test_servicepytan_reads_all_bills(running: SandboxUnderTest) -> None:
    running.admin("POST", "servicetitan/bills", {"items": [{"quantity": 1, "cost": "5.00"}]})
    world, connection = running.running.sandbox.world.servicetitan, connect(running)
    exported = Endpoint("accounting", "inventory-bills", connection).export_all("inventory-bills")
    amounts = {key: row["billAmount"] for key, row in world.inventory_bills.items()}
    assert {row["id"]: row["billAmount"] for row in exported} == amounts
    listed = Endpoint("accounting", "inventory-bills/paginated", connection).get_all({"pageSize": "50"})
    active = {key for key, row in world.inventory_bills.items() if row["active"]}
    assert {row["id"] for row in listed} == active
    assert {
        row["id"] for row in Endpoint("accounting", "inventory-bills", connection).get_many({"pageSize": "5000"})
    } == active
    newer = Endpoint("accounting", "ap-bills", connection).get_all({"pageSize": "50", "billType": "Procurement"})
    assert {row["id"] for row in newer} == {
        key for key, row in world.ap_bills.items() if row["billType"] == "Procurement"
    }


def test_servicepytan_reads_one_job(running: SandboxUnderTest) -> None:
    key = next(iter(running.running.sandbox.world.servicetitan.jobs))
    assert Endpoint("jpm", "jobs", connect(running)).get_one(key)["id"] == key


def test_servicepytan_marks_invoices_as_exported(running: SandboxUnderTest) -> None:
    world = running.running.sandbox.world.servicetitan.invoices
    key = next(key for key, row in world.items() if row["syncStatus"] == "Posted")
    endpoint = Endpoint("accounting", "invoices/markasexported", connect(running))
    assert endpoint.create([{"invoiceId": key, "externalId": "IN-1"}])[0]["success"] is True
    assert world[key]["syncStatus"] == "Exported"
