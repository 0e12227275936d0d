"""Where this installation keeps its things: data folder, database, connection files.

Values come from ``ST_DELTEK_*`` environment variables, read once by ``load_settings``. Per-connection
settings are files (``st_deltek_pipeline.connections``); secrets are in the vault, never here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DATA_DIR_VARIABLE = "ST_DELTEK_DATA_DIR"
DATABASE_URL_VARIABLE = "ST_DELTEK_DATABASE_URL"
DAGSTER_DATABASE_URL_VARIABLE = "ST_DELTEK_DAGSTER_DATABASE_URL"
CONNECTIONS_DIR_VARIABLE = "ST_DELTEK_CONNECTIONS_DIR"
CONNECTIONS_VARIABLE = "ST_DELTEK_CONNECTIONS"
MASTER_KEY_VARIABLE = "ST_DELTEK_MASTER_KEY"


@dataclass(frozen=True)
class Settings:
    """One installation.

    Attributes:
        data_dir: Folder for the embedded database, the master key file and Dagster's local files.
        database_url: A named server (``postgresql://...``), or ``None`` for the embedded one.
        dagster_database_url: A database of Dagster's own; ``None`` lets it share ours on a named server.
        connections_dir: Folder of connection files.
        connection_names: Only these connections are loaded; ``None`` means all.
    """

    data_dir: Path
    database_url: str | None
    connections_dir: Path
    connection_names: frozenset[str] | None
    dagster_database_url: str | None = None

    def __repr__(self) -> str:
        """Leave the database URL out: it may hold a password."""
        return f"Settings(data_dir={str(self.data_dir)!r}, connections_dir={str(self.connections_dir)!r})"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Args:
        environment: Variables to read instead of ``os.environ``.

    Returns:
        Absolute paths; nothing is created or opened.
    """
    variables = os.environ if environment is None else environment
    names = [name.strip() for name in variables.get(CONNECTIONS_VARIABLE, "").split(",")]
    chosen = frozenset(name for name in names if name)
    return Settings(
        data_dir=Path(variables.get(DATA_DIR_VARIABLE) or ".st_deltek").absolute(),
        database_url=variables.get(DATABASE_URL_VARIABLE) or None,
        connections_dir=Path(variables.get(CONNECTIONS_DIR_VARIABLE) or "connections").absolute(),
        connection_names=chosen or None,
        dagster_database_url=variables.get(DAGSTER_DATABASE_URL_VARIABLE) or None,
    )
