import gzip
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from st_deltek_pipeline.domain.errors import (
    BrokenError,
    ConfigurationError,
    InDoubtError,
    PipelineError,
    TransientError,
)
from st_deltek_pipeline.transport.answers import Answer, BrokenAnswerError, UnreadableAnswerError
from st_deltek_pipeline.transport.exchange import ExchangeRecord
from st_deltek_pipeline.transport.hosts import HostPolicy
from st_deltek_pipeline.transport.redaction import Redactor
from st_deltek_pipeline.transport.session import HttpSession, Request, TooManyCallsError, UnreachableError
from st_deltek_pipeline_tests.scripted_server import (
    HTML,
    Call,
    FakeTime,
    NoLimit,
    Reply,
    ScriptedServer,
    gzip_reply,
    json_reply,
    unused_port,
)

HOSTS = HostPolicy("ServiceTitan", ("servicetitan.io",), allow_insecure=True)


@pytest.fixture
def records() -> list[ExchangeRecord]:
    return []


@pytest.fixture
def make(clock: FakeTime, records: list[ExchangeRecord]) -> Iterator[Callable[..., HttpSession]]:
    made: list[HttpSession] = []

    def build(**options: Any) -> HttpSession:
        session = HttpSession(
            system="ServiceTitan",
            log_name="servicetitan",
            hosts=HOSTS,
            limiter=NoLimit(),
            redactor=Redactor("the-app-key"),
            options=clock.options(**options),
            request_log=records.append,
        )
        made.append(session)
        return session

    yield build
    for session in made:
        session.close()


@pytest.fixture
def session(make: Callable[..., HttpSession]) -> HttpSession:
    return make()


def get(server: ScriptedServer, **changes: Any) -> Request:
    return Request("GET", "the list", f"{server.url}/list", **changes)


def post(server: ScriptedServer) -> Request:
    return Request("POST", "the entry", f"{server.url}/entry", body=b"{}", writes=True)


def read_json(answer: Answer) -> Any:
    return answer.json()


def fail_unless_fine(answer: Answer) -> Any:
    if not answer.succeeded:
        message = f"status {answer.status}"
        raise TransientError(message, retry_after=answer.retry_after)
    return answer.json()


# --- Retry-After --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize(("header", "waits"), [("3", 3.0), ("Mon, 05 Oct 2026 12:00:09 GMT", 9.0), ("0", 0.0)])
def test_a_429_is_waited_out_as_asked_even_for_a_write(
    session: HttpSession, server: ScriptedServer, clock: FakeTime, header: str, waits: float, *, writes: bool
) -> None:
    """T15: a 429 with what to wait."""
    server.replies(json_reply({}, 429, Retry_After=header), json_reply([1]))
    assert session.call(post(server) if writes else get(server), read_json) == [1]
    assert clock.sleeps == [waits]
    assert len(server.calls) == 2


def test_a_429_without_a_word_is_waited_out_with_growing_delays(
    session: HttpSession, server: ScriptedServer, clock: FakeTime
) -> None:
    """T15: a 429 without a word."""
    server.replies(*[json_reply({}, 429)] * 4, json_reply([1]))
    assert session.call(get(server), read_json) == [1]
    assert clock.sleeps == [0.25, 0.5, 1.0, 2.0]


def test_a_429_that_asks_for_too_long_is_handed_to_the_caller_at_once(
    session: HttpSession, server: ScriptedServer, clock: FakeTime
) -> None:
    """T15: a huge wait."""
    server.replies(json_reply({}, 429, Retry_After="3600"))
    with pytest.raises(TransientError) as raised:
        session.call(get(server), read_json)
    assert raised.value.retry_after == 3600
    assert clock.sleeps == []
    assert len(server.calls) == 1


@pytest.mark.parametrize(("header", "calls"), [("1", 10), ("110", 3)])
def test_a_429_storm_ends_in_an_error_and_not_in_endless_waiting(
    session: HttpSession, server: ScriptedServer, clock: FakeTime, header: str, calls: int
) -> None:
    """T15: a storm."""
    server.replies(json_reply({}, 429, Retry_After=header))
    with pytest.raises(TooManyCallsError, match="429"):
        session.call(get(server), read_json)
    assert len(server.calls) == calls
    assert sum(clock.sleeps) <= 300


