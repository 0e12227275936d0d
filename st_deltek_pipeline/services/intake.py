"""Taking ServiceTitan's records in: feeds and lists drained into ``raw``, every version kept.

A page's rows and the cursor behind it are stored in one transaction, so a cursor is never ahead of its rows.
While a page is stored the next one is already being fetched, one page ahead and no more, so memory does not
grow with the volume. What the records mean is staging's business.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol

from sqlalchemy import Connection, Engine

from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.servicetitan.errors import FeedTokenRefusedError
from st_deltek_pipeline.servicetitan.feeds import FeedPage
from st_deltek_pipeline.servicetitan.records import (
    AnyRecord,
    RecordKind,
    Unfit,
    date_part,
    read_header,
    read_record,
)
from st_deltek_pipeline.store import raw


class Reading(StrEnum):
    """How a resource is read."""

    EXPORT = "export"
    LIST = "list"


@dataclass(frozen=True)
class Feed:
    """One stream of records.

    Attributes:
        name: What assets, cursors and messages call it.
        resource: Module and path of the API, without tenant and version.
        reading: An export feed with continuation tokens, or a list that is read whole each time because
            ServiceTitan has no feed of it (servicetitan.md section 4).
        kind: The kind of record it holds.
    """

    name: str
    resource: str
    reading: Reading
    kind: RecordKind


FEEDS: tuple[Feed, ...] = (
    Feed("invoices", "accounting/export/invoices", Reading.EXPORT, RecordKind.INVOICE),
    Feed("customers", "crm/export/customers", Reading.EXPORT, RecordKind.CUSTOMER),
    Feed("locations", "crm/export/locations", Reading.EXPORT, RecordKind.LOCATION),
    Feed("business_units", "settings/export/business-units", Reading.EXPORT, RecordKind.BUSINESS_UNIT),
    Feed("jobs", "jpm/export/jobs", Reading.EXPORT, RecordKind.JOB),
    Feed("projects", "jpm/export/projects", Reading.EXPORT, RecordKind.PROJECT),
    Feed("job_types", "jpm/job-types", Reading.LIST, RecordKind.JOB_TYPE),
    Feed("gl_accounts", "accounting/gl-accounts", Reading.LIST, RecordKind.GL_ACCOUNT),
    Feed("tax_zones", "accounting/tax-zones", Reading.LIST, RecordKind.TAX_ZONE),
    Feed("payment_types", "accounting/payment-types", Reading.LIST, RecordKind.PAYMENT_TYPE),
    Feed("vendors", "inventory/vendors", Reading.LIST, RecordKind.VENDOR),
)
FEEDS_BY_NAME = {feed.name: feed for feed in FEEDS}

# Pages in a row that lead nowhere: empty ones although more is promised, or tokens that were given before.
_MOST_IDLE_PAGES = 20


class FeedClient(Protocol):
    """The part of ``ServiceTitanClient`` that intake calls."""

    def export_feed(self, feed: str, continue_from: str | None, *, include_recent_changes: bool = False) -> FeedPage:
        """Read one page of an export feed."""
        ...

    def list_pages(self, resource: str, *, active: str) -> Iterator[list[bytes]]:
        """Read a list page by page."""
        ...


@dataclass(frozen=True)
class IntakeResult:
    """What one intake of one feed did.

    Attributes:
        new_versions: Versions added to ``raw.records``.
        unchanged: Rows whose exact version was there already.
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
class _Tally:
    new_versions: int = 0
    unchanged: int = 0
    unreadable: int = 0
    pages: int = 0
    touched_dates: set[date] = field(default_factory=set[date])
    rescanned: bool = False

    @property
    def rows(self) -> int:
        return self.new_versions + self.unchanged + self.unreadable

    def result(self) -> IntakeResult:
        return IntakeResult(
            self.new_versions,
            self.unchanged,
            self.unreadable,
            self.pages,
            frozenset(self.touched_dates),
            self.rescanned,
        )


@dataclass(frozen=True)
class _Page:
    """A page's rows, sorted into versions and what is no record."""

    versions: list[raw.Version]
    unreadable: list[raw.UnreadableRow]


def take_in_feed(
    engine: Engine,
    client: FeedClient,
    connection: str,
    feed: Feed,
    *,
    run_id: str,
    full: bool = False,
    progress: Callable[[int], None] | None = None,
) -> IntakeResult:
    """Drain a feed into ``raw`` from where the last intake ended.

    Rows that are stored already are recognised by the hash of their bytes, so a feed that repeats itself, a
    full rescan or two intakes at once add nothing twice. With nothing new an export feed costs one call and
    writes nothing.

    Args:
        engine: The application's database.
        client: ServiceTitan.
        connection: The connection's name.
        feed: What to read.
        run_id: Who reads, kept with every new version.
        full: Read an export feed from its very first record, whatever the cursor says.
        progress: Told the number of rows so far after each stored page.

    Returns:
        What was found.

    Raises:
        TransientError: The feed promises more but leads nowhere. What was read before is kept.
        FeedTokenRefusedError: The feed refuses even to start from its beginning.
    """
    tally = _Tally()
    tell = progress or _tell_nobody
    if feed.reading is Reading.LIST:
        _drain_list(_Store(engine, connection, feed, run_id), client, tally, tell)
    else:
        _drain_export(_Store(engine, connection, feed, run_id), client, tally, tell, full=full)
    return tally.result()


def latest_records(engine: Engine, connection: str, kind: RecordKind, ids: Sequence[int]) -> dict[int, AnyRecord]:
    """Return the latest version of some records, typed.

    Args:
        engine: The application's database.
        connection: The connection's name.
        kind: The kind of record.
        ids: ServiceTitan's ids.

    Returns:
        By id; unknown records and those that do not fit their type are absent.
    """
    found: dict[int, AnyRecord] = {}
    for record_id, payload in raw.latest_payloads(engine, connection, kind, ids).items():
        record = read_record(kind, payload)
        if not isinstance(record, Unfit):
            found[record_id] = record
    return found


