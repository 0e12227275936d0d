"""The close report's page and CSV: everything in it, nothing from elsewhere, and nothing in it that runs."""

import csv
import io
import re
import warnings
from dataclasses import replace
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_deltek_pipeline.domain.close_changes import DocumentEvent, KeptClose, changes_since
from st_deltek_pipeline.domain.close_report import CloseReport, CloseState
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.three_way import EXPLAINED, BalanceDifference, DifferenceClass
from st_deltek_pipeline.pages.cells import Code, Link, Mark, Row, Table, Tone, columns
from st_deltek_pipeline.pages.charts import Group, Series, bar_chart, column_chart
from st_deltek_pipeline.pages.close_charts import close_charts
from st_deltek_pipeline.pages.close_csv import close_csv
from st_deltek_pipeline.pages.close_links import CloseLinks
from st_deltek_pipeline.pages.close_page import close_page
from st_deltek_pipeline.pages.close_selections import saved_selections, selections
from st_deltek_pipeline.pages.close_tables import MOST_ROWS, balance_table, run_table, waiting_table
from st_deltek_pipeline.pages.rendering import cell, content_security_policy, plain
from st_deltek_pipeline_tests.pages.close_reports import (
    DAY,
    MADE,
    RUN,
    a_report,
    compared,
    difference,
    kind_total,
    waiting,
)

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(2)> \"'><svg/onload=alert(3)>"
LINKS = CloseLinks("http://dagster.test:3000", "/close")
KEPT = KeptClose(
    DAY, 1, MADE, RUN, CloseState.WAITING, "1 document waits, 5.00.", over=True, journal_head=90, figures_hash=""
)
MONTH = tuple(date(2026, 10, number) for number in (28, 29, 30))


