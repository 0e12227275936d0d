"""Reading the fields of a document: exactly, or with the reason why not. Which fields there are is each kind's part."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import TypedDict

from st_deltek_pipeline.domain.documents import DocumentKey, Kind, SyncStatus
from st_deltek_pipeline.domain.money import ZERO, AmountError, parse_amount
from st_deltek_pipeline.servicetitan.shapes import NOBODY, Named, date_part, is_plausible, plain_text
from st_deltek_pipeline.servicetitan.surroundings import Surroundings

_NOT_STATED = Decimal(0)
_SYNC_STATUSES = {status.value: status for status in SyncStatus}
_READY = frozenset({SyncStatus.POSTED, SyncStatus.EXPORTED})

# SKUTYPE of servicetitan.md section 2.
_ITEM_TYPES = frozenset({"Service", "Material", "Equipment", "PriceModifier", "Unspecified"})


class FieldReader:
    """Collects the reasons while a document's fields are read."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def amount(self, value: Decimal | None, path: str) -> Decimal:
        """Read an amount that must be there."""
        if value is None:
            self.reasons.append(f"{path} is missing")
            return _NOT_STATED
        try:
            return parse_amount(value)
        except AmountError:
            self.reasons.append(f"{value} at {path} is not an amount in whole cents")
            return _NOT_STATED

    def amount_or_zero(self, value: Decimal | None, path: str) -> Decimal:
        """Read an amount that ServiceTitan leaves out where there is none."""
        return ZERO if value is None else self.amount(value, path)

    def quantity(self, value: Decimal | None, path: str) -> Decimal:
        """Read a quantity; one that is not stated is zero."""
        quantity = value if value is not None else _NOT_STATED
        if not is_plausible(quantity):
            self.reasons.append(f"{quantity} at {path} is not a quantity")
        return quantity

    def item_type(self, value: str | None, path: str) -> str:
        """Read the type of a sold item."""
        item_type = value if value is not None else "Unspecified"
        if item_type not in _ITEM_TYPES:
            self.reasons.append(f"{item_type!r} at {path} is not a known item type")
        return item_type

    def sync_status(self, value: str | None) -> SyncStatus:
        """Read ``syncStatus``."""
        if value is None:
            self.reasons.append("$.syncStatus is missing")
        elif value in _SYNC_STATUSES:
            return _SYNC_STATUSES[value]
        else:
            self.reasons.append(f"{value!r} at $.syncStatus is not a known status")
        return SyncStatus.PENDING

    def day(self, value: str | None, path: str) -> date:
        """Read the document's own date."""
        day = date_part(value)
        if day is None:
            said = "is missing" if value is None else f"{value!r} is not a date"
            self.reasons.append(f"{path} {said}")
            return date.min
        return day


class Identity(TypedDict):
    """The fields of ``domain.documents.Document`` that every kind fills in the same way."""

    key: DocumentKey
    revision: int
    revision_hash: str
    document_date: date
    business_day: date
    sync_status: SyncStatus
    active: bool
    business_unit_id: int | None
    business_unit_name: str
    raw_seq: int | None


def identity(
    kind: Kind,
    document_id: int,
    *,
    connection: str,
    revision_hash: str,
    document_date: date,
    business_day: Callable[[date], date],
    sync_status: SyncStatus,
    active: bool,
    unit: Named | None,
    surroundings: Surroundings,
    raw_seq: int | None,
    staged: tuple[int, str] | None,
) -> Identity:
    """Fill in what every kind of document has.

    Args:
        kind: Which kind.
        document_id: ServiceTitan's id.
        connection: The connection's name.
        revision_hash: Of the fields that matter for accounting.
        document_date: The document's own date.
        business_day: Gives the business day of a document date.
        sync_status: As read.
        active: Whether it still counts.
        unit: Its business unit.
        surroundings: Knows the business unit's present name; the document's own word fills the gap.
        raw_seq: The stored version it was read from.
        staged: Revision and revision hash that are staged now, if any.

    Returns:
        The fields, the revision raised by one when the hash differs from the staged one.
    """
    revision = 1
    if staged is not None:
        revision = staged[0] if staged[1] == revision_hash else staged[0] + 1
    named = unit or NOBODY
    return {
        "key": DocumentKey(connection, kind, document_id),
        "revision": revision,
        "revision_hash": revision_hash,
        "document_date": document_date,
        "business_day": business_day(document_date),
        "sync_status": sync_status,
        "active": active,
        "business_unit_id": named.id,
        "business_unit_name": name_of(named, surroundings.business_units),
        "raw_seq": raw_seq,
    }


def name_of(reference: Named, names: Mapping[int, str]) -> str:
    """Return the present name of what a reference names; its own word where that is not known."""
    known = names.get(reference.id, "") if reference.id is not None else ""
    return known or plain_text(reference.name)


def is_ready(sync_status: SyncStatus) -> bool:
    """Say whether a document is posted or exported.

    That is what a revision hash holds of it: exporting is our own doing or another exporter's, and changes nothing
    that is booked.
    """
    return sync_status in _READY
