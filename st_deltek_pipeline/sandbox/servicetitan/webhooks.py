"""Sends the tenant's webhooks: signed, repeated as ServiceTitan repeats them, and disturbed on purpose.

What an event is, is in ``webhook_events``. One thread sends, so that what a receiver does never keeps the twin waiting.
"""

import heapq
import itertools
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import requests
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.webhook_signatures import SignatureEncoding, signature
from st_deltek_pipeline.sandbox.servicetitan.webhook_events import Occurrence, envelope
from st_deltek_pipeline.sandbox.state import Row, encode_row

# servicetitan.md section 6.
RETRY_SECONDS = (10, 30, 60, 300)
_OK = 200
_ANSWER_SECONDS = 10
_MOST_REMEMBERED = 5_000

_State = Literal["waiting", "delivered", "failed", "lost"]


class Subscription(BaseModel):
    """Where the tenant's webhooks go, and how. Each fault strikes every n-th occurrence; 0 is never.

    Attributes:
        url: The receiver's address.
        key: They are signed with it.
        header, encoding, prefix: How the signature is written; ServiceTitan publishes none of it.
        types: Only these; ``None`` is all.
        retry_scale: Multiplies the waits of 10, 30, 60 and 300 seconds before the repetitions.
        lose_every: The occurrence is never sent.
        double_every: It is sent twice, with one ``userassignedid`` and two ids.
        reorder_every: It is sent after the next one.
        tamper_every: Its body is changed on the way, after it was signed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^https?://[^\s]+$")
    key: str = Field(min_length=1)
    header: str = Field(default="x-servicetitan-signature", pattern=r"^[A-Za-z0-9-]+$")
    encoding: SignatureEncoding = SignatureEncoding.HEX
    prefix: bool = False
    types: tuple[str, ...] | None = None
    retry_scale: float = Field(default=1, ge=0)
    lose_every: int = Field(default=0, ge=0)
    double_every: int = Field(default=0, ge=0)
    reorder_every: int = Field(default=0, ge=0)
    tamper_every: int = Field(default=0, ge=0)


@dataclass
class _Delivery:
    """An occurrence on its way to the receiver."""

    id: str
    occurrence: Occurrence
    assigned_id: str
    time: str
    tamper: bool
    state: _State = "waiting"
    attempts: list[Row] = field(default_factory=list[Row])
    # Repetitions that are still due by themselves.
    left: int = len(RETRY_SECONDS)

    def describe(self) -> Row:
        return {
            "id": self.id,
            "type": self.occurrence.type,
            "recordId": self.occurrence.record_id,
            "userassignedid": self.assigned_id,
            "state": self.state,
            "attempts": list(self.attempts),
        }


class Webhooks:
    """The webhooks of one tenant.

    Args:
        tenant_id: The tenant.
        tenant_name: Likewise.
        now: Returns the twin's time as rows write it.
    """

    def __init__(self, tenant_id: int, tenant_name: str, now: Callable[[], str]) -> None:
        self._tenant = (tenant_id, tenant_name)
        self._now = now
        self._subscription: Subscription | None = None
        self._deliveries: dict[str, _Delivery] = {}
        self._due: list[tuple[float, int, _Delivery]] = []
        self._order = itertools.count()
        self._happened = 0
        self._held_back: list[_Delivery] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def subscribe(self, wanted: Mapping[str, Any]) -> Row:
        """Send all events from now on, in place of any subscription before.

        Args:
            wanted: The fields of ``Subscription``.

        Returns:
            The subscription, without its key.

        Raises:
            ConfigurationError: A field is unknown or wrong; values are never repeated.
        """
        try:
            subscription = Subscription.model_validate(wanted)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            message = f"The subscription's {'.'.join(str(part) for part in first['loc'])}: {first['msg']}."
            raise ConfigurationError(message, advice=f"Known: {', '.join(Subscription.model_fields)}.") from None
        with self._changed:
            self._subscription, self._happened = subscription, 0
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sandbox-webhooks", daemon=True)
                self._thread.start()
        return self.described()

    def unsubscribe(self) -> None:
        """Send nothing any more; what waits is given up."""
        with self._changed:
            self._subscription = None
            for _, _, delivery in self._due:
                delivery.state = "failed"
            self._due.clear()
            self._held_back.clear()

    def described(self) -> Row:
        """Return the subscription without its key; empty when there is none."""
        subscription = self._subscription
        return {} if subscription is None else subscription.model_dump(mode="json", exclude={"key"})

    def deliveries(self) -> list[Row]:
        """Return every occurrence and what became of it, oldest first."""
        with self._changed:
            return [each.describe() for each in self._deliveries.values()]

    def replay(self, delivery_id: str) -> Row:
        """Send an occurrence once more, as a person does in ServiceTitan's portal.

        Args:
            delivery_id: From ``deliveries``.

        Raises:
            KeyError: There is no such delivery.
        """
        with self._changed:
            delivery = self._deliveries[delivery_id]
            delivery.state, delivery.left, delivery.tamper = "waiting", 0, False
            self._put(delivery, 0)
            return delivery.describe()

    def happened(self, found: Sequence[Occurrence]) -> None:
        """Send what has happened, if anybody subscribed to it; safe in any thread."""
        with self._changed:
            for each in found:
                subscription = self._subscription
                if subscription is not None and (subscription.types is None or each.type in subscription.types):
                    self._send_off(each, subscription)

    def stop(self) -> None:
        """End the sending thread; what waits is not sent."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _send_off(self, occurrence: Occurrence, subscription: Subscription) -> None:
        self._happened += 1

        def struck(every: int) -> bool:
            return every > 0 and self._happened % every == 0

        delivery = _Delivery(
            str(uuid.uuid4()), occurrence, str(uuid.uuid4()), self._now(), tamper=struck(subscription.tamper_every)
        )
        self._deliveries[delivery.id] = delivery
        if len(self._deliveries) > _MOST_REMEMBERED:
            del self._deliveries[next(iter(self._deliveries))]
        if struck(subscription.lose_every):
            delivery.state = "lost"
            return
        if struck(subscription.reorder_every):
            self._held_back.append(delivery)
            return
        for each in (delivery, *self._held_back):
            self._put(each, 0)
        self._held_back.clear()
        if struck(subscription.double_every):
            self._put(delivery, 0)

    def _put(self, delivery: _Delivery, seconds: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), delivery))
        self._changed.notify()

    def _run(self) -> None:
        with requests.Session() as session:
            # A proxy of the environment is not for the loopback.
            session.trust_env = False
            while (taken := self._next()) is not None:
                delivery, subscription = taken
                attempt = self._attempt(session, delivery, subscription)
                with self._changed:
                    self._settle(delivery, subscription, attempt)

    def _next(self) -> tuple[_Delivery, Subscription] | None:
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                if self._subscription is not None and self._due and self._due[0][0] <= now:
                    return heapq.heappop(self._due)[2], self._subscription
                self._changed.wait(self._due[0][0] - now if self._due else None)
            return None

    def _attempt(self, session: requests.Session, delivery: _Delivery, subscription: Subscription) -> Row:
        body = encode_row(envelope(delivery.occurrence, delivery.assigned_id, delivery.time, *self._tenant))
        written = signature(body, subscription.key, subscription.encoding, prefix=subscription.prefix)
        if delivery.tamper:
            own = delivery.occurrence.record_id
            body = body.replace(str(own).encode(), str(own + 1).encode())
        attempt: Row = {"at": datetime.now(UTC).isoformat(), "status": None, "error": None}
        headers = {subscription.header: written, "Content-Type": "application/json"}
        try:
            answer = session.post(
                subscription.url, data=body, headers=headers, timeout=_ANSWER_SECONDS, allow_redirects=False
            )
            attempt["status"] = answer.status_code
        except requests.RequestException as error:
            attempt["error"] = type(error).__name__
        return attempt

    def _settle(self, delivery: _Delivery, subscription: Subscription, attempt: Row) -> None:
        delivery.attempts.append(attempt)
        if attempt["status"] == _OK:
            delivery.state = "delivered"
        elif delivery.state != "delivered" and delivery.left:
            seconds = RETRY_SECONDS[-delivery.left] * subscription.retry_scale
            delivery.left -= 1
            self._put(delivery, seconds)
        elif delivery.state != "delivered":
            delivery.state = "failed"
