from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.transport.addresses import private_network
from st_deltek_pipeline.transport.hosts import HostPolicy, is_loopback

STRICT = HostPolicy("ServiceTitan", ("servicetitan.io",))
LOOPBACK = HostPolicy("ServiceTitan", ("servicetitan.io",), allow_insecure=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.servicetitan.io/accounting/v2",
        "https://API.ServiceTitan.IO",
        "https://auth-integration.servicetitan.io:443/connect/token",
        "https://servicetitan.io.",
    ],
)
def test_the_vendors_hosts_are_known(url: str) -> None:
    assert STRICT.check(url).endswith("servicetitan.io")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.servicetitan.io",
        "https://servicetitan.io.evil.example",
        "https://evilservicetitan.io",
        "https://evil.example/servicetitan.io",
        "https://evil.example\\.servicetitan.io",
        "https://evil.example#.servicetitan.io",
        "https://evil.example?.servicetitan.io",
        "https://api.servicetitan.io@evil.example",
        "https://evil.example%2f.servicetitan.io",
        "https://api.servicetitan.io\n.evil.example",
        "https://api.servicetitan.io:99999",
        "https://api.servicetitan.io:0",
        "https://",
        "ftp://api.servicetitan.io",
        "api.servicetitan.io",
        "https://127.0.0.1",
        "http://localhost:8000",
        "https://[::1",
        "",
    ],
)
def test_anything_else_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(ConfigurationError):
        STRICT.check(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:9", "http://127.5.6.7/x", "https://localhost"]
)
def test_loopback_is_allowed_only_when_the_connection_says_so(url: str) -> None:
    assert is_loopback(LOOPBACK.check(url))
    with pytest.raises(ConfigurationError):
        STRICT.check(url)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "0", "10.0.0.5",
        "127.0.0.1.", "[::1]", "[::ffff:127.0.0.1]", "[fe80::1%25eth0]", "[fd00:ec2::254]", "8.8.8.8",
    ],
)  # fmt: skip
def test_an_address_is_no_host_in_whatever_form_it_is_written(host: str) -> None:
    named = HostPolicy("Vantagepoint", ("deltekfirst.com",), (host.strip("[]."),))
    for policy in (STRICT, named):
        with pytest.raises(ConfigurationError):
            policy.check(f"https://{host}/api")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_loopback_leads_to_loopback_and_nowhere_else(host: str) -> None:
    checked = LOOPBACK.check(f"http://{host}:8000")
    assert LOOPBACK.allows(checked, ip_address("127.0.0.1"))
    for elsewhere in ("10.0.0.1", "169.254.169.254", "93.184.215.14"):
        assert not LOOPBACK.allows(checked, ip_address(elsewhere))
    assert not LOOPBACK.allows("api.servicetitan.io", ip_address("127.0.0.1"))


def test_a_private_network_is_for_the_hosts_that_a_connection_names() -> None:
    office = private_network("10.20.0.0/24")
    policy = HostPolicy("Vantagepoint", ("deltekfirst.com",), ("ERP.acme.example",), private_networks=(office,))
    assert policy.allows("erp.acme.example", ip_address("10.20.0.5"))
    assert policy.allows("erp.acme.example", ip_address("93.184.215.14"))
    assert not policy.allows("erp.acme.example", ip_address("10.21.0.5"))
    assert not policy.allows("erp.acme.example", ip_address("127.0.0.1"))
    assert not policy.allows("acme.deltekfirst.com", ip_address("10.20.0.5"))


@pytest.mark.parametrize(
    "url", ["http://192.168.1.5", "http://localhost.evil.example", "http://0.0.0.0", "http://127.1", "http://10.0.0.1"]
)
def test_insecure_hosts_must_be_loopback(url: str) -> None:
    with pytest.raises(ConfigurationError, match="https"):
        LOOPBACK.check(url)


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as raised:
        STRICT.check("https://user:hunter2hunter2@api.servicetitan.io")
    assert "hunter2" not in str(raised.value)


def test_a_host_on_somebodys_premises_can_be_named() -> None:
    policy = HostPolicy("Vantagepoint", ("deltekfirst.com",), ("erp.acme.example",))
    assert policy.check("https://ERP.acme.example/vantagepoint/api") == "erp.acme.example"
    with pytest.raises(ConfigurationError):
        policy.check("https://other.acme.example/vantagepoint/api")
    with pytest.raises(ConfigurationError):
        policy.check("http://erp.acme.example/vantagepoint/api")


@given(st.text(max_size=60))
def test_no_text_gets_through_unless_its_host_is_known(text: str) -> None:
    for prefix in ("", "https://", "https://api.servicetitan.io"):
        try:
            host = STRICT.check(prefix + text)
        except ConfigurationError:
            continue
        assert host == "servicetitan.io" or host.endswith(".servicetitan.io")
