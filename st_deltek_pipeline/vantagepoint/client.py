"""The Vantagepoint client: lists, transaction files, the ledger. When to call what is the posting service's business.

A request that writes is never sent twice from here. When its answer is lost, unreadable or a server fault, the
error is InDoubtError, and only a read-back can tell what happened.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from itertools import product
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode

from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError, InDoubtError, RefusedError, TransientError
from st_deltek_pipeline.transport.addresses import Network
from st_deltek_pipeline.transport.answers import Answer
from st_deltek_pipeline.transport.exact_json import NotJsonError, dumps, loads
from st_deltek_pipeline.transport.exchange import RequestLog
from st_deltek_pipeline.transport.hosts import HostPolicy
from st_deltek_pipeline.transport.options import TransportOptions
from st_deltek_pipeline.transport.rate_limit import LocalRateLimiter, RateLimiter
from st_deltek_pipeline.transport.redaction import Redactor
from st_deltek_pipeline.transport.session import HttpSession, Request, SignedSession
from st_deltek_pipeline.transport.tokens import TokenCache
from st_deltek_pipeline.vantagepoint.bodies import (
    Row,
    after_writing,
    field_of,
    first_row,
    folded,
    period_of,
    post_text,
    rows_of,
)
from st_deltek_pipeline.vantagepoint.credentials import VantagepointCredentials
from st_deltek_pipeline.vantagepoint.errors import refusal
from st_deltek_pipeline.vantagepoint.filters import Filter, conditions, filter_parameters
from st_deltek_pipeline.vantagepoint.post_answer import UnclearPostAnswerError, parse_post_answer
from st_deltek_pipeline.vantagepoint.rows import LedgerRow, PostAnswer, ledger_row
from st_deltek_pipeline.vantagepoint.sign_in import SignIn, raw_client_value

SYSTEM = "Vantagepoint"
HOST_SUFFIXES = ("deltekfirst.com",)

# Gateways refuse URLs of some 2,000 characters; the path and host need their share (section 2, dvp-postAsGet).
_LONGEST_QUERY = 1500
_MOST_ROWS = 50_000
# A server's own cap on page sizes is a round number: a short page of such a size may not be the last.
_ROUND = 50
# What a query holds besides the values it asks for.
_OVERHEAD = 300
_LIMIT_REFUSED = "Object reference not set"
_ENTRY, _LEDGER = "DataEntry/", "PSALedger/"
_JSON = {"Content-Type": "application/json"}
_LONGEST_SHOWN = 60
_READ_BACK = "Read back before anything is sent again."


class VantagepointClient:
    """One user of one database (vantagepoint.md sections 1 to 5); shared by threads.

    Args:
        base_url: ``https://TENANT.deltekfirst.com/TENANT/api``.
        database: Its name in API Authorization.
        credentials: User and client.
        integrated_sign_in: Windows or Azure AD sign-in.
        row_limit_parameter: ``q.maxrows`` for tenants that refuse ``limit`` on ledger and entry lists.
        page_size: Rows asked for per call of a list.
        long_queries_as_post: Send long queries with ``dvp-postAsGet``, else in chunks.
        calls_per_second: Used when no ``rate_limiter`` is given.
        rate_limiter: Shared with other processes of the connection.
        allow_insecure_hosts: Plain http to loopback addresses.
        known_hosts: Hosts of installations on somebody's own premises.
        private_networks: Where those may be, beside public addresses.
        request_log: Is told about every attempt, redacted.
        options: Time-outs, retries, clocks.

    Raises:
        ConfigurationError: A URL that credentials must not be sent to.
    """

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
        private_networks: Sequence[Network] = (),
        request_log: RequestLog | None = None,
        options: TransportOptions | None = None,
    ) -> None:
        chosen = options or TransportOptions()
        hosts = HostPolicy(SYSTEM, HOST_SUFFIXES, tuple(known_hosts), allow_insecure_hosts, tuple(private_networks))
        hosts.check(base_url)
        self._base_url = base_url.rstrip("/")
        self._database = database
        self._row_limit_parameter = row_limit_parameter
        self._page_size = page_size
        self._long_queries_as_post = long_queries_as_post
        secrets = (credentials.client_id, credentials.client_secret)
        self._redactor = Redactor(
            credentials.username, credentials.password, *secrets, *(raw_client_value(value) for value in secrets)
        )
        self._http = HttpSession(
            system=SYSTEM,
            log_name="vantagepoint",
            hosts=hosts,
            limiter=rate_limiter or LocalRateLimiter(calls_per_second),
            redactor=self._redactor,
            options=chosen,
            request_log=request_log,
        )
        sign_in = SignIn(self._http, f"{self._base_url}/token", database, credentials, integrated=integrated_sign_in)
        self._calls = SignedSession(
            self._http,
            TokenCache(sign_in.fetch, chosen.timing),
            _sign,
            refused_advice="Check base_url and database in the connection, and whether the user may still sign in.",
        )

    def __repr__(self) -> str:
        return f"VantagepointClient(base_url={self._base_url!r}, database={self._database!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._http.close()

    def ping(self) -> None:
        """Prove that URL, database, user and client fit.

        Raises:
            PipelineError: What does not fit, in words.
        """
        self._value("Settings/ActiveCompany", "Company")

    # --- Reading ------------------------------------------------------------------------------------------------

    def rows(
        self,
        path: str,
        *,
        filters: Sequence[Filter] = (),
        fields: Sequence[str] = (),
        parameters: Mapping[str, str] | None = None,
    ) -> Iterator[list[Row]]:
        """Read a list page by page (section 2).

        Args:
            path: Below the base URL, such as ``firm`` or ``PSALedger/IN``.
            filters: Conditions, all of which must hold.
            fields: Only these; none means all that the role may see.
            parameters: Further query parameters, such as ``wbstype``.

        Yields:
            The rows of each page; never an empty page. Numbers with a fraction are Decimals.

        Raises:
            RefusedError: A filter or field is not accepted.
            PermissionMissingError: The role may not read this.
            ConfigurationError: The tenant wants ``q.maxrows``.
            BrokenError: Not rows, or a list that does not end.
            TransientError: Not now.
        """
        chosen = [*filter_parameters(filters), *(parameters or {}).items()]
        if fields:
            chosen.append(("fieldFilter", ",".join(fields)))
        if self._row_limit_parameter == "q.maxrows" and path.startswith((_ENTRY, _LEDGER)):
            yield from self._all_at_once(path, chosen)
            return
        offset = 0
        before: list[Row] = []
        while True:
            page = self._page(path, [*chosen, ("limit", str(self._page_size)), ("offset", str(offset))])
            if not page:
                return
            if page == before:
                message = f"Vantagepoint's list {path} gives the same rows again at offset {offset}."
                raise BrokenError(message, advice="Raise page_size above the length of the list.")
            yield page
            offset += len(page)
            before = page
            if len(page) > self._page_size or (len(page) < self._page_size and len(page) % _ROUND):
                return

    def ledger_rows(
        self,
        trans_type: str,
        *,
        batches: Sequence[str] | None = None,
        invoices: Sequence[str] | None = None,
        references: Sequence[str] | None = None,
    ) -> list[LedgerRow]:
        """Read posted rows (section 4.7).

        Args:
            trans_type: ``IN`` for invoices.
            batches: Only rows of these files; an empty list answers nothing, ``None`` does not restrict.
            invoices: Only rows of these invoice numbers, likewise.
            references: Only rows of these references (RefNo), likewise. With several, rows must satisfy all.

        Returns:
            The rows, in no promised order. Text compares as in SQL Server: case does not matter.

        Raises:
            PipelineError: As for ``rows``.
        """
        wanted = [("Batch", batches), ("Invoice", invoices), ("RefNo", references)]
        chosen = [(name, list(dict.fromkeys(values))) for name, values in wanted if values is not None]
        found = [
            ledger_row(row)
            for filters in self._chunks(chosen)
            for page in self._ledger_pages(trans_type, filters)
            for row in page
        ]
        allowed = {name: {folded(value) for value in values} for name, values in chosen}
        # A tenant that does not know ``in`` might ignore the condition.
        return [
            row
            for row in found
            if folded(row.batch) in allowed.get("Batch", (folded(row.batch),))
            and folded(row.invoice) in allowed.get("Invoice", (folded(row.invoice),))
            and folded(row.reference) in allowed.get("RefNo", (folded(row.reference),))
        ]

    def active_company(self) -> str:
        """Say which company the user's session is in (section 4.8).

        Raises:
            PipelineError: As for ``rows``.
        """
        return self._value("Settings/ActiveCompany", "Company")

    def active_period(self) -> int:
        """Say which period, YYYYPP, the user's session is in (section 4.8).

        Raises:
            PipelineError: As for ``rows``.
        """
        return period_of(self._value("Settings/ActivePeriod", "Period"))

    def read_control(self, kind: str, batch: str) -> Row | None:
        """Read a transaction file's control row.

        Args:
            kind: ``in`` for invoices.
            batch: The file's key.

        Returns:
            The row, or ``None`` when Vantagepoint says that there is no such file.

        Raises:
            ConfigurationError: 404 did not come from Vantagepoint, so it says nothing about the file.
            PipelineError: As for ``rows``.
        """
        found = self._record(f"{_ENTRY}{kind}Control/{quote(batch, safe='')}")
        if found is not None and folded(str(found.get("Batch", batch))) != folded(batch):
            other = self._redactor.text(str(found["Batch"]))[:_LONGEST_SHOWN]
            message = f"Vantagepoint was asked for file {batch} and answered with file {other}."
            raise BrokenError(message)
        return found

    def read_masters(self, kind: str, batch: str) -> list[Row]:
        """Read the documents of a transaction file; an empty list when there is no such file.

        Raises:
            PipelineError: As for ``read_control``.
        """
        return self._rows_or_none(f"{_ENTRY}{kind}Master/{quote(batch, safe='')}")

    def read_details(self, kind: str, batch: str) -> list[Row]:
        """Read the lines of a transaction file; an empty list when there is no such file.

        Raises:
            PipelineError: As for ``read_control``.
        """
        return self._rows_or_none(f"{_ENTRY}{kind}Detail/{quote(batch, safe='')}")

    def firms(self, column: str, values: Sequence[str]) -> list[Row]:
        """Read the firms that have one of some values in a column (section 3).

        Args:
            column: ``Name``, ``ClientID`` or a column of the tenant's own. Text compares as in SQL Server.
            values: An empty list answers nothing.

        Raises:
            PipelineError: As for ``rows``.
        """
        wanted = list(dict.fromkeys(values))
        if not wanted:
            return []
        found = [
            row
            for filters in self._chunks([(column, wanted)])
            for page in self.rows("firm", filters=filters)
            for row in page
        ]
        # A tenant that does not know the condition might ignore it.
        allowed = {folded(value) for value in wanted}
        return [row for row in found if folded(str(row.get(column) or "")) in allowed]

    def read_firm(self, client_id: str) -> Row | None:
        """Read one firm; ``None`` when Vantagepoint says that there is no such firm.

        Raises:
            PipelineError: As for ``read_control``.
        """
        return self._record(self._firm(client_id))

    def firm_addresses(self, client_id: str) -> list[Row]:
        """Read the addresses of a firm; an empty list when there is no such firm.

        Raises:
            PipelineError: As for ``rows``.
        """
        return self._rows_or_none(f"{self._firm(client_id)}/address")

    def vendor_accounting(self, client_id: str) -> list[Row]:
        """Read a vendor firm's accounting data, one row for each company that has any (section 3).

        Args:
            client_id: The firm; a firm without such data is answered with an empty list or with 404.

        Raises:
            PipelineError: As for ``rows``.
        """
        return self._rows_or_none(f"{self._firm(client_id)}/vendorAccountingInfo")

    # --- Writing: sent at most once -----------------------------------------------------------------------------

    def set_active_period(self, period: int) -> None:
        """Move the user's session to a period; every caller that is this user moves along (section 4.8).

        Args:
            period: YYYYPP.

        Raises:
            RefusedError: No such period, or one the role may not use.
            InDoubtError: The answer was lost: the period may still change at any moment.
            BrokenError: Vantagepoint stayed in another period.
        """
        self._set_active("Settings/ActivePeriod", "Period", str(period))

    def set_active_company(self, code: str) -> None:
        """Move the user's session to a company; every caller that is this user moves along.

        Args:
            code: As in ``Settings/Company``.

        Raises:
            RefusedError: No such company, or one the user has no access to.
            InDoubtError: The answer was lost: the company may still change at any moment.
            BrokenError: Vantagepoint stayed in another company.
        """
        self._set_active("Settings/ActiveCompany", "Company", code)

    def enter_file(self, kind: str, body: Mapping[str, Any] | bytes) -> Row:
        """Create a transaction file: control, masters and details in one request (section 4).

        Args:
            kind: ``in`` for invoices.
            body: The control's fields with ``inMaster`` and ``inDetail``; amounts as Decimals. Bytes are
                sent as they are.

        Returns:
            The control row that Vantagepoint made of it.

        Raises:
            AlreadyExistsError: The Batch is taken, most likely by our own earlier request.
            RefusedError: A rule; ``words`` is Vantagepoint's own text. Nothing was entered.
            InDoubtError: The file left, and no clear answer came back.
            TransientError: The file surely did not leave, or was turned away.
            PermissionMissingError: The role may not enter files.
            CredentialsError: Not even a new token was accepted.
        """
        content = body if isinstance(body, bytes) else dumps(body)
        batch = str(loads(content).get("Batch", ""))
        return self._entered(f"{_ENTRY}{kind}Control", content, f"file {batch}", batch)

    def enter_document(self, kind: str, batch: str, key: Sequence[str], body: Mapping[str, Any] | bytes) -> Row:
        """Create one document, in a database that does not use files to group transactions (section 4).

        Args:
            kind: ``in`` for invoices.
            batch: The Batch it is entered under; its control row is made with the first document.
            key: The document's key within it, such as invoice number and project.
            body: The master's fields with ``inDetail``; as for ``enter_file``.

        Returns:
            The master row that Vantagepoint made of it.

        Raises:
            PipelineError: As for ``enter_file``; AlreadyExistsError: the Batch has a document with this key.
        """
        content = body if isinstance(body, bytes) else dumps(body)
        named = "|".join((batch, *key))
        return self._entered(f"{_ENTRY}{kind}Master/{quote(named, safe='')}", content, f"document {named}", batch)

    def post_file(self, kind: str, batch: str, *, company: str, period: int, description: str) -> PostAnswer:
        """Post an entered transaction file to the ledger (section 4.6).

        Args:
            kind: ``in`` for invoices.
            batch: The file's key.
            company: Of the user's session, which decides; sent along so that a mismatch shows.
            period: YYYYPP, likewise.
            description: Of the posting.

        Returns:
            What became of the file, posted or not.

        Raises:
            PipelineError: As for ``enter_file``; InDoubtError also when the answer does not say what became
                of the file, or when only some of its records were posted.
        """
        what = f"{_ENTRY}PostTransFile"
        parms = {
            "batch": batch,
            "clientcompany": company,
            "description": description,
            "period": str(period),
            "transtype": kind.upper(),
        }
        content = dumps({"parms": parms})
        answer = self._write(Request("PUT", what, self._url(what), headers=_JSON, body=content, writes=True))
        try:
            said = parse_post_answer(post_text(answer), batch)
            return replace(said, message=self._redactor.text(said.message))
        except UnclearPostAnswerError as error:
            reason = str(error)
        message = f"Vantagepoint's answer to the posting of file {batch} is not clear ({reason}): {answer.excerpt()}"
        raise InDoubtError(message, advice="Read the file and the ledger back before anything is sent again.")

    def delete_file(self, kind: str, batch: str) -> None:
        """Delete an unposted transaction file; one that is not there is no error.

        Raises:
            PipelineError: As for ``enter_file``.
        """
        what = f"{_ENTRY}{kind}Control/{quote(batch, safe='')}"
        self._write(Request("DELETE", what, self._url(what), writes=True), missing_is_fine=True)

    def create_firm(self, body: Mapping[str, Any]) -> Row:
        """Create a firm (section 3). Nothing but the caller keeps a firm from being created twice.

        Args:
            body: Its fields.

        Returns:
            The firm as answered, with its ClientID; numbers that Vantagepoint gave may be missing in it.

        Raises:
            AlreadyExistsError: A number is taken.
            RefusedError: A rule; ``words`` is Vantagepoint's own text. Nothing was created.
            InDoubtError: The firm left, and no clear answer came back.
            TransientError: The firm surely did not leave, or was turned away.
            PermissionMissingError: The role may not create firms.
        """
        request = Request("POST", "firm", self._url("firm"), headers=_JSON, body=dumps(body), writes=True)
        created = first_row(after_writing(self._write(request)))
        if created is None or not str(created.get("ClientID") or "").strip():
            message = f"Vantagepoint took firm {body.get('Name')!r} but did not answer with its ClientID."
            raise InDoubtError(message, advice=_READ_BACK)
        return created

    def change_firm(self, client_id: str, body: Mapping[str, Any]) -> None:
        """Change the fields of a firm that are named; every write checks all required fields again.

        Args:
            client_id: The firm.
            body: Fields and their new values.

        Raises:
            PipelineError: As for ``create_firm``.
        """
        what = self._firm(client_id)
        self._write(Request("PUT", what, self._url(what), headers=_JSON, body=dumps(body), writes=True))

    def create_firm_address(self, client_id: str, body: Mapping[str, Any]) -> None:
        """Add an address to a firm; a repeated label is refused on some tenants and added again on others.

        Args:
            client_id: The firm.
            body: Its fields; ``Address`` is the label.

        Raises:
            PipelineError: As for ``create_firm``.
        """
        what = f"{self._firm(client_id)}/address"
        self._write(Request("POST", what, self._url(what), headers=_JSON, body=dumps(body), writes=True))

    def _entered(self, what: str, content: bytes, entry: str, batch: str) -> Row:
        answer = self._write(Request("POST", what, self._url(what), headers=_JSON, body=content, writes=True))
        entered = first_row(after_writing(answer))
        if entered is None or folded(str(entered.get("Batch"))) != folded(batch):
            message = f"Vantagepoint took {entry} with status {answer.status} but did not answer with its row."
            raise InDoubtError(message, advice=_READ_BACK)
        return entered

    # --- Inside -------------------------------------------------------------------------------------------------

    def _url(self, path: str) -> str:
        return f"{self._base_url}/{path}"

    def _page(self, path: str, parameters: Sequence[tuple[str, str]]) -> list[Row]:
        query = urlencode(parameters)
        request = Request("GET", path, self._url(quote(path, safe="/%|:")), query=query)
        # Never below DataEntry: there a POST whose header is overlooked would create something.
        if self._long_queries_as_post and len(query) > _LONGEST_QUERY and not path.startswith(_ENTRY):
            request = Request(
                "POST",
                path,
                request.url,
                headers={"Content-Type": "application/x-www-form-urlencoded", "dvp-postAsGet": "true"},
                body=query.encode(),
            )
        limited = path.startswith((_ENTRY, _LEDGER)) and any(name == "limit" for name, _ in parameters)

        def read(answer: Answer) -> list[Row]:
            if not answer.succeeded:
                error = refusal(answer, writes=False)
                if limited and isinstance(error, TransientError) and _LIMIT_REFUSED in str(error):
                    message = f"{error.message} Some tenants answer so when a list is asked for with limit."
                    advice = "Set vantagepoint.row_limit_parameter: q.maxrows in the connection."
                    raise ConfigurationError(message, advice=advice)
                raise error
            return rows_of(answer)

        return self._calls.call(request, read)

    def _all_at_once(self, path: str, chosen: Sequence[tuple[str, str]]) -> Iterator[list[Row]]:
        page = self._page(path, [*chosen, ("q.maxrows", str(_MOST_ROWS))])
        if len(page) >= _MOST_ROWS:
            message = f"Vantagepoint's list {path} has {len(page)} rows or more, and q.maxrows has no second page."
            raise BrokenError(message, advice="Ask for less at once, or set vantagepoint.row_limit_parameter: limit.")
        if page:
            yield page

    @staticmethod
    def _firm(client_id: str) -> str:
        return f"firm/{quote(client_id, safe='')}"

    def _rows_or_none(self, path: str) -> list[Row]:
        try:
            return [row for page in self.rows(path) for row in page]
        except RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return []
            raise

    def _record(self, path: str) -> Row | None:
        def read(answer: Answer) -> Row | None:
            if answer.succeeded:
                rows = rows_of(answer)
                return rows[0] if rows else None
            error = refusal(answer, writes=False)
            if isinstance(error, RefusedError) and error.status == HTTPStatus.NOT_FOUND:
                return None
            raise error

        return self._calls.call(Request("GET", path, self._url(path)), read)

    def _value(self, path: str, field: str) -> str:
        def read(answer: Answer) -> str:
            if not answer.succeeded:
                raise refusal(answer, writes=False)
            value = field_of(answer.json(), field)
            if value is None:
                message = f"Vantagepoint answered {path} without {field}: {answer.excerpt()}"
                raise BrokenError(message, advice="The API user's role may hide it.")
            return value

        return self._calls.call(Request("GET", path, self._url(path)), read)

    def _set_active(self, path: str, field: str, wanted: str) -> None:
        what = f"{path}/{quote(wanted, safe='')}"
        answer = self._write(Request("PUT", what, self._url(what), writes=True))
        try:
            now = field_of(loads(answer.body), field)
        except NotJsonError:
            now = None
        if not now:
            now = self._value(path, field)
        if folded(now) != folded(wanted):
            shown = self._redactor.text(now)[:_LONGEST_SHOWN]
            message = f"Vantagepoint was told to make {wanted} the active {field.lower()} and stayed with {shown}."
            raise BrokenError(message, advice="Somebody else may be signed in as the same user.")

    def _write(self, request: Request, *, missing_is_fine: bool = False) -> Answer:
        def read(answer: Answer) -> Answer:
            if answer.succeeded:
                return answer
            error = refusal(answer, writes=True)
            if missing_is_fine and isinstance(error, RefusedError) and error.status == HTTPStatus.NOT_FOUND:
                return answer
            raise error

        answer = self._calls.call(request, read)
        if answer.is_page:
            message = f"Vantagepoint answered {request.what} with status {answer.status} and an HTML page: "
            raise InDoubtError(message + answer.excerpt(), advice=_READ_BACK)
        return answer

    def _ledger_pages(self, trans_type: str, filters: Sequence[Filter]) -> Iterator[list[Row]]:
        return self.rows(f"{_LEDGER}{quote(trans_type, safe='')}", filters=filters)

    def _chunks(self, chosen: Sequence[tuple[str, Sequence[str]]]) -> Iterator[tuple[Filter, ...]]:
        longest = None if self._long_queries_as_post else (_LONGEST_QUERY - _OVERHEAD) // max(1, len(chosen))
        return product(*(list(conditions(name, values, longest)) for name, values in chosen))


def _sign(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
