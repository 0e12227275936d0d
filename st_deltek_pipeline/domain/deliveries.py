"""What one webhook delivery is to us: which occurrence it tells of, and which record is to be read again because of it.

How a body is read into one is the receiver's business, where it waits that of ``store.inbox``. The record's contents
are never taken from it (servicetitan.md section 6: its invoice is only a header).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeliveryState(StrEnum):
    """What becomes of a delivery; stored, so a value never changes.

    ``WAITING`` for its record to be read again, ``HANDLED`` once the effect is in the journal. ``NOT_NEEDED`` names no
    record that we move; ``REFUSED`` was rightly signed but is not for this connection, or names no record.
    """

    WAITING = "waiting"
    HANDLED = "handled"
    NOT_NEEDED = "not_needed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery whose signature was right.

    Attributes:
        connection: The connection's name.
        occurrence: The same for every delivery of one occurrence: ``user:`` and its ``userassignedid``, else ``id:`` and
            its ``id``, else ``body:`` and the SHA-256 of the body in hex. What does not wait has its state before that
            (``refused:user:...``): once a setting is corrected, the same occurrence may come again and wait.
        event_type: As sent; empty when it has none.
        delivery_id: Its ``id`` as sent; may be empty, and differs between attempts.
        occurred_at: As it says, in UTC.
        tenant_id: The tenant it names.
        record_kind: The kind of record to read again (``servicetitan.record_kinds``).
        record_id: ServiceTitan's id of it.
        body: The bytes that were signed.
        state: ``WAITING`` only with a record.
        reason: Why it is not needed or refused; else empty.
    """

    connection: str
    occurrence: str
    event_type: str
    delivery_id: str
    occurred_at: datetime | None
    tenant_id: int | None
    record_kind: str | None
    record_id: int | None
    body: bytes
    state: DeliveryState
    reason: str = ""
