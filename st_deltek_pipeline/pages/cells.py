"""What stands in a table of a page: columns, rows and cells, as values. How they become HTML is in ``rendering``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from urllib.parse import urlsplit

_SCHEMES = frozenset({"", "http", "https"})


class Tone(StrEnum):
    """How something is to be taken; always said in words too, never by its colour alone."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    QUIET = "quiet"


@dataclass(frozen=True)
class Link:
    """A text that leads somewhere.

    Attributes:
        address: http, https, or an address on the same host.

    Raises:
        ValueError: The address would run something instead of leading somewhere.
    """

    text: str
    address: str

    def __post_init__(self) -> None:
        if urlsplit(self.address.strip()).scheme.lower() not in _SCHEMES:
            message = "a page links to http and https only"
            raise ValueError(message)


@dataclass(frozen=True)
class Code:
    """A command or a key, as it is typed."""

    text: str


@dataclass(frozen=True)
class Mark:
    """A word or two that stand out."""

    text: str
    tone: Tone


Simple = str | int | Decimal | date | datetime | Link | Code | Mark | None
"""One thing in a cell. Numbers and amounts are set to the right by their column, not by themselves."""

Cell = Simple | tuple[Simple, ...]
"""Several things in one cell stand below each other."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        number: Set to the right, in figures of one width.
        wide: Holds sentences, so that it gets room.
    """

    heading: str
    number: bool = False
    wide: bool = False

    @property
    def style(self) -> str:
        """Its class of the style sheet."""
        return "number" if self.number else "wide" if self.wide else ""


@dataclass(frozen=True)
class Row:
    """A row.

    Attributes:
        cells: One for each column; the first one names the row.
        total: Sums up what stands above it.
        tone: Of the whole row.
    """

    cells: Sequence[Cell]
    total: bool = False
    tone: Tone | None = None


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: Says what it shows; read out before it, and shown above it.
        empty: What is said instead when it has no rows.
        note: Below it, for example that there is more than is shown.
        open: Shown at once; otherwise folded away below its caption, and opened on paper.
    """

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    empty: str = "None."
    note: str = ""
    open: bool = True


def columns(*headings: str) -> tuple[Column, ...]:
    """Return columns; a heading that starts with ``>`` is of numbers, one that starts with ``*`` of sentences."""
    return tuple(
        Column(heading.lstrip(">*"), number=heading.startswith(">"), wide=heading.startswith("*"))
        for heading in headings
    )


@dataclass(frozen=True)
class Card:
    """A figure that is seen first.

    Attributes:
        detail: Below it, smaller.
    """

    label: str
    figure: str
    detail: str = ""
    tone: Tone | None = None
