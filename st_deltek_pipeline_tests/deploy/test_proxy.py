"""The proxy of deploy/proxy, run as it is, with plain http and two servers behind it that tell what reached them.

Its form is checked by ``make lint``. Here: nothing of the UI without a login, and deliveries only to the receiver.
"""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from st_deltek_pipeline_tests.deploy.deployment import DEPLOY
from st_deltek_pipeline_tests.scripted_server import Call, Reply, ScriptedServer

_CADDY = str(Path(sys.executable).parent / "caddy")
_START_SECONDS = 30
_DELIVERY = "/webhooks/acme/servicetitan"
_PATHS_OF_THE_UI = ["/", "/graphql", "/server_info", "/report_asset_materialization/acme", _DELIVERY, "//graphql"]
# What a parser may take for another path than the one that is let in.
_CROOKED_PATHS = [
    "/",
    "/graphql",
    "/healthz",
    "/readyz",
    "/webhooks/",
    "/webhooks/acme/deltek",
    "/webhooks/acme/servicetitan/",
    "/webhooks/acme/servicetitan/../../../graphql",
    "/webhooks/../webhooks",
    "/webhooks/ACME/servicetitan",
    "/webhooks/a%2Fb/servicetitan",
    "/x/webhooks/acme/servicetitan",
]


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class _Proxy:
    """The running proxy, and what is behind it."""

    ui_port: int
    webhooks_port: int
    ui: ScriptedServer
    receiver: ScriptedServer
    sign_in: ScriptedServer

    def ask_ui(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> _Answer:
        return _ask(self.ui_port, method, path, headers or {}, b"")

    def ask_webhooks(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> _Answer:
        return _ask(self.webhooks_port, method, path, headers or {}, body)


def _ask(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes) -> _Answer:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, body=body, headers=dict(headers))
        response = connection.getresponse()
        response.read()
        return _Answer(response.status, dict(response.headers))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(folder: Path, login: str, **variables: str) -> Generator[_Proxy]:
    with ExitStack() as stack:
        ui, receiver, sign_in = (stack.enter_context(ScriptedServer()) for _ in range(3))
        ui_port, webhooks_port = _free_port(), _free_port()
        environment = {
            "HOME": str(folder),
            "UI_ADDRESS": f"http://127.0.0.1:{ui_port}",
            "UI_LOGIN": login,
            "UI_UPSTREAM": ui.url.removeprefix("http://"),
            "WEBHOOKS_ADDRESS": f"http://127.0.0.1:{webhooks_port}",
            "WEBHOOKS_UPSTREAM": receiver.url.removeprefix("http://"),
            "OAUTH2_PROXY": sign_in.url.removeprefix("http://"),
            **variables,
        }
        shutil.copytree(DEPLOY / "proxy", folder / "proxy")
        log = stack.enter_context((folder / "caddy.log").open("wb"))
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            [_CADDY, "run", "--config", str(folder / "proxy/Caddyfile"), "--adapter", "caddyfile"],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + _START_SECONDS
            for port in (ui_port, webhooks_port):
                while not _answers(port):
                    assert process.poll() is None, (folder / "caddy.log").read_text()
                    assert time.monotonic() < deadline, (folder / "caddy.log").read_text()
                    time.sleep(0.02)
            yield _Proxy(ui_port, webhooks_port, ui, receiver, sign_in)
        finally:
            process.terminate()
            process.wait(20)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def with_password(tmp_path_factory: pytest.TempPathFactory) -> Generator[_Proxy]:
    # The usual cost takes a second for each new password.
    words = [_CADDY, "hash-password", "--plaintext", "right", "--algorithm", "bcrypt", "--bcrypt-cost", "4"]
    hashed = subprocess.run(  # noqa: S603 - our own arguments
        words, capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    with _running(tmp_path_factory.mktemp("basic"), "login-basic.caddy", UI_PASSWORD_HASH=hashed) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def with_sign_in(tmp_path_factory: pytest.TempPathFactory) -> Generator[_Proxy]:
    def script(call: Call) -> Reply:
        if call.path == "/oauth2/auth":
            known = call.headers.get("cookie") == "session=alice"
            return Reply(202, b"", {"X-Auth-Request-Email": "alice@example.com"}) if known else Reply(401)
        return Reply(200, b"sign in")

    with _running(tmp_path_factory.mktemp("oidc"), "login-oidc.caddy") as proxy:
        proxy.sign_in.script = script
        yield proxy


def _password(word: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'accounting:{word}'.encode()).decode()}"}


@pytest.mark.parametrize("path", _PATHS_OF_THE_UI)
@pytest.mark.parametrize("headers", [{}, _password("wrong"), _password("")], ids=["none", "wrong", "empty"])
def test_without_the_password_nothing_reaches_the_ui(with_password: _Proxy, path: str, headers: dict[str, str]) -> None:
    before = len(with_password.ui.calls)
    for method in ("GET", "POST"):
        assert with_password.ask_ui(method, path, headers).status == 401
    assert len(with_password.ui.calls) == before


def test_with_the_password_the_ui_answers_and_nobody_may_frame_it(with_password: _Proxy) -> None:
    response = with_password.ask_ui("GET", "/graphql?query=%7Bversion%7D", _password("right"))
    assert response.status == 200
    assert response.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
    call = with_password.ui.calls[-1]
    assert (call.method, call.path, call.query) == ("GET", "/graphql", "query=%7Bversion%7D")


@pytest.mark.parametrize("path", [*_PATHS_OF_THE_UI, "/oauth2/../graphql", "/oauth2%2F..%2Fgraphql", "/OAUTH2/x"])
def test_who_is_not_signed_in_is_sent_to_sign_in_and_never_to_the_ui(with_sign_in: _Proxy, path: str) -> None:
    before = len(with_sign_in.ui.calls)
    response = with_sign_in.ask_ui("GET", path, {"Cookie": "session=forged", "X-Auth-Request-Email": "a@example.com"})
    # The path may also be taken for one of the sign-in's own, which answers for itself.
    assert response.status == 302 or with_sign_in.sign_in.calls[-1].path != "/oauth2/auth"
    if response.status == 302:
        assert response.headers["Location"].startswith("/oauth2/sign_in?rd=/")
    assert len(with_sign_in.ui.calls) == before


def test_who_is_signed_in_reaches_the_ui_under_the_name_the_sign_in_gives(with_sign_in: _Proxy) -> None:
    forged = {"Cookie": "session=alice", "X-Auth-Request-Email": "boss@example.com"}
    assert with_sign_in.ask_ui("GET", "/runs", forged).status == 200
    assert with_sign_in.ui.calls[-1].path == "/runs"
    assert with_sign_in.ui.calls[-1].headers["x-auth-request-email"] == "alice@example.com"


def test_pages_of_the_sign_in_need_no_session(with_sign_in: _Proxy) -> None:
    assert with_sign_in.ask_ui("GET", "/oauth2/sign_in").status == 200
    assert with_sign_in.sign_in.calls[-1].path == "/oauth2/sign_in"


def test_a_delivery_reaches_the_receiver_byte_for_byte_without_a_login(with_password: _Proxy) -> None:
    body = b'{"id": "\xc3\xa9",\r\n "x": 1.10}\x00\xff' * 100
    headers = {"X-ServiceTitan-Signature": "sha256=abc", "Content-Type": "application/json"}
    assert with_password.ask_webhooks("POST", _DELIVERY, headers=headers, body=body).status == 200
    call = with_password.receiver.calls[-1]
    assert (call.method, call.path, call.body) == ("POST", _DELIVERY, body)
    assert call.headers["x-servicetitan-signature"] == "sha256=abc"
    assert [call.path for call in with_password.ui.calls if call.method == "POST"] == []


def test_what_the_receiver_answers_is_passed_on(with_password: _Proxy) -> None:
    with_password.receiver.script = lambda _: Reply(503, b"", {"Retry-After": "30"})
    try:
        response = with_password.ask_webhooks("POST", _DELIVERY, body=b"{}")
        assert (response.status, response.headers["Retry-After"]) == (503, "30")
    finally:
        with_password.receiver.script = lambda _: Reply()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", _CROOKED_PATHS)
def test_nothing_else_is_found_at_the_name_for_deliveries(with_password: _Proxy, method: str, path: str) -> None:
    before = (len(with_password.ui.calls), len(with_password.receiver.calls))
    assert with_password.ask_webhooks(method, path, headers=_password("right")).status == 404
    assert (len(with_password.ui.calls), len(with_password.receiver.calls)) == before


def test_only_posts_are_deliveries(with_password: _Proxy) -> None:
    before = len(with_password.receiver.calls)
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        assert with_password.ask_webhooks(method, _DELIVERY).status == 404
    assert len(with_password.receiver.calls) == before


@pytest.mark.parametrize("missing", ["UI_ADDRESS", "WEBHOOKS_ADDRESS", "UI_PASSWORD_HASH"])
def test_the_proxy_does_not_start_without_the_names_or_the_password(tmp_path: Path, missing: str) -> None:
    variables = {"UI_ADDRESS": "d.example.com", "WEBHOOKS_ADDRESS": "h.example.com", "UI_PASSWORD_HASH": "x"}
    done = subprocess.run(  # noqa: S603 - our own arguments
        [_CADDY, "adapt", "--config", str(DEPLOY / "proxy/Caddyfile"), "--validate"],
        env={"HOME": str(tmp_path), **{key: value for key, value in variables.items() if key != missing}},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
