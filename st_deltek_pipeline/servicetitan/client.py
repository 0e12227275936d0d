"""The ServiceTitan client: tokens, lists, export feeds. What rows mean is in ``records``, writing in ``exporting``.

Rows are handed out as the bytes that came, so that what is kept is what was sent.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError
from st_deltek_pipeline.servicetitan.credentials import ServiceTitanCredentials
from st_deltek_pipeline.servicetitan.errors import refusal, seconds_in_title, sign_in_refusal
from st_deltek_pipeline.servicetitan.feeds import FeedPage
from st_deltek_pipeline.servicetitan.verbatim import decodable, verbatim_rows
from st_deltek_pipeline.transport.answers import Answer, BrokenAnswerError, UnreadableAnswerError
from st_deltek_pipeline.transport.exact_json import strip_mark
from st_deltek_pipeline.transport.exchange import RequestLog
from st_deltek_pipeline.transport.hosts import HostPolicy
from st_deltek_pipeline.transport.options import TransportOptions
from st_deltek_pipeline.transport.rate_limit import LocalRateLimiter, RateLimiter
from st_deltek_pipeline.transport.redaction import Redactor
from st_deltek_pipeline.transport.session import HttpSession, Request, SignedSession
from st_deltek_pipeline.transport.tokens import Token, TokenCache, token_of

T = TypeVar("T")
FilterValue = str | int | bool | Sequence[str | int] | None

SYSTEM = "ServiceTitan"
HOST_SUFFIXES = ("servicetitan.io",)
_IDS_PER_CALL = 50  # the most that any resource documents (section 2)


class _FeedBody(msgspec.Struct, rename="camel"):
    has_more: bool
    data: list[msgspec.Raw] | None
    continue_from: str | None = None


class _Envelope(msgspec.Struct, rename="camel"):
    has_more: bool
    data: list[msgspec.Raw] | None


_FEED = msgspec.json.Decoder(_FeedBody)
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class ServiceTitanClient:
    """One tenant's API (servicetitan.md sections 1, 2, 4 and 5); shared by threads.

    Args:
        api_url: ``https://api.servicetitan.io``, without path.
        auth_url: ``https://auth.servicetitan.io``; ``/connect/token`` is added unless it is there.
        tenant_id: Part of every path.
        credentials: One app's access to this tenant.
        calls_per_second: Used when no ``rate_limiter`` is given. ServiceTitan allows 60 per app and tenant.
        page_size: Rows per call of a list; 5000 is the most.
        rate_limiter: Shared with other processes of the connection.
        allow_insecure_hosts: Plain http to loopback addresses.
        known_hosts: Further hosts that may be given the credentials.
        request_log: Is told about every attempt, redacted.
        options: Time-outs, retries, clocks.

    Raises:
        ConfigurationError: A URL that credentials must not be sent to, or credentials that cannot be sent.
    """

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
        options: TransportOptions | None = None,
    ) -> None:
        chosen = options or TransportOptions()
        hosts = HostPolicy(SYSTEM, HOST_SUFFIXES, tuple(known_hosts), allow_insecure=allow_insecure_hosts)
        hosts.check(api_url)
        hosts.check(auth_url)
        if not credentials.app_key.isascii() or not credentials.app_key.isprintable() or not credentials.app_key:
            message = "The ServiceTitan app key is empty or holds characters that no app key has."
            raise ConfigurationError(message, advice="Enter it again: st-deltek connection add NAME.")
        self._api_url = api_url.rstrip("/")
        self._token_url = f"{auth_url.rstrip('/').removesuffix('/connect/token')}/connect/token"
        self._tenant_id = tenant_id
        self._credentials = credentials
        self._page_size = page_size
        self._http = HttpSession(
            system=SYSTEM,
            log_name="servicetitan",
            hosts=hosts,
            limiter=rate_limiter or LocalRateLimiter(calls_per_second),
            redactor=Redactor(credentials.client_id, credentials.client_secret, credentials.app_key),
            options=chosen,
            asked_wait=seconds_in_title,
            request_log=request_log,
        )
        self._tokens = TokenCache(self._fetch_token, chosen.timing)
        self._calls = SignedSession(
            self._http,
            self._tokens,
            self._sign,
            # The sign-in does not look at the app key, so a wrong one is noticed here first.
            refused_advice="Check the app key, and that the tenant's admin has accepted the app: "
            "st-deltek connection add NAME.",
        )

    def __repr__(self) -> str:
        return f"ServiceTitanClient(api_url={self._api_url!r}, tenant_id={self._tenant_id})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._http.close()

    def ping(self, resource: str = "settings/business-units") -> None:
        """Prove that credentials, app key, tenant and one resource's scope fit.

        Args:
            resource: Which list to ask for one row.

        Raises:
            PipelineError: What does not fit, in words.
        """
        self._calls.call(self._request(resource, [("page", "1"), ("pageSize", "1")]), _list_page)

    def granted_scopes(self) -> frozenset[str] | None:
        """Say what the app was granted for this tenant; ``None`` where the sign-in does not tell (section 1).

        Raises:
            PipelineError: The sign-in is refused or cannot be reached.
        """
        return self._tokens.scopes()

    def export_feed(self, feed: str, continue_from: str | None, *, include_recent_changes: bool = False) -> FeedPage:
        """Read one page of an export feed (section 4).

        Args:
            feed: Such as ``accounting/export/invoices``.
            continue_from: The token of the page before, or a date or date-time in UTC to start at, or ``None``
                to start at the very first record.
            include_recent_changes: Newest changes come sooner, and rows may repeat.

        Returns:
            The rows as sent, and the token to go on with.

        Raises:
            FeedTokenRefusedError: The token is not known (any more); start again.
            PermissionMissingError: The feed's scope is missing.
            BrokenError: The feed broke its promises: no token, or the same token with rows.
            TransientError: Not now.
        """
        parameters = [("from", continue_from)] if continue_from else []
        if include_recent_changes:
            parameters.append(("includeRecentChanges", "true"))

        def read(answer: Answer) -> FeedPage:
            if not answer.succeeded:
                raise refusal(answer, feed_token=bool(continue_from))
            body = _decode(answer, _FEED)
            rows = verbatim_rows(answer.body, body.data or ())
            token = body.continue_from
            if not token:
                message = f"ServiceTitan's feed {feed} gave no token to continue from."
                raise BrokenError(message, advice="The cursor was not moved; report it to ServiceTitan if it stays so.")
            if token == continue_from and (rows or body.has_more):
                message = f"ServiceTitan's feed {feed} repeats its token although it has {len(rows)} rows to give."
                raise BrokenError(
                    message, advice="Going on would read the same rows for ever; the cursor was not moved."
                )
            return FeedPage(rows, body.has_more, token)

        return self._calls.call(self._request(feed, parameters), read)

    def list_pages(self, resource: str, **filters: FilterValue) -> Iterator[list[bytes]]:
        """Read a list page by page, whether it comes in an envelope or as a bare array (section 2).

        Inactive rows are hidden unless asked for: ``active="Any"``, or ``activeState="All"`` on invoices
        and payments.

        Args:
            resource: Such as ``accounting/gl-accounts``.
            **filters: Query parameters; a sequence repeats its parameter, ``None`` leaves it out.

        Yields:
            The rows of each page as sent; never an empty page.

        Raises:
            PermissionMissingError: The resource's scope is missing.
            RefusedError: A filter is not accepted.
            BrokenError: Paging goes round in circles.
            TransientError: Not now.
        """
        yield from self.short_pages(resource, self._page_size, **filters)

    def short_pages(self, resource: str, most_rows: int, **filters: FilterValue) -> Iterator[list[bytes]]:
        """Read a list whose pages may not be as long as those of others, likewise.

        Args:
            resource: Such as ``accounting/journal-entries``.
            most_rows: The longest page that it allows.
            **filters: As for ``list_pages``.

        Yields:
            The rows of each page as sent; never an empty page.

        Raises:
            PipelineError: As for ``list_pages``.
        """
        size = min(most_rows, self._page_size)
        chosen = _parameters(filters)
        before: list[bytes] = []
        page = 1
        while True:
            parameters = [*chosen, ("page", str(page)), ("pageSize", str(size))]
            rows, has_more = self._calls.call(self._request(resource, parameters), _list_page)
            if has_more is None:
                has_more = len(rows) == size
            if has_more and (not rows or rows == before):
                message = f"ServiceTitan's list {resource} says there is more after page {page} and does not give it."
                raise BrokenError(message, advice="Nothing of this list was kept; try again later.")
            if rows:
                yield rows
            if not has_more:
                return
            before = rows
            page += 1

    def by_ids(self, resource: str, ids: Sequence[int], **filters: FilterValue) -> Iterator[bytes]:
        """Read rows by their ids, fifty per call.

        Args:
            resource: Such as ``accounting/invoices``.
            ids: In any order; one that is there twice is asked for once.
            **filters: As for ``list_pages``; without ``active``, inactive rows stay hidden.

        Yields:
            The rows as sent, in ServiceTitan's order; ids it does not know are left out.

        Raises:
            PipelineError: As for ``list_pages``.
        """
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), _IDS_PER_CALL):
            chunk = ",".join(map(str, wanted[start : start + _IDS_PER_CALL]))
            for page in self.list_pages(resource, **{**filters, "ids": chunk}):
                yield from page

    def write(self, resource: str, body: bytes, read: Callable[[Answer], T]) -> T:
        """Send something that changes records, once.

        Args:
            resource: Such as ``accounting/invoices/markasexported``.
            body: JSON.
            read: Turns the answer into a value, or raises what a refusal means.

        Returns:
            What ``read`` returned.

        Raises:
            InDoubtError: It was sent, and no clear answer came.
            TransientError: Nothing was changed.
            PipelineError: What ``read`` raises.
        """
        request = replace(
            self._request(resource, []),
            method="POST",
            headers={"Content-Type": "application/json"},
            body=body,
            writes=True,
        )
        return self._calls.call(request, read)

    def _request(self, resource: str, parameters: Sequence[tuple[str, str]]) -> Request:
        module, _, rest = resource.strip("/").partition("/")
        path = f"{quote(module)}/v2/tenant/{self._tenant_id}/{quote(rest)}"
        return Request("GET", resource, f"{self._api_url}/{path}", query=urlencode(parameters))

    def _sign(self, token: str) -> dict[str, str]:
        # The official sample sends the bare token (section 1).
        return {"Authorization": token, "ST-App-Key": self._credentials.app_key}

    def _fetch_token(self, lapsing: Token | None) -> Token:
        del lapsing  # client_credentials has no refresh token
        form = urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": self._credentials.client_id,
                "client_secret": self._credentials.client_secret,
            }
        )
        request = Request(
            "POST",
            "the sign-in",
            self._token_url,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=form.encode(),
        )

        def read(answer: Answer) -> Token:
            if not answer.succeeded:
                raise sign_in_refusal(answer)
            return token_of(answer, answer.json())

        return self._http.call(request, read)


def _parameters(filters: dict[str, FilterValue]) -> list[tuple[str, str]]:
    parameters: list[tuple[str, str]] = []
    for name, value in filters.items():
        match value:
            case None:
                continue
            case bool():
                parameters.append((name, "true" if value else "false"))
            case str() | int():
                parameters.append((name, str(value)))
            case _:
                parameters.extend((name, str(each)) for each in value)
    return parameters


def _list_page(answer: Answer) -> tuple[list[bytes], bool | None]:
    """Read one page; ``None`` instead of ``hasMore`` for a bare array, which does not say."""
    if not answer.succeeded:
        raise refusal(answer)
    if strip_mark(answer.body).lstrip()[:1] == b"[":
        return verbatim_rows(answer.body, _decode(answer, _ARRAY)), None
    body = _decode(answer, _ENVELOPE)
    return verbatim_rows(answer.body, body.data or ()), body.has_more


def _decode(answer: Answer, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode an envelope and leave its rows untouched.

    Raises:
        UnreadableAnswerError: An HTML page, nothing, or half a body; worth another try.
        BrokenAnswerError: Whole, but not an envelope.
    """
    body = strip_mark(answer.body)
    failure: UnreadableAnswerError | BrokenAnswerError
    if answer.is_page:
        failure = answer.unreadable("an HTML page instead of JSON", may_heal=True)
    elif not body.strip():
        failure = answer.unreadable("an empty body", may_heal=True)
    else:
        try:
            return decoder.decode(decodable(body))
        except msgspec.ValidationError as error:
            failure = answer.unreadable(f"an unexpected shape ({error})", may_heal=False)
        except msgspec.DecodeError as error:
            cut_off = "truncated" in str(error)
            reason = "a body that is cut off" if cut_off else f"a body that is not JSON ({error})"
            failure = answer.unreadable(reason, may_heal=cut_off)
    raise failure
