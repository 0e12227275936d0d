"""Both servers together: what is printed, the admin endpoints, state over a restart, starting and stopping."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.sandbox.server import Sandbox, SandboxSettings
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest, running_sandbox

TIMEOUT = 10
MakeSandbox = Callable[..., SandboxUnderTest]
SERVE = "from st_deltek_pipeline.cli.sandbox import sandbox; sandbox()"


def sign_in(running: SandboxUnderTest) -> dict[str, str]:
    secrets = running.credentials["servicetitan"]
    form = {"grant_type": "client_credentials", **{name: secrets[name] for name in ("client_id", "client_secret")}}
    answer = requests.post(f"{running.servicetitan_auth_url}/connect/token", data=form, timeout=TIMEOUT)
    return {"Authorization": answer.json()["access_token"], "ST-App-Key": secrets["app_key"]}


def feed(running: SandboxUnderTest, start: str = "") -> dict[str, Any]:
    tenant = running.ready_line["servicetitan"]["tenant_id"]
    url = f"{running.servicetitan_url}/accounting/v2/tenant/{tenant}/export/invoices"
    answer = requests.get(url, params={"from": start}, headers=sign_in(running), timeout=TIMEOUT)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_ready_line_holds_everything_a_client_needs(shared_sandbox: SandboxUnderTest) -> None:
    line = json.loads(json.dumps(shared_sandbox.ready_line))
    assert set(line) == {"servicetitan", "vantagepoint", "connection", "admin_url"}
    assert set(line["servicetitan"]) == {"api_url", "auth_url", "tenant_id", "client_id", "client_secret", "app_key"}
    assert set(line["vantagepoint"]) == {
        "base_url", "database", "company", "username", "password", "client_id", "client_secret",
    }  # fmt: skip
    assert line["connection"]["allow_insecure_hosts"] is True


def test_totals_of_both_systems_add_up_by_day(shared_sandbox: SandboxUnderTest) -> None:
    totals = shared_sandbox.totals()
    invoices = totals["servicetitan"]["invoices"]
    assert invoices["count"] == 300
    assert sum(Decimal(day["total"]) for day in invoices["by_day"].values()) == Decimal(invoices["total"])
    assert totals["vantagepoint"]["ledger"]["rows"] == len(shared_sandbox.ledger()) == 0


def test_the_admin_endpoints_answer_on_both_ports(shared_sandbox: SandboxUnderTest) -> None:
    other = shared_sandbox.vantagepoint_url.split("/summit")[0]
    assert requests.get(f"{other}/_sandbox/totals", timeout=TIMEOUT).json() == shared_sandbox.totals()


def test_an_edit_through_the_admin_endpoints_reaches_the_feed(sandbox: MakeSandbox) -> None:
    running = sandbox(invoices=20)
    start = feed(running)["continueFrom"]
    added = running.add_invoice(date="2026-10-14", total="123.45")
    running.edit_invoice(added["id"], invoiceDate="2026-10-15")
    other = next(row["id"] for row in feed(running)["data"] if row["id"] != added["id"])
    running.void_invoice(other)
    running.unpost_invoice(added["id"])
    rows = {row["id"]: row for row in feed(running, start)["data"]}
    assert list(rows) == [other, added["id"]]
    assert (rows[added["id"]]["total"], rows[added["id"]]["syncStatus"]) == ("123.45", "Pending")
    assert rows[added["id"]]["invoiceDate"].startswith("2026-10-15")
    assert rows[other]["active"] is False


def test_money_moves_through_the_admin_endpoints(sandbox: MakeSandbox) -> None:
    running = sandbox(invoices=20)
    world = running.running.sandbox.world.servicetitan
    first, second = (running.add_invoice(total="100.00")["id"] for _ in range(2))
    paid = running.add_payment(splits=[{"invoiceId": first, "amount": "60.00"}], total="75.00")["id"]
    running.payment(paid, "move", **{"from": first, "to": second, "amount": "20.00"})
    running.payment(paid, "apply", invoiceId=second, amount="5.00")
    refund = running.payment(paid, "refund", amount="12.00")
    running.edit_payment(paid, memo="late")
    assert (world.invoices[first]["balance"], world.invoices[second]["balance"]) == ("60.00", "77.00")
    running.payment(refund["id"], "void")
    running.payment(paid, "unpost")
    memo = running.admin("POST", "servicetitan/credit-memos", {"invoiceId": first, "total": "10.00"})
    deposit = running.admin("POST", "servicetitan/bank-deposits", {"paymentIds": [paid]})
    assert world.payments[paid]["deposit"]["id"] == deposit["id"]
    assert (world.invoices[first]["balance"], world.invoices[second]["balance"]) == ("50.00", "75.00")
    running.admin("POST", f"servicetitan/credit-memos/{memo['id']}/void", {})
    totals = running.totals()["servicetitan"]
    assert Decimal(totals["payments"]["total"]) == sum(Decimal(row["total"]) for row in world.payments.values())
    assert totals["payments"]["active"] == sum(row["active"] for row in world.payments.values())


def test_bills_are_entered_changed_credited_and_canceled_through_the_admin_endpoints(sandbox: MakeSandbox) -> None:
    running = sandbox(invoices=20)
    world = running.running.sandbox.world.servicetitan
    vendor = running.admin("POST", "servicetitan/rows/inventory/vendors", {"name": "Valve World"})["id"]
    bill = running.add_bill(vendorId=vendor, items=[{"description": "Valve", "quantity": 2, "cost": "4.50"}])["id"]
    running.edit_bill(bill, taxAmount="1.00")
    running.edit_bill(bill, verbatim=True, vendorNumber=None)
    running.bill(bill, "credit", amount="3.00")
    running.bill(bill, "unpost")
    running.bill(bill, "cancel")
    assert (world.inventory_bills[bill]["billAmount"], world.inventory_bills[bill]["active"]) == ("10.00", False)
    assert world.ap_bills[bill]["status"] == "Canceled"
    totals = running.totals()["servicetitan"]
    assert totals["ap_bills"]["count"] - totals["ap_bills"]["active"] >= 1


def test_a_bill_without_lines_is_a_usual_one_with_its_order_and_receipt(sandbox: MakeSandbox) -> None:
    running = sandbox(invoices=60)
    world = running.running.sandbox.world.servicetitan
    bill = running.add_bill(date="2026-10-14", total="250.00", taxAmount="20.00", summary="counter")
    assert (bill["billAmount"], bill["summary"], bill["syncStatus"]) == ("270.00", "counter", "Posted")
    assert world.inventory_bills[bill["id"]]["billAmount"] == "270.00"
    assert world.purchase_orders[bill["purchaseOrderId"]]["total"] == Decimal("270.00")
    receipt = next(row for row in world.receipts.values() if row["billId"] == bill["id"])
    assert receipt["receiptAmount"] == Decimal("270.00")
    rows = running.totals()["servicetitan"]["rows"]
    assert rows["inventory/receipts"] == len(world.receipts)


def test_other_rows_and_switches_can_be_changed(sandbox: MakeSandbox) -> None:
    running = sandbox(invoices=20)
    customer = next(iter(running.running.sandbox.world.servicetitan.customers))
    assert running.admin("PATCH", f"servicetitan/rows/crm/customers/{customer}", {"name": "New"})["name"] == "New"
    assert running.admin("PUT", "servicetitan/switches", {"export_page_size": 3})["export_page_size"] == 3
    assert len(feed(running)["data"]) == 3
    assert running.admin("DELETE", "servicetitan/tokens")["expired"] > 0


def test_vantagepoints_master_data_can_be_changed(sandbox: MakeSandbox) -> None:
    running = sandbox(invoices=20)
    world = running.running.sandbox.world.vantagepoint
    running.set_period(202610, closed=True)
    wbs1 = next(iter(world.projects))[0]
    running.admin("PATCH", f"vantagepoint/projects/{wbs1}", {"Status": "I"})
    firm = next(iter(world.firms))
    running.admin("PATCH", f"vantagepoint/firms/{firm}", {"Name": "Renamed"})
    assert world.projects[wbs1, "", ""]["Status"] == "I"
    assert world.firms[firm]["Name"] == "Renamed"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "servicetitan/invoices/1", {"total": "1"}, 404),
        ("PATCH", "servicetitan/rows/no/such/1", {}, 404),
        ("PUT", "servicetitan/switches", {"colour": 1}, 400),
        ("PUT", "vantagepoint/switches", {"colour": 1}, 400),
        ("PUT", "vantagepoint/periods/190001", {"closed": True}, 404),
        ("PUT", "vantagepoint/periods/202610", {"closed": "yes"}, 400),
        ("PATCH", "vantagepoint/firms/none", {"Name": "x"}, 404),
        ("POST", "faults", {"effect": "explode"}, 400),
        ("POST", "servicetitan/invoices", {"customerId": 1}, 400),
        ("POST", "servicetitan/invoices", ["x"], 400),
        ("PATCH", "servicetitan/payments/1", {"memo": "x"}, 404),
        ("POST", "servicetitan/payments/1/void", {}, 404),
        ("POST", "servicetitan/payments/1/move", {"from": "x"}, 400),
        ("POST", "servicetitan/payments", {"splits": 5}, 400),
        ("POST", "servicetitan/credit-memos", {}, 400),
        ("POST", "servicetitan/bank-deposits", {"paymentIds": 5}, 400),
        ("PATCH", "servicetitan/bills/1", {"summary": "x"}, 404),
        ("POST", "servicetitan/bills", {"items": 5}, 400),
        ("POST", "servicetitan/purchase-orders/1/receive", {}, 404),
        ("POST", "servicetitan/rows/no/such", {}, 404),
    ],
)
def test_an_admin_call_that_makes_no_sense_is_refused(
    shared_sandbox: SandboxUnderTest, method: str, path: str, body: object, status: int
) -> None:
    answer = requests.request(method, f"{shared_sandbox.admin_url}/{path}", json=body, timeout=TIMEOUT)
    assert answer.status_code == status, answer.text
    assert answer.json()["title"]


def test_faults_can_be_set_looked_at_and_cleared(sandbox: MakeSandbox) -> None:
    running = sandbox(invoices=20)
    running.fault(system="servicetitan", path="/connect/token", effect="answer", status=503, html=True)
    url = f"{running.servicetitan_auth_url}/connect/token"
    assert requests.post(url, data={}, timeout=TIMEOUT).status_code == 503
    assert running.admin("GET", "faults")[0]["hits"] == 1
    running.no_faults()
    assert requests.post(url, data={}, timeout=TIMEOUT).status_code == 400


def test_the_request_log_counts_calls_and_leaves_secrets_out(sandbox: MakeSandbox) -> None:
    running = sandbox(invoices=20)
    feed(running)
    seen = running.admin("GET", "requests")
    titan = seen["systems"]["servicetitan"]
    assert titan["calls"] == 2
    # The token call is not one of the sixty.
    assert titan["most_calls_in_any_second"] == 1
    assert titan["by_call"]["GET /accounting/v2/tenant/{key}/export/invoices"] == 1
    assert running.credentials["servicetitan"]["client_secret"] not in json.dumps(seen)
    running.admin("DELETE", "requests")
    assert running.admin("GET", "requests")["requests"] == []


def test_changes_of_both_systems_survive_a_restart(tmp_path: Path) -> None:
    with running_sandbox(invoices=20, state_dir=tmp_path) as running:
        added = running.add_invoice(total="10.00")
        running.set_period(202610, closed=True)
        token = feed(running)["continueFrom"]
    with running_sandbox(invoices=20, state_dir=tmp_path) as running:
        assert feed(running, token)["data"] == []
        assert feed(running)["data"][-1]["id"] == added["id"]
        assert running.totals()["servicetitan"]["invoices"]["count"] == 21
        assert running.running.sandbox.vantagepoint.state.is_closed(202610)


@pytest.mark.parametrize("other", [{"seed": 8}, {"month": "2026-11"}, {"invoices": 21}, {"scenario": "month"}])
def test_a_state_folder_of_another_world_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    with running_sandbox(invoices=20, state_dir=tmp_path):
        pass
    settings = {"invoices": 20, "scenario": "clean", **other}
    with pytest.raises(ConfigurationError, match="belongs to another world"):
        Sandbox(SandboxSettings(state_dir=tmp_path, **settings))


def test_a_sandbox_of_the_usual_size_starts_quickly_and_leaves_its_ports() -> None:
    started = time.monotonic()
    with running_sandbox() as running:
        address = running.servicetitan_url
    assert time.monotonic() - started < 5
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=TIMEOUT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_its_line_when_both_ports_answer_and_stops_on_a_signal(number: signal.Signals) -> None:
    # A shell that starts a command in the background makes it ignore SIGINT.
    command = [sys.executable, "-c", SERVE, "serve", "--invoices", "20", "--json"]
    ignore = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731
    with subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=ignore, text=True) as process:  # noqa: PLW1509, S603
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        for url in (line["servicetitan"]["api_url"], line["vantagepoint"]["base_url"]):
            assert requests.get(url, timeout=TIMEOUT).status_code == 404
        os.kill(process.pid, number)
        assert process.wait(TIMEOUT) == 0


def test_a_port_that_is_taken_ends_the_command_with_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-c", SERVE, "serve", "--invoices", "20", "--vantagepoint-port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr
    assert "another port" in done.stderr
