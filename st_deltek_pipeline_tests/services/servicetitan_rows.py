"""ServiceTitan's side of intake and staging tests: rows as the API gives them, and feeds that give them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.servicetitan.errors import FeedTokenRefusedError
from st_deltek_pipeline.servicetitan.feeds import FeedPage

CONNECTION = "acme"
# Weekends, and Columbus Day 2026.
CALENDAR = BusinessCalendar("America/Denver", frozenset({6, 7}), frozenset({date(2026, 10, 12)}))


def settings(start: date = date(2026, 10, 1), **posting: Any) -> ConnectionSettings:
    return ConnectionSettings.model_validate(
        {
            "posting": posting,
            "name": CONNECTION,
            "start_date": start,
            "servicetitan": {"tenant_id": 1},
            "vantagepoint": {"base_url": "https://acme.deltekfirst.com/acme/api", "database": "acme"},
            "calendar": {"time_zone": "America/Denver"},
            "coding": [{"give": {"wbs1": "1"}}],
        }
    )


def item(item_id: int = 11, **changes: Any) -> dict[str, Any]:
    return {
        "id": item_id,
        "type": "Service",
        "skuName": "WH-100",
        "description": "Water heater",
        "quantity": "1.00",
        "total": "100.00",
        "taxable": True,
        "generalLedgerAccount": {"id": 7, "number": "4010", "name": "Service"},
        "businessUnit": {"id": 3, "name": "Plumbing"},
        **changes,
    }


def invoice(invoice_id: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": invoice_id,
        "syncStatus": "Posted",
        "referenceNumber": str(1000 + invoice_id),
        "invoiceDate": "2026-10-05T00:00:00Z",
        "dueDate": "2026-11-04T00:00:00Z",
        "subTotal": "100.00",
        "salesTax": "8.81",
        "total": "108.81",
        "taxZoneId": 1,
        "customer": {"id": 50, "name": "Ada Lovelace"},
        "location": {"id": 60, "name": "Home"},
        "businessUnit": {"id": 3, "name": "Plumbing"},
        "job": {"id": 70, "number": "70", "type": "Repair"},
        "projectId": None,
        "adjustmentToId": None,
        "reviewStatus": "Reviewed",
        "items": [item()],
        "active": True,
        "createdOn": "2026-10-05T10:00:00Z",
        "modifiedOn": "2026-10-05T14:00:00.1234567Z",
        **changes,
    }


def payment(payment_id: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": payment_id,
        "syncStatus": "Posted",
        "referenceNumber": None,
        "date": "2026-10-05T00:00:00Z",
        "type": "Check",
        "typeId": "6101",
        "total": "108.81",
        "unappliedAmount": "0.00",
        "memo": None,
        "customer": {"id": 50, "name": "Ada Lovelace"},
        "businessUnit": {"id": 3, "name": "Plumbing"},
        "deposit": None,
        "appliedTo": [applied()],
        "checkNumber": "1041",
        "refundedPaymentId": None,
        "active": True,
        "createdOn": "2026-10-05T10:00:00Z",
        "modifiedOn": "2026-10-05T14:00:00.1234567Z",
        **changes,
    }


def applied(applied_id: int = 85, **changes: Any) -> dict[str, Any]:
    return {
        "appliedId": applied_id,
        "appliedTo": 1,
        "appliedAmount": "108.81",
        "appliedOn": "2026-10-05T00:00:00Z",
        "appliedBy": "Ada",
        "appliedToReferenceNumber": "1001",
        **changes,
    }


def bill_item(item_id: int = 61, **changes: Any) -> dict[str, Any]:
    return {
        "id": item_id,
        "order": 1,
        "name": "Pipe",
        "description": "PEX pipe",
        "quantity": "10.0",
        "cost": "9.50",
        "allocatedTax": None,
        "allocatedShipping": None,
        "allocatedOtherCosts": None,
        "generalLedgerAccount": {"id": 7, "number": "4140", "name": "Parts"},
        "costOfSaleAccount": {"id": 8, "number": "5110", "name": "Materials"},
        "assetAccount": {"id": 9, "number": "1310", "name": "Inventory"},
        "skuId": 600,
        "skuType": "Material",
        "skuCode": "PL-PEX12",
        **changes,
    }


def bill(bill_id: int = 1, **changes: Any) -> dict[str, Any]:
    """A bill as the feed of inventory bills gives it."""
    return {
        "id": bill_id,
        "purchaseOrderId": 88,
        "syncStatus": "Posted",
        "referenceNumber": f"S-{bill_id:05d}-01",
        "vendorNumber": f"4779-{bill_id}",
        "summary": None,
        "billDate": "2026-10-05T00:00:00Z",
        "billAmount": "107.00",
        "taxAmount": "8.00",
        "shippingAmount": "4.00",
        "landedCostMethod": 0,
        "otherAmount": None,
        "termName": "Net 15",
        "dueDate": "2026-10-20T00:00:00Z",
        "businessUnit": {"id": 3, "name": "Plumbing"},
        "taxZone": {"id": 1, "name": "Denver"},
        "vendor": {"id": 52, "name": "Western Pipe"},
        "items": [bill_item()],
        "jobId": 70,
        "jobNumber": "J-70",
        "active": True,
        "createdOn": "2026-10-05T10:00:00Z",
        "modifiedOn": "2026-10-05T14:00:00Z",
        **changes,
    }


def ap_bill(bill_id: int = 1, **changes: Any) -> dict[str, Any]:
    """The same bill as ``ap-bills`` gives it."""
    row = bill(bill_id)
    del row["active"]
    return {
        **row,
        "status": "Reconciled",
        "billType": "Procurement",
        "dateCanceled": None,
        "doNotPay": False,
        "items": [{**bill_item(), "inventoryLocation": {"id": 1, "name": "Shop"}, "vendorPartNumber": "P1"}],
        "expenseItems": [],
        **changes,
    }


def expense(item_id: int = 71, **changes: Any) -> dict[str, Any]:
    return {
        "id": item_id,
        "amount": "95.00",
        "description": "Permit",
        "generalLedgerAccount": {"id": 5, "number": "6500", "name": "Permits"},
        "job": {"id": 71, "name": "J-71"},
        "businessUnit": {"id": 4, "name": "HVAC"},
        **changes,
    }


def ap_credit(credit_id: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": credit_id,
        "jobId": 70,
        "active": True,
        "date": "2026-10-05T00:00:00Z",
        "canceledOn": None,
        "number": f"VC-{credit_id:05d}",
        "referenceNumber": "CRS-9",
        "memo": "Returned",
        "amount": 126.00,
        "appliedAmount": 126.00,
        "status": "Unreconciled",
        "syncStatus": "Posted",
        "businessUnit": {"id": 3, "name": "Plumbing"},
        "vendor": {"id": 52, "name": "Western Pipe"},
        "splits": [{"id": 92, "active": True, "inventoryBillId": 1, "amount": 126.00}],
        "createdOn": "2026-10-05T10:00:00Z",
        "modifiedOn": "2026-10-05T14:00:00Z",
        **changes,
    }


def credit_memo(memo_id: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": memo_id,
        "date": "2026-10-05",
        "referenceNumber": f"CM-{memo_id:05d}",
        "subTotal": 50.00,
        "salesTax": 4.40,
        "total": 54.40,
        "balance": 0,
        "appliedTo": [applied(86, appliedAmount=54.40, appliedOn="2026-10-05")],
        "customer": {"id": 50, "name": "Ada Lovelace"},
        "businessUnit": {"id": 3, "name": "Plumbing"},
        "syncStatus": "Posted",
        "description": "Goodwill",
        "active": True,
        "createdOn": "2026-10-05T10:00:00Z",
        "modifiedOn": "2026-10-05T14:00:00Z",
        **changes,
    }


def memo_item(item_id: int = 11, **changes: Any) -> dict[str, Any]:
    """An item of a credit memo; ServiceTitan gives no time of its last change."""
    return {
        "id": item_id,
        "creditMemoId": 1,
        "active": True,
        "type": "Service",
        "skuName": "WH-100",
        "description": "Water heater",
        "quantity": 1.0,
        "cost": 0,
        "price": 50.00,
        "total": 50.00,
        "taxable": True,
        "revenueGeneralLedgerAccount": {"id": 7, "number": "4010", "name": "Service"},
        "businessUnit": {"id": 3, "name": "Plumbing"},
        **changes,
    }


def encoded(row: dict[str, Any]) -> bytes:
    return json.dumps(row).encode()


@dataclass
class Feeds:
    """A ServiceTitan whose export feeds and lists are exactly what a test says.

    Attributes:
        pages: What each token gives, for whichever feed is asked; ``None`` is the start.
        lists: The pages of every list.
        refused: Tokens that are no longer known.
        asked: Tokens in the order they were asked for.
    """

    pages: dict[str | None, FeedPage] = field(default_factory=dict)
    lists: list[list[bytes]] = field(default_factory=list)
    refused: set[str | None] = field(default_factory=set)
    asked: list[str | None] = field(default_factory=list)

    @classmethod
    def of(cls, *pages: Sequence[dict[str, Any] | bytes]) -> "Feeds":
        """A feed of these pages, caught up at the end."""
        feeds = cls()
        feeds.extend(*pages)
        return feeds

    def extend(self, *pages: Sequence[dict[str, Any] | bytes]) -> None:
        """Add pages behind the last one."""
        place = len(self.pages) - 1 if self.pages else 0
        for number, rows in enumerate(pages, start=place):
            raw = [row if isinstance(row, bytes) else encoded(row) for row in rows]
            self.pages[f"t{number}" if number else None] = FeedPage(raw, has_more=True, continue_from=f"t{number + 1}")
        last = place + len(pages)
        self.pages[f"t{last}"] = FeedPage([], has_more=False, continue_from=f"t{last}")

    def export_feed(self, feed: str, continue_from: str | None, *, include_recent_changes: bool = False) -> FeedPage:
        assert feed
        assert not include_recent_changes
        self.asked.append(continue_from)
        if continue_from in self.refused:
            message = "The feed does not know the token."
            raise FeedTokenRefusedError(message, words="invalid from", status=400)
        return self.pages[continue_from]

    def list_pages(self, resource: str, **filters: str) -> Iterator[list[bytes]]:
        assert resource
        assert filters.get("active", "Any") == "Any"
        yield from self.lists

    def by_ids(self, resource: str, ids: Sequence[int], **filters: str) -> Iterator[bytes]:
        assert resource
        del filters
        yield from (row for page in self.lists for row in page if json.loads(row)["id"] in ids)