def _tell_nobody(_rows: int) -> None:
    """Stand in for a missing progress callback."""


def _sort_rows(rows: Sequence[bytes], kind: RecordKind) -> _Page:
    is_document = kind is RecordKind.INVOICE
    versions: list[raw.Version] = []
    unreadable: list[raw.UnreadableRow] = []
    for payload in rows:
        payload_hash = hashlib.sha256(payload).hexdigest()
        header = read_header(payload)
        if isinstance(header, Unfit):
            unreadable.append(raw.UnreadableRow(payload, payload_hash, str(header)))
            continue
        versions.append(
            raw.Version(
                record_id=header.id,
                payload=payload,
                payload_hash=payload_hash,
                modified_on=header.modified_on,
                active=header.active is not False,
                document_date=date_part(header.invoice_date) if is_document else None,
                total=header.total if is_document else None,
            )
        )
    return _Page(versions, unreadable)


@dataclass(frozen=True)
class _Store:
    """Where one intake of one feed puts its pages."""

    engine: Engine
    connection: str
    feed: Feed
    run_id: str

    def cursor(self) -> raw.Cursor:
        return raw.read_cursor(self.engine, self.connection, self.feed.name)

    def keep_page(self, page: _Page, tally: _Tally, *, before: raw.Cursor, after: raw.Cursor) -> bool:
        """Store a page and move the cursor; ``False`` when another intake has moved it meanwhile."""
        if before == after and not page.versions and not page.unreadable:
            return True
        with self.engine.begin() as db:
            if raw.lock_cursor(db, self.connection, self.feed.name).continue_from != before.continue_from:
                return False
            self._keep_rows(db, page, tally)
            if before != after:
                raw.move_cursor(db, self.connection, self.feed.name, after)
        return True

    def keep_list_page(self, page: _Page, tally: _Tally) -> None:
        """Store a page of a list; one without anything new locks and writes nothing."""
        kind = self.feed.kind
        with self.engine.begin() as db:
            if page.unreadable or raw.unknown_versions(db, self.connection, kind, page.versions):
                raw.lock_cursor(db, self.connection, self.feed.name)
                self._keep_rows(db, page, tally)
            else:
                tally.unchanged += len(page.versions)

    def _keep_rows(self, db: Connection, page: _Page, tally: _Tally) -> None:
        kind = self.feed.kind
        unknown = raw.unknown_versions(db, self.connection, kind, page.versions)
        stored = raw.store_versions(db, self.connection, kind, unknown, run_id=self.run_id)
        raw.store_unreadable(db, self.connection, kind, [*page.unreadable, *stored.refused], run_id=self.run_id)
        tally.new_versions += stored.new_versions
        tally.unchanged += len(page.versions) - len(unknown)
        tally.unreadable += len(page.unreadable) + len(stored.refused)
        tally.touched_dates |= stored.touched_dates


def _drain_list(store: _Store, client: FeedClient, tally: _Tally, tell: Callable[[int], None]) -> None:
    for rows in client.list_pages(store.feed.resource, active="Any"):
        tally.pages += 1
        store.keep_list_page(_sort_rows(rows, store.feed.kind), tally)
        tell(tally.rows)


def _drain_export(store: _Store, client: FeedClient, tally: _Tally, tell: Callable[[int], None], *, full: bool) -> None:
    cursor = store.cursor()
    token = None if full else cursor.continue_from
    with _one_page_ahead(client, store.feed) as fetch:
        while True:
            try:
                if _follow(store, fetch, tally, tell, cursor=cursor, token=token):
                    return
                # Another intake of this feed moved the cursor: go on from where it is now.
                cursor = store.cursor()
                token = cursor.continue_from
            except FeedTokenRefusedError:
                if tally.rescanned or token is None:
                    raise
                tally.rescanned = True
                cursor = store.cursor()
                token = None


_Fetch = Callable[[str | None], "Future[tuple[FeedPage, _Page]]"]


@contextmanager
def _one_page_ahead(client: FeedClient, feed: Feed) -> Generator[_Fetch]:
    def fetch(token: str | None) -> tuple[FeedPage, _Page]:
        answer = client.export_feed(feed.resource, token)
        return answer, _sort_rows(answer.rows, feed.kind)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"fetch-{feed.name}") as executor:
        yield lambda token: executor.submit(fetch, token)


def _follow(
    store: _Store,
    fetch: _Fetch,
    tally: _Tally,
    tell: Callable[[int], None],
    *,
    cursor: raw.Cursor,
    token: str | None,
) -> bool:
    """Follow the tokens to the feed's end; ``False`` when another intake has moved the cursor."""
    given = {token}
    idle = 0
    waiting = fetch(token)
    while True:
        answer, page = waiting.result()
        tally.pages += 1
        leads_on = answer.has_more and answer.continue_from not in given
        idle = 0 if answer.rows and leads_on else idle + 1
        given.add(answer.continue_from)
        if answer.has_more and idle < _MOST_IDLE_PAGES:
            waiting = fetch(answer.continue_from)
        after = raw.Cursor(answer.continue_from, caught_up=not answer.has_more)
        if not store.keep_page(page, tally, before=cursor, after=after):
            return False
        cursor = after
        tell(tally.rows)
        if not answer.has_more:
            return True
        if idle >= _MOST_IDLE_PAGES:
            message = (
                f"The feed {store.feed.name} of {store.connection} promises more, but its last {idle} pages"
                " were empty or led back to where it had been."
            )
            raise TransientError(message, advice="What was read is kept; the next intake goes on from there.")