def test_every_attempt_asks_the_rate_limiter(clock: FakeTime, server: ScriptedServer) -> None:
    taken: list[int] = []

    class Counting:
        def acquire(self, calls: int = 1) -> None:
            taken.append(calls)

    session = HttpSession(
        system="S", log_name="s", hosts=HOSTS, limiter=Counting(), redactor=Redactor(), options=clock.options()
    )
    server.replies(json_reply({}, 429), json_reply({}, 429), json_reply([]))
    session.call(get(server), read_json)
    session.close()
    assert taken == [1, 1, 1]


# --- Lost and broken answers --------------------------------------------------------------------------------------


DROPPED = Reply(drop=True)
HALF = Reply(200, b'[{"id": 1}', {"Content-Type": "application/json"}, promise=50)
HALF_WITHOUT_LENGTH = Reply(200, b'[{"id": 1}', {"Content-Type": "application/json"}, length=False)
BROKEN_GZIP = Reply(200, gzip.compress(b"[1]" * 1000)[:-20], {"Content-Encoding": "gzip"})
NOT_GZIP = Reply(200, b"[1, 2, 3]", {"Content-Encoding": "gzip"})
EMPTY = Reply(200, b"", {"Content-Type": "application/json"})
PAGE = Reply(200, b"<!DOCTYPE html><title>Sign in</title>", {"Content-Type": "text/html"})


@pytest.mark.parametrize("reply", [DROPPED, HALF, HALF_WITHOUT_LENGTH, BROKEN_GZIP, NOT_GZIP, EMPTY, PAGE])
def test_a_read_is_repeated_after_a_lost_or_broken_answer(
    session: HttpSession, server: ScriptedServer, reply: Reply
) -> None:
    server.replies(reply, reply, json_reply([1]))
    assert session.call(get(server), read_json) == [1]
    assert len(server.calls) == 3


@pytest.mark.parametrize("reply", [DROPPED, HALF, HALF_WITHOUT_LENGTH, NOT_GZIP, EMPTY, PAGE])
def test_a_read_gives_up_after_a_bounded_number_of_attempts(
    session: HttpSession, server: ScriptedServer, clock: FakeTime, reply: Reply
) -> None:
    server.replies(reply)
    with pytest.raises(TransientError, match="the list"):
        session.call(get(server), read_json)
    assert len(server.calls) == 5
    assert clock.sleeps == [0.25, 0.5, 1.0, 2.0]


@pytest.mark.parametrize("reply", [DROPPED, HALF, BROKEN_GZIP, NOT_GZIP, HALF_WITHOUT_LENGTH, EMPTY, PAGE])
def test_a_write_is_never_sent_again_after_a_lost_or_broken_answer(
    session: HttpSession, server: ScriptedServer, clock: FakeTime, reply: Reply
) -> None:
    server.replies(reply)
    with pytest.raises(InDoubtError, match="Read back before anything is sent again"):
        session.call(post(server), read_json)
    assert len(server.calls) == 1
    assert clock.sleeps == []


def test_a_write_whose_answer_takes_too_long_is_in_doubt(
    make: Callable[..., HttpSession], server: ScriptedServer
) -> None:
    release = threading.Event()

    def slow(_: Call) -> Reply:
        release.wait(10)
        return json_reply({})

    server.script = slow
    with pytest.raises(InDoubtError, match="ReadTimeout"):
        make(read_seconds=0.2).call(post(server), read_json)
    release.set()
    assert len(server.calls) == 1


@pytest.mark.parametrize("writes", [False, True])
def test_an_answer_that_drips_without_end_is_given_up(
    make: Callable[..., HttpSession], server: ScriptedServer, clock: FakeTime, *, writes: bool
) -> None:
    """T18: slow drip."""

    def drip() -> Iterator[bytes]:
        for _ in range(1000):
            clock.seconds += 10
            yield b"[1, " * 20_000

    server.script = lambda _: Reply(chunks=drip())
    session = make(answer_seconds=60.0)
    expected = InDoubtError if writes else TransientError
    with pytest.raises(expected, match="not finished after 60 s"):
        session.call(post(server) if writes else get(server), read_json)


def test_a_connection_refused_is_tried_again_and_never_in_doubt(
    session: HttpSession, records: list[ExchangeRecord]
) -> None:
    url = f"http://127.0.0.1:{unused_port()}/entry"
    with pytest.raises(TransientError, match="was not sent"):
        session.call(Request("POST", "the entry", url, body=b"{}", writes=True), read_json)
    assert [record.attempt for record in records] == [1, 2, 3, 4, 5]
    assert {record.status for record in records} == {None}


