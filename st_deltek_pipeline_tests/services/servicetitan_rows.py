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


def settings(start: date = date(2026, 10, 1)) -> ConnectionSettings:
    return ConnectionSettings.model_validate(
        {
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

    def list_pages(self, resource: str, *, active: str) -> Iterator[list[bytes]]:
        assert resource
        assert active == "Any"
        yield from self.lists
