"""The close reports in a real browser: from the login to the CSV, on a telephone, on paper, and nothing from elsewhere."""

import re
from collections.abc import Generator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from st_deltek_pipeline.services.page_users import add_user
from st_deltek_pipeline_tests.browser.desk import Browser, browsing, find_browser
from st_deltek_pipeline_tests.site.conftest import DAY, MONTH, NEXT_DAY, PASSWORD, QUICK, Site

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")

_PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Generator[Browser]:
    """A browser with a profile of its own."""
    with browsing(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser, site: Site) -> Generator[Page]:
    """A browser that has never been here. Whatever it asks another host for, and whatever goes wrong in it, fails the test."""
    add_user(site.engine, "jane", PASSWORD, cost=QUICK)
    chromium.page.context.clear_cookies()
    chromium.page.set_viewport_size({"width": 1280, "height": 900})
    chromium.complaints.clear()
    asked: list[str] = []
    chromium.page.on("request", lambda request: asked.append(request.url))
    yield chromium.page
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith("data:")}
    assert hosts == {urlsplit(site.url).netloc}
    # A refused password is an answer of 403, which browsers write down.
    assert [each for each in chromium.complaints if "403" not in each] == []


def log_in(page: Page, site: Site, path: str = "/close", password: str = PASSWORD) -> None:
    page.goto(f"{site.url}{path}")
    page.get_by_label("Name").fill("jane")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_from_a_wrong_password_to_the_csv_of_a_day_and_out_again(page: Page, site: Site) -> None:
    log_in(page, site, password="not the password")
    expect(page.get_by_role("alert")).to_have_text("Name and password do not go together.")
    log_in(page, site)
    expect(page.get_by_role("heading", name="acme")).to_be_visible()
    page.get_by_role("link", name=f"{DAY:%B %Y}").first.click()
    expect(page.get_by_role("table", name="By business day")).to_contain_text("waiting")
    page.get_by_role("table", name="By business day").get_by_role("link").filter(
        has_text=re.compile(rf"\b{DAY.day} {DAY:%b %Y}")
    ).click()
    expect(page).to_have_url(f"{site.url}/close/acme/{DAY}")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    content = download.value.path().read_text(encoding="utf-8-sig")
    assert content.startswith("line,day,kind,document")
    assert download.value.suggested_filename == f"close-acme-{DAY}.csv"
    page.get_by_role("button", name="Log out jane").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.goto(f"{site.url}/close/acme/{DAY}")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_what_a_close_said_is_shown_with_hostile_names_as_text(page: Page, site: Site) -> None:
    """T39: in a real browser."""
    log_in(page, site, f"/close/acme/{DAY}")
    page.get_by_role("link", name="close 1").click()
    expect(page.get_by_text("This is what close 1 said then")).to_be_visible()
    expect(page.get_by_text("<script>document.title='taken'</script>").first).to_be_visible()
    assert page.title() != "taken"
    assert page.locator("script, img").count() == 0


@pytest.mark.parametrize("path", ["", f"/acme/{DAY}", f"/acme/{DAY}/1", f"/acme/{MONTH}"])
def test_a_telephone_shows_everything_without_scrolling_sideways(page: Page, site: Site, path: str) -> None:
    page.set_viewport_size(_PHONE)
    log_in(page, site, f"/close{path}")
    expect(page).to_have_url(f"{site.url}/close{path}")
    assert page.evaluate("document.documentElement.scrollWidth") <= _PHONE["width"]
    small = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => e.children.length === 0 && e.textContent.trim() && "
        "!e.closest('svg') && parseFloat(getComputedStyle(e).fontSize) < 10).map(e => e.textContent)"
    )
    assert small == []


def test_on_paper_are_the_totals_and_the_documents_and_no_buttons(page: Page, site: Site) -> None:
    log_in(page, site, f"/close/acme/{DAY}/1")
    page.emulate_media(media="print")
    try:
        expect(page.get_by_role("table", name="ServiceTitan = posted + held + ignored")).to_contain_text("1,434.06")
        expect(page.get_by_text("st-deltek holds show acme invoice:1", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Log out jane")).to_be_hidden()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        paper = page.pdf(format="Letter")
        assert paper.startswith(b"%PDF-")
        # Several pages, so that nothing was left out for want of room.
        assert paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page /") >= 2
    finally:
        page.emulate_media(media="screen")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_told_from_what_is_behind_it(page: Page, site: Site, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    try:
        log_in(page, site, f"/close/acme/{DAY}/1")
        expect(page.get_by_text("This is what close 1 said then")).to_be_visible()
        assert page.evaluate(_CONTRASTS) == []
    finally:
        page.emulate_media(color_scheme="light")


def test_a_link_from_another_site_is_answered_to_somebody_who_has_logged_in(page: Page, site: Site) -> None:
    log_in(page, site, f"/close/acme/{NEXT_DAY}")
    expect(page).to_have_url(f"{site.url}/close/acme/{NEXT_DAY}")
    # For a browser this page is another site: the session's cookie does not go along at first.
    page.goto("data:text/html,<a id='a'>to the report</a>")
    page.evaluate(f"document.getElementById('a').href = '{site.url}/close/acme/{NEXT_DAY}'")
    page.get_by_text("to the report").click()
    expect(page.get_by_role("heading", name=f"{NEXT_DAY.day} {NEXT_DAY:%b %Y}")).to_be_visible()


# WCAG 2: the contrast of every text with the nearest background behind it; 4.5, or 3 where it is large.
_CONTRASTS = """
(() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const e of document.querySelectorAll('main *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const s = getComputedStyle(e);
    if (!own || e.closest('svg') || e.closest('.swatch') || s.visibility === 'hidden' || !e.offsetParent) continue;
    const [one, two] = [light(parse(s.color)), light(behind(e))].sort((a, b) => b - a);
    const large = parseFloat(s.fontSize) >= 24 || (parseFloat(s.fontSize) >= 18.66 && s.fontWeight >= 700);
    const contrast = (one + 0.05) / (two + 0.05);
    if (contrast < (large ? 3 : 4.5)) found.push(`${e.textContent.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return found;
})()
"""
