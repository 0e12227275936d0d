"""Dagster's UI on an installation with a few posted days, and the system's Chromium to look at it.

The web server runs without the daemon: what people see of assets, days, checks and schedules does not need one, and a run
that is launched stays in the queue.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import requests
from playwright.sync_api import ConsoleMessage, Error, Page, Response, expect, sync_playwright

from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.orchestration.day_runs import Progress
from st_deltek_pipeline.orchestration.document_kinds import aligned_asset, posted_asset
from st_deltek_pipeline.orchestration.instance import HOME_VARIABLE, open_instance, prepare_home
from st_deltek_pipeline.orchestration.syncing import SyncRequest, synchronise
from st_deltek_pipeline_tests.orchestration.installations import CONNECTION, Installation

FIRST_DAY = "2026-10-29"
"""Where the days begin: three of them show as much as a month."""

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_WIDTH, _HEIGHT = 1440, 900
_START_SECONDS = 120
_STOP_SECONDS = 60
_POLL_SECONDS = 0.2
_SHOWN_MILLISECONDS = 30_000


def find_browser() -> str | None:
    """Return the system's Chromium; none is ever downloaded."""
    return next((found for name in _BROWSERS if (found := shutil.which(name))), None)


class Quiet(Progress):
    """Says nothing."""

    def doing(self, what: str) -> None:
        pass

    def done(self, what: str) -> None:
        pass


@dataclass
class Desk:
    """A running UI on the days that were posted before."""

    installation: Installation
    url: str

    @property
    def held(self) -> tuple[str, Kind]:
        """A day and a kind of document of which its alignment holds something, and something else is posted."""
        for kind in POSTING_ORDER:
            posted = self.reported(posted_asset(kind))
            for day, said in sorted(self.reported(aligned_asset(kind)).items()):
                if said["held"] and posted[day]["posted_now"]:
                    return day, kind
        message = "no day of the sandbox's month has both"
        raise AssertionError(message)

    def reported(self, asset: str) -> Mapping[str, Mapping[str, Any]]:
        """Return what the newest materialization of each business day says."""
        with open_instance(self.installation.settings) as instance:
            records = instance.fetch_materializations(
                dg.AssetKey([CONNECTION, asset]), limit=200, ascending=True
            ).records
        events = [record.asset_materialization for record in records]
        return {
            str(event.partition): {name: value.value for name, value in event.metadata.items()}
            for event in events
            if event is not None
        }

    def lineage(self, selection: str = "", *expanded: str) -> str:
        """Return the address of the lineage of a selection, with some groups open."""
        groups = ",".join(f"global@global:{group}" for group in expanded)
        return f"{self.url}/asset-groups{'~' + quote(selection, safe='') if selection else ''}?expanded={groups}"

    def asset(self, name: str, view: str = "overview", **more: str) -> str:
        """Return the address of an asset's page."""
        further = "".join(f"&{key}={value}" for key, value in more.items())
        return f"{self.url}/assets/{CONNECTION}/{name}?view={view}{further}"


@contextlib.contextmanager
def running_desk(installation: Installation, first_day: str = FIRST_DAY) -> Generator[Desk]:
    """Post the days from ``first_day`` on, and run Dagster's web server on them."""
    installation.write_file(start_date=first_day)
    synchronise(installation.settings, SyncRequest(CONNECTION), Quiet())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "dagster_webserver", "-m", "st_deltek_pipeline.definitions"]
    project = str(Path(__file__).parents[2])
    process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
        [*command, "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"],
        env={**os.environ, HOME_VARIABLE: str(prepare_home(installation.settings)), "PYTHONPATH": project},
        cwd=installation.settings.data_dir,
        stdin=subprocess.DEVNULL,
        # Ctrl-C is for pytest, which stops it in order.
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_it_answers(process, url)
        yield Desk(installation, url)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        finally:
            # The session is its own: whoever is left in it was started by the web server.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{url}/server_info", timeout=5).ok:
                return
        assert process.poll() is None, f"the web server ended with {process.returncode}"
        assert time.monotonic() < deadline, f"the web server did not answer in {_START_SECONDS} s"
        time.sleep(_POLL_SECONDS)


@dataclass
class Browser:
    """A page, and everything that went wrong in it."""

    page: Page
    complaints: list[str] = field(default_factory=list[str])

    def watch(self) -> None:
        """Take down errors of the console, of scripts, of the server and of GraphQL."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("response", self._response)

    def open(self, address: str, *shown: str) -> None:
        """Go to an address, and wait until some texts can be seen."""
        self.page.goto(address)
        for text in shown:
            self.page.get_by_text(text).filter(visible=True).first.wait_for(timeout=_SHOWN_MILLISECONDS)

    def reads(self, pattern: str | re.Pattern[str]) -> None:
        """Wait until the page's text has a text or matches a pattern: its parts arrive one after another."""
        expect(self.page.locator("body")).to_contain_text(pattern, use_inner_text=True, timeout=_SHOWN_MILLISECONDS)

    def text(self) -> str:
        """Return all that can be read now: enough to say that something is not there."""
        return self.page.inner_text("body")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")


@contextlib.contextmanager
def browsing(profile: Path) -> Generator[Browser]:
    """Open a page in the system's browser, with a profile of its own."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=find_browser(),
            headless=True,
            args=_OPTIONS,
            viewport={"width": _WIDTH, "height": _HEIGHT},
            timezone_id="America/Denver",
            locale="en-US",
        )
        try:
            context.set_default_timeout(_SHOWN_MILLISECONDS)
            browser = Browser(context.pages[0])
            browser.watch()
            yield browser
        finally:
            with contextlib.suppress(Error):
                context.close()