def test_after_a_host_was_unreachable_calls_try_once_until_one_is_answered(
    session: HttpSession, server: ScriptedServer, records: list[ExchangeRecord]
) -> None:
    def attempts_of(url: str) -> int:
        before = len(records)
        with pytest.raises(TransientError):
            session.call(Request("GET", "the list", url), read_json)
        return len(records) - before

    closed = f"http://127.0.0.1:{unused_port()}/list"
    with pytest.raises(UnreachableError, match="cannot be reached"):
        session.call(Request("GET", "the list", closed), read_json)
    assert len(records) == 5
    assert [attempts_of(closed), attempts_of(closed)] == [1, 1]
    server.replies(json_reply([]))
    assert session.call(get(server), read_json) == []
    assert attempts_of(closed) == 5


def test_a_known_outage_does_not_shorten_the_retries_of_what_connects(
    session: HttpSession, server: ScriptedServer
) -> None:
    closed = f"http://127.0.0.1:{unused_port()}/list"
    with pytest.raises(UnreachableError):
        session.call(Request("GET", "the list", closed), read_json)
    server.replies(DROPPED, DROPPED, json_reply([1]))
    assert session.call(get(server), read_json) == [1]


def test_a_name_that_does_not_resolve_is_never_in_doubt(session: HttpSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """T18: DNS failure."""

    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TransientError, match=r"api\.servicetitan\.io cannot be reached"):
        session.call(Request("POST", "the entry", "https://api.servicetitan.io/x", writes=True), read_json)


def test_the_next_request_uses_the_open_connection(session: HttpSession, server: ScriptedServer) -> None:
    ports: set[object] = set()
    server.script = lambda _: json_reply([])
    original = server._server.process_request

    def process(request: Any, client_address: Any) -> None:
        ports.add(client_address)
        original(request, client_address)

    server._server.process_request = process  # type: ignore[method-assign]
    for _ in range(5):
        session.call(get(server), read_json)
    assert len(ports) == 1


# --- Bounds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        json_reply(b"[" + b"1," * 1_000_000 + b"1]"),
        gzip_reply(b"[" + b"1," * 20_000_000 + b"1]"),
        Reply(200, gzip.compress(gzip.compress(bytes(20_000_000))), {"Content-Encoding": "gzip, gzip"}),
        Reply(chunks=[b"[" * 100_000] * 50),
    ],
    ids=["plain", "gzip bomb", "gzip in gzip", "without length"],
)
@pytest.mark.parametrize("writes", [False, True])
def test_an_answer_beyond_all_bounds_is_cut_off(
    make: Callable[..., HttpSession], server: ScriptedServer, reply: Reply, *, writes: bool
) -> None:
    """T17: what an answer is after decompression counts, and no more of it is ever held."""
    server.replies(reply)
    expected = InDoubtError if writes else BrokenError
    with pytest.raises(expected, match="more than 1000000 bytes"):
        make(largest_answer=1_000_000).call(post(server) if writes else get(server), read_json)
    assert len(server.calls) == 1


def test_compressed_answers_are_read(session: HttpSession, server: ScriptedServer) -> None:
    server.replies(gzip_reply(b'{"a": 1}'))
    assert session.call(get(server), read_json) == {"a": 1}
    assert server.calls[0].headers["accept-encoding"] == "gzip, deflate"


# --- Hosts, redirects, certificates -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_with_credentials(session: HttpSession, server: ScriptedServer, status: int) -> None:
    """T18: redirect."""
    with ScriptedServer() as elsewhere:
        server.replies(Reply(status, b"", {"Location": f"{elsewhere.url}/steal?x=1"}))
        with pytest.raises(BrokenError, match=r"127\.0\.0\.1 answered the list with a redirect .* to 127\.0\.0\.1"):
            session.call(get(server, headers={"Authorization": "token"}), read_json)
        assert elsewhere.calls == []
    assert len(server.calls) == 1


