"""Small charts as SVG in the page: stacked columns by day, and stacked bars. Each has a title and says its figures in words.

Coordinates are computed from Decimals and rounded to a tenth of a unit; no amount becomes a float on its way.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from markupsafe import Markup

from st_deltek_pipeline.domain.money import ZERO, shown

# As wide as a telephone: nothing in the picture is scaled down there, and three stand side by side on a desk.
_WIDTH = 360
_TENTH = Decimal("0.1")
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 6, 8, 22
_HEIGHT = 190
_MOST_LABELS = 8
_BAR, _GAP, _WORDS = 16, 12, 15
_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
_WIDEST_COLUMN = Decimal(34)
_THINNEST = Decimal("0.6")
_SUFFIXES = ((Decimal(10) ** 9, "bn"), (Decimal(10) ** 6, "m"), (Decimal(10) ** 3, "k"))

Say = Callable[[Decimal], str]


@dataclass(frozen=True)
class Series:
    """What a colour stands for.

    Attributes:
        style: A class of the style sheet: ``posted``, ``held``, ``ignored``, ``difference``, ``other``, ``age-1`` to ``-4``.
    """

    name: str
    style: str


@dataclass(frozen=True)
class Group:
    """One column or bar.

    Attributes:
        label: Short; it stands below the column or above the bar.
        values: By the name of their series; a series that is missing has none.
        said: What is written at the bar's end; nothing at columns.
    """

    label: str
    values: Mapping[str, Decimal]
    said: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart, ready for a page.

    Attributes:
        legend: Names and styles of its series.
    """

    title: str
    svg: Markup
    legend: Sequence[tuple[str, str]] = ()


