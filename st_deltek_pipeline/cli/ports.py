"""Finds ports that are free to listen on."""

import socket

from st_deltek_pipeline.domain.errors import ConfigurationError

_PORTS_TRIED = 100


def chosen_port(host: str, wanted: int | None, first: int, option: str) -> int:
    """Return the port to listen on.

    Args:
        host: The address.
        wanted: What a person asked for; ``None`` takes the first free one.
        first: Where to begin to look.
        option: The option that chooses one, for messages.

    Raises:
        ConfigurationError: It is taken, or none is free.
    """
    if wanted is not None:
        if is_free(host, wanted):
            return wanted
        message = f"Port {wanted} of {host} is taken."
        raise ConfigurationError(message, advice=f"Stop what uses it, or choose another one with {option}.")
    for port in range(first, first + _PORTS_TRIED):
        if is_free(host, port):
            return port
    message = f"No free port on {host} from {first} to {first + _PORTS_TRIED - 1}."
    raise ConfigurationError(message, advice=f"Choose one with {option}.")


def is_free(host: str, port: int) -> bool:
    """Say whether a port can be listened on.

    Args:
        host: The address.
        port: The port.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
