"""Where this installation keeps its things: data folder, database, connection files.

Values come from ``ST_DELTEK_*`` environment variables, read once by ``load_settings``. Those that hold a secret may
name a file instead, as container engines hand secrets out (``secret_value``). Per-connection settings are files
(``st_deltek_pipeline.connections``); their secrets are in the vault, never here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from st_deltek_pipeline.domain.errors import ConfigurationError

DATA_DIR_VARIABLE = "ST_DELTEK_DATA_DIR"
DATABASE_URL_VARIABLE = "ST_DELTEK_DATABASE_URL"
DAGSTER_DATABASE_URL_VARIABLE = "ST_DELTEK_DAGSTER_DATABASE_URL"
CONNECTIONS_DIR_VARIABLE = "ST_DELTEK_CONNECTIONS_DIR"
CONNECTIONS_VARIABLE = "ST_DELTEK_CONNECTIONS"
MASTER_KEY_VARIABLE = "ST_DELTEK_MASTER_KEY"
DAGSTER_URL_VARIABLE = "ST_DELTEK_DAGSTER_URL"
CLOSE_URL_VARIABLE = "ST_DELTEK_CLOSE_URL"
CLOSE_PROXIES_VARIABLE = "ST_DELTEK_CLOSE_PROXIES"
FILE_SUFFIX = "_FILE"


@dataclass(frozen=True)
class Settings:
    """One installation.

    Attributes:
        data_dir: Folder for the embedded database, the master key file and Dagster's local files.
        database_url: A named server (``postgresql://...``), or ``None`` for the embedded one.
        dagster_database_url: A database of Dagster's own; ``None`` lets it share ours on a named server.
        dagster_url: Where people find Dagster's UI, for links to it; empty when nobody said so.
        close_url: Where people find the close reports, for links to them; likewise. With https a session is for https only.
        close_proxies: Addresses of proxies before the close reports, whose word is taken for where a request comes from.
        connections_dir: Folder of connection files.
        connection_names: Only these connections are loaded; ``None`` means all.
    """

    data_dir: Path
    database_url: str | None
    connections_dir: Path
    connection_names: frozenset[str] | None
    dagster_database_url: str | None = None
    dagster_url: str = ""
    close_url: str = ""
    close_proxies: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Leave the database URL out: it may hold a password."""
        return f"Settings(data_dir={str(self.data_dir)!r}, connections_dir={str(self.connections_dir)!r})"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Args:
        environment: Variables to read instead of ``os.environ``.

    Returns:
        Absolute paths; nothing is created, and only files that hold a database URL are opened.

    Raises:
        ConfigurationError: See ``secret_value``; or an address for links is none.
    """
    variables = os.environ if environment is None else environment
    return Settings(
        data_dir=Path(variables.get(DATA_DIR_VARIABLE) or ".st_deltek").absolute(),
        database_url=secret_value(DATABASE_URL_VARIABLE, variables),
        connections_dir=Path(variables.get(CONNECTIONS_DIR_VARIABLE) or "connections").absolute(),
        connection_names=_listed(CONNECTIONS_VARIABLE, variables) or None,
        dagster_database_url=secret_value(DAGSTER_DATABASE_URL_VARIABLE, variables),
        dagster_url=_address(DAGSTER_URL_VARIABLE, variables),
        close_url=_address(CLOSE_URL_VARIABLE, variables),
        close_proxies=_listed(CLOSE_PROXIES_VARIABLE, variables),
    )


def _listed(name: str, variables: Mapping[str, str]) -> frozenset[str]:
    """Read a variable of several values with commas between them."""
    values = (value.strip() for value in variables.get(name, "").split(","))
    return frozenset(value for value in values if value)


def _address(name: str, variables: Mapping[str, str]) -> str:
    """Read an address that pages link to; empty when it is not set."""
    value = variables.get(name, "").strip().rstrip("/")
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
        message = f"{name} is no address that can be linked to."
        raise ConfigurationError(message, advice="Write it as https://HOST, with a path where there is one.")
    return value


def secret_value(name: str, variables: Mapping[str, str]) -> str | None:
    """Read a variable that holds a secret, or the file that the variable with ``_FILE`` after its name names.

    Args:
        name: The variable.
        variables: The environment.

    Returns:
        The value, without blanks and line ends around it in a file; ``None`` when neither variable is set.

    Raises:
        ConfigurationError: Both are set, or the file cannot be read or is empty.
    """
    value, file_variable = variables.get(name) or None, f"{name}{FILE_SUFFIX}"
    path = variables.get(file_variable)
    if not path:
        return value
    if value is not None:
        message = f"{name} and {file_variable} are both set."
        raise ConfigurationError(message, advice="Unset one of them.")
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is not text"
        message = f"The file {path}, which {file_variable} names, cannot be read: {words}."
        raise ConfigurationError(message, advice="Check its path and that this account may read it.") from None
    if not text:
        message = f"The file {path}, which {file_variable} names, is empty."
        raise ConfigurationError(message, advice=f"Write the value of {name} into it.")
    return text
