"""Draining lists into ``raw``: whole ones, those asked for what was modified, and single records by their ids.

Nothing is promised of a list's order, so the mark of what has been seen moves only when everything was read, never
beyond the moment at which reading began, and each intake looks back a little behind it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Protocol

from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.services.intake_pages import Page, PageStore, Tally, sort_rows
from st_deltek_pipeline.servicetitan.repetitions import says_the_same
from st_deltek_pipeline.store import raw

OVERLAP = timedelta(minutes=15)
"""How far behind the mark an intake looks: changes become visible some minutes late (servicetitan.md section 8)."""

# Readings of a list of several pages until one brings nothing new.
_MOST_READINGS = 6
_ROWS_AT_ONCE = 1000
_MARK = "%Y-%m-%dT%H:%M:%S.%fZ"
_NOTHING = Page([], [])

Tell = Callable[[int], None]


class ListClient(Protocol):
    """The part of ``ServiceTitanClient`` that reads lists."""

    def list_pages(self, resource: str, **filters: str) -> Iterator[list[bytes]]:
        """Read a list page by page."""
        ...

    def by_ids(self, resource: str, ids: Sequence[int], **filters: str) -> Iterator[bytes]:
        """Read rows by their ids."""
        ...


def drain_list(store: PageStore, client: ListClient, tally: Tally, tell: Tell) -> None:
    """Read a list whole.

    Args:
        store: Where its pages go.
        client: ServiceTitan.
        tally: Is told what was found.
        tell: Is told the number of rows so far.
    """
    for filters in store.feed.passes:
        for rows in client.list_pages(store.feed.resource, **filters):
            tally.pages += 1
            store.keep_list_page(sort_rows(rows, store.feed.kind), tally)
            tell(tally.rows)


def drain_modified(
    store: PageStore,
    client: ListClient,
    tally: Tally,
    tell: Tell,
    *,
    full: bool,
    since: date | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Read what a list says was modified since the mark, or all of it without one.

    Args:
        store: Where its pages go.
        client: ServiceTitan.
        tally: Is told what was found.
        tell: Is told the number of rows so far.
        full: Read everything, whatever the mark says.
        since: Read what was modified since that day in UTC, whatever the mark says.
        now: Clock; the mark is never set beyond the moment at which reading began.

    Raises:
        TransientError: The list never stood still. What was read is kept; the mark was not moved.
    """
    began = now()
    before = None if full else store.cursor().continue_from
    if before is not None and since is not None:
        before = min(before, datetime.combine(since, time(), UTC).strftime(_MARK))
    newest: datetime | None = None
    last = _NOTHING
    for filters in _windows(store, before):
        # The page before is not the last one: store it without moving the mark.
        _keep(store, last, tally, tell)
        last, found = _read_still(store, client, tally, tell, filters)
        newest = max(filter(None, (newest, found)), default=None)
    mark = None if newest is None else min(newest, began).strftime(_MARK)
    store.keep_list_page(last, tally, mark=mark)
    tell(tally.rows)


def reread_open(store: PageStore, client: ListClient, tally: Tally, tell: Tell) -> None:
    """Read the feed's open records again that were not read in this intake anyway.

    Args:
        store: Where they go.
        client: ServiceTitan.
        tally: Knows what was read.
        tell: Is told the number of rows so far.
    """
    feed = store.feed
    if feed.reread_from is None:
        return
    open_ids = raw.open_records(store.engine, store.connection, feed.kind, feed.reread_since)
    ids = [each for each in open_ids if each not in tally.read_ids]
    read_by_ids(store, client, tally, tell, resource=feed.reread_from, passes=feed.passes, ids=ids)


def read_by_ids(
    store: PageStore,
    client: ListClient,
    tally: Tally,
    tell: Tell,
    *,
    resource: str,
    passes: Sequence[Mapping[str, str]],
    ids: Sequence[int],
) -> set[int]:
    """Read records as they are now, and keep those that say something new.

    Args:
        store: Where they go.
        client: ServiceTitan.
        tally: Is told what was found.
        tell: Is told the number of rows so far.
        resource: A list that can be asked for ids.
        passes: Filters; the list is asked once with each of these.
        ids: ServiceTitan's ids.

    Returns:
        The ids that were found.
    """
    found: set[int] = set()
    for filters in passes:
        rows = client.by_ids(resource, ids, **filters) if ids else iter(())
        while chunk := list(islice(rows, _ROWS_AT_ONCE)):
            tally.pages += 1
            page = sort_rows(chunk, store.feed.kind)
            found.update(version.record_id for version in page.versions)
            _keep(store, _without_repetitions(store, page, tally), tally, tell)
    return found


def _without_repetitions(store: PageStore, page: Page, tally: Tally) -> Page:
    """Leave out what the latest version says already, so that no day is run for the way a list writes a record."""
    ids = [version.record_id for version in page.versions]
    latest = raw.latest_payloads(store.engine, store.connection, store.feed.kind, ids)
    news = [
        version
        for version in page.versions
        if version.record_id not in latest or not says_the_same(version.payload, latest[version.record_id].encode())
    ]
    tally.unchanged += len(page.versions) - len(news)
    return replace(page, versions=news)


def _windows(store: PageStore, mark: str | None) -> Iterator[dict[str, str]]:
    feed = store.feed
    for filters in feed.passes:
        if mark is None:
            yield dict(filters)
            continue
        since = (datetime.strptime(mark, _MARK).replace(tzinfo=UTC) - OVERLAP).strftime(_MARK)
        yield {**filters, "modifiedOnOrAfter": since}
        if feed.created_too:
            yield {**filters, "createdOnOrAfter": since}


def _read_still(
    store: PageStore, client: ListClient, tally: Tally, tell: Tell, filters: Mapping[str, str]
) -> tuple[Page, datetime | None]:
    """Read a list until it stood still: a row that is changed meanwhile may push another to a page already read.

    Returns:
        The last page, not stored yet, and the latest modification of all.
    """
    for _ in range(_MOST_READINGS):
        known, pages = tally.new_versions, 0
        newest: datetime | None = None
        last = _NOTHING
        for rows in client.list_pages(store.feed.resource, **filters):
            _keep(store, last, tally, tell)
            last = sort_rows(rows, store.feed.kind)
            newest = max(filter(None, (newest, last.newest)), default=None)
            tally.pages += 1
            pages += 1
        if pages <= 1:
            return last, newest
        _keep(store, last, tally, tell)
        if tally.new_versions == known:
            return _NOTHING, newest
    message = f"The list {store.feed.name} of {store.connection} changed each time it was read, {_MOST_READINGS} times."
    raise TransientError(message, advice="What was read is kept; the next intake reads it again.")


def _keep(store: PageStore, page: Page, tally: Tally, tell: Tell) -> None:
    if page.versions or page.unreadable:
        store.keep_list_page(page, tally)
        tell(tally.rows)
