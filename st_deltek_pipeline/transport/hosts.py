"""Whom we hand credentials to: known hosts over https, and this machine when a connection says so.

The name is judged here before anything is sent, and the address it leads to when the connection is opened (``pinned``).
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.transport.addresses import Address, Network, is_number, is_public, is_within

# Stricter than any URL parser, so that two parsers can never disagree about which host a URL names.
_HOST_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_FORBIDDEN = re.compile(r"[\s\\\x00-\x20\x7f]")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine: 127.0.0.0/8, ::1 or ``localhost``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class HostPolicy:
    """Which URLs one system's credentials may be sent to.

    Attributes:
        system: For messages.
        allowed_suffixes: Domains whose hosts belong to the system's vendor.
        known_hosts: Further host names, for systems that run on somebody's own premises.
        allow_insecure: Plain http, for loopback addresses only.
        private_networks: Where ``known_hosts`` may be, beside public addresses.
    """

    system: str
    allowed_suffixes: tuple[str, ...]
    known_hosts: tuple[str, ...] = ()
    allow_insecure: bool = False
    private_networks: tuple[Network, ...] = ()

    def check(self, url: str) -> str:
        """Make sure that credentials may go to a URL.

        Args:
            url: Absolute; a query is fine, a user or password in it is not.

        Returns:
            The host's name, in lower case.

        Raises:
            ConfigurationError: Not https, not a known host, or not a plain URL. Nothing has been sent.
        """
        parts = None if _FORBIDDEN.search(url) else _split(url)
        if parts is None:
            message = f"The {self.system} URL in the connection is not a valid URL."
            raise ConfigurationError(message, advice="Write it as https://HOST/PATH.")
        scheme, host, has_user = parts
        if has_user:
            message = f"The {self.system} URL for {host} holds a user or password."
            raise ConfigurationError(message, advice="Put credentials into the vault: st-deltek connection add NAME.")
        if is_loopback(host) and self.allow_insecure and scheme in {"http", "https"}:
            return host
        if scheme != "https":
            message = f"{self.system} would be asked over {scheme}://{host}, which anybody on the way can read."
            raise ConfigurationError(
                message, advice="Use https; plain http is for loopback addresses with allow_insecure_hosts: true."
            )
        if is_number(host):
            message = f"The {self.system} URL names an address ({host}) and not a host."
            raise ConfigurationError(message, advice="Write the host's name: a certificate vouches for names.")
        if not self._knows(host):
            allowed = ", ".join(f"*.{suffix}" for suffix in self.allowed_suffixes)
            message = f"{host} is not a known {self.system} host (known: {allowed})."
            raise ConfigurationError(message, advice="Check the URL's spelling, or name the host explicitly.")
        return host

    def allows(self, host: str, address: Address) -> bool:
        """Say whether a connection for a host may be opened to an address that its name led to.

        Args:
            host: What ``check`` returned.
            address: What the name was looked up as.
        """
        if is_loopback(host):
            return self.allow_insecure and address.is_loopback
        return is_public(address) or (self._names(host) and is_within(address, self.private_networks))

    def _names(self, host: str) -> bool:
        return host in {known.lower().rstrip(".") for known in self.known_hosts}

    def _knows(self, host: str) -> bool:
        if self._names(host):
            return True
        return any(host == suffix or host.endswith(f".{suffix}") for suffix in self.allowed_suffixes)


def _split(url: str) -> tuple[str, str, bool] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").lower().rstrip(".")
    if not parts.scheme or port == 0:
        return None
    if not _HOST_NAME.fullmatch(host):
        try:
            ip_address(host)
        except ValueError:
            return None
    return parts.scheme.lower(), host, "@" in parts.netloc
