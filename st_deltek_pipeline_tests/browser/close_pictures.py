"""The pictures of the close reports in docs/images: a day, the first page, and a day on a telephone."""

import threading
from dataclasses import replace
from datetime import date
from pathlib import Path

from st_deltek_pipeline.orchestration.replaying import ReplayRequest, replay
from st_deltek_pipeline.services.page_users import add_user
from st_deltek_pipeline.webhooks.server import Receiver
from st_deltek_pipeline_tests.browser.desk import Browser, Quiet
from st_deltek_pipeline_tests.orchestration.installations import CONNECTION, Installation

_DAY, _BROKEN_DAY = date(2026, 10, 29), date(2026, 10, 27)
_PASSWORD = "only for pictures"
_PHONE = {"width": 390, "height": 844}
_DESK = {"width": 1200, "height": 1000}


def take_close(installation: Installation, browser: Browser, folder: Path, *, dagster_url: str) -> None:
    """Take every picture of an installation whose days were run.

    Args:
        installation: Its connection's ledger is spoilt for one day, so that there is something to see.
        browser: A page.
        folder: Where they go.
        dagster_url: Where the links lead.
    """
    rows = [row for row in installation.sandbox.ledger() if row["TransDate"][:10] == _BROKEN_DAY.isoformat()]
    gone = next(row["Invoice"] for row in rows if row["TransType"] == "IN")
    installation.sandbox.admin("POST", "vantagepoint/ledger/delete", {"where": {"TransType": "IN", "Invoice": gone}})
    replay(installation.settings, ReplayRequest(CONNECTION, _BROKEN_DAY, _BROKEN_DAY), Quiet())
    add_user(installation.engine, "jane", _PASSWORD, cost=1 << 4)
    settings = replace(installation.settings, dagster_url=dagster_url)
    receiver = Receiver(settings, installation.engine, host="127.0.0.1", port=0)
    ready = threading.Event()
    thread = threading.Thread(target=lambda: receiver.run(ready.set))
    thread.start()
    try:
        ready.wait()
        page = browser.page
        page.set_viewport_size(_DESK)
        page.goto(receiver.close_url)
        page.get_by_label("Name").fill("jane")
        page.get_by_label("Password").fill(_PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name=CONNECTION).wait_for()
        page.screenshot(path=folder / "close-index.png")
        page.goto(f"{receiver.close_url}/{CONNECTION}/{_DAY}")
        page.screenshot(path=folder / "close-day.png")
        page.set_viewport_size(_PHONE)
        page.goto(f"{receiver.close_url}/{CONNECTION}/{_BROKEN_DAY}")
        page.screenshot(path=folder / "close-phone.png")
    finally:
        receiver.ask_to_stop()
        thread.join()
