"""The table schemas shown in Dagster's UI are those of the database."""

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.orchestration.presenting import table_metadata
from st_deltek_pipeline.orchestration.tables import TABLES

_COLUMNS = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_schema = :schema AND table_name = :table ORDER BY ordinal_position
"""


@pytest.mark.parametrize("table", TABLES)
def test_a_shown_table_has_exactly_the_databases_columns(module_engine: Engine, table: str) -> None:
    schema, name = table.split(".")
    with module_engine.connect() as db:
        rows = db.execute(text(_COLUMNS), {"schema": schema, "table": name})
        found = {row.column_name: row.data_type for row in rows}
    assert {column: described.type for column, described in TABLES[table].items()} == found


@pytest.mark.parametrize("table", TABLES)
def test_every_shown_column_says_what_stands_in_it(table: str) -> None:
    schema = table_metadata(table)["dagster/column_schema"]
    assert all((column.description or "").endswith(".") for column in schema.columns)
