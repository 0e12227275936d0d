from typing import Protocol


class RateLimiter(Protocol):
    """Makes callers wait so that a system is never asked too often."""

    def acquire(self, calls: int = 1) -> None:
        """Return when ``calls`` more calls may be sent."""
        ...
