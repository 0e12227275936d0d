"""A pre-rendered export feed on loopback, so that intake is measured and not the making of invoices.

Run as a program it prints its port in one line of JSON once everything is rendered, and serves until it is
ended. ``GET /calls`` tells how many calls it has answered.
"""

import argparse
import json
import random
import socketserver
import sys
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

FIRST_DAY = date(2026, 10, 1)
DAYS = 30
CUSTOMERS = 2000
JOBS = 5000
UNITS = ("HVAC Residential", "HVAC Commercial", "Plumbing Residential", "Plumbing Commercial")
_ACCOUNT = {"id": 7, "name": "Plumbing service revenue", "number": "4010", "type": "Income", "detailType": "Income"}
_ADDRESS = {
    "street": "1234 Main Street",
    "unit": None,
    "city": "Denver",
    "state": "CO",
    "zip": "80202",
    "country": "USA",
}
_INSTANT = "2026-10-05T14:03:22.1234567Z"


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _item(item_id: int, position: int, cents: int, rng: random.Random) -> dict[str, Any]:
    return {
        "id": item_id,
        "description": '<p>Replace 40 gal water heater, 3/4" line,\nincluding permit, pan and haul away</p>',
        "quantity": "1.00",
        "cost": "12.00",
        "totalCost": "12.00",
        "budgetCodeId": None,
        "inventoryLocationId": None,
        "inventoryLocation": None,
        "price": _money(cents),
        "type": ("Service", "Material", "Equipment")[position],
        "skuName": f"WH-{rng.randint(100, 999)}",
        "skuId": rng.randint(1000, 9999),
        "total": _money(cents),
        "inventory": False,
        "taxable": position > 0,
        "isChargeable": True,
        "generalLedgerAccount": _ACCOUNT,
        "costOfSaleAccount": {**_ACCOUNT, "id": 8, "number": "5010"},
        "assetAccount": None,
        "membershipTypeId": 0,
        "itemGroup": None,
        "displayName": "Water heater replacement",
        "soldHours": 2,
        "createdOn": _INSTANT,
        "modifiedOn": _INSTANT,
        "serviceDate": None,
        "order": position,
        "businessUnit": {"id": 3, "name": UNITS[2]},
        "createdById": 55,
        "displayInAmount": True,
        "importId": None,
        "exportId": None,
        "inventoryStatus": None,
        "addOn": False,
        "memberPrice": "0.00",
        "technicianId": None,
        "installedEquipmentId": None,
        "estimateItemId": None,
    }


