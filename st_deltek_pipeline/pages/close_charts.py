"""The charts of a close report."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from st_deltek_pipeline.domain.close_report import CloseReport
from st_deltek_pipeline.domain.documents import POSTING_ORDER
from st_deltek_pipeline.domain.hold_ages import HoldAge, count_by_age
from st_deltek_pipeline.domain.money import shown
from st_deltek_pipeline.domain.reconciliation import AREAS, Amounts
from st_deltek_pipeline.domain.three_way import EXPLAINED
from st_deltek_pipeline.pages.charts import Chart, Group, Series, bar_chart, column_chart
from st_deltek_pipeline.pages.close_tables import kind_named
from st_deltek_pipeline.pages.rendering import counted

_PARTS = (
    Series("posted", "posted"),
    Series("held", "held"),
    Series("ignored", "ignored"),
    Series("difference", "difference"),
)
_AGES: Mapping[HoldAge, Series] = {
    age: Series("documents", f"age-{number}") for number, age in enumerate(HoldAge, start=1)
}


def close_charts(report: CloseReport) -> list[Chart]:
    """Draw what was posted against what was held, how long documents have been waiting, and what differs by class.

    Args:
        report: A day's bars are its kinds; the columns of several days are those days, one picture for each area.
    """
    found = [_by_kind(report)] if report.is_day else _by_day(report)
    if report.waiting:
        found.append(_by_age(report))
    if report.ledger.differences:
        found.append(_by_class(report))
    return [chart for chart in found if chart is not None]


def _by_kind(report: CloseReport) -> Chart | None:
    groups = [
        Group(kind_named(kind), _parts(amounts), f"{shown(amounts.posted)} of {shown(amounts.servicetitan_total)}")
        for kind in POSTING_ORDER
        if (amounts := report.by_kind.get(kind)) is not None
    ]
    return bar_chart("Posted and held, by kind", _PARTS, groups) if groups else None


def _by_day(report: CloseReport) -> list[Chart | None]:
    by_day = report.by_day_and_area
    return [
        column_chart(
            f"{area.value}: posted and held, by business day",
            _PARTS,
            [Group(f"{day.day}", _parts(by_day[day, area]) if (day, area) in by_day else {}) for day in report.days],
        )
        for area in AREAS
        if area in report.by_area
    ]


def _by_age(report: CloseReport) -> Chart:
    counts = count_by_age(report.waiting)
    # A series each, so that the oldest ones have the strongest colour; the legend would repeat the labels.
    groups = [Group(age.value, {age.value: Decimal(count)}, counted(count)) for age, count in counts.items()]
    series = [Series(age.value, _AGES[age].style) for age in HoldAge]
    chart = bar_chart("Documents on hold, by how long they have been waiting", series, groups, say=_count)
    return Chart(chart.title, chart.svg)


def _by_class(report: CloseReport) -> Chart:
    series = [Series("needs a person", "difference"), Series("explains itself", "other")]
    groups = [
        Group(each.value, {series[each in EXPLAINED].name: Decimal(count)}, counted(count))
        for each, count in report.differences_by_class.items()
    ]
    return bar_chart("Differences with Vantagepoint's ledger, by class", series, groups, say=_count)


def _parts(amounts: Amounts) -> Mapping[str, Decimal]:
    values: Sequence[Decimal] = (amounts.posted, amounts.held, amounts.ignored, amounts.difference)
    return {series.name: value for series, value in zip(_PARTS, values, strict=True)}


def _count(number: Decimal) -> str:
    return counted(int(number))
