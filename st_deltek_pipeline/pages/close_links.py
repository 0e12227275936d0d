"""Where a close report leads: Dagster's pages, other close reports, and commands. Without an address there is no link."""

import re
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from st_deltek_pipeline.pages.cells import Link, Simple

# Dagster's run ids; what a person's command recorded has no page there.
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHOWN_OF_A_RUN = 8


@dataclass(frozen=True)
class CloseLinks:
    """Makes links.

    Attributes:
        dagster_url: Where Dagster's UI is; empty when nobody said so.
        close_url: Where the close reports are, without a slash at its end; empty in a page that is a file.
    """

    dagster_url: str = ""
    close_url: str = ""

    def run(self, run_id: str) -> Simple:
        """Lead to a run in Dagster; what is no run of its is only named."""
        if not _RUN_ID.fullmatch(run_id):
            return run_id
        short = run_id[:_SHOWN_OF_A_RUN]
        return Link(short, f"{self._dagster}/runs/{run_id}") if self.dagster_url else short

    def asset(self, connection: str, asset: str, day: date | None = None, *, text: str = "") -> Simple:
        """Lead to an asset in Dagster, on a day's partition where one is given."""
        words = text or asset
        if not self.dagster_url:
            return words
        partition = f"?view=partitions&partition={day}" if day else ""
        return Link(words, f"{self._dagster}/assets/{quote(connection)}/{quote(asset)}{partition}")

    def selection(self, text: str, selection: str) -> Simple:
        """Lead to the lineage of a selection of assets in Dagster."""
        if not self.dagster_url:
            return text
        return Link(text, f"{self._dagster}/asset-groups~{quote(selection, safe='')}")

    def dagster(self, text: str, path: str) -> Simple:
        """Lead to a page of Dagster."""
        return Link(text, f"{self._dagster}{path}") if self.dagster_url else text

    def day(self, connection: str, day: date, *, text: str) -> Simple:
        """Lead to a day's close report."""
        return Link(text, f"{self.close_url}/{quote(connection)}/{day}") if self.close_url else text

    def month(self, connection: str, day: date, *, text: str) -> Simple:
        """Lead to the close report of a day's month."""
        return Link(text, f"{self.close_url}/{quote(connection)}/{day:%Y-%m}") if self.close_url else text

    def close(self, number: int, day_url: str) -> Simple:
        """Lead to what a close of a day said.

        Args:
            number: The close's number.
            day_url: Where the day's report is; empty in a file.
        """
        return Link(f"close {number}", f"{day_url}/{number}") if day_url else f"close {number}"

    @property
    def _dagster(self) -> str:
        return self.dagster_url.rstrip("/")
