"""Which network addresses credentials may be sent to, whatever name led there. Names are judged in ``hosts``.

A name is looked up by somebody else's server, which may answer with an address of this machine, of the network it stands
in, or of a cloud's metadata service (server-side request forgery).
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Azure's own service for virtual machines has an address like any other (168.63.129.16). Alibaba's is among shared
# addresses, Amazon's and Google's in IPv6 among local ones, which a connection may name as its own.
_METADATA = frozenset(
    map(ip_address, ("100.100.100.200", "168.63.129.16", "169.254.169.254", "fd00:ec2::254", "fd20:ce::254"))
)
# Special (RFC 6890), which not every version of Python knows. Some clouds keep services in the first.
_SPECIAL = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24")))
# Translators (RFC 6052) and tunnels (RFC 3056, 4380) lead to the IPv4 address inside.
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
# Networks that an organisation gives out itself (RFC 1918, 4193, 6598); nothing else may be named as private.
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
# The last label decides for every resolver: 127.1, 0x7f.1, 2130706433 and 0177.0.0.1 are all this machine.
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


def is_number(host: str) -> bool:
    """Tell whether a host is an address, in any form that some resolver reads as one.

    Args:
        host: In lower case, without brackets and final dot.
    """
    return ":" in host or bool(_NUMBER.fullmatch(host.rpartition(".")[2]))


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the internet at large.

    Args:
        address: The address; one with another inside (mapped, translated, tunnelled) is judged by both.

    Returns:
        False for private, shared, loopback, link-local, site-local, multicast, reserved and metadata addresses.
    """
    if isinstance(address, IPv6Address):
        inner = _inside(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local or address in _LOCAL_NAT64:
            return False
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved and address not in _METADATA


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Tell whether an address is in one of the networks that a connection names as its own.

    Args:
        address: As for ``is_public``.
        networks: From ``private_network``.
    """
    inner = _inside(address) if isinstance(address, IPv6Address) else None
    judged = inner or address
    return judged not in _METADATA and any(judged in network for network in networks)


def private_network(text: str) -> Network:
    """Read a private network that somebody names.

    Args:
        text: Such as ``10.20.0.0/24``.

    Raises:
        ValueError: Not a network, or not one that organisations give out themselves.
    """
    network = ip_network(text)
    for private in _PRIVATE:
        if network.version == private.version and network.subnet_of(private):  # pyright: ignore[reportArgumentType]
            return network
    message = f"{text} is not a private network (within {', '.join(map(str, _PRIVATE))})"
    raise ValueError(message)


def _inside(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
