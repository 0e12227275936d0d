"""What the data team and accountants see in Dagster's UI, in a real browser."""

import re
from collections.abc import Generator

import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine

from st_deltek_pipeline.orchestration.document_kinds import aligned_asset
from st_deltek_pipeline.orchestration.groups import Group
from st_deltek_pipeline_tests.browser.desk import Browser, Desk, browsing, find_browser, running_desk
from st_deltek_pipeline_tests.orchestration.installations import CONNECTION, installed
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox

pytestmark = pytest.mark.skipif(
    find_browser() is None, reason="there is no Chromium here; on Debian: apt-get install chromium"
)


@pytest.fixture(scope="module")
def desk(module_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Generator[Desk]:
    with (
        running_sandbox(invoices=120, scenario="month") as sandbox,
        installed(module_engine, tmp_path_factory.mktemp("installation"), sandbox) as installation,
        running_desk(installation) as desk,
    ):
        yield desk


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Generator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Generator[Browser]:
    """The module's page; nothing may go wrong in it during a test."""
    chromium.complaints.clear()
    yield chromium
    assert chromium.complaints == []


def test_the_lineage_shows_the_way_of_the_data_in_groups(desk: Desk, browser: Browser) -> None:
    browser.open(desk.lineage(), *(f"{CONNECTION}_{group}" for group in Group))
    # One box each, from left to right; what stands side by side has the same distance.
    boxes = {
        group: browser.page.locator("foreignObject", has_text=f"{CONNECTION}_{group}").first.bounding_box()
        for group in Group
    }
    lefts = {group: box["x"] for group, box in boxes.items() if box}
    assert lefts[Group.SERVICETITAN] < lefts[Group.STAGED] < lefts[Group.POSTED] < lefts[Group.RECONCILED]
    assert lefts[Group.SERVICETITAN] < lefts[Group.VANTAGEPOINT] < lefts[Group.POSTED]


def test_a_bookmark_of_a_selection_shows_just_that(desk: Desk, browser: Browser) -> None:
    selection = f'group:"{CONNECTION}_{Group.RECONCILED}"'
    browser.open(desk.lineage(selection), "daily_tie_out", "vantagepoint_ar_ledger")
    assert "posted_invoices" not in browser.text()
    browser.open(f"{desk.url}/assets?asset-selection=kind:%22vantagepoint%22", "posted_bills")
    assert "staged_bills" not in browser.text()


def test_an_assets_page_says_what_it_is_whose_it_is_and_what_it_amounts_to(desk: Desk, browser: Browser) -> None:
    browser.open(desk.asset("posted_invoices"), "posted_total", "journal.postings")
    browser.reads("every revision exactly once")
    for heading, value in (
        ("Row count", r"\d+"),
        ("Group", f"{CONNECTION}_posted"),
        ("Owners", "accounting"),
        ("Kinds", r"Postgres\s+vantagepoint"),
        ("posted_total", r"[^\n]*\s+[\d,]+\.\d\d"),
    ):
        browser.reads(re.compile(rf"{heading}\s+{value}"))


def test_the_tie_out_shows_its_checks_and_when_it_would_be_late(desk: Desk, browser: Browser) -> None:
    browser.open(desk.asset("daily_tie_out"), "Freshness policy", "difference", "Warns if more than 3 days")
    browser.open(desk.asset("daily_tie_out", "checks"), "totals_tie", "nothing_unaccounted", "nothing_held")


def test_a_day_with_holds_is_materialized_and_its_check_warns(desk: Desk, browser: Browser) -> None:
    day, kind = desk.held
    browser.open(desk.asset(aligned_asset(kind), "partitions", partition=f"{day}"), "held_total", "what to do")
    expect(browser.page.get_by_text("Materialized", exact=True).first).to_be_visible()
    browser.reads("Failed (0)")
    browser.open(desk.asset(aligned_asset(kind), "checks", checkDetail="all_documents_mapped"))
    browser.page.get_by_role("tab", name="Execution history").click()
    row = browser.page.locator("tr", has_text=f"{day}")
    # Dagster writes "Failed" for both; the sign says which: a triangle for a warning, a cross for an error.
    expect(row.get_by_role("img", name="warning_outline")).to_be_visible()


def test_every_sensor_and_schedule_is_listed_and_running(desk: Desk, browser: Browser) -> None:
    browser.open(f"{desk.url}/automation", f"{CONNECTION}_close", f"{CONNECTION}_inbox")
    names = ("alerts", "changes", "close", "inbox", "poll", "poll_reference", "rescan")
    for name in names:
        browser.reads(f"{CONNECTION}_{name}")
    expect(browser.page.locator("input[type=checkbox]:checked")).to_have_count(len(names))


def test_the_runs_say_whose_they_are_which_day_and_why(desk: Desk, browser: Browser) -> None:
    day, _ = desk.held
    browser.open(f"{desk.url}/runs", f"connection: {CONNECTION}", f"business_day: {day}", "trigger: command", "Success")


def test_a_day_materialized_by_hand_is_tagged_like_the_others(desk: Desk, browser: Browser) -> None:
    day, _ = desk.held
    browser.open(desk.asset("daily_tie_out", "partitions", partition=f"{day}"), "by_project")
    browser.page.get_by_role("button", name="Materialize").first.click()
    launch = browser.page.get_by_role("button", name=re.compile("Launch"))
    # Whoever leaves the page before the answer has launched nothing.
    with browser.page.expect_response(lambda answer: "mutation Launch" in (answer.request.post_data or "")):
        launch.click()
    browser.open(f"{desk.url}/runs?q%5B0%5D=tag%3Atrigger%3Dperson", "Queued", "trigger: person")
    browser.reads(f"connection: {CONNECTION}")
    browser.reads("business_day: 2026")
