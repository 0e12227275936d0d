"""The ServiceTitan client: tokens, lists, export feeds. What rows mean is not its business."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from st_deltek_pipeline.servicetitan.credentials import ServiceTitanCredentials
from st_deltek_pipeline.servicetitan.feeds import FeedPage
from st_deltek_pipeline.transport.exchange import RequestLog
from st_deltek_pipeline.transport.rate_limit import RateLimiter

FilterValue = str | int | bool | Sequence[str | int] | None


class ServiceTitanClient:
    """One tenant's API, shared by threads."""

    def __init__(
        self,
        *,
        api_url: str,
        auth_url: str,
        tenant_id: int,
        credentials: ServiceTitanCredentials,
        calls_per_second: int = 55,
        page_size: int = 5000,
        rate_limiter: RateLimiter | None = None,
        allow_insecure_hosts: bool = False,
        known_hosts: Sequence[str] = (),
        request_log: RequestLog | None = None,
    ) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        raise NotImplementedError

    def ping(self, resource: str = "settings/business-units") -> None:
        """Prove that credentials, app key, tenant and the resource's scope fit."""
        raise NotImplementedError

    def export_feed(self, feed: str, continue_from: str | None, *, include_recent_changes: bool = False) -> FeedPage:
        raise NotImplementedError

    def list_pages(self, resource: str, **filters: FilterValue) -> Iterator[list[bytes]]:
        raise NotImplementedError

    def by_ids(self, resource: str, ids: Sequence[int], **filters: FilterValue) -> Iterator[bytes]:
        raise NotImplementedError
