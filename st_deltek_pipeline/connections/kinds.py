"""Which kinds of document a person means, of those that a connection moves."""

from collections.abc import Collection

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import ConfigurationError


def chosen_kinds(settings: ConnectionSettings, wanted: Collection[Kind], *, one: bool = False) -> tuple[Kind, ...]:
    """Return the kinds that are meant, in the order of posting.

    Args:
        settings: The connection.
        wanted: As given; empty means all that the connection moves.
        one: There must be exactly one, because a plan's hash is that of one kind.

    Raises:
        ConfigurationError: The connection does not move one of them, or there are several where one is needed.
    """
    moved = settings.posting.documents
    unmoved = sorted(kind.value for kind in wanted if kind not in moved)
    if unmoved:
        message = f"Connection {settings.name} does not move this kind of document: {', '.join(unmoved)}."
        raise ConfigurationError(message, advice="Name it in posting.documents of the connection's file.")
    chosen = tuple(kind for kind in moved if not wanted or kind in wanted)
    if one and len(chosen) != 1:
        message = "A plan and its hash are those of one kind of document."
        raise ConfigurationError(message, advice="Say which kind with --kind.")
    return chosen
