"""Dagster's storage: the named Postgres or the embedded one, chosen when an instance is opened.

dagster.yaml names this class. Dagster's own switch between backends does not exist (dagster.md section 8), and a
URL written into dagster.yaml could neither be optional nor start a server.
"""

from typing import Any, Self

from dagster_postgres import DagsterPostgresStorage

from st_deltek_pipeline.settings import load_settings
from st_deltek_pipeline.store.database import postgres_url_for_dagster


class InstanceStorage(DagsterPostgresStorage):
    """``DagsterPostgresStorage`` on the database of the installation's settings."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return an empty schema: everything comes from ``ST_DELTEK_*`` variables."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:  # noqa: ANN401, ARG003 - Dagster's private types
        """Open the storage, starting the embedded server when no other is named.

        Args:
            inst_data: What Dagster needs to build the same storage in another process.
            config_value: Nothing; see ``config_type``.

        Returns:
            A storage whose tables exist.
        """
        return cls(postgres_url=postgres_url_for_dagster(load_settings()), inst_data=inst_data)
