"""Taking in loses nothing, doubles nothing and writes nothing without news."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.services.feeds import FEEDS, FEEDS_BY_NAME, Feed, Reading
from st_deltek_pipeline.services.intake import latest_records, take_in_feed
from st_deltek_pipeline.services.intake_pages import IntakeResult
from st_deltek_pipeline.servicetitan.errors import FeedTokenRefusedError
from st_deltek_pipeline.servicetitan.feeds import FeedPage
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.records import CustomerRecord
from st_deltek_pipeline.store import raw, raw_cursors
from st_deltek_pipeline_tests.services.servicetitan_rows import CONNECTION, Feeds, encoded, invoice

INVOICES = FEEDS_BY_NAME["invoices"]
TAX_ZONES = FEEDS_BY_NAME["tax_zones"]


def _take_in(engine: Engine, feeds: Any, feed: Feed = INVOICES, **options: Any) -> IntakeResult:
    return take_in_feed(engine, feeds, CONNECTION, feed, run_id="run", **options)


def _versions(engine: Engine) -> int:
    with engine.connect() as db:
        return db.execute(text("SELECT count(*) FROM raw.records")).scalar_one()


def _written(engine: Engine) -> tuple[int, int]:
    """Rows written so far in our schemas, and dead ones. Statistics come when a session ends."""
    url = engine.url
    engine.dispose()
    observer = create_engine(url)
    query = text(
        "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0), coalesce(sum(n_dead_tup), 0)"
        " FROM pg_stat_user_tables WHERE schemaname IN ('raw', 'staged', 'reference')"
    )
    with observer.connect() as db:
        written, dead = db.execute(query).one()
    observer.dispose()
    return int(written), int(dead)


def test_every_feed_has_its_own_name_resource_and_kind() -> None:
    assert len(FEEDS) == len({feed.name for feed in FEEDS}) == len({feed.resource for feed in FEEDS})
    assert {feed.kind for feed in FEEDS} == set(RecordKind)
    assert all(("/export/" in feed.resource) is (feed.reading is Reading.EXPORT) for feed in FEEDS)


def test_a_feed_is_drained_to_its_end(engine: Engine) -> None:
    seen: list[int] = []
    feeds = Feeds.of([invoice(1), invoice(2)], [invoice(3)])
    result = _take_in(engine, feeds, progress=seen.append)
    assert (result.new_versions, result.unchanged, result.unreadable, result.pages) == (3, 0, 0, 3)
    assert {str(day) for day in result.touched_dates} == {"2026-10-05"}
    assert raw_cursors.read_cursor(engine, CONNECTION, "invoices") == raw_cursors.Cursor("t2", caught_up=True)
    assert seen == [2, 3, 3]


def test_a_second_intake_with_nothing_new_is_one_call_and_no_write(engine: Engine) -> None:
    feeds = Feeds.of([invoice(1)], [invoice(2)])
    _take_in(engine, feeds)
    feeds.asked.clear()
    before = _written(engine)
    result = _take_in(engine, feeds)
    assert result == IntakeResult(0, 0, 0, 1, frozenset())
    assert feeds.asked == ["t2"]
    assert _written(engine) == before


def test_the_next_intake_goes_on_where_the_last_one_ended(engine: Engine) -> None:
    feeds = Feeds.of([invoice(1)])
    _take_in(engine, feeds)
    feeds.extend([invoice(2)])
    feeds.asked.clear()
    assert _take_in(engine, feeds).new_versions == 1
    assert feeds.asked == ["t1", "t2"]


def test_a_changed_record_is_a_new_version(engine: Engine) -> None:
    changed = invoice(1, modifiedOn="2026-10-06T00:00:00Z", invoiceDate="2026-10-06T00:00:00Z")
    result = _take_in(engine, Feeds.of([invoice(1)], [changed]))
    assert (result.new_versions, _versions(engine)) == (2, 2)
    assert {str(day) for day in result.touched_dates} == {"2026-10-05", "2026-10-06"}


def test_repeated_rows_and_pages_are_stored_once(engine: Engine) -> None:
    """T20, T21: pages and rows that come again."""
    page = [invoice(1), invoice(1), invoice(2)]
    result = _take_in(engine, Feeds.of(page, page))
    assert (result.new_versions, result.unchanged, _versions(engine)) == (2, 4, 2)


def test_a_row_without_an_id_is_kept_apart_and_stops_nothing(engine: Engine) -> None:
    result = _take_in(engine, Feeds.of([invoice(1), b'{"number": "x"}', b'{"id": null}', invoice(2)]))
    assert (result.new_versions, result.unreadable) == (2, 2)
    with engine.connect() as db:
        reasons = db.execute(text("SELECT reason FROM raw.unreadable ORDER BY payload")).scalars().all()
    assert ["id" in reason for reason in reasons] == [True, True]


def test_a_nul_character_in_a_name_breaks_nothing(engine: Engine) -> None:
    """T39: a control character that no database takes."""
    row = encoded(invoice(1, summary="a\x00b"))
    assert b"\\u0000" in row
    assert _take_in(engine, Feeds.of([row])).new_versions == 1
    assert raw.latest_payloads(engine, CONNECTION, "invoice", [1])[1].encode() == row


def test_an_empty_page_that_promises_more_is_followed(engine: Engine) -> None:
    """T20: an empty page that promises more."""
    assert _take_in(engine, Feeds.of([], [], [invoice(1)])).new_versions == 1


def test_empty_pages_without_end_are_given_up(engine: Engine) -> None:
    class Endless:
        def __init__(self) -> None:
            self.calls = 0

        def export_feed(
            self, feed: str, continue_from: str | None, *, include_recent_changes: bool = False
        ) -> FeedPage:
            del feed, continue_from, include_recent_changes
            self.calls += 1
            return FeedPage([], has_more=True, continue_from=f"t{self.calls}")

    endless = Endless()
    with pytest.raises(TransientError, match="promises more"):
        _take_in(engine, endless)
    assert endless.calls <= 25


def test_a_feed_that_leads_in_a_circle_is_given_up_with_its_rows_kept(engine: Engine) -> None:
    """T20: a token that comes again."""

    class Circle:
        def export_feed(
            self, feed: str, continue_from: str | None, *, include_recent_changes: bool = False
        ) -> FeedPage:
            del feed, include_recent_changes
            following = "b" if continue_from == "a" else "a"
            return FeedPage([encoded(invoice(1))], has_more=True, continue_from=following)

    with pytest.raises(TransientError, match="promises more"):
        _take_in(engine, Circle())
    assert _versions(engine) == 1


def test_a_refused_token_means_a_full_rescan_without_duplicates(engine: Engine) -> None:
    """T22: a token that is refused."""
    feeds = Feeds.of([invoice(1)], [invoice(2)])
    _take_in(engine, feeds)
    renamed = Feeds.of([invoice(1)], [invoice(2)], [invoice(3)])
    renamed.refused = {"t2"}
    renamed.pages = {
        None: FeedPage(renamed.pages[None].rows, has_more=True, continue_from="n1"),
        "n1": FeedPage(renamed.pages["t1"].rows, has_more=True, continue_from="n2"),
        "n2": FeedPage([encoded(invoice(3))], has_more=False, continue_from="n3"),
    }
    result = _take_in(engine, renamed)
    assert (result.rescanned, result.new_versions, result.unchanged, _versions(engine)) == (True, 1, 2, 3)
    assert raw_cursors.read_cursor(engine, CONNECTION, "invoices").continue_from == "n3"


def test_a_feed_that_refuses_even_its_beginning_is_not_asked_for_ever(engine: Engine) -> None:
    feeds = Feeds.of([invoice(1)])
    feeds.refused = {None}
    with pytest.raises(FeedTokenRefusedError):
        _take_in(engine, feeds)
    assert feeds.asked == [None]


def test_a_full_intake_starts_over_and_adds_only_what_is_new(engine: Engine) -> None:
    feeds = Feeds.of([invoice(1)], [invoice(2)])
    _take_in(engine, feeds)
    feeds.asked.clear()
    result = _take_in(engine, feeds, full=True)
    assert (feeds.asked[0], result.new_versions, result.unchanged) == (None, 0, 2)


def test_rows_before_a_broken_page_are_kept_with_their_cursor(engine: Engine) -> None:
    feeds = Feeds.of([invoice(1)], [invoice(2)], [invoice(3)])
    last = feeds.pages.pop("t2")
    with pytest.raises(KeyError):
        _take_in(engine, feeds)
    assert _versions(engine) >= 1
    feeds.pages["t2"] = last
    _take_in(engine, feeds)
    assert _versions(engine) == 3


def test_a_crash_while_storing_leaves_the_cursor_before_the_rows(engine: Engine) -> None:
    class CrashError(Exception):
        pass

    def crash(_rows: int) -> None:
        raise CrashError

    feeds = Feeds.of([invoice(1)], [invoice(2)])
    with pytest.raises(CrashError):
        _take_in(engine, feeds, progress=crash)
    assert raw_cursors.read_cursor(engine, CONNECTION, "invoices") == raw_cursors.Cursor("t1", caught_up=False)
    assert _versions(engine) == 1


def test_two_intakes_of_one_feed_at_once_store_every_row_once(engine: Engine) -> None:
    """T12: two intakes at once."""
    pages = [[invoice(10 * page + row) for row in range(10)] for page in range(12)]
    start = threading.Barrier(2)
    results: list[IntakeResult] = []

    def run() -> None:
        start.wait()
        results.append(_take_in(engine, Feeds.of(*pages)))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result.new_versions for result in results) == _versions(engine) == 120
    assert raw_cursors.read_cursor(engine, CONNECTION, "invoices") == raw_cursors.Cursor("t12", caught_up=True)


def test_no_more_than_one_page_is_fetched_ahead(engine: Engine) -> None:
    feeds = Feeds.of(*[[invoice(number)] for number in range(5)])
    ahead: list[int] = []
    _take_in(engine, feeds, progress=lambda rows: ahead.append(len(feeds.asked) - rows))
    assert max(ahead) <= 2


def test_a_list_is_read_whole_and_an_unchanged_one_is_not_written(engine: Engine) -> None:
    feeds = Feeds(lists=[[b'{"id": 1, "name": "Denver"}'], [b'{"id": 2, "name": "Boulder"}']])
    assert _take_in(engine, feeds, TAX_ZONES).new_versions == 2
    before = _written(engine)
    assert _take_in(engine, feeds, TAX_ZONES) == IntakeResult(0, 2, 0, 2, frozenset())
    assert _written(engine) == before
    feeds.lists[1] = [b'{"id": 2, "name": "Aurora"}']
    assert _take_in(engine, feeds, TAX_ZONES).new_versions == 1


def test_records_are_read_back_typed(engine: Engine) -> None:
    rows = [{"id": 5, "name": "Ada", "type": "Residential"}, {"id": 6, "name": {"odd": 1}}]
    _take_in(engine, Feeds.of(rows), FEEDS_BY_NAME["customers"])
    found = latest_records(engine, CONNECTION, RecordKind.CUSTOMER, [5, 6, 7])
    assert list(found) == [5]
    assert isinstance(found[5], CustomerRecord)
    assert found[5].name == "Ada"


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fetch-")]
