"""A contractor of a few rows, written by hand, so that a test can say exactly what a list must hold."""

from collections.abc import Generator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import requests

from st_deltek_pipeline.sandbox.contractor.world import Row, ServiceTitanWorld, VantagepointWorld, World
from st_deltek_pipeline.sandbox.faults import RequestHooks
from st_deltek_pipeline.sandbox.servicetitan.app import ServiceTitanTwin, build_servicetitan_app
from st_deltek_pipeline.sandbox.servicetitan.switches import ServiceTitanSwitches
from st_deltek_pipeline.sandbox.serving import HttpServers, ServerThread, listen
from st_deltek_pipeline.sandbox.state import MemoryState, StatePersistence

TENANT = 4711
TIMEOUT = 10


def stamp(day: int, hour: int = 12, fraction: str = "0000000") -> str:
    return f"2026-10-{day:02d}T{hour:02d}:00:00.{fraction}Z"


def item(key: int, total: str, unit: Row) -> Row:
    return {
        "id": key, "description": "Tune-up", "quantity": "1.00", "cost": "0.00", "totalCost": "0.00",
        "budgetCodeId": None, "inventoryLocationId": None, "inventoryLocation": None, "price": total,
        "type": "Service", "skuName": "TUNE", "skuId": 9001, "total": total, "inventory": False, "taxable": True,
        "isChargeable": True, "generalLedgerAccount": None, "costOfSaleAccount": None, "assetAccount": None,
        "membershipTypeId": 0, "itemGroup": None, "displayName": "Tune-up", "soldHours": Decimal("1.5"),
        "createdOn": stamp(1), "modifiedOn": stamp(1), "serviceDate": None, "order": 1, "businessUnit": unit,
        "createdById": None, "displayInAmount": None, "importId": None, "exportId": None, "inventoryStatus": None,
        "addOn": False, "memberPrice": None, "technicianId": None, "installedEquipmentId": None,
        "estimateItemId": None,
    }  # fmt: skip


def invoice(key: int, day: int, *, status: str = "Posted", active: bool = True, total: str = "107.00") -> Row:
    unit = {"id": 31, "name": "HVAC Service"}
    subtotal = str(Decimal(total) - Decimal("7.00"))
    return {
        "id": key, "syncStatus": status, "budgetCodeId": None, "referenceNumber": f"N{key}",
        "invoiceDate": f"2026-10-{day:02d}T00:00:00Z", "dueDate": f"2026-10-{day + 2:02d}T00:00:00Z",
        "subTotal": subtotal, "salesTax": "7.00", "salesTaxCode": None, "taxZoneId": None, "total": total,
        "balance": total, "invoiceType": None, "customer": {"id": 11, "name": "Zoë Müller "},
        "customerAddress": None, "location": None, "locationAddress": None, "businessUnit": unit, "termName": None,
        "createdBy": "office", "batch": {"id": 5, "number": "12", "name": "B"} if status != "Pending" else None,
        "depositedOn": None, "createdOn": stamp(day), "modifiedOn": stamp(day), "adjustmentToId": None,
        "job": {"id": 700 + key, "number": str(700 + key), "type": "Service"}, "projectId": None, "royalty": None,
        "employeeInfo": None, "commissionEligibilityDate": None, "sentStatus": "NotSent",
        "reviewStatus": "Reviewed", "assignedTo": None, "summary": None, "items": [item(key * 10, subtotal, unit)],
        "customFields": [{"name": "PO", "value": str(key)}], "active": active, "discountTotal": None,
        "importId": None, "exportId": None, "materialSkuId": None, "membershipId": None, "paidOn": None,
        "invoiceConfiguration": "JobInvoice",
    }  # fmt: skip


def customer(key: int, name: str, *, active: bool = True) -> Row:
    address = {
        "street": "1 Main St", "unit": None, "city": "Boulder", "state": "CO", "zip": "80301", "country": "USA",
        "latitude": None, "longitude": None,
    }  # fmt: skip
    return {
        "id": key, "active": active, "name": name, "type": "Residential", "address": address, "customFields": [],
        "balance": Decimal("12.30"), "taxExempt": False, "tagTypeIds": [], "doNotMail": False,
        "doNotService": False, "nationalAccount": False, "createdOn": stamp(1), "createdById": 1,
        "modifiedOn": stamp(1), "mergedToId": None, "paymentTermId": None, "creditLimit": None,
        "creditLimitBalance": None, "externalData": [],
    }  # fmt: skip