def test_a_host_nobody_knows_is_not_even_looked_up(session: HttpSession, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        pytest.fail("something was sent")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    for url in ("https://evil.example/x", "http://api.servicetitan.io/x"):
        with pytest.raises(ConfigurationError):
            session.call(Request("GET", "x", url), read_json)


def test_a_netrc_file_does_not_replace_our_authorization(
    make: Callable[..., HttpSession], server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login thief password stolen\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.replies(json_reply([]))
    make().call(get(server, headers={"Authorization": "ours"}), read_json)
    assert server.calls[0].headers["authorization"] == "ours"


def write_own_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_a_certificate_nobody_trusts_stops_everything(session: HttpSession, tmp_path: Path) -> None:
    """T18: TLS failure."""
    write_own_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, pytest.raises((ssl.SSLError, OSError)):
                context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"https://localhost:{listener.getsockname()[1]}/entry"
        with pytest.raises(BrokenError, match="certificate of localhost is not trusted"):
            session.call(Request("POST", "the entry", url, writes=True), read_json)
        thread.join()


# --- What can and cannot be read ----------------------------------------------------------------------------------


def answer_of(body: bytes, content_type: str = "application/json", status: int = 200) -> Answer:
    return Answer("ServiceTitan", "the list", status, {"content-type": content_type}, body, None, Redactor("hushhush"))


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "text"),
    [
        (b"<html>hushhush</html>", "application/json", UnreadableAnswerError, "HTML page"),
        (b"\xef\xbb\xbf  <?xml?>", "text/plain", UnreadableAnswerError, "HTML page"),
        (b"Gateway", "text/html; charset=utf-8", UnreadableAnswerError, "HTML page"),
        (b"", "application/json", UnreadableAnswerError, "empty"),
        (b'{"a": "hushhush', "application/json", UnreadableAnswerError, "cut off"),
        (b'{"a": NaN}', "application/json", BrokenAnswerError, "NaN"),
        (b'{"a": 1, "a": 2}', "application/json", BrokenAnswerError, "twice"),
        (b"nothing like it", "application/json", BrokenAnswerError, "not JSON"),
    ],
)
def test_an_unreadable_answer_says_its_status_and_shows_how_it_begins(
    body: bytes, content_type: str, kind: type[PipelineError], text: str
) -> None:
    """T17: HTML, nothing, truncated."""
    with pytest.raises(kind, match=text) as raised:
        answer_of(body, content_type, 203).json()
    assert "status 203" in str(raised.value)
    assert "hushhush" not in str(raised.value)
    assert len(str(raised.value)) < 500


def test_json_with_a_byte_order_mark_or_the_wrong_content_type_is_json() -> None:
    """T17: byte order mark and wrong content type."""
    assert answer_of(b'\xef\xbb\xbf{"a": 1}').json() == {"a": 1}
    assert answer_of(b'{"a": 1}', "text/html").json() == {"a": 1}
    assert answer_of(b'"<BR/>"', "text/plain").json() == "<BR/>"


# --- The request log ----------------------------------------------------------------------------------------------


def test_every_attempt_is_recorded_without_secrets(
    session: HttpSession, server: ScriptedServer, records: list[ExchangeRecord]
) -> None:
    server.replies(HTML, json_reply({"echo": "the-app-key", "access_token": "fresh"}))
    request = Request(
        "POST",
        "the list",
        f"{server.url}/list",
        query="page=1&servicetitanapplicationkey=the-app-key",
        headers={"Authorization": "hidden"},
        body=b"client_secret=hidden",
    )
    session.call(request, fail_unless_fine)
    assert [(record.attempt, record.status, record.method) for record in records] == [
        (1, 503, "POST"),
        (2, 200, "POST"),
    ]
    first, second = records
    assert first.system == "servicetitan"
    assert first.request_bytes == 20
    assert first.answer_bytes == len(HTML.body)
    assert "Service unavailable" in first.excerpt
    assert second.url == f"{server.url}/list?page=1&servicetitanapplicationkey=***"
    assert "hidden" not in repr(records)
    assert "the-app-key" not in repr(records)
    assert "fresh" not in repr(records)


def test_an_error_carries_no_trace_of_the_request_that_caused_it(
    session: HttpSession, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"http://127.0.0.1:{unused_port()}/entry"
    request = Request("GET", "the list", url, headers={"Authorization": "hidden"}, body=b"hidden")
    with caplog.at_level(logging.DEBUG), pytest.raises(TransientError) as raised:
        session.call(request, read_json)
    assert raised.value.__context__ is None
    assert raised.value.__cause__ is None
    assert "hidden" not in caplog.text + repr(request) + repr(raised.value)
