"""Reads a rightly signed body into a ``Delivery``: which occurrence, which record, and what is wrong with it.

Takes nothing from it but names: the record itself is read again from ServiceTitan. Anything may be in a body, so every
text and number is bounded before it goes on.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, cast

import msgspec

from st_deltek_pipeline.domain.deliveries import Delivery, DeliveryState
from st_deltek_pipeline.webhooks.routes import OUTER_ID, ROUTES, Path, Route

_LONGEST_TEXT = 200
_LARGEST_ID = 2**63 - 1
_PRINTABLE = re.compile(r"[!-~][ -~]*")
_DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)
_TYPE_KEYS = ("type", "eventType", "event_type", "event")
_TIME_KEYS = ("time", "timestamp")
_TENANT_PATHS: tuple[Path, ...] = (("data", "tenantId"), ("tenantId",), ("tenant_id",))

# No number of a body is money to us, and none becomes a float.
_decoder = msgspec.json.Decoder(float_hook=str)


class Verdict(Enum):
    """What a body turned out to be."""

    ACCEPTED = "its record is read again"
    UNKNOWN_TYPE = "no record of this type is moved"
    NOT_JSON = "it is not a JSON object"
    NO_RECORD = "it does not say which record it is about"
    OTHER_TENANT = "it is of another tenant"


_STATES = {
    Verdict.ACCEPTED: DeliveryState.WAITING,
    Verdict.UNKNOWN_TYPE: DeliveryState.NOT_NEEDED,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A delivery, and what it is answered by."""

    delivery: Delivery
    verdict: Verdict


def read_delivery(connection: str, tenant_id: int, body: bytes) -> Reading:
    """Read a body whose signature was right.

    Args:
        connection: The connection it was sent to.
        tenant_id: That connection's tenant. A body that names none is believed, since it is signed.
        body: The bytes as they were sent.
    """
    try:
        content = _decoder.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        return _reading(connection, {}, body, Verdict.NOT_JSON)
    event = cast("dict[str, Any]", content)
    if any(_tenant(value) != tenant_id for path in _TENANT_PATHS if (value := _at(event, path)) is not None):
        return _reading(connection, event, body, Verdict.OTHER_TENANT)
    route = ROUTES.get(_text(_first(event, _TYPE_KEYS)))
    if route is None:
        return _reading(connection, event, body, Verdict.UNKNOWN_TYPE)
    found = _record(event, route)
    if found is None:
        return _reading(connection, event, body, Verdict.NO_RECORD)
    path, record_id = found
    return _reading(
        connection, event, body, Verdict.ACCEPTED, record=(route.kind.value, record_id), own_id=path != OUTER_ID
    )


def _reading(
    connection: str,
    event: Mapping[str, Any],
    body: bytes,
    verdict: Verdict,
    *,
    record: tuple[str, int] | None = None,
    own_id: bool = True,
) -> Reading:
    state = _STATES.get(verdict, DeliveryState.REFUSED)
    delivery_id = event.get("id") if own_id else None
    occurrence = _occurrence(event.get("userassignedid"), delivery_id, body)
    delivery = Delivery(
        connection=connection,
        occurrence=occurrence if state is DeliveryState.WAITING else f"{state.value}:{occurrence}",
        event_type=_text(_first(event, _TYPE_KEYS)),
        delivery_id=_text(delivery_id),
        occurred_at=_moment(_first(event, _TIME_KEYS)),
        tenant_id=next((found for path in _TENANT_PATHS if (found := _tenant(_at(event, path)))), None),
        record_kind=record[0] if record else None,
        record_id=record[1] if record else None,
        body=body,
        state=state,
        reason="" if verdict is Verdict.ACCEPTED else verdict.value,
    )
    return Reading(delivery, verdict)


def _record(event: Mapping[str, Any], route: Route) -> tuple[Path, int] | None:
    for path in route.paths:
        if path == OUTER_ID and "data" in event:
            continue
        if (record_id := _whole(_at(event, path))) is not None:
            return path, record_id
    return None


def _occurrence(assigned: object, delivery_id: object, body: bytes) -> str:
    for name, value in (("user", assigned), ("id", delivery_id)):
        text = _written(value)
        if text.strip():
            return f"{name}:{text if _is_plain(text) else _hash(text.encode(errors='surrogatepass'))}"
    return f"body:{_hash(body)}"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _is_plain(text: str) -> bool:
    return len(text) <= _LONGEST_TEXT and _PRINTABLE.fullmatch(text) is not None


def _text(value: object) -> str:
    """Return what can be stored and shown of a text: neither the database nor a terminal takes every character."""
    return "".join(each for each in _written(value)[:_LONGEST_TEXT] if each.isprintable()).strip()


def _written(value: object) -> str:
    """Return a text, or a number as text; nothing of anything else. Python refuses to write out endless numbers."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST_ID:
        return str(value)
    return value if isinstance(value, str) else ""


def _at(event: Mapping[str, Any], path: Path) -> object:
    found: object = event
    for step in path:
        if not isinstance(found, dict):
            return None
        found = cast("dict[str, object]", found).get(step)
    return found


def _first(event: Mapping[str, Any], keys: tuple[str, ...]) -> object:
    return next((event[key] for key in keys if event.get(key) is not None), None)


def _whole(value: object) -> int | None:
    """Return an id: a positive whole number that the database can hold, or its digits as a text."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST_ID:
        return value
    return None


def _tenant(value: object) -> int | None:
    return _whole(value)


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
