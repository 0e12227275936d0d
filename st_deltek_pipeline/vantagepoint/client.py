"""The Vantagepoint client: tokens, lists, transaction files, the ledger. When to call what is the posting service's."""

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from st_deltek_pipeline.transport.exchange import RequestLog
from st_deltek_pipeline.transport.rate_limit import RateLimiter
from st_deltek_pipeline.vantagepoint.credentials import VantagepointCredentials
from st_deltek_pipeline.vantagepoint.filters import Filter
from st_deltek_pipeline.vantagepoint.rows import LedgerRow, PostAnswer


class VantagepointClient:
    """One user of one database, shared by threads."""

    def __init__(
        self,
        *,
        base_url: str,
        database: str,
        credentials: VantagepointCredentials,
        integrated_sign_in: bool = False,
        row_limit_parameter: Literal["limit", "q.maxrows"] = "limit",
        page_size: int = 1000,
        long_queries_as_post: bool = True,
        calls_per_second: int = 20,
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

    def ping(self) -> None:
        raise NotImplementedError

    def rows(
        self, path: str, *, filters: Sequence[Filter] = (), fields: Sequence[str] = ()
    ) -> Iterator[list[dict[str, Any]]]:
        raise NotImplementedError

    def active_company(self) -> str:
        raise NotImplementedError

    def set_active_company(self, code: str) -> None:
        raise NotImplementedError

    def active_period(self) -> int:
        raise NotImplementedError

    def set_active_period(self, period: int) -> None:
        raise NotImplementedError

    def read_control(self, kind: str, batch: str) -> dict[str, Any] | None:
        raise NotImplementedError

    def read_masters(self, kind: str, batch: str) -> list[dict[str, Any]]:
        raise NotImplementedError

    def read_details(self, kind: str, batch: str) -> list[dict[str, Any]]:
        raise NotImplementedError

    def enter_file(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def post_file(self, kind: str, batch: str, *, company: str, period: int, description: str) -> PostAnswer:
        raise NotImplementedError

    def delete_file(self, kind: str, batch: str) -> None:
        raise NotImplementedError

    def ledger_rows(
        self, trans_type: str, *, batches: Sequence[str] | None = None, invoices: Sequence[str] | None = None
    ) -> list[LedgerRow]:
        """Read posted rows; an empty list of batches or invoices asks for nothing and answers nothing."""
        raise NotImplementedError
