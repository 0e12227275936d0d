import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from st_deltek_pipeline.domain.errors import (
    BrokenError,
    ConfigurationError,
    CredentialsError,
    PermissionMissingError,
    RefusedError,
    TransientError,
)
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.credentials import ServiceTitanCredentials
from st_deltek_pipeline.servicetitan.errors import FeedTokenRefusedError
from st_deltek_pipeline.servicetitan.feeds import FeedPage
from st_deltek_pipeline_tests.scripted_server import (
    HTML,
    Call,
    FakeTime,
    NoLimit,
    Reply,
    ScriptedServer,
    json_reply,
)

CREDENTIALS = ServiceTitanCredentials("cid.1+/=", "cs&secret", "ak1.key")
FEED = "accounting/export/invoices"


def error_body(title: str, status: int, errors: dict[str, list[str]] | None = None) -> Reply:
    body = {"type": "t", "title": title, "status": status, "traceId": "0", "errors": errors or {}, "data": {}}
    return json_reply(body, status)


class Tokens:
    """The sign-in, numbered; the rest is the test's script."""

    def __init__(self, server: ScriptedServer) -> None:
        self.issued = 0
        self._server = server

    def then(self, script: Callable[[Call], Reply]) -> None:
        def answer(call: Call) -> Reply:
            if call.path == "/connect/token":
                self.issued += 1
                return json_reply({"access_token": f"token-{self.issued}", "expires_in": 900, "token_type": "Bearer"})
            return script(call)

        self._server.script = answer

    def then_replies(self, *replies: Reply) -> None:
        waiting = list(replies)
        self.then(lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0])

    def calls(self) -> list[Call]:
        return [call for call in self._server.calls if call.path != "/connect/token"]


@pytest.fixture
def tokens(server: ScriptedServer) -> Tokens:
    return Tokens(server)


@pytest.fixture
def client(server: ScriptedServer, clock: FakeTime) -> Iterator[ServiceTitanClient]:
    with ServiceTitanClient(
        api_url=server.url,
        auth_url=server.url,
        tenant_id=42,
        credentials=CREDENTIALS,
        page_size=3,
        rate_limiter=NoLimit(),
        allow_insecure_hosts=True,
        options=clock.options(),
    ) as made:
        yield made


def feed_page(rows: list[Any], token: str | None, *, more: bool) -> Reply:
    return json_reply({"hasMore": more, "continueFrom": token, "data": rows})


# --- Sign-in ------------------------------------------------------------------------------------------------------


def test_the_sign_in_and_the_calls_are_as_documented(
    client: ServiceTitanClient, server: ScriptedServer, tokens: Tokens
) -> None:
    tokens.then_replies(feed_page([], "t", more=False))
    client.export_feed(FEED, None)
    sign_in, call = server.calls
    assert sign_in.method == "POST"
    assert sign_in.headers["content-type"] == "application/x-www-form-urlencoded"
    assert sign_in.form == {
        "grant_type": "client_credentials",
        "client_id": "cid.1+/=",
        "client_secret": "cs&secret",
    }
    assert "st-app-key" not in sign_in.headers
    assert call.path == "/accounting/v2/tenant/42/export/invoices"
    assert call.headers["authorization"] == "token-1"
    assert call.headers["st-app-key"] == "ak1.key"