def job(key: int) -> Row:
    return {
        "id": key, "jobNumber": str(key), "projectId": None, "customerId": 11, "locationId": 21,
        "jobStatus": "Completed", "completedOn": stamp(3), "businessUnitId": 31, "jobTypeId": 41,
        "priority": "Normal", "campaignId": 1, "appointmentCount": 1, "firstAppointmentId": 1,
        "lastAppointmentId": 1, "recallForId": None, "warrantyId": None, "jobGeneratedLeadSource": None,
        "noCharge": False, "notificationsEnabled": True, "createdOn": stamp(1), "createdById": 1,
        "modifiedOn": stamp(3), "tagTypeIds": [7, 8], "leadCallId": None, "partnerLeadCallId": None,
        "bookingId": None, "soldById": None, "customerPo": "", "invoiceId": key - 700, "membershipId": None,
        "total": Decimal("107.00"), "createdFromEstimateId": None, "estimateIds": [], "equipmentIds": [],
        "isAutoDispatched": None, "summary": None, "customFields": [], "externalData": [], "summaryOfWork": None,
        "active": True,
    }  # fmt: skip


def small_world() -> World:
    """Six invoices: 3 is inactive, 4 pending, 5 exported; 1 and 2 were modified at the same instant."""
    rows = [
        invoice(1, 5), invoice(2, 5, total="57.00"), invoice(3, 6, active=False), invoice(4, 7, status="Pending"),
        invoice(5, 8, status="Exported"), invoice(6, 9, total="-20.00"),
    ]  # fmt: skip
    titan = ServiceTitanWorld(TENANT, "cid.test", "cs1.test", "ak1.test")
    titan.invoices.update({row["id"]: row for row in rows})
    titan.customers.update({11: customer(11, "Zoë Müller "), 12: customer(12, "Old Mill LLC", active=False)})
    titan.jobs.update({row["job"]["id"]: job(row["job"]["id"]) for row in rows})
    titan.business_units.update(
        {
            key: {"id": key, "active": True, "name": name, "createdOn": stamp(1), "modifiedOn": stamp(1)}
            for key, name in ((31, "HVAC Service"), (32, "Plumbing"))
        }
    )
    vantagepoint = VantagepointWorld("db", "user", "password", "client", "secret", "")
    return World(7, "2026-10", titan, vantagepoint, {})


def one_more(
    world: World,
    day: date,
    *,
    total: Decimal | None = None,
    business_unit_id: int | None = None,
    customer_id: int | None = None,
    rng: Random,
) -> Row:
    """Stands for the generator's function of the same signature."""
    del business_unit_id, customer_id, rng
    row = invoice(max(world.servicetitan.invoices) + 1, day.day, total=str(total or Decimal("107.00")))
    new_job = job(row["job"]["id"])
    world.servicetitan.jobs[new_job["id"]] = new_job
    return row


@dataclass
class Tenant:
    """The twin being served, and a session that is signed in to it."""

    url: str
    twin: ServiceTitanTwin
    hooks: RequestHooks
    session: requests.Session

    def address(self, path: str) -> str:
        module, _, rest = path.partition("/")
        return f"{self.url}/{module}/v2/tenant/{TENANT}/{rest}"

    def get(self, path: str, query: str = "", **options: Any) -> requests.Response:
        return self.session.get(f"{self.address(path)}{query}", timeout=TIMEOUT, **options)

    def ids(self, path: str, query: str = "") -> list[int]:
        answer = self.get(path, query)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["data"]]

    def feed(self, path: str, query: str = "") -> dict[str, Any]:
        answer = self.get(path, query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.session.request(method, self.address(path), json=body, timeout=TIMEOUT)

    def sign_in(self) -> None:
        form = {"grant_type": "client_credentials", "client_id": "cid.test", "client_secret": "cs1.test"}
        answer = requests.post(f"{self.url}/connect/token", data=form, timeout=TIMEOUT)
        token = answer.json()["access_token"]
        self.session.headers.update({"Authorization": f"Bearer {token}", "ST-App-Key": "ak1.test"})


@contextmanager
def served(
    world: World | None = None, persistence: StatePersistence | None = None, **switches: Any
) -> Generator[Tenant]:
    hooks = RequestHooks()
    state = persistence or MemoryState()
    twin = build_servicetitan_app(
        world or small_world(),
        switches=ServiceTitanSwitches(**{"rate_limit": 0, **deepcopy(switches)}),
        persistence=state,
        hooks=hooks,
        new_invoice=one_more,
    )
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with ServerThread(HttpServers([(twin.app, listening)], hooks.connections)), requests.Session() as session:
        tenant = Tenant(url, twin, hooks, session)
        tenant.sign_in()
        yield tenant
    state.close()
