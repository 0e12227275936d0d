"""One connection's ServiceTitan whose records change as a test says, staged by the product."""

from datetime import date
from typing import Any

from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import Document, Kind
from st_deltek_pipeline.services.feeds import FEEDS_BY_NAME
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.staging import StagingResult, pending_days, settle_unchanged_day, stage_day
from st_deltek_pipeline.store.staged_documents import documents_by_id, documents_of_day
from st_deltek_pipeline.store.staged_set_aside import SetAside, set_aside_of_day, set_aside_undated
from st_deltek_pipeline_tests.services.servicetitan_rows import CALENDAR, CONNECTION, Feeds, encoded, settings

MONDAY = date(2026, 10, 5)
TUESDAY = date(2026, 10, 6)
WEDNESDAY = date(2026, 10, 7)


class Tenant:
    """A tenant seen through one kind of document."""

    def __init__(self, engine: Engine, kind: Kind, feed: str) -> None:
        self.engine = engine
        self.kind = kind
        self.feed = feed
        self.settings = settings()
        self.calendar = CALENDAR
        self._clock = 0

    def say(self, feed: str, *rows: dict[str, Any]) -> None:
        """Change records; each time later than before."""
        self._clock += 1
        stamp = f"2026-11-01T00:{self._clock // 60:02d}:{self._clock % 60:02d}Z"
        stamped = [{**row, "modifiedOn": stamp} for row in rows]
        self.say_exactly(feed, *stamped)

    def say_exactly(self, feed: str, *rows: dict[str, Any]) -> None:
        """Give rows as they are."""
        source = Feeds.of(rows)
        source.lists = [[encoded(row) for row in rows]]
        take_in_feed(self.engine, source, CONNECTION, FEEDS_BY_NAME[feed], run_id="in", full=True)

    def documents(self, *rows: dict[str, Any]) -> None:
        """Change documents of the kind under test."""
        self.say(self.feed, *rows)

    def pending(self) -> list[date]:
        return pending_days(self.engine, self.settings, self.calendar, (self.kind,))

    def stage(self, day: date = MONDAY) -> StagingResult:
        return stage_day(self.engine, self.settings, self.calendar, self.kind, day, run_id="stage")

    def settles(self, day: date = MONDAY) -> bool:
        return settle_unchanged_day(self.engine, self.settings, self.calendar, self.kind, day, run_id="stage")

    def stage_all(self) -> None:
        for day in self.pending():
            self.stage(day)
        assert self.pending() == []

    def of_day(self, day: date = MONDAY) -> list[Document]:
        return documents_of_day(self.engine, CONNECTION, self.kind, day)

    def one(self, document_id: int = 1) -> Any:
        """Return one document; what is asked of it depends on its kind."""
        return documents_by_id(self.engine, CONNECTION, self.kind, [document_id])[0]

    def set_aside(self, day: date = MONDAY) -> list[SetAside]:
        return set_aside_of_day(self.engine, CONNECTION, self.kind, day)

    def undated(self) -> list[SetAside]:
        return set_aside_undated(self.engine, CONNECTION, self.kind)