def test_one_token_serves_all_threads(client: ServiceTitanClient, tokens: Tokens) -> None:
    tokens.then_replies(feed_page([], "t", more=False))
    threads = [threading.Thread(target=client.export_feed, args=(FEED, None)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tokens.issued == 1
    assert len(tokens.calls()) == 8


def test_the_token_is_renewed_before_it_lapses(client: ServiceTitanClient, tokens: Tokens, clock: FakeTime) -> None:
    tokens.then_replies(feed_page([], "t", more=False))
    client.export_feed(FEED, None)
    clock.seconds += 841
    client.export_feed(FEED, None)
    assert [call.headers["authorization"] for call in tokens.calls()] == ["token-1", "token-2"]


def test_a_401_gets_one_retry_with_a_new_token(client: ServiceTitanClient, tokens: Tokens) -> None:
    """T16: 401 in the middle, or a clock that is wrong."""
    tokens.then(
        lambda call: (
            json_reply({}, 401) if call.headers["authorization"] == "token-1" else feed_page([], "t", more=False)
        )
    )
    assert client.export_feed(FEED, None) == FeedPage([], has_more=False, continue_from="t")
    assert tokens.issued == 2


def test_a_second_401_is_a_matter_of_credentials(client: ServiceTitanClient, tokens: Tokens) -> None:
    tokens.then_replies(json_reply({}, 401))
    with pytest.raises(CredentialsError, match=r"\(401\)\. Check the app key"):
        client.export_feed(FEED, None)
    assert len(tokens.calls()) == 2


def test_wrong_credentials_are_named_once_and_not_hammered(client: ServiceTitanClient, server: ScriptedServer) -> None:
    server.replies(json_reply({"error": "invalid_client"}, 400))
    for _ in range(3):
        with pytest.raises(CredentialsError, match="invalid_client") as raised:
            client.ping()
        assert "cs&secret" not in str(raised.value)
    assert server.paths() == ["/connect/token"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (json_reply({}, 404), ConfigurationError),
        (HTML, TransientError),
        (Reply(200, b"<html>portal</html>"), TransientError),
        (json_reply({"token": "x"}), BrokenError),
    ],
)
def test_a_sign_in_that_is_none_is_named(
    client: ServiceTitanClient, server: ScriptedServer, reply: Reply, error: type[Exception]
) -> None:
    server.replies(reply)
    with pytest.raises(error, match="sign-in"):
        client.ping()


@pytest.mark.parametrize("key", ["", "ak1\r\nX-Evil: 1", "ключ"])
def test_an_app_key_that_cannot_be_a_header_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(ConfigurationError, match="app key") as raised:
        ServiceTitanClient(
            api_url="https://api.servicetitan.io",
            auth_url="https://auth.servicetitan.io",
            tenant_id=1,
            credentials=ServiceTitanCredentials("a", "b", key),
        )
    assert not key or key not in str(raised.value)


@pytest.mark.parametrize(
    ("api_url", "auth_url"),
    [
        ("http://api.servicetitan.io", "https://auth.servicetitan.io"),
        ("https://api.servicetitan.io", "https://auth.example.com"),
        ("http://127.0.0.1:1", "https://auth.servicetitan.io"),
    ],
)
def test_a_client_for_a_host_nobody_knows_is_not_made(api_url: str, auth_url: str) -> None:
    with pytest.raises(ConfigurationError):
        ServiceTitanClient(api_url=api_url, auth_url=auth_url, tenant_id=1, credentials=CREDENTIALS)


def test_the_clients_repr_shows_no_credentials(client: ServiceTitanClient) -> None:
    assert "42" in repr(client)
    for secret in ("cid.1", "cs&secret", "ak1.key"):
        assert secret not in repr(client) + repr(CREDENTIALS)


# --- Feeds --------------------------------------------------------------------------------------------------------


def test_feed_rows_are_handed_out_byte_for_byte(client: ServiceTitanClient, tokens: Tokens) -> None:
    rows = [b'{"id":1, "total" : "1.50","name":"Z\\u00fcrich \xc3\xa9"}', b'{ "a":1.10,"a":2 }', b"null"]
    body = b'\xef\xbb\xbf{"data": [' + b" , ".join(rows) + b'],\n"hasMore":true,"continueFrom":"abc=="}'
    tokens.then_replies(json_reply(body))
    assert client.export_feed(FEED, None) == FeedPage(rows, has_more=True, continue_from="abc==")


def test_a_feed_goes_on_with_its_token_as_it_came(client: ServiceTitanClient, tokens: Tokens) -> None:
    tokens.then_replies(feed_page([], "n", more=False))
    client.export_feed(FEED, "a+b/c==&x", include_recent_changes=True)
    client.export_feed(FEED, None)
    first, second = tokens.calls()
    assert first.parameters == {"from": "a+b/c==&x", "includeRecentChanges": "true"}
    assert second.query == ""


def test_a_caught_up_feed_keeps_its_token(client: ServiceTitanClient, tokens: Tokens) -> None:
    tokens.then_replies(feed_page([], "same", more=False))
    assert client.export_feed(FEED, "same").rows == []


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (feed_page([{"id": 1}], "same", more=True), "repeats its token"),
        (feed_page([{"id": 1}], "same", more=False), "repeats its token"),
        (feed_page([], "same", more=True), "repeats its token"),
        (feed_page([{"id": 1}], None, more=False), "no token"),
        (feed_page([{"id": 1}], "", more=False), "no token"),
        (json_reply({"continueFrom": "n", "data": []}), "hasMore"),
        (json_reply({"continueFrom": "n", "hasMore": True}), "data"),
        (json_reply([{"id": 1}]), "unexpected shape"),
        (json_reply(b'{"hasMore": NaN}'), "not JSON"),
    ],
)
def test_a_feed_that_breaks_its_promises_stops(
    client: ServiceTitanClient, tokens: Tokens, reply: Reply, text: str
) -> None:
    tokens.then_replies(reply)
    with pytest.raises(BrokenError, match=text):
        client.export_feed(FEED, "same")
    assert len(tokens.calls()) == 1


