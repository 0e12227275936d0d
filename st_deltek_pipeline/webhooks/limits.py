"""How much a sender may ask of the receiver. What happens beyond a limit is in the module that keeps it."""

from dataclasses import dataclass

_KIB, _MIB = 1 << 10, 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """The receiver's limits.

    Attributes:
        body_bytes: Of one body; a larger one is 413. ServiceTitan's own are some KiB.
        header_bytes: Of a request's head; a larger one is 400.
        all_bodies_bytes: Of all bodies in memory together; beyond it 503.
        request_seconds: From a request's first byte to its last, however slowly they come; then 408.
        idle_seconds: How long an idle connection is kept open.
        connections: Open at once. One more takes the place of the one that has been sending its request for longest.
        waiting: Deliveries that wait for the database; one more is 503.
        answer_seconds: How long a delivery may wait for the database, then 503. ServiceTitan is thought to give up
            after 10 (assumed, servicetitan.md section 6).
        retry_after_seconds: What a 503 asks for.
    """

    body_bytes: int = _MIB
    header_bytes: int = 16 * _KIB
    all_bodies_bytes: int = 64 * _MIB
    request_seconds: float = 10
    idle_seconds: int = 30
    connections: int = 400
    waiting: int = 1000
    answer_seconds: float = 8
    retry_after_seconds: int = 10
