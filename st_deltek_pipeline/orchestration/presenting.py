"""How results look as Dagster metadata. Money is text with two decimals: Dagster's numbers are floats."""

import html
import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import shown
from st_deltek_pipeline.domain.reconciliation import OutsideSum
from st_deltek_pipeline.domain.shown_text import in_a_line
from st_deltek_pipeline.orchestration.tables import TABLES
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.journal_ranges import JournalRange

# What begins code, emphasis, links, pictures and columns. An underscore within a word begins nothing.
_MARKDOWN = re.compile(r"[\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")

ROW_COUNT = "dagster/row_count"
TABLE_NAME = "dagster/table_name"
COLUMN_SCHEMA = "dagster/column_schema"


def money(amount: Decimal) -> dg.MetadataValue:
    """Show an amount with thousands separators and two decimals."""
    return dg.MetadataValue.text(shown(amount))


def table_metadata(table: str) -> dict[str, Any]:
    """Describe the table an asset fills.

    Args:
        table: Schema-qualified name, one of ``tables.TABLES``.
    """
    columns = [dg.TableColumn(name, column.type, column.description) for name, column in TABLES[table].items()]
    return {TABLE_NAME: table, COLUMN_SCHEMA: dg.TableSchema(columns=columns)}


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MetadataValue:
    """Show rows as a markdown table, or say that there are none."""
    lines = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    if not lines:
        return dg.MetadataValue.md("none")
    head = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    return dg.MetadataValue.md("\n".join([*head, *lines]))


def outside_table(sums: Iterable[OutsideSum]) -> dg.MetadataValue:
    """Show what is held, under way or ignored, by reason, with what an accountant can do about it."""
    return markdown_table(
        ("kind", "reason", "documents", "amount", "what to do"),
        [(each.kind.value, each.reason, each.documents, each.amount, each.advice) for each in sums],
    )


def journal_range(found: JournalRange) -> dict[str, dg.MetadataValue]:
    """Say which part of the journal a materialization wrote or rests on; every such asset carries it.

    Args:
        found: The events; where there are none, that is said.
    """

    def shown_place(sequence: int | None) -> dg.MetadataValue:
        return dg.MetadataValue.text("none") if sequence is None else dg.MetadataValue.int(sequence)

    return {
        "journal_first": shown_place(found.first),
        "journal_last": shown_place(found.last),
        "journal_events": dg.MetadataValue.int(found.events),
    }


def holds_listed_by(connection: str, day: date, kind: Kind | None = None) -> dg.MetadataValue:
    """Show the command that names each held document of a business day.

    Args:
        connection: The connection's name.
        day: The business day.
        kind: Only this kind of document.
    """
    of_kind = f" --kind {kind.value}" if kind else ""
    return dg.MetadataValue.md(f"`st-deltek holds list {connection} --day {day}{of_kind}`")


CLOSE_REPORT = "close_report"


def close_report_link(settings: Settings, connection: str, day: date) -> dg.MetadataValue:
    """Lead to the close report of a business day: its page, or the command where nobody said where pages are.

    Args:
        settings: The installation.
        connection: The connection's name.
        day: The business day.
    """
    if settings.close_url:
        return dg.MetadataValue.url(f"{settings.close_url}/{connection}/{day}")
    return dg.MetadataValue.md(f"`st-deltek close {connection} --day {day}`")


def _cell(value: object) -> str:
    """Write a value as text that Dagster's markdown shows as it is: no HTML, no link, no picture, no further column."""
    text = shown(value) if isinstance(value, Decimal) else str(value)
    return _MARKDOWN.sub(r"\\\g<0>", html.escape(in_a_line(" ".join(text.splitlines())), quote=False))