@pytest.mark.parametrize(
    "reply",
    [
        HTML,
        json_reply({}, 500),
        json_reply({}, 502),
        json_reply({}, 504),
        json_reply(b'{"hasMore": true, "data": [{"id": 1'),
        Reply(200, b'{"hasMore": true', promise=100),
        Reply(200, b""),
        Reply(drop=True),
    ],
)
def test_a_feed_page_is_read_again_after_an_outage(client: ServiceTitanClient, tokens: Tokens, reply: Reply) -> None:
    tokens.then_replies(reply, reply, feed_page([{"id": 1}], "n", more=True))
    assert client.export_feed(FEED, None).rows == [b'{"id": 1}']
    assert len(tokens.calls()) == 3


def test_a_feed_that_stays_away_is_transient(client: ServiceTitanClient, tokens: Tokens) -> None:
    tokens.then_replies(HTML)
    with pytest.raises(TransientError, match=r"503.*run again when ServiceTitan is well"):
        client.export_feed(FEED, None)
    assert len(tokens.calls()) == 5


def test_a_refused_token_is_told_apart_from_other_refusals(client: ServiceTitanClient, tokens: Tokens) -> None:
    tokens.then_replies(error_body("Bad request", 400, {"from": ["Invalid continuation token."]}))
    with pytest.raises(FeedTokenRefusedError, match="from: Invalid continuation token") as raised:
        client.export_feed(FEED, "stale")
    assert raised.value.status == 400
    with pytest.raises(RefusedError) as plain:
        client.export_feed(FEED, None)
    assert not isinstance(plain.value, FeedTokenRefusedError)


def test_a_missing_scope_is_named(client: ServiceTitanClient, tokens: Tokens) -> None:
    tokens.then_replies(error_body("Forbidden", 403))
    with pytest.raises(PermissionMissingError, match=r"accounting/export/invoices.*tn\.acc\.invoices:r"):
        client.export_feed(FEED, None)
    with pytest.raises(PermissionMissingError, match=r"tn\.stt\.businessunits:r"):
        client.ping()


def test_a_wrong_tenant_or_path_is_a_matter_of_configuration(client: ServiceTitanClient, tokens: Tokens) -> None:
    tokens.then_replies(error_body("Not Found", 404))
    with pytest.raises(ConfigurationError, match="tenant_id"):
        client.export_feed(FEED, None)


