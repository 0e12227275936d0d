from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.transport.addresses import is_number, is_public, is_within, private_network


@pytest.mark.parametrize(
    "address",
    [
        "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "168.63.129.16",
        "169.254.169.254", "172.31.255.255", "192.0.0.192", "192.168.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254",
        "fe80::1", "fec0::1", "ff02::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_what_is_not_of_the_internet_is_no_address_for_credentials(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_what_is_of_the_internet_is_one(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_by_both(address: IPv4Address) -> None:
    mapped = IPv6Address(b"\x00" * 10 + b"\xff\xff" + address.packed)
    translated = IPv6Address(IPv6Address("64:ff9b::").packed[:12] + address.packed)
    assert is_public(mapped) == is_public(translated) == is_public(address)


@pytest.mark.parametrize("host", ["127.1", "0", "2130706433", "0x7f.1", "0x", "10.0.0.0x5", "::1", "1.2.3.4"])
def test_a_host_that_ends_in_a_number_is_an_address_to_some_resolver(host: str) -> None:
    assert is_number(host)


@pytest.mark.parametrize(
    "host", ["api.servicetitan.io", "localhost", "4u.example", "1.2.3.4.example", "0xcafe.example"]
)
def test_names_may_have_numbers(host: str) -> None:
    assert not is_number(host)


@pytest.mark.parametrize(
    "network", ["0.0.0.0/0", "8.8.8.0/24", "127.0.0.0/8", "169.254.0.0/16", "10.0.0.0/7", "::/0", "fe80::/10", "10.0.0.1/8", "x"]
)  # fmt: skip
def test_only_a_network_of_an_organisations_own_is_private(network: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        private_network(network)


def test_a_private_network_never_holds_a_metadata_service() -> None:
    networks = tuple(map(private_network, ("fc00::/7", "10.0.0.0/8", "100.64.0.0/10")))
    assert is_within(ip_address("fd12::1"), networks)
    assert is_within(ip_address("::ffff:10.1.1.1"), networks)
    assert is_within(ip_address("100.100.100.201"), networks)
    for service in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "::ffff:100.100.100.200"):
        assert not is_within(ip_address(service), networks)