class Seen(HTMLParser):
    """The elements and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def attributes(self, name: str) -> list[str]:
        return [value for _, found in self.elements if (value := found.get(name)) is not None]


def full_report() -> CloseReport:
    documents = [
        waiting(1, "1234.56", 0),
        waiting(2, "9.50", 5, "customer_firm_ambiguous"),
        waiting(3, "7.00", 40, "not_ready", Kind.BILL),
    ]
    found = (difference(DifferenceClass.MISSING, 5), difference(DifferenceClass.FOREIGN, 6, "0.00", "75.00"))
    return a_report(*documents, ledger=compared(*found), unaccounted=("payment:77",))


def page_of(report: CloseReport, **more: Any) -> Seen:
    return Seen(close_page(report, LINKS, **more))


def test_the_page_says_the_verdict_the_figures_and_every_document_by_name() -> None:
    report = full_report()
    text = page_of(report).text
    assert report.verdict in text
    for said in ("1,234.56", "invoice:1", "bill:3", "payment:77", "invoice:5", "invoice N-6", "4,321", "over 30 days"):
        assert said in text
    assert "st-deltek holds show acme invoice:1" in text
    assert "Say which firm it is: st-deltek firms review." in text


def test_a_month_has_a_row_and_a_column_for_every_day() -> None:
    totals = tuple(kind_total(Kind.INVOICE, f"{day.day}0.00", day=day) for day in MONTH[:2])
    report = a_report(first=MONTH[0], last=MONTH[-1], days=MONTH, totals=totals, ledger=compared(days=MONTH))
    seen = page_of(report, states={DAY: KEPT})
    for day, said in ((28, "280.00"), (29, "290.00")):
        assert "Oct 2026" in seen.text
        assert f"{day}: posted {said}" in seen.text
    assert {f"/close/acme/{day}" for day in MONTH} <= set(seen.attributes("href"))
    assert "not run" in seen.text


def test_runs_and_assets_lead_into_dagster_and_only_when_it_has_an_address() -> None:
    hrefs = page_of(a_report()).attributes("href")
    assert f"http://dagster.test:3000/runs/{RUN}" in hrefs
    assert "http://dagster.test:3000/assets/acme/daily_close?view=partitions&partition=2026-10-29" in hrefs
    alone = Seen(close_page(a_report(), CloseLinks()))
    assert [each for each in alone.attributes("href") if not each.startswith(("#", "data:"))] == []
    assert RUN[:8] in alone.text


def test_what_a_person_did_by_a_command_leads_to_no_run() -> None:
    assert CloseLinks("http://dagster.test").run("holds") == "holds"


def test_the_page_asks_nobody_for_anything_and_allows_itself_nothing() -> None:
    page = close_page(full_report(), LINKS, kept=(KEPT,))
    seen = Seen(page)
    assert {tag for tag, _ in seen.elements} & {"script", "img", "iframe", "object", "embed", "base"} == set()
    assert [found.get("href") for tag, found in seen.elements if tag == "link"] == ["data:,"]
    assert not re.search(r"url\(|@import|\sstyle=|\son\w+=", page)
    assert content_security_policy() in [found.get("content") for tag, found in seen.elements if tag == "meta"]
    assert content_security_policy().startswith("default-src 'none';")


def test_hostile_names_are_shown_as_they_are_and_nothing_of_them_runs() -> None:
    """T39: names that look like markup."""
    documents = [waiting(1, "1.00", 0, number=HOSTILE, party=HOSTILE, message=HOSTILE, reason=HOSTILE)]
    found = difference(DifferenceClass.FOREIGN, reference=HOSTILE, words=HOSTILE, advice=HOSTILE)
    report = a_report(*documents, ledger=compared(found), unaccounted=(HOSTILE,))
    event = DocumentEvent(1, HOSTILE, HOSTILE, MADE, HOSTILE)
    changes = changes_since(KEPT, a_report(), report, (event,))
    kept = replace(KEPT, verdict=HOSTILE, run_id=HOSTILE)
    seen = page_of(report, kept=(kept,), changes=changes)
    assert {tag for tag, _ in seen.elements} & {"script", "img"} == set()
    assert [name for _, found in seen.elements for name in found if name.startswith("on")] == []
    assert "<script>alert(1)</script>" in seen.text


@settings(max_examples=40)
@given(st.text(max_size=60))
def test_no_text_becomes_markup(text: str) -> None:
    for value in (text, Code(text), Mark(text, Tone.BAD), Link(text, "/x"), (text, text)):
        assert not re.search(r"<(?!/?(?:span|code|a)\b)", str(cell(value)))


@pytest.mark.parametrize("address", ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "vbscript:x"])
def test_a_page_never_links_to_something_that_runs(address: str) -> None:
    with pytest.raises(ValueError, match="http and https only"):
        Link("text", address)


def test_every_table_has_a_caption_and_headings_and_every_chart_a_title_and_words() -> None:
    seen = page_of(full_report())
    tables = [tag for tag, _ in seen.elements].count("table")
    assert tables > 6
    assert [tag for tag, _ in seen.elements].count("caption") == tables
    assert {found.get("scope") for tag, found in seen.elements if tag == "th"} == {"col", "row"}
    charts = [found for tag, found in seen.elements if tag == "svg" and found.get("role") == "img"]
    assert charts
    ids = set(seen.attributes("id"))
    assert all(set((found.get("aria-labelledby") or "").split()) <= ids for found in charts)
    assert len(seen.attributes("id")) == len(ids)


def test_what_has_changed_since_the_close_is_on_the_page() -> None:
    then, now = a_report(waiting(1, "5.00", 0)), a_report(waiting(2, "7.25", 0))
    text = page_of(now, kept=(KEPT,), changes=changes_since(KEPT, then, now)).text
    assert "What has changed since the close" in text
    assert "waited at the close, and does not now" in text
    assert "2.25" in text
    assert "Nothing has changed since." in page_of(then, kept=(KEPT,), changes=changes_since(KEPT, then, then)).text


def test_what_was_kept_is_shown_as_such() -> None:
    seen = page_of(a_report(), as_kept=KEPT)
    assert "This is what close 1 said then" in seen.text
    assert "/close/acme/2026-10-29" in seen.attributes("href")


def test_a_very_long_table_is_cut_and_says_so_while_the_csv_has_everything() -> None:
    documents = [waiting(number, "1.00", 0) for number in range(MOST_ROWS + 7)]
    report = a_report(*documents)
    assert len(waiting_table(report).rows) == MOST_ROWS
    assert waiting_table(report).note == "7 more are in the CSV."
    assert close_csv(report).count("\r\nheld,") == MOST_ROWS + 7


def test_the_csv_has_every_figure_and_no_spreadsheet_runs_anything_in_it() -> None:
    """T39: names that look like a formula."""
    formula = '=HYPERLINK("http://x.test","y")'
    report = a_report(
        waiting(1, "12.50", 3, party=formula),
        waiting(2, "4.00", 0, kind=Kind.CREDIT_MEMO),
        ledger=compared(difference(DifferenceClass.MISSING, 5)),
        unaccounted=("bill:4",),
    )
    rows = list(csv.DictReader(io.StringIO(close_csv(report).removeprefix("\ufeff"))))
    by_line = {line: [row for row in rows if row["line"] == line] for line in {row["line"] for row in rows}}
    assert by_line["verdict"][0]["words"] == report.verdict
    assert sum(Decimal(row["posted"]) for row in by_line["total"]) == sum(row.posted for row in report.totals)
    assert by_line["held"][0]["for"] == f"'{formula}"
    # An amount stays a number, also a negative one.
    assert [row["held"] for row in by_line["held"]] == ["12.50", "-4.00"]
    assert by_line["difference"][0]["difference"] == "-100.00"
    assert by_line["without outcome"][0]["document"] == "bill:4"
    assert by_line["file"][0]["document"] == "ab" * 16


def test_open_amounts_that_are_cut_are_in_the_csv_and_runs_that_are_cut_are_said_to_be_elsewhere() -> None:
    ledger = compared()
    assert ledger.result is not None
    balances = tuple(
        BalanceDifference("CHS2026", f"{number:07}", Decimal("60.00"), Decimal("40.00"))
        for number in range(MOST_ROWS + 2)
    )
    runs = a_report().runs * (MOST_ROWS + 3)
    report = a_report(ledger=replace(ledger, result=replace(ledger.result, balances=balances)), runs=runs)
    table = balance_table(report)
    assert table is not None
    assert table.note == "2 more are in the CSV."
    assert close_csv(report).count("\r\nopen amount,") == MOST_ROWS + 2
    assert run_table(report, LINKS, ZoneInfo("UTC")).note == "3 more are in st-deltek close --json."


@pytest.mark.parametrize(
    ("difference_class", "said"),
    [(each, "explains itself" if each in EXPLAINED else "needs a person") for each in DifferenceClass],
)
def test_the_chart_of_differences_says_who_needs_a_person(difference_class: DifferenceClass, said: str) -> None:
    chart = close_charts(a_report(ledger=compared(difference(difference_class))))[-1]
    assert f"{difference_class.value}: {said} 1" in chart.svg


def test_a_table_without_rows_says_so() -> None:
    assert "Ignored" in page_of(a_report()).text
    assert "nothing." in page_of(a_report()).text


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.decimals(-(10**9), 10**9, places=2), st.decimals(-(10**6), 10**6, places=2)),
        min_size=1,
        max_size=40,
    )
)
def test_charts_of_any_amounts_stay_in_their_picture(amounts: list[tuple[Decimal, Decimal]]) -> None:
    series = [Series("posted", "posted"), Series("held", "held")]
    groups = [Group(str(number), {"posted": one, "held": two}) for number, (one, two) in enumerate(amounts)]
    for chart in (column_chart("a chart", series, groups), bar_chart("a chart", series, groups)):
        _, _, width, height = map(int, re.findall(r"viewBox='(\d+) (\d+) (\d+) (\d+)'", chart.svg)[0])
        for x, y, w, h in re.findall(r"<rect class='\S+' x='(\S+)' y='(\S+)' width='(\S+)' height='(\S+)'", chart.svg):
            assert Decimal(x) >= 0
            assert Decimal(y) >= 0
            assert Decimal(x) + Decimal(w) <= width + 1
            assert Decimal(y) + Decimal(h) <= height + 1


def test_a_cell_as_text_has_all_of_its_parts() -> None:
    assert plain(("a <b>", Code("c"), Decimal("-1.5"), Link("d", "/e"))) == "a <b> c -1.50 d"
    assert [column.style for column in columns("a", ">b", "*c")] == ["", "number", "wide"]
    assert Table("t", columns("a"), [Row(("x",))]).rows[0].cells == ("x",)


def test_saved_selections_are_what_dagster_understands() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = [dg.AssetSelection.from_string(selection) for selection in selections("acme").values()]
    assert len(parsed) >= 9
    assert saved_selections("acme", CloseLinks()) == []
    addresses = [each.address for each in saved_selections("acme", LINKS) if isinstance(each, Link)]
    assert "http://dagster.test:3000/asset-groups~group%3A%22acme_posted%22" in addresses
