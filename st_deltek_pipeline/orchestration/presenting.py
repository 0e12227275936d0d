"""How results look as Dagster metadata. Money is text with two decimals: Dagster's numbers are floats."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import dagster as dg

ROW_COUNT = "dagster/row_count"
TABLE_NAME = "dagster/table_name"
COLUMN_SCHEMA = "dagster/column_schema"


def money(amount: Decimal) -> dg.MetadataValue:
    """Show an amount with thousands separators and two decimals."""
    return dg.MetadataValue.text(f"{amount:,.2f}")


def table_metadata(table: str, columns: Mapping[str, str]) -> dict[str, object]:
    """Describe the table an asset fills.

    Args:
        table: Schema-qualified name.
        columns: Name to PostgreSQL type, in the table's order.
    """
    schema = dg.TableSchema(columns=[dg.TableColumn(name=name, type=kind) for name, kind in columns.items()])
    return {TABLE_NAME: table, COLUMN_SCHEMA: schema}


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MetadataValue:
    """Show rows as a markdown table, or say that there are none."""
    lines = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    if not lines:
        return dg.MetadataValue.md("none")
    head = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    return dg.MetadataValue.md("\n".join([*head, *lines]))


def _cell(value: object) -> str:
    text = f"{value:,.2f}" if isinstance(value, Decimal) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
