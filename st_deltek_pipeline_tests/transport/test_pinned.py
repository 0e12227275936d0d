"""Where the sockets of a session really go, whatever a name server says."""

import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from st_deltek_pipeline.domain.errors import ConfigurationError, TransientError
from st_deltek_pipeline.transport.addresses import private_network
from st_deltek_pipeline.transport.hosts import HostPolicy
from st_deltek_pipeline.transport.redaction import Redactor
from st_deltek_pipeline.transport.session import HttpSession, Request
from st_deltek_pipeline_tests.scripted_server import FakeTime, NoLimit, ScriptedServer, json_reply

URL = "https://api.servicetitan.io/list"
Resolve = Callable[..., list[Any]]


class Lookups:
    """A name server that says what the test tells it to, one answer after the other; real for addresses."""

    def __init__(self, resolve: Resolve, *answers: Sequence[str]) -> None:
        self._resolve = resolve
        self._answers = list(answers)
        self.names: list[str] = []

    def __call__(self, host: str, *args: Any, **options: Any) -> list[Any]:
        if not any(letter.isalpha() for letter in host.replace(":", "").lower().strip("abcdef")):
            return self._resolve(host, *args, **options)
        self.names.append(host)
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [entry for address in addresses for entry in self._resolve(address, *args, **options)]


@pytest.fixture
def connected_to(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that sockets were connected to; nothing leaves this machine."""
    asked: list[str] = []
    original = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        asked.append(address[0])
        if not str(address[0]).startswith("127."):
            raise ConnectionRefusedError
        original(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return asked


def session(hosts: HostPolicy) -> HttpSession:
    return HttpSession(
        system="ServiceTitan",
        log_name="servicetitan",
        hosts=hosts,
        limiter=NoLimit(),
        redactor=Redactor(),
        options=FakeTime().options(),
    )


@pytest.fixture
def strict() -> Iterator[HttpSession]:
    made = session(HostPolicy("ServiceTitan", ("servicetitan.io",)))
    yield made
    made.close()


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "127.0.0.1", "10.0.0.7", "100.64.3.2", "::1", "::ffff:169.254.169.254", "fe80::1"]
)
def test_a_name_that_leads_inwards_is_not_connected_to(
    strict: HttpSession, connected_to: list[str], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Lookups(socket.getaddrinfo, [address]))
    with pytest.raises(ConfigurationError, match=r"api\.servicetitan\.io leads to the address"):
        strict.call(Request("POST", "the list", URL, writes=True), lambda answer: answer.json())
    assert connected_to == []


def test_one_forbidden_address_among_good_ones_is_enough(
    strict: HttpSession, connected_to: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Lookups(socket.getaddrinfo, ["93.184.215.14", "10.0.0.7"]))
    with pytest.raises(ConfigurationError, match=r"10\.0\.0\.7"):
        strict.call(Request("GET", "the list", URL), lambda answer: answer.json())
    assert connected_to == []


def test_a_name_that_is_rebound_after_it_was_judged_gets_nothing(
    strict: HttpSession, connected_to: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look-up is harmless and the next one leads inwards: what was judged is what is connected to."""
    lookups = Lookups(socket.getaddrinfo, ["93.184.215.14", "93.184.215.15"], ["169.254.169.254"])
    monkeypatch.setattr(socket, "getaddrinfo", lookups)
    with pytest.raises(ConfigurationError, match=r"169\.254\.169\.254"):
        strict.call(Request("GET", "the list", URL), lambda answer: answer.json())
    # Both addresses of the first look-up were tried; the second look-up, for the next attempt, led nowhere.
    assert connected_to == ["93.184.215.14", "93.184.215.15"]
    assert lookups.names == ["api.servicetitan.io"] * 2


def test_a_server_of_ones_own_is_reached_in_the_network_that_is_named(
    connected_to: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = (private_network("10.20.0.0/24"),)
    office = session(HostPolicy("Vantagepoint", (), ("erp.acme.example",), private_networks=networks))
    monkeypatch.setattr(socket, "getaddrinfo", Lookups(socket.getaddrinfo, ["10.20.0.9"]))
    with pytest.raises(TransientError, match=r"erp\.acme\.example cannot be reached"):
        office.call(Request("GET", "the list", "https://erp.acme.example/x"), lambda answer: answer.json())
    assert set(connected_to) == {"10.20.0.9"}
    office.close()


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_the_environment_happens_to_name_is_not_used(
    strict: HttpSession, connected_to: list[str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Lookups(socket.getaddrinfo, ["93.184.215.14"]))
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with pytest.raises(TransientError):
        strict.call(Request("GET", "the list", URL), lambda answer: answer.json())
    assert set(connected_to) == {"93.184.215.14"}


def test_the_proxy_of_the_setting_is_used(connected_to: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as proxy:
        monkeypatch.setenv(
            "ST_DELTEK_PROXY",
            proxy.url.replace("http://", "http://user:CaNaRy-of-the-proxy@"),  # pragma: allowlist secret
        )  # pragma: allowlist secret
        made = session(HostPolicy("ServiceTitan", ("servicetitan.io",)))
        with pytest.raises(TransientError) as raised:
            made.call(Request("GET", "the list", URL), lambda answer: answer.json())
        made.close()
    assert set(connected_to) == {"127.0.0.1"}
    assert "CaNaRy" not in str(raised.value)


def test_the_sandbox_is_reached_by_its_name_and_its_addresses(connected_to: list[str]) -> None:
    with ScriptedServer() as sandbox:
        sandbox.script = lambda _: json_reply([1])
        loopback = session(HostPolicy("ServiceTitan", ("servicetitan.io",), allow_insecure=True))
        for host in ("127.0.0.1", "localhost"):
            url = sandbox.url.replace("127.0.0.1", host)
            assert loopback.call(Request("GET", "the list", f"{url}/x"), lambda answer: answer.json()) == [1]
        loopback.close()
    assert "127.0.0.1" in connected_to
