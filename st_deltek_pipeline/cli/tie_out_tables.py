"""The tie-out as tables for people. Amounts of AR, cash and AP stand in rows of their own; only differences add up."""

import sys
from collections.abc import Iterable
from datetime import date

from rich.console import Console
from rich.table import Table
from rich.text import Text

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import shown, total
from st_deltek_pipeline.domain.reconciliation import AREAS, Amounts, TieOut
from st_deltek_pipeline.domain.shown_text import in_lines

_TITLE = "Tie-out: ServiceTitan = posted + held + ignored"
_HEADINGS = ("ServiceTitan total", "posted", "held", "ignored", "difference")


def plain_console() -> Console:
    """Return a console for tables on standard output, wide enough for them where there is no terminal."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 140)


def named(kind: Kind) -> str:
    """Return what a kind of document is called in a table."""
    return f"{kind.value.replace('_', ' ')}s".replace("ap ", "AP ")


def tie_out_table(result: TieOut, *, by_project: bool) -> Table:
    """Lay the tie-out out: a row per day and kind, then every area's total.

    Args:
        result: The tie-out.
        by_project: A row per day, kind and project instead.
    """
    table = _table(_TITLE, "day", "kind", *(["project"] if by_project else []))
    if by_project:
        rows = [((row.business_day, row.kind), (row.project,), row) for row in result.rows]
    else:
        rows = [(key, (), amounts) for key, amounts in result.by_day_and_kind.items()]
    before: date | None = None
    for number, ((day, kind), project, amounts) in enumerate(rows):
        if number and day != before:
            table.add_section()
        before = day
        table.add_row(_day(day), named(kind), *map(in_lines, project), *_cells(amounts))
    table.add_section()
    for area, amounts in result.by_area.items():
        table.add_row("total", area.value, *([""] if by_project else []), *_cells(amounts), style="bold")
    return table


def area_table(result: TieOut) -> Table:
    """Lay out a row per kind, and a total of each area that has several.

    Args:
        result: The tie-out.
    """
    table = _table(_TITLE, "area", "kind")
    for area, kinds in AREAS.items():
        found = [kind for kind in kinds if kind in result.by_kind]
        for kind in found:
            table.add_row(area.value, named(kind), *_cells(result.by_kind[kind]))
        if len(found) > 1:
            table.add_row(area.value, "", *_cells(result.by_area[area]), style="bold")
        if found:
            table.add_section()
    table.add_row("all", "", f"{result.documents:,}", "", "", "", "", _difference(result.rows), style="bold")
    return table


def day_table(result: TieOut) -> Table:
    """Lay out a row per day: what ServiceTitan has in each area, and how many documents are held.

    Args:
        result: The tie-out.
    """
    areas = list(result.by_area)
    table = Table(title="By business day, as ServiceTitan has it", title_justify="left")
    table.add_column("day")
    for heading in ("documents", *(area.value for area in areas), "difference"):
        table.add_column(heading, justify="right")
    for day in dict.fromkeys(row.business_day for row in result.rows):
        rows = [row for row in result.rows if row.business_day == day]
        table.add_row(
            _day(day),
            f"{sum(row.documents for row in rows):,}",
            *(shown(total(row.servicetitan_total for row in rows if row.area is area)) for area in areas),
            _difference(rows),
        )
    return table


def held_table(result: TieOut) -> Table:
    """Lay out why documents are held, by kind and reason, and what would release them.

    Args:
        result: The tie-out; its column ``held`` is the sum of this table.
    """
    table = Table(title="Held: what is not in Vantagepoint yet, and what would release it", title_justify="left")
    table.add_column("kind", no_wrap=True)
    table.add_column("reason", no_wrap=True)
    table.add_column("documents", justify="right")
    table.add_column("amount", justify="right")
    table.add_column("what to do")
    for kind in dict.fromkeys(row.kind for row in result.rows):
        waiting = [each for each in result.waiting if each.kind is kind]
        for each in waiting:
            table.add_row(named(kind), each.reason, f"{each.documents:,}", shown(each.amount), each.advice)
        if len(waiting) > 1:
            documents, amount = sum(each.documents for each in waiting), total(each.amount for each in waiting)
            table.add_row(named(kind), "", f"{documents:,}", shown(amount), style="bold")
        if waiting:
            table.add_section()
    return table


def _table(title: str, *names: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in names:
        table.add_column(name)
    table.add_column("documents", justify="right")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    return table


def _cells(amounts: Amounts) -> list[str | Text]:
    columns = (amounts.servicetitan_total, amounts.posted, amounts.held, amounts.ignored)
    return [f"{amounts.documents:,}", *(shown(amount) for amount in columns), _difference([amounts])]


def _difference(rows: Iterable[Amounts]) -> Text:
    found = list(rows)
    # Two differences that make each other good are two differences.
    off = found[0].difference if len(found) == 1 else total(abs(row.difference) for row in found)
    return Text(shown(off), style="bold red" if off else "")


def _day(day: date | None) -> str:
    return "no date" if day is None else day.isoformat()
