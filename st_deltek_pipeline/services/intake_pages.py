"""Pages of a feed on their way into ``raw``: sorted, compared with what is there, stored with the cursor behind them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection, Engine

from st_deltek_pipeline.domain.boundaries import Boundary, Reached, pass_by
from st_deltek_pipeline.services.feeds import Feed
from st_deltek_pipeline.servicetitan.headers import read_header
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.shapes import Unfit, date_part
from st_deltek_pipeline.store import raw, raw_cursors
from st_deltek_pipeline.store.raw_cursors import Cursor


@dataclass(frozen=True)
class IntakeResult:
    """What one intake of one feed did.

    Attributes:
        new_versions: Versions added to ``raw.records``.
        unchanged: Rows that said what was known already.
        unreadable: Rows without a usable id; kept in ``raw.unreadable`` with the reason.
        pages: Answers read.
        touched_dates: Document dates whose documents changed.
        rescanned: The feed refused its token and was read again from the start.
    """

    new_versions: int
    unchanged: int
    unreadable: int
    pages: int
    touched_dates: frozenset[date]
    rescanned: bool = False


@dataclass
class Tally:
    """What an intake has done so far.

    Attributes:
        read_ids: Records whose present state was read, where the feed reads open ones again. A row that a feed repeats
            may be an old one.
    """

    new_versions: int = 0
    unchanged: int = 0
    unreadable: int = 0
    pages: int = 0
    touched_dates: set[date] = field(default_factory=set[date])
    rescanned: bool = False
    read_ids: set[int] = field(default_factory=set[int])

    @property
    def rows(self) -> int:
        """Rows seen."""
        return self.new_versions + self.unchanged + self.unreadable

    def result(self) -> IntakeResult:
        """Return the outcome."""
        return IntakeResult(
            self.new_versions,
            self.unchanged,
            self.unreadable,
            self.pages,
            frozenset(self.touched_dates),
            self.rescanned,
        )


@dataclass(frozen=True)
class Page:
    """A page's rows, sorted into versions and what is no record.

    Attributes:
        newest: The latest modification in it, or creation where a row states none; ``None`` without either.
    """

    versions: list[raw.Version]
    unreadable: list[raw.UnreadableRow]
    newest: datetime | None = None


def sort_rows(rows: Sequence[bytes], kind: RecordKind) -> Page:
    """Read the headers of a page.

    Args:
        rows: Each record's JSON as sent.
        kind: The kind of record they should be.
    """
    versions: list[raw.Version] = []
    unreadable: list[raw.UnreadableRow] = []
    newest: datetime | None = None
    for payload in rows:
        payload_hash = hashlib.sha256(payload).hexdigest()
        header = read_header(kind, payload)
        if isinstance(header, Unfit):
            unreadable.append(raw.UnreadableRow(payload, payload_hash, str(header)))
            continue
        moment = header.modified_on or header.created_on
        if moment is not None and (newest is None or moment > newest):
            newest = moment
        versions.append(
            raw.Version(
                record_id=header.id,
                payload=payload,
                payload_hash=payload_hash,
                modified_on=header.modified_on,
                active=header.active,
                document_date=date_part(header.document_date),
                total=header.total,
                is_open=header.is_open,
            )
        )
    return Page(versions, unreadable, newest)


@dataclass(frozen=True)
class PageStore:
    """Where one intake of one feed puts its pages.

    Attributes:
        reached: Told of the moments at which a process may die; for tests.
    """

    engine: Engine
    connection: str
    feed: Feed
    run_id: str
    reached: Reached = pass_by

    def cursor(self) -> Cursor:
        """Return how far the feed has been read."""
        return raw_cursors.read_cursor(self.engine, self.connection, self.feed.name)

    def keep_page(self, page: Page, tally: Tally, *, before: Cursor, after: Cursor) -> bool:
        """Store a page of a feed and move the cursor; ``False`` when another intake has moved it meanwhile."""
        if before == after and not page.versions and not page.unreadable:
            return True
        self.reached(Boundary.PAGE_READ)
        with self.engine.begin() as db:
            if self._locked(db).continue_from != before.continue_from:
                return False
            raw.lock_kind(db, self.connection, self.feed.kind)
            unknown = raw.unknown_versions(db, self.connection, self.feed.kind, page.versions)
            self._keep(db, page, unknown, tally)
            self._remember(unknown, tally)
            self.reached(Boundary.PAGE_WRITTEN)
            if before != after:
                raw_cursors.move_cursor(db, self.connection, self.feed.name, after)
        self.reached(Boundary.PAGE_STORED)
        return True

    def keep_list_page(self, page: Page, tally: Tally, *, mark: str | None = None) -> None:
        """Store a page of a list; one without anything new locks and writes nothing.

        Args:
            page: The page.
            tally: Is told.
            mark: Where the feed's cursor stands once this page is stored, unless it stands further already.
        """
        kind = self.feed.kind
        self.reached(Boundary.PAGE_READ)
        moves = mark is not None and _is_ahead(mark, self.cursor())
        with self.engine.begin() as db:
            if moves or page.unreadable or raw.news_of_list(db, self.connection, kind, page.versions):
                cursor = self._locked(db)
                raw.lock_kind(db, self.connection, kind)
                self._keep(db, page, raw.news_of_list(db, self.connection, kind, page.versions), tally)
                self.reached(Boundary.PAGE_WRITTEN)
                if mark is not None and _is_ahead(mark, cursor):
                    raw_cursors.move_cursor(db, self.connection, self.feed.name, Cursor(mark, caught_up=True))
            else:
                tally.unchanged += len(page.versions)
        self.reached(Boundary.PAGE_STORED)
        self._remember(page.versions, tally)

    def _locked(self, db: Connection) -> Cursor:
        return raw_cursors.lock_cursor(db, self.connection, self.feed.name)

    def _keep(self, db: Connection, page: Page, news: Sequence[raw.Version], tally: Tally) -> None:
        kind = self.feed.kind
        stored = raw.store_versions(db, self.connection, kind, news, run_id=self.run_id)
        raw.store_unreadable(db, self.connection, kind, [*page.unreadable, *stored.refused], run_id=self.run_id)
        tally.new_versions += stored.new_versions
        tally.unreadable += len(page.unreadable) + len(stored.refused)
        tally.unchanged += len(page.versions) - len(news)
        tally.touched_dates |= stored.touched_dates

    def _remember(self, versions: Sequence[raw.Version], tally: Tally) -> None:
        if self.feed.reread_from is not None:
            tally.read_ids.update(version.record_id for version in versions)


def _is_ahead(mark: str, cursor: Cursor) -> bool:
    # Marks are written with a fixed number of digits, so that they sort as texts.
    return cursor.continue_from is None or mark > cursor.continue_from
