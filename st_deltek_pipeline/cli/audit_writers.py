"""Writers of exported files: rows in, one file out, memory that stays flat. CSV needs nothing, Parquet needs pyarrow.

Amounts are written exactly: as plain digits in CSV, as decimal128 in Parquet. In CSV no cell is a formula to a spreadsheet.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError
from st_deltek_pipeline.pages.spreadsheet import neutral
from st_deltek_pipeline.store.audit_export import ColumnType, ExportColumn

_ROWS_AT_ONCE = 1000
_AMOUNT_DIGITS, _AMOUNT_DECIMALS = 19, 4
_EXACT_DIGITS, _EXACT_DECIMALS = 38, 10


class Writer(Protocol):
    """Writes one file."""

    def __call__(self, path: Path, columns: Sequence[ExportColumn], rows: Iterable[Sequence[Any]]) -> None:
        """Write the rows, reading them as they are written.

        Args:
            path: The file.
            columns: In the order of each row's values.
            rows: The rows.
        """
        ...


def writer_of(form: str) -> Writer:
    """Return the writer of a format.

    Args:
        form: ``csv`` or ``parquet``.

    Raises:
        ConfigurationError: Parquet was asked for and pyarrow is not installed.
    """
    if form == "csv":
        return write_csv_file
    if find_spec("pyarrow") is None:
        message = "Parquet needs the package pyarrow, which is not installed."
        advice = "Install it with: pip install 'st_deltek_pipeline[parquet]'. Or export with --format csv."
        raise ConfigurationError(message, advice=advice)
    return write_parquet_file


def write_csv_file(path: Path, columns: Sequence[ExportColumn], rows: Iterable[Sequence[Any]]) -> None:
    """Write CSV, marked as UTF-8 for Excel; times are in UTC, what is not there is empty."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([column.name for column in columns])
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> str:  # noqa: PLR0911 (a table of types)
    if value is None:
        return ""
    if isinstance(value, str):
        return neutral(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def write_parquet_file(path: Path, columns: Sequence[ExportColumn], rows: Iterable[Sequence[Any]]) -> None:
    """Write Parquet, some thousand rows at a time.

    Raises:
        BrokenError: An amount has more digits than decimal128 holds.
    """
    # It brings no types; what is made of it is checked by reading the files back.
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    types = {
        ColumnType.TEXT: pa.string(),
        ColumnType.INTEGER: pa.int64(),
        ColumnType.AMOUNT: pa.decimal128(_AMOUNT_DIGITS, _AMOUNT_DECIMALS),
        ColumnType.EXACT: pa.decimal128(_EXACT_DIGITS, _EXACT_DECIMALS),
        ColumnType.DAY: pa.date32(),
        ColumnType.INSTANT: pa.timestamp("us", tz="UTC"),
        ColumnType.TRUTH: pa.bool_(),
    }
    schema = pa.schema([(column.name, types[column.type]) for column in columns])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for part in _parts(rows):
            arrays: list[Any] = []
            for column, values in zip(columns, zip(*part, strict=True), strict=True):
                try:
                    arrays.append(pa.array(values, type=types[column.type]))
                except pa.ArrowInvalid as error:
                    message = f"A value of column {column.name} does not fit into {path.name}: {error}."
                    raise BrokenError(message, advice="Export with --format csv, which holds any amount.") from None
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _parts(rows: Iterable[Sequence[Any]]) -> Iterable[list[Sequence[Any]]]:
    part: list[Sequence[Any]] = []
    for row in rows:
        part.append(row)
        if len(part) == _ROWS_AT_ONCE:
            yield part
            part = []
    if part:
        yield part