def invoice(number: int, count: int, rng: random.Random) -> dict[str, Any]:
    """Make one invoice with three items, with every member that the published schema has (section 3.1)."""
    day = FIRST_DAY + timedelta(days=number * DAYS // count)
    amounts = [rng.randint(1000, 90000) for _ in range(3)]
    subtotal = sum(amounts)
    tax = subtotal * 881 // 10000
    customer = 1 + number % CUSTOMERS
    unit = number % len(UNITS)
    return {
        "id": number + 1,
        "syncStatus": "Posted",
        "budgetCodeId": None,
        "referenceNumber": str(100000 + number),
        "invoiceDate": f"{day}T00:00:00Z",
        "dueDate": f"{day}T00:00:00Z",
        "subTotal": _money(subtotal),
        "salesTax": _money(tax),
        "salesTaxCode": {"id": 1, "name": "Denver", "taxRate": 1},
        "taxZoneId": 1,
        "total": _money(subtotal + tax),
        "balance": "0.00",
        "invoiceType": None,
        "customer": {"id": customer, "name": f"Customer Number {customer}"},
        "customerAddress": _ADDRESS,
        "location": {"id": 2000 + customer, "name": "Home"},
        "locationAddress": _ADDRESS,
        "businessUnit": {"id": 1 + unit, "name": UNITS[unit]},
        "termName": "Due on receipt",
        "createdBy": "dispatcher",
        "batch": {"id": 9, "number": "77", "name": "Batch 77"},
        "depositedOn": None,
        "createdOn": _INSTANT,
        "modifiedOn": f"{day}T14:{number // 60 % 60:02d}:{number % 60:02d}.{number % 10**7:07d}Z",
        "adjustmentToId": None,
        "job": {"id": 1 + number % JOBS, "number": str(1 + number % JOBS), "type": "Water heater"},
        "projectId": None,
        "royalty": None,
        "employeeInfo": {"id": 55, "name": "Dana Dispatcher", "modifiedOn": _INSTANT},
        "commissionEligibilityDate": None,
        "sentStatus": "NotSent",
        "reviewStatus": "Reviewed",
        "assignedTo": None,
        "summary": "Replaced water heater, tested, cleaned up.",
        "items": [_item(number * 10 + k, k, cents, rng) for k, cents in enumerate(amounts)],
        "customFields": [],
        "active": True,
        "discountTotal": "0.00",
        "importId": None,
        "exportId": None,
        "materialSkuId": None,
        "membershipId": None,
        "paidOn": None,
        "invoiceConfiguration": "JobInvoice",
    }


def _stamped(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "active": True, "createdOn": _INSTANT, "modifiedOn": _INSTANT}


def render(invoices: int, page_size: int) -> dict[str, list[bytes]]:
    """Render every answer of every resource: page number N is what the token ``pN`` gives."""
    rng = random.Random(20261001)
    streams: dict[str, list[dict[str, Any]] | None] = {
        "crm/export/customers": [
            {"id": k + 1, "name": f"Customer Number {k + 1}", "type": ("Residential", "Commercial")[k % 2]}
            for k in range(CUSTOMERS)
        ],
        "settings/export/business-units": [{"id": k + 1, "name": name} for k, name in enumerate(UNITS)],
        "jpm/export/jobs": [
            {"id": k + 1, "jobNumber": str(k + 1), "jobStatus": "Completed", "jobTypeId": 1} for k in range(JOBS)
        ],
        "jpm/job-types": [{"id": 1, "name": "Water heater"}],
        "accounting/tax-zones": [{"id": 1, "name": "Denver"}],
    }
    answers: dict[str, list[bytes]] = {}
    for resource, rows in streams.items():
        rendered = [json.dumps(_stamped(row), separators=(",", ":")).encode() for row in rows or ()]
        answers[resource] = _pages(rendered, page_size)
    bodies = [json.dumps(invoice(k, invoices, rng), separators=(",", ":")).encode() for k in range(invoices)]
    answers["accounting/export/invoices"] = _pages(bodies, page_size)
    return answers


def _pages(rows: list[bytes], page_size: int) -> list[bytes]:
    pages: list[bytes] = []
    starts = range(0, len(rows), page_size)
    for number, start in enumerate(starts, start=1):
        more = b"true" if number < len(starts) else b"false"
        data = b",".join(rows[start : start + page_size])
        pages.append(b'{"hasMore":%s,"continueFrom":"p%d","data":[%s]}' % (more, number, data))
    pages.append(b'{"hasMore":false,"continueFrom":"p%d","data":[]}' % len(starts))
    return pages


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A small answer must not wait for the acknowledgement of the one before.
    disable_nagle_algorithm = True
    answers: dict[str, list[bytes]]
    calls = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(b'{"access_token":"benchmark","expires_in":900,"token_type":"Bearer"}')

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/calls":
            self._answer(json.dumps({"calls": _Handler.calls}).encode())
            return
        _Handler.calls += 1
        module, _, _, _, resource = parts.path.strip("/").split("/", 4)
        pages = self.answers[f"{module}/{resource}"]
        token = parse_qs(parts.query).get("from", ["p0"])[0]
        self._answer(pages[int(token.removeprefix("p"))])

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # The base class asks the resolver for its own name, which may take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]


def main() -> None:
    """Render and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, required=True)
    parser.add_argument("--page-size", type=int, required=True)
    options = parser.parse_args()
    _Handler.answers = render(options.invoices, options.page_size)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        sys.stdout.write(json.dumps({"port": server.server_port}) + "\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
