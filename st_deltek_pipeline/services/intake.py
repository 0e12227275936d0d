"""Taking ServiceTitan's records in: feeds and lists drained into ``raw``, every version kept.

A page's rows and the cursor behind it are stored in one transaction, so a cursor is never ahead of its rows.
While a page of a feed is stored the next one is already being fetched, one page ahead and no more, so memory does not
grow with the volume. What the records mean is staging's business, which streams there are is in ``feeds``.
"""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

from sqlalchemy import Engine

from st_deltek_pipeline.domain.boundaries import Reached, pass_by
from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.services.feeds import Feed, Reading
from st_deltek_pipeline.services.intake_lists import ListClient, Tell, drain_list, drain_modified, reread_open
from st_deltek_pipeline.services.intake_pages import IntakeResult, Page, PageStore, Tally, sort_rows
from st_deltek_pipeline.servicetitan.errors import FeedTokenRefusedError
from st_deltek_pipeline.servicetitan.feeds import FeedPage
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.records import AnyRecord, read_record
from st_deltek_pipeline.servicetitan.shapes import Unfit
from st_deltek_pipeline.store import raw
from st_deltek_pipeline.store.raw_cursors import Cursor

# Pages in a row that lead nowhere: empty ones although more is promised, or tokens that were given before.
_MOST_IDLE_PAGES = 20


class FeedClient(ListClient, Protocol):
    """The part of ``ServiceTitanClient`` that intake calls."""

    def export_feed(self, feed: str, continue_from: str | None, *, include_recent_changes: bool = False) -> FeedPage:
        """Read one page of an export feed."""
        ...


def take_in_feed(
    engine: Engine,
    client: FeedClient,
    connection: str,
    feed: Feed,
    *,
    run_id: str,
    full: bool = False,
    since: date | None = None,
    progress: Callable[[int], None] | None = None,
    reached: Reached = pass_by,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> IntakeResult:
    """Drain a feed into ``raw`` from where the last intake ended.

    Rows that are stored already are recognised by the hash of their bytes, so a feed that repeats itself, a
    full rescan or two intakes at once add nothing twice. With nothing new an export feed costs one call and
    writes nothing. Where the feed's records may be edited without saying so, the open ones are read again by id.

    Args:
        engine: The application's database.
        client: ServiceTitan.
        connection: The connection's name.
        feed: What to read.
        run_id: Who reads, kept with every new version.
        full: Read from the very first record, whatever the cursor says.
        since: Read what was modified since that day in UTC, whatever the cursor says; a list read whole is anyway.
        progress: Told the number of rows so far after each stored page.
        reached: Told of the moments at which a process may die; for tests.
        now: Clock, for lists that are asked for what was modified.

    Returns:
        What was found.

    Raises:
        TransientError: The feed promises more but leads nowhere, or a list never stands still. What was read before
            is kept.
        FeedTokenRefusedError: The feed refuses even to start from its beginning.
    """
    tally = Tally()
    tell = progress or _tell_nobody
    store = PageStore(engine, connection, feed, run_id, reached)
    match feed.reading:
        case Reading.EXPORT:
            _drain_export(store, client, tally, tell, _Start(full, since))
        case Reading.MODIFIED:
            drain_modified(store, client, tally, tell, full=full, since=since, now=now)
        case Reading.LIST:
            drain_list(store, client, tally, tell)
    reread_open(store, client, tally, tell)
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


@dataclass(frozen=True)
class _Start:
    """Where reading a feed begins, if not at its cursor."""

    full: bool
    since: date | None

    def token(self, cursor: Cursor) -> str | None:
        if self.full:
            return None
        return cursor.continue_from if self.since is None else self.since.isoformat()


def _drain_export(store: PageStore, client: FeedClient, tally: Tally, tell: Tell, start: _Start) -> None:
    cursor = store.cursor()
    token = start.token(cursor)
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


_Fetch = Callable[[str | None], "Future[tuple[FeedPage, Page]]"]


@contextmanager
def _one_page_ahead(client: FeedClient, feed: Feed) -> Generator[_Fetch]:
    def fetch(token: str | None) -> tuple[FeedPage, Page]:
        answer = client.export_feed(feed.resource, token)
        return answer, sort_rows(answer.rows, feed.kind)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"fetch-{feed.name}") as executor:
        yield lambda token: executor.submit(fetch, token)


def _follow(
    store: PageStore,
    fetch: _Fetch,
    tally: Tally,
    tell: Tell,
    *,
    cursor: Cursor,
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
        after = Cursor(answer.continue_from, caught_up=not answer.has_more)
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
