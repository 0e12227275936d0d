"""HTTP with every precaution: known hosts, time-outs, no redirects, bounded answers, rate limit, careful retries.

What an answer means is decided by the function that the caller hands in; this module decides only whether
there is an answer, and whether a request may be sent again. A request that writes is sent again only when the
first one surely had no effect: it never left, or was turned away with 429.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError, InDoubtError, TransientError
from st_deltek_pipeline.transport.answers import Answer
from st_deltek_pipeline.transport.attempts import Failure, Fault, Received
from st_deltek_pipeline.transport.exchange import ExchangeRecord, RequestLog
from st_deltek_pipeline.transport.hosts import HostPolicy, is_loopback
from st_deltek_pipeline.transport.options import TransportOptions
from st_deltek_pipeline.transport.rate_limit import RateLimiter
from st_deltek_pipeline.transport.redaction import Redactor
from st_deltek_pipeline.transport.retry_after import parse_retry_after
from st_deltek_pipeline.transport.tokens import TokenCache, TokenRefusedError

T = TypeVar("T")
_READ_BACK = "Read back before anything is sent again."


class TooManyCallsError(TransientError):
    """Turned away with 429, before anything happened."""


class UnreachableError(TransientError):
    """No connection came about, so nothing was sent; the session has tried as often as it is of use."""


@dataclass(frozen=True)
class Request:
    """What to send; its repr shows neither headers nor body.

    Attributes:
        what: For messages: the resource, without query.
        url: Absolute, percent-encoded, without query.
        query: Percent-encoded, without the question mark.
        writes: It may change something over there, so it must not be sent twice.
    """

    method: str
    what: str
    url: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes | None = field(default=None, repr=False)
    writes: bool = False


class HttpSession:
    """Pooled connections to one system; shared by threads.

    Args:
        system: The system's name, for messages.
        log_name: The system's name in exchange records.
        hosts: Where requests may go.
        limiter: Asked before every attempt.
        redactor: Knows the secrets.
        options: Time-outs, retries, sizes, clocks.
        asked_wait: Reads how long a 429 without ``Retry-After`` asks us to wait.
        request_log: Is told about every attempt.
    """

    def __init__(
        self,
        *,
        system: str,
        log_name: str,
        hosts: HostPolicy,
        limiter: RateLimiter,
        redactor: Redactor,
        options: TransportOptions,
        asked_wait: Callable[[Answer], int | None] = lambda _: None,
        request_log: RequestLog | None = None,
    ) -> None:
        self._system = system
        self._log_name = log_name
        self._hosts = hosts
        self._limiter = limiter
        self._redactor = redactor
        self._options = options
        self._asked_wait = asked_wait
        self._request_log = request_log
        # What one call found out after all its attempts, the next calls need not find out as slowly.
        self._known_unreachable = False
        # What sends takes a tenth of a second to import, and the definitions alone send nothing.
        from st_deltek_pipeline.transport.wire import Wire  # noqa: PLC0415

        self._wire = Wire(options, hosts)

    def close(self) -> None:
        """Close the pooled connections."""
        self._wire.close()

    def call(self, request: Request, read: Callable[[Answer], T]) -> T:
        """Send a request until there is an answer worth reading, or no use in trying.

        After a call that could not connect in any attempt, calls make a single one until one is answered.

        Args:
            request: What to send.
            read: Turns the answer into a value. After a TransientError from it, a request that only reads is
                sent again; one that writes is in doubt.

        Returns:
            What ``read`` returned.

        Raises:
            TransientError: Still no answer after all attempts, or asked to wait for too long.
            InDoubtError: A writing request left and was not clearly answered.
            BrokenError: A redirect, an untrusted certificate, an answer beyond all bounds.
            ConfigurationError: The host may not be given credentials, or its name leads to an address that may not.
        """
        attempt = 1
        waited = 0.0
        while True:
            try:
                return self._attempt(request, attempt, read)
            except TransientError as error:
                wait = self._wait_after(error, attempt)
                if isinstance(error, UnreachableError) and wait is None:
                    self._known_unreachable = True
                if wait is None or waited + wait > self._options.retry.longest_wait_in_all:
                    raise
            self._options.timing.sleep(wait)
            waited += wait
            attempt += 1

    def _attempt(self, request: Request, attempt: int, read: Callable[[Answer], T]) -> T:
        answer = self._exchange(request, attempt)
        try:
            return read(answer)
        except TransientError as error:
            if not request.writes:
                raise
            message = error.message
        raise InDoubtError(message, advice=_READ_BACK)

    def _wait_after(self, error: TransientError, attempt: int) -> float | None:
        retry = self._options.retry
        if isinstance(error, UnreachableError) and self._known_unreachable:
            return None
        most = retry.attempts_when_limited if isinstance(error, TooManyCallsError) else retry.attempts
        if attempt >= most or (error.retry_after or 0) > retry.longest_asked_wait:
            return None
        return retry.delay(attempt, error.retry_after, self._options.timing.jitter())

    def _exchange(self, request: Request, attempt: int) -> Answer:
        host = self._hosts.check(request.url)
        self._limiter.acquire()
        started = self._options.timing.monotonic()
        result = self._send(request, host)
        self._record(request, result, attempt, self._options.timing.monotonic() - started)
        if isinstance(result, Failure):
            raise self._error(request, result, host)
        self._known_unreachable = False
        answer = Answer(
            system=self._system,
            what=request.what,
            status=result.status,
            headers=result.headers,
            body=result.body,
            retry_after=parse_retry_after(result.headers.get("retry-after"), self._options.timing.now()),
            redactor=self._redactor,
        )
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
            target = _host_of(answer.headers.get("location", "")) or "nowhere"
            message = f"{host} answered {request.what} with a redirect ({answer.status}) to {target}."
            raise BrokenError(
                message, advice="Credentials are never sent after a redirect; put the final URL into the connection."
            )
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self._too_many_calls(answer)
        return answer

    def _too_many_calls(self, answer: Answer) -> TooManyCallsError:
        seconds = self._asked_wait(answer) if answer.retry_after is None else answer.retry_after
        asked = "" if seconds is None else f" and asked to wait {seconds} s"
        message = f"{self._system} turned {answer.what} away as one call too many (429){asked}."
        return TooManyCallsError(
            message, advice="Lower calls_per_second in the connection if this is frequent.", retry_after=seconds
        )

    def _send(self, request: Request, host: str) -> Received | Failure:
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": "st-deltek-pipeline"}
        headers.update(request.headers)
        url = f"{request.url}?{request.query}" if request.query else request.url
        return self._wire.send(request.method, url, headers, request.body, use_proxies=not is_loopback(host))

    def _error(
        self, request: Request, failure: Failure, host: str
    ) -> TransientError | InDoubtError | BrokenError | ConfigurationError:
        nothing_left = _never_sent(request.what, failure, host)
        if nothing_left is not None:
            return nothing_left
        if failure.fault is Fault.NOT_SENT:
            message = f"{self._system} at {host} cannot be reached ({failure.reason}); {request.what} was not sent."
            return UnreachableError(message, advice="Check the network and the URL in the connection.")
        if request.writes:
            message = f"{request.what} was sent to {self._system} and its answer was lost ({failure.reason})."
            return InDoubtError(message, advice=_READ_BACK)
        if failure.fault is Fault.TOO_LARGE:
            message = f"{self._system} answered {request.what} with {failure.reason}."
            return BrokenError(message, advice="Ask for smaller pages (page_size in the connection).")
        return TransientError(f"{self._system} did not answer {request.what} ({failure.reason}).")

    def _record(self, request: Request, result: Received | Failure, attempt: int, seconds: float) -> None:
        if self._request_log is None:
            return
        url = f"{request.url}?{request.query}" if request.query else request.url
        failed = isinstance(result, Failure)
        self._request_log(
            ExchangeRecord(
                system=self._log_name,
                method=request.method,
                url=self._redactor.text(url),
                status=None if failed else result.status,
                milliseconds=round(seconds * 1000),
                request_bytes=len(request.body or b""),
                answer_bytes=0 if failed else len(result.body),
                excerpt=result.reason if failed else self._redactor.excerpt(result.body),
                attempt=attempt,
            )
        )


class SignedSession:
    """A session whose calls carry a token, and which gets a new one when a call is answered 401.

    Args:
        http: Sends.
        tokens: Gives the token.
        sign: Turns a token into headers.
        refused_advice: What to check when even a new token is not accepted.
    """

    def __init__(
        self, http: HttpSession, tokens: TokenCache, sign: Callable[[str], Mapping[str, str]], *, refused_advice: str
    ) -> None:
        self._refused_advice = refused_advice
        self._http = http
        self._tokens = tokens
        self._sign = sign

    def call(self, request: Request, read: Callable[[Answer], T]) -> T:
        """Send a request with the current token, and once more with a new one after a 401.

        A 401 is given before anything is done, so this is safe for requests that write.

        Args:
            request: What to send, without ``Authorization``.
            read: As for ``HttpSession.call``; never sees a 401.

        Returns:
            What ``read`` returned.

        Raises:
            CredentialsError: No token to be had, or a new one is not accepted either.
            PipelineError: As for ``HttpSession.call``.
        """
        token = self._tokens.current()
        try:
            return self._once(request, token, read)
        except TokenRefusedError:
            pass  # raised only by this call's own 401, which has made the cache forget the token
        return self._once(request, self._tokens.current(), read)

    def _once(self, request: Request, token: str, read: Callable[[Answer], T]) -> T:
        def unless_refused(answer: Answer) -> T:
            if answer.status == HTTPStatus.UNAUTHORIZED:
                self._tokens.forget(token)
                message = f"{answer.system} does not accept a token it gave out, for {answer.what} (401)."
                raise TokenRefusedError(message, advice=self._refused_advice)
            return read(answer)

        return self._http.call(
            replace(request, headers={**request.headers, **self._sign(token)}),
            unless_refused,
        )


def _never_sent(what: str, failure: Failure, host: str) -> BrokenError | ConfigurationError | None:
    """Return the error of a request that nothing can be done about by repeating it, and of which nothing left."""
    if failure.fault is Fault.UNTRUSTED:
        message = f"The certificate of {host} is not trusted, so {what} was not asked for."
        return BrokenError(message, advice="Name your own certificate authority in REQUESTS_CA_BUNDLE.")
    if failure.fault is Fault.FORBIDDEN:
        message = f"{host} leads to {failure.reason}, so {what} was not asked for."
        advice = "Ask whoever runs your name server. A server in a network of yours is named in private_networks."
        return ConfigurationError(message, advice=advice)
    if failure.fault is Fault.UNSENDABLE:
        message = f"{what} at {host} cannot be put into a request ({failure.reason})."
        return BrokenError(message, advice="Check the URL and credentials of the connection.")
    return None


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