def column_chart(title: str, series: Sequence[Series], groups: Sequence[Group], *, say: Say = shown) -> Chart:
    """Draw a column per group, its series upon each other; what is negative hangs below the line.

    Args:
        title: What it shows.
        series: From the line outwards.
        groups: From left to right, at least one.
        say: Writes a value; an amount by default.
    """
    highest = max(max(_above(group), ZERO) for group in groups)
    lowest = min(min(_below(group), ZERO) for group in groups)
    step = _step(highest - lowest)
    top, bottom = _up(highest, step), -_up(-lowest, step)
    scale = (Decimal(_HEIGHT - _TOP - _BOTTOM)) / ((top - bottom) or Decimal(1))

    def y(amount: Decimal) -> Decimal:
        return (_TOP + (top - amount) * scale).quantize(_TENTH)

    parts: list[Markup] = []
    mark = bottom
    while mark <= top:
        parts.append(
            Markup(
                "<line class='{}' x1='{}' x2='{}' y1='{}' y2='{}'/><text x='{}' y='{}' text-anchor='end'>{}</text>"
            ).format(
                "axis" if mark else "zero",
                _LEFT,
                _WIDTH - _RIGHT,
                y(mark),
                y(mark),
                _LEFT - 6,
                y(mark) + 4,
                _short(mark),
            )
        )
        mark += step
    slot = Decimal(_WIDTH - _LEFT - _RIGHT) / len(groups)
    width = min(slot * Decimal("0.72"), _WIDEST_COLUMN).quantize(_TENTH)
    every = -(-len(groups) // _MOST_LABELS)
    for number, group in enumerate(groups):
        middle = (_LEFT + slot * number + slot / 2).quantize(_TENTH)

        def box(low: Decimal, high: Decimal, left: Decimal = middle - width / 2) -> _Box:
            return _Box(left, y(high), width, y(low) - y(high))

        parts.append(_column(series, group, say, box))
        if number % every == 0:
            parts.append(
                Markup("<text x='{}' y='{}' text-anchor='middle'>{}</text>").format(middle, _HEIGHT - 6, group.label)
            )
    said = "; ".join(f"{group.label}: {_said(series, group, say)}" for group in groups)
    return Chart(title, _svg(title, said, _HEIGHT, parts), _legend(series, groups))


def bar_chart(title: str, series: Sequence[Series], groups: Sequence[Group], *, say: Say = shown) -> Chart:
    """Draw a bar per group from left to right, its series after each other, by their size whatever their sign.

    Args:
        title: What it shows.
        series: From left to right.
        groups: From top to bottom, at least one.
        say: Writes a value; an amount by default.
    """
    longest = max(sum(abs(value) for value in group.values.values()) for group in groups) or Decimal(1)
    parts: list[Markup] = []
    top = 0
    for group in groups:
        parts.append(
            Markup("<text class='strong' x='0' y='{}'>{}</text><text x='{}' y='{}' text-anchor='end'>{}</text>").format(
                top + 10, group.label, _WIDTH, top + 10, group.said
            )
        )
        parts.append(
            Markup("<rect class='track' x='0' y='{}' width='{}' height='{}' rx='3'/>").format(
                top + _WORDS, _WIDTH, _BAR
            )
        )
        left = ZERO
        for each in series:
            size = abs(group.values.get(each.name, ZERO)) / longest * _WIDTH
            if size:
                parts.append(_rectangle(each, _Box(left, Decimal(top + _WORDS), size, Decimal(_BAR)), group, say))
            left += size
        top += _WORDS + _BAR + _GAP
    said = "; ".join(f"{group.label}: {_said(series, group, say)}" for group in groups)
    return Chart(title, _svg(title, said, top - _GAP + 2, parts), _legend(series, groups))


@dataclass(frozen=True)
class _Box:
    left: Decimal
    top: Decimal
    width: Decimal
    height: Decimal


def _column(series: Sequence[Series], group: Group, say: Say, box: Callable[[Decimal, Decimal], _Box]) -> Markup:
    """Draw one column. ``box`` gives the room between a lower and a higher amount."""
    above = below = ZERO
    found: list[Markup] = []
    for each in series:
        value = group.values.get(each.name, ZERO)
        if value > 0:
            found.append(_rectangle(each, box(above, above + value), group, say))
            above += value
        elif value < 0:
            found.append(_rectangle(each, box(below + value, below), group, say))
            below += value
    return Markup().join(found)


def _rectangle(series: Series, box: _Box, group: Group, say: Say) -> Markup:
    return Markup("<rect class='{}' x='{}' y='{}' width='{}' height='{}'><title>{}</title></rect>").format(
        series.style,
        box.left.quantize(_TENTH),
        box.top.quantize(_TENTH),
        max(box.width, _THINNEST).quantize(_TENTH),
        max(box.height, _THINNEST).quantize(_TENTH),
        f"{group.label}: {series.name} {say(group.values[series.name])}",
    )


def _svg(title: str, said: str, height: int, parts: Sequence[Markup]) -> Markup:
    name = "chart-" + re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return Markup(
        "<svg viewBox='0 0 {width} {height}' role='img' aria-labelledby='{name}-title {name}-desc'>"
        "<title id='{name}-title'>{title}</title><desc id='{name}-desc'>{said}</desc>{parts}</svg>"
    ).format(width=_WIDTH, height=height, name=name, title=title, said=said, parts=Markup().join(parts))


def _said(series: Sequence[Series], group: Group, say: Say) -> str:
    found = [f"{each.name} {say(group.values[each.name])}" for each in series if group.values.get(each.name)]
    return ", ".join(found) or "nothing"


def _legend(series: Sequence[Series], groups: Sequence[Group]) -> Sequence[tuple[str, str]]:
    return [(each.name, each.style) for each in series if any(group.values.get(each.name) for group in groups)]


def _above(group: Group) -> Decimal:
    return sum((value for value in group.values.values() if value > 0), start=ZERO)


def _below(group: Group) -> Decimal:
    return sum((value for value in group.values.values() if value < 0), start=ZERO)


def _step(span: Decimal) -> Decimal:
    """Choose a round distance of the lines, so that there are about four."""
    if not span:
        return Decimal(1)
    rough = span / 4
    magnitude = Decimal(10) ** rough.adjusted()
    return next(step * magnitude for step in _STEPS if step * magnitude >= rough)


def _up(amount: Decimal, step: Decimal) -> Decimal:
    return (amount / step).to_integral_value(ROUND_CEILING) * step


def _short(amount: Decimal) -> str:
    for size, suffix in _SUFFIXES:
        if abs(amount) >= size:
            return f"{(amount / size).normalize():f}{suffix}"
    return f"{amount.normalize():f}"
