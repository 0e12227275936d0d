"""Whom we hand credentials to: known hosts over https, and this machine when a connection says so."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from st_deltek_pipeline.domain.errors import ConfigurationError

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
    """

    system: str
    allowed_suffixes: tuple[str, ...]
    known_hosts: tuple[str, ...] = ()
    allow_insecure: bool = False

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
        if not self._knows(host):
            allowed = ", ".join(f"*.{suffix}" for suffix in self.allowed_suffixes)
            message = f"{host} is not a known {self.system} host (known: {allowed})."
            raise ConfigurationError(message, advice="Check the URL's spelling, or name the host explicitly.")
        return host

    def _knows(self, host: str) -> bool:
        if host in {known.lower().rstrip(".") for known in self.known_hosts}:
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
