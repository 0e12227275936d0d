"""How commands talk: tables for people, JSON for machines, progress on standard error."""

import contextlib
import csv
import json
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import click

from st_deltek_pipeline.domain.shown_text import in_json, in_lines
from st_deltek_pipeline.pages.spreadsheet import neutral

_F = TypeVar("_F", bound=Callable[..., Any])


def json_option(command: _F) -> _F:
    """Give a command ``--json``, passed to it as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(command)


def print_json(value: object) -> None:
    """Print one JSON document on standard output; money is written as text, exactly."""
    click.echo(in_json(json.dumps(value, indent=2, ensure_ascii=False, default=_plain)))


def say(text: str, *, err: bool = False) -> None:
    """Print a line for people, in which names of others do nothing but stand there.

    Args:
        text: The line, or several.
        err: On standard error.
    """
    click.echo(in_lines(text), err=err)


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print CSV on standard output, for a spreadsheet.

    Args:
        columns: Headings.
        rows: Cells; a text that a spreadsheet would take for a formula is quoted for it.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([in_lines(neutral(cell)) if isinstance(cell, str) else cell for cell in row])


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Print a table on standard output; its columns fold to the terminal's width, or stay whole in a pipe.

    Args:
        columns: Headings; one that starts with ``>`` is set to the right.
        rows: Cells, printed as text.
        title: Line above the table.
    """
    # Imported here: a tenth of a second that --help and --json need not wait for.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=title or None, title_justify="left")
    for column in columns:
        table.add_column(
            column.removeprefix(">"), justify="right" if column.startswith(">") else "left", overflow="fold"
        )
    for row in rows:
        # As Text, not as markup: a name may hold square brackets.
        table.add_row(*(Text(in_lines(str(cell))) for cell in row))
    width = None if sys.stdout.isatty() else 200
    Console(width=width).print(table)


@contextlib.contextmanager
def working(message: str) -> Generator[None]:
    """Show on standard error that something is going on; silent when nobody watches.

    Args:
        message: What is being done.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415

    with Console(stderr=True).status(message):
        yield


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    message = f"{type(value).__name__} has no JSON form here"
    raise TypeError(message)
