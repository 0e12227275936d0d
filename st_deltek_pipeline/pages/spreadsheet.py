"""CSV that a spreadsheet can open without running anything in it, and read back as it was.

A cell that begins like a formula gets an apostrophe in front, which spreadsheets take as "this is text". Reading takes
it away again, also from cells whose own text begins that way.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.money import written

# What Excel, LibreOffice and Google Sheets take for the beginning of a formula, also after apostrophes of ours.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_BYTE_ORDER_MARK = "\ufeff"
_DELIMITERS = (",", ";", "\t")


def neutral(text: str) -> str:
    """Write a cell so that no spreadsheet runs it.

    Args:
        text: Its text.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def original(cell: str) -> str:
    """Undo ``neutral``.

    Args:
        cell: A cell as a spreadsheet has saved it.
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write rows as CSV, marked as UTF-8 for Excel.

    Args:
        columns: Headings.
        rows: Cells. Texts are made neutral; numbers stay numbers, also negative ones, and amounts have their cents.
    """
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return _BYTE_ORDER_MARK + target.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, Decimal):
        return written(value)
    return str(value) if isinstance(value, int) else neutral(str(value))


def read_csv(content: bytes, required: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Read CSV as a spreadsheet has saved it: with commas, semicolons or tabs.

    Args:
        content: The file.
        required: Headings it must have, in any case; others are kept.

    Yields:
        The number of the line in the file, and the cells by heading in lower case. Empty lines are left out.

    Raises:
        ConfigurationError: It is not UTF-8, not CSV, or has other headings.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        message = "The file is not UTF-8 text."
        raise ConfigurationError(message, advice="Save it as CSV UTF-8.") from None
    first_line = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        headings = [heading.strip().casefold() for heading in next(reader, list[str]())]
        missing = [heading for heading in required if heading not in headings]
        if missing:
            message = f"The file has no column {', '.join(missing)}."
            raise ConfigurationError(message, advice="Keep the first line as it was written.")
        for cells in reader:
            if any(cell.strip() for cell in cells):
                padded = [*cells, *[""] * (len(headings) - len(cells))]
                yield reader.line_num, dict(zip(headings, map(original, padded), strict=False))
    except csv.Error as error:
        message = f"The file is not CSV, line {reader.line_num}: {error}."
        raise ConfigurationError(message, advice="Save it as CSV again.") from None