def test_a_429_is_waited_out_by_the_seconds_in_its_title(
    client: ServiceTitanClient, tokens: Tokens, clock: FakeTime
) -> None:
    tokens.then_replies(
        error_body("Rate limit is exceeded. Try again in 7 seconds.", 429),
        error_body("Rate limit is exceeded.", 429),
        feed_page([], "n", more=False),
    )
    client.export_feed(FEED, None)
    assert clock.sleeps == [7.0, 0.5]


# --- Lists --------------------------------------------------------------------------------------------------------


def paged(rows: list[int], size: int, *, bare: bool = False) -> Callable[[Call], Reply]:
    def script(call: Call) -> Reply:
        page = int(call.parameters["page"])
        part = [{"id": row} for row in rows[(page - 1) * size : page * size]]
        if bare:
            return json_reply(part)
        return json_reply({"page": page, "pageSize": size, "hasMore": page * size < len(rows), "data": part})

    return script


def ids(pages: Iterator[list[bytes]]) -> list[list[int]]:
    return [[json.loads(row)["id"] for row in page] for page in pages]


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_lists_are_read_to_their_end(client: ServiceTitanClient, tokens: Tokens, count: int, *, bare: bool) -> None:
    tokens.then(paged(list(range(count)), 3, bare=bare))
    pages = ids(client.list_pages("accounting/inventory-bills"))
    assert [row for page in pages for row in page] == list(range(count))
    assert all(pages)


def test_filters_are_sent_as_the_api_reads_them(client: ServiceTitanClient, tokens: Tokens) -> None:
    tokens.then(paged([], 3))
    list(client.list_pages("accounting/invoices", statuses=["Pending", "Posted"], active="Any", total=True, jobId=None))
    call = tokens.calls()[0]
    assert call.query == "statuses=Pending&statuses=Posted&active=Any&total=true&page=1&pageSize=3"


@pytest.mark.parametrize(
    "script",
    [
        lambda _: json_reply({"hasMore": True, "data": []}),
        lambda _: json_reply({"hasMore": True, "data": [{"id": 1}]}),
        lambda _: json_reply([{"id": 1}, {"id": 2}, {"id": 3}]),
    ],
    ids=["more of nothing", "the same page for ever", "a bare array that ignores the page"],
)
def test_a_list_that_does_not_end_stops(
    client: ServiceTitanClient, tokens: Tokens, script: Callable[[Call], Reply]
) -> None:
    tokens.then(script)
    with pytest.raises(BrokenError, match="says there is more"):
        list(client.list_pages("accounting/gl-accounts"))
    assert len(tokens.calls()) <= 2


def test_ids_are_asked_for_fifty_at_a_time_and_once_each(client: ServiceTitanClient, tokens: Tokens) -> None:
    asked: list[list[str]] = []

    def script(call: Call) -> Reply:
        chunk = call.parameters["ids"].split(",")
        asked.append(chunk)
        return json_reply({"hasMore": False, "data": [{"id": int(each)} for each in chunk]})

    tokens.then(script)
    wanted = [*range(120), 5, 5]
    rows = list(client.by_ids("crm/customers", wanted, active="Any"))
    assert [json.loads(row)["id"] for row in rows] == list(range(120))
    assert [len(chunk) for chunk in asked] == [50, 50, 20]
    assert tokens.calls()[0].parameters["active"] == "Any"
    assert list(client.by_ids("crm/customers", [])) == []


def test_ping_asks_for_one_row(client: ServiceTitanClient, tokens: Tokens) -> None:
    tokens.then_replies(json_reply({"hasMore": True, "data": [{"id": 1}]}))
    client.ping("accounting/invoices")
    assert tokens.calls()[0].parameters == {"page": "1", "pageSize": "1"}
