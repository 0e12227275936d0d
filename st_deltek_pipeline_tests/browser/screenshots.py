"""The pictures in docs/images: ``make screenshots`` takes them anew, from the sandbox's generated contractor."""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from st_deltek_pipeline.orchestration.document_kinds import aligned_asset, posted_asset
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.store.migrate import migrate
from st_deltek_pipeline_tests.browser.close_pictures import take_close
from st_deltek_pipeline_tests.browser.desk import Browser, Desk, browsing, find_browser, running_desk
from st_deltek_pipeline_tests.memory import quick_folder
from st_deltek_pipeline_tests.orchestration.installations import CONNECTION, installed
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox

IMAGES = Path(__file__).parents[2] / "docs" / "images"
FIRST_DAY = "2026-10-19"
# Dagster loads in parts and draws for a while after its last word; there is no event for "done".
_DRAWN_MILLISECONDS = 3_000


def take(desk: Desk, browser: Browser, folder: Path) -> None:
    """Take every picture.

    Args:
        desk: The UI.
        browser: A page.
        folder: Where they go.
    """
    day, kind = desk.held
    browser.open(desk.lineage("", f"{CONNECTION}_posted"), "posted_payments")
    browser.page.get_by_text("Hide navigation").click()
    _save(browser, folder, "lineage")
    browser.open(desk.asset(aligned_asset(kind), "partitions", partition=day), "held_total", "what to do")
    _save(browser, folder, "day-with-holds")
    browser.open(desk.asset(aligned_asset(kind), "checks", checkDetail="all_documents_mapped"), "About")
    browser.page.get_by_role("tab", name="Execution history").click()
    _save(browser, folder, "check-of-holds")
    browser.open(desk.asset(posted_asset(kind), "partitions", partition=day), "posted_total", "transaction_files")
    _save(browser, folder, "posted-documents")
    browser.open(f"{desk.url}/runs", "trigger: command")
    _save(browser, folder, "runs")
    browser.open(f"{desk.url}/automation", f"{CONNECTION}_close", "Scheduled At")
    _save(browser, folder, "automation")


def _save(browser: Browser, folder: Path, name: str) -> None:
    # The pointer must not leave a tooltip behind.
    browser.page.mouse.move(700, 60)
    browser.page.wait_for_timeout(_DRAWN_MILLISECONDS)
    browser.page.screenshot(path=folder / f"dagster-{name}.png")


def main() -> None:
    """Post some days into the sandbox, and take the pictures."""
    if find_browser() is None:
        sys.exit("There is no Chromium here; on Debian: apt-get install chromium")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = EmbeddedPostgres(stack.enter_context(quick_folder()) / "postgres")
        engine = engine_for(server.ensure_running())
        stack.callback(engine.dispose)
        migrate(engine)
        sandbox = stack.enter_context(running_sandbox(invoices=300, scenario="month"))
        installation = stack.enter_context(installed(engine, folder, sandbox))
        desk = stack.enter_context(running_desk(installation, first_day=FIRST_DAY))
        browser = stack.enter_context(browsing(folder / "profile"))
        take(desk, browser, IMAGES)
        take_close(installation, browser, IMAGES, dagster_url=desk.url)


if __name__ == "__main__":
    main()
